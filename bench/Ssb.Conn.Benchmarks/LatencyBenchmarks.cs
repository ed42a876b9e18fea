using System.Diagnostics;

namespace Ssb.Conn.Benchmarks;

/// <summary>From a change to the live reader who sees it, against a bare completion source handed over with the same gaps.</summary>
internal static class LatencyBenchmarks
{
    private static readonly PeerData[] s_news = [OperationBenchmarks.Lan.With("note", "a"), OperationBenchmarks.Lan.With("note", "b")];

    public static void Run(Table table)
    {
        foreach (int size in (int[])[10, 10_000, 100_000])
        {
            foreach ((int gap, int count) in ((int, int)[])[(0, 20_000), (1, 1_000), (20, 100)])
            {
                // In turns, in small portions.
                var ours = new List<double>();
                var bare = new List<double>();
                for (int turn = 0; turn < 4; turn++)
                {
                    ours.AddRange(Live(size, gap, count / 4));
                    bare.AddRange(Bare(gap, count / 4));
                }

                double a = Measure.Median(ours), b = Measure.Median(bare);
                table.AtMost($"from change to live reader, bench of {size:N0}, {gap} ms apart, against a completion source", Table.Ns(a), Table.Ns(b), a / b, 1.5);
            }
        }
    }

    private static List<double> Live(int size, int gap, int count)
    {
        ConnStaging pool = OperationBenchmarks.NewPool(size + 1);
        OperationBenchmarks.StageAll(pool, Addresses.Make(0, size));
        string one = Addresses.Make(size);
        long seen = 0, seenAt = 0;
        Task reader = Task.Run(async () =>
        {
            await foreach (StagingSnapshot entries in pool.LiveEntries())
            {
                Volatile.Write(ref seenAt, Stopwatch.GetTimestamp());
                Volatile.Write(ref seen, entries.Sequence);
            }
        });
        long sequence = size;
        List<double> times = HandOver(gap, count, () =>
        {
            sequence++;
            pool.Stage(one, s_news[sequence % 2], "bench"); // the same again would be no change
        }, () => Volatile.Read(ref seen) == sequence, () => Volatile.Read(ref seenAt));
        pool.Close();
        reader.GetAwaiter().GetResult();
        return times;
    }

    private static List<double> Bare(int gap, int count)
    {
        var next = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        long seen = 0, seenAt = 0, sequence = 0;
        Task reader = Task.Run(async () =>
        {
            while (true)
            {
                long value = await Volatile.Read(ref next).Task;
                if (value < 0)
                    return;
                Volatile.Write(ref next, new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously));
                Volatile.Write(ref seenAt, Stopwatch.GetTimestamp());
                Volatile.Write(ref seen, value);
            }
        });
        List<double> times = HandOver(gap, count, () => Volatile.Read(ref next).SetResult(++sequence),
            () => Volatile.Read(ref seen) == sequence, () => Volatile.Read(ref seenAt));
        Volatile.Read(ref next).SetResult(-1);
        reader.GetAwaiter().GetResult();
        return times;
    }

    // One at a time: the next change comes a gap after the one before was seen.
    private static List<double> HandOver(int gap, int count, Action change, Func<bool> isSeen, Func<long> seenAt)
    {
        var times = new List<double>(count);
        for (int i = 0; i < count; i++)
        {
            if (gap > 0)
                Thread.CurrentThread.Join(gap);
            long start = Stopwatch.GetTimestamp();
            change();
            var spin = default(SpinWait);
            while (!isSeen())
                spin.SpinOnce(sleep1Threshold: -1);
            if (i >= count / 10)
                times.Add(Stopwatch.GetElapsedTime(start, seenAt()).TotalNanoseconds);
        }

        return times;
    }
}
