using Ssb.Conn.Net.Tests.Transports;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rooms;

/// <summary>Somebody tells of a tunnel: which room, if any, is dialled for that.</summary>
public sealed class TunnelClaimTests : RoomPeers
{
    private static readonly TimeSpan s_often = TimeSpan.FromMilliseconds(50);

    private readonly FeedId _portal, _target;

    public TunnelClaimTests() => (_portal, _target) = (NewKeys().Id, NewKeys().Id);

    private MultiserverAddress Claim => Tunnel(_portal, _target);

    [Fact]
    public async Task Claim_RouteToTheRoomIsOnlyStaged_IsNotDialled()
    {
        await using var trap = new Trap();
        SsbPeer alice = await StartScheduled();
        alice.Conn.Stage(At(trap), new PeerData { Type = "lan" }, "lan:eth0/192.168.1.4"); // not verified, and so for people
        await AssertFails(alice, "know no address", trap);
    }

    [Fact]
    public async Task Claim_RoomWaitsForAPerson_IsNotDialled()
    {
        await using var trap = new Trap();
        SsbPeer alice = await StartScheduled();
        alice.Conn.Remember(At(trap), PeerData.Parse("""{"type":"room","autoconnect":false}"""));
        await AssertFails(alice, "know no address", trap); // as of a room that nobody knows: the answer does not tell whom we know
        Assert.True(alice.Conn.DialCounters.RefusedRooms > 0);
    }

    [Fact]
    public async Task Claim_AnyRoomMayBeDialled_IsDialled()
    {
        await using var trap = new Trap();
        SsbPeer alice = await StartScheduled(new SchedulerOptions { DialsAnyRoomForTunnels = true });
        alice.Conn.Remember(At(trap), PeerData.Parse("""{"type":"room","autoconnect":false}"""));
        alice.Conn.Stage(Claim, new PeerData { Type = "room-attendant" }, "pub/@x");
        Until(() => trap.Calls > 0); // as ssb-conn
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task Claim_RoomIsDismissedOrBlocked_IsNotDialled(bool isBlocked)
    {
        await using var trap = new Trap();
        SsbPeer alice = await StartScheduled();
        if (isBlocked)
            alice.Conn.Block(PeerTarget.From(_portal));
        else
            alice.Conn.Dismiss(PeerTarget.From(_portal));
        alice.Conn.Remember(At(trap), PeerData.Parse("""{"type":"room"}"""));
        await AssertFails(alice, "cannot be reached", trap);
    }

    [Fact]
    public async Task Claim_NoSlotForRooms_IsNotDialled()
    {
        await using var trap = new Trap();
        SsbPeer alice = await StartScheduled(new SchedulerOptions { RoomQuota = 0 });
        alice.Conn.Remember(At(trap), PeerData.Parse("""{"type":"room"}"""));
        await AssertFails(alice, "slots for rooms are taken", trap);
    }

    [Fact]
    public async Task Claim_RoomHasFailedJustNow_IsLeftAlone()
    {
        await using var trap = new Trap();
        SsbPeer alice = await StartScheduled();
        alice.Conn.Remember(At(trap), PeerData.Parse($$"""{"type":"room","failure":9,"stateChange":{{TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()}}}"""));
        await AssertFails(alice, "left alone", trap);
    }

    [Fact]
    public async Task Claim_DataNamesARoomAddress_IsNotDialled()
    {
        await using var trap = new Trap();
        SsbPeer alice = await StartScheduled();
        alice.Conn.Remember(Claim, PeerData.Empty.With("type", "room-attendant").With("room", _portal.ToString()).With("roomAddress", At(trap).Text));
        Until(() => alice.Conn.Why(Claim.Text).Routes is [{ LastError: not null }]);
        Assert.Equal(0, trap.Calls);
    }

    [Fact]
    public async Task Claim_RoomIsRemembered_GoesThroughIt()
    {
        TestRoom room = OpenRoom();
        SsbPeer alice = await StartScheduled(), bob = await StartPeer();
        await Connect(bob, room.Address);
        Until(() => room.Attendants.Contains(bob.Id));
        alice.Conn.Remember(room.Address, PeerData.Parse("""{"type":"room"}"""));
        MultiserverAddress tunnel = Tunnel(KeyOf(room.Address), bob.Id);
        alice.Conn.Stage(tunnel, new PeerData { Type = "room-attendant" }, "pub/@x");
        Until(() => alice.Conn.Hub.GetState(tunnel) == HubState.Connected);
    }

    [Fact]
    public async Task Connect_ByAPersonThroughARoomThatIsOnlyStaged_IsNotDialled()
    {
        await using var trap = new Trap();
        SsbPeer alice = await StartPeer();
        alice.Conn.Stage(At(trap), new PeerData { Type = "lan", Verified = true }, "lan:eth0/192.168.1.4");
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => Connect(alice, Claim));
        Assert.Contains("know no address", e.Message, StringComparison.Ordinal);
        Assert.Equal(0, trap.Calls);
    }

    [Fact]
    public async Task Connect_ByAPersonThroughARoomThatWaitsForOne_IsDialled()
    {
        await using var trap = new Trap();
        SsbPeer alice = await StartPeer();
        alice.Conn.Remember(At(trap), PeerData.Parse("""{"type":"room","autoconnect":false}"""));
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => Connect(alice, Claim));
        Assert.Contains("cannot be reached", e.Message, StringComparison.Ordinal);
        Assert.Equal(1, trap.Calls);
    }

    [Fact]
    public async Task Connect_ByAPersonWhoseDataNameAnotherKey_IsNotDialled()
    {
        await using var trap = new Trap();
        SsbPeer alice = await StartPeer();
        alice.Conn.Remember(Claim, PeerData.Empty.With("roomAddress", $"net:127.0.0.1:{trap.Port}~shs:{NewKeys().Id.ToBase64()}"));
        await Assert.ThrowsAsync<ConnectFailedException>(() => Connect(alice, Claim));
        Assert.Equal(0, trap.Calls);
    }

    private MultiserverAddress At(Trap trap) => MultiserverAddress.Parse($"net:127.0.0.1:{trap.Port}~shs:{_portal.ToBase64()}");

    private Task<SsbPeer> StartScheduled(SchedulerOptions? scheduler = null) => StartPeer(options => options with
    {
        Conn = Unhurried.Conn with { Scheduler = (scheduler ?? new SchedulerOptions()) with { Interval = s_often, SoonAfterStage = s_often, SoonAfterDisconnect = s_often } },
    });

    private async Task AssertFails(SsbPeer alice, string why, Trap trap)
    {
        alice.Conn.Stage(Claim, new PeerData { Type = "room-attendant" }, "pub/@x");
        Until(() => alice.Conn.Why(Claim.Text).Routes is [{ LastError: not null }]);
        Assert.Contains(why, alice.Conn.Why(Claim.Text).Routes[0].LastError, StringComparison.Ordinal);
        await Task.Delay(10 * s_often, TimeProvider.System, Token); // of a scheduler that looks meanwhile
        Assert.Equal(0, trap.Calls);
    }
}
