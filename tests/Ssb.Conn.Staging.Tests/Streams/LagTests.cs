namespace Ssb.Conn.Staging.Tests.Streams;

/// <summary>A slow reader: bounded, told of what it missed, and felt by nobody.</summary>
public sealed class LagTests : IDisposable
{
    private const int Buffer = 16;

    private readonly ConnStaging _bench = new(new StagingOptions { ChangeBuffer = Buffer });

    public void Dispose() => _bench.Dispose();

    [Fact]
    public async Task LiveEntries_ReaderStalled_GetsTheNewestNext()
    {
        await using Reading<StagingSnapshot> live = _bench.LiveEntries().Read();
        Assert.Empty(await live.Next());
        Stage(0, 1_000);
        StagingSnapshot newest = await live.Next();
        Assert.Equal(1_000, newest.Count);
        Assert.Equal(1_000, newest.Sequence);
        Stage(1_000, 1);
        Assert.Equal(1_001, (await live.Next()).Count);
    }

    [Fact]
    public async Task Listen_ReaderStalled_IsToldHowManyItMissed()
    {
        await using Reading<StagingEvent> events = _bench.Listen().Read();
        Stage(0, 100);
        StagingEvent missed = await events.Next();
        Assert.Equal((StagingEventType.Missed, 100L - Buffer), (missed.Type, missed.Missed));
        Assert.Null(missed.Address);
        StagingEvent[] kept = await events.Next(Buffer);
        Assert.Equal(Enumerable.Range(100 - Buffer, Buffer).Select(Given.Anonymous), kept.Select(e => e.Address!.Text));
        Stage(100, 1);
        Assert.Equal(Given.Anonymous(100), (await events.Next()).Address!.Text);
    }

    // Whatever the pattern of reading: what is told and what is said to be missed make up all.
    [Fact]
    public async Task Listen_ReaderSlowNowAndThen_LosesNothingSilently()
    {
        await using Reading<StagingEvent> events = _bench.Listen().Read();
        long told = 0, staged = 0;
        for (int round = 0; round < 60; round++)
        {
            int count = (round * 7 % 40) + 1;
            Stage((int)staged, count);
            staged += count;
            for (int i = 0; i < (round % 5) + 1 && told < staged; i++)
                await TakeOne();
        }

        while (told < staged)
            await TakeOne();
        Task<bool> waiting = events.Wait();
        _bench.Close();
        Assert.False(await waiting.Guarded());

        async Task TakeOne()
        {
            StagingEvent e = await events.Next();
            if (e.Type != StagingEventType.Missed)
                Assert.Equal(Given.Anonymous((int)told), e.Address!.Text);
            told += e.Type == StagingEventType.Missed ? e.Missed : 1;
        }
    }

    [Fact]
    public async Task Listen_OnlyUpdatesWereLost_NothingIsMissed()
    {
        Stage(0, 1);
        await using Reading<StagingEvent> events = _bench.Listen().Read();
        for (int i = 0; i < 100; i++)
            _bench.Stage(Given.Anonymous(0), Given.OfType($"type{i}"));
        _bench.Unstage(Given.Anonymous(0));
        Assert.Equal(StagingEventType.Unstaged, (await events.Next()).Type);
    }

    [Fact]
    public async Task Changes_ReaderStalled_GetsASnapshotAgain()
    {
        await using Reading<StagingChange> changes = _bench.Changes().Read();
        Assert.IsType<StagingChange.Snapshot>(await changes.Next());
        Stage(0, 100);
        StagingChange.Snapshot again = Assert.IsType<StagingChange.Snapshot>(await changes.Next());
        Assert.Equal(100, again.Sequence);
        Assert.Equal(100, again.Entries.Count);
        Stage(100, 1);
        Assert.Equal(101, Assert.IsType<StagingChange.Inserted>(await changes.Next()).Sequence);
    }

    [Fact]
    public async Task Changes_ReaderAtTheEdge_GetsEveryChange()
    {
        await using Reading<StagingChange> changes = _bench.Changes().Read();
        await changes.Next();
        for (int round = 0; round < 20; round++)
        {
            Stage(round * Buffer, Buffer);
            for (int i = 1; i <= Buffer; i++)
                Assert.Equal((round * Buffer) + i, Assert.IsType<StagingChange.Inserted>(await changes.Next()).Sequence);
        }
    }

    // A batch is taken out of the ring in one go: what was taken is told before the snapshot that replaces the rest.
    [Fact]
    public async Task Changes_ReaderStalledAmidABatch_NeverGoesBack()
    {
        await using Reading<StagingChange> changes = _bench.Changes().Read();
        await changes.Next();
        Stage(0, Buffer);
        Assert.Equal(1, (await changes.Next()).Sequence);
        Stage(Buffer, 50);
        long last = 1;
        while (last < 66)
        {
            StagingChange change = await changes.Next();
            Assert.True(change is StagingChange.Snapshot ? change.Sequence > last : change.Sequence == last + 1);
            last = change.Sequence;
        }

        Assert.Equal(66, last);
    }

    [Fact]
    public async Task Changes_ReaderLaggedAtClose_EndsWithoutFalseChanges()
    {
        await using Reading<StagingChange> changes = _bench.Changes().Read();
        await using Reading<StagingChange> notBegun = _bench.Changes().Read();
        await changes.Next();
        Stage(0, 100);
        _bench.Close();
        // There is no bench any more that a snapshot could show.
        Assert.Empty(await changes.Rest());
        Assert.Empty(await notBegun.Rest());
    }

    [Fact]
    public async Task Stage_AReaderStalls_OthersAreServed()
    {
        await using Reading<StagingEvent> stalled = _bench.Listen().Read();
        await using Reading<StagingEvent> quick = _bench.Listen().Read();
        for (int i = 0; i < 200; i++)
        {
            Stage(i, 1);
            Assert.Equal(Given.Anonymous(i), (await quick.Next()).Address!.Text);
        }

        Assert.Equal(200 - Buffer, (await stalled.Next()).Missed);
    }

    private void Stage(int from, int count)
    {
        for (int i = from; i < from + count; i++)
            Assert.True(_bench.Stage(Given.Anonymous(i)));
    }
}
