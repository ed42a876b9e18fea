using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Ssb.Conn.Net.Tests.Hosting;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rpc;

/// <summary>The host's policy about connections, in both directions.</summary>
public sealed class PolicyTests : IAsyncDisposable
{
    private readonly KeyPair _alice = KeyPair.Generate(), _bob = KeyPair.Generate();
    private readonly List<IAsyncDisposable> _open = [];
    private readonly LogLines _log = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task MayConnect_IsAskedForBothDirections_ButNotForOurselves()
    {
        var asked = new ConcurrentQueue<ConnectionAttempt>();
        SsbPeer bob = await Start(_bob, options => options with { MayConnect = Ask });
        SsbPeer alice = await Start(_alice);
        await alice.Conn.ConnectAsync(bob.Addresses[0], cancellationToken: Token);
        ConnectionAttempt called = Assert.Single(asked);
        Assert.Equal((_alice.Id, ConnectionDirection.Incoming, false), (called.FeedId, called.Direction, called.IsRequested));
        Assert.Equal("127.0.0.1", called.Address!.Routes[0].Host);
        Patience.Until(() => bob.Conn.Hub.Get(_alice.Id) is not null);
        await alice.Conn.DisconnectAsync(bob.Addresses[0]);
        Patience.Until(() => bob.Conn.Hub.Count == 0);

        await bob.Conn.ConnectAsync(alice.Addresses[0], cancellationToken: Token);
        Assert.Equal(new ConnectionAttempt(_alice.Id, alice.Addresses[0], ConnectionDirection.Outgoing) { IsRequested = true }, asked.Last());
        await using PeerNetwork control = PeerNetwork.Open(Unhurried.Network(_bob));
        await control.ConnectAsync(bob.Addresses[0], Token);
        Assert.Equal(2, asked.Count);
        Assert.Equal((0, 0), (bob.Network.Counters.RefusedIncoming, bob.Network.Counters.RefusedOutgoing));

        async ValueTask<bool> Ask(ConnectionAttempt attempt, CancellationToken cancellationToken)
        {
            await Task.Yield();
            asked.Enqueue(attempt);
            return true;
        }
    }

    [Fact]
    public async Task MayConnect_RefusesACaller_CallerStaysOutside_AndWhyTells()
    {
        SsbPeer bob = await Start(_bob, options => options with { MayConnect = (_, _) => new(false) });
        SsbPeer alice = await Start(_alice);
        await Assert.ThrowsAsync<ConnectFailedException>(() => alice.Conn.ConnectAsync(bob.Addresses[0], cancellationToken: Token));
        Patience.Until(() => bob.Network.Counters.Unwelcome == 1); // counted when the handshake has failed
        Assert.Equal((1, 0), (bob.Network.Counters.RefusedIncoming, bob.Network.Counters.RefusedOutgoing));
        Assert.Equal(0, bob.Conn.Hub.Count);
        PeerNote note = Assert.Single(bob.Conn.Why(PeerTarget.From(_alice.Id)).History);
        Assert.Equal(("refused", "the policy of this peer's host refuses it"), (note.What, note.Reason));
    }

