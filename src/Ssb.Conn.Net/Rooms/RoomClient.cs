// Modelled on npm ssb-room-client 2.0.2 (its plugins tunnel and room), which ssb-conn 6.0.4 stages the attendants of. Rooms 2:
// https://github.com/ssbc/rooms2
using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>Knows the rooms among the peers that we are connected to: stages their attendants, opens tunnels through them, and takes in
/// those who come through
/// one.</summary>
/// <remarks>Thread-safe. Rooms of both kinds: <c>room.metadata</c> and <c>room.attendants</c>, or <c>tunnel.isRoom</c> and
/// <c>tunnel.endpoints</c>. Only whom we dialled, and
/// not through a tunnel, can be a room: who calls is a stranger, who could offer any number of attendants.</remarks>
internal sealed class RoomClient : IAsyncDisposable
{
    private static readonly TimeSpan s_longestPause = TimeSpan.FromDays(1);
    private static readonly TimeSpan s_after = TimeSpan.FromMilliseconds(10); // the end of a decision is over then

    private const int MaxAddresses = 4; // of a room that are tried, one after the other, for a tunnel through it

    private readonly PeerNetwork _network;
    private readonly ConnPlugin _conn;
    private readonly FeedId _id;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private readonly StateLog _states;
    private readonly CancellationTokenSource _closing = new();
    private readonly ConcurrentDictionary<FeedId, Room> _rooms = new(); // no more than there are connections
    private readonly Lock _gate = new();
    private readonly Dictionary<FeedId, Task> _following = []; // under _gate; by peer, the last of its connections
    private readonly Task _listening;
    private readonly Task _heeding;
    private bool _isClosed; // under _gate

    /// <param name="network">Where tunnels come from and go to; from now on it opens <c>tunnel</c> routes through this.</param>
    /// <param name="conn">The manager, told of rooms and their attendants.</param>
    /// <param name="id">Who we are.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="logger">Told what goes wrong.</param>
    public RoomClient(PeerNetwork network, ConnPlugin conn, FeedId id, TimeProvider timeProvider, ILogger logger)
    {
        (_network, _conn, _id, _timeProvider, _logger) = (network, conn, id, timeProvider, logger);
        _states = new StateLog(logger, timeProvider);
        _listening = SteadyLoop.RunAsync(
            "rooms", "Attendants of rooms that leave the hub are not staged at the moment.", Listening(conn.Hub), _states, timeProvider,
            _closing.Token);
        _heeding = SteadyLoop.RunAsync(
            "rules of rooms", "Attendants of rooms that are not dismissed any more are not staged at the moment.", Heeding(), _states,
            timeProvider, _closing.Token);
        network.OpenTunnel = OpenTunnelAsync;
    }

    /// <summary>What strangers may call; of these, <c>tunnel.connect</c> refuses everybody but rooms.</summary>
    public static IReadOnlyList<string> ForStrangers { get; } = ["tunnel.connect", "tunnel.ping"];

    /// <summary>Adds <c>tunnel.connect</c>, which rooms call to bring somebody, and <c>tunnel.ping</c>.</summary>
    /// <exception cref="ArgumentException">One of them is there already.</exception>
    public void AddTo(RpcApi api) => api
        .Duplex("tunnel.connect", AcceptAsync)
        .Sync("tunnel.ping", _ => _timeProvider.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>A connection stands: is the other a room? Returns at once.</summary>
    public void OnConnected(PeerConnection connection)
    {
        if (!connection.IsClient || connection.Address.Text.StartsWith("tunnel:", StringComparison.Ordinal))
            return;
        lock (_gate)
        {
            if (_isClosed)
                return;
            foreach ((FeedId peer, Task done) in _following)
            {
                if (done.IsCompleted)
                    _following.Remove(peer);
            }

            _following[connection.FeedId] = FollowAsync(connection, _following.GetValueOrDefault(connection.FeedId, Task.CompletedTask));
        }
    }

    /// <summary>Follows no room any more; their attendants leave the bench. Disposing again does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        Task[] following;
        lock (_gate)
        {
            if (_isClosed)
                return;
            _isClosed = true;
            following = [.. _following.Values];
        }

        await _closing.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll([.. following, _listening, _heeding]).ConfigureAwait(false);
        _closing.Dispose();
        _states.Dispose();
    }

