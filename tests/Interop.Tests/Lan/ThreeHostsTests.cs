using System.Globalization;
using System.Text.Json;
using Interop.Tests.Harness;

namespace Interop.Tests.Lan;

/// <summary>Whole peers on hosts of their own: real JavaScript ones, and the tool's <c>start</c>. They find each other on the LAN and connect by themselves.</summary>
/// <remarks>A JavaScript peer dials by itself only whom it knows to be near; a stand-in for ssb-friends tells it. Ours are told nothing.</remarks>
public class ThreeHostsTests
{
    [Fact]
    public async Task ThreeHosts_TwoOfOursAndAJavaScriptPeer_FindConnectLoseAndFindEachOther()
    {
        await using LanHosts hosts = await LanHosts.CreateAsync(1, 2, 3);
        PeerProcess one = await hosts.StartToolAsync(1);
        PeerProcess two = await hosts.StartToolAsync(2);
        PeerProcess theirs = await hosts.StartTheirsAsync(3, knows: [1, 2]);

        await one.ConnectedAsync(LanHosts.Id(2));
        await one.ConnectedAsync(LanHosts.Id(3));
        await two.ConnectedAsync(LanHosts.Id(1));
        await two.ConnectedAsync(LanHosts.Id(3));
        await theirs.FindAsync(line => Has(line, 1) && Has(line, 2));

        // One of ours goes, saying goodbye: both others notice. It comes back, and all are together again.
        (int seenByTwo, int seenByThem) = (two.Told.Count, theirs.Told.Count);
        await one.TerminateAsync();
        await two.DisconnectedAsync(LanHosts.Id(1), seenByTwo);
        await theirs.FindAsync(line => line.TryGetProperty("peers", out _) && !Has(line, 1), seenByThem);
        (seenByTwo, seenByThem) = (two.Told.Count, theirs.Told.Count);
        PeerProcess again = await hosts.StartToolAsync(1);
        await again.ConnectedAsync(LanHosts.Id(2));
        await again.ConnectedAsync(LanHosts.Id(3));
        await two.ConnectedAsync(LanHosts.Id(1), seenByTwo);
        await theirs.FindAsync(line => Has(line, 1) && Has(line, 2), seenByThem);

        // The JavaScript peer goes, without a word, and comes back.
        (int seenByOne, seenByTwo) = (again.Told.Count, two.Told.Count);
        await theirs.DisposeAsync();
        await again.DisconnectedAsync(LanHosts.Id(3), seenByOne);
        await two.DisconnectedAsync(LanHosts.Id(3), seenByTwo);
        (seenByOne, seenByTwo) = (again.Told.Count, two.Told.Count);
        PeerProcess back = await hosts.StartTheirsAsync(3, knows: [1, 2]);
        await again.ConnectedAsync(LanHosts.Id(3), seenByOne);
        await two.ConnectedAsync(LanHosts.Id(3), seenByTwo);
        await back.FindAsync(line => Has(line, 1) && Has(line, 2));
    }

    [Fact]
    public async Task ThreeHosts_TwoJavaScriptPeersAndOurs_DialEachOtherInBothDirections()
    {
        await using LanHosts hosts = await LanHosts.CreateAsync(1, 2, 3);

        // Ours dials nobody: they dial it. And each other, as they always did.
        PeerProcess ours = await hosts.StartToolAsync(1, "--no-dial");
        PeerProcess two = await hosts.StartTheirsAsync(2, knows: [1, 3]);
        PeerProcess three = await hosts.StartTheirsAsync(3, knows: [1, 2]);
        await ours.ConnectedAsync(LanHosts.Id(2));
        await ours.ConnectedAsync(LanHosts.Id(3));
        await two.FindAsync(line => Has(line, 1) && Has(line, 3));
        await three.FindAsync(line => Has(line, 1) && Has(line, 2));

        // They know nobody, and dial nobody: ours dials them.
        await two.DisposeAsync();
        await three.DisposeAsync();
        await ours.TerminateAsync();
        two = await hosts.StartTheirsAsync(2);
        three = await hosts.StartTheirsAsync(3);
        ours = await hosts.StartToolAsync(1);
        await ours.ConnectedAsync(LanHosts.Id(2));
        await ours.ConnectedAsync(LanHosts.Id(3));
        await two.FindAsync(line => Has(line, 1));
        await three.FindAsync(line => Has(line, 1));
    }

