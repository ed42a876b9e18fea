namespace Ssb.Conn.Benchmarks;

/// <summary>The results, as a Markdown table: what, ours, baseline, their ratio, and the ratio to reach.</summary>
internal sealed class Table
{
    private int _rows;
    private int _missed;

    public static void WriteHead()
    {
        Console.WriteLine("| what | ours | baseline | ratio | to reach | |");
        Console.WriteLine("|---|---:|---:|---:|---:|---|");
    }

    /// <summary>Ours costs at most <paramref name="limit"/> times the baseline.</summary>
    public void AtMost(string what, string ours, string baseline, double ratio, double limit) =>
        Row(what, ours, baseline, $"{ratio:0.00} x", $"<= {limit:0.0##} x", ratio <= limit);

    /// <summary>Ours is at least <paramref name="limit"/> times faster.</summary>
    public void AtLeast(string what, string ours, string baseline, double ratio, double limit) =>
        Row(what, ours, baseline, $"{ratio:N1} x faster", $">= {limit:N0} x", ratio >= limit);

    /// <summary>Ours is at least <paramref name="limit"/> of the baseline, which is the most that is to be had.</summary>
    public void Share(string what, string ours, string baseline, double ratio, double limit) =>
        Row(what, ours, baseline, $"{ratio:0.0%}", $">= {limit:0%}", ratio >= limit);

    /// <summary>A figure of a baseline that nothing is compared with yet.</summary>
    public static void WriteBaseline(string what, string baseline) => Console.WriteLine($"| {what} | | {baseline} | | | |");

    /// <summary>A figure of ours that nothing is compared with here.</summary>
    public static void WriteFigure(string what, string ours) => Console.WriteLine($"| {what} | {ours} | | | | |");

    /// <summary>A figure of ours and one of a baseline, without a ratio to reach.</summary>
    public static void WritePair(string what, string ours, string baseline, string ratio) => Console.WriteLine($"| {what} | {ours} | {baseline} | {ratio} | | |");

    public void Row(string what, string ours, string baseline, string ratio, string limit, bool isReached)
    {
        _rows++;
        _missed += isReached ? 0 : 1;
        Console.WriteLine($"| {what} | {ours} | {baseline} | {ratio} | {limit} | {(isReached ? "reached" : "**missed**")} |");
    }

    public int WriteFoot()
    {
        Console.WriteLine();
        Console.WriteLine($"{_rows - _missed} of {_rows} reached.");
        return 0;
    }

    /// <summary>How many a second, from the nanoseconds for one.</summary>
    public static string Rate(double ns) => $"{1e9 / ns:#,0.#}/s";

    /// <summary>How fast bytes go, from the nanoseconds for so many.</summary>
    public static string Speed(double ns, int bytes) => $"{bytes * 1e3 / ns:#,0} MB/s";

    public static string Ns(double ns) => ns switch
    {
        >= 1e9 => $"{ns / 1e9:0.00} s",
        >= 1e6 => $"{ns / 1e6:0.0} ms",
        >= 10_000 => $"{ns / 1e3:0.0} us",
        _ => $"{ns:0.0} ns",
    };
}
