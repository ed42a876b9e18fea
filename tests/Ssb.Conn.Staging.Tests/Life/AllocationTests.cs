namespace Ssb.Conn.Staging.Tests.Life;

/// <summary>What the common calls allocate. By itself, so that no background compilation is counted.</summary>
[Collection(nameof(Streams.Alone))]
public class AllocationTests
{
    private const int Count = 1_000;

    private static readonly PeerData s_lan = Given.OfType("lan");

    private readonly string[] _texts = [.. Enumerable.Range(0, Count).Select(Given.Address)];
    private readonly MultiserverAddress[] _addresses = [.. Enumerable.Range(0, Count).Select(i => MultiserverAddress.Parse(Given.Address(i)))];

    [Fact]
    public void Get_Staged_AllocatesNothing()
    {
        using ConnStaging bench = Full();
        Assert.Equal(0, BytesOf(i => bench.Get(_addresses[i])));
        Assert.Equal(0, BytesOf(_ => bench.Count));
        Assert.Equal(0, BytesOf(_ => bench.Entries())); // nothing changed: the same snapshot
    }

    [Fact]
    public void Stage_UnchangedPeer_AllocatesItsNewEntryAlone()
    {
        using ConnStaging bench = Full();
        Assert.InRange(BytesOf(i => bench.Stage(_addresses[i], s_lan)) / Count, 1, 64);
        Assert.InRange(BytesOf(i => bench.Stage(_addresses[i])) / Count, 1, 64);
        Assert.InRange(BytesOf(i => bench.Stage(_addresses[i], s_lan, "source")) / Count, 1, 64);
    }

    [Fact]
    public void Stage_UnchangedPeerWithDataMadeAnew_AllocatesItsNewEntryAlone()
    {
        using ConnStaging bench = Full();
        PeerData[] told = [.. Enumerable.Range(0, Count).Select(i => PeerData.Parse($$"""{"name":"peer {{i}}","list":[{{i}},true],"type":"lan","verified":true}"""))];
        PeerData[] again = [.. told.Select(data => PeerData.Parse(data.ToJson()))];
        for (int i = 0; i < Count; i++)
            bench.Stage(_addresses[i], told[i]);
        Assert.InRange(BytesOf(i => bench.Stage(_addresses[i], again[i])) / Count, 1, 64);
        Assert.Equal(0, BytesOf(i => told[i].Merge(again[i])));
    }

    [Fact]
    public void Stage_NewPeerOnAGrownBench_AllocatesABoundedAmount()
    {
        using ConnStaging bench = Full();
        long bytes = BytesOf(i =>
        {
            bench.Unstage(_texts[i]);
            return bench.Stage(_texts[i], s_lan, "source");
        });
        // The entry and the address value, and now and then a compaction.
        Assert.InRange(bytes / Count, 1, 400);
    }

    [Fact]
    public void Stage_Refused_AllocatesABoundedAmount()
    {
        using var bench = new ConnStaging(new StagingOptions { Capacity = 1 });
        bench.Stage("net:a:1");
        Assert.InRange(BytesOf(i => bench.Stage(_texts[i], s_lan, "source")) / Count, 0, 200);
    }

    [Fact]
    public void Snapshot_Enumerated_AllocatesNothing()
    {
        using ConnStaging bench = Full();
        StagingSnapshot snapshot = bench.Entries();
        Assert.Equal(0, BytesOf(_ =>
        {
            int count = 0;
            foreach (StagedPeer peer in snapshot)
                count++;
            return count == Count;
        }));
    }

    [Fact]
    public void TryParse_Invalid_AllocatesNothing()
    {
        string[] texts = [.. _texts.Select(t => t + "\n")];
        Assert.Equal(0, BytesOf(i => MultiserverAddress.TryParse(texts[i], out _)));
        Assert.Equal(0, BytesOf(i => MultiserverAddress.TryParse(texts[i].AsSpan(), out _)));
        Assert.Equal(0, BytesOf(i => MultiserverAddress.IsValid(texts[i])));
        Assert.Equal(0, BytesOf(i => MultiserverAddress.IsValid(_texts[i])));
    }

    private static long BytesOf<T>(Func<int, T> call)
    {
        Run(); // so that all is compiled and every table has grown
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        return GC.GetAllocatedBytesForCurrentThread() - before;

        void Run()
        {
            for (int i = 0; i < Count; i++)
                call(i);
        }
    }

    private ConnStaging Full()
    {
        var bench = new ConnStaging(new StagingOptions { TimeToLive = StagingOptions.SsbTimeToLive });
        foreach (string text in _texts)
            bench.Stage(text, s_lan, "source");
        return bench;
    }
}
