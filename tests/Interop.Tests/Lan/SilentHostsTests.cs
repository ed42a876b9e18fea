using System.Globalization;
using System.Text.Json;
using Interop.Tests.Harness;

namespace Interop.Tests.Lan;

/// <summary>Peers on hosts of their own whose cables are pulled: nothing says that they are gone.</summary>
public class SilentHostsTests
{
    private const string Patient = "2m"; // a loaded machine answers late

    [Fact]
    public async Task CablesPulled_AfterIdling_AreNoticedAsSilence_AndPluggedInAgainAllReturn()
    {
        // Longer than a peer may be silent: those that are idle and there stay connected. Minutes with SSB_CONN_IDLE=600.
        double idle = double.Parse(Environment.GetEnvironmentVariable("SSB_CONN_IDLE") ?? "70", CultureInfo.InvariantCulture);
        await using LanHosts hosts = await LanHosts.CreateAsync(1, 2, 3, 4);
        PeerProcess one = await hosts.StartToolAsync(1, "--no-lan");
        await hosts.StartAttendantAsync(2); // as applications are set up, it ends an idle connection after ten minutes
        await hosts.StartToolAsync(3, "--no-lan", "--no-dial");
        PeerProcess four = await hosts.StartToolAsync(4, "--no-lan");
        foreach (int host in (int[])[2, 3]) // we dial them, and the fourth dials us
            await hosts.TellToolAsync(1, "remember", LanHosts.Address(host, host), "--type", "pub", "--timeout", Patient);
        await hosts.TellToolAsync(4, "remember", LanHosts.Address(1, 1), "--type", "pub", "--timeout", Patient);
        foreach (int host in (int[])[2, 3, 4])
            await one.ConnectedAsync(LanHosts.Id(host));
        await four.ConnectedAsync(LanHosts.Id(1));

        int seen = one.Told.Count, seenByFour = four.Told.Count;
        await Task.Delay(TimeSpan.FromSeconds(idle), TimeProvider.System, TestContext.Current.CancellationToken);
        foreach (int host in (int[])[2, 3, 4])
        {
            await hosts.Network.LinkAsync(host, up: false);
            string why = await hosts.AskToolAsync(1, "why", LanHosts.Id(host), "--timeout", Patient);
            Assert.DoesNotContain("disconnected", why, StringComparison.Ordinal);
        }

        foreach (int host in (int[])[2, 3, 4])
        {
            await one.DisconnectedAsync(LanHosts.Id(host), seen);
            string why = await hosts.AskToolAsync(1, "why", LanHosts.Id(host), "--timeout", Patient);
            Assert.Contains("disconnected: the other side went silent", why, StringComparison.Ordinal);
        }

        await four.DisconnectedAsync(LanHosts.Id(1), seenByFour);
        seen = one.Told.Count;
        foreach (int host in (int[])[2, 3, 4])
            await hosts.Network.LinkAsync(host, up: true);
        foreach (int host in (int[])[2, 3, 4])
            await one.ConnectedAsync(LanHosts.Id(host), seen);
    }

    [Fact]
    public async Task CablePulled_PeerIsRestartedMeanwhile_IsLetInAtOnce()
    {
        await using LanHosts hosts = await LanHosts.CreateAsync(1, 2);
        PeerProcess one = await hosts.StartToolAsync(1, "--no-lan", "--no-dial");
        PeerProcess two = await hosts.StartToolAsync(2, "--no-lan");
        await hosts.TellToolAsync(2, "remember", LanHosts.Address(1, 1), "--type", "pub", "--timeout", Patient);
        await one.ConnectedAsync(LanHosts.Id(2));
        await hosts.Network.LinkAsync(2, up: false);
        await two.DisposeAsync(); // killed, and its last words do not get through
        await hosts.Network.LinkAsync(2, up: true);
        PeerProcess again = await hosts.StartToolAsync(2, "--no-lan");
        await again.ConnectedAsync(LanHosts.Id(1));
        JsonElement hub = JsonElement.Parse((await hosts.AskToolAsync(1, "peers", "--json", "--timeout", Patient)).Trim().Split('\n')[^1]);
        Assert.Contains(LanHosts.Id(2), hub.GetRawText(), StringComparison.Ordinal);
    }
}
