using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rooms;

/// <summary>Rooms that send what they like.</summary>
[Collection(nameof(Alone))]
public sealed class HostileRoomTests : RoomPeers
{
    private readonly Channel<RpcValue> _news = Channel.CreateUnbounded<RpcValue>();

    [Fact]
    public async Task Attendants_WhatIsMalformed_IsPassedOver()
    {
        SsbPeer alice = await StartPeer();
        (PeerNetwork room, FeedId id) = await Attend(alice);
        FeedId one = NewKeys().Id, other = NewKeys().Id;
        string[] bad =
        [
            "7", "null", "\"text\"", "{}", """{"type":7}""", """{"type":"state"}""", """{"type":"state","ids":{}}""", """{"type":"joined"}""", """{"type":"joined","id":7}""",
            """{"type":"joined","id":"@no"}""", """{"type":"what","id":"@no"}""", $$"""{"type":"what","id":"{{one}}"}""", $$"""{"type":"joined","id":"{{one}} "}""",
            $$"""{"type":"joined","id":["{{one}}"]}""", """{"type":"joined","id":"\ud800"}""", $$"""{"type":"joined","id":"{{new string('@', 100_000)}}"}""", "{\"type\":",
        ];
        foreach (string item in bad)
            Tell(item);
        _news.Writer.TryWrite(RpcValue.Binary(new byte[] { 1 }));
        Tell($$"""{"type":"joined","id":"{{other}}"}""");
        UntilStaged(alice, id, other);
        Tell($$"""{"type":"state","ids":["\ud800",7,null,{},"@no","{{alice.Id}}","{{id}}","{{one}}","{{one}}"]}""");
        UntilStaged(alice, id, one); // neither the room nor ourselves
        Until(() => DataOf(alice, room.Addresses[0]).GetProperty("onlineCount").GetInt32() == 3);
        Assert.Equal(HubState.Connected, alice.Conn.Hub.GetState(room.Addresses[0]));
    }

    [Fact]
    public async Task Attendants_AHundredThousand_AreNoMoreThan500()
    {
        SsbPeer alice = await StartPeer(options => options with { Limits = options.Limits with { Rpc = options.Limits.Rpc with { MaxBodySize = 8 * 1024 * 1024, WindowBytes = 16 * 1024 * 1024 } } });
        (PeerNetwork room, FeedId id) = await Attend(alice);
        Tell($$"""{"type":"state","ids":[{{string.Join(',', Enumerable.Range(0, 100_000).Select(i => $"\"{Somebody(i)}\""))}}]}""");
        Until(() => alice.Conn.Staging.Count == Room.MaxAttendants);
        for (int i = 0; i < 10; i++)
            Tell($$"""{"type":"joined","id":"{{Somebody(200_000 + i)}}"}"""); // no room for them
        Tell($$"""{"type":"left","id":"{{Somebody(0)}}"}""");
        Until(() => alice.Conn.Staging.Count == Room.MaxAttendants - 1);
        Tell($$"""{"type":"joined","id":"{{Somebody(300_000)}}"}"""); // now there is
        Until(() => alice.Conn.Staging.Get(Tunnel(id, Somebody(300_000))) is not null);
        Assert.Equal(Room.MaxAttendants, alice.Conn.Staging.Count);
        await alice.Conn.DisconnectAsync(room.Addresses[0]).WaitAsync(Guard, Token);
        Until(() => alice.Conn.Staging.Count == 0);
    }

    [Fact]
    public async Task Attendants_BeyondTheBody_RoomIsCutOff()
    {
        SsbPeer alice = await StartPeer();
        (PeerNetwork room, _) = await Attend(alice);
        Tell($$"""{"type":"state","ids":[{{string.Join(',', Enumerable.Range(0, 100_000).Select(i => $"\"{Somebody(i)}\""))}}]}""");
        Until(() => alice.Conn.Hub.GetState(room.Addresses[0]) is null);
        Assert.Equal(0, alice.Conn.Staging.Count);
    }

    [Fact]
    public async Task Metadata_HugeName_IsCut()
    {
        SsbPeer alice = await StartPeer();
        (PeerNetwork room, FeedId id) = await Attend(alice, $$"""{"name":"{{new string('n', 500_000)}}\ud800","membership":"yes","features":[7,"room2",null,"{{new string('f', 100_000)}}"]}""");
        FeedId one = NewKeys().Id;
        Tell($$"""{"type":"joined","id":"{{one}}"}""");
        UntilStaged(alice, id, one);
        JsonElement hub = DataOf(alice, room.Addresses[0]), staged = JsonElement.Parse(alice.Conn.Staging.Get(Tunnel(id, one))!.ToJson())[1];
        string name = new string('n', 300) + "...";
        Assert.Equal((name, name), (hub.GetProperty("name").GetString(), staged.GetProperty("roomName").GetString()));
        Assert.True(hub.GetProperty("supportsRoom2").GetBoolean());
        Assert.False(hub.TryGetProperty("membership", out _));
    }

