using System.Globalization;
using System.Text;

namespace Ssb.Conn.Simulator;

/// <summary>The table of scenarios and policies.</summary>
internal sealed class Report
{
    private readonly StringBuilder _text = new();

    public const string Head = """
        | scenario | policy | bench | made | sources | all | rooms | evicted | kept out | newcomer, median | slowest | cut off | together | back after | dials/h | failed |
        |---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
        """;

    public static string Row(Scenario scenario, Measures m) => string.Create(CultureInfo.InvariantCulture,
        $"| {scenario.Name} | {m.World.Policy.Name} | {m.Bench.Value:P1} | {m.Automatic.Value:P1} | {m.Sources.Value:P1} | {m.Connections.Value:P1} | {m.Rooms.Value:P1} | {m.Evicted} | {m.KeptOut} | {Words(m.Waits[m.Waits.Count / 2])} | {Words(m.Waits[^1])} | {m.CutOff.Value:P1} | {m.Together.Value:P1} | {Recovery(scenario, m)} | {m.World.Dials / m.HostHours:F0} | {(m.World.Dials == 0 ? 0 : (double)m.World.FailedDials / m.World.Dials):P0} |");

    /// <summary>Runs all scenarios under both policies; the same options give the same text.</summary>
    public static string Of(SimOptions options, Action<string>? onRow = null) => new Report().Run(options, onRow);

    private string Run(SimOptions options, Action<string>? onRow)
    {
        int plugins = 0;
        long dials = 0;
        double hours = 0;
        Add(Head);
        // Each simulation runs on one thread and shares nothing with another.
        var all = from scenario in Scenario.All
                  where scenario.Name.Contains(options.Only, StringComparison.OrdinalIgnoreCase)
                  from policy in new[] { Policy.Ssb, Policy.Ours }
                  select (Scenario: scenario, Policy: policy);
        foreach ((Scenario scenario, Measures measures) in all.AsParallel().AsOrdered().WithMergeOptions(ParallelMergeOptions.NotBuffered)
            .WithDegreeOfParallelism(Math.Min(options.Jobs, 64)).Select(run => (run.Scenario, Simulation.Run(options, run.Scenario, run.Policy))))
        {
            plugins += measures.World.Hosts.Count;
            dials += measures.World.Dials;
            hours += measures.World.Now.TotalHours;
            Add(Row(scenario, measures));
        }

        Add("");
        Add(string.Create(CultureInfo.InvariantCulture, $"{plugins:N0} plugins, {dials:N0} dials, {hours:F1} virtual hours."));
        return _text.ToString();

        void Add(string line)
        {
            _text.Append(line).Append('\n');
            onRow?.Invoke(line);
        }
    }

    private static string Recovery(Scenario scenario, Measures m) => !scenario.HasMassDeath ? "" : m.RecoveredAfter is { } after ? Words(after) : "never";

    private static string Words(TimeSpan wait) => wait == TimeSpan.MaxValue ? "never" : string.Create(CultureInfo.InvariantCulture, $"{wait.TotalSeconds:F1} s");
}
