using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>Two networks on loopback: each transport, who is let in, and what strangers can hold.</summary>
public sealed class PeerNetworkTests : IAsyncDisposable
{
    private static readonly TimeSpan s_guard = Patience.Guard;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private readonly KeyPair _alice = KeyPair.Generate(), _bob = KeyPair.Generate();
    private readonly string _folder = SocketFolder.Create("ssb-conn-");
    private readonly List<PeerNetwork> _networks = [];
    private readonly CancellationTokenSource _over = new();
    private readonly List<Task> _accepting = [];

    [Theory]
    [InlineData("net:127.0.0.1:0~shs"), InlineData("ws:127.0.0.1:0~shs"), InlineData("net:::1:0~shs"), InlineData("unix:SOCKET~shs")]
    public async Task Connect_EachTransport_BothAreWhoTheyAre_AndTalk(string listen)
    {
        if (listen.StartsWith("unix:", StringComparison.Ordinal))
            Needs.UnixSockets();
        PeerNetwork bob = Open(_bob, listen.Replace("unix:SOCKET~shs", SocketFolder.AddressIn(_folder, "shs"), StringComparison.Ordinal));
        Task<IPeerConnection> called = Accept(bob);
        PeerNetwork alice = Open(_alice);
        PeerConnection connection = await alice.ConnectAsync(Assert.Single(bob.Addresses), Token).WaitAsync(s_guard, Token);
        Assert.Equal((_bob.Id, true, false), (connection.FeedId, connection.IsClient, connection.IsOurs));
        var caller = (PeerConnection)await called.WaitAsync(s_guard, Token);
        Assert.Equal((_alice.Id, false), (caller.FeedId, caller.IsClient));
        Assert.Equal("\"hello\"", (await connection.Rpc.CallAsync("greet", cancellationToken: Token).WaitAsync(s_guard, Token)).AsJson().GetRawText());
        await connection.CloseAsync(CancellationToken.None).WaitAsync(s_guard, Token);
        await caller.Closed.WaitAsync(s_guard, Token);
        Patience.Until(() => bob.Connections.Count == 0 && bob.Counters.Callers == 0);
    }

    [Fact]
    public async Task Connect_UnixWithoutHandshake_IsOneOfUs_AndNobodyElseSeesIt()
    {
        Needs.UnixSockets();
        string path = Path.Combine(_folder, "socket");
        PeerNetwork bob = Open(_bob, SocketFolder.AddressOf(path));
        Task<IPeerConnection> called = Accept(bob);
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        PeerNetwork alice = Open(_alice);
        PeerConnection connection = await alice.ConnectAsync(bob.Addresses[0], Token).WaitAsync(s_guard, Token);
        await connection.Rpc.CallAsync("secret", cancellationToken: Token).WaitAsync(s_guard, Token); // what strangers may not call
        Assert.True(Assert.Single(bob.Connections).IsOurs);
        Assert.False(called.IsCompleted);
    }

    [Fact]
    public async Task Connect_FirstRouteIsDead_TakesTheNext()
    {
        PeerNetwork bob = Open(_bob, "net:127.0.0.1:0~shs");
        _ = Accept(bob);
        using var dead = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        dead.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // and does not listen
        string first = $"net:127.0.0.1:{((IPEndPoint)dead.LocalEndPoint!).Port}~shs:{_bob.Id.ToBase64()}";
        PeerConnection connection = await Open(_alice).ConnectAsync(MultiserverAddress.Parse($"{first};{bob.Addresses[0].Text}"), Token).WaitAsync(s_guard, Token);
        Assert.Equal(_bob.Id, connection.FeedId);
    }

