using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Hostile;

/// <summary>One peer with an honest one connected and its owner at work, attacked from another address of this machine. The attacks in full, with figures:
/// bench/soak, command <c>hostile</c>.</summary>
[Collection(nameof(Alone))]
public sealed class AttackTests : IAsyncDisposable
{
    private const byte Json = 2, StreamFlag = 8;

    private static readonly TimeSpan s_guard = Patience.Guard;
    private static readonly byte[] s_upgrade =
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"u8.ToArray();
    private static readonly byte[] s_manifest = """{"name":["manifest"],"type":"async","args":[]}"""u8.ToArray();
    private static readonly byte[] s_ping = """{"name":["conn","ping"],"type":"duplex","args":[{"timeout":300000}]}"""u8.ToArray();
    private static readonly byte[] s_forbidden = """{"name":["conn","stop"],"type":"sync","args":[]}"""u8.ToArray();

    private readonly KeyPair _own = KeyPair.Generate(), _attacker = KeyPair.Generate();
    private readonly List<KeyPair> _keys = [];
    private readonly List<IAsyncDisposable> _open = [];
    private readonly CancellationTokenSource _over = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("half-open"), InlineData("slow"), InlineData("garbage"), InlineData("another network"), InlineData("oversized"), InlineData("streams"), InlineData("deaf"),
     InlineData("calls"), InlineData("forbidden"), InlineData("pongs"), InlineData("goodbye")]
    public async Task UnderAttack_HonestStay_OwnerIsAnswered_NewcomerGetsIn_AndNothingIsLeft(string attack)
    {
        SsbPeer peer = await Start();
        PeerConnection honest = await Open(KeyPair.Generate()).ConnectAsync(peer.Addresses[0], Token).WaitAsync(s_guard, Token);
        RpcConnection owner = (await Open(_own).ConnectAsync(peer.Addresses[0], Token).WaitAsync(s_guard, Token)).Rpc;
        int others = attack switch { "half-open" or "slow" => 100, "pongs" or "goodbye" => 32, _ => 4 };
        MultiserverAddress target = peer.Addresses[attack == "pongs" ? 1 : 0];
        var begun = new CountdownEvent(others);
        Task[] attacking = [.. Enumerable.Range(0, others).Select(_ => Task.Run(() => Attack(attack, target, begun), Token))];
        Assert.True(await Task.Run(() => begun.Wait(s_guard), Token));

        for (int i = 0; i < 10; i++)
        {
            Assert.Equal("false", (await owner.CallAsync("conn.isRunning", cancellationToken: Token).WaitAsync(s_guard, Token)).AsJson().GetRawText());
            await honest.Rpc.GetManifestAsync(Token).WaitAsync(s_guard, Token);
        }

        PeerConnection newcomer = await Open(KeyPair.Generate()).ConnectAsync(peer.Addresses[0], Token).WaitAsync(s_guard, Token);
        await newcomer.Rpc.GetManifestAsync(Token).WaitAsync(s_guard, Token);
        await _over.CancelAsync();
        await Task.WhenAll(attacking).WaitAsync(s_guard, Token);
        Assert.False(honest.Closed.IsCompleted);
        Assert.False(newcomer.Closed.IsCompleted);
        Patience.Until(() => peer.Network.Counters is { Callers: 2, Handshakes: 0 } && peer.Network.Connections.Count == 3);
    }

    [Fact]
    public async Task Replay_OfAnHonestPeersBytes_IsNotLetIn()
    {
        SsbPeer peer = await Start();
        using Socket first = await Dial(peer.Addresses[0]);
        var recording = new Recording(first);
        BoxStream stream = await SecretHandshake.ConnectAsync(recording, _attacker, peer.Id, cancellationToken: Token).WaitAsync(s_guard, Token);
        await stream.WriteAsync(Frame(Json, 1, s_manifest), Token);
        Assert.True(await stream.ReadAsync(new byte[100], Token) > 0);
        first.Dispose();

        using Socket second = await Dial(peer.Addresses[0]);
        await second.SendAsync(recording.Written.ToArray(), Token);
        byte[] answer = new byte[1024];
        int answered = 0;
        try
        {
            while (await second.ReceiveAsync(answer.AsMemory(), Token).AsTask().WaitAsync(s_guard, Token) is var count and > 0)
                answered += count;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // It hung up with some of what was sent unread.
        }

        Assert.InRange(answered, 0, 64); // its hello at most, which says nothing
        Patience.Until(() => peer.Network.Counters is { FailedHandshakes: 1, Accepted: 1, Callers: 0 });
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await Disposal.AllAsync(_open);
        foreach (KeyPair keys in (KeyPair[])[_own, _attacker, .. _keys])
            keys.Dispose();
        _over.Dispose();
    }

    // Again and again, whatever becomes of it.
    private async Task Attack(string attack, MultiserverAddress target, CountdownEvent begun)
    {
        bool isFirst = true;
        while (!_over.IsCancellationRequested)
        {
            try
            {
                using Socket socket = await Dial(target);
                await AttackOnce(attack, socket, target.FeedId!.Value, () => // it has one
                {
                    if (isFirst)
                        begun.Signal();
                    isFirst = false;
                });
            }
            catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
            {
                if (isFirst)
                    begun.Signal(); // refused is an attempt, too
                isFirst = false;
            }
        }
    }

    private async Task AttackOnce(string attack, Socket socket, FeedId server, Action begun)
    {
        switch (attack)
        {
            case "half-open":
                begun();
                await socket.ReceiveAsync(new byte[1], _over.Token);
                return;
            case "slow":
                for (int i = 0; i < 64; i++)
                {
                    await socket.SendAsync(new byte[1], _over.Token);
                    begun();
                    await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, _over.Token);
                }

                return;
            case "garbage":
                byte[] garbage = new byte[Random.Shared.Next(64, 5_000)];
                Random.Shared.NextBytes(garbage);
                await socket.SendAsync(garbage, _over.Token);
                begun();
                await socket.ReceiveAsync(new byte[1], _over.Token);
                return;
            case "pongs": // of a WebSocket, which nobody asked for
                await socket.SendAsync(s_upgrade, _over.Token);
                byte[] pongs = [.. Enumerable.Repeat((byte[])[0x8A, 0x80, 0, 0, 0, 0], 10_000).SelectMany(pong => pong)];
                if (await socket.ReceiveAsync(new byte[1_000], _over.Token) == 0)
                    throw new IOException("It hung up.");
                begun();
                while (true)
                    await socket.SendAsync(pongs, _over.Token);
        }

        HandshakeOptions options = attack == "another network" ? new HandshakeOptions { Network = NetworkKey.Generate() } : new HandshakeOptions();
        begun();
        await using BoxStream stream = await SecretHandshake.ConnectAsync(new NetworkStream(socket), _attacker, server, options, _over.Token);
        Task reading = attack == "deaf" ? Task.CompletedTask : stream.CopyToAsync(Stream.Null, _over.Token);
        byte[] frames = attack switch
        {
            "oversized" => Oversized(),
            "streams" => Many(StreamFlag | Json, s_ping),
            "forbidden" => Many(Json, s_forbidden),
            _ => Many(Json, s_manifest),
        };
        try
        {
            if (attack == "goodbye")
                await stream.WriteAsync(Frame(0, 0, []), _over.Token);
            while (true)
                await stream.WriteAsync(frames, _over.Token);
        }
        finally
        {
            socket.Dispose();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static byte[] Many(byte flags, byte[] body) => [.. Enumerable.Range(1, 1_000).SelectMany(i => Frame(flags, i, body))];

    private static byte[] Oversized()
    {
        byte[] frame = Frame(Json, 1, s_manifest);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), (1024 * 1024) + 1);
        return frame;
    }

    private static byte[] Frame(byte flags, int request, byte[] body)
    {
        byte[] frame = new byte[9 + body.Length];
        frame[0] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), body.Length);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), request);
        body.CopyTo(frame, 9);
        return frame;
    }

    private static async Task<Socket> Dial(MultiserverAddress target)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0) };
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.66"), 0));
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, target.Routes[0].Port!.Value), Token); // a net route has one
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task<SsbPeer> Start()
    {
        SsbPeer peer = await SsbPeer.StartAsync(Unhurried.Peer with { Keys = _own, Listen = ["net:127.0.0.1:0~shs", "ws:127.0.0.1:0~shs"], Conn = Unhurried.Conn with { Autostart = false } }, Token);
        _open.Insert(0, peer);
        return peer;
    }

    private PeerNetwork Open(KeyPair keys)
    {
        if (keys != _own)
            _keys.Add(keys);
        PeerNetwork network = PeerNetwork.Open(Unhurried.Network(keys) with { Api = GossipPing.AddTo(new RpcApi()) });
        _open.Insert(0, network);
        return network;
    }

    private sealed class Recording(Socket socket) : NetworkStream(socket)
    {
        public MemoryStream Written { get; } = new();

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Written.Write(buffer.Span);
            return base.WriteAsync(buffer, cancellationToken);
        }
    }
}
