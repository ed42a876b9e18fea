using System.Text.Json;
using Interop.Tests.Harness;
using Interop.Tests.Lan;
using Ssb.Conn;

namespace Interop.Tests.Rooms;

/// <summary>A real room and four attendants, two of each make, on hosts of their own; ours are the tool's <c>start</c>.</summary>
public class RoomHostsTests
{
    private const int Room = 5;

    private static readonly MultiserverAddress s_room = MultiserverAddress.Parse(LanHosts.Address(Room, Room));

    [Fact]
    public async Task FiveHosts_TwoOfEachMakeAndARoom_ReachEachOtherThroughIt_AndAgainAfterItWasKilled()
    {
        await using LanHosts hosts = await LanHosts.CreateAsync(1, 2, 3, 4, Room);
        PeerProcess room = await hosts.StartRoomAsync(Room);
        PeerProcess one = await hosts.StartToolAsync(1, "--no-lan"), two = await hosts.StartToolAsync(2, "--no-lan");
        Attendant three = await hosts.StartAttendantAsync(3), four = await hosts.StartAttendantAsync(4);
        foreach (int host in (int[])[1, 2])
            await hosts.TellToolAsync(host, "remember", s_room.Text, "--type", "room");
        foreach (Attendant attendant in (Attendant[])[three, four])
            await attendant.RememberAsync(s_room);

        // Ours dial the attendants by themselves; theirs only those whose hops they know, so they are told to.
        await AllAreTogetherAsync(0, 0);
        await three.ReachAsync(four.Id, Tunnel(4));

        (int seenByOne, int seenByTwo) = (one.Told.Count, two.Told.Count);
        await room.DisposeAsync();
        foreach (int gone in (int[])[3, 4, Room])
        {
            await one.DisconnectedAsync(LanHosts.Id(gone), seenByOne);
            await two.DisconnectedAsync(LanHosts.Id(gone), seenByTwo);
        }

        (seenByOne, seenByTwo) = (one.Told.Count, two.Told.Count);
        await hosts.StartRoomAsync(Room);
        await AllAreTogetherAsync(seenByOne, seenByTwo);

        async Task AllAreTogetherAsync(int seenByOne, int seenByTwo)
        {
            await one.ConnectedAsync(LanHosts.Id(Room), seenByOne);
            await two.ConnectedAsync(LanHosts.Id(Room), seenByTwo);
            foreach (int host in (int[])[2, 3, 4])
                await one.FindAsync(line => IsConnectedThroughTheRoom(line, host), seenByOne);
            foreach (int host in (int[])[1, 3, 4])
                await two.FindAsync(line => IsConnectedThroughTheRoom(line, host), seenByTwo);
        }
    }

    private static MultiserverAddress Tunnel(int host) =>
        MultiserverAddress.Parse($"tunnel:{LanHosts.Id(Room)}:{LanHosts.Id(host)}~shs:{LanHosts.Id(host)[1..45]}");

    private static bool IsConnectedThroughTheRoom(JsonElement line, int host) =>
        ToolLines.HubEntries(line).Exists(entry => entry[0].GetString() == Tunnel(host).Text && entry[1].GetProperty("state").GetString() == "connected");
}
