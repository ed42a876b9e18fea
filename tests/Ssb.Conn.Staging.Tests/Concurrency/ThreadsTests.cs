using Microsoft.Extensions.Time.Testing;

namespace Ssb.Conn.Staging.Tests.Concurrency;

/// <summary>Many threads at once: every stream tells one and the same story, and closing ends it all.</summary>
public class ThreadsTests
{
    private const int Threads = 4;

    [Fact]
    public async Task Streams_UnderThreads_TellTheOrderOfChanges()
    {
        int seed = Random.Shared.Next();
        var clock = new FakeTimeProvider(Given.Start);
        using var bench = new ConnStaging(new StagingOptions
        {
            Capacity = 24,
            SourceCapacity = 20,
            ChangeBuffer = 1 << 20,
            TimeProvider = clock,
            TimeToLive = StagingOptions.SsbTimeToLive,
        });
        Task<List<StagingEvent>>[] events = [.. Enumerable.Range(0, 3).Select(_ => All(bench.Listen()))];
        Task<List<StagingChange>>[] changes = [.. Enumerable.Range(0, 2).Select(_ => All(bench.Changes()))];
        Task<List<StagingSnapshot>> live = All(bench.LiveEntries());
        await Parallelly(thread =>
        {
            var random = new Random(seed + thread);
            for (int i = 0; i < Rounds.Of(5_000); i++)
            {
                if (thread == 0 && i % 50 == 0)
                    clock.Advance(TimeSpan.FromSeconds(1));
                DoSomething(bench, random, thread);
            }
        });

        // Up to here, the order of the threads decides what is evicted and what expires. The rest makes both certain.
        foreach (StagedPeer peer in bench.Entries())
            bench.Unpin(peer.Address);
        for (int i = 0; i < 30; i++)
            bench.TryStage(Given.Address(100 + i), Given.OfType("lan"), "at the end");
        clock.Advance(TimeSpan.FromHours(1));
        StagingSnapshot final = bench.Entries();
        bench.Close();

        List<StagingEvent> told = await events[0].Guarded();
        foreach (Task<List<StagingEvent>> other in events)
            Assert.Equal(told.Select(e => (e.Type, e.Peer)), (await other.Guarded()).Select(e => (e.Type, e.Peer)));
        AssertTurns(told);
        Assert.Equal(final.Texts().Order(), Left(told).Order());
        foreach (Task<List<StagingChange>> feed in changes)
            AssertFolds(await feed.Guarded(), final);
        Assert.Equal((await live.Guarded()).Select(s => s.Sequence).Order().Distinct(), (await live).Select(s => s.Sequence));
        Assert.Contains(told, e => e.Reason == UnstageReason.Expired);
        Assert.Contains(told, e => e.Reason == UnstageReason.Evicted);
        Assert.Equal(0, bench.Subscribers);
    }

    [Fact]
    public async Task Close_DuringEverything_EndsEverything()
    {
        for (int round = 0; round < Rounds.Of(60); round++)
        {
            int seed = Random.Shared.Next() + round;
            var clock = new FakeTimeProvider(Given.Start);
            var bench = new ConnStaging(new StagingOptions { Capacity = 24, TimeProvider = clock, TimeToLive = StagingOptions.SsbTimeToLive });
            Task<List<StagingEvent>> events = All(bench.Listen());
            Task<List<StagingChange>> changes = All(bench.Changes());
            Task<List<StagingSnapshot>> live = All(bench.LiveEntries());
            await Parallelly(thread =>
            {
                var random = new Random(seed + thread);
                int calls = random.Next(300);
                try
                {
                    for (int i = 0; i < 400; i++)
                    {
                        // One after the other: this clock throws when a timer is disposed while it advances.
                        if (thread == 0 && i == calls)
                        {
                            lock (clock)
                                bench.Close();
                        }

                        if (thread == 1 && i % 20 == 0)
                        {
                            lock (clock)
                                clock.Advance(TimeSpan.FromSeconds(5));
                        }

                        DoSomething(bench, random, thread);
                    }
                }
                catch (ObjectDisposedException)
                {
                    // As it should.
                }
            });
            AssertTurns(await events.Guarded());
            AssertFolds(await changes.Guarded(), null);
            await live.Guarded();
            Assert.Equal(0, bench.Count);
            Assert.Equal(0, bench.Subscribers);
            clock.Advance(TimeSpan.FromSeconds(60));
            bench.Dispose();
        }
    }

    [Fact]
    public async Task Readers_ComeAndGoDuringChanges_AreAllFreed()
    {
        using var bench = new ConnStaging(new StagingOptions { ChangeBuffer = 16 });
        await Parallelly(thread =>
        {
            var random = new Random(thread);
            for (int i = 0; i < 400; i++)
            {
                if (thread < 2)
                    DoSomething(bench, random, thread);
                else
                    ComeAndGo(bench, random).GetAwaiter().GetResult();
            }
        });
        Assert.Equal(0, bench.Subscribers);
    }

