using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Ssb.Conn.Net.Tests.Hosting;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests;

/// <summary>LAN discovery is back after whatever fails, and says that it failed. With real sockets, on 127.0.0.1 only.</summary>
public sealed class SteadyLanTests : IDisposable
{
    private static readonly TimeSpan s_guard = Patience.Guard;

    private readonly KeyPair _keys = KeyPair.Generate();
    private readonly LogLines _log = new();
    private readonly StateLog _states;
    private readonly LanOptions _options = new()
    {
        Loopback = true,
        Legacy = false,
        NetworkKey = NetworkKey.Generate(),
        NormalPort = FreePorts.Udp(),
        AnnounceInterval = TimeSpan.FromMilliseconds(100),
        AcceptAnyRoute = true,
    };

    public SteadyLanTests() => _states = new StateLog(_log.CreateLogger(""), TimeProvider.System);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    // What systems throw that have no descriptors left, and what nobody thought of.
    public static TheoryData<Exception> Failures => new((Exception[])
    [
        new NetworkInformationException(24), new SocketException((int)SocketError.TooManyOpenSockets),
        new IOException("Too many open files", 24), new InsufficientMemoryException(), new InvalidOperationException("broken"),
    ]);

    public void Dispose()
    {
        _states.Dispose();
        _log.Dispose();
        _keys.Dispose();
    }

    [Theory]
    [MemberData(nameof(Failures), DisableDiscoveryEnumeration = true)]
    public async Task Announcer_CardsCannotBeReadForAWhile_TellsAndIsBack(Exception failure)
    {
        bool fails = true;
        await using var announcer = new LanAnnouncer(_options, _keys, Recorded.AddressOf(_keys))
        {
            Log = _states,
            ReadCards = () => Volatile.Read(ref fails) ? throw failure : HostNetwork.Read(),
        };
        announcer.Start();
        await Until(() => announcer.Problems.Count == 1 && _log.All.Count == 1);
        Assert.StartsWith("LAN: The network cards of this machine cannot be read: ", Told(), StringComparison.Ordinal);
        Volatile.Write(ref fails, false);

        await Until(() => announcer.Sent >= 2);
        Assert.Empty(announcer.Problems);
    }

    [Theory]
    [MemberData(nameof(Failures), DisableDiscoveryEnumeration = true)]
    public async Task Announcer_CannotSendForAWhile_TellsAndIsBack(Exception failure)
    {
        bool fails = true;
        await using var announcer = new LanAnnouncer(_options, _keys, Recorded.AddressOf(_keys))
        {
            Log = _states,
            OpenSocket = (from, broadcast) => Volatile.Read(ref fails) ? throw failure : LanSocket.Send(from, broadcast),
        };
        announcer.Start();
        await Until(() => announcer.Problems.Count == 1 && _log.All.Count == 1);
        Volatile.Write(ref fails, false);

        await Until(() => announcer.Sent >= 2 && announcer.Problems.Count == 0);
    }

    [Theory]
    [MemberData(nameof(Failures), DisableDiscoveryEnumeration = true)]
    public async Task Discovery_CardsCannotBeReadForAWhile_TellsAndIsBack(Exception failure)
    {
        bool fails = true;
        await using var discovery = new LanDiscovery(_options)
        {
            Log = _states,
            ReadCards = () => Volatile.Read(ref fails) ? throw failure : HostNetwork.Read(),
        };
        await using IAsyncEnumerator<LanAnnouncement> heard = discovery.DiscoverAsync(Token).GetAsyncEnumerator(Token);
        await using var announcer = new LanAnnouncer(_options, _keys, Recorded.AddressOf(_keys));
        announcer.Start();
        await Until(() => discovery.Problems.Count == 1 && _log.All.Count == 1);
        Volatile.Write(ref fails, false);

        Assert.True(await heard.MoveNextAsync().AsTask().WaitAsync(s_guard, Token));
        await Until(() => discovery.Problems.Count == 0);
    }

