namespace Ssb.Conn.Staging.Tests.Sources;

/// <summary>Sources that answer for each other: what stands before a <c>/</c>.</summary>
public class GroupTests
{
    private static readonly StagingOptions s_options = new() { Capacity = 100, SourceCapacity = 50, GroupCapacity = 10 };

    [Fact]
    public void TryStage_GroupFullOfEqualSources_RefusesItsNewcomers_AndNobodyElses()
    {
        using var bench = new ConnStaging(s_options);
        for (int i = 0; i < 10; i++)
            Assert.Equal(StageOutcome.Inserted, bench.TryStage(Given.Anonymous(i), null, $"lan:eth0/{i}").Outcome);
        Assert.Equal(new StageResult(StageOutcome.Refused, RefusalReason.GroupFull), bench.TryStage(Given.Anonymous(10), null, "lan:eth0/10"));
        Assert.Equal(StageOutcome.Inserted, bench.TryStage(Given.Anonymous(11), null, "lan:eth1/10").Outcome);
        Assert.Equal(StageOutcome.Inserted, bench.TryStage(Given.Anonymous(12), null, "room").Outcome);
        Assert.Equal(10, bench.CountOf("lan:eth0"));
    }

    [Fact]
    public void TryStage_GroupFullOfOneSource_MakesRoomByItsLatestArrival()
    {
        using var bench = new ConnStaging(s_options);
        for (int i = 0; i < 10; i++)
            bench.Stage(Given.Anonymous(i), null, "lan:eth0/greedy");
        Assert.Equal(StageOutcome.Inserted, bench.TryStage(Given.Anonymous(10), null, "lan:eth0/modest").Outcome);
        Assert.Null(bench.Get(Given.Anonymous(9)));
        Assert.Equal((9, 1, 10), (bench.CountOf("lan:eth0/greedy"), bench.CountOf("lan:eth0/modest"), bench.CountOf("lan:eth0")));
    }

    [Fact]
    public void TryStage_FeedIdsThatBeginAlike_AreNoGroup()
    {
        using var bench = new ConnStaging(s_options);
        for (int i = 0; i < 20; i++)
            Assert.Equal(StageOutcome.Inserted, bench.TryStage(Given.Anonymous(i), null, i % 2 == 0 ? "room:@ab/c=" : "room:@ab/d=").Outcome);
        Assert.Equal((10, 10, 0), (bench.CountOf("room:@ab/c="), bench.CountOf("room:@ab/d="), bench.CountOf("room:@ab")));
    }

    [Fact]
    public void CountOf_Group_FollowsInsertionsRemovalsPinsAndReturns()
    {
        using var bench = new ConnStaging(s_options);
        for (int i = 0; i < 6; i++)
            bench.Stage(Given.Anonymous(i), null, $"lan:eth0/{i % 2}");
        StagedPeer gone = bench.Get(Given.Anonymous(0))!;
        bench.Unstage(Given.Anonymous(0));
        bench.Pin(Given.Anonymous(1));
        Assert.Equal((4, 2, 2), (bench.CountOf("lan:eth0"), bench.CountOf("lan:eth0/0"), bench.CountOf("lan:eth0/1")));
        Assert.True(bench.Return(gone, gone.Data, gone.Updated));
        bench.Unpin(Given.Anonymous(1));
        Assert.Equal((6, 3, 3), (bench.CountOf("lan:eth0"), bench.CountOf("lan:eth0/0"), bench.CountOf("lan:eth0/1")));
        for (int i = 0; i < 6; i++)
            bench.Unstage(Given.Anonymous(i));
        Assert.Equal((0, 0), (bench.CountOf("lan:eth0"), bench.CountOf("lan:eth0/0")));
    }

    [Fact]
    public void Return_KeepsBirthAndSource_AndNeedsNoRoom()
    {
        Microsoft.Extensions.Time.Testing.FakeTimeProvider clock = Given.Clock();
        using var bench = new ConnStaging(new StagingOptions { Capacity = 1, TimeProvider = clock });
        bench.Stage(Given.Anonymous(0), null, "a");
        StagedPeer away = bench.Get(Given.Anonymous(0))!;
        bench.Unstage(Given.Anonymous(0), UnstageReason.Promoted);
        bench.Stage(Given.Anonymous(1), null, "b");
        clock.Advance(TimeSpan.FromSeconds(5));
        Assert.True(bench.Return(away, away.Data.With("failure", 1), clock.GetUtcNow().ToUnixTimeMilliseconds()));
        StagedPeer back = bench.Get(Given.Anonymous(0))!;
        Assert.Equal((Given.Start, Given.Start.AddSeconds(5), "a", 2), (back.StagingBirth, back.StagingUpdated, back.Source, bench.Count));
        Assert.False(bench.Return(away, away.Data, away.Updated));
    }
}
