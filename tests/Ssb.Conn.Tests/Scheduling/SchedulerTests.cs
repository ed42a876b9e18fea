namespace Ssb.Conn.Tests.Scheduling;

/// <summary>The scheduler in virtual time.</summary>
public class SchedulerTests : PluginTestBase
{
    private static readonly ConnPluginOptions s_on = new();

    [Fact]
    public async Task Look_FreeSlots_AreFilledUpToTheQuotas_AndNoFurther()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        StageMany(conn, 1, 20);
        for (int i = 101; i <= 120; i++)
            conn.Remember(Given.Address(i), PeerData.Parse("""{"type":"room"}"""));
        Seconds(3);
        Assert.Equal((4, 5), (Up(conn, rooms: false), Up(conn, rooms: true)));
        Seconds(20 * 60); // before anybody's turn is over
        Assert.Equal((4, 5, 9), (Up(conn, rooms: false), Up(conn, rooms: true), Network.Dials.Count));
    }

    [Fact]
    public async Task Open_CallerQuotaWhereCallersCountAgainstTheOthers_Throws()
    {
        var scheduler = new SchedulerOptions { CountsCallers = true, CallerQuota = 3 };
        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(() => Open(s_on with { Scheduler = scheduler }));
        Assert.Equal(nameof(SchedulerOptions.CallerQuota), error.ParamName);
        await Open(s_on with { Scheduler = scheduler with { CallerQuota = null } });
    }

    [Fact]
    public async Task Look_StagedRoom_IsNotDialled_AndStagedPeersAre()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        conn.Stage(Given.Address(1), OfType("room"));
        conn.Stage(Given.Address(2), OfType("pub"));
        Seconds(60);
        Assert.Equal(Given.Address(2), Assert.Single(Network.Dials).Address);
    }

    [Fact]
    public async Task Look_UnverifiedLanPeer_IsNeverDialled()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        for (int i = 0; i < 300; i++)
        {
            conn.Stage(Given.Address(1), Lan(verified: false));
            Seconds(2);
        }

        Assert.Empty(Network.Dials);
        conn.Stage(Given.Address(1), Lan());
        Seconds(2);
        Assert.Single(Network.Dials);
    }

    [Theory]
    [InlineData("""{"type":"pub","autoconnect":false}"""), InlineData("""{"type":"pub","host":"localhost"}"""), InlineData("""{"type":"pub","host":"127.0.0.1"}""")]
    public async Task Look_PeersThatAreForPeople_AreNotDialled(string data)
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), PeerData.Parse(data));
        Seconds(600);
        Assert.Empty(Network.Dials);
    }

    [Fact]
    public async Task Look_RememberedPeerWithoutAutoconnect_IsSuggested()
    {
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), PeerData.Parse("""{"type":"pub","autoconnect":false,"name":"hub"}"""));
        Seconds(3);
        StagedPeer peer = Assert.Single(conn.Staging.Entries());
        DateTimeOffset updated = peer.StagingUpdated;
        Seconds(10);
        Assert.Equal(updated, Assert.Single(conn.Staging.Entries()).StagingUpdated); // and not staged again at each look
    }

    [Fact]
    public async Task Look_WithASocialGraph_UnknownAndBlockedKeysAreNotDialled()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on with { SocialGraph = Graph });
        Graph.Hops[Given.FeedId(1)] = 3;
        Graph.Hops[Given.FeedId(2)] = 1;
        Graph.Hops[Given.FeedId(4)] = -1;
        for (int i = 1; i <= 4; i++)
            conn.Remember(Given.Address(i), PeerData.Parse("""{"type":"pub"}"""));
        Seconds(600);
        Assert.Equal([Given.Address(1).Text, Given.Address(2).Text], Network.Dials.Select(d => d.Address.Text).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Look_BlockedLater_IsDisconnectedAndUnstaged()
    {
        Reachable();
        Graph.Hops[Given.FeedId(1)] = 1;
        ConnPlugin conn = await Open(s_on with { SocialGraph = Graph });
        conn.Stage(Given.Address(1), OfType("pub"));
        conn.Stage(Given.Address(2), OfType("pub"));
        Seconds(3);
        Assert.Equal(1, conn.Hub.Count);
        Graph.Hops[Given.FeedId(1)] = -1;
        Graph.Hops[Given.FeedId(2)] = -1;
        Seconds(3);
        Assert.Equal((0, 0), (conn.Hub.Count, conn.Staging.Count));
    }

    [Fact]
    public async Task Look_Paused_WhileDownloading_WithoutNetwork_OrGraph()
    {
        Reachable();
        bool hasNetwork = false;
        Graph.IsLoaded = false;
        ConnPlugin conn = await Open(s_on with { SocialGraph = Graph, HasNetwork = () => hasNetwork });
        Graph.Hops[Given.FeedId(1)] = 1;
        conn.Remember(Given.Address(1), PeerData.Parse("""{"type":"pub"}"""));
        Seconds(60);
        Assert.Empty(Network.Dials);
        Graph.IsLoaded = true;
        Seconds(60);
        Assert.Empty(Network.Dials);
        hasNetwork = true;
        for (int i = 0; i < 300; i++)
        {
            conn.NotifyDownload();
            Seconds(0.4);
        }

        Assert.Empty(Network.Dials);
        Seconds(3);
        Assert.Single(Network.Dials);
    }

    [Fact]
    public async Task Look_HangingDials_HoldTheirSlots_SoThatEachLookDoesNotBeginAsMany()
    {
        ConnPlugin conn = await Open(s_on);
        StageMany(conn, 1, 100);
        Seconds(9);
        Assert.Equal(4, Network.Dials.Count);
        Seconds(60); // each fails after 10 s, and others have their turn
        Assert.InRange(Network.Dials.Count, 20, 32);
    }

    [Fact]
    public async Task Look_OneIdentityWithManyRoutes_IsDialledOnce_ByTheBest()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        conn.Stage(Given.Address(1, "11"), OfType("room-attendant"), "room:x");
        conn.Stage(Given.Address(1, "12"), OfType("internet"), "pub/y");
        conn.Stage(Given.Address(1), Lan(), "lan:eth0/10.0.0.1");
        Seconds(60);
        Assert.Equal(Given.Address(1), Assert.Single(Network.Dials).Address);
        Assert.Equal(0, conn.Staging.Count);
    }

    [Fact]
    public async Task Look_CallersDoNotUseUpTheSlots()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        for (int i = 50; i < 58; i++)
            Network.Call(i);
        Guards.Until(() => conn.Hub.Count == 8);
        StageMany(conn, 1, 10);
        Seconds(3);
        Assert.Equal(4, conn.Hub.Entries().Count(p => !p.IsCaller));
    }

    [Fact]
    public async Task Look_MoreCallersThanTwiceTheQuota_LetsGoOfThoseTooMany_AfterTheirTime()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        StageMany(conn, 1, 4);
        Seconds(3);
        for (int i = 50; i < 60; i++)
            Network.Call(i);
        Guards.Until(() => conn.Hub.Count == 14);
        Seconds(5);
        Assert.Equal(14, conn.Hub.Count);
        Seconds(300);
        Assert.Equal((8, 4), (conn.Hub.Entries().Count(p => p.IsCaller), conn.Hub.Entries().Count(p => !p.IsCaller)));
    }

    [Fact]
    public async Task Look_CallerQuota_KeepsAsManyCallers()
    {
        ConnPlugin conn = await Open(s_on with { Scheduler = s_on.Scheduler with { CallerQuota = 12 } });
        for (int i = 50; i < 65; i++)
            Network.Call(i);
        Guards.Until(() => conn.Hub.Count == 15);
        Seconds(600);
        Assert.Equal(12, conn.Hub.Count);
    }

    [Fact]
    public async Task Look_TooManyCallers_ThoseGoWhoCallFromWhereMostDo()
    {
        ConnPlugin conn = await Open(s_on);
        for (int i = 50; i < 54; i++)
            Network.Call(i); // each from a host of its own, and before the others
        for (int i = 60; i < 72; i++)
            Network.Call(i, $"net:10.66.66.66:{50_000 + i}~shs:{Given.Base64(i)}");
        Guards.Until(() => conn.Hub.Count == 16);
        Seconds(300);
        Assert.Equal(8, conn.Hub.Count);
        Assert.Equal(4, conn.Hub.Entries().Count(p => p.Address.Text.StartsWith("net:10.9.0.", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Look_AllPlacesOfCallersAreTaken_ACrowdPushesOutNobody()
    {
        ConnPlugin conn = await Open(s_on);
        for (int i = 50; i < 58; i++)
            Network.Call(i);
        Guards.Until(() => conn.Hub.Count == 8);
        Seconds(10);
        for (int i = 60; i < 72; i++)
            Network.Call(i, $"net:10.66.66.66:{50_000 + i}~shs:{Given.Base64(i)}");
        Guards.Until(() => conn.Hub.Count == 20);
        Seconds(300);
        Assert.Equal(8, conn.Hub.Entries().Count(p => p.Address.Text.StartsWith("net:10.9.0.", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Look_RoomsAndPeers_HaveTheirTurnsApart()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        for (int i = 101; i <= 105; i++)
            conn.Remember(Given.Address(i), PeerData.Parse("""{"type":"room"}"""));
        conn.Remember(Given.Address(1), PeerData.Parse("""{"type":"pub"}"""));
        Seconds(3);
        Assert.Equal(6, conn.Hub.Count);
        Network.Connections.Single(c => c.Address == Given.Address(1)).End();
        StageMany(conn, 10, 3, "room:a");
        Seconds(120);
        Assert.Contains(conn.Hub.Entries(), p => p.Address == Given.Address(1)); // five rooms of the book are none of its turns among peers
    }

    [Fact]
    public async Task Look_SourceThatTookTheSlotsOfOthers_GivesThemBack()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        StageMany(conn, 1, 50, "room:greedy");
        Seconds(10);
        Assert.Equal(4, conn.Hub.Count);
        StageMany(conn, 100, 2, "room:late");
        Seconds(10 * 60); // long before the turn of two hours is over
        Assert.Equal(2, conn.Hub.Entries().Count(p => p.FeedId == Given.FeedId(100) || p.FeedId == Given.FeedId(101)));
    }

    [Fact]
    public async Task Look_DialsByTheMinute_AreBounded_WhateverFails()
    {
        var dials = new List<DateTimeOffset>();
        Network.Answer = _ =>
        {
            dials.Add(Time.GetUtcNow());
            throw new ConnectFailedException("no");
        };
        ConnPlugin conn = await Open(s_on with { Scheduler = new SchedulerOptions { DialsPerMinute = 30 } });
        for (int i = 1; i <= 1_000; i++)
            conn.Remember(Given.Address(i), PeerData.Parse("""{"type":"pub"}"""));
        Seconds(20 * 60);
        Assert.InRange(dials.Count, 500, 21 * 30);
        for (int i = 30; i < dials.Count; i++)
            Assert.True(dials[i] - dials[i - 30] >= TimeSpan.FromMinutes(1), $"31 dials from {dials[i - 30]:T} to {dials[i]:T}");
    }

    [Fact]
    public async Task Look_SourcesHaveTheirTurn_WhateverTheNumberOfTheirIdentities()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        StageMany(conn, 1, 500, "room:flood");
        for (int i = 0; i < 3; i++)
            conn.Stage(Given.Address(1_000 + i), OfType("room-attendant"), $"room:{i}");
        Seconds(3);
        Assert.Equal(4, conn.Hub.Count);
        Assert.Equal(3, conn.Hub.Entries().Count(p => p.FeedId != null && Enumerable.Range(1_000, 3).Any(n => Given.FeedId(n) == p.FeedId)));
    }

    [Fact]
    public async Task Rotate_PeersTakeTurns_FairlyOverDays()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        for (int i = 1; i <= 12; i++)
            conn.Remember(Given.Address(i), PeerData.Parse("""{"type":"pub"}"""));
        var connected = new Dictionary<MultiserverAddress, int>();
        for (int minute = 0; minute < Rounds.Of(3) * 24 * 60; minute++)
        {
            Seconds(60);
            Assert.InRange(conn.Hub.Count, 3, 4);
            foreach (HubPeer peer in conn.Hub.Entries())
                connected[peer.Address] = connected.GetValueOrDefault(peer.Address) + 1;
        }

        Assert.Equal(12, connected.Count);
        double fair = connected.Values.Average();
        Assert.All(connected.Values, minutes => Assert.InRange(minutes, fair * 0.4, fair * 2.2));
    }

    [Fact]
    public async Task Rotate_EmptyRooms_GiveWay_FullOnesStay()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        for (int i = 1; i <= 8; i++)
            conn.Remember(Given.Address(i), PeerData.Parse($$"""{"type":"room","onlineCount":{{(i <= 3 ? 4 : 0)}}}"""));
        Seconds(3_600);
        MultiserverAddress[] dialled = [.. Network.Dials.Select(d => d.Address)];
        Assert.Equal(8, dialled.Distinct().Count());
        foreach (MultiserverAddress full in Network.Dials.Select(d => d.Address).Distinct().Where(a => Enumerable.Range(1, 3).Any(i => a == Given.Address(i))))
            Assert.Single(dialled, full); // once connected, it stayed
    }

    [Fact]
    public async Task Start_CleansTheAddressBook_AsTheOriginal()
    {
        ConnPlugin conn = await Open(s_on with { Autostart = false });
        conn.Remember(Given.Address(1), PeerData.Parse("""{"type":"lan"}"""));
        conn.Remember(Given.Address(2), PeerData.Parse("""{"source":"local"}"""));
        conn.Remember(Given.Address(3), PeerData.Parse("""{"type":"bt"}"""));
        conn.Remember(Given.Address(4), PeerData.Parse("""{"type":"pub","defunct":true,"autoconnect":false,"name":"x"}"""));
        conn.Remember(Given.Address(5), PeerData.Parse("""{"type":"room","membership":true}"""));
        conn.Remember(Given.Address(6), PeerData.Parse($$"""{"type":"room-attendant","alias":"bob","roomAddress":"{{Given.Address(5).Text}}"}"""));
        conn.Remember(Given.Address(7), PeerData.Parse("""{"type":"room-attendant","alias":"bob","roomAddress":"net:other:1~noauth"}"""));
        conn.Start();
        Assert.Equal([Given.Address(4), Given.Address(5), Given.Address(7)], conn.DbPeers().Select(p => p.Address));
        Assert.Equal((null, "x"), (conn.Db.Get(Given.Address(4))!.Autoconnect, conn.Db.Get(Given.Address(4))!.TryGet("name", out System.Text.Json.JsonElement name) ? name.GetString() : null));
    }

    [Fact]
    public async Task Clock_JumpsAhead_AllConnectionsAreMadeAnew()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        StageMany(conn, 1, 4);
        Seconds(60);
        TestConnection[] before = [.. Network.Connections];
        Assert.Equal(4, before.Length);
        Time.Offset = TimeSpan.FromHours(8); // the machine slept
        Seconds(3);
        Assert.All(before, c => Assert.True(c.HasCloseBeenCalled));
        Seconds(120);
        Assert.Equal(4, conn.Hub.Count);
    }

    [Fact]
    public async Task NetworkChange_AllConnectionsAreMadeAnew_WithoutAStorm()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        StageMany(conn, 1, 30);
        Seconds(60);
        for (int i = 0; i < 20; i++)
        {
            await conn.NotifyNetworkChangeAsync().Guarded();
            int before = Network.Dials.Count;
            Seconds(60);
            Assert.InRange(Network.Dials.Count - before, 4, 8);
            Assert.Equal(4, conn.Hub.Count);
        }
    }

    [Fact]
    public async Task Outage_OfAllPeers_DialsBackOff_AndRecover()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        for (int i = 1; i <= 10; i++)
            conn.Remember(Given.Address(i), PeerData.Parse("""{"type":"pub"}"""));
        Seconds(600);
        Unreachable();
        foreach (TestConnection connection in Network.Connections)
            connection.End();
        var perHour = new List<int>();
        for (int hour = 0; hour < 24; hour++)
        {
            int before = Network.Dials.Count;
            Seconds(3_600);
            perHour.Add(Network.Dials.Count - before);
        }

        Assert.True(perHour[0] < 150 && perHour[^1] <= perHour[0] / 3, string.Join(' ', perHour));
        Reachable();
        for (int minute = 0; conn.Hub.Count == 0 && minute < 4 * 60; minute++)
            Seconds(60);
        Assert.NotEqual(0, conn.Hub.Count);
        Seconds(60); // one works, so the others are tried, too
        Assert.Equal(4, conn.Hub.Count);
    }

    [Fact]
    public async Task NetworkChange_AfterALongOutage_TriesEverybodyAgain()
    {
        Unreachable();
        ConnPlugin conn = await Open(s_on);
        for (int i = 1; i <= 10; i++)
            conn.Remember(Given.Address(i), PeerData.Parse("""{"type":"pub"}"""));
        conn.Stage(Given.Address(11), OfType("internet"));
        Seconds(24 * 3_600);
        Reachable();
        await conn.NotifyNetworkChangeAsync().Guarded();
        Seconds(30);
        Assert.Equal(4, conn.Hub.Count);
    }

    [Fact]
    public async Task StopAsync_EndsConnections_AndDialsNoMore()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        StageMany(conn, 1, 10);
        Seconds(3);
        await conn.StopAsync().Guarded();
        int dials = Network.Dials.Count;
        Seconds(600);
        Assert.Equal((0, dials, false), (conn.Hub.Count, Network.Dials.Count, conn.IsRunning));
        conn.Start();
        Seconds(60);
        Assert.Equal(4, conn.Hub.Count);
    }

    [Fact]
    public async Task MakeScheduler_AnotherOne_TakesItsPlace()
    {
        var other = new OtherScheduler();
        ConnPlugin conn = await Open(s_on with { MakeScheduler = _ => other });
        Assert.True(conn.IsRunning);
        conn.Remember(Given.Address(1));
        Assert.Equal("as I like", Assert.Single(conn.Why(Given.Peer(1)).Routes).Outlook);
        await conn.StopAsync();
        Assert.False(other.IsRunning);
    }

    private static void StageMany(ConnPlugin conn, int from, int count, string? source = null)
    {
        for (int i = from; i < from + count; i++)
            conn.Stage(Given.Address(i), OfType("internet"), source);
    }

    private static int Up(ConnPlugin conn, bool rooms) => conn.Query.PeersConnected().Count(p => p.Type == "room" == rooms);

    private sealed class OtherScheduler : IConnScheduler
    {
        public bool IsRunning { get; private set; }

        public void Start() => IsRunning = true;

        public void Stop() => IsRunning = false;

        public SchedulerOutlook Explain(ConnPeer peer) => new("as I like");
    }
}
