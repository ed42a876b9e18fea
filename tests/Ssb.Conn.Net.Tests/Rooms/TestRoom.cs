using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rooms;

/// <summary>A rooms 2 server, open to everybody: <c>room.metadata</c>, <c>room.attendants</c> and <c>tunnel.connect</c>, with <c>tunnel.isRoom</c> and
/// <c>tunnel.endpoints</c> for clients of the first rooms, as go-ssb-room has them. For tests: without bounds.</summary>
internal sealed class TestRoom : IAsyncDisposable
{
    private readonly PeerNetwork _network;
    private readonly FeedId _id;
    private readonly string _name;
    private readonly Task _accepting;
    private readonly Lock _gate = new();
    private readonly Dictionary<FeedId, RpcConnection> _attendants = []; // under _gate
    private readonly List<ChannelWriter<RpcValue>> _readers = []; // under _gate; of room.attendants
    private readonly List<ChannelWriter<RpcValue>> _legacyReaders = []; // under _gate; of tunnel.endpoints

    private TestRoom(KeyPair keys, NetworkKey network, string listen, string name)
    {
        (_id, _name) = (keys.Id, name);
        RpcApi api = GossipPing.AddTo(new RpcApi())
            .Async("room.metadata", (_, _) => ValueTask.FromResult(Metadata()))
            .Source("room.attendants", (call, token) => AttendantsAsync(call, token))
            .Async("tunnel.isRoom", (_, _) => ValueTask.FromResult(Metadata()))
            .Source("tunnel.endpoints", (call, token) => EndpointsAsync(call, token))
            .Duplex("tunnel.connect", ConnectAsync)
            .Sync("tunnel.ping", _ => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        _network = PeerNetwork.Open(Unhurried.Network(keys) with
        {
            NetworkKey = network,
            Listen = [listen],
            Api = api,
            Access = new RpcAccess(new RpcPermissions(["manifest", "gossip.ping", "room", "tunnel"])),
        });
        _accepting = AcceptAsync();
    }

    /// <summary>Where it is.</summary>
    public MultiserverAddress Address => _network.Addresses[0];

    /// <summary>Who is there.</summary>
    public IReadOnlyCollection<FeedId> Attendants
    {
        get
        {
            lock (_gate)
                return [.. _attendants.Keys];
        }
    }

    /// <summary>Opens one on loopback.</summary>
    public static TestRoom Open(KeyPair keys, NetworkKey? network = null, string listen = "net:127.0.0.1:0~shs", string name = "test room") =>
        new(keys, network ?? NetworkKey.Main, listen, name);

    /// <summary>Ends it. Again does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        await Disposal.AllAsync([_network]);
        await Disposal.RunAsync(() => _accepting);
    }

    private async Task AcceptAsync()
    {
        await foreach (IPeerConnection caller in _network.AcceptAsync(_ => true, CancellationToken.None)) // ends with the network
            _ = RemoveLaterAsync((PeerConnection)caller);
    }

    private async Task RemoveLaterAsync(PeerConnection caller)
    {
        await caller.Closed;
        lock (_gate)
        {
            if (_attendants.TryGetValue(caller.FeedId, out RpcConnection? attends) && attends == caller.Rpc && _attendants.Remove(caller.FeedId))
                Tell("left", caller.FeedId);
        }
    }

    private RpcValue Metadata() => Json($$"""{"name":"{{_name}}","membership":true,"features":["tunnel","room1","room2"]}""");

    // Who asks for the attendants is one of them.
    private async IAsyncEnumerable<RpcValue> AttendantsAsync(RpcCall call, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var news = Channel.CreateUnbounded<RpcValue>();
        lock (_gate)
        {
            Add(call);
            news.Writer.TryWrite(Json($$"""{"type":"state","ids":{{List()}}}"""));
            _readers.Add(news.Writer);
        }

        await foreach (RpcValue item in news.Reader.ReadAllAsync(cancellationToken))
            yield return item;
    }

    private async IAsyncEnumerable<RpcValue> EndpointsAsync(RpcCall call, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var news = Channel.CreateUnbounded<RpcValue>();
        lock (_gate)
        {
            Add(call);
            news.Writer.TryWrite(Json(List()));
            _legacyReaders.Add(news.Writer);
        }

        await foreach (RpcValue item in news.Reader.ReadAllAsync(cancellationToken))
            yield return item;
    }

    private void Add(RpcCall call)
    {
        FeedId caller = call.Caller ?? throw new RpcException("who are you?");
        bool isNew = !_attendants.ContainsKey(caller);
        _attendants[caller] = call.Connection;
        if (isNew)
            Tell("joined", caller);
    }

    private void Tell(string type, FeedId id)
    {
        _readers.ForEach(r => r.TryWrite(Json($$"""{"type":"{{type}}","id":"{{id}}"}""")));
        _legacyReaders.ForEach(r => r.TryWrite(Json(List())));
    }

    private string List() => $"[{string.Join(',', _attendants.Keys.Select(id => $"\"{id}\""))}]";

    private async Task ConnectAsync(RpcCall call, RpcDuplex caller, CancellationToken cancellationToken)
    {
        JsonElement given = call.Argument(0) ?? throw new RpcException("expected 1 argument");
        if (given.GetProperty("portal").GetString() != _id.ToString())
            throw new RpcException("talking to the wrong room");
        var target = FeedId.Parse(given.GetProperty("target").GetString());
        RpcConnection? there;
        lock (_gate)
            _attendants.TryGetValue(target, out there);
        if (there is null || target == call.Caller)
            throw new RpcException($"could not connect to:{target}");
        await using RpcDuplex other = there.Duplex("tunnel.connect", [Json($$"""{"portal":"{{_id}}","target":"{{target}}","origin":"{{call.Caller}}"}""")]);
        await Task.WhenAll(CopyAsync(caller, other), CopyAsync(other, caller));
    }

    private static async Task CopyAsync(RpcDuplex from, RpcDuplex to)
    {
        RpcException? error = null;
        try
        {
            await foreach (RpcValue item in from.ReadAllAsync())
                await to.WriteAsync(item);
        }
        catch (RpcException e)
        {
            error = e;
        }
        catch (InvalidOperationException)
        {
            // The other way has ended both.
        }

        to.Complete(error);
    }

    private static RpcValue Json(string json) => RpcValue.RawJson(Encoding.UTF8.GetBytes(json));
}