    [Fact]
    public async Task Connect_AnotherKey_OrAnotherNetwork_FailsInWords()
    {
        PeerNetwork bob = Open(_bob, "net:127.0.0.1:0~shs");
        _ = Accept(bob);
        MultiserverRoute route = bob.Addresses[0].Routes[0];
        using KeyPair other = KeyPair.Generate();
        PeerNetwork alice = Open(_alice);
        await Assert.ThrowsAsync<ConnectFailedException>(() =>
            alice.ConnectAsync(MultiserverAddress.Parse($"net:127.0.0.1:{route.Port}~shs:{other.Id.ToBase64()}"), Token).WaitAsync(s_guard, Token));
        PeerNetwork elsewhere = PeerNetwork.Open(Unhurried.Network(_alice) with { NetworkKey = NetworkKey.Generate() });
        _networks.Add(elsewhere);
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => elsewhere.ConnectAsync(bob.Addresses[0], Token).WaitAsync(s_guard, Token));
        Assert.IsType<HandshakeException>(e.InnerException);
        Patience.Until(() => bob.Counters.FailedHandshakes == 2);
    }

    [Fact]
    public async Task Accept_Unwelcome_IsRefusedInTheHandshake()
    {
        PeerNetwork bob = Open(_bob, "net:127.0.0.1:0~shs");
        Task<IPeerConnection> called = Accept(bob, isWelcome: id => id != _alice.Id);
        await Assert.ThrowsAsync<ConnectFailedException>(() => Open(_alice).ConnectAsync(bob.Addresses[0], Token).WaitAsync(s_guard, Token));
        Patience.Until(() => bob.Counters.Unwelcome == 1);
        Assert.False(called.IsCompleted);
    }

    [Fact]
    public async Task Accept_SilentCallers_GiveWayToWhoComesFromElsewhere()
    {
        var limits = Unhurried.Limits with { MaxHandshakes = 8 };
        PeerNetwork bob = Open(_bob, limits, new FakeTimeProvider(), "net:127.0.0.1:0~shs"); // nobody has had its second yet
        Task<IPeerConnection> called = Accept(bob);
        var to = new IPEndPoint(IPAddress.Loopback, bob.Addresses[0].Routes[0].Port!.Value);
        var silent = new List<Socket>();
        for (int i = 0; i < 50; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.66"), 0));
            await socket.ConnectAsync(to, Token);
            silent.Add(socket);
        }

        Patience.Until(() => bob.Counters.RefusedHandshakes == 42);
        Assert.Equal(8, bob.Counters.Handshakes);
        PeerConnection honest = await Open(_alice).ConnectAsync(bob.Addresses[0], Token).WaitAsync(s_guard, Token);
        Assert.Equal(_alice.Id, (await called.WaitAsync(s_guard, Token)).FeedId);
        Assert.Equal(1, bob.Counters.Evicted);
        Assert.False(honest.Closed.IsCompleted);
        silent.ForEach(s => s.Dispose());
    }

    [Fact]
    public async Task Accept_OneIdentityTooOften_IsRefused_ButOneOfUsIsNot()
    {
        PeerNetwork bob = Open(_bob, "net:127.0.0.1:0~shs", Unhurried.Limits with { MaxCallersPerIdentity = 1, MaxCallers = 1 });
        _ = Accept(bob);
        PeerNetwork alice = Open(_alice);
        PeerConnection first = await alice.ConnectAsync(bob.Addresses[0], Token).WaitAsync(s_guard, Token);
        await first.Rpc.CallAsync("greet", cancellationToken: Token).WaitAsync(s_guard, Token);
        await Assert.ThrowsAnyAsync<Exception>(async () => // refused before or after its handshake
            await (await alice.ConnectAsync(bob.Addresses[0], Token)).Rpc.CallAsync("greet", cancellationToken: Token).WaitAsync(s_guard, Token));
        Assert.Equal(1, bob.Counters.Callers);
        Assert.False(first.Closed.IsCompleted);
    }

    [Theory]
    [InlineData("net:127.0.0.1:0~noauth"), InlineData("net:example:0~shs"), InlineData("wss:127.0.0.1:0~shs"), InlineData("nonsense"), InlineData("net:127.0.0.1:0"),
     InlineData("unix:~noauth"), InlineData("net:127.0.0.1:99999~shs")]
    public void Open_NoPlaceToListenAt_SaysWhatIs(string listen) => Assert.Throws<FormatException>(() => Open(_bob, listen));

    [Fact]
    public void Open_PlaceIsTaken_SaysSo_AndNothingIsListenedAt()
    {
        Needs.UnixSockets();
        PeerNetwork bob = Open(_bob, "net:127.0.0.1:0~shs");
        string taken = $"net:127.0.0.1:{bob.Addresses[0].Routes[0].Port}~shs", socket = Path.Combine(_folder, "socket");
        Assert.Throws<IOException>(() => Open(_alice, SocketFolder.AddressOf(socket), taken));
        Assert.False(File.Exists(socket));
    }

    [Fact]
    public void Open_SocketThatADeadProcessLeft_IsReplaced()
    {
        Needs.UnixSockets();
        string path = Path.Combine(_folder, "socket");
        using (var left = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            left.Bind(new UnixDomainSocketEndPoint(path + "-left"));
            File.Move(path + "-left", path); // else .NET deletes it, as a process that is killed does not
        }

        Assert.True(File.Exists(path));
        Open(_bob, SocketFolder.AddressOf(path));
        Assert.Throws<IOException>(() => Open(_alice, SocketFolder.AddressOf(path)));
    }

    [Theory]
    [InlineData("mine"), InlineData("")]
    public void Open_FileOfSomebody_IsLeftAlone(string text)
    {
        Needs.UnixSockets();
        string path = Path.Combine(_folder, "notes");
        File.WriteAllText(path, text);
        Assert.Throws<IOException>(() => Open(_bob, SocketFolder.AddressOf(path)));
        Assert.Equal(text, File.ReadAllText(path));
    }

    [Fact]
    public void Open_LimitsThatNoConnectionCanHave_AreRefused()
    {
        Assert.ThrowsAny<ArgumentException>(() => Open(_bob, Unhurried.Limits with { Rpc = new RpcOptions { MaxUnsentBytes = 1_000 } }));
        Assert.ThrowsAny<ArgumentException>(() => Open(_bob, Unhurried.Limits with { HandshakeDeadline = TimeSpan.FromDays(60) }));
    }

    [Fact]
    public async Task Accept_NoRoom_AnOwnerIsLetInAllTheSame()
    {
        PeerNetwork bob = Open(_bob, "net:127.0.0.1:0~shs", Unhurried.Limits with { MaxCallers = 1, MaxCallersPerSource = 1 });
        _ = Accept(bob);
        PeerConnection first = await Open(_alice).ConnectAsync(bob.Addresses[0], Token).WaitAsync(s_guard, Token);
        await first.Rpc.CallAsync("greet", cancellationToken: Token).WaitAsync(s_guard, Token);
        PeerConnection owner = await Open(_bob).ConnectAsync(bob.Addresses[0], Token).WaitAsync(s_guard, Token);
        await owner.Rpc.CallAsync("secret", cancellationToken: Token).WaitAsync(s_guard, Token);
        Assert.Equal(1, bob.Counters.Callers);
    }

    [Fact]
    public async Task Connect_WebSocketRouteThatIsNoUrl_TakesTheNext()
    {
        PeerNetwork bob = Open(_bob, "net:127.0.0.1:0~shs");
        _ = Accept(bob);
        var address = MultiserverAddress.Parse($"ws://<x>.onion:80~shs:{_bob.Id.ToBase64()};{bob.Addresses[0].Text}");
        Assert.Null(address.Problem);
        PeerConnection connection = await Open(_alice).ConnectAsync(address, Token).WaitAsync(s_guard, Token);
        Assert.Equal(_bob.Id, connection.FeedId);
    }

    [Fact]
    public async Task Accept_WebSocketOfEmptyMessages_IsCutOff()
    {
        PeerNetwork bob = Open(_bob, "ws:127.0.0.1:0~shs");
        _ = Accept(bob);
        using var socket = new System.Net.WebSockets.ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{bob.Addresses[0].Routes[0].Port}/"), Token);
        Task<System.Net.WebSockets.WebSocketReceiveResult> end = socket.ReceiveAsync(new byte[1], Token);
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            for (int i = 0; i < 100_000; i++)
                await socket.SendAsync(ReadOnlyMemory<byte>.Empty, System.Net.WebSockets.WebSocketMessageType.Binary, endOfMessage: true, Token);
            await end;
        }).WaitAsync(s_guard, Token);
        Patience.Until(() => bob.Counters.FailedHandshakes == 1);
    }

    [Fact]
    public async Task TakingTurns_ReaderThatNeverWaits_LetsOthersHaveTheThread()
    {
        using var stream = new TakingTurnsStream(new MemoryStream(new byte[1_000]), new UsefulBytes(TimeProvider.System));
        int waits = 0;
        for (int i = 0; i < 1_000; i++)
        {
            ValueTask<int> read = stream.ReadAsync(new byte[1], Token);
            if (!read.IsCompleted)
                waits++;
            Assert.Equal(1, await read);
        }

        Assert.InRange(waits, 10, 15); // some may have completed by the time they are looked at
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await Disposal.AllAsync(_networks);
        await Disposal.RunAsync(() => Task.WhenAll(_accepting).WaitAsync(s_guard));
        TestFolder.Delete(_folder);
        _alice.Dispose();
        _bob.Dispose();
        _over.Dispose();
    }

    private PeerNetwork Open(KeyPair keys, params string[] listen) => Open(keys, Unhurried.Limits, listen);

    private PeerNetwork Open(KeyPair keys, string listen, PeerNetworkLimits limits) => Open(keys, limits, listen);

    private PeerNetwork Open(KeyPair keys, PeerNetworkLimits limits, params string[] listen) => Open(keys, limits, TimeProvider.System, listen);

    private PeerNetwork Open(KeyPair keys, PeerNetworkLimits limits, TimeProvider time, params string[] listen)
    {
        var api = new RpcApi();
        api.Sync("greet", _ => RpcValue.RawJson("\"hello\""u8.ToArray()));
        api.Sync("secret", _ => RpcValue.RawJson("true"u8.ToArray()));
        var network = PeerNetwork.Open(Unhurried.Network(keys) with
        {
            Listen = listen,
            Api = GossipPing.AddTo(api),
            Access = new RpcAccess(new RpcPermissions(allow: ["manifest", "greet", "gossip.ping"])),
            Limits = limits,
            TimeProvider = time,
        });
        _networks.Add(network);
        return network;
    }

    // The first that calls; all others are let in too.
    private Task<IPeerConnection> Accept(PeerNetwork network, Func<FeedId, bool>? isWelcome = null)
    {
        var first = new TaskCompletionSource<IPeerConnection>(TaskCreationOptions.RunContinuationsAsynchronously);
        _accepting.Add(AcceptAll());
        return first.Task;

        async Task AcceptAll()
        {
            try
            {
                await foreach (IPeerConnection caller in network.AcceptAsync(isWelcome ?? (_ => true), _over.Token))
                    first.TrySetResult(caller);
            }
            catch (OperationCanceledException)
            {
                // The test is over.
            }
        }
    }
}
