using System.Globalization;
using System.Reflection;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Tests;

/// <summary>The table of docs/limits.md has every option that bounds something, with the default of the code.</summary>
public class LimitsPageTests
{
    // What they say is no bound: when something is done, and by whom.
    private static readonly string[] s_noBounds =
    [
        "SchedulerOptions.Interval", "SchedulerOptions.SoonAfterDisconnect", "SchedulerOptions.SoonAfterStage", "SchedulerOptions.DownloadPause", "SchedulerOptions.Seed",
        "SchedulerOptions.KeepsPathsOfStrangers", "SchedulerOptions.DialsAnyRoomForTunnels", "SchedulerOptions.BelievesClaims", "SchedulerOptions.DialsUnverifiedLan",
        "ConnDbOptions.WriteDelay", "ConnDbOptions.LongestDelay", "ConnPluginOptions.DefaultHops", "ConnPluginOptions.Autostart", "ConnPluginOptions.PingRecording",
    ];

    private static readonly PeerNetworkLimits s_network = new();

    private static readonly object[] s_options =
        [new StagingOptions(), new AdmissionOptions(), new SchedulerOptions(), new HubOptions(), new ConnDbOptions(), new ConnPluginOptions(), s_network, new LanLimits()];

    [Fact]
    public void Table_EveryBound_StandsThereOnceWithItsDefault()
    {
        Dictionary<string, string> expected = s_options
            .SelectMany(o => o.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(p => (Name: $"{o.GetType().Name}.{p.Name}", Value: p.GetValue(o), p.PropertyType)))
            .Where(o => IsBound(o.PropertyType) && !s_noBounds.Contains(o.Name))
            .ToDictionary(o => o.Name, o => Shown(o.Value));
        (string Name, string Default)[] rows = [.. Rows()];
        Assert.Equal(expected.Keys.Order(), rows.Select(r => r.Name).Order());
        Assert.All(rows, row => Assert.Equal(expected[row.Name], row.Default.Split(':')[0]));
    }

    [Fact]
    public void Table_BoundsOfAConnection_AreThoseThatAPeerHas()
    {
        RpcOptions ofPeer = s_network.Rpc, usual = new();
        IEnumerable<string> changed = typeof(RpcOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => IsBound(p.PropertyType) && !Equals(p.GetValue(ofPeer), p.GetValue(usual)))
            .Select(p => $"`{p.Name}` {Shown(p.GetValue(ofPeer))}");
        string row = Page().Single(line => line.StartsWith("| `PeerNetworkLimits.Rpc` |", StringComparison.Ordinal));
        Assert.Equal(changed.Order(), row.Split('|')[2].Trim().Split(", ").Order());
    }

    private static bool IsBound(Type type) => (Nullable.GetUnderlyingType(type) ?? type) is var plain
        && (plain == typeof(int) || plain == typeof(long) || plain == typeof(bool) || plain == typeof(TimeSpan)
            || plain == typeof(IReadOnlyDictionary<string, int>) || plain == typeof(IReadOnlyList<string>));

    private static string Shown(object? value) => value switch
    {
        null => "null",
        bool b => b ? "true" : "false",
        TimeSpan { TotalHours: >= 1 } t => $"{t.TotalHours} h",
        TimeSpan { TotalMinutes: > 1 } t => $"{t.TotalMinutes} min",
        TimeSpan t => $"{t.TotalSeconds} s",
        IReadOnlyDictionary<string, int> quotas => string.Join(", ", new[] { "lan", "room", "pub", "peer" }.Select(kind => $"`{kind}` {quotas[kind]}")),
        IReadOnlyList<string> { Count: 0 } => "none",
        IConvertible number when number.ToInt64(CultureInfo.InvariantCulture) is var n && n >= 1 << 20 && n % (1 << 20) == 0 => $"{n >> 20} MiB",
        _ => string.Create(CultureInfo.InvariantCulture, $"{value:N0}"),
    };

    private static IEnumerable<(string Name, string Default)> Rows() => Page()
        .Where(line => line.StartsWith("| `", StringComparison.Ordinal) && !line.StartsWith("| `PeerNetworkLimits.Rpc`", StringComparison.Ordinal))
        .Select(line => line.Split('|'))
        .Select(cells => (cells[1].Trim().Trim('`'), cells[2].Trim()));

    private static string[] Page() => File.ReadAllLines(Path.Combine(ReadmeTests.SourceTree, "docs", "limits.md"));
}
