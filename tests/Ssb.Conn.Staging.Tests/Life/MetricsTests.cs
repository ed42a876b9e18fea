using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Ssb.Conn.Staging.Tests.Life;

/// <summary>The instruments, as a listener sees them. By itself, since all benches of a process share one meter.</summary>
[Collection(nameof(Streams.Alone))]
public sealed class MetricsTests : IDisposable
{
    private readonly ConcurrentBag<(string Name, long Value, string? Tag)> _measured = [];
    private readonly MeterListener _listener = new();

    public MetricsTests()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == ConnStaging.MeterName)
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            _measured.Add((instrument.Name["ssb.conn.staging.".Length..], value, tags.Length == 0 ? null : $"{tags[0].Key}={tags[0].Value}")));
    }

    public void Dispose() => _listener.Dispose();

    [Fact]
    public void Counters_EachOutcome_IsCountedOnceWithItsReason()
    {
        WatchedClock clock = new();
        _listener.Start();
        using var bench = new ConnStaging(new StagingOptions
        {
            Capacity = 3,
            SourceCapacity = 2,
            TimeProvider = clock,
            TimeToLive = StagingOptions.SsbTimeToLive,
        });
        bench.Stage(Given.Anonymous(0), Given.OfType("lan"), "a");
        bench.Stage(Given.Anonymous(1), null, "a");
        bench.Stage(Given.Anonymous(1), null, "a");
        bench.Stage(Given.Anonymous(2), null, "a"); // source full
        bench.Stage(Given.Anonymous(3), null, "b");
        bench.Stage(Given.Anonymous(4)); // bench full
        bench.Stage(Given.Anonymous(5), null, "c"); // evicts one of a
        bench.Stage(Given.Anonymous(0), Given.OfType("lan"), "b"); // whichever of a is left
        bench.Unstage(Given.Anonymous(3), UnstageReason.Blocked);
        bench.Unstage(Given.Anonymous(3), UnstageReason.Blocked);
        bench.Unstage(Given.Anonymous(5), UnstageReason.Promoted);
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(0, bench.Count);

        Assert.Equal(4, Sum("staged"));
        Assert.Equal(2, Sum("refreshed"));
        Assert.Equal(1, Sum("refused", "reason=source-full"));
        Assert.Equal(1, Sum("refused", "reason=bench-full"));
        Assert.Equal(1, Sum("unstaged", "reason=evicted"));
        Assert.Equal(1, Sum("unstaged", "reason=blocked"));
        Assert.Equal(1, Sum("unstaged", "reason=promoted"));
        Assert.Equal(1, Sum("unstaged", "reason=expired"));
        Assert.Equal(0, Sum("unstaged", "reason=requested"));
        Assert.Equal(4, Sum("unstaged"));
    }

    [Fact]
    public async Task Lagged_EachTimeAReaderIsTold_IsCounted()
    {
        using var bench = new ConnStaging(new StagingOptions { ChangeBuffer = 16 });
        await using Reading<StagingEvent> events = bench.Listen().Read();
        await using Reading<StagingChange> changes = bench.Changes().Read();
        await changes.Next();
        _listener.Start();
        Stage();
        await events.Next(17);
        await changes.Next();
        Assert.Equal(2, Sum("lagged"));
        Stage();
        await events.Next();
        Assert.Equal(3, Sum("lagged"));

        void Stage()
        {
            for (int i = 0; i < 30; i++)
            {
                bench.Stage(Given.Anonymous(i));
                bench.Unstage(Given.Anonymous(i));
            }
        }
    }

    // Other tests may have left benches behind that are not collected yet: what counts is the difference.
    [Fact]
    public async Task Gauges_EntriesByTypeAndSubscribers_AreTold()
    {
        _listener.Start();
        IReadOnlyDictionary<string, long> before = Observed();
        using var one = new ConnStaging();
        using var two = new ConnStaging();
        one.Stage(Given.Anonymous(1), Given.OfType("lan"));
        two.Stage(Given.Anonymous(1), Given.OfType("lan"));
        one.Stage(Given.Anonymous(2), Given.OfType("room-attendant"));
        one.Stage(Given.Anonymous(3), Given.OfType("a type that a stranger made up"));
        one.Stage(Given.Anonymous(4));
        Reading<StagingEvent> reader = one.Listen().Read();
        IReadOnlyDictionary<string, long> during = Observed();
        await reader.DisposeAsync();
        one.Close();
        two.Close();
        IReadOnlyDictionary<string, long> after = Observed();

        Assert.Equal(2, Difference("entries type=lan"));
        Assert.Equal(1, Difference("entries type=room-attendant"));
        Assert.Equal(1, Difference("entries type=other"));
        Assert.Equal(1, Difference("entries type=none"));
        Assert.Equal(1, Difference("subscribers "));
        Assert.DoesNotContain(during.Keys, key => key.Contains("stranger", StringComparison.Ordinal));

        long Difference(string key)
        {
            Assert.Equal(before.GetValueOrDefault(key), after.GetValueOrDefault(key));
            return during.GetValueOrDefault(key) - before.GetValueOrDefault(key);
        }
    }

    [Fact]
    public void Counters_NobodyListens_RecordNothing()
    {
        using var bench = new ConnStaging();
        bench.Stage(Given.Anonymous(1));
        _listener.Start();
        Assert.Empty(_measured);
        bench.Stage(Given.Anonymous(1));
        Assert.Equal(("refreshed", 1L, (string?)null), Assert.Single(_measured));
    }

    // A listener is foreign code: what it throws is its own affair.
    [Fact]
    public async Task Listener_Throws_NoCallFailsAndPeersStillExpire()
    {
        _listener.SetMeasurementEventCallback<long>((_, _, _, _) => throw new TimeZoneNotFoundException());
        _listener.Start();
        WatchedClock clock = new();
        using var bench = new ConnStaging(new StagingOptions { ChangeBuffer = 16, TimeProvider = clock, TimeToLive = StagingOptions.SsbTimeToLive });
        await using Reading<StagingEvent> events = bench.Listen().Read();
        for (int i = 0; i < 20; i++)
        {
            Assert.True(bench.Stage(Given.Anonymous(i), Given.OfType("lan")));
            Assert.False(bench.Stage(Given.Anonymous(i)));
        }

        Assert.True(bench.Unstage(Given.Anonymous(0)));
        Assert.Equal(StagingEventType.Missed, (await events.Next()).Type);
        clock.Advance(TimeSpan.FromSeconds(5));
        bench.Stage(Given.Anonymous(1));
        clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(1, bench.Count);
        clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(0, bench.Count);
    }

    // From another thread, so that a lock which is held would show.
    [Fact]
    public async Task Listener_CallsTheBench_IsAnswered()
    {
        var asked = new ConcurrentDictionary<string, int>();
        WatchedClock clock = new();
        using var bench = new ConnStaging(new StagingOptions
        {
            Capacity = 30,
            SourceCapacity = 1,
            ChangeBuffer = 16,
            TimeProvider = clock,
            TimeToLive = StagingOptions.SsbTimeToLive,
        });
        _listener.SetMeasurementEventCallback<long>((instrument, _, _, _) =>
        {
            Assert.True(Task.Run(() => bench.Count).Wait(Patience.Guard), $"The bench is locked while '{instrument.Name}' is measured.");
            asked.AddOrUpdate(instrument.Name, 1, (_, count) => count + 1);
        });
        _listener.Start();
        await using Reading<StagingEvent> events = bench.Listen().Read();
        for (int i = 0; i < 20; i++)
            bench.Stage(Given.Anonymous(i), Given.OfType("lan"));
        bench.Stage(Given.Anonymous(0));
        bench.Stage(Given.Anonymous(100), null, "a");
        bench.Stage(Given.Anonymous(101), null, "a");
        await events.Next();
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(5, asked.Count); // every counter
        Assert.Equal(21, asked["ssb.conn.staging.staged"]);
    }

    private long Sum(string name, string? tag = null) => _measured.Where(m => m.Name == name && (tag is null || m.Tag == tag)).Sum(m => m.Value);

    private Dictionary<string, long> Observed()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        _measured.Clear();
        _listener.RecordObservableInstruments();
        return _measured.Where(m => m.Name is "entries" or "subscribers").GroupBy(m => $"{m.Name} {m.Tag}").ToDictionary(g => g.Key, g => g.Sum(m => m.Value));
    }
}
