namespace Ssb.Conn.Tests.Query;

public class SuggestionTests : PluginTestBase
{
    [Fact]
    public async Task Suggestions_OnePerIdentity_RoutesInOrderOfFailureAndPreference()
    {
        Unreachable();
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1, "11"), OfType("room-attendant"), "room:x");
        conn.Stage(Given.Address(1, "12"), OfType("internet"));
        Seconds(1);
        conn.Stage(Given.Address(1, "13"), OfType("internet"));
        conn.Stage(Given.Address(1), Lan());
        conn.Stage("net:nobody:1", OfType("internet"));
        conn.Remember(Given.Address(2), PeerData.Parse("""{"type":"pub"}"""));
        conn.Stage(Given.Address(2, "11"), OfType("internet"));
        await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Given.Address(1)).Guarded());
        IReadOnlyList<Suggestion> suggestions = conn.Query.Suggestions();
        Assert.Equal([Given.FeedId(1), Given.FeedId(2), null], suggestions.Select(s => s.FeedId).OrderBy(k => k is null).ThenBy(k => k == Given.FeedId(2)));
        Assert.Equal([Given.Address(1, "13"), Given.Address(1, "12"), Given.Address(1, "11"), Given.Address(1)],
            suggestions.Single(s => s.FeedId == Given.FeedId(1)).Routes.Select(r => r.Address));
    }

    [Fact]
    public async Task Suggestions_IdentityInConnection_IsNone()
    {
        Reachable();
        ConnPlugin conn = await Open();
        conn.Remember(Given.Address(1, "11"), PeerData.Parse("""{"type":"pub"}"""));
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        Assert.Empty(conn.Query.Suggestions());
        Assert.Equal(2, conn.Query.PeersAll().Count);
    }

    [Fact]
    public async Task PeersAll_PeerInBookAndOnTheBench_IsGivenOnce()
    {
        ConnPlugin conn = await Open();
        for (int i = 0; i < 5; i++)
            conn.Remember(Given.Address(i + 1), PeerData.Parse("""{"type":"pub"}"""));
        conn.Stage(Given.Address(1), OfType("pub"));
        Assert.Equal(5, conn.Query.PeersAll().Count);
        for (int i = 10; i < 30; i++)
            conn.Stage(Given.Address(i), OfType("pub"));
        Assert.Equal(25, conn.Query.PeersAll().Count);
        Assert.Equal(PeerPool.Db, conn.Query.PeersAll().Single(p => p.Address == Given.Address(1)).Pool);
        conn.ConnectAsync(Given.Address(2)).Forget();
        Assert.Equal(25, conn.Query.PeersAll().Count);
        Assert.Equal(24, conn.Query.PeersConnectable(ConnectablePool.DbAndStaging).Count);
    }
}
