using System.Diagnostics;
using System.Text.Json;
using Interop.Tests.Harness;

namespace Interop.Tests.Lan;

/// <summary>Hosts with more than one address, and with addresses that come and go: a real JavaScript peer watches what the tool's
/// <c>start</c> tells of itself.</summary>
/// <remarks>ssb-conn 6.0.4 that has two addresses of one peer dials both at once, keeps a dead entry when that peer restarts, and never
/// connects again.</remarks>
public class ManyCardsTests
{
    private const int Ours = 1, Theirs = 3;
    private static readonly string s_ours = LanHosts.Id(Ours), s_theirs = LanHosts.Id(Theirs);

    [Theory]
    [InlineData("two families"), InlineData("two subnets, both shared"), InlineData("two subnets, one shared"),
        InlineData("two cards in one subnet")]
    public async Task JavaScriptPeer_OursHasManyAddresses_StagesOneAndConnectsAgainAfterRestarts(string scene)
    {
        await using LanHosts hosts = await LanHosts.CreateAsync(Ours, Theirs);
        string[] expected = await MakeAsync(hosts.Network, scene);

        // Ours dials nobody: whether it is connected is theirs to do.
        PeerProcess ours = await hosts.StartToolAsync(Ours, "--no-dial");
        PeerProcess theirs = await hosts.StartTheirsAsync(Theirs, knows: Ours);
        await theirs.FindAsync(line => line.HasConnected(s_ours));

        int seen = theirs.Told.Count;
        await ours.TerminateAsync();
        await theirs.FindAsync(line => line.TryGetProperty("peers", out _) && line.EntriesOf("peers", s_ours).Count == 0, seen);
        seen = theirs.Told.Count;
        ours = await hosts.StartToolAsync(Ours, "--no-dial");
        await theirs.FindAsync(line => line.HasConnected(s_ours), seen);
        Assert.Subset(expected.ToHashSet(), HeardOfUs(theirs));
        AssertOneOfUs(theirs, expected.Length);

        await ours.ConnectedAsync(s_theirs);
        int seenByOurs = ours.Told.Count;
        await theirs.DisposeAsync();
        await ours.DisconnectedAsync(s_theirs, seenByOurs);
        theirs = await hosts.StartTheirsAsync(Theirs, knows: Ours);
        await theirs.FindAsync(line => line.HasConnected(s_ours));

        // Some rounds later it is the same: a JavaScript peer ends a connection that is idle for 5 s, and connects again when it hears
        // of us again.
        int announced = theirs.Announced().Count();
        await theirs.FindAsync(_ => theirs.Announced().Count() >= announced + 3);
        int last = theirs.Told.ToList().FindLastIndex(line => line.TryGetProperty("peers", out _));
        await theirs.FindAsync(line => line.HasConnected(s_ours), last);
        Assert.Equal(expected.ToHashSet(), HeardOfUs(theirs));
        AssertOneOfUs(theirs, expected.Length);
    }

    [Theory]
    [InlineData("two families"), InlineData("two subnets, both shared"), InlineData("two cards in one subnet")]
    public async Task BothDial_OursHasManyAddresses_AreConnectedAgainAfterRestarts(string scene)
    {
        await using LanHosts hosts = await LanHosts.CreateAsync(Ours, Theirs);
        await MakeAsync(hosts.Network, scene);
        PeerProcess ours = await hosts.StartToolAsync(Ours);
        PeerProcess theirs = await hosts.StartTheirsAsync(Theirs, knows: Ours);
        await theirs.FindAsync(line => line.HasConnected(s_ours));
        await ours.ConnectedAsync(s_theirs);

        int seen = theirs.Told.Count;
        await ours.TerminateAsync();
        await theirs.FindAsync(line => line.TryGetProperty("peers", out _) && line.EntriesOf("peers", s_ours).Count == 0, seen);
        seen = theirs.Told.Count;
        ours = await hosts.StartToolAsync(Ours);
        await theirs.FindAsync(line => line.HasConnected(s_ours), seen);
        await ours.ConnectedAsync(s_theirs);

        int seenByOurs = ours.Told.Count;
        await theirs.DisposeAsync();
        await ours.DisconnectedAsync(s_theirs, seenByOurs);
        theirs = await hosts.StartTheirsAsync(Theirs, knows: Ours);
        await theirs.FindAsync(line => line.HasConnected(s_ours));
    }

