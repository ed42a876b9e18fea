using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rooms;

/// <summary>Peers that answer <c>room.metadata</c>, and that nobody took for rooms.</summary>
public sealed class FalseRoomTests : RoomPeers
{
    [Fact]
    public async Task Scheduler_LanPeersThatCallThemselvesRooms_PushOutNoRoom()
    {
        int looks = 0;
        SsbPeer victim = await StartPeer(options => options with
        {
            Conn = Unhurried.Conn with
            {
                // Without patience: whoever would have to go goes at once.
                Scheduler = new SchedulerOptions
                {
                    ExcessPatience = TimeSpan.Zero,
                    Interval = TimeSpan.FromMilliseconds(100),
                    DialsPerMinute = int.MaxValue,
                },
                HasNetwork = () => Interlocked.Increment(ref looks) > 0, // asked at each look
            },
        });
        MultiserverAddress[] rooms = [.. Enumerable.Range(0, 5).Select(_ => OpenRoom().Address)];
        foreach (MultiserverAddress room in rooms)
            victim.Conn.Remember(room, PeerData.Parse("""{"type":"room"}"""));
        Until(() => rooms.All(r => victim.Conn.Hub.GetState(r) == HubState.Connected));
        int asked = 0;
        MultiserverAddress[] hostile = [.. Enumerable.Range(0, 12)
            .Select(_ => OpenServer(Pretending(() => Interlocked.Increment(ref asked))).Addresses[0])];
        foreach (MultiserverAddress address in hostile)
            victim.Conn.Stage(address, new PeerData { Type = "lan", Verified = true }, "lan:lo/127.0.0.66");
        Until(() => hostile.Count(h => victim.Conn.Hub.Get(h)?.Data.Type == "room") >= 4);
        int seen = Volatile.Read(ref looks);
        Until(() => Volatile.Read(ref looks) >= seen + 30);
        Assert.All(rooms, room => Assert.Equal(HubState.Connected, victim.Conn.Hub.GetState(room)));
        Assert.InRange(hostile.Count(h => victim.Conn.Hub.Get(h) is not null), 1, 4);
        Assert.InRange(Volatile.Read(ref asked), 4, 12);
    }

    [Fact]
    public async Task Introduce_RememberedPubAnswersAsARoom_TheBookStaysAsItIs()
    {
        PeerNetwork server = OpenServer(Pretending(() => { }));
        SsbPeer peer = await StartPeer();
        peer.Conn.Remember(server.Addresses[0], PeerData.Parse("""{"type":"pub","name":"my pub","autoconnect":false,"alias":"bob"}"""));
        await Connect(peer, server.Addresses[0]);
        Until(() => DataOf(peer, server.Addresses[0]).TryGetProperty("supportsRoom2", out _));
        JsonElement book = JsonElement.Parse(peer.Conn.DbPeers()[0].ToJson())[1];
        Assert.Equal(["pub", "my pub", "bob"], ((string[])["type", "name", "alias"]).Select(f => book.GetProperty(f).GetString()));
        Assert.False(book.GetProperty("autoconnect").GetBoolean());
        Assert.False(book.TryGetProperty("supportsRoom2", out _));
    }

    private const string Metadata =
        """{"name":"not my pub","membership":true,"alias":"eve","autoconnect":true,"features":["tunnel","room2"]}""";

    private static RpcApi Pretending(Action asked) => new RpcApi().Async("room.metadata", (_, _) =>
    {
        asked();
        return ValueTask.FromResult(RpcValue.Json(JsonElement.Parse(Metadata)));
    });
}
