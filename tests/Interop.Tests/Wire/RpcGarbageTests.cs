using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Wire;

namespace Interop.Tests.Wire;

/// <summary>Peers that do not keep to the rules, over real sockets: a stranger without a handshake, and a JavaScript peer with valid keys
/// that writes frames of its own into the box stream, or reads nothing.</summary>
[Collection(nameof(Alone))]
public class RpcGarbageTests
{
    private static readonly TimeSpan s_patience = Patience.Guard;

    /// <summary>Frames that a connection survives, and the errors that answer them: number and message.</summary>
    private static readonly Dictionary<string, (byte[] Bytes, (int Number, string Message)[] Answers)> s_survivable = new()
    {
        ["request null"] = (Frame(RpcFrame.Json, 5, "null"), [(-5, "invalid request, args should be array")]),
        ["request 7"] = (Frame(RpcFrame.Json, 5, "7"), [(-5, "invalid request, args should be array")]),
        ["request []"] = (Frame(RpcFrame.Json, 5, "[]"), [(-5, "invalid request, args should be array")]),
        ["request {}"] = (Frame(RpcFrame.Json, 5, "{}"), [(-5, "invalid request, args should be array")]),
        ["request of args {}"] = (Frame(RpcFrame.Json, 5, """{"name":["test","give"],"args":{}}"""), [(-5, "invalid request, args should be array")]),
        ["request of name 1"] = (Frame(RpcFrame.Json, 5, """{"name":1,"args":[]}"""), [(-5, "no async:")]),
        ["request of nested name"] = (Frame(RpcFrame.Json, 5, """{"name":[["test","give"]],"args":[]}"""), [(-5, "no async:")]),
        ["request of dotted part"] = (Frame(RpcFrame.Json, 5, """{"name":["test.give"],"args":[1]}"""), [(-5, "no async:test.give")]),
        ["request of prototype"] = (
            Frame(RpcFrame.Json, 5, """{"name":["__proto__","constructor"],"args":[]}"""),
            [(-5, "no async:__proto__,constructor")]),
        ["request that is deeper than we read"] = (
            Frame(RpcFrame.Json, 5, $$"""{"name":["test","give"],"args":[{{new string('[', 100_000) + new string(']', 100_000)}}]}"""),
            [(-5, "invalid request, args are nested deeper than 64 levels")]),
        ["request as text"] = (Frame(1, 5, """{"name":["test","give"],"args":[1]}"""), [(-5, "invalid request, args should be array")]),
        ["request as bytes"] = (Frame(0, 5, """{"name":["test","give"],"args":[1]}"""), [(-5, "invalid request, args should be array")]),
        ["stream {}"] = (Frame(RpcFrame.Stream | RpcFrame.Json, 5, "{}"), [(-5, "unsupported stream type: undefined")]),
        ["stream of type async"] = (
            Frame(RpcFrame.Stream | RpcFrame.Json, 5, """{"name":["test","give"],"args":[],"type":"async"}"""),
            [(-5, "unsupported stream type: async")]),
        ["stream of type 5"] = (
            Frame(RpcFrame.Stream | RpcFrame.Json, 5, """{"name":["test","count"],"args":[],"type":5}"""),
            [(-5, "unsupported stream type: undefined")]),
        ["stream 7"] = (Frame(RpcFrame.Stream | RpcFrame.Json, 5, "7"), []),
        ["items of no stream"] = (
            [.. Frame(RpcFrame.Stream | RpcFrame.Json, 5, "[1]"), .. Frame(RpcFrame.Stream | 1, 6, "text"),
                .. Frame(RpcFrame.Stream, -5, "bytes"), .. Frame(RpcFrame.Json, -6, "1")], []),
        ["ends of no stream"] = (
            [.. Frame(RpcFrame.Stream | RpcFrame.End | RpcFrame.Json, 5, "true"), .. Frame(RpcFrame.Stream | RpcFrame.End | RpcFrame.Json, -5, "true"),
                .. Frame(RpcFrame.End | RpcFrame.Json, 6, "true"), .. Frame(RpcFrame.End | RpcFrame.Json, -6, """{"message":"no"}""")], []),
        ["messages without a number"] = ([.. Frame(RpcFrame.Json, 0, "1"), .. Frame(RpcFrame.Stream | 1, 0, "text"), .. Frame(RpcFrame.End | RpcFrame.Json, 0, "true")], []),
        ["flags above"] = (Frame(0xF0 | RpcFrame.Json, 0, "1"), []),
        ["the least number"] = (Frame(RpcFrame.Json, int.MinValue, "1"), []),
        ["a number twice"] = (
            [.. Frame(RpcFrame.Json, 5, """{"name":["test","never"],"args":[]}"""), .. Frame(RpcFrame.Json, 5, """{"name":["test","boom"],"args":[]}"""),
                .. Frame(RpcFrame.Stream | RpcFrame.Json, 5, """{"name":["test","broken"],"args":[],"type":"source"}"""), .. Frame(RpcFrame.End | RpcFrame.Json, 5, "true")],
            [(-5, "test.never was cancelled")]),
        ["an end twice"] = (
            [.. Frame(RpcFrame.Stream | RpcFrame.Json, 5, """{"name":["test","broken"],"args":[],"type":"source"}"""),
                .. Frame(RpcFrame.Stream | RpcFrame.End | RpcFrame.Json, 5, "true"), .. Frame(RpcFrame.Stream | RpcFrame.End | RpcFrame.Json, 5, "true"),
                .. Frame(RpcFrame.Stream | RpcFrame.Json, 5, "1"), .. Frame(RpcFrame.Stream | RpcFrame.End | RpcFrame.Json, 5, "7")],
            [(-5, "failed on purpose ☃")]),
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Frames_ThatMeanNothing_AreAnsweredAndTheConnectionGoesOn()
    {
        await using Trio trio = await Trio.StartAsync();
        foreach ((string garbage, (byte[] bytes, (int Number, string Message)[] answers)) in s_survivable)
        {
            RpcConnection rpc = await trio.ConnectByHandAsync();
            await trio.SendAsync([.. bytes, .. Frame(RpcFrame.Json, 99, """{"name":["test","give"],"args":["still here"]}""")]);

            // The answer of a cancelled procedure may come later than the last one.
            JsonElement read = await trio.Peer.DoAsync("read", new { on = "raw", frames = answers.Length + 1 });
            List<(RpcFrame Frame, string Body)> frames = Frames(read.GetProperty("bytes").GetBytesFromBase64());
            Assert.Equal("still here", Assert.Single(frames, f => f.Frame.Request == -99).Body);
            string[] errors =
            [
                .. frames.Where(f => f.Frame.Request != -99)
                    .Select(f => $"{f.Frame.Request} {(f.Frame.IsEnd ? JsonElement.Parse(f.Body).GetProperty("message").GetString() : "no end")}"),
            ];
            Assert.Equal($"{garbage}: {string.Join("; ", answers.Select(a => $"{a.Number} {a.Message}"))}", $"{garbage}: {string.Join("; ", errors)}");

            await trio.SendAsync(new byte[RpcFrame.HeaderSize]); // goodbye
            Assert.Equal(new RpcEnd(RpcEndReason.Goodbye), await Within(rpc.Completion));
            await trio.AssertOthersAreUnaffectedAsync();
        }
    }

    [Fact]
    public async Task Frames_ThatBreakTheRules_CutTheConnectionOff()
    {
        await using Trio trio = await Trio.StartAsync();
        foreach ((byte[] bytes, RpcViolation violation) in ((byte[], RpcViolation)[])
            [
                (Convert.FromHexString("03000000010000000131"), RpcViolation.MalformedFrame), // a type that there is not
                (Convert.FromHexString("0F000000010000000031"), RpcViolation.MalformedFrame),
                (Convert.FromHexString("02FFFFFFFF00000001"), RpcViolation.BodyTooLarge),
                (Convert.FromHexString("0A0080000100000001"), RpcViolation.BodyTooLarge), // one byte over 8 MiB
                ("GET / HTTP/1.1\r\n\r\n"u8.ToArray(), RpcViolation.BodyTooLarge),
                (Frame(RpcFrame.Json, 1, "{"), RpcViolation.MalformedFrame),
                (Frame(RpcFrame.Stream | RpcFrame.Json, 1, "{}}"), RpcViolation.MalformedFrame),
                (Convert.FromHexString("020000000200000001FFFE"), RpcViolation.MalformedFrame), // no UTF-8
            ])
        {
            RpcConnection rpc = await trio.ConnectByHandAsync();
            await trio.SendAsync(bytes);
            RpcEnd end = await Within(rpc.Completion);
            Assert.Equal((RpcEndReason.Violation, violation), (end.Reason, Assert.IsType<RpcProtocolException>(end.Error).Violation));
            await trio.Peer.DoAsync("read", new { on = "raw" }); // it ends for the peer, too
            await trio.AssertOthersAreUnaffectedAsync();
        }
    }

    [Fact]
    public async Task Bytes_BeforeTheHandshake_AreRefusedAndOthersAreUnaffected()
    {
        await using Trio trio = await Trio.StartAsync();
        foreach ((byte[] bytes, HandshakeFailure failure) in ((byte[], HandshakeFailure)[])
            [
                (RandomNumberGenerator.GetBytes(64), HandshakeFailure.WrongNetwork),
                ("GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: nobody\r\nAccept: text/html\r\n\r\n"u8.ToArray(), HandshakeFailure.WrongNetwork),
                (Frame(RpcFrame.Json, 1, """{"name":["manifest"],"args":[]}"""), HandshakeFailure.Closed),
                ([], HandshakeFailure.Closed),
            ])
        {
            using Socket socket = await RpcHost.DialAsync(trio.Host.Port);
            await socket.SendAsync(bytes, Cancellation);
            socket.Shutdown(SocketShutdown.Send);
            Assert.Equal(failure, (await trio.Host.RefuseAsync()).Failure);
        }

        await trio.AssertOthersAreUnaffectedAsync();
    }

    [Fact]
    public async Task Stream_ToAPeerThatDoesNotRead_IsHeldAndEndsTheConnection()
    {
        await using Trio trio = await Trio.StartAsync(sendTimeout: TimeSpan.FromSeconds(2));
        RpcConnection rpc = await trio.ConnectByHandAsync();
        await trio.SendAsync(Frame(RpcFrame.Stream | RpcFrame.Json, 1, """{"name":["test","flood"],"args":[],"type":"source"}"""));
        await AssertNotReadingAsync(trio, rpc);

        // What was made, 64 KiB each, is what the sockets of both sides took and what we hold: 256 KiB, not what a peer could make us hold.
        Assert.InRange(trio.Procedures.Given, 1, 32 * 16);
    }

    [Fact]
    public async Task Calls_OfAPeerThatDoesNotRead_AreHeldAndEndTheConnection()
    {
        await using Trio trio = await Trio.StartAsync(sendTimeout: TimeSpan.FromSeconds(10)); // within which a loaded machine makes 16 MiB
        RpcConnection rpc = await trio.ConnectByHandAsync();
        await trio.SendAsync(
            [.. Enumerable.Range(1, 1_000).SelectMany(i => Frame(RpcFrame.Json, i, """{"name":["test","give"],"args":[{"$fill":1048576}]}"""))]);
        await AssertNotReadingAsync(trio, rpc);

        // 1 MiB each: the sockets' share, and 16 MiB of ours. The other calls were not read.
        Assert.InRange(trio.Procedures.Given, 16, 64);
    }

    private static async Task AssertNotReadingAsync(Trio trio, RpcConnection rpc)
    {
        Task<RpcEnd> ending = Within(rpc.Completion);
        while (!ending.IsCompleted)
            await trio.AssertOthersAreUnaffectedAsync();

        RpcEnd end = await ending;
        Assert.Equal(RpcEndReason.Violation, end.Reason);
        Assert.Equal(RpcViolation.NotReading, Assert.IsType<RpcProtocolException>(end.Error).Violation);
        await trio.AssertOthersAreUnaffectedAsync();
    }

    private static byte[] Frame(int flags, int request, string body)
    {
        byte[] bytes = [.. new byte[RpcFrame.HeaderSize], .. Encoding.UTF8.GetBytes(body)];
        new RpcFrame((byte)flags, (uint)(bytes.Length - RpcFrame.HeaderSize), request).Write(bytes);
        return bytes;
    }

    private static List<(RpcFrame Frame, string Body)> Frames(ReadOnlySpan<byte> bytes)
    {
        var frames = new List<(RpcFrame Frame, string Body)>();
        while (!bytes.IsEmpty)
        {
            RpcFrame frame = RpcFrame.Read(bytes);
            frames.Add((frame, Encoding.UTF8.GetString(bytes.Slice(RpcFrame.HeaderSize, (int)frame.Length))));
            bytes = bytes[(RpcFrame.HeaderSize + (int)frame.Length)..];
        }

        return frames;
    }

    private static Task<T> Within<T>(Task<T> task) => task.WaitAsync(s_patience, TimeProvider.System, Cancellation);

    /// <summary>A JavaScript peer with two connections to our api: one of ssb-client, and one of frames by hand.</summary>
    private sealed class Trio(RpcHost host, RpcPeer peer, RpcProcedures procedures) : IAsyncDisposable
    {
        public RpcHost Host => host;

        public RpcPeer Peer => peer;

        public RpcProcedures Procedures => procedures;

        public static async Task<Trio> StartAsync(TimeSpan? sendTimeout = null)
        {
            var procedures = new RpcProcedures();
            // A peer of frames by hand never closes: it is not waited for.
            var options = new RpcOptions { Api = procedures.Api, Permissions = RpcPermissions.All, CloseTimeout = TimeSpan.FromMilliseconds(100) };
            var host = new RpcHost(options with { SendTimeout = sendTimeout ?? options.SendTimeout });
            RpcPeer peer = await RpcPeer.StartAsync(3);
            await peer.DoAsync("client", new { @as = "other", address = host.Address });
            await host.AcceptAsync();
            return new Trio(host, peer, procedures);
        }

        /// <summary>Our end of a new connection of frames by hand.</summary>
        public async Task<RpcConnection> ConnectByHandAsync()
        {
            await peer.DoAsync("raw", new { @as = "raw", address = host.Address });
            return await host.AcceptAsync();
        }

        public async Task SendAsync(byte[] bytes) => await peer.DoAsync("send", new { on = "raw", bytes });

        public async Task AssertOthersAreUnaffectedAsync()
        {
            JsonElement answer = await peer.DoAsync("call", new { on = "other", name = "test.order", args = (int[])[1] });
            Assert.Equal("1", answer.GetProperty("value").GetRawText());
        }

        public async ValueTask DisposeAsync()
        {
            await Disposal.AllAsync([host, peer]);
        }
    }
}
