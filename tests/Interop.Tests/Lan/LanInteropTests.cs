using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Wire;

namespace Interop.Tests.Lan;

/// <summary>Real JavaScript peers (ssb-lan 1.2.3 with ssb-conn 6.0.4) and ours on one LAN.</summary>
public class LanInteropTests
{
    [Fact]
    public async Task Discovery_JavaScriptPeerAndOurs_FindEachOtherAndForgetTheSilent()
    {
        await using LanHosts hosts = await LanHosts.CreateAsync(1, 2);
        string ours = LanHosts.Address(1, 1), theirs = LanHosts.Address(2, 2);
        PeerProcess us = hosts.StartOurs(1);
        await us.AskAsync(new { @do = "discover" }, "discovering");

        // They: staged by us, verified, and not made unverified by the legacy half of the next announcements.
        PeerProcess them = await hosts.StartTheirsAsync(2);
        await us.FindAsync(line => line.IsChange("Inserted", theirs));
        await us.FindAsync(line => line.IsAbout(theirs) && line.IsVerified());

        // We: staged by them at our first and only announcement.
        await us.AskAsync(new { @do = "announce", seed = 1, address = ours, interval = 3_600_000 }, "announcing");
        await them.FindAsync(line => line.TryGetProperty("discovered", out JsonElement address) && address.GetString() == ours && line.IsVerified());
        JsonElement entry = (await them.FindAsync(line => EntryOf(line, ours) is { } found && found.IsVerified())).GetProperty("staged")
            .EnumerateArray().Single(entry => entry[0].GetString() == ours)[1];
        Assert.Equal("lan", entry.GetProperty("type").GetString());
        Assert.Equal("@" + ours[^44..] + ".ed25519", entry.GetProperty("key").GetString());

        int known = them.Announced().Count();
        await them.FindAsync(_ => them.Announced().Count() >= known + 2);
        await them.AskAsync(new { @do = "stop" }, "done");
        JsonElement gone = await us.FindAsync(line => line.IsChange("Removed", theirs));
        JsonElement[] story = [.. us.Told.Where(line => line.IsAbout(theirs))];
        Assert.All(story.SkipWhile(line => !line.IsVerified()), line => Assert.True(line.IsVerified(), line.ToString()));
        Assert.True(story.Length >= 2, $"only {story.Length} changes");

        // All of this by our own clock: the announcement last heard, and the leaving.
        Assert.Equal("Expired", gone.GetProperty("reason").GetString());
        Assert.True(gone.Number("updated") >= them.Announced().Last(), "the last announcement was not heard");
        Assert.True(gone.Number("at") - gone.Number("updated") >= 10_000, "it was removed before its time to live was over"); // how long after depends on the load

        // Both halves of every announcement were heard, so that it was the first which staged them, however late a loaded machine let us read it.
        JsonElement status = await us.AskAsync(new { @do = "status" }, "status");
        Assert.Equal(2 * them.Announced().Count(), status.Number("accepted") + status.Number("coalesced"));
        Assert.Equal(2, status.Number("NoRoute")); // our own, which a broadcast brings back: it leads to ourselves

        int before = us.Told.Count;
        await them.AskAsync(new { @do = "start" }, "done");
        await us.FindAsync(line => line.IsChange("Inserted", theirs), before);
    }

    [Fact]
    public async Task Discovery_LegacyOnlyPeer_IsStagedUnverified()
    {
        await using LanHosts hosts = await LanHosts.CreateAsync(1, 3);
        string legacy = LanHosts.Address(3, 3);
        PeerProcess us = hosts.StartOurs(1);
        await us.AskAsync(new { @do = "discover" }, "discovering");

        PeerProcess them = await hosts.StartTheirsAsync(3, normal: false);
        await us.FindAsync(line => line.IsChange("Inserted", legacy));
        await them.FindAsync(_ => them.Announced().Count() >= 2);
        JsonElement status;
        do // heard again, which is no change of which anybody is told
            status = await us.AskAsync(new { @do = "status" }, "status");
        while (status.Number("accepted") < 2);
        Assert.DoesNotContain(us.Told, line => line.IsAbout(legacy) && line.IsVerified());
    }

    [Fact]
    public async Task Discovery_PeerOfAnotherNetwork_IsNotStaged()
    {
        await using LanHosts hosts = await LanHosts.CreateAsync(1, 4, 5);
        PeerProcess us = hosts.StartOurs(1);
        await us.AskAsync(new { @do = "discover" }, "discovering");

        PeerProcess strangers = await hosts.StartTheirsAsync(4, NetworkKey.Generate().ToBase64(), legacy: false);
        await strangers.FindAsync(_ => strangers.Announced().Count() >= 2);
        await hosts.StartTheirsAsync(5); // one of ours comes later, and is heard: so the stranger was, too
        await us.FindAsync(line => line.IsChange("Inserted", LanHosts.Address(5, 5)));

        JsonElement status = await us.AskAsync(new { @do = "status" }, "status");
        Assert.InRange(status.Number("NotBoxed"), 2, 20);
        Assert.DoesNotContain(us.Told, line => line.IsAbout(LanHosts.Address(4, 4)));
    }

    [Fact]
    public async Task Discovery_InterfaceGoesAndComesBack_ResumesBothWays()
    {
        await using LanHosts hosts = await LanHosts.CreateAsync(1, 2);
        string ours = LanHosts.Address(1, 1), theirs = LanHosts.Address(2, 2);
        PeerProcess us = hosts.StartOurs(1);
        await us.AskAsync(new { @do = "discover" }, "discovering");
        await us.AskAsync(new { @do = "announce", seed = 1, address = ours }, "announcing");
        PeerProcess them = await hosts.StartTheirsAsync(2);
        await us.FindAsync(line => line.IsChange("Inserted", theirs));
        await them.FindAsync(line => line.TryGetProperty("discovered", out _));

        await LoseAsync(() => hosts.Network.LinkAsync(1, up: false), () => hosts.Network.LinkAsync(1, up: true));
        await LoseAsync(
            () => hosts.Network.AddressAsync(1, NetworkNamespaces.Address(1), add: false),
            () => hosts.Network.AddressAsync(1, NetworkNamespaces.Address(1), add: true));

        async Task LoseAsync(Func<Task> lose, Func<Task> regain)
        {
            int before = us.Told.Count;
            await lose();
            await us.FindAsync(line => line.IsChange("Removed", theirs), before);
            await them.AskAsync(new { @do = "nothing" }, "done");
            (int heardByUs, int heardByThem) = (us.Told.Count, them.Told.Count);
            await regain();
            await us.FindAsync(line => line.IsChange("Inserted", theirs), heardByUs);
            await them.FindAsync(line => line.TryGetProperty("discovered", out JsonElement address) && address.GetString() == ours, heardByThem);
        }
    }

    private static JsonElement? EntryOf(JsonElement line, string address) =>
        line.TryGetProperty("staged", out JsonElement entries)
            ? entries.EnumerateArray().Where(entry => entry[0].GetString() == address).Select(entry => (JsonElement?)entry[1]).FirstOrDefault()
            : null;
}
