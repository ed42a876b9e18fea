using System.Text.Json;
using Ssb.Conn;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Interop.Tests.Rooms;

/// <summary>Rooms with real JavaScript peers: ssb-room 1.3.0 as the room, or ours of the second kind, which stock ssb-room-client 2.0.2 peers judge; and four
/// attendants, two of each make.</summary>
public class RoomInteropTests
{
    // What only ours serve, and what only theirs.
    private const string Ours = "conn.why", Theirs = "roomClient.discoveredAttendants";

    [Theory]
    [InlineData(RoomKind.JavaScript1), InlineData(RoomKind.Ours2)]
    public async Task Attend_TwoOfEachMake_ReachEachOther_AndMissWhoLeaves(RoomKind kind)
    {
        await using RoomScene scene = await RoomScene.StartAsync(kind);
        SsbPeer alice = await scene.StartOursAsync(), bob = await scene.StartOursAsync();
        Attendant[] theirs = await Task.WhenAll(scene.StartTheirsAsync(1), scene.StartTheirsAsync(2));
        (Attendant carol, Attendant dave) = (theirs[0], theirs[1]);
        foreach (SsbPeer peer in (SsbPeer[])[alice, bob])
            await scene.EnterAsync(peer);
        foreach (Attendant peer in theirs)
            await scene.EnterAsync(peer);
        scene.UntilStaged(alice, bob.Id, carol.Id, dave.Id);
        scene.UntilStaged(bob, alice.Id, carol.Id, dave.Id);
        JsonElement staged = await scene.UntilStagedAsync(carol, 0, alice.Id, bob.Id, dave.Id);
        await scene.UntilStagedAsync(dave, 0, alice.Id, bob.Id, carol.Id);
        AssertSameData(alice.Conn.Staging.Get(scene.Tunnel(bob.Id))!, staged.EnumerateArray().First(e => e[0].GetString() == scene.Tunnel(bob.Id).Text)[1]);

        Assert.Contains(Ours, await scene.ReachAsync(alice, bob.Id));
        Assert.Contains(Theirs, await scene.ReachAsync(alice, carol.Id));
        Assert.Contains(Ours, await dave.ReachAsync(bob.Id, scene.Tunnel(bob.Id)));
        Assert.Contains(Theirs, await dave.ReachAsync(carol.Id, scene.Tunnel(carol.Id)));
        Assert.Equal(HubState.Connected, bob.Conn.Hub.GetState(scene.Tunnel(dave.Id))); // who calls has the address that it is staged with
        await GossipPing.MeasureAsync(alice.Network.Find(carol.Id)!.Rpc, TestContext.Current.CancellationToken);

        // One of ours leaves, then one of theirs.
        int told = dave.Now;
        await alice.Conn.DisconnectAsync(scene.Tunnel(bob.Id));
        await alice.Conn.DisconnectAsync(scene.Address);
        scene.UntilStaged(alice);
        Patience.Until(() => alice.Conn.Hub.Count == 0);
        await dave.Process.FindAsync(line => !line.TryGetProperty("staged", out JsonElement bench) ? false : !bench.GetRawText().Contains(alice.Id.ToString(), StringComparison.Ordinal), told);
        scene.UntilStaged(bob, carol.Id); // with dave it is connected
        await carol.DisconnectAsync(scene.Address);
        scene.UntilStaged(bob);
    }

    [Theory]
    [InlineData(RoomKind.JavaScript1), InlineData(RoomKind.Ours2)]
    public async Task Invite_WithTheConstantOfRooms1_AllSeeEachOther_AndAGuestDoesNotSeeItself(RoomKind kind)
    {
        await using RoomScene scene = await RoomScene.StartAsync(kind);
        SsbPeer alice = await scene.StartOursAsync(), bob = await scene.StartOursAsync(), guest = await scene.StartOursAsync();
        Attendant carol = await scene.StartTheirsAsync(1);
        var invite = MultiserverAddress.Parse($"{scene.Address.Text}:SSB+Room+PSK3TLYC2T86EHQCUHBUHASCASE18JBV24=");
        foreach (SsbPeer peer in (SsbPeer[])[alice, bob])
            await RoomScene.EnterAsync(peer, invite);
        await scene.EnterAsync(carol);
        scene.UntilStaged(alice, bob.Id, carol.Id);
        scene.UntilStaged(bob, alice.Id, carol.Id);
        await scene.UntilStagedAsync(carol, 0, alice.Id, bob.Id);
        Assert.Contains(Ours, await scene.ReachAsync(alice, bob.Id));

        byte[] seed = [.. Enumerable.Repeat((byte)77, KeyPair.SeedSize)];
        using KeyPair keys = KeyPair.FromSeed(seed);
        await RoomScene.EnterAsync(guest, MultiserverAddress.Parse($"{scene.Address.Text}:{Convert.ToBase64String(seed)}"));
        scene.UntilStaged(guest, alice.Id, bob.Id, carol.Id);
        scene.UntilStaged(alice, carol.Id, keys.Id); // with bob it is connected
    }

    [Theory]
    [InlineData(RoomKind.JavaScript1), InlineData(RoomKind.Ours2)]
    public async Task Room_KilledAndRestarted_AttendantsComeBackByThemselves(RoomKind kind)
    {
        await using RoomScene scene = await RoomScene.StartAsync(kind);
        SsbPeer alice = await scene.StartOursAsync();
        Attendant carol = await scene.StartTheirsAsync(1);
        alice.Conn.Remember(scene.Address, PeerData.Empty.With("type", "room"));
        await carol.RememberAsync(scene.Address);
        await scene.EnterAsync(alice);
        await scene.EnterAsync(carol);
        scene.UntilStaged(alice, carol.Id);
        await scene.UntilStagedAsync(carol, 0, alice.Id);
        await scene.ReachAsync(alice, carol.Id);

        int told = carol.Now;
        await scene.KillRoomAsync();
        scene.UntilStaged(alice);
        Patience.Until(() => alice.Conn.Hub.GetState(scene.Tunnel(carol.Id)) is null);
        await carol.Process.FindAsync(line => line.TryGetProperty("peers", out JsonElement peers) && !peers.GetRawText().Contains(alice.Id.ToString(), StringComparison.Ordinal), told);
        await scene.OpenRoomAsync();
        scene.UntilStaged(alice, carol.Id);
        await scene.UntilStagedAsync(carol, told, alice.Id);
        Assert.Contains(Ours, await carol.ReachAsync(alice.Id, scene.Tunnel(alice.Id)));
    }

    // The fields that ssb-conn stages an attendant with, but for times and what its query adds.
    private static void AssertSameData(StagedPeer ours, JsonElement theirs)
    {
        JsonElement data = JsonElement.Parse(ours.ToJson())[1];
        foreach (string field in (string[])["type", "key", "room", "roomName"])
            Assert.Equal(theirs.GetProperty(field).GetString(), data.GetProperty(field).GetString());
        Assert.Equal(
            theirs.EnumerateObject().Select(f => f.Name).Where(n => n is not ("pool" or "stagingBirth" or "stagingUpdated" or "cooldown")).Order(StringComparer.Ordinal),
            data.EnumerateObject().Select(f => f.Name).Where(n => n is not ("stagingBirth" or "stagingUpdated")).Order(StringComparer.Ordinal));
    }
}