    [Fact]
    public async Task Discovery_SocketThatBreaks_IsOpenedAgain()
    {
        Socket? opened = null;
        int times = 0;
        await using var discovery = new LanDiscovery(_options)
        {
            Log = _states,
            OpenSocket = (port, loopback) =>
            {
                Interlocked.Increment(ref times);
                Volatile.Write(ref opened, LanSocket.Listen(port, loopback));
                return opened;
            },
        };
        await using IAsyncEnumerator<LanAnnouncement> heard = discovery.DiscoverAsync(Token).GetAsyncEnumerator(Token);
        await using var announcer = new LanAnnouncer(_options, _keys, Recorded.AddressOf(_keys));
        announcer.Start();
        Assert.True(await heard.MoveNextAsync().AsTask().WaitAsync(s_guard, Token));
        Volatile.Read(ref opened)!.Dispose(); // as if the system had taken it: it was opened, or nothing would have been heard
        await Until(() => Volatile.Read(ref times) == 2);
        Assert.StartsWith($"LAN: UDP port {_options.NormalPort} (Normal format) cannot be read: ", Told(), StringComparison.Ordinal);

        long before = discovery.Counters.Accepted;
        await Until(() => discovery.Counters.Accepted > before);
        Assert.Empty(discovery.Problems);
    }

    [Fact]
    public async Task Discovery_OnePortIsTakenAtFirst_IsOpenedWhenItIsFree()
    {
        LanOptions both = _options with { Legacy = true, LegacyPort = FreePorts.Udp() };
        var taken = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, both.LegacyPort));
        await using var discovery = new LanDiscovery(both) { Log = _states };
        await using IAsyncEnumerator<LanAnnouncement> heard = discovery.DiscoverAsync(Token).GetAsyncEnumerator(Token);
        Assert.Equal($"UDP port {both.LegacyPort}", Assert.Single(discovery.Problems).Subject);
        taken.Dispose();

        await Until(() => discovery.Problems.Count == 0);
        await using var announcer = new LanAnnouncer(both, _keys, Recorded.AddressOf(_keys));
        announcer.Start();
        do
            Assert.True(await heard.MoveNextAsync().AsTask().WaitAsync(s_guard, Token));
        while (heard.Current.Format != LanFormat.Legacy);
    }

    [Fact]
    public void Notices_SystemGivesNone_AreAskedForAgain()
    {
        var problems = new LanProblems(TimeProvider.System) { Log = _states };
        int asked = 0;
        bool fails = true;
        using var changes = new NetworkChanges(static (_, _) => { }, problems)
        {
            Subscribe = _ =>
            {
                asked++;
                if (fails)
                    throw new NetworkInformationException(24);
            },
        };
        changes.TryBegin();
        changes.TryBegin();
        Assert.Equal((2, 1, 1), (asked, problems.Now.Count, _log.All.Count));
        fails = false;
        changes.TryBegin();
        changes.TryBegin();

        Assert.Equal((3, 0), (asked, problems.Now.Count));
    }

    [Fact]
    public void Problems_OfMoreCardsThanAreKept_AreOneLineAndLeaveRoomForTheRest()
    {
        var problems = new LanProblems(TimeProvider.System) { Log = _states };
        string[] cards = [.. Enumerable.Range(0, 100).Select(i => $"interface br{i}")];
        foreach (string card in cards)
            problems.Report(card, $"Announcing by {card} failed.", "interfaces");
        Assert.Single(_log.All);
        problems.Report("UDP port 8008", "It cannot be opened.");
        problems.Report("network", "The cards cannot be read.");

        Assert.Equal(3, _log.All.Count);
        Assert.Contains(problems.Now, problem => problem.Subject == "network");
        Assert.InRange(problems.Now.Count, 3, 64);
        foreach (string card in cards)
            problems.Clear(card);
        Assert.Equal(2, problems.Now.Count);
        problems.Report(cards[^1], "It failed again.", "interfaces"); // there is room again
        Assert.Equal(3, problems.Now.Count);
    }

    [Fact]
    public async Task Service_PortsAreTakenAtFirst_DiscoversWhenTheyAreFree()
    {
        var taken = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, _options.NormalPort));
        await using SsbPeer peer = await SsbPeer.StartAsync(Unhurried.Peer with
        {
            NetworkKey = _options.NetworkKey,
            Lan = _options,
            Logger = _log.CreateLogger(""),
            Conn = Unhurried.Conn with { Autostart = false },
        }, Token);
        await Until(() => peer.LanFailure is not null);
        taken.Dispose();
        await Until(() => peer.LanFailure is null);
        await using var announcer = new LanAnnouncer(_options, _keys, Recorded.AddressOf(_keys));
        announcer.Start();

        await Until(() => peer.Conn.Staging.Count == 1);
        Assert.Single(_log.All, line => line.Text == "There is no LAN discovery.");
    }

    private string Told() => Assert.Single(_log.All).Text;

    private static async Task Until(Func<bool> isSo)
    {
        using var guard = new CancellationTokenSource(s_guard, TimeProvider.System);
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        while (!isSo())
            await poll.WaitForNextTickAsync(guard.Token);
    }
}
