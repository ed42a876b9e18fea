using System.Net;

namespace Ssb.Conn.Tests.Dialling;

public sealed class PeerDialTests : PluginTestBase
{
    private static readonly IPAddress s_near = IPAddress.Parse("192.168.1.4");
    private static readonly IPAddress s_far = IPAddress.Parse("1.1.1.1");

    private static readonly ConnPluginOptions s_on = new();

    [Fact]
    public async Task ConnectAsync_ByAPerson_ReachesAndOpensEverything()
    {
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false, Scheduler = new SchedulerOptions { DialsPerMinute = 1 } });
        conn.Hub.ReachOf = _ => AddressScope.Public;
        conn.ConnectAsync(Given.Address(1)).Forget();
        PeerDial dial = Assert.Single(Network.Dials).Given;
        Assert.True(dial.IsRequested);
        Assert.True(dial.MayReach(IPAddress.Loopback));
        Assert.All(Enumerable.Range(0, 100), _ => Assert.True(dial.TryOpen()));
        Assert.False(conn.Budget.IsExhausted);
    }

    [Fact]
    public async Task Look_DialOfAStranger_ReachesWhatItsSourceMayTellOf()
    {
        ConnPlugin conn = await Open(s_on);
        conn.Hub.ReachOf = address => conn.SourceOf(address) == "room:far" ? AddressScope.Public : AddressScope.Private;
        conn.Stage(Given.Address(1), OfType("room-attendant"), "room:far");
        conn.Stage(Given.Address(2), OfType("room-attendant"), "room:near");
        Seconds(1);
        PeerDial far = Network.Dials.Single(d => d.Address == Given.Address(1)).Given, near = Network.Dials.Single(d => d.Address == Given.Address(2)).Given;
        Assert.False(far.IsRequested);
        Assert.Equal((false, true), (far.MayReach(s_near), far.MayReach(s_far)));
        Assert.Equal((true, true, false), (near.MayReach(s_near), near.MayReach(s_far), near.MayReach(IPAddress.Loopback)));
    }

    [Fact]
    public async Task ConnectAsync_WhileTheSchedulerDials_FreesTheDial()
    {
        ConnPlugin conn = await Open(s_on);
        conn.Hub.ReachOf = _ => AddressScope.Public;
        conn.Stage(Given.Address(1), OfType("room-attendant"), "room:far");
        Seconds(1);
        PeerDial dial = Assert.Single(Network.Dials).Given;
        Assert.False(dial.MayReach(s_near));
        conn.ConnectAsync(Given.Address(1)).Forget();
        Assert.Same(dial, Assert.Single(Network.Dials).Given);
        Assert.True(dial.IsRequested && dial.MayReach(s_near));
    }

    [Fact]
    public async Task TryOpen_ManyRoutes_HasItsShareOfTheBudget()
    {
        ConnPlugin conn = await Open(s_on);
        conn.Stage(Given.Address(1), OfType("room-attendant"), "room:a");
        Seconds(1);
        PeerDial dial = Assert.Single(Network.Dials).Given;
        Assert.Equal(8, Enumerable.Range(0, 100).Count(_ => dial.TryOpen()));
    }

    [Fact]
    public async Task TryOpen_OfAllDials_IsOneBudgetAMinute()
    {
        ConnPlugin conn = await Open(s_on with { Scheduler = new SchedulerOptions { DialsPerMinute = 10, OpeningsPerDial = 5 } });
        int opened = 0;
        var times = new List<DateTimeOffset>();
        Network.Answer = _ =>
        {
            PeerDial dial = Network.Dials[^1].Given;
            while (dial.TryOpen())
            {
                opened++;
                times.Add(Time.GetUtcNow());
            }

            throw new ConnectFailedException("no");
        };
        for (int i = 1; i <= 50; i++)
            conn.Stage(Given.Address(i), OfType("room-attendant"), $"room:{i}");
        Seconds(600);
        Assert.InRange(opened, 50, 110);
        for (int i = 10; i < times.Count; i++)
            Assert.True(times[i] - times[i - 10] >= TimeSpan.FromMinutes(1), $"11 openings from {times[i - 10]:T} to {times[i]:T}");
    }
}