    [Fact]
    public async Task ThreeHosts_LinkLost_AllAreTogetherAgainWhenItReturns()
    {
        // Longer than a LAN peer stays on the bench. A minute with SSB_CONN_OUTAGE=60.
        double seconds = double.Parse(Environment.GetEnvironmentVariable("SSB_CONN_OUTAGE") ?? "13", CultureInfo.InvariantCulture);
        await using LanHosts hosts = await LanHosts.CreateAsync(1, 2, 3, 4);
        PeerProcess one = await hosts.StartToolAsync(1);
        PeerProcess two = await hosts.StartToolAsync(2);
        PeerProcess theirs = await hosts.StartTheirsAsync(3, knows: [1, 2, 4]);
        await one.ConnectedAsync(LanHosts.Id(2));
        await one.ConnectedAsync(LanHosts.Id(3));
        await two.ConnectedAsync(LanHosts.Id(3));

        await hosts.Network.LinkAsync(1, up: false);
        (int seenByOne, int seenByTwo, int seenByThem) = (one.Told.Count, two.Told.Count, theirs.Told.Count);
        PeerProcess newcomer = await hosts.StartToolAsync(4);
        await two.ConnectedAsync(LanHosts.Id(4), seenByTwo);
        await Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System, TestContext.Current.CancellationToken);
        await hosts.Network.LinkAsync(1, up: true);

        // Whom it had it has, or has again; whom it missed it finds.
        await one.ConnectedAsync(LanHosts.Id(4), seenByOne);
        await newcomer.ConnectedAsync(LanHosts.Id(1));
        await newcomer.ConnectedAsync(LanHosts.Id(3));
        await theirs.FindAsync(line => Has(line, 1) && Has(line, 2) && Has(line, 4), seenByThem);
        await one.FindAsync(_ => one.ConnectedNow().ToHashSet().SetEquals([LanHosts.Id(2), LanHosts.Id(3), LanHosts.Id(4)]), seenByOne);
        await two.FindAsync(_ => two.ConnectedNow().Contains(LanHosts.Id(1)), seenByTwo);

        // And they still speak: a call over the connection that the loss may have left half open is answered.
        int before = theirs.Told.Count;
        await one.TerminateAsync();
        await theirs.FindAsync(line => line.TryGetProperty("peers", out _) && !Has(line, 1), before);
    }

    private static bool Has(JsonElement line, int seed) => line.HasConnected(LanHosts.Id(seed));
}

/// <summary>Reading what <c>ssb-conn start --json</c> told.</summary>
internal static class ToolLines
{
    /// <summary>Waits until a peer is connected.</summary>
    public static Task ConnectedAsync(this PeerProcess tool, string id, int from = 0) =>
        tool.FindAsync(line => HubEntries(line).Exists(entry => IsConnected(entry, id)), from);

    /// <summary>Waits until a peer has left the hub.</summary>
    public static Task DisconnectedAsync(this PeerProcess tool, string id, int from) =>
        tool.FindAsync(line => Is(line, "removed") && HubEntries(line).Exists(entry => KeyOf(entry) == id), from);

    /// <summary>Who is connected, as far as it was read.</summary>
    public static IReadOnlyCollection<string> ConnectedNow(this PeerProcess tool)
    {
        var now = new Dictionary<string, string>();
        foreach (JsonElement line in tool.Told)
        {
            if (Is(line, "snapshot") && HubEntries(line).Count > 0)
                now.Clear();
            foreach (JsonElement entry in HubEntries(line))
            {
                string address = entry[0].GetString()!;
                if (Is(line, "removed") || entry[1].GetProperty("state").GetString() != "connected")
                    now.Remove(address);
                else
                    now[address] = KeyOf(entry)!;
            }
        }

        return [.. now.Values.Distinct()];
    }

    private static bool Is(JsonElement line, string change) => line.TryGetProperty("change", out JsonElement found) && found.GetString() == change;

    /// <summary>The entries of the hub that a line tells of.</summary>
    public static List<JsonElement> HubEntries(JsonElement line)
    {
        if (!line.TryGetProperty("pool", out JsonElement pool) || pool.GetString() != "hub")
            return [];
        return line.TryGetProperty("entries", out JsonElement all) ? [.. all.EnumerateArray()] : [line.GetProperty("entry")];
    }

    private static bool IsConnected(JsonElement entry, string id) => KeyOf(entry) == id && entry[1].GetProperty("state").GetString() == "connected";

    private static string? KeyOf(JsonElement entry) => entry[1].TryGetProperty("key", out JsonElement key) ? key.GetString() : null;
}
