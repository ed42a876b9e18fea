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

    /// <summary>Several things measured in turn.</summary>
    /// <param name="rounds">Rounds that count; others before them warm up, for two seconds and more.</param>
    /// <param name="things">Each does it once and gives its figure.</param>
    /// <returns>For each thing its figure in each round.</returns>
    public static double[][] Turns(int rounds, params Func<double>[] things)
    {
        double[][] figures = [.. things.Select(_ => new double[rounds])];
        int warmup = 3;
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < rounds + warmup; i++)
        {
            if (i == warmup && Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(2))
                warmup++;
            for (int j = 0; j < things.Length; j++)
            {
                int turn = (i + j) % things.Length; // so that nobody always comes after the same one
                double figure = things[turn]();
                if (i >= warmup)
                    figures[turn][i - warmup] = figure;
            }
        }

        return figures;
    }

    /// <summary>The median of the ratios of two that took turns.</summary>
    public static double Ratio(double[] a, double[] b) => Median(a.Zip(b, (x, y) => x / y));

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
