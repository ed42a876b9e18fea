using CsCheck;

namespace Ssb.Conn.Staging.Tests.Sources;

/// <summary>What a flood from one source can never do.</summary>
public class FloodTests
{
    [Fact]
    public void Flood_OfOneSource_RemovesNobodyWhoIsProtected() =>
        Gen.Select(
            Gen.Int[1, 24],
            Gen.Int[1, 24],
            Gen.Select(Gen.OneOf("a", "b", "c", "flood", null), Gen.Bool).Array[0, 40],
            Gen.Int[1, 60]).Sample(
            (capacity, sourceCapacity, before, flood) =>
            {
                using var bench = new ConnStaging(new StagingOptions { Capacity = capacity, SourceCapacity = sourceCapacity });
                for (int i = 0; i < before.Length; i++)
                {
                    if (bench.Stage(Given.Anonymous(i), null, before[i].Item1) && before[i].Item2)
                        bench.Pin(Given.Anonymous(i));
                }

                StagedPeer[] established = [.. bench.Entries()];
                HashSet<string> pinned = [.. Enumerable.Range(0, before.Length).Where(i => before[i].Item2).Select(Given.Anonymous)];
                List<StagedPeer> counted = [.. established.Where(p => p.Source is not null && !pinned.Contains(p.Address.Text))];
                int open = capacity - (established.Length - counted.Count);
                int sources = counted.Select(p => p.Source).Append("flood").Distinct().Count();
                int fair = Math.Max(1, open / sources);

                for (int i = 0; i < flood; i++)
                    bench.TryStage(Given.Anonymous(1_000 + i), null, "flood");

                foreach (StagedPeer peer in established)
                {
                    bool isProtected = pinned.Contains(peer.Address.Text) || peer.Source is null or "flood"
                        || counted.Count(p => p.Source == peer.Source) <= fair;
                    Assert.True(!isProtected || bench.Get(peer.Address) is not null, $"{peer} of {peer.Source} was pushed out.");
                }

                // Nor is anybody brought below a fair share.
                foreach (IGrouping<string?, StagedPeer> source in counted.GroupBy(p => p.Source))
                    Assert.True(bench.Entries().Count(p => p.Source == source.Key && !pinned.Contains(p.Address.Text)) >= Math.Min(fair, source.Count()));
                Assert.True(bench.Count <= capacity);
                Assert.True(bench.Entries().Count(p => p.Source == "flood" && !pinned.Contains(p.Address.Text))
                    <= Math.Max(sourceCapacity, counted.Count(p => p.Source == "flood")));
            },
            iter: Rounds.Of(10_000));

    [Fact]
    public void Flood_OfFifteenThousand_LeavesTheHonestAndLetsNewcomersIn()
    {
        using var bench = new ConnStaging();
        for (int i = 0; i < 50; i++)
            Assert.True(bench.Stage(Given.Anonymous(i), Given.OfType("lan"), $"sender {i}"));
        for (int i = 0; i < 15_407; i++)
            bench.TryStage(Given.Anonymous(100 + i), Given.OfType("lan"), "forger");
        Assert.Equal(1_050, bench.Count);
        Assert.Equal(Enumerable.Range(0, 50).Select(Given.Anonymous), bench.Entries().Take(50).Texts());
        Assert.True(bench.Stage(Given.Anonymous(99), Given.OfType("lan"), "newcomer"));
    }

    [Fact]
    public void Flood_FromManySources_LetsNewcomersInUntilEachHasOne()
    {
        using var bench = new ConnStaging(new StagingOptions { Capacity = 100, SourceCapacity = 20 });
        for (int i = 0; i < 1_000; i++)
            bench.TryStage(Given.Anonymous(i), null, $"forger {i % 10}");
        Assert.Equal(100, bench.Count);
        for (int i = 0; i < 40; i++)
            Assert.True(bench.Stage(Given.Anonymous(2_000 + i), null, $"newcomer {i}"));
        Assert.Equal(100, bench.Count);
    }
}
