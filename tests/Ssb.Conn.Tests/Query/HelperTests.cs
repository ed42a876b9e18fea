namespace Ssb.Conn.Tests.Query;

public class HelperTests : PluginTestBase
{
    // As in ssb-conn-query: the mean counts, whatever stands beside it.
    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task Helpers_MeanWithoutCount_IsASuccess(bool isStaged)
    {
        const string Data = """{"stateChange":1,"duration":{"mean":2.5},"ping":{"rtt":{"mean":3,"count":0}}}""";
        ConnPlugin conn = await Open();
        if (isStaged)
            conn.Stage(Given.Address(1), PeerData.Parse(Data));
        else
            conn.Remember(Given.Address(1), PeerData.Parse(Data));
        ConnPeer peer = Assert.Single(conn.Query.PeersAll());
        Assert.Equal(isStaged ? PeerPool.Staging : PeerPool.Db, peer.Pool);
        Assert.True(ConnQuery.HasSuccessfulAttempts(peer));
        Assert.False(ConnQuery.HasOnlyFailedAttempts(peer));
        Assert.True(ConnQuery.HasPinged(peer));
    }

    [Fact]
    public async Task Helpers_StateChangeInTheFuture_HoldsNobodyUp()
    {
        ConnPlugin conn = await Open();
        DateTimeOffset now = Given.Start;
        conn.Remember(Given.Address(1), Changed(now.AddDays(1)));
        conn.Remember(Given.Address(2), Changed(now.AddSeconds(-20)));
        IReadOnlyList<ConnPeer> peers = [.. conn.Query.PeersAll()];

        Assert.Equal(2, peers.Count(ConnQuery.PassesExpBackoff(TimeSpan.FromSeconds(1), null, now)));
        Assert.Equal(Given.Address(1), Assert.Single(peers, p => ConnQuery.PassesExpBackoff(TimeSpan.FromSeconds(30), null, now)(p)).Address);
        Assert.Equal(2, ConnQuery.PassesGroupDebounce(TimeSpan.FromSeconds(15), now)(peers).Count);
        Assert.Empty(ConnQuery.PassesGroupDebounce(TimeSpan.FromSeconds(30), now)(peers));

        static PeerData Changed(DateTimeOffset at) => PeerData.Parse($$"""{"stateChange":{{at.ToUnixTimeMilliseconds()}} }""");
    }
}
