using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Wire;

namespace Interop.Tests.Wire;

/// <summary>Handshakes and box streams with npm secret-handshake 1.1.21 over TCP on this machine, in both roles.</summary>
public sealed class ShsInteropTests : IAsyncDisposable
{
    private const int OurSeed = 1;
    private const int TheirSeed = 2;
    private const int OtherSeed = 3;

    /// <summary>Only a guard.</summary>
    private static readonly TimeSpan s_patience = Patience.Guard;

    private readonly KeyPair _ours = KeyPair.FromSeed(Seed(OurSeed));
    private readonly FeedId _theirs = IdOf(TheirSeed);
    private readonly FeedId _other = IdOf(OtherSeed);
    private readonly NetworkKey _network = NetworkKey.Generate();
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private PeerProcess? _peer;

    /// <summary>Who of the two dialled.</summary>
    public enum Dialler
    {
        We,
        They,
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private HandshakeOptions Options => new() { Network = _network, Deadline = s_patience };

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        _ours.Dispose();
        if (_peer is not null)
            await _peer.DisposeAsync();
    }

    [Theory]
    [InlineData(Dialler.We, true)]
    [InlineData(Dialler.We, false)]
    [InlineData(Dialler.They, true)]
    [InlineData(Dialler.They, false)]
    public async Task Handshake_ThenDataBothWays_EndsWithGoodbyeFromEachSide(Dialler dialler, bool weEndFirst)
    {
        PeerProcess peer = await StartAsync();
        await using BoxStream box = await (dialler == Dialler.We ? ConnectAsync(_theirs) : AcceptAsync(_theirs)).WaitAsync(s_patience, Cancellation);
        Assert.Equal(_theirs, box.Remote);
        Assert.Equal(_ours.Id.ToBase64(), await FindAsync(peer, "remote"));

        var random = new Random((int)dialler + (weEndFirst ? 2 : 0));
        byte[] there = Bytes(random, 300_000), back = Bytes(random, 200_000);
        if (weEndFirst)
        {
            await SendAsync(box, there, random);
            await AssertReceivedAsync(peer, there);
            await TheySendAsync(peer, back, random);
            Assert.Equal(back, await ReceiveAsync(box));
        }
        else
        {
            await TheySendAsync(peer, back, random);
            Assert.Equal(back, await ReceiveAsync(box));
            await SendAsync(box, there, random);
            await AssertReceivedAsync(peer, there);
        }
    }

