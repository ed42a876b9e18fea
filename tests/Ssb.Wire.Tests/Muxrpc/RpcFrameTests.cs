using System.Text;

namespace Ssb.Wire.Tests.Muxrpc;

/// <summary>Frames byte for byte, and what comes of odd ones. The expected bytes are those of packet-stream-codec 1.2.0.</summary>
public class RpcFrameTests
{
    private static readonly RpcOptions s_options = new()
    {
        Api = new RpcApi()
            .Sync("whoami", _ => "me")
            .Sync("args", call => RpcValue.Json(call.Arguments))
            .Source("two", (_, _) => RpcStreamTests.CountTo(2))
            .Duplex("echo", async (_, stream, token) =>
            {
                await foreach (RpcValue value in stream.ReadAllAsync(token))
                    await stream.WriteAsync(value, token);
            }),
        Permissions = RpcPermissions.All,
        CloseTimeout = TimeSpan.FromSeconds(1),
    };

    [Fact]
    public async Task Call_OnTheWire_IsWhatJavaScriptSends()
    {
        await using var peer = new RpcRawPeer(s_options);
        Task<RpcValue> call = peer.Connection.CallAsync("conn.stage", ["net:x", true]);
        Assert.Equal((2, 1, """{"name":["conn","stage"],"args":["net:x",true]}"""), await peer.ReceiveAsync());
        await peer.SendAsync(1, -1, "done");
        Assert.Equal("done", (await call.Guarded()).AsText());
    }

    [Fact]
    public async Task Source_OnTheWire_IsWhatJavaScriptSends()
    {
        await using var peer = new RpcRawPeer(s_options);
        RpcSource source = peer.Connection.Source("messages", [5]);
        Assert.Equal((8 | 2, 1, """{"name":["messages"],"args":[5],"type":"source"}"""), await peer.ReceiveAsync());
        await peer.SendAsync(8 | 2, -1, "7");
        await peer.SendAsync(8 | 4 | 2, -1, "true");
        Assert.Equal([7], await RpcStreamTests.NumbersOf(source).Guarded());
        Assert.Equal((8 | 4 | 2, 1, "true"), await peer.ReceiveAsync()); // our end, in answer to the peer's
    }

    [Fact]
    public async Task Source_ThatNobodyReads_IsEndedAllTheSameWhenThePeerEndsIt()
    {
        await using var peer = new RpcRawPeer(s_options);
        RpcSource source = peer.Connection.Source("messages");
        await peer.ReceiveAsync();
        await peer.SendAsync(8 | 4 | 2, -1, "true");
        Assert.Equal((8 | 4 | 2, 1, "true"), await peer.ReceiveAsync());
        await source.DisposeAsync();
    }

    [Fact]
    public async Task Served_OnTheWire_IsWhatJavaScriptSends()
    {
        await using var peer = new RpcRawPeer(s_options);
        await peer.SendAsync(2, 5, """{"name":["whoami"],"args":[]}""");
        Assert.Equal((1, -5, "me"), await peer.ReceiveAsync());
        await peer.SendAsync(2, 6, """{"name":["nope"],"args":[]}""");
        Assert.Equal((4 | 2, -6, """{"message":"no async:nope","name":"Error","stack":"Error: no async:nope"}"""), await peer.ReceiveAsync());
        await peer.SendAsync(8 | 2, 7, """{"name":["two"],"args":[],"type":"source"}""");
        Assert.Equal((8 | 2, -7, "0"), await peer.ReceiveAsync());
        Assert.Equal((8 | 2, -7, "1"), await peer.ReceiveAsync());
        Assert.Equal((8 | 4 | 2, -7, "true"), await peer.ReceiveAsync());
    }

