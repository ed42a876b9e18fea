namespace Ssb.Conn.Tests.Admission;

/// <summary>Peers tell of no address more local than the one at which they were reached.</summary>
public class ReachTests : PluginTestBase
{
    private const int Room = 500;

    private static readonly string s_room = $"room:{Given.FeedId(Room)}";
    private static readonly string[] s_public =
        ["net:203.0.113.9:8008", "ws://[2001:db8::1]:80", "net:pub.example:8008", "onion:abc.onion:8008"];
    private static readonly string[] s_private =
        ["net:192.168.1.9:8008", "net:10.1.2.3:8008", "ws://[fd00::9]:80", "net:::ffff:172.16.0.1:8008", "net:100.64.0.1:8008"];
    private static readonly string[] s_link = ["net:169.254.1.1:8008", "net:fe80::1:8008", "net:fe80!:!:1:8008", "net:[fe80::1]:8008"];
    private static readonly string[] s_loopback =
    [
        "net:127.0.0.1:6379", "net:::1:8008", "net:!:!:1:8008", "net:[::1]:8008", "ws://127.0.0.1:8081/admin", "ws://localhost:1",
        "net:0.0.0.0:8008", "net:::ffff:127.0.0.1:1",
        "unix:/run/socket",
    ];

    [Theory]
    [InlineData("net:203.0.113.1:8008", 3), InlineData("net:room.example:8008", 3), InlineData("net:192.168.1.1:8008", 2)]
    [InlineData("ws://[fd00::1]:80", 2)]
    [InlineData("net:fe80::7:8008", 1), InlineData("net:127.0.0.1:8008", 0), InlineData("net:[::1]:8008", 0), InlineData(null, 3)]
    public async Task TryStage_FromARoom_NothingMoreLocalThanTheRoom(string? reachedAt, int least)
    {
        Reachable();
        ConnPlugin conn = await Open();
        if (reachedAt is not null)
            await conn.ConnectAsync($"{reachedAt}~shs:{Given.Base64(Room)}").Guarded();
        int peer = 1;
        foreach ((string[] addresses, int scope) in (ReadOnlySpan<(string[], int)>)
            [(s_loopback, 0), (s_link, 1), (s_private, 2), (s_public, 3)])
        {
            foreach (string address in addresses)
            {
                var told = MultiserverAddress.Parse($"{address}~shs:{Given.Base64(peer++)}");
                StageResult result = conn.TryStage(told, OfType("pub"), s_room);
                Assert.True((scope >= least ? StageOutcome.Inserted : StageOutcome.Refused) == result.Outcome, $"{address}: {result}");
                Assert.Equal(scope >= least ? null : RefusalReason.TooLocal, result.Reason);
            }
        }

        Assert.Equal(s_loopback.Length > 0 && least > 0, conn.AdmissionCounters.Refused.ContainsKey(RefusalReason.TooLocal));
    }