    [Theory]
    [InlineData("""{"\ud800":1,"n\udfff":2,"name\ud800":"x","name":"a\ud800"}""", "a\ufffd")]
    [InlineData("""{"name":"a","x":{"\ud800":[1e999,-0]},"features":["\ud800",{"\udc00":1}]}""", "a")]
    [InlineData("""{"name":"a","name":"b"}""", "b")]
    public async Task MetadataAndAttendants_NastyJson_AreReadAsAnyOther(string metadata, string name)
    {
        SsbPeer alice = await StartPeer();
        (PeerNetwork room, FeedId id) = await Attend(alice, metadata);
        FeedId one = NewKeys().Id, other = NewKeys().Id;
        Tell($$"""{"\ud800":1,"t\ud800":2,"type":"joined","i\udfff":3,"id":"{{one}}","x":1e999}""");
        UntilStaged(alice, id, one);
        Tell($$"""{"type":"joined","id":"{{other}}","x":{{NastyJson.Nested(70)}}}"""); // not read, and no harm
        Tell($$"""{"type":"joined","id":"{{other}}","x":{{NastyJson.Nested(63)}}}""");
        UntilStaged(alice, id, one, other);
        Assert.Equal(name, DataOf(alice, room.Addresses[0]).GetProperty("name").GetString());
        Assert.Equal(HubState.Connected, alice.Conn.Hub.GetState(room.Addresses[0]));
    }

