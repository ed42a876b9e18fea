using System.Diagnostics;

namespace Ssb.Conn.Benchmarks;

/// <summary>Two things measured in turn, many times, so that what else the machine does meets both.</summary>
internal static class Measure
{
    /// <summary>Nanoseconds for one operation of each.</summary>
    /// <param name="rounds">Pairs of runs that count; others before them warm up.</param>
    /// <param name="operations">Operations in one run.</param>
    /// <param name="ours">Prepares, untimed, and gives the run to be timed.</param>
    /// <param name="baseline">Likewise.</param>
    /// <param name="after">Cleans up after each pair of runs, untimed.</param>
    /// <returns>The medians, and the median of the ratios of the pairs.</returns>
    public static (double Ours, double Baseline, double Ratio) Pair(
        int rounds, int operations, Func<Action> ours, Func<Action> baseline, Action? after = null)
    {
        var times = new List<(double Ours, double Baseline)>();
        // Two seconds and more: the runtime compiles what runs often again, in the background.
        int warmup = 3;
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < rounds + warmup; i++)
        {
            if (i == warmup && Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(2))
                warmup++;
            // In alternating order, so that neither always finds the cache of the other.
            double a, b;
            if (i % 2 == 0)
                (a, b) = (Time(ours()), Time(baseline()));
            else
                (b, a) = (Time(baseline()), Time(ours()));
            after?.Invoke();
            if (i >= warmup)
                times.Add((a / operations, b / operations));
        }

        return (Median(times.Select(t => t.Ours)), Median(times.Select(t => t.Baseline)), Median(times.Select(t => t.Ours / t.Baseline)));
    }

    /// <summary>Nanoseconds of a run, after a collection.</summary>
    public static double Time(Action run)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long start = Stopwatch.GetTimestamp();
        run();
        return Stopwatch.GetElapsedTime(start).TotalNanoseconds;
    }

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