    [Fact]
    public async Task JavaScriptPeerWithManyAddresses_KnowsNobody_IsFoundAndDialledAgain()
    {
        await using LanHosts hosts = await LanHosts.CreateAsync(Ours, Theirs);
        await MakeAsync(hosts.Network, "two families");
        await MakeAsync(hosts.Network, "two subnets, both shared");
        PeerProcess ours = await hosts.StartToolAsync(Ours);
        PeerProcess theirs = await hosts.StartTheirsAsync(Theirs, scopes: true);
        await ours.ConnectedAsync(s_theirs);
        await theirs.FindAsync(line => line.HasConnected(s_ours));

        int seenByOurs = ours.Told.Count;
        await theirs.DisposeAsync();
        await ours.DisconnectedAsync(s_theirs, seenByOurs);
        seenByOurs = ours.Told.Count;
        theirs = await hosts.StartTheirsAsync(Theirs, scopes: true);
        await ours.ConnectedAsync(s_theirs, seenByOurs);
        await theirs.FindAsync(line => line.HasConnected(s_ours));

        await ours.TerminateAsync();
        ours = await hosts.StartToolAsync(Ours);
        await ours.ConnectedAsync(s_theirs);
    }

    [Fact]
    public async Task NewLease_WhileOursRuns_IsAnnouncedAndTheOldOneNoMore()
    {
        const string Lease = "10.77.0.51";
        await using LanHosts hosts = await LanHosts.CreateAsync(Ours, Theirs, 4);
        PeerProcess ours = await hosts.StartToolAsync(Ours, "--no-dial");
        PeerProcess theirs = await hosts.StartTheirsAsync(Theirs);
        string old = LanHosts.Address(Ours, Ours), now = old.Replace(NetworkNamespaces.Address(Ours), Lease, StringComparison.Ordinal);
        await theirs.FindAsync(line => IsDiscovered(line, old));

        await hosts.Network.AddressAsync(Ours, NetworkNamespaces.Address(Ours), add: false);
        await hosts.Network.AddressAsync(Ours, Lease, add: true);
        await theirs.AskAsync(new { @do = "nothing" }, "done");
        int announced = theirs.Announced().Count();
        await theirs.FindAsync(line => IsDiscovered(line, now), theirs.Told.Count);
        Assert.InRange(theirs.Announced().Count() - announced, 0, 3); // theirs has the rhythm that ours has

        int seen = theirs.Told.Count;
        announced = theirs.Announced().Count();
        await theirs.FindAsync(_ => theirs.Announced().Count() >= announced + 3, seen);
        Assert.DoesNotContain(theirs.Told.Skip(seen), line => IsDiscovered(line, old));

        // And who comes now finds it.
        PeerProcess fresh = await hosts.StartTheirsAsync(4, knows: Ours);
        await fresh.FindAsync(line => line.HasConnected(s_ours));
        Assert.All(OursStagedBy(fresh), address => Assert.Equal(now, address));
        await ours.ConnectedAsync(LanHosts.Id(4));
    }

    [Fact]
    public async Task NetworkThatComesLater_AfterOursWasStarted_IsFound()
    {
        await using LanHosts hosts = await LanHosts.CreateAsync(Ours, Theirs);
        await hosts.Network.AddressAsync(Ours, NetworkNamespaces.Address(Ours), add: false);
        (PeerProcess ours, JsonElement started) = await hosts.StartToolAnywhereAsync(Ours, "--no-dial");
        Assert.Equal($"net:127.0.0.1:8008~shs:{s_ours[1..45]}", Assert.Single(NetOf(started)));
        PeerProcess theirs = await hosts.StartTheirsAsync(Theirs, knows: Ours);
        int announced = theirs.Announced().Count();
        await theirs.FindAsync(_ => theirs.Announced().Count() >= announced + 2);
        Assert.Empty(OursStagedBy(theirs));

        await hosts.Network.AddressAsync(Ours, NetworkNamespaces.Address(Ours), add: true);
        await theirs.FindAsync(line => line.HasConnected(s_ours));
        await ours.ConnectedAsync(s_theirs);
        Assert.Equal([LanHosts.Address(Ours, Ours)], HeardOfUs(theirs));
        AssertOneOfUs(theirs, 1);
    }

