using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rooms;

/// <summary>Peers of ours in a room of ours, on loopback.</summary>
public sealed class RoomClientTests : RoomPeers
{
    [Fact]
    public async Task Attend_TwoPeers_StageEachOther_AsSsbConnDoes()
    {
        TestRoom room = OpenRoom();
        FeedId id = KeyOf(room.Address);
        SsbPeer alice = await StartPeer(), bob = await StartPeer();
        alice.Conn.Remember(room.Address);
        await Connect(alice, room.Address);
        await Connect(bob, room.Address);
        UntilStaged(alice, id, bob.Id);
        UntilStaged(bob, id, alice.Id);
        JsonElement data = JsonElement.Parse(alice.Conn.Staging.Get(Tunnel(id, bob.Id))!.ToJson())[1];
        Assert.Equal(("room-attendant", bob.Id.ToString(), id.ToString(), "test room"), (
            data.GetProperty("type").GetString(), data.GetProperty("key").GetString(), data.GetProperty("room").GetString(), data.GetProperty("roomName").GetString()));
        Until(() => DataOf(alice, room.Address).GetProperty("onlineCount").GetInt32() == 2);
        foreach (JsonElement told in (JsonElement[])[DataOf(alice, room.Address), JsonElement.Parse(alice.Conn.DbPeers()[0].ToJson())[1]])
        {
            Assert.Equal(("room", "test room"), (told.GetProperty("type").GetString(), told.GetProperty("name").GetString()));
            Assert.True(told.GetProperty("membership").GetBoolean() && told.GetProperty("openInvites").GetBoolean() && told.GetProperty("supportsRoom2").GetBoolean());
        }

        Assert.Empty(bob.Conn.DbPeers()); // who is not remembered is not added
    }

    [Fact]
    public async Task Connect_ThroughTheRoom_BothAreWhoTheyAre_AndTalk()
    {
        TestRoom room = OpenRoom();
        FeedId id = KeyOf(room.Address);
        SsbPeer alice = await StartPeer(), bob = await StartPeer();
        await Connect(alice, room.Address);
        await Connect(bob, room.Address);
        UntilStaged(alice, id, bob.Id);
        PeerConnection tunnel = await Connect(alice, Tunnel(id, bob.Id));
        Assert.Equal(bob.Id, tunnel.FeedId);
        Assert.Contains("conn.why", (await tunnel.Rpc.GetManifestAsync(Token)).Procedures.Keys); // bob's, and not the room's
        Until(() => bob.Conn.Hub.GetState(Tunnel(id, alice.Id)) == HubState.Connected);
        Until(() => alice.Conn.Staging.Count == 0 && bob.Conn.Staging.Count == 0); // in connection
        await tunnel.CloseAsync(CancellationToken.None);
        UntilStaged(alice, id, bob.Id);
        UntilStaged(bob, id, alice.Id);
        Until(() => alice.Network.Connections.Count == 1 && bob.Network.Connections.Count == 1 && bob.Network.Counters.Callers == 0);
    }

    [Fact]
    public async Task Attend_OneLeaves_IsUnstagedAndDisconnected()
    {
        TestRoom room = OpenRoom();
        FeedId id = KeyOf(room.Address);
        SsbPeer alice = await StartPeer(), bob = await StartPeer(), carol = await StartPeer();
        foreach (SsbPeer peer in (SsbPeer[])[alice, bob, carol])
            await Connect(peer, room.Address);
        UntilStaged(alice, id, bob.Id, carol.Id);
        PeerConnection tunnel = await Connect(alice, Tunnel(id, bob.Id));
        await bob.Conn.DisconnectAsync(room.Address).WaitAsync(Guard, Token);
        await tunnel.Closed.WaitAsync(Guard, Token);
        UntilStaged(alice, id, carol.Id);
        Until(() => alice.Conn.Hub.Count == 1);
        UntilStaged(bob, id); // without the room it has nobody
    }

