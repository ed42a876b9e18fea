namespace Ssb.Conn.Staging.Tests.Sources;

/// <summary>Who may come, and who must go, when it is crowded.</summary>
public sealed class FairShareTests : IDisposable
{
    private ConnStaging? _bench;
    private int _next;

    public void Dispose() => _bench?.Dispose();

    [Fact]
    public void Newcomer_SourceAtItsCapacity_IsRefused()
    {
        ConnStaging bench = Bench(capacity: 10, sourceCapacity: 2);
        Stage("a", 2);
        Assert.Equal(new StageResult(StageOutcome.Refused, RefusalReason.SourceFull), bench.TryStage(Given.Anonymous(100), null, "a"));
        Assert.False(bench.Stage(Given.Anonymous(100), null, "a"));
        Assert.Null(bench.Get(Given.Anonymous(100)));
        Assert.True(bench.Stage(Given.Anonymous(100), null, "b"));
        Assert.True(bench.Stage(Given.Anonymous(101)));
    }

    [Fact]
    public void Newcomer_BenchFullAndAllFair_IsRefused()
    {
        ConnStaging bench = Bench(capacity: 4, sourceCapacity: 4);
        Stage("a", 2);
        Stage("b", 2);
        foreach (string? source in new[] { "a", "b", null })
            Assert.Equal(new StageResult(StageOutcome.Refused, RefusalReason.BenchFull), bench.TryStage(Given.Anonymous(100), null, source));
        Assert.Equal(4, bench.Count);
    }

    [Fact]
    public async Task Newcomer_BenchFull_TakesThePlaceOfTheLargestsLatest()
    {
        ConnStaging bench = Bench(capacity: 9, sourceCapacity: 9);
        string[] a = Stage("a", 5), b = Stage("b", 2), c = Stage("c", 2);
        await using Reading<StagingEvent> events = bench.Listen().Read();
        string d = Stage("d", 1).Single();
        Assert.Equal([.. a[..4], .. b, .. c, d], bench.Entries().Texts());
        StagingEvent evicted = await events.Next(), staged = await events.Next();
        Assert.Equal((a[4], UnstageReason.Evicted), (evicted.Address!.Text, evicted.Reason));
        Assert.Equal(d, staged.Address!.Text);
    }

    [Fact]
    public void Newcomers_OfOneSource_TakeAFairShareAndNoMore()
    {
        ConnStaging bench = Bench(capacity: 12, sourceCapacity: 12);
        string[] a = Stage("a", 12);
        Stage("b", 6);
        Assert.Equal(a[..6], bench.Entries().Where(p => p.Source == "a").Texts());
        Assert.Equal(RefusalReason.BenchFull, bench.TryStage(Given.Anonymous(100), null, "b").Reason);
        Stage("c", 4);
        Assert.Equal([4, 4, 4], "abc".Select(s => bench.Entries().Count(p => p.Source == s.ToString())));
        Assert.Equal(RefusalReason.BenchFull, bench.TryStage(Given.Anonymous(100), null, "c").Reason);
    }

    [Fact]
    public void Newcomers_MoreSourcesThanPlaces_AreRefused()
    {
        ConnStaging bench = Bench(capacity: 3, sourceCapacity: 3);
        Stage("a", 1);
        Stage("b", 1);
        Stage("c", 1);
        for (int i = 0; i < 100; i++)
            Assert.Equal(RefusalReason.BenchFull, bench.TryStage(Given.Anonymous(100 + i), null, $"forged {i}").Reason);
        Assert.Equal(["a", "b", "c"], bench.Entries().Select(p => p.Source));
    }

    [Fact]
    public void Eviction_PinnedAndSourceless_StayAndDoNotCountAsTheSources()
    {
        ConnStaging bench = Bench(capacity: 8, sourceCapacity: 8);
        string[] none = Stage(null, 2), a = Stage("a", 6);
        Assert.True(bench.Pin(a[5]));
        Assert.True(bench.Pin(a[4]));
        // Four places are open to two sources: two for each.
        string[] b = Stage("b", 2);
        Assert.Equal([.. none, a[0], a[1], a[4], a[5], .. b], bench.Entries().Texts());
        Assert.Equal(RefusalReason.BenchFull, bench.TryStage(Given.Anonymous(100), null, "b").Reason);
    }

    [Fact]
    public void Pin_GivesTheSourceAPlace()
    {
        ConnStaging bench = Bench(capacity: 10, sourceCapacity: 2);
        string[] a = Stage("a", 2);
        Assert.Equal(RefusalReason.SourceFull, bench.TryStage(Given.Anonymous(100), null, "a").Reason);
        Assert.True(bench.Pin(a[0]));
        Assert.True(bench.Stage(Given.Anonymous(100), null, "a"));
        Assert.Equal(RefusalReason.SourceFull, bench.TryStage(Given.Anonymous(101), null, "a").Reason);
    }