    [Fact]
    public async Task TryStage_OneRouteTooLocal_OthersStay_AndWhySaysSo()
    {
        ConnPlugin conn = await Open();
        MultiserverAddress address = Address("net:127.0.0.1:6379", "net:203.0.113.9:8008", "net:fe80::1:8008", "ws://198.51.100.1:80/x");
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(address, OfType("pub"), s_room).Outcome);
        Assert.Equal(Address("net:203.0.113.9:8008", "ws://198.51.100.1:80/x"), Assert.Single(conn.Staging.Entries()).Address);
        Assert.Equal(StageOutcome.Updated, conn.TryStage(address, OfType("pub"), s_room).Outcome);
        Assert.Equal((1, 0), (conn.AdmissionCounters.RoutesDropped, conn.AdmissionCounters.Refused.Count));
        PeerNote note = Assert.Single(conn.Why(Given.Peer(1)).History, n => n.What == "route-dropped");
        Assert.Contains("may not tell of an address of this machine: net:127.0.0.1:6379", note.Reason);
        Assert.Equal(s_room, note.Source);
    }

    [Fact]
    public async Task TryStage_DroppedRouteNamesAnotherKey_TheBlockOfTheOtherHolds()
    {
        ConnPlugin conn = await Open();
        conn.Block(Given.Peer(2));
        var address = MultiserverAddress.Parse($"net:127.0.0.1:1~shs:{Given.Base64(1)};net:203.0.113.9:8008~shs:{Given.Base64(2)}");
        Assert.Equal(RefusalReason.Blocked, conn.TryStage(address, OfType("pub"), s_room).Reason);
    }

    [Fact]
    public async Task Why_AddressRefused_SaysWhoToldAndWhatWasTooLocal()
    {
        ConnPlugin conn = await Open();
        conn.Stage(Address("net:192.168.1.4:8008"), OfType("pub"), $"pub/{Given.FeedId(3)}");
        PeerNote note = Assert.Single(conn.Why(Given.Peer(1)).History);
        Assert.Equal(("refused", $"pub/{Given.FeedId(3)}"), (note.What, note.Source));
        Assert.Contains("may not tell of a private address: net:192.168.1.4:8008", note.Reason);
    }

    [Fact]
    public async Task TryStage_PersonsLanAndTunnels_AreFree()
    {
        ConnPlugin conn = await Open();
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(Address("net:127.0.0.1:1")).Outcome);
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(Address("net:127.0.0.1:2"), OfType("pub"), "db").Outcome);
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(Address("net:192.168.1.4:3"), Lan(), "lan:eth0/192.168.1.4").Outcome);
        var tunnel = MultiserverAddress.Parse($"tunnel:{Given.FeedId(Room)}:{Given.FeedId(2)}~shs:{Given.Base64(2)}");
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(tunnel, OfType("room-attendant"), s_room).Outcome);
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(Address("net:127.0.0.1:4"), OfType("pub"), $"pub/{Given.FeedId(0)}").Outcome);
    }

    [Fact]
    public async Task TryStage_OptionIsSet_StrangersTellOfEverything()
    {
        var options = new AdmissionOptions { MayTellOfMoreLocal = true };
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false, Admission = options });
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(Address("net:127.0.0.1:1"), OfType("pub"), s_room).Outcome);
    }

    [Fact]
    public async Task TryStage_RoomHasLeft_WhereItWasLastReachedCounts()
    {
        Reachable();
        ConnPlugin conn = await Open();
        var address = MultiserverAddress.Parse($"net:192.168.1.1:8008~shs:{Given.Base64(Room)}");
        await conn.ConnectAsync(address).Guarded();
        await conn.DisconnectAsync(address).Guarded();
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(Address("net:192.168.1.4:8008"), OfType("pub"), s_room).Outcome);
        Assert.Equal(RefusalReason.TooLocal, conn.TryStage(Address("net:127.0.0.1:8008"), OfType("pub"), s_room).Reason);
    }

    [Fact]
    public async Task Dial_NameThatARoomTold_MayNotReachWhatIsMoreLocal()
    {
        ConnPlugin conn = await Open(new ConnPluginOptions());
        conn.Stage(Address("net:name.example:8008"), OfType("pub"), s_room);
        Seconds(3);
        PeerDial dial = Assert.Single(Network.Dials).Given;
        Assert.False(dial.MayReach(System.Net.IPAddress.Loopback));
        Assert.False(dial.MayReach(System.Net.IPAddress.Parse("192.168.1.1")));
        Assert.True(dial.MayReach(System.Net.IPAddress.Parse("203.0.113.9")));
        _ = conn.ConnectAsync(Address("net:name.example:8008")); // a person asks for it
        Assert.True(dial.MayReach(System.Net.IPAddress.Loopback));
    }

    [Fact]
    public async Task Dial_FriendThatARoomTold_MayNotReachWhatIsMoreLocal()
    {
        Graph.Hops[Given.FeedId(1)] = 1;
        ConnPlugin conn = await Open(new ConnPluginOptions { SocialGraph = Graph });
        conn.Stage(Address("net:name.example:8008"), OfType("pub"), s_room);
        Seconds(10);
        Assert.False(Assert.Single(Network.Dials).Given.MayReach(System.Net.IPAddress.Loopback));
    }

    [Fact]
    public async Task TryStage_FriendsKeyIsClaimed_RoutesOfAGroupAreBounded()
    {
        Graph.Hops[Given.FeedId(1)] = 1;
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false, SocialGraph = Graph });
        int taken = Enumerable.Range(1, 20)
            .Count(i => conn.TryStage(Address($"net:203.0.113.{i}:8008"), OfType("pub"), s_room).Outcome == StageOutcome.Inserted);
        Assert.Equal(4, taken);
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(Address("net:198.51.100.1:8008"), OfType("pub"), $"room:{Given.FeedId(501)}")
            .Outcome);
        Assert.Equal(s_room, conn.Why(Given.Peer(1)).Routes[0].Source);
    }

    [Fact]
    public async Task TryStage_PeerTells_ItDoesNotVouchForKeysNorForTheLan()
    {
        ConnPlugin conn = await Open();
        conn.Stage(Address("net:203.0.113.9:8008"), new PeerData { Type = "lan", Verified = true }.With("note", "x"), s_room);
        StagedPeer peer = Assert.Single(conn.Staging.Entries());
        Assert.Equal((null, null, true), (peer.Type, peer.Verified, peer.Data.HasField("note")));
    }

    [Fact]
    public async Task TryStage_SendersOfOneSubnet_AnswerToOneQuota()
    {
        ConnPlugin conn = await Open();
        int taken = Enumerable.Range(1, 100)
            .Count(i => conn.TryStage(Given.Address(i), Lan(), $"lan:eth0/2001:db8::{i:x}").Outcome == StageOutcome.Inserted);
        Assert.Equal(50, taken);
        Assert.Equal(50, conn.AdmissionCounters.Refused[RefusalReason.SourceFull]);
    }

    private static MultiserverAddress Address(params string[] routes) =>
        MultiserverAddress.Parse(string.Join(';', routes.Select(r => $"{r}~shs:{Given.Base64(1)}")));
}