    [Theory]
    [InlineData("false"), InlineData("null"), InlineData("0"), InlineData("\"\""), InlineData("[]")]
    public async Task Metadata_AnswerOfAPeerThatIsNoRoom_IsNone(string answer)
    {
        SsbPeer alice = await StartPeer();
        PeerNetwork peer = OpenServer(RoomApi(answer));
        await Connect(alice, peer.Addresses[0]);
        Until(() => peer.Find(alice.Id) is not null);
        await using RpcDuplex duplex = peer.Find(alice.Id)!.Rpc.Duplex("tunnel.connect", [RpcValue.Json(JsonElement.Parse($$"""{"target":"{{alice.Id}}","origin":"{{NewKeys().Id}}"}"""))]);
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await duplex.ReadAllAsync(Token).GetAsyncEnumerator(Token).MoveNextAsync().AsTask().WaitAsync(Guard, Token));
        Assert.Contains("you are none", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task IsRoom_True_IsARoomOfTheFirstKind_WithoutAName()
    {
        SsbPeer alice = await StartPeer();
        FeedId one = NewKeys().Id, other = NewKeys().Id;
        var lists = Channel.CreateUnbounded<RpcValue>();
        PeerNetwork room = OpenServer(new RpcApi()
            .Async("tunnel.isRoom", (_, _) => ValueTask.FromResult(RpcValue.True))
            .Source("tunnel.endpoints", (_, token) => lists.Reader.ReadAllAsync(token)));
        FeedId id = KeyOf(room.Addresses[0]);
        await Connect(alice, room.Addresses[0]);
        lists.Writer.TryWrite(RpcValue.Json(JsonElement.Parse($$"""["{{one}}","{{alice.Id}}"]""")));
        UntilStaged(alice, id, one);
        Assert.DoesNotContain("roomName", alice.Conn.Staging.Get(Tunnel(id, one))!.ToJson(), StringComparison.Ordinal);
        Assert.False(DataOf(alice, room.Addresses[0]).TryGetProperty("type", out _)); // as ssb-room-client, which is told nothing either
        lists.Writer.TryWrite(RpcValue.Json(JsonElement.Parse($$"""["{{alice.Id}}","{{other}}"]""")));
        UntilStaged(alice, id, other);
        lists.Writer.Complete(new RpcException("no more"));
        UntilStaged(alice, id);
    }

    [Fact]
    public async Task Attendants_StreamEndsWithAnError_AttendantsLeave_AndTunnelsGoOn()
    {
        SsbPeer alice = await StartPeer();
        (PeerNetwork room, FeedId id) = await Attend(alice);
        FeedId one = NewKeys().Id;
        Tell($$"""{"type":"joined","id":"{{one}}"}""");
        UntilStaged(alice, id, one);
        _news.Writer.Complete(new RpcException("enough"));
        UntilStaged(alice, id);
        Assert.Equal(HubState.Connected, alice.Conn.Hub.GetState(room.Addresses[0]));
        KeyPair caller = NewKeys();
        RpcDuplex duplex = room.Find(alice.Id)!.Rpc.Duplex("tunnel.connect", [RpcValue.Json(JsonElement.Parse($$"""{"target":"{{alice.Id}}","origin":"{{caller.Id}}"}"""))]);
        await using BoxStream stream = await SecretHandshake.ConnectAsync(new TunnelStream(duplex), caller, alice.Id, new HandshakeOptions { Network = Network }, Token);
        Until(() => alice.Conn.Hub.Get(caller.Id) is not null);
    }

    [Fact]
    public async Task Attendants_RefusedToStrangers_EndpointsAreAsked()
    {
        SsbPeer alice = await StartPeer();
        FeedId one = NewKeys().Id;
        RpcApi api = new RpcApi()
            .Async("room.metadata", (_, _) => ValueTask.FromResult(RpcValue.Json(JsonElement.Parse("{}"))))
            .Source("room.attendants", (_, _) => throw new RpcException("external user are not allowed to enumerate members"))
            .Source("tunnel.endpoints", (_, token) => RoomClientTests.Endless([RpcValue.Json(JsonElement.Parse($"[\"{one}\"]"))], token));
        PeerNetwork room = OpenServer(api);
        await Connect(alice, room.Addresses[0]);
        UntilStaged(alice, KeyOf(room.Addresses[0]), one);
    }

    [Theory]
    [InlineData(false), InlineData(true)] // on a machine, too, where a short wait takes longer than asked for
    public async Task Attendants_FloodOfJoinedAndLeft_CostsTheRoomItsAttendants_AndNobodyElse(bool oversleeps)
    {
        SsbPeer alice = await StartPeer(options => oversleeps ? options with { TimeProvider = new OversleepingClock() } : options);
        var ended = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        (PeerNetwork room, FeedId id) = await Attend(alice, flood: token => Flood(ended, token));
        // It is not followed any more; the connection, and with it every tunnel, goes on.
        Assert.True(await ended.Task.WaitAsync(Guard, Token) > Room.Burst / 2);
        UntilStaged(alice, id);
        RpcConnection toAlice = room.Find(alice.Id)!.Rpc;
        Assert.True((await toAlice.CallAsync("tunnel.ping", [], Token).WaitAsync(Guard, Token)).AsJson().GetInt64() > 0);
        Assert.Equal(HubState.Connected, alice.Conn.Hub.GetState(room.Addresses[0]));
    }

    // Until we are told to stop.
    private static async IAsyncEnumerable<RpcValue> Flood(TaskCompletionSource<int> ended, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        int sent = 0;
        try
        {
            for (; !cancellationToken.IsCancellationRequested; sent++)
            {
                yield return RpcValue.Json(JsonElement.Parse($$"""{"type":"{{(sent % 2 == 0 ? "joined" : "left")}}","id":"{{Somebody(sent / 2)}}"}"""));
                if (sent % 100 == 99)
                    await Task.Yield();
            }
        }
        finally
        {
            ended.SetResult(sent);
        }
    }

    // A short wait takes two seconds more.
    private sealed class OversleepingClock : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => System.CreateTimer(
            callback, state, dueTime > TimeSpan.Zero && dueTime < TimeSpan.FromMilliseconds(100) ? dueTime + TimeSpan.FromSeconds(2.1) : dueTime, period);
    }

    // Making keys takes time: those in the middle of a long list, which are never staged, are of nobody.
    private static FeedId Somebody(int number)
    {
        byte[] bytes = new byte[FeedId.Size];
        BitConverter.TryWriteBytes(bytes, number);
        if (number is >= 2 * Room.MaxAttendants and < 200_000)
            return new FeedId(bytes);
        using KeyPair keys = KeyPair.FromSeed(bytes);
        return keys.Id;
    }

    private void Tell(string json) => _news.Writer.TryWrite(RpcValue.RawJson(Encoding.UTF8.GetBytes(json)));

    private RpcApi RoomApi(string metadata, Func<CancellationToken, IAsyncEnumerable<RpcValue>>? flood = null) => new RpcApi()
        .Async("room.metadata", (_, _) => ValueTask.FromResult(RpcValue.RawJson(Encoding.UTF8.GetBytes(metadata))))
        .Source("room.attendants", (_, token) => flood?.Invoke(token) ?? _news.Reader.ReadAllAsync(token));

    private async Task<(PeerNetwork Room, FeedId Id)> Attend(SsbPeer peer, string? metadata = null, Func<CancellationToken, IAsyncEnumerable<RpcValue>>? flood = null)
    {
        PeerNetwork room = OpenServer(RoomApi(metadata ?? """{"name":"r","membership":true,"features":[]}""", flood));
        await Connect(peer, room.Addresses[0]);
        return (room, KeyOf(room.Addresses[0]));
    }
}
