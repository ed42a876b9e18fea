using System.Globalization;
using System.Text.Json;
using Interop.Tests.Harness;

namespace Interop.Tests.Lan;

/// <summary>50,000 datagrams that nobody wants, longer than a LAN peer lives without being heard; forged senders included.</summary>
[Collection(nameof(Alone))]
public class FloodTests
{
    private const int Count = 50_000, PerSecond = 4_400, LifeSeconds = 10;
    private const int Us = 1, HonestTheirs = 2, HonestOurs = 3, Attacker = 4, Newcomer = 250; // the last is never forged as a sender

    /// <summary>What it may cost us in memory, whatever comes: senders, announcements and the bench are all bounded.</summary>
    private const long MostBytes = 96L << 20;

    [Theory]
    [InlineData("unsigned", "10.77.0.4")]
    [InlineData("signed", "10.77.0.4")]
    [InlineData("mixed", "subnet")]
    [InlineData("mixed", "10.77.0.2")]
    [InlineData("replay", "subnet")]
    public async Task Bench_FiftyThousandForgedAnnouncements_KeepsThePeersItHasAndTakesANewcomer(string kind, string from)
    {
        await using LanHosts hosts = await LanHosts.CreateAsync(Us, HonestTheirs, HonestOurs, Attacker, Newcomer);
        string theirs = LanHosts.Address(HonestTheirs, HonestTheirs), ours = LanHosts.Address(HonestOurs, HonestOurs);
        string newcomer = LanHosts.Address(Newcomer, Newcomer);
        PeerProcess us = hosts.StartOurs(Us), honest = hosts.StartOurs(HonestOurs), attacker = hosts.StartOurs(Attacker);
        await us.AskAsync(new { @do = "discover" }, "discovering");
        await honest.AskAsync(new { @do = "announce", seed = HonestOurs, address = ours }, "announcing");
        await hosts.StartTheirsAsync(HonestTheirs);
        await us.FindAsync(line => line.IsAbout(theirs) && line.IsVerified());
        await us.FindAsync(line => line.IsAbout(ours) && line.IsVerified());
        JsonElement before = await us.AskAsync(new { @do = "status" }, "status");

        // Of what is replayed, one packet is that of an honest peer who is there.
        using Ssb.Wire.KeyPair keys = Ssb.Wire.KeyPair.FromSeed([.. Enumerable.Repeat((byte)HonestOurs, 32)]);
        byte[] recorded = Ssb.Conn.Net.LanDatagram.EncodeNormal(MultiserverAddress.Parse(ours), keys, Ssb.Wire.NetworkKey.Main);
        Task<JsonElement> flood = attacker.AskAsync(
            new { @do = "flood", kind, from, count = Count, perSecond = PerSecond, recorded = (byte[][])[recorded] }, "seconds");
        JsonElement status;
        do
        {
            status = await us.AskAsync(new { @do = "status" }, "status");
        }
        while (status.Number("datagrams") - before.Number("datagrams") < Count / 20);

        Assert.False(flood.IsCompleted, "the flood was over before the newcomer came");
        PeerProcess late = await hosts.StartTheirsAsync(Newcomer);
        JsonElement staged = await us.FindAsync(line => line.IsChange("Inserted", newcomer));
        await late.AskAsync(new { @do = "nothing" }, "done");
        Assert.InRange(late.Announced().Count(at => at <= staged.Number("birth")), 1, 2);

        double seconds = (await flood).GetDouble();
        JsonElement after = await us.AskAsync(new { @do = "status" }, "status");
        Report(kind, from, seconds, before, after);
        Assert.True(seconds > LifeSeconds, "the flood was too short to starve anybody");
        Assert.DoesNotContain(us.Told, line => line.IsChange("Removed", theirs) || line.IsChange("Removed", ours) || line.IsChange("Removed", newcomer));
        Assert.All(us.Told.Where(line => line.IsAbout(theirs)).SkipWhile(line => !line.IsVerified()), line => Assert.True(line.IsVerified()));
        Assert.InRange(after.Number("bench"), 3, 10_000);
        Assert.InRange(after.Number("perSource"), 1, 1_000);
        Assert.InRange(after.Number("workingSet") - before.Number("workingSet"), long.MinValue, MostBytes);
        Assert.True(after.Number("datagrams") - before.Number("datagrams") > Count / 2, $"most of the flood was not seen: {after}");
        Assert.True(after.Number("rateLimited") + after.Number("overBudget") + after.Number("coalesced") > Count / 4, $"the counters do not show it: {after}");
    }

    private static void Report(string kind, string from, double seconds, JsonElement before, JsonElement after)
    {
        string[] counts = [.. after.EnumerateObject()
            .Where(value => value.Value.ValueKind == JsonValueKind.Number && value.Value.GetDouble() != 0 && value.Name is not ("at" or "cpu" or "workingSet"))
            .Select(value => $"{value.Name} {value.Value}")];
        double cpu = (after.GetProperty("cpu").GetDouble() - before.GetProperty("cpu").GetDouble()) / 1_000 / seconds;
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"flood: {kind} from {from}, {Count / seconds:N0}/s for {seconds:F1} s: {cpu:F3} CPU seconds a second, working set "
            + $"{before.Number("workingSet") >> 20} -> {after.Number("workingSet") >> 20} MiB; {string.Join(", ", counts)}"));
    }
}