    [Theory]
    [InlineData("""{"name":"whoami","args":[]}""", "me")] // a name that is no list, as of old
    [InlineData("""{"args":[],"extra":{"a":[1]},"name":["whoami"]}""", "me")]
    [InlineData(""" { "name" : [ "whoami" ] , "args" : [ ] } """, "me")]
    [InlineData("""{"name":["\u0077hoami"],"args":[]}""", "me")]
    [InlineData("""{"name":["args"],"args":[{"x":[1,"]"]}]}""", """[{"x":[1,"]"]}]""")]
    [InlineData("""{"name":["whoami"],"args":{}}""", "invalid request, args should be array")]
    [InlineData("""{"name":["whoami"],"args":"x"}""", "invalid request, args should be array")]
    [InlineData("""{"name":["whoami"]}""", "invalid request, args should be array")]
    [InlineData("""{"name":["whoami"],"args":null}""", "me")] // as for streams
    [InlineData("""{"name":["args"],"args":null}""", "[]")]
    [InlineData("""["whoami"]""", "invalid request, args should be array")]
    [InlineData("""true""", "invalid request, args should be array")]
    [InlineData("""{"name":[],"args":[]}""", "no async:")]
    [InlineData("""{"name":[1,"a"],"args":[]}""", "no async:a")]
    [InlineData("""{"name":[["whoami"]],"args":[]}""", "no async:")]
    [InlineData("""{"name":{"a":1},"args":[]}""", "no async:")]
    [InlineData("""{"args":[]}""", "no async:")]
    [InlineData("""{"name":["__proto__"],"args":[]}""", "no async:__proto__")]
    [InlineData("""{"name":["\ud800"],"args":[]}""", "no async:")]
    public async Task Request_OfAnyShape_IsAnswered(string request, string answer)
    {
        await using var peer = new RpcRawPeer(s_options);
        await peer.SendAsync(2, 1, request);
        (int flags, int number, string body) = await peer.ReceiveAsync();
        Assert.Equal(-1, number);
        Assert.Contains(answer, body, StringComparison.Ordinal);
        await peer.SendAsync(2, 2, """{"name":["whoami"],"args":[]}""");
        Assert.Equal((1, -2, "me"), await peer.ReceiveAsync());
    }

    [Theory]
    [InlineData("[]"), InlineData("null"), InlineData(null)]
    public async Task Stream_ArgumentsOfAnyShape_IsOpened(string? arguments)
    {
        await using var peer = new RpcRawPeer(s_options);
        await peer.SendAsync(8 | 2, 7, $$"""{"name":["two"],{{(arguments is null ? "" : $"\"args\":{arguments},")}}"type":"source"}""");
        Assert.Equal((8 | 2, -7, "0"), await peer.ReceiveAsync());
    }

