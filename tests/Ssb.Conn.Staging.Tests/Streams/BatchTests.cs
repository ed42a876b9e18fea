namespace Ssb.Conn.Staging.Tests.Streams;

/// <summary>Several changes that readers see as one.</summary>
public class BatchTests
{
    [Fact]
    public async Task Batch_LiveEntries_SeesNothingInBetween()
    {
        using var bench = new ConnStaging();
        bench.Stage(Given.Anonymous(0));
        await using IAsyncEnumerator<StagingSnapshot> reader = bench.LiveEntries().GetAsyncEnumerator();
        IDisposable batch = bench.Batch();
        bench.Unstage(Given.Anonymous(0));
        Assert.Empty(bench.Entries());
        Assert.True(await reader.MoveNextAsync());
        Assert.Single(reader.Current); // as it was, though its first read comes within the batch
        ValueTask<bool> next = reader.MoveNextAsync();
        bench.Stage(Given.Anonymous(1));
        bench.Stage(Given.Anonymous(2));
        batch.Dispose();
        Assert.True(await next.AsTask().WaitAsync(Patience.Guard));
        Assert.Equal([Given.Anonymous(1), Given.Anonymous(2)], reader.Current.Texts());
    }

    [Fact]
    public async Task Batch_ListenAndChanges_TellAllAtItsEnd_InOrder()
    {
        using var bench = new ConnStaging();
        bench.Stage(Given.Anonymous(0));
        await using IAsyncEnumerator<StagingEvent> events = bench.Listen().GetAsyncEnumerator();
        await using IAsyncEnumerator<StagingChange> changes = bench.Changes().GetAsyncEnumerator();
        IDisposable outer = bench.Batch(), inner = bench.Batch();
        bench.Unstage(Given.Anonymous(0));
        bench.Stage(Given.Anonymous(1));
        inner.Dispose();
        inner.Dispose(); // a second time does nothing
        Assert.True(await changes.MoveNextAsync());
        Assert.Equal([Given.Anonymous(0)], Assert.IsType<StagingChange.Snapshot>(changes.Current).Entries.Texts());
        ValueTask<bool> first = events.MoveNextAsync();
        Assert.False(first.IsCompleted);
        outer.Dispose();
        Assert.True(await first.AsTask().WaitAsync(Patience.Guard));
        Assert.Equal((StagingEventType.Unstaged, Given.Anonymous(0)), (events.Current.Type, events.Current.Address!.Text));
        Assert.True(await events.MoveNextAsync());
        Assert.Equal((StagingEventType.Staged, Given.Anonymous(1)), (events.Current.Type, events.Current.Address!.Text));
        Assert.True(await changes.MoveNextAsync());
        Assert.Equal(2, Assert.IsType<StagingChange.Removed>(changes.Current).Sequence);
        Assert.True(await changes.MoveNextAsync());
        Assert.Equal(3, Assert.IsType<StagingChange.Inserted>(changes.Current).Sequence);
    }

    [Fact]
    public async Task Batch_LargerThanTheBuffer_ReadersResynchronise()
    {
        using var bench = new ConnStaging(new StagingOptions { ChangeBuffer = 16 });
        await using IAsyncEnumerator<StagingEvent> events = bench.Listen().GetAsyncEnumerator();
        await using IAsyncEnumerator<StagingChange> changes = bench.Changes().GetAsyncEnumerator();
        Assert.True(await changes.MoveNextAsync());
        using (bench.Batch())
        {
            for (int i = 0; i < 100; i++)
                bench.Stage(Given.Anonymous(i));
        }

        Assert.True(await changes.MoveNextAsync());
        Assert.Equal(100, Assert.IsType<StagingChange.Snapshot>(changes.Current).Entries.Count);
        Assert.True(await events.MoveNextAsync());
        Assert.Equal((StagingEventType.Missed, 84L), (events.Current.Type, events.Current.Missed));
    }

    [Fact]
    public async Task Close_WithinABatch_EndsStreams_AfterWhatWasHeldBack()
    {
        var bench = new ConnStaging();
        IAsyncEnumerable<StagingEvent> events = bench.Listen();
        using (bench.Batch())
        {
            bench.Stage(Given.Anonymous(0));
            bench.Close();
        }

        var told = new List<StagingEvent>();
        await foreach (StagingEvent e in events)
            told.Add(e);
        Assert.Equal(StagingEventType.Staged, Assert.Single(told).Type);
    }
}
