namespace Ssb.Conn.Tests.Admission;

/// <summary>Who comes onto the bench, and by which rule not.</summary>
public class AdmissionTests : PluginTestBase
{
    [Fact]
    public async Task TryStage_OurOwnKey_IsRefused()
    {
        ConnPlugin conn = await Open();
        Assert.Equal(RefusalReason.OwnKey, conn.TryStage(Given.Address(0)).Reason);
    }

    [Fact]
    public async Task TryStage_BlockedInTheSocialGraph_IsRefused()
    {
        Graph.Hops[Given.FeedId(1)] = -1;
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false, SocialGraph = Graph });
        Assert.Equal(RefusalReason.Blocked, conn.TryStage(Given.Address(1)).Reason);
        Assert.Null(Network.Call(1));
    }

    [Theory]
    [InlineData("lan:eth0/10.0.0.7", 50), InlineData("room:x", 500), InlineData("pub/author", 20), InlineData("other:x", 1_000)]
    public async Task TryStage_SourceAtItsQuota_IsRefused_AndOthersAreNot(string source, int quota)
    {
        ConnPlugin conn = await Open();
        for (int i = 1; i <= quota; i++)
            Assert.Equal(StageOutcome.Inserted, conn.TryStage(Given.Address(i), OfType("x"), source).Outcome);
        Assert.Equal(RefusalReason.SourceFull, conn.TryStage(Given.Address(quota + 1), OfType("x"), source).Reason);
        Assert.Equal(StageOutcome.Updated, conn.TryStage(Given.Address(1), OfType("x"), source).Outcome);
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(Given.Address(quota + 1), OfType("x"), source + "2").Outcome);
    }

    [Fact]
    public async Task TryStage_OneInterfaceWithManySenders_IsBoundedAsAGroup()
    {
        ConnPlugin conn = await Open();
        int taken = Enumerable.Range(1, 2_000).Count(i => conn.TryStage(Given.Address(i), Lan(), $"lan:eth0/10.0.{i / 250}.{i % 250}").Outcome == StageOutcome.Inserted);
        Assert.Equal(1_000, taken);
        Assert.Equal(RefusalReason.GroupFull, conn.TryStage(Given.Address(3_000), Lan(), "lan:eth0/10.9.9.9").Reason);
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(Given.Address(3_001), Lan(), "lan:wlan0/10.9.9.9").Outcome);
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(Given.Address(3_002), OfType("room-attendant"), "room:y").Outcome);
    }

    [Fact]
    public async Task TryStage_RoutesToOneIdentity_AreBounded_ByGroupAndInAll()
    {
        ConnPlugin conn = await Open();
        for (int i = 0; i < 4; i++)
            Assert.Equal(StageOutcome.Inserted, conn.TryStage(Route(i), Lan(), "lan:eth0/10.0.0.7").Outcome);
        Assert.Equal(RefusalReason.TooManyRoutes, conn.TryStage(Route(4), Lan(), "lan:eth0/10.0.0.8").Reason);
        for (int i = 4; i < 16; i++)
            Assert.Equal(StageOutcome.Inserted, conn.TryStage(Route(i), OfType("room-attendant"), $"room:{i / 4}").Outcome);
        Assert.Equal(RefusalReason.TooManyRoutes, conn.TryStage(Route(16), OfType("room-attendant"), "room:z").Reason);
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(Route(17)).Outcome); // by a person
    }

    [Fact]
    public async Task TryStage_VerifiedRoute_IsNotKeptOutByThoseThatOnlyClaimItsKey()
    {
        ConnPlugin conn = await Open();
        for (int i = 0; i < 4; i++)
            conn.Stage(Route(i), Lan(verified: false), "lan:eth0/10.0.0.66");
        Assert.Equal(RefusalReason.TooManyRoutes, conn.TryStage(Route(4), Lan(verified: false), "lan:eth0/10.0.0.7").Reason);
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(Route(5), Lan(), "lan:eth0/10.0.0.7").Outcome);
        for (int i = 6; i < 9; i++)
            Assert.Equal(StageOutcome.Inserted, conn.TryStage(Route(i), Lan(), "lan:eth0/10.0.0.7").Outcome);
        Assert.Equal(RefusalReason.TooManyRoutes, conn.TryStage(Route(9), Lan(), "lan:eth0/10.0.0.7").Reason);
    }

    [Fact]
    public async Task TryStage_Friends_AnswerToNoQuota_AndAreNotPushedOut()
    {
        Graph.Hops[Given.FeedId(1)] = 1;
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false, SocialGraph = Graph, Staging = new StagingOptions { Capacity = 10 } });
        conn.Stage(Given.Address(1), OfType("x"), "a");
        for (int i = 2; i <= 10; i++)
            conn.Stage(Given.Address(i), OfType("x"), "a");
        for (int i = 11; i <= 30; i++)
            conn.Stage(Given.Address(i), OfType("x"), $"s{i}");
        Assert.NotNull(conn.Staging.Get(Given.Address(1)));
        Assert.Equal(10, conn.Staging.Count);
    }

    [Fact]
    public async Task TryStage_FriendOfASourceAtItsQuota_IsNotRefused()
    {
        Graph.Hops[Given.FeedId(100)] = 1;
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false, SocialGraph = Graph });
        for (int i = 1; i <= 50; i++)
            Assert.Equal(StageOutcome.Inserted, conn.TryStage(Given.Address(i), Lan(), "lan:eth0/10.0.0.7").Outcome);
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(Given.Address(100), Lan(), "lan:eth0/10.0.0.7").Outcome);
        Assert.Equal(RefusalReason.SourceFull, conn.TryStage(Given.Address(51), Lan(), "lan:eth0/10.0.0.7").Reason);
    }

    [Fact]
    public async Task TryStage_WithoutData_IsAnInternetPeer() // as in the original
    {
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1));
        Assert.Equal("internet", conn.Staging.Get(Given.Address(1))!.Type);
    }

    private static MultiserverAddress Route(int n) => MultiserverAddress.Parse($"net:10.0.0.{n}:8008~shs:{Given.Base64(1)}");
}