    [Fact]
    public async Task Room_Restarts_AttendantsLeaveTheBench_AndComeBack()
    {
        KeyPair keys = NewKeys();
        TestRoom room = OpenRoom(keys);
        FeedId id = keys.Id;
        MultiserverAddress address = room.Address;
        SsbPeer alice = await StartPeer(), bob = await StartPeer();
        await Connect(alice, address);
        await Connect(bob, address);
        UntilStaged(alice, id, bob.Id);
        PeerConnection tunnel = await Connect(alice, Tunnel(id, bob.Id));
        await room.DisposeAsync();
        await tunnel.Closed.WaitAsync(Guard, Token);
        UntilStaged(alice, id);
        Until(() => alice.Conn.Hub.Count == 0 && bob.Conn.Hub.Count == 0);
        OpenRoom(keys, $"net:127.0.0.1:{address.Routes[0].Port}~shs");
        await Connect(alice, address);
        await Connect(bob, address);
        UntilStaged(alice, id, bob.Id);
        UntilStaged(bob, id, alice.Id);
        await Connect(bob, Tunnel(id, alice.Id));
    }

    [Fact]
    public async Task Attend_OneIsConnectedByAnotherWay_IsStagedWhenThatEnds()
    {
        TestRoom room = OpenRoom();
        FeedId id = KeyOf(room.Address);
        SsbPeer alice = await StartPeer(), bob = await StartPeer();
        await Connect(alice, bob.Addresses[0]);
        await Connect(bob, room.Address);
        Until(() => room.Attendants.Contains(bob.Id));
        await Connect(alice, room.Address);
        Until(() => DataOf(alice, room.Address).TryGetProperty("onlineCount", out JsonElement count) && count.GetInt32() == 2);
        Assert.Equal(0, alice.Conn.Staging.Count);
        await alice.Conn.DisconnectAsync(bob.Addresses[0]).WaitAsync(Guard, Token);
        UntilStaged(alice, id, bob.Id);
    }

    // Once: what the host has to say of a peer failed as that peer left the hub, and nobody was staged again after that.
    [Fact]
    public async Task Attend_SocialGraphFailsOnce_IsStagedAllTheSame()
    {
        TestRoom room = OpenRoom();
        FeedId id = KeyOf(room.Address);
        var graph = new FailingGraph();
        var log = new Hosting.LogLines();
        SsbPeer bob = await StartPeer();
        SsbPeer alice = await StartPeer(options => options with
        {
            Conn = options.Conn with { SocialGraph = graph },
            Logger = log.CreateLogger(""),
        });
        await Connect(alice, bob.Addresses[0]);
        await Connect(bob, room.Address);
        Until(() => room.Attendants.Contains(bob.Id));
        await Connect(alice, room.Address);
        Until(() => DataOf(alice, room.Address).TryGetProperty("onlineCount", out JsonElement count) && count.GetInt32() == 2);
        graph.FailsFor = bob.Id;
        await alice.Conn.DisconnectAsync(bob.Addresses[0]).WaitAsync(Guard, Token);
        Until(() => log.All.Any(line => line.Text == "Attendants of rooms that leave the hub are not staged at the moment."));
        graph.FailsFor = null;

        UntilStaged(alice, id, bob.Id);
    }

    private sealed class FailingGraph : ISocialGraph
    {
        public FeedId? FailsFor { get; set; }

        public bool IsLoaded => true;

        public int? HopsTo(FeedId feedId) => feedId == FailsFor ? throw new InvalidOperationException("broken") : 1;
    }

    [Fact]
    public async Task Connect_RoomIsRemembered_IsDialledFirst()
    {
        TestRoom room = OpenRoom();
        FeedId id = KeyOf(room.Address);
        SsbPeer alice = await StartPeer(), bob = await StartPeer();
        await Connect(bob, room.Address);
        Until(() => room.Attendants.Contains(bob.Id));
        alice.Conn.Remember(room.Address);
        Assert.Equal(bob.Id, (await Connect(alice, Tunnel(id, bob.Id))).FeedId);
        Assert.Equal(HubState.Connected, alice.Conn.Hub.GetState(room.Address));
    }

