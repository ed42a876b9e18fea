namespace Ssb.Conn.Tests.Hub;

/// <summary>The suite of npm ssb-conn-hub 1.2.1 (test/index.js), test by test. Where a peer is unreachable there, the dial fails here.</summary>
public class UpstreamHubTests : IAsyncDisposable
{
    private const string Key = "@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519";
    private const string Address = "net:localhost:9752~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";

    private readonly TestNetwork _network = new();
    private readonly ConnHub _hub;

    public UpstreamHubTests() => _hub = new ConnHub(_network, new HubOptions { TimeProvider = Given.Clock() });

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _hub.DisposeAsync();
    }

    [Fact]
    public async Task Connect_UnreachablePeer_Throws()
    {
        Task<IPeerConnection> connecting = _hub.ConnectAsync(Address);
        _network.Dials[0].Fail("connection refused");
        ConnectFailedException error = await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
        Assert.Equal("connection refused", error.Message);
    }

    [Fact]
    public async Task Listen_FailingDial_TellsConnectingThenConnectingFailed()
    {
        await using Reading<HubEvent> events = _hub.Listen().Read();
        Task connecting = _hub.ConnectAsync(Address);
        _network.Dials[0].Fail("connection refused");
        await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
        HubEvent[] told = await events.Next(2);
        Assert.Equal([HubEventType.Connecting, HubEventType.ConnectingFailed], told.Select(e => e.Type));
        Assert.All(told, e => Assert.Equal((Key, Address), (e.FeedId?.ToString(), e.Address!.Text)));
        Assert.Equal("connection refused", told[1].Error!.Message);
        await _hub.DisposeAsync();
        await events.Ends();
    }

    [Fact]
    public async Task Update_PeerInTheHub_IsTrue_AndMerges()
    {
        Task connecting = _hub.ConnectAsync(Address);
        Assert.False(Assert.Single(_hub.Entries()).Data.TryGet("foo", out _));
        Assert.True(_hub.Update(Address, PeerData.Parse("""{"foo":"bar"}""")));
        Assert.True(Assert.Single(_hub.Entries()).Data.TryGet("foo", out System.Text.Json.JsonElement foo));
        Assert.Equal("bar", foo.GetString());
        _network.Dials[0].Fail("connection refused");
        await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
    }

    [Fact]
    public void Update_PeerNotInTheHub_IsFalse() => Assert.False(_hub.Update(Address, PeerData.Parse("""{"foo":"bar"}""")));

    [Fact]
    public async Task LiveEntries_FailingDial_TellsEachState()
    {
        await using Reading<IReadOnlyList<HubPeer>> entries = _hub.LiveEntries().Read();
        Assert.Empty(await entries.Next());
        Task connecting = _hub.ConnectAsync(Address);
        HubPeer peer = Assert.Single(await entries.Next());
        Assert.Equal((Address, HubState.Connecting), (peer.Address.Text, peer.State));
        _network.Dials[0].Fail("connection refused");
        await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
        Assert.Empty(await entries.Next());
    }

    [Fact]
    public async Task Disconnect_NoConnection_IsFalse() => Assert.False(await _hub.DisconnectAsync(Address).Guarded());

    [Fact]
    public async Task Closed_Hub_NothingWorks()
    {
        await _hub.DisposeAsync();
        await _hub.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(() => _hub.Entries());
        Assert.Throws<ObjectDisposedException>(() => _hub.Listen());
        Assert.Throws<ObjectDisposedException>(() => _hub.LiveEntries());
        Assert.Throws<ObjectDisposedException>(() => _hub.GetState(Address));
        Assert.Throws<ObjectDisposedException>(() => { _ = _hub.ConnectAsync(Address); });
        Assert.Throws<ObjectDisposedException>(() => { _ = _hub.DisconnectAsync(Address); });
    }
}