    [Fact]
    public void Pin_AndUnpin_SayWhetherTheyDidAnything()
    {
        ConnStaging bench = Bench(10, 10);
        Assert.False(bench.Pin(Given.Anonymous(0)));
        Assert.False(bench.Unpin(Given.Anonymous(0)));
        bench.Stage(Given.Anonymous(0), null, "a");
        Assert.False(bench.Unpin(Given.Anonymous(0)));
        Assert.True(bench.Pin(MultiserverAddress.Parse(Given.Anonymous(0))));
        Assert.False(bench.Pin(Given.Anonymous(0)));
        Assert.True(bench.Unpin(MultiserverAddress.Parse(Given.Anonymous(0))));
        Assert.False(bench.Unpin(Given.Anonymous(0)));
        bench.Pin(Given.Anonymous(0));
        bench.Unstage(Given.Anonymous(0));
        bench.Stage(Given.Anonymous(0), null, "a");
        Assert.False(bench.Unpin(Given.Anonymous(0))); // a pin does not outlast its peer
    }

    [Fact]
    public void Unpin_IsTheSourcesLatestArrivalAgain()
    {
        ConnStaging bench = Bench(capacity: 4, sourceCapacity: 4);
        string[] a = Stage("a", 4);
        bench.Pin(a[0]);
        bench.Unpin(a[0]);
        string b = Stage("b", 1).Single();
        Assert.Equal([a[1], a[2], a[3], b], bench.Entries().Texts());
    }

    [Fact]
    public void Unpin_AfterTheSourceRanEmptyAndCameBack_IsCountedWithIt()
    {
        ConnStaging bench = Bench(capacity: 10, sourceCapacity: 3);
        string[] a = Stage("a", 2);
        bench.Pin(a[0]);
        bench.Unstage(a[1]);
        Stage("a", 2);
        bench.Unpin(a[0]);
        Assert.Equal("a", bench.Get(a[0])!.Source);
        Assert.Equal(RefusalReason.SourceFull, bench.TryStage(Given.Anonymous(100), null, "a").Reason);
        bench.Unstage(a[0]);
        Assert.True(bench.Stage(Given.Anonymous(100), null, "a"));
    }

    [Fact]
    public void Refresh_ByAnotherSource_LeavesThePeerToItsFirst()
    {
        ConnStaging bench = Bench(capacity: 10, sourceCapacity: 1);
        string a = Stage("a", 1).Single();
        Assert.False(bench.Stage(a, null, "b"));
        Assert.False(bench.Stage(a));
        Assert.Equal("a", bench.Get(a)!.Source);
        Assert.True(bench.Stage(Given.Anonymous(100), null, "b"));
    }

    [Fact]
    public void Refresh_OnAFullBench_IsNeverRefused()
    {
        ConnStaging bench = Bench(capacity: 2, sourceCapacity: 2);
        foreach (string address in Stage("a", 2))
        {
            Assert.Equal(StageOutcome.Updated, bench.TryStage(address, Given.OfType("pub"), "a").Outcome);
            Assert.Equal(StageOutcome.Updated, bench.TryStage(address, null, "b").Outcome);
        }
    }

    // Timers may be late; whoever comes meanwhile finds the place of the dead.
    [Theory]
    [InlineData("a")] // its source is full
    [InlineData("b")] // the bench is full
    [InlineData(null)]
    public void Newcomer_SomeAreDue_TheyGoFirst(string? source)
    {
        var clock = new LateClock();
        using var bench = new ConnStaging(new StagingOptions { Capacity = 4, SourceCapacity = 3, TimeProvider = clock, TimeToLive = StagingOptions.SsbTimeToLive });
        bench.Stage(Given.Anonymous(0), Given.OfType("lan"), "a");
        bench.Stage(Given.Anonymous(1), null, "a");
        bench.Stage(Given.Anonymous(2), null, "a");
        bench.Stage(Given.Anonymous(3), null, null);
        clock.Now += TimeSpan.FromSeconds(10);
        Assert.Equal(4, bench.Count);
        Assert.True(bench.Stage(Given.Anonymous(4), null, source));
        Assert.Equal([1, 2, 3, 4], Enumerable.Range(0, 5).Where(i => bench.Get(Given.Anonymous(i)) is not null));
    }

    [Fact]
    public void Newcomer_TheDueArePinned_TheyStay()
    {
        var clock = new LateClock();
        using var bench = new ConnStaging(new StagingOptions { Capacity = 1, TimeProvider = clock, TimeToLive = StagingOptions.SsbTimeToLive });
        bench.Stage(Given.Anonymous(0), Given.OfType("lan"), "a");
        bench.Pin(Given.Anonymous(0));
        clock.Now += TimeSpan.FromSeconds(20);
        Assert.Equal(RefusalReason.BenchFull, bench.TryStage(Given.Anonymous(1), null, "b").Reason);
    }

    private ConnStaging Bench(int capacity, int sourceCapacity) =>
        _bench = new ConnStaging(new StagingOptions { Capacity = capacity, SourceCapacity = sourceCapacity });

    private string[] Stage(string? source, int count)
    {
        string[] addresses = [.. Enumerable.Range(_next, count).Select(Given.Anonymous)];
        _next += count;
        foreach (string address in addresses)
            Assert.True(_bench!.Stage(address, null, source));
        return addresses;
    }

    // A clock whose timers never call.
    private sealed class LateClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = Given.Start;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => Now;

        public override long GetTimestamp() => Now.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new NoTimer();

        private sealed class NoTimer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => default;
        }
    }
}
