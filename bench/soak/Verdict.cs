using System.Globalization;
using System.Text;

namespace Ssb.Conn.Soak;

/// <summary>Is it flat? The medians of the second quarter of the time and of the last are compared; the first is the warm-up.</summary>
/// <remarks>All thresholds stand here. What a leak of one thing for each connection would add in half an hour, with more than a hundred connections a
/// minute, is a multiple of each: <c>--leak</c> shows it.</remarks>
internal sealed class Verdict
{
    private static readonly Rule[] s_rules =
    [
        new("live heap", "MiB", s => s.LiveMiB, 0.10, 4, "of peers that do not read, some have more to come than others: up to 1 MiB each"),
        new("resident memory", "MiB", s => double.IsNaN(s.LiveMiB) ? double.NaN : s.RssMiB, 0.10, 8, "the live heap is in it, and code is compiled again"),
        new("handles", "", s => s.Handles, 0.15, 10, "one for each connection, of which there are now more, now less"),
        new("threads", "", s => s.Threads, 0, 6, "the pool adds and removes some with the load of the machine"),
        new("timers", "", s => s.Timers, 0.15, 15, "some for each connection"),
        new("network tasks", "", s => s.Tasks, 0.15, 15, "two or three for each connection"),
        new("work waiting for a thread", "", s => s.Pending, 0, 20, "there is none, unless the machine is busy"),
    ];

    // At rest there is nobody any more, and so nothing that varies with them.
    private static readonly Rule[] s_restRules =
    [
        new("live heap", "MiB", s => s.LiveMiB, 0, 12, "the histories and the address book are full, and the pool keeps buffers"),
        new("handles", "", s => s.Handles, 0, 6, "three pipes to the others, and what the runtime opens when it first needs it"),
        new("timers", "", s => s.Timers, 0, 2, "of the runtime, which come late"),
        new("network tasks", "", s => s.Tasks, 0, 0, "nobody is there"),
        new("connections", "", s => s.Connections, 0, 0, "nobody is there"),
        new("peers in the hub", "", s => s.Hub, 0, 0, "nobody is there"),
    ];

    private readonly StringBuilder _table = new();
    private readonly List<string> _failures = [];

    public IReadOnlyList<string> Failures => _failures;

    public string Table => _table.ToString();

    public void Judge(IReadOnlyList<Sample> samples, double seconds)
    {
        _table.Append("| | second quarter | last quarter | at most | because | |\n|---|---:|---:|---:|---|---|\n");
        foreach (Rule rule in s_rules)
            Row(rule, MedianOf(rule, samples, seconds / 4, seconds / 2), MedianOf(rule, samples, seconds * 3 / 4, seconds), "in the last quarter", "in the second");
    }

    public void JudgeRest(Sample before, Sample after)
    {
        _table.Append("\n| at rest | before anybody came | after all had gone | at most | because | |\n|---|---:|---:|---:|---|---|\n");
        foreach (Rule rule in s_restRules)
            Row(rule, rule.Value(before), rule.Value(after), "after all had gone", "before anybody came");
    }

    public void Fail(string why) => _failures.Add(why);

    private void Row(Rule rule, double first, double last, string when, string than)
    {
        double most = (first * (1 + rule.Share)) + rule.Plus;
        bool isFlat = last <= most; // not for NaN: what was not measured is not flat
        if (!isFlat)
            _failures.Add(string.Create(CultureInfo.InvariantCulture, $"{rule.Name}: {last:0.#} {rule.Unit} {when}, after {first:0.#} {than}; {most:0.#} are the most."));
        _table.Append(CultureInfo.InvariantCulture, $"| {rule.Name}{(rule.Unit.Length > 0 ? ", " + rule.Unit : "")} | {first:0.0} | {last:0.0} | {most:0.0} | {rule.Because} | {(isFlat ? "flat" : "**grew**")} |\n");
    }

    private static double MedianOf(Rule rule, IEnumerable<Sample> samples, double from, double to)
    {
        double[] values = [.. samples.Where(s => s.Seconds >= from && s.Seconds < to).Select(rule.Value).Where(v => !double.IsNaN(v)).Order()];
        return values.Length == 0 ? double.NaN : values[values.Length / 2];
    }

    /// <param name="Name">What.</param>
    /// <param name="Unit">Its unit.</param>
    /// <param name="Value">Of a sample.</param>
    /// <param name="Share">By how much of itself it may grow,</param>
    /// <param name="Plus">and by how much besides,</param>
    /// <param name="Because">and why.</param>
    private sealed record Rule(string Name, string Unit, Func<Sample, double> Value, double Share, double Plus, string Because);
}
