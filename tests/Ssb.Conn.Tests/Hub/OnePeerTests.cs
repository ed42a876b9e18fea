using Microsoft.Extensions.Time.Testing;

namespace Ssb.Conn.Tests.Hub;

/// <summary>A peer has one entry in the hub and in the address book, however its address is spelled and whoever dialled.</summary>
public class OnePeerTests
{
    private static readonly FeedId[] s_peers = [.. new[] { Given.FeedId(1), Given.FeedId(2) }.Order()];
    private static readonly FeedId s_smaller = s_peers[0], s_greater = s_peers[1];

    private readonly FakeTimeProvider _time = new(Given.Start);
    private readonly TestNetwork _network = new();

    public static TheoryData<string> Spellings => [$"net:10.0.0.2:8008~shs:{s_greater.ToBase64()}", $"net:10.0.0.2:8008~shs:{s_greater}", $"net:10.0.0.2:8008~shs:{s_greater.ToBase64()}:{new string('A', 43)}="];

    private static MultiserverAddress Nameless => MultiserverAddress.Parse("net:10.0.0.9:8008~noauth");

    private ConnHub Hub(FeedId own) => new(_network, new HubOptions { TimeProvider = _time, OwnFeedId = own });

    private static MultiserverAddress Of(FeedId feedId, string host = "10.0.0.2") => MultiserverAddress.Parse($"net:{host}:8008~shs:{feedId.ToBase64()}");

    [Theory]
    [MemberData(nameof(Spellings))]
    public async Task Connect_AnotherSpelling_IsTheSamePeer(string spelling)
    {
        await using ConnHub hub = Hub(s_smaller);
        Task<IPeerConnection> first = hub.ConnectAsync(Of(s_greater)), second = hub.ConnectAsync(MultiserverAddress.Parse(spelling));
        TestConnection connection = Assert.Single(_network.Dials).Succeed();
        Assert.Same(connection, await first.Guarded());
        Assert.Same(connection, await second.Guarded());
        Assert.Same(connection, await hub.ConnectAsync(MultiserverAddress.Parse(spelling)).Guarded());
        Assert.Single(hub.Entries());
        Assert.Equal(HubState.Connected, hub.GetState(MultiserverAddress.Parse(spelling)));
        Assert.True(await hub.DisconnectAsync(MultiserverAddress.Parse(spelling)).Guarded());
        Assert.Empty(hub.Entries());
    }

    [Theory]
    [MemberData(nameof(Spellings))]
    public async Task Set_AnotherSpelling_IsTheSameEntry(string spelling)
    {
        await using ConnDb db = ConnDb.InMemory();
        Assert.True(db.Set(MultiserverAddress.Parse(spelling), PeerData.Parse("""{"note":"one"}""")));
        foreach (string other in Spellings.Select(s => s.Data))
            Assert.False(db.Set(MultiserverAddress.Parse(other), PeerData.Parse("""{"type":"pub"}""")));
        Assert.Equal(spelling, Assert.Single(db.Entries()).Address.Text);
        Assert.Single(db.GetAddresses(s_greater));
        Assert.True(db.Set(Of(s_greater, "10.0.0.3"))); // another place
        Assert.True(db.Delete(Of(s_greater)));
        Assert.Null(db.Get(MultiserverAddress.Parse(spelling)));
        Assert.Single(db.Entries());
    }

    [Fact]
    public async Task Connect_OtherAddressOfOneThatIsDialled_IsTriedWhenThatFails()
    {
        await using ConnHub hub = Hub(s_smaller);
        Task<IPeerConnection> first = hub.ConnectAsync(Of(s_greater)), second = hub.ConnectAsync(Of(s_greater, "10.0.0.3"));
        Assert.Single(_network.Dials).Fail("no");
        await Assert.ThrowsAsync<ConnectFailedException>(() => first.Guarded());
        Guards.Until(() => _network.Dials.Count == 2);
        Assert.Same(_network.Dials[1].Succeed(), await second.Guarded());
        Assert.Equal(Of(s_greater, "10.0.0.3"), Assert.Single(hub.Entries()).Address);
    }

    [Fact]
    public async Task Connect_AddressThatNamesNobody_LeadsToAPeerThatIsConnected_ThereIsOneEntry()
    {
        await using ConnHub hub = Hub(s_smaller);
        await using Reading<HubEvent> events = hub.Listen().Read();
        Task<IPeerConnection> known = hub.ConnectAsync(Of(s_greater));
        TestConnection standing = _network.Dials[0].Succeed();
        await known.Guarded();
        Task<IPeerConnection> again = hub.ConnectAsync(Nameless);
        TestConnection second = _network.Dials[1].Succeed(s_greater);
        Assert.Same(standing, await again.Guarded());
        Guards.Until(() => second.HasCloseBeenCalled);
        Assert.False(standing.HasCloseBeenCalled);
        Assert.Equal(Of(s_greater), Assert.Single(hub.Entries()).Address);
        await hub.DisposeAsync();
        Assert.DoesNotContain(await events.Rest(), e => e.Type == HubEventType.ConnectingFailed);
    }

    [Fact]
    public async Task Connect_AddressThatNamesNobody_IsThereBeforeTheOneThatDoes_ThereIsOneEntry()
    {
        await using ConnHub hub = Hub(s_smaller);
        Task<IPeerConnection> named = hub.ConnectAsync(Of(s_greater)), nameless = hub.ConnectAsync(Nameless);
        TestConnection connection = _network.Dials[1].Succeed(s_greater);
        Assert.Same(connection, await nameless.Guarded());
        Assert.Same(connection, await named.Guarded());
        Assert.Equal(Nameless, Assert.Single(hub.Entries()).Address);
        Guards.Until(() => _network.Dials[0].Token.IsCancellationRequested);
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task Dialled_ByBothSides_TheGreaterOnesConnectionStays_OnceTheOtherAgrees(bool agrees)
    {
        await using ConnHub hub = Hub(s_smaller);
        Task<IPeerConnection> connecting = hub.ConnectAsync(Of(s_greater));
        TestConnection outgoing = _network.Dials[0].Succeed();
        await connecting.Guarded();
        var incoming = new TestConnection(s_greater, Of(s_greater, "10.0.0.7")) { Agrees = agrees };
        Assert.True(hub.Accept(incoming));
        Guards.Until(() => incoming.Asked == 1);
        if (agrees)
            Guards.Until(() => outgoing.HasCloseBeenCalled);
        Assert.Equal((agrees, false), (outgoing.HasCloseBeenCalled, incoming.HasCloseBeenCalled));
        Assert.Equal(HubState.Connected, Assert.Single(hub.Entries()).State);
        Assert.Same(agrees ? incoming : outgoing, hub.GetConnection(Of(s_greater)));
    }

    [Fact]
    public async Task Dialled_ByBothSides_TheGreaterOneAsksNobodyAndKeepsItsOwn()
    {
        await using ConnHub hub = Hub(s_greater);
        Task<IPeerConnection> connecting = hub.ConnectAsync(Of(s_smaller));
        _network.Dials[0].Succeed();
        await connecting.Guarded();
        Assert.False(hub.Keeps(s_smaller));
        var incoming = new TestConnection(s_smaller, Of(s_smaller, "10.0.0.7")) { Agrees = true };
        Assert.True(hub.Accept(incoming));
        Assert.True(hub.Keeps(s_smaller));
        incoming.End(); // the other does what was agreed
        Guards.Until(() => !hub.Keeps(s_smaller));
        Assert.Equal(HubState.Connected, Assert.Single(hub.Entries()).State);
        Assert.Equal(0, incoming.Asked);
    }
}
