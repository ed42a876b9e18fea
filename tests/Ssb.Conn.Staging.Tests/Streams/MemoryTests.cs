using System.Runtime.CompilerServices;

namespace Ssb.Conn.Staging.Tests.Streams;

/// <summary>What readers keep alive, and what they cost. By itself, since other tests would collect and allocate at the same time.</summary>
[Collection(nameof(Alone))]
public class MemoryTests
{
    public static TheoryData<string> Streams => ["Listen", "LiveEntries", "Changes"];

    [Theory, MemberData(nameof(Streams))]
    public void Stream_NeverEnumerated_IsNotKeptByTheBench(string stream)
    {
        using var bench = new ConnStaging();
        WeakReference opened = Dropped(() => Open(bench, stream));
        AssertCollected(opened);
        Assert.Equal(0, bench.Subscribers);
        GC.KeepAlive(bench);
    }

    [Theory, MemberData(nameof(Streams))]
    public void Stream_NeverEnumerated_KeepsNoPeerThatLeftLongAgo(string stream)
    {
        using var bench = new ConnStaging(new StagingOptions { ChangeBuffer = 16 });
        IAsyncEnumerable<object> opened = Open(bench, stream);
        WeakReference peer = Dropped(() =>
        {
            bench.Stage(Given.Address(1));
            return bench.Get(Given.Address(1))!;
        });
        bench.Unstage(Given.Address(1));
        for (int i = 0; i < 20; i++)
            bench.Stage(Given.Anonymous(i));
        AssertCollected(peer);
        GC.KeepAlive(opened);
    }

    [Theory, MemberData(nameof(Streams))]
    public async Task Stream_DisposedUnread_CountsForNothing(string stream)
    {
        using var bench = new ConnStaging();
        await ((IAsyncDisposable)Open(bench, stream)).DisposeAsync();
        Assert.Equal(0, bench.Subscribers);
    }

    [Fact]
    public void Unstage_OneOfMany_KeepsNotItsText()
    {
        using var bench = new ConnStaging();
        bench.Stage(Given.Address(2));
        WeakReference text = Dropped(() =>
        {
            string address = new(Given.Address(1).AsSpan());
            bench.Stage(address);
            bench.Unstage(address);
            return address;
        });
        AssertCollected(text);
        GC.KeepAlive(bench);
    }

    [Theory, MemberData(nameof(Streams))]
    public void Stream_NeverEnumerated_CostsStageNothing(string stream)
    {
        // Their clock stands: the system's is read once per tick, which costs 40 bytes.
        using var with = new ConnStaging(new StagingOptions { TimeProvider = Given.Clock() });
        using var without = new ConnStaging(new StagingOptions { TimeProvider = Given.Clock() });
        List<IAsyncEnumerable<object>> streams = [Open(with, stream)];
        long few = BytesOfStaging(with), none = BytesOfStaging(without);
        streams.AddRange(Enumerable.Range(0, 1_000).Select(_ => Open(with, stream)));
        long many = BytesOfStaging(with);
        Assert.Equal((none, none), (few, many));
        GC.KeepAlive(streams);
    }

    [Theory, MemberData(nameof(Streams))]
    public void Reader_DroppedWithoutDispose_IsFreedAndNotCounted(string stream)
    {
        using var bench = new ConnStaging();
        WeakReference[] readers = [.. Enumerable.Range(0, 10).Select(_ => Dropped(() => Begun(Open(bench, stream), default)))];
        foreach (WeakReference reader in readers)
            AssertCollected(reader);
        Guards.Until(() =>
        {
            Collect();
            return bench.Subscribers == 0;
        });
        bench.Stage(Given.Address(1));
    }

    [Theory, MemberData(nameof(Streams))]
    public void Reader_DroppedThoughItsTokenLives_IsFreed(string stream)
    {
        using var bench = new ConnStaging();
        using var source = new CancellationTokenSource();
        AssertCollected(Dropped(() => Begun(Open(bench, stream), source.Token)));
        Guards.Until(() =>
        {
            Collect();
            return bench.Subscribers == 0;
        });
        source.Cancel();
    }

    [Fact]
    public void Readers_Finished_KeepNothing()
    {
        using var bench = new ConnStaging(new StagingOptions { ChangeBuffer = 16 });
        WeakReference[] readers = [.. Enumerable.Range(0, 100).Select(_ => Dropped(() =>
        {
            IAsyncEnumerator<object> reader = Begun(bench.Listen(), default);
            Assert.True(reader.DisposeAsync().AsTask().IsCompletedSuccessfully);
            return reader;
        }))];
        for (int i = 0; i < 1_000; i++)
            bench.Stage(Given.Anonymous(i));
        Assert.All(readers, AssertCollected);
        Assert.Equal(0, bench.Subscribers);
    }

    [Fact]
    public void Bench_Dropped_IsFreed()
    {
        WeakReference bench = Dropped(() =>
        {
            var dropped = new ConnStaging(new StagingOptions { TimeToLive = StagingOptions.SsbTimeToLive });
            dropped.Stage(Given.Address(1), Given.OfType("pub"));
            Begun(dropped.Listen(), default);
            Begun(dropped.LiveEntries(), default);
            return dropped;
        });
        AssertCollected(bench);
    }

    [Fact]
    public void Close_LetsGoOfThePeers()
    {
        using var bench = new ConnStaging();
        WeakReference peer = Dropped(() =>
        {
            bench.Stage(Given.Address(1));
            Assert.Single(bench.Entries());
            return bench.Get(Given.Address(1))!;
        });
        bench.Close();
        AssertCollected(peer);
        GC.KeepAlive(bench);
    }

    private static long BytesOfStaging(ConnStaging bench)
    {
        MultiserverAddress[] addresses = [.. Enumerable.Range(0, 100).Select(i => MultiserverAddress.Parse(Given.Anonymous(i)))];
        Refresh(); // tables have grown, code is compiled
        long before = GC.GetAllocatedBytesForCurrentThread();
        Refresh();
        return GC.GetAllocatedBytesForCurrentThread() - before;

        void Refresh()
        {
            foreach (MultiserverAddress address in addresses)
                bench.Stage(address);
        }
    }

    private static IAsyncEnumerable<object> Open(ConnStaging bench, string stream) => stream switch
    {
        "Listen" => bench.Listen(),
        "LiveEntries" => bench.LiveEntries(),
        _ => bench.Changes(),
    };

    private static IAsyncEnumerator<object> Begun(IAsyncEnumerable<object> stream, CancellationToken cancellationToken) => stream.GetAsyncEnumerator(cancellationToken);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Dropped(Func<object> make) => new(make(), trackResurrection: true);

    private static void AssertCollected(WeakReference reference) => Guards.Until(() =>
    {
        Collect();
        return !reference.IsAlive;
    });

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }
}

/// <summary>Tests that measure the whole process run by themselves.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public class Alone;