    [Theory] // what a peer may send where a call fails: as JavaScript, as a text, and as Rust peers, which send the object as a text
    [InlineData(2, """{"name":"TypeError","message":"no such blob","stack":"s"}""", "no such blob", "TypeError")]
    [InlineData(1, """{"name":"Error","message":"no such blob","stack":""}""", "no such blob", "Error")]
    [InlineData(2, """ "{\"name\":\"Error\",\"message\":\"no such blob\"}" """, "no such blob", "Error")]
    [InlineData(2, """ " {\"message\":\"no such blob\"}" """, "no such blob", null)]
    [InlineData(1, "no such blob", "no such blob", null)]
    [InlineData(1, """{"name":"Error"}""", """{"name":"Error"}""", null)] // a text that says nothing else
    [InlineData(1, """{"message":7}""", """{"message":7}""", null)]
    [InlineData(1, """{"message":"x" """, """{"message":"x" """, null)]
    [InlineData(1, """["message"]""", """["message"]""", null)]
    public async Task Error_OfAnyShape_IsShownAsItsMessage(int flags, string body, string message, string? name)
    {
        await using var peer = new RpcRawPeer(s_options);
        Task<RpcValue> call = peer.Connection.CallAsync("blobs.get");
        Assert.Equal(1, (await peer.ReceiveAsync()).Request);
        await peer.SendAsync(4 | flags, -1, body);
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => call.Guarded());
        Assert.Equal((message, message, name), (e.Message, e.RemoteMessage, e.RemoteName));
    }

    [Theory]
    [InlineData(2, "not json")]
    [InlineData(2, "{\"name\":[\"whoami\"],\"args\":[]}x")]
    [InlineData(2, "{\"name\":[\"whoami\"],\"args\":[}")]
    [InlineData(8 | 2, "[1,2")]
    [InlineData(2, "")]
    [InlineData(3, "x")]
    public async Task Request_ThatIsNoJson_EndsTheConnection(int flags, string body)
    {
        await using var peer = new RpcRawPeer(s_options);
        await peer.SendAsync(flags, 1, body);
        RpcEnd end = await peer.Connection.Completion.Guarded();
        Assert.Equal(RpcEndReason.Violation, end.Reason);
        Assert.Equal(RpcViolation.MalformedFrame, Assert.IsType<RpcProtocolException>(end.Error).Violation);
    }

    [Fact]
    public async Task StrayFrames_ForWhatIsNotOpen_ChangeNothing()
    {
        await using var peer = new RpcRawPeer(s_options);
        await peer.SendAsync(2, -77, "1"); // an answer to nothing
        await peer.SendAsync(8 | 4 | 2, -77, "true");
        await peer.SendAsync(8 | 4 | 2, 99, "true"); // the end of nothing
        await peer.SendAsync(8, 99, "item"); // an item of nothing
        await peer.SendAsync(2, int.MinValue, "1");
        await peer.SendAsync(2, 0, "1"); // a message
        await peer.SendAsync(2, 1, """{"name":["whoami"],"args":[]}""");
        Assert.Equal((1, -1, "me"), await peer.ReceiveAsync());
    }

    [Fact]
    public async Task StreamWithoutAType_GetsTheErrorOfMuxrpc()
    {
        await using var peer = new RpcRawPeer(s_options);
        await peer.SendAsync(8 | 2, 1, """{"name":["two"],"args":[]}""");
        Assert.Contains("\"unsupported stream type: undefined\"", (await peer.ReceiveAsync()).Body, StringComparison.Ordinal);
        await peer.SendAsync(8 | 2, 2, """{"name":["two"],"args":[],"type":"async"}""");
        Assert.Contains("\"unsupported stream type: async\"", (await peer.ReceiveAsync()).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RefusedStream_ItemsOnTheirWay_AreNotTakenForRequests()
    {
        await using var peer = new RpcRawPeer(s_options);
        await peer.SendAsync(8 | 2, 1, """{"name":["nope"],"args":[],"type":"sink"}""");
        await peer.SendAsync(8 | 2, 1, """{"name":["two"],"args":[],"type":"source"}"""); // an item that looks like a request
        await peer.SendAsync(8 | 4 | 2, 1, "true");
        await peer.SendAsync(2, 2, """{"name":["whoami"],"args":[]}""");
        Assert.Equal(-1, (await peer.ReceiveAsync()).Request);
        Assert.Equal((1, -2, "me"), await peer.ReceiveAsync());
    }

    [Theory]
    [InlineData("true", "The peer ended the call without an answer.", null)]
    [InlineData("""{"message":"m","name":"TypeError","stack":"s"}""", "m", "TypeError")]
    [InlineData("""{"message":5}""", "The peer sent an error without a message.", null)]
    [InlineData("""{}""", "The peer sent an error without a message.", null)]
    [InlineData("\"text\"", "text", null)]
    [InlineData("[1]", "The peer sent an error without a message.", null)]
    [InlineData("not json", "The peer sent an error that cannot be read.", null)]
    public async Task Error_OfAnyShape_IsRead(string body, string message, string? name)
    {
        await using var peer = new RpcRawPeer(s_options);
        Task<RpcValue> call = peer.Connection.CallAsync("a");
        await peer.SendAsync(4 | 2, -1, body);
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => call.Guarded());
        Assert.Equal((RpcError.Remote, message, name), (e.Error, e.Message, e.RemoteName));
    }

    [Theory]
    [InlineData("{\"message\":\"a\\u001b[2J\\r\\nfail: b\\u202ec\"}", "a?[2J??fail: b?c", "a\u001b[2J\r\nfail: b\u202ec")]
    [InlineData("\"a\\u0085\\u200bb\"", "a??b", "a\u0085\u200bb")]
    [InlineData("{\"message\":\"method:conn,stage is not in list of allowed methods\"}", "method:conn,stage is not in list of allowed methods", "method:conn,stage is not in list of allowed methods")]
    [InlineData("{}", "The peer sent an error without a message.", null)]
    public async Task Error_StrangersText_IsShownSafelyAndKeptWhole(string body, string message, string? remote)
    {
        await using var peer = new RpcRawPeer(s_options);
        Task<RpcValue> call = peer.Connection.CallAsync("a");
        await peer.SendAsync(4 | 2, -1, body);
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => call.Guarded());
        Assert.Equal((message, remote), (e.Message, e.RemoteMessage));
        Assert.DoesNotContain('\u001b', e.ToString());
    }

    [Fact]
    public async Task Error_Enormous_IsCut()
    {
        await using var peer = new RpcRawPeer(s_options);
        Task<RpcValue> call = peer.Connection.CallAsync("a");
        await peer.SendAsync(4 | 2, -1, $$"""{"message":"{{new string('x', 1_000_000)}}"}""");
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => call.Guarded());
        Assert.InRange(e.Message.Length, 4_000, 4_200);
    }

    [Fact]
    public async Task Answer_ThatIsNoJson_IsTheReadersError()
    {
        await using var peer = new RpcRawPeer(s_options);
        Task<RpcValue> call = peer.Connection.CallAsync("a");
        await peer.SendAsync(2, -1, "{nonsense");
        RpcValue value = await call.Guarded();
        Assert.Throws<FormatException>(() => value.AsJson());
        Assert.Throws<FormatException>(() => value.As(TestJson.Default.Point));
    }

    [Fact]
    public async Task Frames_SplitToSingleBytes_AreTheSame()
    {
        await using var peer = new RpcRawPeer(s_options);
        foreach (byte b in RpcRawPeer.Frame(2, 1, """{"name":["args"],"args":[1,"é"]}"""u8))
            await peer.Stream.WriteAsync(new[] { b });
        Assert.Equal((2, -1, "[1,\"é\"]"), await peer.ReceiveAsync());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(65_536)]
    [InlineData(1_000_003)]
    [InlineData(8 * 1024 * 1024)]
    public async Task Bodies_OfEverySizeAllowed_Arrive(int size)
    {
        await using var peer = new RpcRawPeer(s_options);
        byte[] body = [.. Enumerable.Range(0, size).Select(i => (byte)(i * 31))];
        await peer.SendAsync(8 | 2, 1, """{"name":["echo"],"args":[],"type":"duplex"}""");
        await peer.SendAsync(8, 1, body);
        byte[] back = new byte[RpcFrame.HeaderSize + size];
        await peer.Stream.ReadExactlyAsync(back).Guarded();
        Assert.Equal(RpcRawPeer.Frame(8, -1, body), back);
    }

    [Fact]
    public void Values_OfEachKind_ReadAsWhatTheyAre()
    {
        Assert.Equal("null", Encoding.ASCII.GetString(default(RpcValue).Bytes.Span));
        Assert.Equal("x", RpcValue.Text("x").AsJson().GetString());
        Assert.Equal("x", RpcValue.RawJson("\"x\""u8.ToArray()).AsText());
        Assert.Equal(RpcValueKind.Text, RpcValue.Json(System.Text.Json.JsonElement.Parse("\"x\"")).Kind);
        Assert.Throws<FormatException>(() => RpcValue.True.AsText());
        Assert.Throws<FormatException>(() => RpcValue.Binary(new byte[1]).AsJson());
        Assert.Throws<FormatException>(() => RpcValue.Binary(new byte[1]).As(TestJson.Default.Point));
        Assert.Throws<ArgumentException>(() => RpcValue.Binary(default));
        Assert.Throws<ArgumentException>(() => RpcValue.Json(default));
        Assert.Equal("Text, 6 bytes", RpcValue.Text("secret").ToString());
    }

    [Fact]
    public void Event_ProcedureNamedByAStranger_IsShownAsText() =>
        Assert.Equal("Failed: a?[2J?b (System.IO.IOException)", new RpcEvent(RpcEventKind.Failed, "a\e[2J\nb", new IOException("c\e[2J")).ToString());
}
