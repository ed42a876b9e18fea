namespace Ssb.Conn.Staging.Tests.Streams;

/// <summary>Readers that cancel, dispose, throw, call back, come late or never; the three streams alike.</summary>
public sealed class ReaderTests : IDisposable
{
    private readonly ConnStaging _bench = new();

    public static TheoryData<string> Streams => ["Listen", "LiveEntries", "Changes"];

    public void Dispose() => _bench.Dispose();

    [Theory, MemberData(nameof(Streams))]
    public async Task Wait_NewsComes_Wakes(string stream)
    {
        await using Reading<object> reader = await UpToDate(stream);
        Task<bool> waiting = reader.Wait();
        _bench.Stage(Given.Address(1));
        Assert.True(await waiting.Guarded());
        Assert.NotNull(reader.Current);
    }

    [Theory, MemberData(nameof(Streams))]
    public async Task Wait_Cancelled_Throws(string stream)
    {
        using var source = new CancellationTokenSource();
        await using Reading<object> reader = await UpToDate(stream, source.Token);
        Task<bool> waiting = reader.Wait();
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.Guarded());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(reader.Next);
    }

    [Theory, MemberData(nameof(Streams))]
    public async Task Next_CancelledMeanwhile_Throws(string stream)
    {
        using var source = new CancellationTokenSource();
        await using Reading<object> reader = await UpToDate(stream, source.Token);
        _bench.Stage(Given.Address(1));
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(reader.Next);
    }

    [Theory, MemberData(nameof(Streams))]
    public async Task Next_CancelledBeforeTheFirst_Throws(string stream)
    {
        using var source = new CancellationTokenSource();
        await source.CancelAsync();
        await using (Reading<object> reader = Open(stream, source.Token).Read())
            await Assert.ThrowsAnyAsync<OperationCanceledException>(reader.Next);
        await using (Reading<object> reader = Open(stream).Read(source.Token))
            await Assert.ThrowsAnyAsync<OperationCanceledException>(reader.Next);
        Assert.Equal(0, _bench.Subscribers);
    }

    [Theory]
    [InlineData("Listen", true)]
    [InlineData("Listen", false)]
    [InlineData("LiveEntries", true)]
    [InlineData("LiveEntries", false)]
    [InlineData("Changes", true)]
    [InlineData("Changes", false)]
    public async Task Wait_EitherOfTwoTokensCancelled_Throws(string stream, bool isFirst)
    {
        using var first = new CancellationTokenSource();
        using var second = new CancellationTokenSource();
        await using Reading<object> reader = Open(stream, first.Token).Read(second.Token);
        Task<bool> waiting = await UpToDate(stream, reader);
        await (isFirst ? first : second).CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.Guarded());
    }

    [Theory, MemberData(nameof(Streams))]
    public async Task Wait_Disposed_Ends(string stream)
    {
        Reading<object> reader = await UpToDate(stream);
        Task<bool> waiting = reader.Wait();
        await reader.DisposeAsync();
        Assert.False(await waiting.Guarded());
        await reader.Ends();
        await reader.DisposeAsync();
        Assert.Equal(0, _bench.Subscribers);
    }

    [Theory, MemberData(nameof(Streams))]
    public async Task Next_Disposed_Ends(string stream)
    {
        Reading<object> reader = await UpToDate(stream);
        _bench.Stage(Given.Address(1));
        await reader.DisposeAsync();
        await reader.Ends();
    }

    [Theory, MemberData(nameof(Streams))]
    public async Task Wait_Closed_Ends(string stream)
    {
        await using Reading<object> reader = await UpToDate(stream);
        Task<bool> waiting = reader.Wait();
        _bench.Close();
        Assert.False(await waiting.Guarded());
        await reader.Ends();
    }

    [Theory, MemberData(nameof(Streams))]
    public async Task Next_WhileTheCallBeforeWaits_Throws(string stream)
    {
        await using Reading<object> reader = await UpToDate(stream);
        Task<bool> waiting = reader.Wait();
        await Assert.ThrowsAsync<InvalidOperationException>(reader.Next);
        _bench.Stage(Given.Address(1));
        Assert.True(await waiting.Guarded());
    }

    [Theory, MemberData(nameof(Streams))]
    public async Task Enumerate_Twice_Throws(string stream)
    {
        IAsyncEnumerable<object> opened = Open(stream);
        await using (opened.Read())
            Assert.Throws<InvalidOperationException>(() => opened.Read());
        Assert.Throws<InvalidOperationException>(() => opened.Read());
        Assert.Equal(0, _bench.Subscribers);
    }

    [Theory, MemberData(nameof(Streams))]
    public async Task Enumerate_BodyThrows_ReaderIsFreedAndOthersGoOn(string stream)
    {
        await using Reading<StagingEvent> other = _bench.Listen().Read();
        IAsyncEnumerable<object> thrown = Open(stream);
        _bench.Stage(Given.Address(1));
        await Assert.ThrowsAsync<TimeZoneNotFoundException>(async () =>
        {
            await foreach (object _ in thrown)
            {
                Assert.Equal(2, _bench.Subscribers);
                throw new TimeZoneNotFoundException();
            }
        });
        Assert.Equal(1, _bench.Subscribers);
        _bench.Stage(Given.Address(2));
        Assert.Equal(2, (await other.Next(2)).Length);
    }

    [Fact]
    public async Task Listen_CountsFromTheCall_NotFromTheFirstRead()
    {
        IAsyncEnumerable<StagingEvent> stream = _bench.Listen();
        _bench.Stage(Given.Address(1));
        _bench.Unstage(Given.Address(1));
        await using Reading<StagingEvent> reader = stream.Read();
        Assert.Equal([StagingEventType.Staged, StagingEventType.Unstaged], (await reader.Next(2)).Select(e => e.Type));
    }

    [Fact]
    public async Task Listen_EventsBeforeClose_AreStillTold()
    {
        IAsyncEnumerable<StagingEvent> stream = _bench.Listen();
        await using Reading<StagingChange> changes = _bench.Changes().Read();
        await changes.Next();
        for (int i = 0; i < 100; i++)
            _bench.Stage(Given.Address(i));
        _bench.Close();
        await using Reading<StagingEvent> events = stream.Read();
        Assert.Equal(Enumerable.Range(0, 100).Select(Given.Address), (await events.Rest()).Select(e => e.Address!.Text));
        Assert.Equal(Enumerable.Range(1, 100), (await changes.Rest()).Select(c => (int)c.Sequence));
    }

    [Fact]
    public async Task Reader_ThatStagesAndUnstages_HearsAllInOrder()
    {
        await using Reading<StagingEvent> watcher = _bench.Listen().Read();
        IAsyncEnumerable<StagingEvent> stream = _bench.Listen();
        Task reader = Task.Run(async () =>
        {
            int staged = 0;
            await foreach (StagingEvent e in stream)
            {
                // Each newcomer is unstaged at once, and its departure brings the next.
                if (e.Type == StagingEventType.Staged)
                    _bench.Unstage(e.Address!);
                else if (++staged < 500)
                    _bench.Stage(Given.Anonymous(staged));
                else
                    return;
            }
        });
        _bench.Stage(Given.Anonymous(0));
        await reader.Guarded();
        StagingEvent[] events = await watcher.Next(1_000);
        Assert.Equal(
            Enumerable.Range(0, 500).SelectMany(i => new[] { (StagingEventType.Staged, Given.Anonymous(i)), (StagingEventType.Unstaged, Given.Anonymous(i)) }),
            events.Select(e => (e.Type, e.Address!.Text)));
        Assert.Equal(1, _bench.Subscribers);
    }

    [Fact]
    public async Task Reader_ThatBlocksItsThread_HoldsUpNeitherStageNorOthers()
    {
        using var release = new ManualResetEventSlim();
        var blocked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        IAsyncEnumerable<StagingEvent> stream = _bench.Listen();
        Task blocker = Task.Run(async () =>
        {
            await foreach (StagingEvent _ in stream)
            {
                blocked.SetResult();
                Assert.True(release.Wait(Patience.Guard));
                return;
            }
        });
        await using Reading<object> other = await UpToDate("LiveEntries");
        Task<bool> waiting = other.Wait();
        _bench.Stage(Given.Address(1));
        await blocked.Task.Guarded();
        Assert.True(await waiting.Guarded());
        for (int i = 2; i < 50; i++)
        {
            Task<bool> next = other.Wait();
            _bench.Stage(Given.Address(i));
            Assert.True(await next.Guarded());
        }

        release.Set();
        await blocker.Guarded();
    }

    [Fact]
    public async Task Readers_TenThousand_AllGetTheNewsAndAreFreed()
    {
        const int Count = 10_000;
        Reading<StagingEvent>[] readers = [.. Enumerable.Range(0, Count).Select(_ => _bench.Listen().Read())];
        Task<bool>[] waiting = [.. readers.Select(r => r.Wait())];
        Assert.Equal(Count, _bench.Subscribers);
        _bench.Stage(Given.Address(1));
        Assert.All(await Task.WhenAll(waiting).Guarded(), Assert.True);
        Assert.All(readers, r => Assert.Equal(Given.Address(1), r.Current.Address!.Text));
        waiting = [.. readers.Select(r => r.Wait())];
        foreach (Reading<StagingEvent> reader in readers)
            await reader.DisposeAsync();
        Assert.All(await Task.WhenAll(waiting).Guarded(), Assert.False);
        Assert.Equal(0, _bench.Subscribers);
    }

    [Fact]
    public async Task Close_ManyWait_AllEnd()
    {
        Reading<StagingEvent>[] readers = [.. Enumerable.Range(0, 1_000).Select(_ => _bench.Listen().Read())];
        Task<bool>[] waiting = [.. readers.Select(r => r.Wait())];
        _bench.Close();
        Assert.All(await Task.WhenAll(waiting).Guarded(), Assert.False);
        foreach (Reading<StagingEvent> reader in readers)
            await reader.DisposeAsync();
        Assert.Equal(0, _bench.Subscribers);
    }

    [Fact]
    public async Task Subscribers_CountsStreamsThatAreRead()
    {
        IAsyncEnumerable<StagingEvent> never = _bench.Listen();
        Assert.Equal(0, _bench.Subscribers);
        await using (_bench.Listen().Read())
        await using (_bench.LiveEntries().Read())
            Assert.Equal(2, _bench.Subscribers);
        Assert.Equal(0, _bench.Subscribers);
        GC.KeepAlive(never);
    }

    private IAsyncEnumerable<object> Open(string stream, CancellationToken cancellationToken = default) => stream switch
    {
        "Listen" => _bench.Listen(cancellationToken),
        "LiveEntries" => _bench.LiveEntries(cancellationToken),
        _ => _bench.Changes(cancellationToken),
    };

    // A reader who has read all there is.
    private async Task<Reading<object>> UpToDate(string stream, CancellationToken cancellationToken = default)
    {
        Reading<object> reader = Open(stream, cancellationToken).Read(CancellationToken.None);
        if (stream != "Listen")
            await reader.Next();
        return reader;
    }

    private static async Task<Task<bool>> UpToDate(string stream, Reading<object> reader)
    {
        if (stream != "Listen")
            await reader.Next();
        return reader.Wait();
    }
}