    [Theory]
    [InlineData(Dialler.We)]
    [InlineData(Dialler.They)]
    public async Task DisposeWithoutGoodbye_TheySeeAHangup(Dialler dialler)
    {
        PeerProcess peer = await StartAsync();
        BoxStream box = await (dialler == Dialler.We ? ConnectAsync(_theirs) : AcceptAsync(_theirs)).WaitAsync(s_patience, Cancellation);
        await box.WriteAsync(new byte[10], Cancellation);
        await box.DisposeAsync();
        JsonElement received = await peer.FindAsync(line => line.TryGetProperty("received", out _));
        Assert.StartsWith("stream ended", received.GetProperty("end").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WeDial_AnotherNetwork_BothFail()
    {
        PeerProcess peer = await StartAsync();
        Task<BoxStream> connecting = ConnectAsync(_theirs, theirNetwork: NetworkKey.Generate());
        Assert.Equal(HandshakeFailure.Closed, await FailureAsync(connecting));
        Assert.Contains("phase 1", await FindAsync(peer, "failed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheyDial_AnotherNetwork_BothFail()
    {
        PeerProcess peer = await StartAsync();
        Task<BoxStream> accepting = AcceptAsync(_theirs, theirNetwork: NetworkKey.Generate());
        Assert.Equal(HandshakeFailure.WrongNetwork, await FailureAsync(accepting));
        Assert.Contains("phase 1", await FindAsync(peer, "failed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WeDial_AnotherKey_BothFail()
    {
        PeerProcess peer = await StartAsync();
        Assert.Equal(HandshakeFailure.Refused, await FailureAsync(ConnectAsync(_other)));
        Assert.Contains("dailed a wrong number", await FindAsync(peer, "failed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheyDial_AnotherKey_BothFail()
    {
        PeerProcess peer = await StartAsync();
        Assert.Equal(HandshakeFailure.WrongKey, await FailureAsync(AcceptAsync(_theirs, theyDial: _other)));
        Assert.Contains("phase 3", await FindAsync(peer, "failed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WeDial_AndAreNotAuthorized_BothFail()
    {
        PeerProcess peer = await StartAsync();
        Assert.Equal(HandshakeFailure.Refused, await FailureAsync(ConnectAsync(_theirs, authorize: false)));
        Assert.Contains("did not authorize", await FindAsync(peer, "failed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheyDial_AndAreNotAuthorized_BothFail()
    {
        PeerProcess peer = await StartAsync();
        Assert.Equal(HandshakeFailure.Refused, await FailureAsync(AcceptAsync(_theirs, authorize: false)));
        Assert.Contains("phase 3", await FindAsync(peer, "failed"), StringComparison.Ordinal);
    }

    private static byte[] Seed(int seed) => [.. Enumerable.Repeat((byte)seed, KeyPair.SeedSize)];

    private static FeedId IdOf(int seed)
    {
        using KeyPair keys = KeyPair.FromSeed(Seed(seed));
        return keys.Id;
    }

    private static byte[] Bytes(Random random, int length)
    {
        byte[] bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    private static async Task SendAsync(BoxStream box, byte[] bytes, Random random)
    {
        foreach (byte[] chunk in Chunks(bytes, random))
            await box.WriteAsync(chunk, Cancellation);
        await box.ShutdownAsync(Cancellation);
    }

    private static async Task TheySendAsync(PeerProcess peer, byte[] bytes, Random random)
    {
        foreach (byte[] chunk in Chunks(bytes, random))
            await peer.AskAsync(new { @do = "send", bytes = chunk }, "sent");
        await peer.AskAsync(new { @do = "end" }, "ending");
    }

    private static IEnumerable<byte[]> Chunks(byte[] bytes, Random random)
    {
        for (int at = 0; at < bytes.Length;)
        {
            int length = Math.Min(random.Next(1, 30_000), bytes.Length - at);
            yield return bytes[at..(at + length)];
            at += length;
        }
    }

    private static async Task<byte[]> ReceiveAsync(BoxStream box)
    {
        using var all = new MemoryStream();
        await box.CopyToAsync(all, Cancellation).WaitAsync(s_patience, Cancellation);
        return all.ToArray();
    }

    private static async Task AssertReceivedAsync(PeerProcess peer, byte[] bytes)
    {
        JsonElement received = await peer.FindAsync(line => line.TryGetProperty("received", out _));
        Assert.Equal(JsonValueKind.Null, received.GetProperty("end").ValueKind);
        Assert.Equal(bytes, received.GetProperty("received").GetBytesFromBase64());
    }

    private static async Task<string> FindAsync(PeerProcess peer, string property) =>
        (await peer.FindAsync(line => line.TryGetProperty(property, out _))).GetProperty(property).GetString()!; // the line that was asked for

    private static async Task<HandshakeFailure> FailureAsync(Task<BoxStream> handshake) =>
        (await Assert.ThrowsAsync<HandshakeException>(() => handshake.WaitAsync(s_patience, Cancellation))).Failure;

    private async Task<PeerProcess> StartAsync()
    {
        string modules = await NodeModules.GetAsync();
        return _peer = new PeerProcess(LineProcess.Start(["node", "shs.js"], NodeModules.Scripts, ("NODE_PATH", modules)), Cancellation);
    }

    private async Task<BoxStream> ConnectAsync(FeedId server, NetworkKey? theirNetwork = null, bool authorize = true)
    {
        JsonElement port = await _peer!.AskAsync( // started by every test
            new { @do = "listen", seed = TheirSeed, network = (theirNetwork ?? _network).ToBase64(), authorize }, "listening");
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port.GetInt32(), Cancellation);
        return await SecretHandshake.ConnectAsync(client.GetStream(), _ours, server, Options, Cancellation);
    }

    private async Task<BoxStream> AcceptAsync(FeedId client, NetworkKey? theirNetwork = null, FeedId? theyDial = null, bool authorize = true)
    {
        _listener.Start();
        int port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        string network = (theirNetwork ?? _network).ToBase64(), server = (theyDial ?? _ours.Id).ToBase64();
        await _peer!.AskAsync(new { @do = "connect", seed = TheirSeed, network, server, port }, "connecting"); // started by every test
        TcpClient accepted = await _listener.AcceptTcpClientAsync(Cancellation);
        return await SecretHandshake.AcceptAsync(
            accepted.GetStream(), _ours, (id, _) => new ValueTask<bool>(authorize && id == client), Options, Cancellation);
    }
}
