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
            conn.Stage(Given.Address(1), StagedData.Parse(Data));
        else
            conn.Remember(Given.Address(1), PeerData.Parse(Data));
        ConnPeer peer = Assert.Single(conn.Query.PeersAll());
        Assert.Equal(isStaged ? PeerPool.Staging : PeerPool.Db, peer.Pool);
        Assert.True(ConnQuery.HasSuccessfulAttempts(peer));
        Assert.False(ConnQuery.HasOnlyFailedAttempts(peer));
        Assert.True(ConnQuery.HasPinged(peer));
    }
}
