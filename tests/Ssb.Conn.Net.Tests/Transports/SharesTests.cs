using System.Net;
using System.Net.Sockets;
using Ssb.Conn.Net.Tests.Rooms;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>An address or a route that answers nothing leaves time for those behind it.</summary>
public sealed class SharesTests : RoomPeers
{
    // A loaded machine shakes hands slowly.
    private static readonly PeerNetworkLimits s_limits = Unhurried.Limits with { RouteDeadline = TimeSpan.FromSeconds(1) };

    [Theory]
    [InlineData("net", "127.0.0.9", "127.0.0.1"), InlineData("ws", "127.0.0.9", "127.0.0.1")]
    [InlineData("net", "::1", "127.0.0.1"), InlineData("ws", "::1", "127.0.0.1")]
    public async Task Dial_FirstAddressOfANameIsABlackHole_ReachesTheNext(string transport, string first, string second)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux drops calls to a listener whose backlog is full.");
        await using PeerNetwork bob = Listen($"{transport}:{second}:0~shs");
        int port = bob.Addresses[0].Routes[0].Port!.Value;
        using var hole = new BlackHole(IPAddress.Parse(first), port);
        await using PeerNetwork alice = Caller(first, second);
        var address = MultiserverAddress.Parse(
            transport == "net" ? $"net:two.example:{port}~shs:{KeyOf(bob.Addresses[0]).ToBase64()}" : $"ws://two.example:{port}~shs:{KeyOf(bob.Addresses[0]).ToBase64()}");
        Assert.Equal(address.FeedId, await DialAsync(alice, address));
    }

    [Fact]
    public async Task Dial_ManyAddressesThatAreBlackHoles_ReachesTheLast()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux drops calls to a listener whose backlog is full.");
        await using PeerNetwork bob = Listen("net:127.0.0.1:0~shs");
        int port = bob.Addresses[0].Routes[0].Port!.Value;
        string[] dead = [.. Enumerable.Range(11, 5).Select(i => $"127.0.0.{i}")];
        BlackHole[] holes = [.. dead.Select(a => new BlackHole(IPAddress.Parse(a), port))];
        await using PeerNetwork alice = Caller([.. dead, "127.0.0.1"]);
        var address = MultiserverAddress.Parse($"net:many.example:{port}~shs:{KeyOf(bob.Addresses[0]).ToBase64()}");
        Assert.Equal(address.FeedId, await DialAsync(alice, address));
        Array.ForEach(holes, hole => hole.Dispose());
    }

    [Fact]
    public async Task Dial_AllAddressesAreBlackHoles_SaysOfWhichHowLong()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux drops calls to a listener whose backlog is full.");
        using var one = new BlackHole(IPAddress.Parse("127.0.0.21"), 0);
        using var two = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        two.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.22"), one.Port)); // and does not listen
        await using PeerNetwork alice = Caller("127.0.0.22", "127.0.0.21", "127.0.0.21", "127.0.0.22");
        var address = MultiserverAddress.Parse($"net:none.example:{one.Port}~shs:{NewKeys().Id.ToBase64()}");
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(
            () => alice.DialAsync(new PeerDial(address) { Deadline = TimeSpan.FromSeconds(2) }, Token));
        Assert.Contains("refused", e.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task TryNext_Several_DividesWhatIsLeft()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var time = new DialTime(clock, TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.FromSeconds(2.5), await ShareAsync(time, 4));
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.FromSeconds(3), await ShareAsync(time, 3));
        Assert.Equal(TimeSpan.FromSeconds(4), await ShareAsync(time, 2)); // the longest share
        Assert.Equal(TimeSpan.FromSeconds(9), await ShareAsync(time, 1));
        Assert.Equal(TimeSpan.FromSeconds(4), await ShareAsync(new DialTime(clock, null), 2));
        Assert.Null(await ShareAsync(new DialTime(clock, null), 1));
        clock.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(TimeSpan.Zero, await ShareAsync(time, 2));
        Assert.Equal(TimeSpan.Zero, await ShareAsync(time, 1));
    }

    [Fact]
    public async Task TryNext_ShareIsOver_SaysSo()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        Task<int> attempt = new DialTime(clock, TimeSpan.FromSeconds(10)).TryNextAsync(2, TimeSpan.FromSeconds(4), "It", async (_, token) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token);
            return 0;
        }, Token);
        clock.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal("It did not answer within 4 s.", (await Assert.ThrowsAsync<ConnectFailedException>(() => attempt)).Message);
    }

    private static Task<TimeSpan?> ShareAsync(DialTime time, int several) =>
        time.TryNextAsync(several, TimeSpan.FromSeconds(4), "it", (share, _) => Task.FromResult(share.Left), Token);

    // As the manager dials, whose deadline ends all of it. The system gives up a call after two minutes or so.
    private static async Task<FeedId> DialAsync(PeerNetwork network, MultiserverAddress address)
    {
        var deadline = TimeSpan.FromSeconds(60);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(Token);
        ended.CancelAfter(deadline);
        return (await network.DialAsync(new PeerDial(address) { Deadline = deadline }, ended.Token)).FeedId;
    }

    private PeerNetwork Listen(string listen)
    {
        PeerNetwork network = PeerNetwork.Open(Unhurried.Network(NewKeys()) with { NetworkKey = Network, Listen = [listen], Limits = s_limits });
        _ = AcceptAll();
        return network;

        async Task AcceptAll()
        {
            await foreach (IPeerConnection _ in network.AcceptAsync(_ => true, CancellationToken.None))
            {
                // Ends with the network.
            }
        }
    }

    private PeerNetwork Caller(params string[] addresses) => PeerNetwork.Open(Unhurried.Network(NewKeys()) with
    {
        NetworkKey = Network,
        Limits = s_limits,
        Resolve = (_, _) => Task.FromResult(addresses.Select(IPAddress.Parse).ToArray()),
    });

    /// <summary>An address that answers no call: a listener whose backlog is full.</summary>
    private sealed class BlackHole : IDisposable
    {
        private readonly Socket _listener;
        private readonly List<Socket> _callers = [];

        public BlackHole(IPAddress address, int port)
        {
            _listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            _listener.Bind(new IPEndPoint(address, port));
            _listener.Listen(0);
            for (int i = 0; i < 4; i++) // one is held, and one more with some systems; the rest waits for an answer
            {
                var caller = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
                _callers.Add(caller);
                try
                {
                    caller.Connect(_listener.LocalEndPoint!);
                }
                catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
                {
                    // It waits.
                }
            }
        }

        public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

        public void Dispose()
        {
            _callers.ForEach(c => c.Dispose());
            _listener.Dispose();
        }
    }
}