    [Fact]
    public async Task MayConnect_RefusesADial_NothingIsOpened_AndItIsNoFailureOfThePeer()
    {
        SsbPeer bob = await Start(_bob);
        SsbPeer alice = await Start(_alice, options => options with { MayConnect = (attempt, _) => new(attempt.FeedId != _bob.Id) });
        MultiserverAddress address = bob.Addresses[0];
        alice.Conn.Stage(address, new PeerData { Type = "lan", Verified = true }, "lan:lo/127.0.0.1");
        alice.Conn.Remember(address, new PeerData { Type = "pub" });
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => alice.Conn.ConnectAsync(address, cancellationToken: Token));
        Assert.True(e.IsRefusedByHost);
        Assert.Equal("The policy of this peer's host refuses it.", e.Message);
        Assert.Equal((0, 1), (alice.Network.Counters.RefusedIncoming, alice.Network.Counters.RefusedOutgoing));
        Assert.Equal(0, bob.Network.Counters.Handshakes + bob.Network.Counters.FailedHandshakes + bob.Network.Counters.Accepted);
        Assert.Equal(address.Text, Assert.Single(alice.Conn.Staging.Entries()).Address.Text); // where it was
        Assert.Equal(0, alice.Conn.Db.Get(address)!.Failure);
        WhyReport why = alice.Conn.Why(PeerTarget.From(_bob.Id));
        Assert.Contains(why.History, note => note is { What: "refused", Reason: "the policy of this peer's host refuses it" });
        Assert.Equal((0, null), (Assert.Single(why.Routes).Failures, why.Routes[0].LastError));
    }

    [Fact]
    public async Task Scheduler_RefusedDial_IsLeftAloneFor10Minutes_AndAskedAgain()
    {
        var clock = new FakeTimeProvider();
        int asked = 0;
        bool mayConnect = false;
        SsbPeer bob = await Start(_bob, options => options with { Conn = Unhurried.Conn with { Autostart = false } });
        SsbPeer alice = await Start(_alice, options => options with
        {
            TimeProvider = clock,
            // Time passes faster than a loaded machine can follow.
            Limits = Unhurried.Limits with { HandshakeDeadline = TimeSpan.FromHours(1), PolicyDeadline = TimeSpan.FromHours(1), SilenceDeadline = TimeSpan.FromHours(1) },
            Conn = Unhurried.Conn with { Autostart = false, Hub = Unhurried.Hub with { DialDeadline = TimeSpan.FromHours(1) } },
            MayConnect = (_, _) =>
            {
                Interlocked.Increment(ref asked);
                return new(Volatile.Read(ref mayConnect));
            },
        });
        alice.Conn.Stage(bob.Addresses[0], new PeerData { Type = "internet" }); // a person did
        alice.Conn.Start();
        Patience.Until(() => Pass(TimeSpan.FromSeconds(1), () => Volatile.Read(ref asked) == 1));
        Patience.Until(() => alice.Conn.Hub.Count == 0 && alice.Conn.Staging.Count == 1);
        WhyRoute route = Assert.Single(alice.Conn.Why(PeerTarget.From(_bob.Id)).Routes);
        Assert.Equal("The policy of this peer's host refused to dial it, and is asked again after a while", route.Outlook);
        DateTimeOffset again = route.RetryAt!.Value;
        while (clock.GetUtcNow() + TimeSpan.FromSeconds(5) < again)
            clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(1, Volatile.Read(ref asked));
        Volatile.Write(ref mayConnect, true);
        Patience.Until(() => Pass(TimeSpan.FromSeconds(1), () => Volatile.Read(ref asked) == 2));
        Assert.True(clock.GetUtcNow() >= again);
        Patience.Until(() => alice.Conn.Hub.Get(_bob.Id)?.State == HubState.Connected);

        bool Pass(TimeSpan time, Func<bool> isSo)
        {
            clock.Advance(time);
            return isSo();
        }
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task MayConnect_Throws_IsARefusalThatIsLogged(bool isIncoming)
    {
        SsbPeer bob = await Start(_bob, options => options with { Logger = _log.CreateLogger(""), MayConnect = (_, _) => throw new InvalidOperationException("its own mistake") });
        SsbPeer alice = await Start(_alice);
        await Assert.ThrowsAsync<ConnectFailedException>(() => isIncoming
            ? alice.Conn.ConnectAsync(bob.Addresses[0], cancellationToken: Token)
            : bob.Conn.ConnectAsync(alice.Addresses[0], cancellationToken: Token));
        Patience.Until(() => _log.All.Any(l => l.Level == LogLevel.Error));
        LogLine line = Assert.Single(_log.All, l => l.Level == LogLevel.Error);
        Assert.Contains(_alice.Id.ToString(), line.Text, StringComparison.Ordinal);
        Assert.Contains("its own mistake", line.Everything, StringComparison.Ordinal);
        Patience.Until(() => bob.Network.Counters.RefusedIncoming + bob.Network.Counters.RefusedOutgoing == 1);
        Assert.Contains(bob.Conn.Why(PeerTarget.From(_alice.Id)).History, n => n.Reason == "the policy of this peer's host failed");
    }

    [Theory]
    [InlineData(true, true), InlineData(true, false), InlineData(false, true), InlineData(false, false)]
    public async Task MayConnect_TakesTooLong_IsARefusalThatIsLogged(bool isIncoming, bool blocks)
    {
        var clock = new FakeTimeProvider();
        var never = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var isAsked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        SsbPeer bob = await Start(_bob, options => options with
        {
            Logger = _log.CreateLogger(""),
            TimeProvider = clock,
            Limits = Unhurried.Limits with { PolicyDeadline = TimeSpan.FromSeconds(2) },
            MayConnect = (_, _) => // it does not look at its token, and may even keep its thread
            {
                isAsked.TrySetResult();
                return blocks ? new(never.Task.GetAwaiter().GetResult()) : new(never.Task);
            },
        });
        SsbPeer alice = await Start(_alice);
        Task connecting = isIncoming
            ? alice.Conn.ConnectAsync(bob.Addresses[0], cancellationToken: Token)
            : bob.Conn.ConnectAsync(alice.Addresses[0], cancellationToken: Token);
        await isAsked.Task.WaitAsync(Patience.Guard, Token);
        clock.Advance(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.WaitAsync(Patience.Guard, Token));
        Patience.Until(() => _log.All.Any(l => l.Text.Contains("did not decide", StringComparison.Ordinal)));
        Assert.Contains(_alice.Id.ToString(), Assert.Single(_log.All, l => l.Level == LogLevel.Warning).Text, StringComparison.Ordinal);
        Assert.Contains(bob.Conn.Why(PeerTarget.From(_alice.Id)).History, n => n.Reason == "the policy of this peer's host did not decide about it in time");
        never.SetException(new InvalidOperationException("too late, and for nobody"));
    }

    [Fact]
    public async Task MayConnect_BlockedCaller_IsNotAsked()
    {
        int asked = 0;
        SsbPeer bob = await Start(_bob, options => options with { MayConnect = (_, _) => new(Interlocked.Increment(ref asked) > 0) });
        SsbPeer alice = await Start(_alice);
        bob.Conn.Block(PeerTarget.From(_alice.Id));
        await Assert.ThrowsAsync<ConnectFailedException>(() => alice.Conn.ConnectAsync(bob.Addresses[0], cancellationToken: Token));
        await Assert.ThrowsAsync<ConnectFailedException>(() => bob.Conn.ConnectAsync(alice.Addresses[0], cancellationToken: Token));
        Assert.Equal(0, asked);
    }

    [Fact]
    public async Task MayConnect_OfANetworkAlone_IsAskedAndCounted()
    {
        SsbPeer bob = await Start(_bob);
        await using PeerNetwork network = PeerNetwork.Open(Unhurried.Network(_alice) with { MayConnect = (_, _) => new(false) });
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => network.ConnectAsync(bob.Addresses[0], Token));
        Assert.True(e.IsRefusedByHost);
        Assert.Equal(1, network.Counters.RefusedOutgoing);
    }

    public async ValueTask DisposeAsync()
    {
        await Disposal.AllAsync(_open);
        _alice.Dispose();
        _bob.Dispose();
    }

    private async Task<SsbPeer> Start(KeyPair keys, Func<SsbPeerOptions, SsbPeerOptions>? with = null)
    {
        SsbPeerOptions options = Unhurried.Peer with { Keys = keys, Listen = ["net:127.0.0.1:0~shs"], Conn = Unhurried.Conn with { Autostart = false } };
        SsbPeer peer = await SsbPeer.StartAsync(with?.Invoke(options) ?? options, Token);
        _open.Insert(0, peer);
        return peer;
    }
}
