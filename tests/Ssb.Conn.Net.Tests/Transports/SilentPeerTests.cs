using System.Net;
using System.Net.Sockets;
using Ssb.Conn.Net.Tests.Rooms;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>The other side is gone without a word: no packet says so.</summary>
public sealed class SilentPeerTests : RoomPeers
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task Tunnel_FarPeerIsGoneBehindALiveRoom_EndsAsSilent()
    {
        KeyPair bob = NewKeys();
        Frozen? far = null;
        PeerNetwork room = OpenServer(new RpcApi().Duplex("tunnel.connect", async (_, duplex, _) =>
        {
            far = new Frozen(new TunnelStream(duplex));
            await ServeAsync(far, bob);
        }));
        SsbPeer alice = await StartSensitive();
        await Connect(alice, room.Addresses[0]);
        MultiserverAddress tunnel = Tunnel(KeyOf(room.Addresses[0]), bob.Id);
        PeerConnection connection = await Connect(alice, tunnel);
        Until(() => connection.Ping is not null); // it is one that answers
        far!.Freeze(); // it was made, or there were no answer
        await connection.Closed.WaitAsync(Guard, Token);
        Assert.Equal(ConnReason.Silent, connection.EndReason);
        Until(() => alice.Conn.Why(PeerTarget.From(bob.Id)).History.Any(n => n is { What: "disconnected", Reason: ConnReason.Silent }));
        Assert.Equal(HubState.Connected, alice.Conn.Hub.GetState(room.Addresses[0]));
    }

    [Fact]
    public async Task Tcp_PeerWhoseProgramAnswersNothing_Stays()
    {
        KeyPair bob = NewKeys();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        Task<Frozen> accepting = AcceptAsync(listener, bob);
        SsbPeer alice = await StartSensitive();
        PeerConnection connection = await Connect(alice, AddressOf(listener, bob));
        Until(() => connection.Ping is not null);
        (await accepting).Freeze(); // a program that is busy; its machine answers
        await Task.Delay(3 * s_deadline, TimeProvider.System, Token);
        Assert.False(connection.Closed.IsCompleted);
    }

    [Fact]
    public async Task Comeback_OfAPeerWhoseOldConnectionIsDead_IsLetInAndEndsTheOld()
    {
        KeyPair bob = NewKeys();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        Task<Frozen> accepting = AcceptAsync(listener, bob);
        SsbPeer alice = await StartSensitive();
        MultiserverAddress address = AddressOf(listener, bob);
        PeerConnection old = await Connect(alice, address);
        Until(() => old.Ping is not null);
        (await accepting).Freeze();

        // Somebody else comes, and shows nothing of it.
        SsbPeer carol = await StartPeer();
        await Connect(carol, alice.Addresses[0]);
        await Task.Delay(2 * s_deadline, TimeProvider.System, Token);
        Assert.False(old.Closed.IsCompleted);

        SsbPeer back = await StartPeer(options => options with { Keys = bob });
        PeerConnection again = await Connect(back, alice.Addresses[0]);
        await old.Closed.WaitAsync(Guard, Token);
        Assert.Equal(ConnReason.Silent, old.EndReason);
        Assert.False(again.Closed.IsCompleted);
        Assert.Equal(HubState.Connected, alice.Conn.Hub.GetState(address));
    }

    [Fact]
    public async Task Comeback_OfAPeerWhoseOldConnectionWorks_LeavesBoth()
    {
        SsbPeer alice = await StartSensitive(), bob = await StartPeer();
        PeerConnection old = await Connect(alice, bob.Addresses[0]);
        Until(() => old.Ping is not null);
        PeerConnection other = await Connect(bob, alice.Addresses[0]);
        await Task.Delay(3 * s_deadline, TimeProvider.System, Token);
        Assert.False(old.Closed.IsCompleted);
        Assert.False(other.Closed.IsCompleted);
    }

    [Fact]
    public async Task EndReason_OfAPeerThatTakesNothing_IsNotThatItSentSomething()
    {
        SsbPeer alice = await StartPeer(options => options with
        {
            Limits = options.Limits with { Rpc = options.Limits.Rpc with { SendTimeout = TimeSpan.FromSeconds(1) } },
        });
        KeyPair bob = NewKeys();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task<BoxStream> shaking = ShakeAsync();
        PeerConnection connection = await Connect(alice, AddressOf(listener, bob));
        await using BoxStream box = await shaking; // nobody reads it
        Task sink = connection.Rpc.SinkAsync("take", [], Endless(), Token);
        await connection.Closed.WaitAsync(Guard, Token);
        Assert.Equal(ConnReason.NotReading, connection.EndReason);
        await Assert.ThrowsAsync<RpcException>(() => sink);
        Until(() => alice.Conn.Why(PeerTarget.From(bob.Id)).History.Any(n => n is { What: "disconnected", Reason: ConnReason.NotReading }));
        Assert.DoesNotContain(alice.Conn.Why(PeerTarget.From(bob.Id)).History, n => n.What == "cut-off");

        async Task<BoxStream> ShakeAsync()
        {
            var stream = new NetworkStream(await listener.AcceptSocketAsync(Token), ownsSocket: true);
            return await SecretHandshake.AcceptAsync(stream, bob, (_, _) => new(true), new HandshakeOptions { Network = Network, Deadline = Guard }, Token);
        }

        static async IAsyncEnumerable<RpcValue> Endless()
        {
            while (true)
            {
                yield return RpcValue.Binary(new byte[30_000]);
                await Task.Yield();
            }
        }
    }

    [Fact]
    public async Task EndReason_OfWhatWeEnded_SaysSo()
    {
        SsbPeer alice = await StartPeer(options => options with
        {
            Limits = options.Limits with { Rpc = options.Limits.Rpc with { IdleTimeout = TimeSpan.FromMilliseconds(500) } },
        });
        KeyPair bob = NewKeys();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        _ = AcceptAsync(listener, bob, servesPings: false);
        PeerConnection idle = await Connect(alice, AddressOf(listener, bob));
        await idle.Closed.WaitAsync(Guard, Token);
        Assert.Equal(ConnReason.Idle, idle.EndReason);
        Until(() => alice.Conn.Why(PeerTarget.From(bob.Id)).History.Any(n => n is { What: "disconnected", Reason: ConnReason.Idle }));

        SsbPeer carol = await StartPeer(), dave = await StartPeer();
        PeerConnection ended = await Connect(carol, dave.Addresses[0]);
        Assert.Null(ended.EndReason);
        await ended.Rpc.DisposeAsync();
        Assert.Equal(ConnReason.EndedHere, ended.EndReason);
    }

    [Fact]
    public async Task Open_DialledSocket_HasTheSystemLookAfterIt()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var silence = new SilenceLimits(TimeSpan.FromSeconds(60));
        await using Stream stream = await Transport.OpenAsync(AddressOf(listener, NewKeys()).Routes[0], null, new RouteOpening
        {
            Useful = new UsefulBytes(TimeProvider.System),
            Time = new DialTime(TimeProvider.System, null),
            Silence = silence,
        }, Token);
        Socket socket = ((NetworkStream)stream).Socket;
        Assert.NotEqual(0, (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)!); // an option of a number
        Assert.Equal((30, 10, 3), (Get(SocketOptionName.TcpKeepAliveTime), Get(SocketOptionName.TcpKeepAliveInterval), Get(SocketOptionName.TcpKeepAliveRetryCount)));
        if (OperatingSystem.IsLinux())
        {
            byte[] milliseconds = new byte[4];
            socket.GetRawSocketOption(6, 18, milliseconds); // TCP_USER_TIMEOUT
            Assert.Equal(60_000, BitConverter.ToInt32(milliseconds));
        }

        int Get(SocketOptionName name) => (int)socket.GetSocketOption(SocketOptionLevel.Tcp, name)!; // likewise
    }

    [Theory]
    [InlineData(1.9), InlineData(3_601), InlineData(0), InlineData(-5)]
    public void SilenceDeadline_OutOfRange_IsRefused(double seconds) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => (Unhurried.Limits with { SilenceDeadline = TimeSpan.FromSeconds(seconds) }).Check());

    // On Linux the limit for what was sent stands above the number of probes: a longer one would keep idle connections, too.
    [Theory]
    [InlineData(5, 30), InlineData(60, 300), InlineData(60, -0.001)]
    public void SilenceDeadline_BesideAnySendTimeout_HoldsForTcp(double silence, double send)
    {
        var limits = Unhurried.Limits with
        {
            SilenceDeadline = TimeSpan.FromSeconds(silence),
            Rpc = new RpcOptions { SendTimeout = TimeSpan.FromSeconds(send) },
        };
        limits.Check();
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        limits.Silence.Apply(socket);
        Assert.NotEqual(0, (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)!); // an option of a number
        if (OperatingSystem.IsLinux())
        {
            byte[] milliseconds = new byte[4];
            socket.GetRawSocketOption(6, 18, milliseconds); // TCP_USER_TIMEOUT
            Assert.Equal(1_000 * silence, BitConverter.ToInt32(milliseconds));
        }
    }

    [Fact]
    public void SilenceDeadline_Infinite_LeavesItToTheSystem()
    {
        var limits = Unhurried.Limits with { SilenceDeadline = Timeout.InfiniteTimeSpan };
        limits.Check();
        Assert.Equal(SilenceLimits.None, limits.Silence);
    }

    private Task<SsbPeer> StartSensitive() => StartPeer(options => options with { Limits = options.Limits with { SilenceDeadline = s_deadline } });

    private static MultiserverAddress AddressOf(TcpListener listener, KeyPair keys) =>
        MultiserverAddress.Parse($"net:127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}~shs:{keys.Id.ToBase64()}");

    private async Task<Frozen> AcceptAsync(TcpListener listener, KeyPair keys, bool servesPings = true)
    {
        listener.Start();
        var stream = new Frozen(new NetworkStream(await listener.AcceptSocketAsync(Token), ownsSocket: true));
        Task serving = ServeAsync(stream, keys, servesPings);
        await Task.WhenAny(serving, stream.Shaken);
        return stream;
    }

    // Until the connection ends.
    private async Task ServeAsync(Frozen stream, KeyPair keys, bool servesPings = true)
    {
        var options = new HandshakeOptions { Network = Network, Deadline = Guard };
        BoxStream box = await SecretHandshake.AcceptAsync(stream, keys, (_, _) => new(true), options, Token);
        var rpc = RpcConnection.Start(box, new RpcOptions { Api = servesPings ? GossipPing.AddTo(new RpcApi()) : new RpcApi(), Permissions = RpcPermissions.All });
        stream.IsShaken();
        await rpc.Completion;
    }

    /// <summary>A stream that can be frozen: what is written is lost then, nothing is read, and nobody is told.</summary>
    private sealed class Frozen(Stream inner) : AsyncStream
    {
        private readonly TaskCompletionSource _shaken = new();
        private volatile bool _isFrozen;

        public Task Shaken => _shaken.Task;

        public void IsShaken() => _shaken.SetResult();

        public void Freeze() => _isFrozen = true;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int count = await inner.ReadAsync(buffer, cancellationToken);
            while (_isFrozen && count > 0)
                count = await inner.ReadAsync(buffer, cancellationToken); // thrown away
            return count;
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            _isFrozen ? default : inner.WriteAsync(buffer, cancellationToken);

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                inner.Dispose();
            base.Dispose(disposing);
        }

        public override async ValueTask DisposeAsync()
        {
            await inner.DisposeAsync();
            await base.DisposeAsync();
        }
    }
}