    private static async Task ComeAndGo(ConnStaging bench, Random random)
    {
        using var source = new CancellationTokenSource();
        IAsyncEnumerable<object> stream = random.Next(3) switch
        {
            0 => bench.Listen(source.Token),
            1 => bench.LiveEntries(source.Token),
            _ => bench.Changes(source.Token),
        };
        Reading<object> reader = stream.Read(CancellationToken.None);
        var waiting = Task.Run(async () =>
        {
            try
            {
                await reader.Rest();
            }
            catch (OperationCanceledException)
            {
                // It was cancelled.
            }
        });
        if (random.Next(2) == 0)
            bench.Stage(Given.Anonymous(random.Next(30)));
        if (random.Next(2) == 0)
            await source.CancelAsync();
        else
            await reader.DisposeAsync();
        await waiting.Guarded();
        await reader.DisposeAsync();
    }

    private static void DoSomething(ConnStaging bench, Random random, int thread)
    {
        string address = random.Next(4) == 0 ? Given.Address(random.Next(40)) : Given.Anonymous(random.Next(40));
        switch (random.Next(14))
        {
            case < 7:
                bench.TryStage(address, random.Next(3) switch { 0 => Given.OfType("lan"), 1 => Given.OfType("bt"), _ => null }, random.Next(5) == 0 ? null : $"source {thread}");
                break;
            case < 9:
                bench.Unstage(address, UnstageReason.Promoted);
                break;
            case 9:
                bench.Pin(address);
                break;
            case 10 or 11:
                bench.Unpin(address);
                break;
            case 12:
                bench.RoutesTo(Given.Id(random.Next(40)));
                break;
            default:
                StagingSnapshot snapshot = bench.Entries();
                Assert.Equal(snapshot.Count, snapshot.Texts().Distinct().Count());
                break;
        }
    }

    // Each on a thread of its own, all at once.
    private static Task Parallelly(Action<int> run)
    {
        var barrier = new Barrier(Threads);
        return Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Factory.StartNew(
            () =>
            {
                barrier.SignalAndWait();
                run(thread);
            },
            TaskCreationOptions.LongRunning))).Guarded();
    }

    // Subscribed when this returns.
    private static Task<List<T>> All<T>(IAsyncEnumerable<T> stream)
    {
        IAsyncEnumerator<T> reader = stream.GetAsyncEnumerator();
        return Task.Run(async () =>
        {
            var items = new List<T>();
            await using (reader)
            {
                while (await reader.MoveNextAsync())
                    items.Add(reader.Current);
            }

            return items;
        });
    }

    // Of each address: staged, unstaged, staged ...
    private static void AssertTurns(List<StagingEvent> events)
    {
        Assert.DoesNotContain(events, e => e.Type == StagingEventType.Missed);
        foreach (IGrouping<string, StagingEvent> peer in events.GroupBy(e => e.Address!.Text))
        {
            Assert.Equal(
                peer.Select((_, i) => i % 2 == 0 ? StagingEventType.Staged : StagingEventType.Unstaged),
                peer.Select(e => e.Type));
        }
    }

    private static IEnumerable<string> Left(List<StagingEvent> events) =>
        events.GroupBy(e => e.Address!.Text).Where(peer => peer.Last().Type == StagingEventType.Staged).Select(peer => peer.Key);

    private static void AssertFolds(List<StagingChange> changes, StagingSnapshot? final)
    {
        var folded = new List<StagedPeer>();
        long last = -1;
        foreach (StagingChange change in changes)
        {
            switch (change)
            {
                case StagingChange.Snapshot snapshot:
                    Assert.True(snapshot.Sequence > last);
                    folded = [.. snapshot.Entries];
                    break;
                case StagingChange.Inserted inserted:
                    Assert.DoesNotContain(folded, p => p.Address == inserted.Peer.Address);
                    folded.Add(inserted.Peer);
                    break;
                case StagingChange.Updated updated:
                    int at = folded.FindIndex(p => Said(p) == Said(updated.Previous)); // it may have been told of again, with nothing new
                    Assert.True(at >= 0, "What was before an update is there.");
                    folded[at] = updated.Peer;
                    break;
                case StagingChange.Removed removed:
                    Assert.True(folded.RemoveAll(p => Said(p) == Said(removed.Peer)) == 1, "What is removed is there.");
                    break;
            }

            Assert.True(change is StagingChange.Snapshot || change.Sequence == last + 1, "There is no gap.");
            last = change.Sequence;
        }

        if (final is not null)
            Assert.Equal(final.Select(Said), folded.Select(Said));

        static (string, PeerData) Said(StagedPeer peer) => (peer.Address.Text, peer.Data);
    }
}
