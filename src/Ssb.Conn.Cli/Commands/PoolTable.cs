using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli.Commands;

/// <summary>The three places where a peer knows others.</summary>
internal enum Pool
{
    /// <summary>Those that it could connect to.</summary>
    Bench,

    /// <summary>Those that it is connected with, or is about to be.</summary>
    Hub,

    /// <summary>Those that it remembers.</summary>
    Book,
}

/// <summary>What people see of a pool: its columns. The last one is the address.</summary>
internal static class PoolTable
{
    private const int MostText = 20;
    private const int ShortKey = 10;

    /// <summary>The headings.</summary>
    public static IReadOnlyList<string> Headings(Pool pool) => pool switch
    {
        Pool.Bench => ["PEER", "TYPE", "AGE", "HEARD", "ADDRESS"],
        Pool.Hub => ["PEER", "TYPE", "STATE", "SINCE", "ADDRESS"],
        _ => ["PEER", "TYPE", "FAILED", "SINCE", "ADDRESS"],
    };

    /// <summary>The cells of a peer, fit for a terminal.</summary>
    public static IReadOnlyList<string> Cells(Pool pool, RemoteEntry entry, DateTimeOffset now)
    {
        string key = TerminalText.Fit(entry.Key ?? "?", ShortKey);
        string type = TerminalText.Fit(entry.Text("type") ?? entry.Text("inferredType") ?? "-", MostText);
        string address = TerminalText.Clean(entry.Shown);
        return pool switch
        {
            Pool.Bench => [key, type, Ago("stagingBirth"), Ago("stagingUpdated"), address],
            Pool.Hub => [key, type, TerminalText.Fit(entry.Text("state") ?? "-", MostText), entry.Time("hubStateSince") is null ? AtMost() : Ago("hubStateSince"), address],
            _ => [key, type, $"{entry.Number("failure") ?? 0:0}", Ago("stateChange"), address],
        };

        string Ago(string name) => entry.Time(name) is { } then ? Durations.Short(now - then) : "-";

        // A JavaScript peer tells when a peer came into its hub and when anything was last told of it, between which the state changed.
        string AtMost()
        {
            string most = Ago("hubBirth"), least = Ago("hubUpdated");
            return most == least || most == "-" ? most : $"≤{most}";
        }
    }
}