    [Fact]
    public async Task CardThatComesAndGoes_WhileOursRuns_IsAnnouncedWhileItIsThere()
    {
        await using LanHosts hosts = await LanHosts.CreateAsync(Ours, Theirs, 5);
        await hosts.StartToolAsync(Ours, "--no-dial");
        PeerProcess theirs = await hosts.StartTheirsAsync(Theirs);
        await theirs.FindAsync(line => IsDiscovered(line, LanHosts.Address(Ours, Ours)));

        // Host 5 is moved to a LAN of its own, which ours joins later.
        await hosts.Network.AddressAsync(5, NetworkNamespaces.Address(5), add: false);
        await hosts.Network.LinkAsync(5, up: false);
        await hosts.Network.AddCardAsync(5, "eth1", 1, "10.78.0.5/24");
        await hosts.Network.AddCardAsync(Ours, "eth1", 1, "10.78.0.1/24");
        PeerProcess watcher = hosts.StartOurs(5);
        await watcher.AskAsync(new { @do = "discover" }, "discovering");
        string there = LanHosts.Address(Ours, Ours).Replace("10.77.", "10.78.", StringComparison.Ordinal);
        await watcher.FindAsync(line => line.IsChange("Inserted", there));

        int seen = watcher.Told.Count;
        await hosts.Network.AddressAsync(Ours, "eth1", "10.78.0.1/24", add: false);
        await watcher.FindAsync(line => line.IsChange("Removed", there), seen);
        seen = watcher.Told.Count;
        await hosts.Network.AddressAsync(Ours, "eth1", "10.78.0.1/24");
        await watcher.FindAsync(line => line.IsChange("Inserted", there), seen);
        Assert.All(
            watcher.Told.Where(line => line.TryGetProperty("address", out _)),
            line => Assert.Equal(there, line.GetProperty("address").GetString()));
    }

    [Theory]
    [InlineData(40, 10)] // cards, and subnets that they share
    [InlineData(40, 40)]
    public async Task ManyCards_OneAnnouncementForEachSubnetARound(int cards, int subnets)
    {
        const int Formats = 2, Rounds = 4;
        await using LanHosts hosts = await LanHosts.CreateAsync(Ours, Theirs);
        for (int i = 0; i < cards; i++)
            await hosts.Network.AddLooseCardAsync(Ours, $"loose{i}", $"10.99.{i % subnets}.{1 + i / subnets}/24");
        (PeerProcess _, JsonElement started) = await hosts.StartToolAnywhereAsync(Ours, "--no-dial");
        Assert.Equal(1 + subnets, NetOf(started).Count());
        PeerProcess theirs = await hosts.StartTheirsAsync(Theirs);
        string address = LanHosts.Address(Ours, Ours);

        int first = await HearAsync(0);
        long before = await hosts.Network.SentAsync(Ours);
        int last = await HearAsync(first + Rounds);
        long sent = await hosts.Network.SentAsync(Ours) - before;

        // What was sent while the figures were read is of one round more or less, or two on a busy machine.
        int rounds = last - first;
        Assert.InRange(sent, (rounds - 2) * Formats * (1 + subnets), (rounds + 2) * Formats * (1 + subnets));
        Assert.Equal([address], OursStagedBy(theirs).Distinct());

        // How many rounds were heard, at least so many, the last of them just now: what a busy machine kept waiting comes in a bunch.
        async Task<int> HearAsync(int least)
        {
            int heard, seen = 0;
            TimeSpan gap;
            do
            {
                long start = Stopwatch.GetTimestamp();
                await theirs.FindAsync(line => IsDiscovered(line, address) && line.IsVerified(), seen);
                gap = Stopwatch.GetElapsedTime(start);
                JsonElement[] told = [.. theirs.Told];
                seen = 1 + Array.FindIndex(told, seen, line => IsDiscovered(line, address) && line.IsVerified());
                heard = told.Take(seen).Count(line => IsDiscovered(line, address) && line.IsVerified());
            }
            while (heard < least || gap < TimeSpan.FromSeconds(1)); // of the two from round to round
            return heard;
        }
    }

