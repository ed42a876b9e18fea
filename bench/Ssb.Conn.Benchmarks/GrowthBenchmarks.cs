using System.Diagnostics;

namespace Ssb.Conn.Benchmarks;

/// <summary>How the cost of staging grows with the bench, against the npm module.</summary>
internal static class GrowthBenchmarks
{
    public static void Run(Table table, NpmSide? npm, bool isFull)
    {
        if (npm is not null)
        {
            foreach ((int size, int atLeast, int rounds) in ((int, int, int)[])[(100, 15, 2_000), (1_000, 100, 1_000), (10_000, 700, 200), (100_000, 20_000, 20)])
            {
                double ours = StageInto(size);
                double theirs = npm.Ask("stageInto", ("size", size), ("rounds", rounds));
                table.AtLeast($"one new peer into a bench of {size:N0}, against npm", Table.Ns(ours), Table.Ns(theirs), theirs / ours, atLeast);
            }
        }

        double hundredThousand = Fill(100_000);
        if (npm is not null && isFull)
        {
            double theirs = npm.Ask("fill", ("size", 100_000)) * 1e6;
            table.AtLeast("0 to 100,000 with one live reader, against npm", Table.Ns(hundredThousand), Table.Ns(theirs), theirs / hundredThousand, 5_000);
        }
        else
        {
            Console.WriteLine($"| 0 to 100,000 with one live reader: {Table.Ns(hundredThousand)}; the npm side runs under --full | | | | | |");
        }

        double[] each = [.. ((int[])[10_000, 100_000, 1_000_000]).Select(size => Fill(size) / size)];
        table.AtMost("0 to 1,000,000, a peer, against 0 to 100,000 (linear is 1, caches apart)", Table.Ns(each[2]), Table.Ns(each[1]), each[2] / each[1], 2.5);
    }

    private static double StageInto(int size)
    {
        const int Extra = 200;
        string[] extra = Addresses.Make(size, Extra);
        ConnStaging pool = OperationBenchmarks.NewPool(size + Extra);
        OperationBenchmarks.StageAll(pool, Addresses.Make(0, size));
        var times = new List<double>();
        for (int round = 0; round < 400; round++)
        {
            long start = Stopwatch.GetTimestamp();
            OperationBenchmarks.StageAll(pool, extra);
            times.Add(Stopwatch.GetElapsedTime(start).TotalNanoseconds / Extra);
            foreach (string a in extra)
                pool.Unstage(a);
        }

        pool.Close();
        return Measure.Median(times.Skip(100));
    }

    private static double Fill(int size)
    {
        string[] addresses = Addresses.Make(0, size);
        return Measure.Median(Enumerable.Range(0, size > 100_000 ? 3 : 9).Select(_ =>
        {
            ConnStaging pool = OperationBenchmarks.NewPool(size);
            int seen = 0;
            Task reader = Task.Run(async () =>
            {
                await foreach (StagingSnapshot entries in pool.LiveEntries())
                {
                    if ((seen = entries.Count) == size)
                        break;
                }
            });
            double time = Measure.Time(() =>
            {
                OperationBenchmarks.StageAll(pool, addresses);
                reader.GetAwaiter().GetResult();
            });
            pool.Close();
            return time;
        }));
    }
}
