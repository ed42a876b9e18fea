namespace Ssb.Conn.Staging.Tests.Life;

/// <summary>When most of a large bench has left, the rest moves together: nothing that was known of it is lost.</summary>
public sealed class CompactionTests : IDisposable
{
    private const int Many = 2_000;
    private const int Few = 100; // those that stay: every twentieth

    private readonly WatchedClock _clock = new();
    private readonly ConnStaging _bench;

    public CompactionTests() => _bench = new ConnStaging(new StagingOptions
    {
        Capacity = Many,
        SourceCapacity = Many,
        TimeProvider = _clock,
        TimeToLive = StagingOptions.SsbTimeToLive,
    });

    private static IEnumerable<int> Staying => Enumerable.Range(0, Few).Select(i => i * 20);

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void Entries_KeepTheirOrderAndAreFound()
    {
        Fill(_ => null, _ => null);
        StagingSnapshot before = _bench.Entries();
        Thin();
        Assert.Equal(Staying.Select(Given.Address), _bench.Entries().Texts());
        Assert.All(Staying, i => Assert.NotNull(_bench.Get(Given.Address(i))));
        Assert.All(Staying, i => Assert.Equal([Given.Address(i)], _bench.RoutesTo(Given.Id(i)).Texts()));
        Assert.Null(_bench.Get(Given.Address(1)));
        Assert.Empty(_bench.RoutesTo(Given.Id(1)));
        Assert.True(_bench.Stage(Given.Address(1)));
        Assert.Equal(Staying.Append(1).Select(Given.Address), _bench.Entries().Texts());
        Assert.Equal(Enumerable.Range(0, Many).Select(Given.Address), before.Texts());
    }

    [Fact]
    public void Pins_Hold()
    {
        Fill(_ => "lan", _ => "a");
        foreach (int i in Staying)
            _bench.Pin(Given.Address(i));
        Thin();
        _clock.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(Few, _bench.Count);
        Assert.All(Staying, i => Assert.False(_bench.Pin(Given.Address(i)), "It is pinned."));
        Assert.All(Staying, i => Assert.True(_bench.Unpin(Given.Address(i))));
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(0, _bench.Count);
    }

    [Fact]
    public void TimesToLive_GoOn()
    {
        Fill(i => i % 40 == 0 ? "lan" : "bt", _ => null);
        _clock.Advance(TimeSpan.FromSeconds(4));
        _bench.Stage(Given.Address(0));
        _bench.Stage(Given.Address(20));
        Thin();
        Assert.Equal(Few, _bench.Count);
        _clock.Advance(TimeSpan.FromMilliseconds(5_999));
        Assert.Equal(Few, _bench.Count);
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal((Few / 2) + 1, _bench.Count); // all lan but the one refreshed
        _clock.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(Few / 2, _bench.Count);
        _clock.Advance(TimeSpan.FromSeconds(16));
        Assert.Equal([Given.Address(20)], _bench.Entries().Texts());
        _clock.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(0, _bench.Count);
    }

    [Fact]
    public void Shares_AreCountedAndKnowTheirLatest()
    {
        Fill(_ => null, i => i % 40 == 0 ? "a" : "b");
        Thin();
        for (int i = 0; i < Many - Few; i++)
            Assert.True(_bench.Stage(Given.Anonymous(i)));
        // The bench is full; a and b have 50 each of the 100 places that are open, so that c may have 33.
        for (int i = 0; i < 33; i++)
            Assert.True(_bench.Stage(Given.Anonymous(10_000 + i), null, "c"));
        Assert.Equal(RefusalReason.BenchFull, _bench.TryStage(Given.Anonymous(20_000), null, "c").Reason);
        foreach (string source in new[] { "a", "b" })
        {
            string[] all = [.. Staying.Where(i => i % 40 == 0 == (source == "a")).Select(Given.Address)];
            string[] left = [.. _bench.Entries().Where(p => p.Source == source).Texts()];
            Assert.InRange(left.Length, 33, 34);
            Assert.Equal(all[..left.Length], left); // the latest arrivals gave way
        }
    }

    private void Fill(Func<int, string?> type, Func<int, string?> source)
    {
        for (int i = 0; i < Many; i++)
            Assert.True(_bench.Stage(Given.Address(i), new PeerData { Type = type(i) }, source(i)));
        Assert.Single(_bench.RoutesTo(Given.Id(1))); // the index by key is there
    }

    private void Thin()
    {
        for (int i = 0; i < Many; i++)
        {
            if (i % 20 != 0)
                Assert.True(_bench.Unstage(Given.Address(i)));
        }
    }
}
