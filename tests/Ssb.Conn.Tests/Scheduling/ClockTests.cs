using System.Globalization;

namespace Ssb.Conn.Tests.Scheduling;

/// <summary>The time of day is wrong, is set, or stands still: waiting goes by the time that passes.</summary>
public class ClockTests : PluginTestBase
{
    private static readonly ConnPluginOptions s_on = new();

    [Theory]
    [InlineData("1700086400000")] // tomorrow
    [InlineData("1700086400000.75"), InlineData("4102444800000"), InlineData("9007199254740991"), InlineData("1e300"), InlineData("1.7976931348623157e308")]
    public async Task StateChange_InTheFuture_CountsAsStale(string stateChange)
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), PeerData.Parse($$"""{"type":"pub","failure":7,"duration":{"mean":0},"stateChange":{{stateChange}} }"""));
        WhyRoute route = Assert.Single(conn.Why(Given.Peer(1)).Routes);
        Assert.Equal(("To be dialled next", null), (route.Outlook, route.RetryAt));
        Seconds(45);
        Assert.Equal(HubState.Connected, conn.Hub.GetState(Given.Address(1)));
    }

    [Theory]
    [InlineData("-1"), InlineData("-1e300"), InlineData("-1.7976931348623157e308"), InlineData("0.25"), InlineData("1e-300"), InlineData("\"tomorrow\""), InlineData("null"), InlineData("[]")]
    public async Task StateChange_OfAnyOtherKind_HoldsNobodyUp(string stateChange)
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), PeerData.Parse($$"""{"type":"pub","stateChange":{{stateChange}} }"""));
        Assert.Equal("To be dialled next", Assert.Single(conn.Why(Given.Peer(1)).Routes).Outlook);
        Seconds(45);
        Assert.Equal(HubState.Connected, conn.Hub.GetState(Given.Address(1)));
    }

    [Fact]
    public async Task StateChange_OfTomorrowOnTheBench_CountsAsStale()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        string tomorrow = Given.Start.AddDays(1).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        conn.Stage(Given.Address(1), Data($$"""{"type":"internet","failure":3,"stateChange":{{tomorrow}},"retryAt":{{tomorrow}} }"""));
        conn.Stage(Given.Address(2), Data($$"""{"type":"internet","failure":3,"stateChange":1,"retryAt":{{tomorrow}} }"""));
        conn.Stage(Given.Address(3), Data($$"""{"type":"internet","retryAt":{{tomorrow}} }"""));
        Seconds(45);
        Assert.Equal(3, conn.Hub.Count);
    }

    [Theory]
    [InlineData("1699999999000"), InlineData("1700000000000")] // just now
    public async Task RetryAt_OfTomorrowOnTheBench_HoldsNoLongerThanItsFailures(string stateChange)
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        string tomorrow = Given.Start.AddDays(1).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        conn.Stage(Given.Address(1), Data($$"""{"type":"internet","stateChange":{{stateChange}},"retryAt":{{tomorrow}} }"""));
        conn.Stage(Given.Address(2), Data($$"""{"type":"internet","failure":1,"stateChange":{{stateChange}},"retryAt":{{tomorrow}} }"""));
        Seconds(120);
        Assert.Equal(2, conn.Hub.Count);
    }

    [Fact]
    public async Task Clock_ADayAheadAndSetRight_DialsEverybodyAgain()
    {
        Time.Offset = TimeSpan.FromDays(1);
        Unreachable();
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), PeerData.Parse("""{"type":"pub"}"""));
        conn.Stage(Given.Address(2), OfType("internet"));
        Seconds(30);
        Assert.Equal([Given.Address(1), Given.Address(2)], Network.Dials.Select(d => d.Address).Distinct());
        Time.Offset = TimeSpan.Zero;
        conn.Remember(Given.Address(3), PeerData.Parse("""{"type":"pub"}"""));
        conn.Stage(Given.Address(4), OfType("internet"));
        int before = Network.Dials.Count;
        Seconds(45);
        Assert.Equal(4, Network.Dials.Skip(before).Select(d => d.Address).Distinct().Count());
        Reachable();
        Seconds(60);
        Assert.Equal(4, conn.Hub.Count);
    }

    [Fact]
    public async Task Clock_ADayAheadAndSetRight_RotatesAndEndsTooMany()
    {
        Time.Offset = TimeSpan.FromDays(1);
        Reachable();
        ConnPlugin conn = await Open(s_on);
        for (int i = 1; i <= 12; i++)
            conn.Stage(Given.Address(i), OfType("internet"));
        Seconds(30);
        Assert.Equal(4, conn.Hub.Count);
        Time.Offset = TimeSpan.Zero;
        int before = Network.Dials.Count;
        Seconds(6 * 3_600);
        Assert.True(Network.Dials.Count > before + 4, $"{Network.Dials.Count - before} dials"); // they take turns
        for (int i = 101; i <= 120; i++)
            Assert.NotNull(Network.Call(i));
        Seconds(1);
        Time.Offset = TimeSpan.FromHours(-3);
        Seconds(600);
        Assert.Equal(8, conn.Hub.Entries().Count(p => p.IsCaller));
    }

    [Fact]
    public async Task Clock_StandsStill_WaitsEndAllTheSame()
    {
        Unreachable();
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), PeerData.Parse("""{"type":"pub"}"""));
        conn.Stage(Given.Address(2), OfType("internet"));
        for (int i = 0; i < 600; i++)
        {
            Seconds(1);
            Time.Offset -= TimeSpan.FromSeconds(1);
        }

        int dials = Network.Dials.Count;
        Assert.InRange(Network.Dials.Count(d => d.Address == Given.Address(1)), 2, 60);
        Assert.InRange(Network.Dials.Count(d => d.Address == Given.Address(2)), 2, 60);
        Reachable();
        for (int i = 0; i < 3_600; i++)
        {
            Seconds(1);
            Time.Offset -= TimeSpan.FromSeconds(1);
        }

        Assert.Equal(2, conn.Hub.Count);
        Assert.True(Network.Dials.Count > dials);
    }

    [Fact]
    public async Task Clock_IsSetBack_ConnectionsStand()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        for (int i = 1; i <= 4; i++)
            conn.Stage(Given.Address(i), OfType("internet"));
        Seconds(60);
        Time.Offset = TimeSpan.FromDays(-1);
        Seconds(60);
        Assert.All(Network.Connections, c => Assert.False(c.HasCloseBeenCalled));
        Assert.Equal((4, 4), (conn.Hub.Count, Network.Dials.Count));
    }

    [Fact]
    public async Task Clock_IsSetBack_WhoFailedLongAgoIsTriedAgain()
    {
        Unreachable();
        ConnPlugin conn = await Open(s_on);
        for (int i = 1; i <= 4; i++)
            conn.Remember(Given.Address(i), PeerData.Parse("""{"type":"pub"}"""));
        Seconds(24 * 3_600);
        Reachable();
        Time.Offset = TimeSpan.FromHours(-2);
        Seconds(30);
        Assert.Equal(4, conn.Hub.Count);
    }

    [Theory]
    [InlineData(0), InlineData(-86_400)] // 1970, and a day before
    public async Task Clock_AtItsBeginning_DialsWhoIsInTheBook_AndAgainWhenSetRight(long at)
    {
        Time.Offset = DateTimeOffset.UnixEpoch.AddSeconds(at) - Given.Start;
        Unreachable();
        ConnPlugin conn = await Open(s_on);
        string last = Given.Start.AddDays(-1).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        conn.Remember(Given.Address(1), PeerData.Parse($$"""{"type":"pub","failure":2,"stateChange":{{last}} }"""));
        conn.Remember(Given.Address(2), PeerData.Parse("""{"type":"pub"}"""));
        Seconds(45);
        Assert.Equal(2, Network.Dials.Select(d => d.Address).Distinct().Count());
        Reachable();
        Time.Offset = TimeSpan.Zero;
        Seconds(45);
        Assert.Equal(2, conn.Hub.Count);
    }

    [Fact]
    public async Task Why_WaitUnderAClockThatWasSetBack_IsTrue()
    {
        Unreachable();
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), PeerData.Parse("""{"type":"pub"}"""));
        Seconds(20 * 60);
        Time.Offset = TimeSpan.FromDays(-1);
        Seconds(30);
        int dials = Network.Dials.Count;
        WhyRoute route = Assert.Single(conn.Why(Given.Peer(1)).Routes);
        Assert.Equal("It is left alone for a while", route.Outlook);
        TimeSpan left = route.RetryAt!.Value - Time.GetUtcNow();
        Assert.InRange(left, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        Time.RunFor(route.RetryBy!.Value - Time.GetUtcNow()); // it is said
        Assert.True(Network.Dials.Count > dials);
    }

    [Fact]
    public async Task Returned_RouteAfterAClockThatWasSetBack_StillExpires()
    {
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1), Lan(), "lan:eth0/10.0.0.7");
        Task<IPeerConnection> dial = conn.ConnectAsync(Given.Address(1));
        TestConnection connection = Network.Dials[0].Succeed();
        await dial.Guarded();
        Time.Offset = TimeSpan.FromDays(-1);
        Seconds(3_600); // not heard of for longer than a LAN peer lives
        connection.End();
        Assert.Empty(conn.Staging.Entries());
    }

    [Fact]
    public async Task Returned_RouteAfterAClockThatWasSetAhead_StillLives()
    {
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1), Lan(), "lan:eth0/10.0.0.7");
        Task<IPeerConnection> dial = conn.ConnectAsync(Given.Address(1));
        TestConnection connection = Network.Dials[0].Succeed();
        await dial.Guarded();
        Time.Offset = TimeSpan.FromDays(1);
        Seconds(1);
        connection.End();
        Assert.Equal(Given.Address(1), Assert.Single(conn.Staging.Entries()).Address);
    }

    [Fact]
    public async Task Snooze_UnderAClockThatWasAhead_LastsAsLongAsWasMeant()
    {
        Time.Offset = TimeSpan.FromDays(1);
        ConnPlugin conn = await Open();
        conn.Snooze(Given.Peer(1), TimeSpan.FromHours(1));
        conn.Block(Given.Peer(2), Time.GetUtcNow().AddHours(2));
        Time.Offset = TimeSpan.Zero;
        Seconds(3_599);
        Assert.Equal([Given.Peer(1), Given.Peer(2)], conn.Rules.Select(r => r.Target));
        Seconds(1);
        Assert.Equal([Given.Peer(2)], conn.Rules.Select(r => r.Target));
        Seconds(3_600);
        Assert.Empty(conn.Rules);
    }

    [Fact]
    public async Task Block_EndedByAClockThatWasAhead_HoldsAgain()
    {
        using var folder = new Db.DbFolder();
        var options = new ConnPluginOptions { Autostart = false, Folder = folder.Path };
        ConnPlugin conn = await Open(options);
        conn.Block(Given.Peer(1), Given.Start.AddHours(2));
        Time.Offset = TimeSpan.FromDays(1);
        Assert.Empty(conn.Rules);
        conn.Dismiss(Given.Peer(2)); // the file is written
        await conn.DisposeAsync();
        Time.Offset = TimeSpan.Zero;
        conn = await Open(options);
        Assert.Equal([Given.Peer(1), Given.Peer(2)], conn.Rules.Select(r => r.Target));
        await conn.DisposeAsync();
    }

    [Fact]
    public async Task Rules_EndedLongAgo_LeaveTheFile()
    {
        using var folder = new Db.DbFolder();
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false, Folder = folder.Path });
        conn.Snooze(Given.Peer(1), TimeSpan.FromHours(1));
        Seconds(31 * 24 * 3_600);
        conn.Dismiss(Given.Peer(2));
        Assert.DoesNotContain($"{Given.FeedId(1)}", File.ReadAllText(folder.In("conn-rules.json")), StringComparison.Ordinal);
        await conn.DisposeAsync();
    }

    [Fact]
    public async Task Rules_FromBeforeAClockThatBeginsIn1970_Hold()
    {
        using var folder = new Db.DbFolder();
        var options = new ConnPluginOptions { Autostart = false, Folder = folder.Path };
        ConnPlugin conn = await Open(options);
        conn.Block(Given.Peer(1), Given.Start.AddDays(30));
        await conn.DisposeAsync();
        Time.Offset = DateTimeOffset.UnixEpoch - Given.Start;
        conn = await Open(options);
        conn.Dismiss(Given.Peer(2));
        Assert.Equal(2, conn.Rules.Count);
        Time.Offset = TimeSpan.Zero;
        Assert.Equal(2, conn.Rules.Count);
        await conn.DisposeAsync();
    }

    [Fact]
    public async Task ConnJson_OfAClockThatWasAhead_IsDialledAfterARestart()
    {
        using var folder = new Db.DbFolder($$"""{"{{Given.Address(1).Text}}":{"type":"pub","stateChange":1700086400000,"failure":3} }""");
        Reachable();
        ConnPlugin conn = await Open(s_on with { Folder = folder.Path });
        Seconds(45);
        Assert.Equal(HubState.Connected, conn.Hub.GetState(Given.Address(1)));
        await conn.DisposeAsync(); // before the folder goes
    }
}
