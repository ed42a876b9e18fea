using System.Globalization;
using System.Text.Json;

namespace Ssb.Conn.Tests.Why;

/// <summary>Situations that are built, asked for in words and as data, and then left to themselves: what was said must be what happens.</summary>
public class WhyTruthTests : PluginTestBase
{
    private static readonly ConnPluginOptions s_on = new();
    private static readonly SchedulerOptions s_unbounded = new() { DialsPerMinute = int.MaxValue };

    // ---- When it is dialled

    [Fact]
    public async Task New_InTheBook_IsNext()
    {
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), OfType("pub"));
        Assert.Equal(("To be dialled next", 1, null, null), Seen(conn, 1));
        AssertDialled(1, within: 3);
    }

    [Fact]
    public async Task New_OnTheBench_IsNext()
    {
        ConnPlugin conn = await Open(s_on);
        Seconds(5);
        conn.Stage(Given.Address(1), OfType("internet"), "pub:x");
        Assert.Equal(("To be dialled next", 1, null, null), Seen(conn, 1));
        AssertDialled(1, within: 3);
    }

    [Fact]
    public async Task Failed_WithLuckOrWithout_IsDialledWithinTheTimesThatAreSaid()
    {
        var waits = new HashSet<double>();
        for (int seed = 1; seed <= 25; seed++)
        {
            int peer = seed * 10;
            Unreachable();
            ConnPlugin conn = await Open(s_on with { Scheduler = s_unbounded with { Seed = seed } });
            conn.Stage(Given.Address(peer), OfType("internet"));
            AssertDialled(peer, within: 3);
            for (int failures = 1; failures <= 4; failures++)
            {
                WhyRoute route = Ask(conn, Given.Peer(peer));
                Assert.Equal(("It is left alone for a while", failures, 1), (route.Outlook, route.Failures, route.Place));
                (DateTimeOffset from, DateTimeOffset by) = (route.RetryAt!.Value, route.RetryBy!.Value); // both are said
                Assert.Contains($"(about {from:u}, by {by:u} at the latest)", conn.Why(Given.Peer(peer)).ToString(), StringComparison.Ordinal);
                Assert.True(from > Time.GetUtcNow());
                int dials = Dials(peer);
                Time.RunFor(from - Time.GetUtcNow() - TimeSpan.FromMilliseconds(1));
                Assert.Equal(dials, Dials(peer)); // not before
                DateTimeOffset start = Time.GetUtcNow();
                while (Dials(peer) == dials && Time.GetUtcNow() < by)
                    Time.RunFor(TimeSpan.FromMilliseconds(100));
                Assert.Equal(dials + 1, Dials(peer));
                waits.Add(Math.Round((Time.GetUtcNow() - start) / (by - from), 1));
            }

            await conn.DisposeAsync();
        }

        Assert.Contains(waits, wait => wait < 0.5); // else luck has no part in it, and "about" would be said for nothing
    }

    [Fact]
    public async Task HalfCooledDown_MayBeDialledAtAnyLook()
    {
        Unreachable();
        ConnPlugin conn = await Open(s_on);
        conn.Stage(Given.Address(1), OfType("internet"));
        AssertDialled(1, within: 3);
        for (int i = 0; i < 200; i++)
        {
            Time.RunFor(TimeSpan.FromMilliseconds(500));
            WhyRoute route = Ask(conn, Given.Peer(1));
            if (route.Outlook != "To be dialled soon")
                continue;
            Assert.Equal((null, 1), (route.RetryAt, route.Place));
            Assert.Contains($"To be dialled soon (by {route.RetryBy:u} at the latest).", conn.Why(Given.Peer(1)).ToString(), StringComparison.Ordinal);
            int dials = Dials(1);
            Time.RunFor(route.RetryBy!.Value - Time.GetUtcNow());
            Assert.True(Dials(1) > dials);
            return;
        }

        Assert.Fail("It was never half cooled down without being dialled.");
    }

    [Fact]
    public async Task Failed_ThenTheNetworkChanged_IsNextAgain()
    {
        Unreachable();
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), Data("""{"type":"pub","failure":40,"stateChange":1699999999000}"""));
        Assert.Equal("It is left alone for a while", Ask(conn, Given.Peer(1)).Outlook);
        Seconds(30);
        Assert.Equal(0, Dials(1));
        await conn.NotifyNetworkChangeAsync();
        Assert.Equal("To be dialled next", Ask(conn, Given.Peer(1)).Outlook);
        AssertDialled(1, within: 3);
    }

    // ---- The place in the queue

    [Theory]
    [InlineData(120, "120th", "119 others go before it"), InlineData(2, "2nd", "1 other goes before it"), InlineData(3, "3rd", "2 others go before it")]
    [InlineData(13, "13th", "12 others go before it"), InlineData(12, "12th", "11 others go before it"), InlineData(22, "22nd", "21 others go before it")]
    [InlineData(11, "11th", "10 others go before it"), InlineData(21, "21st", "20 others go before it"), InlineData(112, "112th", "111 others go before it")]
    public async Task Queue_Place_IsHowManyAreDialledBefore(int place, string ordinal, string others)
    {
        Unreachable();
        ConnPlugin conn = await Open(s_on with { Scheduler = s_unbounded });
        Seconds(1);
        for (int i = 1; i <= place; i++)
            conn.Stage(Given.Address(i), OfType("internet"), place > 20 ? null : "pub:x"); // of which the bench takes 20
        WhyRoute route = Ask(conn, Given.Peer(place));
        Assert.Equal(($"It is the {ordinal} to be dialled: {others}", place), (route.Outlook, route.Place));
        Seconds(place + 4);
        MultiserverAddress[] order = [.. Network.Dials.Select(d => d.Address).Distinct()];
        Assert.Equal(place, Array.IndexOf(order, Given.Address(place)) + 1);
    }

    [Fact]
    public async Task Queue_OfSeveralSources_IsToldAsTheyTakeTurns()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on with { Scheduler = s_unbounded with { PeerQuota = 16 } });
        Seconds(1);
        for (int i = 1; i <= 15; i++)
            conn.Stage(Given.Address(i), OfType("internet"), "pub:many");
        conn.Stage(Given.Address(50), OfType("internet"), "room:few");
        // Two groups take turns, and a lot decides who begins.
        Assert.Equal(("It is about the 2nd to be dialled: sources take turns", 2, null, null), Seen(conn, 50));
        Assert.Equal(("It is about the 16th to be dialled: sources take turns", 16, null, null), Seen(conn, 15));
        Seconds(3);
        MultiserverAddress[] order = [.. Network.Dials.Select(d => d.Address).Distinct()];
        Assert.InRange(Array.IndexOf(order, Given.Address(50)) + 1, 1, 2);
        Assert.Equal(Given.Address(15), order[15]);
    }

    [Fact]
    public async Task Queue_LeftAloneWhileOthersWait_HasNoLatestTime()
    {
        Unreachable();
        ConnPlugin conn = await Open(s_on with { Scheduler = s_unbounded with { PeerQuota = 1 } });
        conn.Stage(Given.Address(1), OfType("internet"));
        AssertDialled(1, within: 3);
        for (int i = 2; i <= 6; i++)
            conn.Stage(Given.Address(i), OfType("internet"));
        WhyRoute route = Ask(conn, Given.Peer(1));
        Assert.Equal(("It is left alone for a while, and 5 others go before it", 6, null), (route.Outlook, route.Place, route.RetryBy));
        Assert.Contains($"(about {route.RetryAt:u} at the earliest)", conn.Why(Given.Peer(1)).ToString(), StringComparison.Ordinal);
        int dials = Dials(1);
        Seconds(60);
        MultiserverAddress[] order = [.. Network.Dials.Skip(dials).Select(d => d.Address).Distinct()];
        Assert.True(Array.IndexOf(order, Given.Address(1)) >= 0);
    }

    [Fact]
    public async Task Queue_AsManyAsThereAreSlots_KeepTheirLatestTime()
    {
        Unreachable();
        ConnPlugin conn = await Open(s_on with { Scheduler = s_unbounded with { PeerQuota = 2 } });
        conn.Stage(Given.Address(1), OfType("internet"));
        AssertDialled(1, within: 3);
        conn.Stage(Given.Address(2), OfType("internet"));
        WhyRoute route = Ask(conn, Given.Peer(1));
        Assert.Equal(("It is left alone for a while", 2), (route.Outlook, route.Place)); // there is a slot for each
        Assert.NotNull(route.RetryBy);
        int dials = Dials(1);
        Time.RunFor(route.RetryBy!.Value - Time.GetUtcNow());
        Assert.True(Dials(1) > dials);
    }

    [Fact]
    public async Task Queue_ThatFailedTogether_NeitherGoesBeforeTheOther()
    {
        Unreachable();
        ConnPlugin conn = await Open(s_on with { Scheduler = s_unbounded });
        conn.Stage(Given.Address(1), OfType("internet"));
        conn.Stage(Given.Address(2), OfType("internet"));
        AssertDialled(1, within: 3);
        Assert.Equal((1, 1), (Dials(1), Dials(2)));
        Assert.Equal((1, 1), (Ask(conn, Given.Peer(1)).Place, Ask(conn, Given.Peer(2)).Place));
    }

    [Fact]
    public async Task Queue_OurselvesTakeNoPlace()
    {
        ConnPlugin conn = await Open(s_on);
        Seconds(1);
        conn.Remember(Given.Address(0), OfType("pub"));
        conn.Remember(Given.Address(1), OfType("pub"));
        Assert.Equal(("To be dialled next", 1, null, null), Seen(conn, 1));
    }

    [Fact]
    public async Task Queue_OfSeveralSourcesWithoutASlot_IsNotToldAsCertain()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on with { Scheduler = new SchedulerOptions { PeerQuota = 1 } });
        conn.Stage(Given.Address(1), OfType("internet"), "pub:many");
        AssertDialled(1, within: 3);
        conn.Stage(Given.Address(2), OfType("internet"), "pub:many");
        conn.Stage(Given.Address(3), OfType("internet"), "room:few");
        Assert.Equal("The only slot for peers is taken; it waits for its turn, as about the 1st", Ask(conn, Given.Peer(3)).Outlook);
        Assert.Equal("The only slot for peers is taken; it waits for its turn, as about the 2nd", Ask(conn, Given.Peer(2)).Outlook);
        Seconds(2 * 3_600); // until the turn of the first is over; then neither has had more than the other
        Assert.Equal(2, Network.Dials.Count);
        Assert.Contains(Network.Dials[1].Address, new List<MultiserverAddress> { Given.Address(2), Given.Address(3) });
    }

    [Fact]
    public async Task Routes_ThatAreAsGood_SayThatEitherMayBe()
    {
        Unreachable();
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1, "11"), OfType("pub"));
        conn.Remember(Given.Address(1, "12"), OfType("pub"));
        foreach (string host in (string[])["11", "12"])
            Assert.Equal("To be dialled next, by this route or another", Ask(conn, Given.Peer(1), Given.Address(1, host)).Outlook);
        Seconds(60);
        WhyRoute[] routes = [.. conn.Why(Given.Peer(1)).Routes];
        Assert.All(routes, r => Assert.Matches("by this route or another$|^Another route", r.Outlook));
        Assert.Equal(2, Network.Dials.Select(d => d.Address).Distinct().Count());
    }

    [Fact]
    public async Task Routes_OfOnePeer_OneIsNextAndTheOthersSaySo()
    {
        ConnPlugin conn = await Open(s_on);
        conn.Stage(Given.Address(1, "11"), OfType("room-attendant"), "room:x");
        conn.Stage(Given.Address(1, "12"), OfType("internet"));
        Assert.Equal($"Another route to it is dialled before this one: {Given.Address(1, "12")}", Ask(conn, Given.Peer(1), Given.Address(1, "11")).Outlook);
        Assert.Equal("To be dialled next", Ask(conn, Given.Peer(1), Given.Address(1, "12")).Outlook);
        Seconds(5); // in which the dial does not time out
        Assert.Equal([Given.Address(1, "12")], Network.Dials.Select(d => d.Address));
    }

    [Fact]
    public async Task Routes_TheBetterOneFailed_TheOtherIsNext()
    {
        Unreachable();
        ConnPlugin conn = await Open(s_on);
        conn.Stage(Given.Address(1, "12"), OfType("internet"));
        AssertDialled(Given.Address(1, "12"), within: 3);
        conn.Stage(Given.Address(1, "11"), OfType("internet"));
        Assert.Equal("To be dialled next", Ask(conn, Given.Peer(1), Given.Address(1, "11")).Outlook);
        Assert.Equal($"Another route to it is dialled before this one: {Given.Address(1, "11")}", Ask(conn, Given.Peer(1), Given.Address(1, "12")).Outlook);
        Network.Answer = null;
        Seconds(3);
        Assert.Equal(Given.Address(1, "11"), Network.Dials[^1].Address);
    }

    // ---- In connection by another route

    [Theory]
    [InlineData("connecting"), InlineData("connected"), InlineData("disconnecting")]
    public async Task OtherRoute_WhileInTheHub_IsNotDialled(string state)
    {
        ConnPlugin conn = await Open(s_on);
        Task<IPeerConnection> dial = conn.ConnectAsync(Given.Address(1));
        var closing = new TaskCompletionSource();
        TestConnection? connection = state == "connecting" ? null : Network.Dials[0].Succeed();
        if (state == "disconnecting")
        {
            connection!.CloseTakes = closing.Task;
            conn.Hub.DisconnectAsync(Given.Address(1)).Forget(); // a program's doing: whom a person disconnects is left alone
        }

        conn.Remember(Given.Address(1, "11"), OfType("pub"));
        WhyRoute other = Ask(conn, Given.Peer(1), Given.Address(1, "11"));
        Assert.Equal(($"It is {state} by another route; this one is not dialled until that has ended", null, null), (other.Outlook, other.Place, other.RetryAt));
        Seconds(4); // in which a dial does not time out
        Assert.Equal(0, Dials(Given.Address(1, "11")));
        if (state == "connecting")
            Network.Dials[0].Fail("gone");
        else
            connection!.End();
        closing.SetResult();
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await dial;
            throw new IOException("it had connected");
        });
        AssertDialled(Given.Address(1, "11"), within: 40);
    }

    [Fact]
    public async Task OtherRoute_ThatIsNotDialledAnyway_SaysBoth()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        conn.Remember(Given.Address(1, "11"), Data("""{"type":"pub","autoconnect":false}"""));
        WhyRoute other = Ask(conn, Given.Peer(1), Given.Address(1, "11"));
        Assert.Equal("It waits for a person: its autoconnect is false; it is connected by another route", other.Outlook);
        Network.Connections[0].End();
        Seconds(600);
        Assert.Equal(0, Dials(Given.Address(1, "11")));
    }

    [Fact]
    public async Task OtherRoute_OfACaller_IsNotDialled()
    {
        ConnPlugin conn = await Open(s_on);
        TestConnection call = Network.Call(1)!;
        Patience.Until(() => conn.Hub.Count == 1);
        conn.Remember(Given.Address(1), OfType("pub"));
        Assert.Equal("It is connected by another route; this one is not dialled until that has ended", Ask(conn, Given.Peer(1), Given.Address(1)).Outlook);
        Seconds(60);
        Assert.Equal(0, Dials(1));
        call.End();
        AssertDialled(1, within: 3);
    }

    [Fact]
    public async Task AwayRoute_ComesBackAsItSays()
    {
        Reachable();
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1, "11"), OfType("internet"));
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        WhyRoute away = Assert.Single(conn.Why(PeerTarget.From(Given.Address(1, "11"))).Routes, r => r.Address == Given.Address(1, "11"));
        Assert.Equal(("nowhere", "It is connected by another route; this one left the bench, and comes back when that has ended, unless it expires before"), (away.Where, away.Outlook));
        Network.Connections[0].End();
        Assert.Equal("staged", Ask(conn, Given.Peer(1)).Where);
    }

    [Fact]
    public async Task UnknownRoute_OfAConnectedPeer_SaysSo()
    {
        Reachable();
        ConnPlugin conn = await Open();
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        WhyRoute unknown = Assert.Single(conn.Why(PeerTarget.From(Given.Address(1, "11"))).Routes, r => r.Address == Given.Address(1, "11"));
        Assert.Equal("It is connected by another route; this one is neither on the bench nor in the address book", unknown.Outlook);
    }

    [Theory]
    [InlineData(false, "We dialled it"), InlineData(true, "It called us")]
    public async Task InTheHub_SaysWhoBegan(bool called, string outlook)
    {
        Reachable();
        ConnPlugin conn = await Open();
        if (called)
            Network.Call(1);
        else
            await conn.ConnectAsync(Given.Address(1)).Guarded();
        Patience.Until(() => conn.Hub.Count == 1);
        Assert.Equal(("connected", outlook), (Ask(conn, Given.Peer(1)).Where, Ask(conn, Given.Peer(1)).Outlook));
    }

    // ---- Not dialled as long as something holds, and dialled when it ends

    [Theory]
    [InlineData("stopped", "The scheduler is stopped, so only a person dials")]
    [InlineData("dismissed", "It is dismissed")]
    [InlineData("blocked", "It is blocked")]
    [InlineData("address", "It is dismissed")]
    [InlineData("graph-blocked", "It is blocked in the social graph")]
    [InlineData("graph-unknown", "It is not known in the social graph, so only a person dials it")]
    [InlineData("graph-loading", "The scheduler waits for the social graph")]
    [InlineData("no-network", "There is no network")]
    [InlineData("autoconnect", "It waits for a person: its autoconnect is false")]
    [InlineData("localhost", "It is on this machine, so only a person dials it")]
    [InlineData("undiallable", "It is kept and not dialled: it can never be dialled here: the air is out")]
    public async Task Obstacle_HoldsAsLongAsItIsThere(string kind, string outlook)
    {
        bool hasNetwork = kind != "no-network";
        if (kind.StartsWith("graph", StringComparison.Ordinal))
        {
            if (kind != "graph-unknown")
                Graph.Hops[Given.FeedId(1)] = kind == "graph-blocked" ? -1 : 1;
            Graph.IsLoaded = kind != "graph-loading";
        }

        ConnPlugin conn = await Open(s_on with
        {
            SocialGraph = kind.StartsWith("graph", StringComparison.Ordinal) ? Graph : null,
            HasNetwork = () => hasNetwork,
            Autostart = kind != "stopped",
        });
        conn.Remember(Given.Address(1), Data(kind switch
        {
            "autoconnect" => """{"type":"pub","autoconnect":false}""",
            "localhost" => """{"type":"pub","host":"localhost"}""",
            _ => """{"type":"pub"}""",
        }));
        if (kind == "dismissed")
            conn.Dismiss(Given.Peer(1));
        else if (kind == "address")
            conn.Dismiss(PeerTarget.From(Given.Address(1)));
        else if (kind == "blocked")
            conn.Block(Given.Peer(1));
        else if (kind == "undiallable")
            Network.Problem = (_, _) => "the air is out";

        WhyRoute route = Ask(conn, Given.Peer(1), Given.Address(1));
        Assert.Equal((outlook, null, null, null), (route.Outlook, route.Place, route.RetryAt, route.RetryBy));
        Seconds(3_600);
        Assert.Equal(0, Dials(1));
        Assert.Equal(outlook, Ask(conn, Given.Peer(1), Given.Address(1)).Outlook);

        if (kind == "stopped")
            conn.Start();
        else if (kind is "dismissed" or "blocked")
            Assert.True(conn.Undo(Given.Peer(1)));
        else if (kind == "address")
            Assert.True(conn.Undo(PeerTarget.From(Given.Address(1))));
        Graph.Hops[Given.FeedId(1)] = 1;
        (Graph.IsLoaded, hasNetwork, Network.Problem) = (true, true, null);
        if (kind == "autoconnect")
            conn.Db.Set(Given.Address(1), Data("""{"autoconnect":true}"""));
        else if (kind == "localhost")
            conn.Db.Replace(Given.Address(1), Data("""{"type":"pub"}"""));
        Assert.Equal("To be dialled next", Ask(conn, Given.Peer(1), Given.Address(1)).Outlook);
        AssertDialled(1, within: 3);
    }

    [Fact]
    public async Task Snoozed_UntilATime_IsDialledAfterIt()
    {
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), OfType("pub"));
        conn.Snooze(Given.Peer(1), TimeSpan.FromMinutes(10));
        Assert.Equal("It is dismissed until 2023-11-14 22:23:20Z", Ask(conn, Given.Peer(1)).Outlook);
        Seconds(595);
        Assert.Equal(0, Dials(1));
        AssertDialled(1, within: 10);
    }

    [Fact]
    public async Task Downloading_Pauses()
    {
        ConnPlugin conn = await Open(s_on with { Scheduler = new SchedulerOptions { DownloadPause = TimeSpan.FromSeconds(30) } });
        conn.NotifyDownload();
        conn.Remember(Given.Address(1), OfType("pub"));
        Assert.Equal("The scheduler waits for a download", Ask(conn, Given.Peer(1)).Outlook);
        Seconds(29);
        Assert.Equal(0, Dials(1));
        AssertDialled(1, within: 4);
    }

    [Fact]
    public async Task UnverifiedLan_IsLeftToAPerson_UntilItHasProvedItsKey()
    {
        ConnPlugin conn = await Open(s_on with { Staging = new StagingOptions() });
        conn.Stage(Given.Address(1), Lan(verified: false));
        Assert.Equal("It has not proved that it owns its key, so only a person dials it", Ask(conn, Given.Peer(1)).Outlook);
        Seconds(600);
        Assert.Equal(0, Dials(1));
        conn.Stage(Given.Address(1), Lan(verified: true));
        AssertDialled(1, within: 3);
    }

    [Fact]
    public async Task Nameless_WithAGraph_IsLeftToAPerson()
    {
        ConnPlugin conn = await Open(s_on with { SocialGraph = Graph });
        conn.Stage("net:nobody:1", OfType("internet"));
        var target = PeerTarget.From(MultiserverAddress.Parse("net:nobody:1"));
        Assert.Equal("Nobody knows whose it is, so only a person dials it", Ask(conn, target).Outlook);
        Seconds(600);
        Assert.Empty(Network.Dials);
    }

    [Fact]
    public async Task Nameless_WithoutAGraph_IsNext()
    {
        ConnPlugin conn = await Open(s_on);
        conn.Stage("net:nobody:1", OfType("internet"));
        Assert.Equal("To be dialled next", Ask(conn, PeerTarget.From(MultiserverAddress.Parse("net:nobody:1"))).Outlook);
        Seconds(3);
        Assert.Single(Network.Dials);
    }

    [Fact]
    public async Task Ourselves_AreNeitherStagedNorDialledNorFarAway()
    {
        Graph.Hops[Given.FeedId(0)] = 0;
        ConnPlugin conn = await Open(s_on with { SocialGraph = Graph });
        Assert.Equal($"{Given.FeedId(0)}: this is ourselves, who are neither staged nor dialled.{Environment.NewLine}", conn.Why(Given.Peer(0)).ToString());
        Assert.Equal($$"""{"subject":"{{Given.FeedId(0)}}","key":"{{Given.FeedId(0)}}","ourselves":true,"routes":[],"history":[]}""", conn.Why(Given.Peer(0)).ToJson());
        conn.Remember(Given.Address(0), OfType("pub"));
        Assert.Equal(("This is ourselves, and we do not dial ourselves", null), (Ask(conn, Given.Peer(0)).Outlook, Ask(conn, Given.Peer(0)).Place));
        StageResult result = conn.TryStage(Given.Address(0));
        Assert.Equal((RefusalReason.OwnKey, "that is ourselves"), (result.Reason, result.Explanation));
        Seconds(60);
        Assert.Empty(Network.Dials);
    }

    // ---- Bounds

    [Fact]
    public async Task Slots_Taken_WaitsForItsTurn_AndHasItWhenOneEnds()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on with { Scheduler = new SchedulerOptions { PeerQuota = 1 } });
        conn.Stage(Given.Address(1), OfType("internet"));
        AssertDialled(1, within: 3);
        conn.Stage(Given.Address(2), OfType("internet"));
        conn.Stage(Given.Address(3), OfType("internet"));
        Assert.Equal(("The only slot for peers is taken; it waits for its turn, as the 1st", 1, null, null), Seen(conn, 2));
        Assert.Equal(("The only slot for peers is taken; it waits for its turn, as the 2nd", 2, null, null), Seen(conn, 3));
        Seconds(600);
        Assert.Equal((0, 0), (Dials(2), Dials(3)));
        Network.Connections[0].End();
        AssertDialled(2, within: 3);
        Assert.Equal(0, Dials(3));
    }

    [Fact]
    public async Task Slots_TakenByADial_WaitsUntilItHasFailed()
    {
        ConnPlugin conn = await Open(s_on with { Scheduler = new SchedulerOptions { PeerQuota = 1 } });
        conn.Stage(Given.Address(1), OfType("internet"));
        AssertDialled(1, within: 3);
        conn.Stage(Given.Address(2), OfType("internet"));
        Assert.Equal("The only slot for peers is taken; it waits for its turn, as the 1st", Ask(conn, Given.Peer(2)).Outlook);
        Seconds(5);
        Assert.Equal(0, Dials(2));
        Network.Dials[0].Fail("gone");
        AssertDialled(2, within: 3);
    }

    [Fact]
    public async Task Slots_OfRooms_AreApart()
    {
        ConnPlugin conn = await Open(s_on with { Scheduler = new SchedulerOptions { PeerQuota = 0, RoomQuota = 1 } });
        conn.Remember(Given.Address(1), OfType("room"));
        conn.Remember(Given.Address(2), OfType("pub"));
        Assert.Equal("To be dialled next", Ask(conn, Given.Peer(1)).Outlook);
        Assert.Equal("There are no slots for peers, so only a person dials it", Ask(conn, Given.Peer(2)).Outlook);
        Seconds(60);
        Assert.True(Dials(1) > 0);
        Assert.Equal(0, Dials(2));
    }

    [Fact]
    public async Task Room_OnTheBenchOnly_IsDialledByAPerson()
    {
        ConnPlugin conn = await Open(s_on);
        conn.Stage(Given.Address(1), OfType("room"));
        Assert.Equal("A room that is not remembered is dialled by a person", Ask(conn, Given.Peer(1)).Outlook);
        Seconds(600);
        Assert.Empty(Network.Dials);
        conn.Remember(Given.Address(1), OfType("room"));
        AssertDialled(1, within: 3);
    }

    [Fact]
    public async Task Hub_Full_WaitsUntilSomebodyLeaves()
    {
        ConnPlugin conn = await Open(s_on with { Hub = new HubOptions { Capacity = 1 } });
        TestConnection call = Network.Call(9)!;
        Patience.Until(() => conn.Hub.Count == 1);
        conn.Remember(Given.Address(1), OfType("pub"));
        Assert.Equal(("The hub is full: it has 1 peer, the most that it holds; it waits until that is over", 1, null, null), Seen(conn, 1));
        Seconds(60);
        Assert.Empty(Network.Dials);
        call.End();
        AssertDialled(1, within: 3);
    }

    [Fact]
    public async Task Dials_AsManyAsMayBe_WaitsUntilOneHasEnded()
    {
        ConnPlugin conn = await Open(s_on with { Hub = new HubOptions { MaxDials = 1 } });
        conn.Remember(Given.Address(1), OfType("pub"));
        AssertDialled(1, within: 3);
        conn.Remember(Given.Address(2), OfType("pub"));
        Assert.Equal("1 dial is under way, and no more may be; it waits until that is over", Ask(conn, Given.Peer(2)).Outlook);
        Seconds(3);
        Assert.Equal(0, Dials(2));
        Network.Dials[0].Fail("gone");
        AssertDialled(2, within: 3);
    }

    [Fact]
    public async Task Budget_Spent_WaitsForTheNextMinute()
    {
        ConnPlugin conn = await Open(s_on with { Scheduler = new SchedulerOptions { DialsPerMinute = 1 } });
        conn.Remember(Given.Address(1), OfType("pub"));
        AssertDialled(1, within: 3);
        conn.Remember(Given.Address(2), OfType("pub"));
        Assert.Equal("1 connection was opened in the last minute, the most that may be; it waits for the next, as the 1st", Ask(conn, Given.Peer(2)).Outlook);
        Seconds(50);
        Assert.Equal(0, Dials(2));
        AssertDialled(2, within: 15);
    }

    // ---- Failures

    [Theory]
    [InlineData(1, "Failed 1 time, last: "), InlineData(2, "Failed 2 times, last: ")]
    public async Task Failed_WithoutAConnection_SaysNothingOfOne(int times, string words)
    {
        Unreachable();
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1), OfType("internet"));
        for (int i = 0; i < times; i++)
            await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Given.Address(1)).Guarded());
        WhyRoute route = Ask(conn, Given.Peer(1));
        Assert.Equal((times, false, "connection refused"), (route.Failures, route.WasConnected, route.LastError));
        Assert.Contains(words, route.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("since the last connection", conn.Why(Given.Peer(1)).ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("wasConnected", conn.Why(Given.Peer(1)).ToJson(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failed_AfterAConnection_CountsSinceThen()
    {
        Unreachable();
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1), OfType("internet"));
        await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Given.Address(1)).Guarded());
        Reachable();
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        Network.Connections[0].End();
        Assert.Equal((0, true), (Ask(conn, Given.Peer(1)).Failures, Ask(conn, Given.Peer(1)).WasConnected));
        Unreachable();
        await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Given.Address(1)).Guarded());
        Assert.EndsWith("Failed 1 time since the last connection by this route, last: connection refused", Ask(conn, Given.Peer(1)).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":"pub","failure":3,"duration":{"mean":5000,"stdev":0,"count":1,"sum":5000,"sqsum":25000000}}""", true)]
    [InlineData("""{"type":"pub","failure":3,"duration":{"mean":0,"stdev":0,"count":3,"sum":0,"sqsum":0}}""", false)]
    [InlineData("""{"type":"pub","failure":3}""", false)]
    public async Task Failed_AsAFileSays_CountsSinceAConnectionIfTheFileTellsOfOne(string data, bool wasConnected)
    {
        ConnPlugin conn = await Open();
        conn.Remember(Given.Address(1), Data(data));
        Assert.EndsWith(wasConnected ? "Failed 3 times since the last connection by this route." : "Failed 3 times.", Ask(conn, Given.Peer(1)).ToString(), StringComparison.Ordinal);
    }

    // ---- Unwanted

    [Fact]
    public async Task Unwanted_AtAnAddressThatNeverWorked_MayBeAnotherPeer()
    {
        ConnPlugin conn = await Open();
        await using Reading<HubEvent> hub = conn.Hub.Listen().Read();
        Network.Answer = _ => throw new ConnectFailedException("it hung up") { IsUnwanted = true };
        conn.Stage(Given.Address(1), OfType("internet"));
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Given.Address(1)).Guarded());
        Assert.True(e.IsUnwanted);
        Assert.Equal([ConnReason.Requested, ConnReason.UnwantedOrAnother], (await hub.Next(2)).Select(h => h.Reason));
        Assert.Equal("it does not want us, or is not whom we dialled: it hung up", Ask(conn, Given.Peer(1)).LastError);
        Assert.Contains("connecting-failed: it does not want us, or is not whom we dialled: it hung up", conn.Why(Given.Peer(1)).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unwanted_AtAnAddressThatWorked_IsCertain()
    {
        Reachable();
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1), OfType("internet"));
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        Network.Connections[0].End();
        Network.Answer = _ => throw new ConnectFailedException("it hung up") { IsUnwanted = true };
        await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Given.Address(1)).Guarded());
        Assert.Equal("it does not want us: it hung up", Ask(conn, Given.Peer(1)).LastError);
    }

    [Theory]
    [InlineData(false, "net:x: the server hung up on our proof. It does not want us, or is not @x.ed25519.")]
    [InlineData(true, "it does not want us: net:x: the server hung up on our proof.")]
    public async Task Unwanted_AsAHandshakeSaysIt_IsSaidOnce(bool wasConnected, string lastError)
    {
        Reachable();
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1), OfType("internet"));
        if (wasConnected)
        {
            await conn.ConnectAsync(Given.Address(1)).Guarded();
            Network.Connections[0].End();
        }

        Network.Answer = _ => throw new ConnectFailedException("net:x: the server hung up on our proof. It does not want us, or is not @x.ed25519.") { IsUnwanted = true };
        await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Given.Address(1)).Guarded());
        Assert.Equal(lastError, Ask(conn, Given.Peer(1)).LastError);
    }

    [Fact]
    public async Task RefusedByTheHost_WhoIsNotDialledAnyway_IsSaidToBeThat()
    {
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), OfType("pub").With("autoconnect", false));
        conn.Remember(Given.Address(2), OfType("pub"));
        Network.Answer = _ => throw new ConnectFailedException("not wanted") { IsRefusedByHost = true };
        foreach (MultiserverAddress address in (MultiserverAddress[])[Given.Address(1), Given.Address(2)])
            await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(address));
        WhyRoute waits = Ask(conn, Given.Peer(1), Given.Address(1));
        Assert.Equal(("It waits for a person: its autoconnect is false", null), (waits.Outlook, waits.RetryAt));
        WhyRoute again = Ask(conn, Given.Peer(2), Given.Address(2));
        Assert.Equal("The policy of this peer's host refused to dial it, and is asked again after a while", again.Outlook);
        Assert.NotNull(again.RetryAt);
    }

    [Fact]
    public async Task Unreachable_IsNotUnwanted()
    {
        Unreachable();
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1), OfType("internet"));
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Given.Address(1)).Guarded());
        Assert.False(e.IsUnwanted);
        Assert.DoesNotContain("want us", conn.Why(Given.Peer(1)).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task EndedAtOnce_OverAndOver_IsDialledEverMoreSeldom_AsOneThatFails()
    {
        ConnPlugin conn = await Open(s_on);
        Network.Answer = _ =>
        {
            var connection = new TestConnection(Given.FeedId(1), Given.Address(1)) { EndReason = ConnReason.UnwantedOrFull };
            connection.End();
            return connection;
        };
        conn.Stage(Given.Address(1), OfType("internet"));
        Seconds(600);
        Assert.InRange(Dials(Given.Address(1)), 2, 20); // every two seconds would be 300
        WhyRoute route = Ask(conn, Given.Peer(1), Given.Address(1));
        Assert.True(route.Failures > 1);
        Assert.Equal(ConnReason.UnwantedOrFull, route.LastError);
    }

    [Fact]
    public async Task EndedAtOnce_AsTheNetworkSays_IsUnwanted()
    {
        Reachable();
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1), OfType("internet"));
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        Network.Connections[0].EndReason = ConnReason.Unwanted;
        Network.Connections[0].End();
        Assert.Contains("disconnected: it does not want us", conn.Why(Given.Peer(1)).ToString(), StringComparison.Ordinal);
        Assert.Contains("returned: its connection ended: it does not want us", conn.Why(Given.Peer(1)).ToString(), StringComparison.Ordinal);
    }

    // ---- Refused here

    [Fact]
    public async Task Nobody_NothingIsKnown()
    {
        ConnPlugin conn = await Open();
        Assert.Equal($"{Given.FeedId(1)}.{Environment.NewLine}Nothing is known of it now.{Environment.NewLine}", conn.Why(Given.Peer(1)).ToString());
        Assert.Equal($$"""{"subject":"{{Given.FeedId(1)}}","key":"{{Given.FeedId(1)}}","routes":[],"history":[]}""", conn.Why(Given.Peer(1)).ToJson());
    }

    [Fact]
    public async Task Caller_ForWhomTheHubHasNoRoom_LeavesATrace()
    {
        ConnPlugin conn = await Open(s_on with { Autostart = false, Hub = new HubOptions { Capacity = 1 } });
        Network.Call(1);
        Patience.Until(() => conn.Hub.Count == 1);
        TestConnection refused = Network.Call(2)!;
        Patience.Until(() => refused.HasCloseBeenCalled);
        AssertRefused(conn, 2, "The hub is full: it has 1 peer, the most that it holds");
        Assert.Null(conn.Hub.Get(Given.FeedId(2)));
    }

    [Theory]
    [InlineData(1, ConnReason.Blocked), InlineData(2, ConnReason.Blocked), InlineData(0, ConnReason.Ourselves)]
    public async Task Caller_WhoIsNotWelcome_LeavesATrace(int peer, string reason)
    {
        Graph.Hops[Given.FeedId(2)] = -1;
        ConnPlugin conn = await Open(s_on with { SocialGraph = Graph });
        conn.Block(Given.Peer(1));
        Assert.Null(Network.Call(peer));
        Assert.Contains(conn.Why(Given.Peer(peer)).History, n => n.What == "refused" && n.Reason == reason);
    }

    [Fact]
    public async Task Caller_WhileItsConnectionIsBeingEnded_LeavesATrace()
    {
        Reachable();
        ConnPlugin conn = await Open();
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        var closing = new TaskCompletionSource();
        Network.Connections[0].CloseTakes = closing.Task;
        Task<bool> leaving = conn.DisconnectAsync(Given.Address(1));
        TestConnection refused = Network.Call(1)!;
        Patience.Until(() => refused.HasCloseBeenCalled);
        Assert.Contains(conn.Why(Given.Peer(1)).History, n => n is { What: "refused", Reason: "its connection before is being ended just now" });
        closing.SetResult();
        Assert.True(await leaving.Guarded());
    }

    [Fact]
    public async Task Caller_ThatTheNetworkRefused_LeavesATrace()
    {
        ConnPlugin conn = await Open();
        var from = MultiserverAddress.Parse("net:192.0.2.7:50000");
        conn.NoteRefusal(Given.FeedId(1), from, "there are 50 callers, the most that may be\n");
        AssertRefused(conn, 1, "there are 50 callers, the most that may be?");
        conn.NoteRefusal(null, from, "it has no key");
        Assert.Equal(("refused", "it has no key"), conn.Why(PeerTarget.From(from)).History.Select(n => (n.What, n.Reason)).Single());
        conn.NoteRefusal(null, Given.Address(2), "by its address");
        AssertRefused(conn, 2, "by its address");
        conn.NoteRefusal(null, null, "nobody");
        Assert.Throws<ArgumentNullException>(() => conn.NoteRefusal(null, from, null!));
        await conn.DisposeAsync();
        conn.NoteRefusal(Given.FeedId(1), from, "too late"); // throws nothing
    }

    [Fact]
    public async Task Callers_ThatAreRefused_PushOutNothingElse_AndAreBounded()
    {
        ConnPlugin conn = await Open(s_on with { Autostart = false, HistoryPeers = 5, HistoryNotes = 3 });
        conn.Stage(Given.Address(1), OfType("internet"));
        for (int i = 100; i < 200; i++)
            conn.NoteRefusal(Given.FeedId(i), null, "full");
        Assert.Equal("staged", Assert.Single(conn.Why(Given.Peer(1)).History).What);
        Assert.Empty(conn.Why(Given.Peer(150)).History);
        Assert.Single(conn.Why(Given.Peer(199)).History);
        for (int i = 0; i < 10; i++)
            conn.NoteRefusal(Given.FeedId(199), null, i.ToString(CultureInfo.InvariantCulture));
        Assert.Equal(["7", "8", "9"], conn.Why(Given.Peer(199)).History.Select(n => n.Reason));
        conn.NoteRefusal(Given.FeedId(1), null, "in between");
        conn.Unstage(Given.Address(1));
        Assert.Equal(["staged", "refused", "unstaged"], conn.Why(Given.Peer(1)).History.Select(n => n.What)); // in the order in which it happened
    }

    [Fact]
    public async Task Staging_RefusedByAQuota_LeavesATrace_AndIsNotDialled()
    {
        ConnPlugin conn = await Open(s_on);
        for (int i = 1; i <= 21; i++)
            conn.Stage(Given.Address(i), OfType("internet"), "pub:x");
        StageResult result = conn.TryStage(Given.Address(21), OfType("internet"), "pub:x");
        Assert.Equal((RefusalReason.SourceFull, "its source has as many peers on the bench as it may"), (result.Reason, result.Explanation));
        AssertRefused(conn, 21, "its source has as many as it may");
        Seconds(60);
        Assert.Equal(0, Dials(21));
    }

    [Theory]
    [InlineData(RefusalReason.Blocked, "it is blocked", "blocked"), InlineData(RefusalReason.Dismissed, "it is dismissed", "dismissed")]
    public async Task Staging_OfOneThatIsNotWanted_SaysWhy(RefusalReason reason, string explanation, string note)
    {
        ConnPlugin conn = await Open(s_on);
        if (reason == RefusalReason.Blocked)
            conn.Block(Given.Peer(1));
        else
            conn.Dismiss(Given.Peer(1));
        StageResult result = conn.TryStage(Given.Address(1));
        Assert.Equal((reason, explanation), (result.Reason, result.Explanation));
        Assert.Equal(("refused", note), conn.Why(Given.Peer(1)).History.Select(n => (n.What, n.Reason)).Last());
        Seconds(60);
        Assert.Empty(Network.Dials);
    }

    [Fact]
    public async Task Staging_OfOneThatIsConnected_SaysSo()
    {
        Reachable();
        ConnPlugin conn = await Open();
        Assert.Null(conn.TryStage(Given.Address(1)).Explanation);
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        StageResult result = conn.TryStage(Given.Address(1, "11"));
        Assert.Equal((RefusalReason.InHub, "it is connected, being connected or being disconnected"), (result.Reason, result.Explanation));
    }

    [Fact]
    public void Explanation_EachReasonHasItsOwn()
    {
        string?[] all = [.. Enum.GetValues<RefusalReason>().Select(r => new StageResult(StageOutcome.Refused, r).Explanation)];
        Assert.All(all, text => Assert.Matches("^[a-z][^.]*$", text));
        Assert.Equal(all.Length, all.Distinct().Count());
    }

    [Fact]
    public async Task Book_ThatIsFull_OrDataThatAreTooMuch_LeaveATrace()
    {
        ConnPlugin conn = await Open(s_on with { Autostart = false, Db = new ConnDbOptions { Capacity = 1, MaxDataLength = 200 } });
        Assert.Throws<ArgumentException>(() => conn.Remember(Given.Address(1), new PeerData().With("note", new string('x', 300))));
        Assert.StartsWith("the address book does not take it: The data have ", conn.Why(Given.Peer(1)).History.Single().Reason, StringComparison.Ordinal);
        conn.Remember(Given.Address(2), OfType("pub"));
        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => conn.Remember(Given.Address(3), OfType("pub")));
        AssertRefused(conn, 3, $"the address book does not take it: {e.Message.TrimEnd('.')}");
    }

    [Fact]
    public async Task Bench_DataThatAreTooMuch_LeaveATrace()
    {
        ConnPlugin conn = await Open(s_on with { Autostart = false, Staging = new StagingOptions { MaxDataLength = 200 } });
        Assert.Throws<ArgumentException>(() => conn.Stage(Given.Address(1), new PeerData().With("note", new string('x', 300))));
        PeerNote note = conn.Why(Given.Peer(1)).History.Single();
        Assert.Equal("refused", note.What);
        Assert.DoesNotContain("Parameter", note.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dial_ThatAPersonAskedFor_RefusedByABoundOrABlock_LeavesATrace()
    {
        ConnPlugin conn = await Open(s_on with { Autostart = false, Hub = new HubOptions { MaxDials = 1 } });
        conn.ConnectAsync(Given.Address(1)).Forget();
        await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Given.Address(2)).Guarded());
        AssertRefused(conn, 2, "1 dial is under way, and no more may be");
        conn.Block(Given.Peer(3));
        await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Given.Address(3)).Guarded());
        Assert.Equal(["blocked", "refused"], conn.Why(Given.Peer(3)).History.Select(n => n.What));
    }

    [Fact]
    public async Task Tunnel_ThatIsRefused_LeavesATraceAtItsRoom()
    {
        ConnPlugin conn = await Open();
        await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectForTunnelAsync(Given.Address(1), isRequested: false, TestContext.Current.CancellationToken));
        AssertRefused(conn, 1, "a tunnel through it was not opened: it is not in the address book");
        conn.Remember(Given.Address(2), Data("""{"type":"room","autoconnect":false}"""));
        Assert.False(conn.MayDialForTunnels(Given.Address(2)));
        Assert.Contains(conn.Why(Given.Peer(2)).History, n => n.Reason == "it is not dialled for a tunnel that no person asked for: its autoconnect is false");
    }

    [Fact]
    public async Task Undiallable_ThatWasOnlyTyped_CanNeverBeDialled()
    {
        ConnPlugin conn = await Open(s_on);
        Network.Problem = (_, _) => "the air is out";
        Assert.Equal(RefusalReason.Undiallable, conn.TryStage(Given.Address(1)).Reason);
        WhyRoute route = Ask(conn, PeerTarget.From(Given.Address(1)));
        Assert.Equal(("nowhere", "It is neither on the bench nor in the address book, and can never be dialled here: the air is out"), (route.Where, route.Outlook));
    }

    // ---- Hops, rules and what is said twice

    [Theory]
    [InlineData(null, "."), InlineData(1, ", 1 hop away."), InlineData(2, ", 2 hops away."), InlineData(-1, ", blocked in the social graph.")]
    public async Task Hops_AreToldAsTheGraphSays(int? hops, string words)
    {
        if (hops is { } known)
            Graph.Hops[Given.FeedId(1)] = known;
        ConnPlugin conn = await Open(s_on with { SocialGraph = Graph });
        WhyReport why = conn.Why(Given.Peer(1));
        Assert.Equal(hops, why.Hops);
        Assert.StartsWith($"{Given.FeedId(1)}{words}{Environment.NewLine}", why.ToString(), StringComparison.Ordinal);
        Assert.Equal(hops is not null, why.ToJson().Contains("\"hops\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Hops_WithoutAGraph_AreNotTold()
    {
        ConnPlugin conn = await Open();
        conn.Remember(Given.Address(1), OfType("pub"));
        Assert.Null(conn.Why(Given.Peer(1)).Hops);
        Assert.DoesNotContain("hop", conn.Why(Given.Peer(1)).ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("hops", conn.Why(Given.Peer(1)).ToJson(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Decided_IsSaidOnce()
    {
        ConnPlugin conn = await Open();
        conn.Block(Given.Peer(1));
        conn.Dismiss(Given.Peer(2), Given.Start.AddDays(1));
        Assert.Equal(
            [$"{Given.FeedId(1)}.", "It is blocked, since 2023-11-14 22:13:20Z.", "Nothing is known of it now.", "  2023-11-14 22:13:20Z blocked", ""],
            conn.Why(Given.Peer(1)).ToString().Split(Environment.NewLine));
        Assert.Equal("  2023-11-14 22:13:20Z dismissed until 2023-11-15 22:13:20Z", conn.Why(Given.Peer(2)).ToString().Split(Environment.NewLine)[3]);
    }

    [Fact]
    public async Task Suggestions_LeaveOutWhomNobodyCanDial()
    {
        Graph.Hops[Given.FeedId(5)] = -1;
        ConnPlugin conn = await Open(s_on with { Autostart = false, SocialGraph = Graph });
        foreach (int i in (int[])[0, 1, 2, 3, 4, 5])
            conn.Remember(Given.Address(i), OfType("pub"));
        conn.Stage(Given.Address(1, "11"), OfType("internet"), "pub:x");
        conn.Dismiss(Given.Peer(2));
        conn.Block(Given.Peer(3));
        Network.Problem = (address, isFromOwner) => address == Given.Address(4) || (address == Given.Address(1, "11") && !isFromOwner) ? "the air is out" : null;
        Suggestion suggestion = Assert.Single(conn.Query.Suggestions());
        Assert.Equal([Given.Address(1)], suggestion.Routes.Select(r => r.Address));
    }

    // ---- What all of them use

    /// <summary>Asks in words and as data, checks that both say the same, and gives the route.</summary>
    private static WhyRoute Ask(ConnPlugin conn, PeerTarget target, MultiserverAddress? address = null)
    {
        WhyReport report = conn.Why(target);
        string words = report.ToString();
        using JsonDocument json = JsonDocument.Parse(report.ToJson());
        JsonElement[] told = [.. json.RootElement.GetProperty("routes").EnumerateArray()];
        Assert.Equal(report.Routes.Count, told.Length);
        foreach ((WhyRoute route, JsonElement data) in report.Routes.Zip(told))
        {
            Assert.Contains($"{route.Address} is {route.Where}", words, StringComparison.Ordinal);
            Assert.Contains(route.Outlook, words, StringComparison.Ordinal);
            Assert.Equal((route.Address.Text, route.Where, route.Outlook), (data.GetProperty("address").GetString(), data.GetProperty("where").GetString(), data.GetProperty("outlook").GetString()));
            Assert.Equal(
                (route.Failures, route.Place, route.RetryAt?.ToUnixTimeMilliseconds(), route.RetryBy?.ToUnixTimeMilliseconds()),
                (data.GetProperty("failures").GetInt32(), (int?)Number(data, "place"), Number(data, "retryAt"), Number(data, "retryBy")));
            Assert.Equal(route.WasConnected, data.TryGetProperty("wasConnected", out JsonElement was) && was.GetBoolean());
        }

        return address is null ? Assert.Single(report.Routes) : Assert.Single(report.Routes, r => r.Address == address);

        static long? Number(JsonElement data, string name) => data.TryGetProperty(name, out JsonElement number) ? number.GetInt64() : null;
    }

    private static (string Outlook, int? Place, DateTimeOffset? RetryAt, DateTimeOffset? RetryBy) Seen(ConnPlugin conn, int peer)
    {
        WhyRoute route = Ask(conn, Given.Peer(peer));
        return (route.Outlook, route.Place, route.RetryAt, route.RetryBy);
    }

    private static void AssertRefused(ConnPlugin conn, int peer, string reason)
    {
        WhyReport why = conn.Why(Given.Peer(peer));
        Assert.Equal(("refused", reason), (why.History[^1].What, why.History[^1].Reason));
        Assert.DoesNotContain("Nothing is known", why.ToString(), StringComparison.Ordinal);
        Assert.Contains($"refused: {reason}", why.ToString(), StringComparison.Ordinal);
    }

    private int Dials(int peer) => Dials(Given.Address(peer));

    private int Dials(MultiserverAddress address) => Network.Dials.Count(d => d.Address == address);

    private void AssertDialled(int peer, double within) => AssertDialled(Given.Address(peer), within);

    // In virtual time.
    private void AssertDialled(MultiserverAddress address, double within)
    {
        int dials = Dials(address);
        for (double passed = 0; Dials(address) == dials && passed < within; passed += 0.1)
            Seconds(0.1);
        Assert.True(Dials(address) > dials, $"{address} was not dialled within {within} s.");
    }
}
