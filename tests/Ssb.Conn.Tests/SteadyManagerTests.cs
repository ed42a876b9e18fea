using System.Runtime.CompilerServices;
using Ssb.Conn.Simulator;
using Ssb.Conn.Tests.Db;
using Ssb.Conn.Tests.Inside;

namespace Ssb.Conn.Tests;

/// <summary>What the manager runs for its whole life goes on after a failure, which is told once.</summary>
public sealed class SteadyManagerTests
{
    private readonly VirtualTime _time = new(Given.Start);
    private readonly LogLines _lines = new();

    [Fact]
    public async Task Accept_NetworkFails_IsAskedAgain()
    {
        var network = new FailingNetwork();
        await using ConnPlugin conn = await Open(network);
        _time.RunFor(TimeSpan.FromSeconds(20));

        Assert.Equal(5, network.Asked); // at 0, 1, 3, 7 and 15 s
        Assert.Equal(["Error: No callers are let in at the moment."], _lines.All);
        network.Inner = new TestNetwork();
        _time.RunFor(SteadyLoop.LongestPause);
        Assert.NotNull(network.Inner.Call(1));
        Patience.Until(() => conn.Hub.Count == 1);
        Assert.StartsWith("Information: letting callers in: it works again.", _lines.All.Last(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task Accept_CallerCannotBeTakenIn_IsClosedAndTheNextIsLetIn(bool closeFails)
    {
        var bad = new BadCaller(closeFails);
        var network = new FailingNetwork { First = bad, Inner = new TestNetwork() };
        await using ConnPlugin conn = await Open(network);
        Patience.Until(() => bad.HasCloseBeenCalled && network.Inner.IsWelcome is not null);
        Assert.NotNull(network.Inner.Call(1));
        Patience.Until(() => conn.Hub.Count == 1);

        Assert.Equal(["Error: A caller could not be taken in."], _lines.All);
        Assert.Equal(1, network.Asked);
    }

    [Theory] // the one that a thing that has been closed throws, whoever closed it, does not mean that the manager closes
    [InlineData(false), InlineData(true)]
    public async Task Scheduler_LooksAndFails_IsToldOnceAndLooksAgain(bool asIfClosed)
    {
        var network = new TestNetwork();
        bool isBroken = true;
        await using ConnPlugin conn = await Open(network, () => !isBroken ? true
            : asIfClosed ? throw new ObjectDisposedException("of the host") : throw new InvalidOperationException("broken"));
        conn.Start();
        _time.RunFor(TimeSpan.FromMinutes(1));
        Assert.StartsWith("Error: The scheduler could not look; it looks again", Assert.Single(_lines.All), StringComparison.Ordinal);

        isBroken = false;
        network.Answer = static address => new TestConnection(address.FeedId!.Value, address); // it has one
        conn.Stage(Given.Address(1), new PeerData { Type = "lan", Verified = true });
        _time.RunFor(TimeSpan.FromMinutes(1));
        Assert.Equal(1, conn.Hub.Count);
        Assert.Equal(2, _lines.Count);
    }

    [Fact]
    public async Task Open_LogThatFails_KeepsNothingFromRunning()
    {
        var network = new FailingNetwork();
        await using ConnPlugin conn = await ConnPlugin.OpenAsync(
            network, new ConnPluginOptions { TimeProvider = _time, Logger = new FailingLogger(), Autostart = false });
        _time.RunFor(TimeSpan.FromSeconds(20));

        Assert.Equal(5, network.Asked);
    }

    private Task<ConnPlugin> Open(IPeerNetwork network, Func<bool>? hasNetwork = null)
    {
        return ConnPlugin.OpenAsync(network, new ConnPluginOptions
        {
            OwnFeedId = Given.FeedId(0),
            TimeProvider = _time,
            Logger = _lines,
            Autostart = false,
            HasNetwork = hasNetwork ?? (static () => true),
        });
    }

    // Lets nobody in until there is another one inside.
    private sealed class FailingNetwork : IPeerNetwork
    {
        public int Asked { get; private set; }

        public TestNetwork? Inner { get; set; }

        /// <summary>Who calls first.</summary>
        public IPeerConnection? First { get; init; }

        public Task<IPeerConnection> DialAsync(PeerDial dial, CancellationToken cancellationToken) =>
            throw new ConnectFailedException("not here.");

        public async IAsyncEnumerable<IPeerConnection> AcceptAsync(
            Func<FeedId, bool> isWelcome, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            Asked++;
            if (Inner is null)
                throw new IOException("broken");
            if (First is not null)
                yield return First;
            await foreach (IPeerConnection caller in Inner.AcceptAsync(isWelcome, cancellationToken))
                yield return caller;
        }
    }

    // Of a network whose connections end as they are looked at.
    private sealed class BadCaller(bool closeFails) : IPeerConnection
    {
        public bool HasCloseBeenCalled { get; private set; }

        public FeedId FeedId => throw new ObjectDisposedException("the connection");

        public MultiserverAddress Address => throw new ObjectDisposedException("the connection");

        public Task Closed => Task.CompletedTask;

        public PeerPing? Ping => null;

        public Task CloseAsync(CancellationToken cancellationToken)
        {
            HasCloseBeenCalled = true;
            return closeFails ? throw new IOException("It cannot be closed.") : Task.CompletedTask;
        }
    }
}