    // One connection of a peer after the other: while one is followed, another with the same room brings nothing new.
    private async Task FollowAsync(PeerConnection connection, Task before)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            if (await AskAsync(connection.Rpc, _closing.Token).ConfigureAwait(false) is { } metadata)
            {
                var room = new Room(connection, metadata, _conn, _id, _timeProvider, _logger);
                _rooms[connection.FeedId] = room;
                await FollowAsync(room).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested)
        {
            // As asked.
        }
        catch (Exception e) when (IsOver(e, connection))
        {
            // The connection, or the manager, has ended.
        }
        catch (Exception e)
        {
            _logger.LogError(e, "Whether {Peer} is a room could not be found out.", connection.FeedId);
        }

        _rooms.TryRemove(connection.FeedId, out _); // nobody else follows that peer before this ends
    }

    // Until the connection ends: as long as it stands tunnels go through it.
    private async Task FollowAsync(Room room)
    {
        Task closed = room.Connection.Closed;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
        string subject = $"room {room.Connection.FeedId}";
        Task following = SteadyLoop.RunAsync(
            subject, $"The room {room.Connection.FeedId} is not followed at the moment.", FollowUnlessOverAsync, _states,
            _timeProvider, over.Token);
        await closed.WaitAsync(_closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await over.CancelAsync().ConfigureAwait(false);
        await following.ConfigureAwait(false);
        _states.Forget(subject); // it would stay for ever: nobody follows that connection again

        async Task FollowUnlessOverAsync(CancellationToken cancellationToken)
        {
            try
            {
                await room.FollowAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (IsOver(e, room.Connection))
            {
                // The connection, or the manager, has ended.
            }
        }
    }

    // What else throws ObjectDisposedException has failed.
    private bool IsOver(Exception e, PeerConnection connection) =>
        e is RpcException || (e is ObjectDisposedException && (connection.Closed.IsCompleted || _conn.IsClosed));

    /// <returns>null if the peer is no room.</returns>
    private static async Task<RoomMetadata?> AskAsync(RpcConnection rpc, CancellationToken cancellationToken)
    {
        try
        {
            return RoomMetadata.Read(await rpc.CallAsync("room.metadata", [], cancellationToken).ConfigureAwait(false), isRoom1: false);
        }
        catch (RpcException e) when (e.Error == RpcError.Remote)
        {
            // It has no such procedure, in whatever words.
        }

        try
        {
            return RoomMetadata.Read(await rpc.CallAsync("tunnel.isRoom", [], cancellationToken).ConfigureAwait(false), isRoom1: true);
        }
        catch (RpcException e) when (e.Error == RpcError.Remote)
        {
            return null;
        }
    }

    // Who was in the hub by another way when its room told of it was not staged; when it leaves the hub it is.
    private Func<CancellationToken, Task> Listening(ConnHub hub)
    {
        IAsyncEnumerable<HubEvent>? first = hub.Listen(_closing.Token); // from now on, not from when the loop begins
        return async cancellationToken =>
        {
            try
            {
                IAsyncEnumerable<HubEvent> events = Interlocked.Exchange(ref first, null) ?? Again();
                await foreach (HubEvent e in events.ConfigureAwait(false))
                {
                    if (e.Type == HubEventType.Missed)
                        RestageAll();
                    else if (e.Type is HubEventType.Disconnected or HubEventType.ConnectingFailed && e.FeedId is { } id)
                        Restage(id);
                }
            }
            catch (ObjectDisposedException) when (_conn.IsClosed)
            {
                // The manager has ended.
            }

            // After a failure: what came meanwhile was missed.
            IAsyncEnumerable<HubEvent> Again()
            {
                IAsyncEnumerable<HubEvent> again = hub.Listen(cancellationToken);
                RestageAll();
                return again;
            }
        };
    }

    // Who was dismissed when its room told of it was not staged; when that is undone, or has ended, it is.
    private Func<CancellationToken, Task> Heeding()
    {
        IAsyncEnumerable<PeerRuleEvent>? first = _conn.ListenRules(_closing.Token); // from now on, not from when the loop begins
        return async cancellationToken =>
        {
            try
            {
                IAsyncEnumerable<PeerRuleEvent> events = Interlocked.Exchange(ref first, null) ?? Again();
                foreach (PeerRule rule in _conn.Rules)
                    _ = RestageAtItsEndAsync(rule);
                await foreach (PeerRuleEvent e in events.ConfigureAwait(false))
                {
                    if (e.Type == PeerRuleEventType.Missed)
                        RestageAll();
                    else if (e is { Type: PeerRuleEventType.Decided, Rule: { } decided })
                        _ = RestageAtItsEndAsync(decided);
                    else if (e is { Type: PeerRuleEventType.Undone, Rule.Target: var target } && (target.FeedId ?? target.Address?.FeedId) is { } id)
                        Restage(id);
                }
            }
            catch (ObjectDisposedException) when (_conn.IsClosed)
            {
                // The manager has ended.
            }

            IAsyncEnumerable<PeerRuleEvent> Again()
            {
                IAsyncEnumerable<PeerRuleEvent> again = _conn.ListenRules(cancellationToken);
                RestageAll();
                return again;
            }
        };
    }

    // That a decision has ended by itself is told by nobody. Throws nothing.
    private async Task RestageAtItsEndAsync(PeerRule rule)
    {
        if (rule.Until is not { } end || (rule.Target.FeedId ?? rule.Target.Address?.FeedId) is not { } id)
            return;
        while (end - _timeProvider.GetUtcNow() is { Ticks: > 0 } left && !_closing.IsCancellationRequested)
        {
            TimeSpan pause = left < s_longestPause ? left + s_after : s_longestPause;
            await Task.Delay(pause, _timeProvider, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (!_closing.IsCancellationRequested)
            Restage(id);
    }

    private void RestageAll()
    {
        foreach (Room room in _rooms.Values)
            room.RestageAll();
    }

    private void Restage(FeedId id)
    {
        foreach (Room room in _rooms.Values)
            room.Restage(id);
    }

    private async Task<Stream> OpenTunnelAsync(MultiserverRoute route, PeerDial dial, DialTime time, CancellationToken cancellationToken)
    {
        FeedId portal = route.TunnelPortal!.Value, target = route.TunnelTarget!.Value; // the network asked for no route with a problem
        PeerConnection room = Find(portal) ?? await ReachAsync(portal, target, dial, time, cancellationToken).ConfigureAwait(false);
        try
        {
            return new TunnelStream(room.Rpc.Duplex("tunnel.connect", [ConnBodies.Object(writer =>
            {
                writer.WriteString("portal", portal.ToString());
                writer.WriteString("target", target.ToString());
            })]));
        }
        catch (RpcException e)
        {
            throw new ConnectFailedException("the connection with its room has just ended.", e);
        }
    }

    // One that has just ended may still be there.
    private PeerConnection? Find(FeedId portal) => _rooms.TryGetValue(portal, out Room? room) && !room.Connection.Closed.IsCompleted ? room.Connection
        : _network.Find(portal) is { IsOurs: false, Closed.IsCompleted: false } connection ? connection : null;

    // Whoever tells of a tunnel names its room. So what is dialled for it is not what anybody told, but what a person remembered; and if
    // nobody asked for the tunnel, only what the
    // scheduler would dial by itself. Else a claim could have us dial any route that was staged for that key, or show whom we know.
    private async Task<PeerConnection> ReachAsync(FeedId portal, FeedId target, PeerDial dial, DialTime time, CancellationToken cancellationToken)
    {
        bool isRequested = dial.IsRequested;
        IEnumerable<(MultiserverAddress Address, bool IsInHub)> ways =
        [
            .. _conn.Hub.Get(portal) is { } connected && MayLead(connected.Address, portal) ? [(connected.Address, true)] : Array.Empty<(MultiserverAddress, bool)>(),
            .. Remembered(portal, target, isRequested).Select(address => (address, false)),
        ];

        ConnectFailedException? failure = null;
        (MultiserverAddress Address, bool IsInHub)[] tried = [.. ways.Take(MaxAddresses)];
        for (int i = 0; i < tried.Length; i++)
        {
            (MultiserverAddress address, bool isInHub) = tried[i];
            try
            {
                PeerConnection? reached = await time.TryNextAsync(tried.Length - i, _network.Limits.RouteDeadline, address, async (_, token) =>
                {
                    Task<IPeerConnection>? connecting = null;
                    if (isInHub && !_conn.Hub.TryJoin(address, out connecting))
                        return null; // it has just ended
                    connecting ??= _conn.ConnectForTunnelAsync(address, isRequested, token);
                    return await connecting.WaitAsync(token).ConfigureAwait(false) as PeerConnection;
                }, cancellationToken).ConfigureAwait(false);
                if (reached?.FeedId == portal)
                    return reached;
            }
            catch (ConnectFailedException e)
            {
                failure = e;
            }
        }

        throw failure is null
            ? new ConnectFailedException("we are not connected to its room, and know no address of it.")
            : new ConnectFailedException($"its room cannot be reached: {failure.Message}", failure) { IsLocal = failure.IsLocal || failure.IsRefusedByHost };
    }

    private IEnumerable<MultiserverAddress> Remembered(FeedId portal, FeedId target, bool isRequested)
    {
        IEnumerable<MultiserverAddress> known = _conn.Db.GetAddresses(portal).Where(a => isRequested || _conn.MayDialForTunnels(a));
        // Where the room is may stand with the attendant, as a room or somebody else told it when a person remembered the attendant: only
        // that person's wish makes us try it.
        if (isRequested && _conn.Db.Get(Room.AddressOf(portal, target)) is { } attendant && attendant.TryGet("roomAddress", out JsonElement told) && JsonGate.TextOf(told) is { } text
            && MultiserverAddress.TryParse(text, out MultiserverAddress? address))
            known = known.Append(address);
        return known.Where(a => MayLead(a, portal)).Distinct();
    }

    // Not by a tunnel: two rooms, each told to be behind the other, would wait for each other. And only to the room's own key.
    private static bool MayLead(MultiserverAddress address, FeedId room) => (address.FeedId is null || address.FeedId == room) && address.Routes.All(r => r.Transport != "tunnel");

    // A room brings somebody: {origin, target, portal}. Its word is checked: the handshake proves who comes, and the room is who calls,
    // whatever it calls itself.
    private async Task AcceptAsync(RpcCall call, RpcDuplex duplex, CancellationToken cancellationToken)
    {
        if (call.Argument(0) is not { ValueKind: JsonValueKind.Object } given)
            throw new RpcException("opts *must* be provided");
        if (call.Caller is not { } portal || !_rooms.ContainsKey(portal))
            throw new RpcException($"could not connect to {_id}: it takes tunnels from rooms that it has dialled, and you are none");
        if (!JsonGate.TryGetMember(given, "target"u8, out JsonElement target) || RoomNews.Id(target) != _id)
            throw new RpcException($"could not connect to the target: it is not {_id}");
        if (!JsonGate.TryGetMember(given, "origin"u8, out JsonElement told) || RoomNews.Id(told) is not { } origin)
            throw new RpcException($"could not connect to {_id}: the origin is not a feed id");
        await _network.AcceptStreamAsync(new TunnelStream(duplex), Room.AddressOf(portal, origin), Room.SourceOf(portal), cancellationToken).ConfigureAwait(false);
    }
}