    /// <summary>Gives our host its addresses.</summary>
    /// <returns>What it announces where they hear it.</returns>
    private static async Task<string[]> MakeAsync(NetworkNamespaces network, string scene)
    {
        string usual = LanHosts.Address(Ours, Ours), shs = usual[usual.IndexOf('~', StringComparison.Ordinal)..];
        switch (scene)
        {
            case "two families":
                await network.AddressAsync(Ours, "eth0", "fd00:77::1/64");
                await network.AddressAsync(Theirs, "eth0", "fd00:77::3/64");
                return [$"{usual};net:fd00:77::1:8008{shs}"];
            case "two subnets, both shared":
                await network.AddCardAsync(Ours, "eth1", 1, "10.78.0.1/24");
                await network.AddCardAsync(Theirs, "eth1", 1, "10.78.0.3/24");
                return [usual, $"net:10.78.0.1:8008{shs}"];
            case "two subnets, one shared":
                await network.AddCardAsync(Ours, "docker0", 1, "172.17.0.1/16");
                return [usual];
            case "two cards in one subnet":
                await network.AddCardAsync(Ours, "eth1", 0, "10.77.0.101/24");
                return [usual];
            default:
                throw new ArgumentOutOfRangeException(nameof(scene), scene, "It is not known.");
        }
    }

    private static HashSet<string> HeardOfUs(PeerProcess theirs) => [.. theirs.Told
        .Where(line => line.TryGetProperty("discovered", out _)).Select(line => line.GetProperty("discovered").GetString()!)
        .Where(address => address.Contains(s_ours[1..45], StringComparison.Ordinal))];

    // One address of ours was on the bench, and in the hub, at a time. Who hears two addresses, as in two subnets that both share, takes the second
    // on its bench, too, if it has lost a connection just now and waits before it dials again; and it dials both if it has waited for so long that the
    // subnets' turns, a second apart, have both come.
    private static void AssertOneOfUs(PeerProcess theirs, int addresses)
    {
        Assert.NotEmpty(OursStagedBy(theirs));
        Assert.DoesNotContain(theirs.Told, line => line.EntriesOf("staged", s_ours).Count > addresses);
        Assert.DoesNotContain(theirs.Told, line => line.EntriesOf("peers", s_ours) is { Count: > 1 } dialled
            && (dialled.Count > addresses || !dialled.Any(entry => WaitBeforeDial(entry) >= 1_000)));
    }

    // In milliseconds, by the clock of whoever tells; 0 for a peer that was not on its bench.
    private static long WaitBeforeDial(JsonElement entry) =>
        entry[1].TryGetProperty("stagingBirth", out JsonElement staged) ? entry[1].Number("hubBirth") - staged.GetInt64() : 0;

    private static IEnumerable<string> NetOf(JsonElement started) =>
        started.GetProperty("addresses").EnumerateArray().Select(address => address.GetString()!)
            .Where(address => address.StartsWith("net:", StringComparison.Ordinal));

    private static IEnumerable<string> OursStagedBy(PeerProcess theirs) =>
        theirs.Told.SelectMany(line => line.EntriesOf("staged", s_ours)).Select(entry => entry[0].GetString()!);

    private static bool IsDiscovered(JsonElement line, string address) =>
        line.TryGetProperty("discovered", out JsonElement found) && found.GetString() == address;
}
