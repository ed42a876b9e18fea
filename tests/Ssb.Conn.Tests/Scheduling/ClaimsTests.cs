namespace Ssb.Conn.Tests.Scheduling;

/// <summary>What peers say of themselves, and how many they are, pushes nobody out.</summary>
public class ClaimsTests : PluginTestBase
{
    private static readonly ConnPluginOptions s_on = new();
    private static readonly PeerData s_room = PeerData.Parse("""{"type":"room","name":"a room"}""");

    [Theory]
    [InlineData(24), InlineData(200)]
    public async Task Look_LanPeersThatCallThemselvesRooms_PushOutNoRoom(int identities)
    {
        Assert.Equal((5, true), await PretendRooms(s_on, identities));
    }

    [Fact]
    public async Task Look_ClaimsAreBelieved_TheSameAttackPushesOutAllRooms() // as in the original, so that the test above tests something
    {
        Assert.Equal(0, (await PretendRooms(s_on with { Scheduler = SchedulerOptions.Ssb }, 24)).Rooms);
    }

    [Fact]
    public async Task Look_FalseRooms_AreBoundedAsPeers_WhileHonestPeersWait()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        for (int i = 1; i <= 3; i++)
            conn.Remember(Given.Address(i), PeerData.Parse("""{"type":"pub"}"""));
        Announce(conn, 24, minutes: 60);
        Assert.Equal(4, conn.Hub.Entries().Count(p => p.State == HubState.Connected));
        Assert.True(conn.Hub.Entries().Count(p => p.Address.Text.Contains("10.66.", StringComparison.Ordinal)) <= 2);
    }

    [Theory]
    [InlineData("""{"type":"room"}""", true), InlineData("""{"type":"pub"}""", false), InlineData("""{"type":"lan"}""", false)]
    [InlineData("{}", true)]
    public async Task CountsAsRoom_PersonConnects_BookDecides_ElseTheClaim(string book, bool isRoom)
    {
        Reachable();
        ConnPlugin conn = await Open();
        conn.Remember(Given.Address(1), PeerData.Parse(book));
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        conn.LearnRoom(Given.Address(1), s_room);
        Assert.Equal(isRoom, conn.CountsAsRoom(conn.Hub.Get(Given.Address(1))!));
        Assert.Equal(isRoom ? "room" : PeerData.Parse(book).Type, conn.Db.Get(Given.Address(1))!.Type);
    }

    [Theory]
    [InlineData("""{"type":"pub","name":"my pub","alias":"bob","autoconnect":true}"""), InlineData("""{"name":"my friend"}""")]
    public async Task LearnRoom_NobodyAskedForThePeer_TheBookStaysAsItIs(string book)
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), PeerData.Parse(book));
        Seconds(10);
        conn.LearnRoom(Given.Address(1), s_room);
        PeerData known = conn.Db.Get(Given.Address(1))!, before = PeerData.Parse(book);
        foreach (KeyValuePair<string, System.Text.Json.JsonElement> field in before.Fields)
        {
            Assert.True(known.TryGet(field.Key, out System.Text.Json.JsonElement value), field.Key);
            Assert.Equal(field.Value.GetRawText(), value.GetRawText());
        }


        Assert.Equal(before.Type, known.Type);
        Assert.Equal("room", conn.Hub.Get(Given.Address(1))!.Data.Type); // shown as what it says it is
        Assert.False(conn.CountsAsRoom(conn.Hub.Get(Given.Address(1))!));
    }

    [Fact]
    public async Task CountsAsRoom_PersonConnects_ItIsOne_WithoutTheBook()
    {
        Reachable();
        ConnPlugin conn = await Open();
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        Assert.False(conn.CountsAsRoom(conn.Hub.Get(Given.Address(1))!));
        conn.LearnRoom(Given.Address(1), s_room);
        Assert.True(conn.CountsAsRoom(conn.Hub.Get(Given.Address(1))!));
        Assert.Contains("because a person connected to it", conn.Why(Given.Peer(1)).Routes[0].Outlook);
    }

    [Fact]
    public async Task CountsAsRoom_RememberedByAnotherAddress_ItIsOne()
    {
        Reachable();
        ConnPlugin conn = await Open();
        conn.Remember(Given.Address(1), s_room);
        Network.Call(1);
        Guards.Until(() => conn.Hub.Count == 1);
        MultiserverAddress address = conn.Hub.Entries()[0].Address;
        conn.LearnRoom(address, s_room);
        Assert.True(conn.CountsAsRoom(conn.Hub.Get(address)!));
    }

    [Fact]
    public async Task Why_PeerThatCallsItselfARoom_SaysWhichQuotaAndWhy()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        conn.Stage(Given.Address(1), Lan(), "lan:eth0/10.0.0.1");
        Seconds(10);
        conn.LearnRoom(Given.Address(1), s_room);
        Assert.Equal("We dialled it; it calls itself a room; it counts as a peer, because neither the address book nor a person says so",
            Assert.Single(conn.Why(Given.Peer(1)).Routes).Outlook);
    }

    // 40 connections from one place, or from many places of one, beside 8 honest ones that were there before.
    [Theory]
    [InlineData("net:2001:db8:6:6::{0:x}:50000", "net:2001:db8:{0:x}::1:50000")] // one /64
    [InlineData("net:2001:db8:6:{0:x}::1:50000", "net:2001:db8:{0:x}::1:50000")] // one /48
    [InlineData("ws://[2001:db8:6:6::{0:x}]:50000", "net:2001:db8:{0:x}::1:50000")]
    [InlineData("net:fe80::{0:x}%eth0:50000", "net:10.9.0.{0}:50000")]
    [InlineData("net:10.66.66.66:50{0:d3}", "net:10.9.0.{0}:50000")]
    [InlineData("ws://10.66.66.66:50{0:d3}", "net:10.9.0.{0}:50000")]
    [InlineData("net:10.66.0.{0}:50000", "net:10.9.0.{0}:50000")] // each alone, and later
    [InlineData("tunnel:@room:{1}", "net:10.9.0.{0}:50000")]
    public async Task Look_ManyCallersOfOnePlace_PushOutNoHonestOne(string hostile, string honest)
    {
        ConnPlugin conn = await Open(s_on);
        for (int i = 201; i <= 208; i++)
            Call(honest, i);
        Guards.Until(() => conn.Hub.Count == 8);
        Seconds(30);
        for (int i = 100; i < 140; i++)
            Call(hostile, i);
        Guards.Until(() => conn.Hub.Count == 48);
        for (int minute = 0; minute < 10; minute++)
        {
            Seconds(60);
            for (int i = 100; i < 140; i++)
                Call(hostile, i); // those that were disconnected call again
        }

        Assert.Equal(8, conn.Hub.Entries().Count(p => Enumerable.Range(201, 8).Any(i => p.FeedId == Given.FeedId(i))));
    }

    [Fact]
    public async Task Look_CrowdCameFirst_HonestCallersStay()
    {
        ConnPlugin conn = await Open(s_on);
        for (int i = 100; i < 140; i++)
            Call("net:2001:db8:6:6::{0:x}:50000", i);
        Guards.Until(() => conn.Hub.Count == 40);
        for (int i = 201; i <= 207; i++)
            Call("net:2001:db8:{0:x}::1:50000", i);
        Guards.Until(() => conn.Hub.Count == 47);
        Seconds(600);
        Assert.Equal(7, conn.Hub.Entries().Count(p => Enumerable.Range(201, 7).Any(i => p.FeedId == Given.FeedId(i))));
    }

    [Fact]
    public async Task Look_TooManyRoomsByHand_TheNewestGo()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        for (int i = 1; i <= 5; i++)
            conn.Remember(Given.Address(i), s_room);
        Seconds(10);
        for (int i = 11; i <= 16; i++)
        {
            await conn.ConnectAsync(Given.Address(i)).Guarded();
            conn.LearnRoom(Given.Address(i), s_room);
            Seconds(1);
        }

        Seconds(300);
        Assert.Equal([.. Enumerable.Range(1, 5).Select(i => Given.Address(i))], conn.Hub.Entries().Select(p => p.Address));
    }

    [Fact]
    public async Task Rotate_PeerThatUpdatesItselfWithoutEnd_HasItsTurnAsOthers()
    {
        Reachable();
        var options = new SchedulerOptions { PeerQuota = 1, PeerRotation = TimeSpan.FromMinutes(10) };
        ConnPlugin conn = await Open(s_on with { Scheduler = options });
        conn.Stage(Given.Address(1), Lan(), "lan:eth0/10.0.0.1");
        Seconds(10);
        conn.Remember(Given.Address(2), PeerData.Parse("""{"type":"pub"}"""));
        conn.Remember(Given.Address(3), PeerData.Parse("""{"type":"pub"}"""));
        for (int i = 0; i < 30 * 60 && conn.Hub.Get(Given.Address(1)) is not null; i++)
        {
            conn.Hub.TryUpdate(Given.Address(1), PeerData.Empty.With("onlineCount", i)); // as with each attendant that it tells of
            Seconds(1);
        }

        Assert.Null(conn.Hub.Get(Given.Address(1)));
    }

    [Theory]
    [InlineData("room", "pub"), InlineData("room", "bt"), InlineData("pub", "pub"), InlineData("pub", "bt"), InlineData("pub", null)]
    public async Task Dial_StrangersTellOfRoutesToARememberedPeer_TheBookGoesFirst(string remembered, string? told)
    {
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false });
        conn.Remember(Given.Address(1), PeerData.Parse($$"""{"type":"{{remembered}}"}"""));
        for (int i = 2; i < 5; i++)
            conn.Stage($"net:203.0.113.{i}:8008~shs:{Given.Base64(1)}", new PeerData { Type = told }, $"room:{Given.FeedId(500 + i)}");
        conn.Start();
        Seconds(10);
        Assert.Equal(Given.Address(1), Network.Dials[0].Given.Address);
    }

    [Fact]
    public async Task Dial_RememberedAddressFails_ARouteThatOthersToldIsTried()
    {
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false });
        conn.Remember(Given.Address(1), PeerData.Parse("""{"type":"pub","failure":1}"""));
        var other = MultiserverAddress.Parse($"net:203.0.113.2:8008~shs:{Given.Base64(1)}");
        conn.Stage(other, OfType("pub"), $"room:{Given.FeedId(502)}");
        conn.Start();
        Seconds(10);
        Assert.Equal(other, Network.Dials[0].Given.Address);
    }

    [Fact]
    public async Task SourceOf_OthersTellOfRoutesToARememberedPeer_ItIsNotTheirs()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        conn.Stage(Given.Address(1, "11"), Lan(verified: false), "lan:eth0/10.66.0.1");
        conn.Remember(Given.Address(1), s_room);
        Seconds(10);
        Assert.Equal(HubState.Connected, conn.Hub.GetState(Given.Address(1)));
        Assert.Null(conn.SourceOf(Given.Address(1)));
    }

    [Fact]
    public async Task SourceOf_RouteIsTakenBack_TheSourceStays()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        conn.Stage(Given.Address(1), OfType("room-attendant"), "room:x");
        Seconds(10);
        conn.Unstage(Given.Address(1));
        Assert.Equal("room:x", conn.SourceOf(Given.Address(1)));
    }

    private async Task<(int Rooms, bool AreOthersBounded)> PretendRooms(ConnPluginOptions options, int identities)
    {
        Reachable();
        ConnPlugin conn = await Open(options);
        for (int i = 1; i <= 5; i++)
            conn.Remember(Given.Address(i), s_room);
        Seconds(10);
        foreach (HubPeer room in conn.Hub.Entries())
            conn.LearnRoom(room.Address, s_room);
        Assert.Equal(5, conn.Hub.Entries().Count(p => p.State == HubState.Connected));
        Announce(conn, identities, minutes: 10);
        HubPeer[] up = [.. conn.Hub.Entries().Where(p => p.State == HubState.Connected)];
        int rooms = up.Count(p => Enumerable.Range(1, 5).Any(i => p.Address == Given.Address(i)));
        return (rooms, up.Length - rooms <= 4);
    }

    // One host on the LAN announces signed identities, each of which says that it is a room when it is dialled.
    private void Announce(ConnPlugin conn, int identities, int minutes)
    {
        for (int second = 0; second < minutes * 60; second += 2)
        {
            for (int i = 0; i < identities; i++)
                conn.Stage(False(i), Lan(), "lan:eth0/10.66.0.1");
            Seconds(2);
            for (int i = 0; i < identities; i++)
            {
                if (conn.Hub.GetState(False(i)) == HubState.Connected && conn.Hub.Get(False(i))!.Data.Type != "room")
                    conn.LearnRoom(False(i), s_room);
            }
        }

        static MultiserverAddress False(int i) => MultiserverAddress.Parse($"net:10.66.0.1:{9_000 + i}~shs:{Given.Base64(1_000 + i)}");
    }

    private void Call(string from, int peer)
    {
        string address = from.StartsWith("tunnel", StringComparison.Ordinal) ? $"tunnel:{Given.FeedId(999)}:{Given.FeedId(peer)}"
            : string.Format(System.Globalization.CultureInfo.InvariantCulture, from, peer);
        Network.Call(peer, $"{address}~shs:{Given.Base64(peer)}");
    }
}