    [Fact]
    public async Task Connect_RoomAddressIsRememberedWithTheAttendant_IsDialledFirst()
    {
        TestRoom room = OpenRoom();
        FeedId id = KeyOf(room.Address);
        SsbPeer alice = await StartPeer(), bob = await StartPeer();
        await Connect(bob, room.Address);
        Until(() => room.Attendants.Contains(bob.Id));
        alice.Conn.Remember(Tunnel(id, bob.Id), PeerData.Empty.With("room", id.ToString()).With("roomAddress", room.Address.Text));
        Assert.Equal(bob.Id, (await Connect(alice, Tunnel(id, bob.Id))).FeedId);
    }

    [Fact]
    public async Task Connect_NoWayIntoTheRoom_SaysSo()
    {
        TestRoom room = OpenRoom();
        FeedId id = KeyOf(room.Address), nobody = NewKeys().Id;
        SsbPeer alice = await StartPeer();
        ConnectFailedException unknown = await Assert.ThrowsAsync<ConnectFailedException>(() => Connect(alice, Tunnel(id, nobody)));
        Assert.Contains("know no address", unknown.Message, StringComparison.Ordinal);
        await Connect(alice, room.Address);
        ConnectFailedException absent = await Assert.ThrowsAsync<ConnectFailedException>(() => Connect(alice, Tunnel(id, nobody)));
        Assert.Contains($"The room said: could not connect to:{nobody}", absent.Message, StringComparison.Ordinal);
        await room.DisposeAsync();
        Until(() => alice.Conn.Hub.Count == 0);
        alice.Conn.Remember(room.Address);
        ConnectFailedException gone = await Assert.ThrowsAsync<ConnectFailedException>(() => Connect(alice, Tunnel(id, nobody)));
        Assert.Contains("cannot be reached", gone.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_RoomsBehindEachOther_DoNotWaitForEachOther()
    {
        FeedId one = NewKeys().Id, other = NewKeys().Id, nobody = NewKeys().Id;
        SsbPeer alice = await StartPeer();
        alice.Conn.Remember(Tunnel(one, other));
        alice.Conn.Remember(Tunnel(other, one));
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => Connect(alice, Tunnel(one, nobody)));
        Assert.Contains("know no address", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TunnelConnect_CallerIsNoRoom_IsRefused()
    {
        SsbPeer bob = await StartPeer();
        PeerNetwork stranger = OpenServer(new RpcApi());
        PeerConnection connection = await stranger.ConnectAsync(bob.Addresses[0], Token).WaitAsync(Guard, Token);
        RpcException e = await Refusal(connection.Rpc, bob.Id, NewKeys().Id);
        Assert.Contains("you are none", e.Message, StringComparison.Ordinal);
        Assert.True((await connection.Rpc.CallAsync("tunnel.ping", [], Token)).AsJson().GetInt64() > 0);
    }

    [Fact]
    public async Task OnConnected_RoomThatCalls_IsNoneToUs()
    {
        SsbPeer bob = await StartPeer();
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        PeerNetwork room = OpenServer(RoomOf(NewKeys().Id, asked));
        PeerConnection called = await room.ConnectAsync(bob.Addresses[0], Token).WaitAsync(Guard, Token);
        Assert.Contains("you are none", (await Refusal(called.Rpc, bob.Id, NewKeys().Id)).Message, StringComparison.Ordinal);
        Assert.False((await Connect(bob, room.Addresses[0])).IsClient); // the connection that stands
        Assert.False(asked.Task.IsCompleted);
        await called.CloseAsync(Token);
        Until(() => bob.Conn.Hub.Count == 0);
        await Connect(bob, room.Addresses[0]);
        await asked.Task.WaitAsync(Guard, Token);
    }

    [Fact]
    public async Task TunnelConnect_RoomNamesAnotherOrigin_NobodyIsConnected()
    {
        KeyPair keys = NewKeys();
        PeerNetwork room = OpenServer(RoomOf(NewKeys().Id), keys);
        SsbPeer bob = await StartPeer();
        await Connect(bob, room.Addresses[0]);
        Until(() => bob.Conn.Staging.Count == 1); // it is known for a room
        RpcConnection toBob = room.Find(bob.Id)!.Rpc;
        KeyPair mallory = NewKeys();
        var handshake = new HandshakeOptions { Network = Network };
        foreach (FeedId origin in (FeedId[])[NewKeys().Id, mallory.Id])
        {
            RpcDuplex duplex = toBob.Duplex("tunnel.connect", [Opts(bob.Id, origin)]);
            await using BoxStream stream = await SecretHandshake.ConnectAsync(new TunnelStream(duplex), mallory, bob.Id, handshake, Token);
            if (origin != mallory.Id)
            {
                await Assert.ThrowsAsync<BoxStreamException>(() => stream.ReadExactlyAsync(new byte[1], Token).AsTask().WaitAsync(Guard, Token)); // hung up on
                continue;
            }

            Until(() => bob.Conn.Hub.GetState(Tunnel(keys.Id, mallory.Id)) == HubState.Connected);
            Assert.Equal(2, bob.Conn.Hub.Count); // the room, and mallory under her own name
        }
    }

    [Theory]
    [InlineData("null", "opts *must* be provided"), InlineData("{}", "could not connect"), InlineData("""{"target":7,"origin":7}""", "could not connect"),
     InlineData("""{"target":"BOB","origin":"@no"}""", "the origin is not a feed id"), InlineData("""{"target":"OTHER","origin":"OTHER"}""", "it is not")]
    public async Task TunnelConnect_BadOpts_AreRefused(string opts, string message)
    {
        FeedId other = NewKeys().Id;
        PeerNetwork room = OpenServer(RoomOf(other));
        SsbPeer bob = await StartPeer();
        await Connect(bob, room.Addresses[0]);
        Until(() => bob.Conn.Staging.Count == 1);
        string json = opts.Replace("BOB", bob.Id.ToString(), StringComparison.Ordinal).Replace("OTHER", other.ToString(), StringComparison.Ordinal);
        await using RpcDuplex duplex = room.Find(bob.Id)!.Rpc.Duplex("tunnel.connect", [RpcValue.Json(JsonElement.Parse(json))]);
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await duplex.ReadAllAsync(Token).GetAsyncEnumerator(Token).MoveNextAsync());
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rooms_Off_NobodyIsStaged_AndTunnelConnectIsNotThere()
    {
        TestRoom room = OpenRoom();
        SsbPeer alice = await StartPeer(), bob = await StartPeer(options => options with { Rooms = false });
        await Connect(alice, room.Address);
        Until(() => room.Attendants.Count == 1);
        await Connect(bob, room.Address);
        PeerConnection direct = await Connect(alice, bob.Addresses[0]);
        Assert.Contains("not in list of allowed methods", (await Refusal(direct.Rpc, bob.Id, alice.Id)).Message, StringComparison.Ordinal);
        Assert.Equal(0, bob.Conn.Staging.Count);
    }

    // A room with one attendant, who is not there.
    private static RpcApi RoomOf(FeedId attendant, TaskCompletionSource? asked = null) => new RpcApi()
        .Async("room.metadata", (_, _) =>
        {
            asked?.TrySetResult();
            return ValueTask.FromResult(RpcValue.Json(JsonElement.Parse("""{"name":"r","membership":false,"features":["tunnel"]}""")));
        })
        .Source("room.attendants", (_, token) => Endless([RpcValue.Json(JsonElement.Parse($$"""{"type":"state","ids":["{{attendant}}"]}"""))], token));

    internal static async IAsyncEnumerable<RpcValue> Endless(IEnumerable<RpcValue> items, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (RpcValue item in items)
            yield return item;
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
    }

    private static RpcValue Opts(FeedId target, FeedId origin) =>
        RpcValue.Json(JsonElement.Parse($$"""{"portal":"@x","target":"{{target}}","origin":"{{origin}}"}"""));

    private static async Task<RpcException> Refusal(RpcConnection to, FeedId target, FeedId origin)
    {
        await using RpcDuplex duplex = to.Duplex("tunnel.connect", [Opts(target, origin)]);
        return await Assert.ThrowsAsync<RpcException>(async () => await duplex.ReadAllAsync(Token).GetAsyncEnumerator(Token).MoveNextAsync().AsTask().WaitAsync(Guard, Token));
    }
}
