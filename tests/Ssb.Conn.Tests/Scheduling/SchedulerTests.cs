using Ssb.Conn.Simulator;

namespace Ssb.Conn.Tests.Scheduling;

/// <summary>The scheduler in virtual time: all that happens, happens on this thread, in order.</summary>
public class SchedulerTests
{
    private readonly VirtualTime _time = new(Given.Start);
    private readonly TestNetwork _network = new() { Answer = address => new TestConnection(address.Key!, address) };

    [Fact]
    public async Task Look_FreeSlots_DialsUpToTheQuota_OnThisThread()
    {
        await using ConnPlugin conn = await Open();
        for (int i = 1; i <= 20; i++)
            conn.Stage(Given.Address(i), StagedData.Parse("""{"type":"internet"}"""), "test");
        _time.RunFor(TimeSpan.FromSeconds(1));
        Assert.Equal(4, conn.Query.PeersConnected().Count);
        Assert.Equal(16, conn.Staging.Count);
        _time.RunFor(TimeSpan.FromMinutes(20)); // before anybody's turn is over
        Assert.Equal((4, 4), (conn.Query.PeersConnected().Count, _network.Dials.Count));
    }

    private Task<ConnPlugin> Open(ConnPluginOptions? options = null) => ConnPlugin.OpenAsync(_network, (options ?? new ConnPluginOptions()) with
    {
        TimeProvider = _time,
        Scheduler = (options?.Scheduler ?? new SchedulerOptions()) with { Seed = 1 },
    });
}
