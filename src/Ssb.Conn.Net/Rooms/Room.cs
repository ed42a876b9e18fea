using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>A room that we are connected to: its attendants go onto the bench as they come, and leave it as they leave.</summary>
/// <remarks>Thread-safe. What a room can make us do: it has <see cref="MaxAttendants"/> attendants at most, further ones are passed over;
/// and after <see cref="Burst"/> changes it is read no faster than <see cref="ChangesPerSecond"/>, and its stream ends once it was faster
/// than that, or than we can be, for <see cref="MostTooFast"/>: reading slowly for good would hold up the tunnels of the same connection,
/// and in the end the room would take us for a peer that reads nothing. A room whose stream has ended has no attendants any more, until
/// the next connection.</remarks>
internal sealed class Room(PeerConnection connection, RoomMetadata metadata, ConnPlugin conn, FeedId ownId, TimeProvider timeProvider, ILogger logger)
{
    /// <summary>As many as a room may have on the bench, unless the options say otherwise.</summary>
    public const int MaxAttendants = 500;

    public const int Burst = 2_000;
    public const int ChangesPerSecond = 500;

    /// <summary>For how long at a stretch a room may be faster than that.</summary>
    public static readonly TimeSpan MostTooFast = TimeSpan.FromSeconds(3);

    private readonly string _source = SourceOf(connection.FeedId);
    private readonly Lock _gate = new();
    private readonly HashSet<FeedId> _attendants = []; // under _gate; the room and ourselves included, as it tells

    private double _allowance = Burst;
    private long _since = timeProvider.GetTimestamp();
    private long? _tooFastSince;
    private long? _behindSince; // when there last was nothing to read
    private int _behind; // changes since then

    /// <summary>The connection with it.</summary>
    public PeerConnection Connection => connection;

    /// <summary>The source that its attendants count to, and those who call through it.</summary>
    public static string SourceOf(FeedId room) => PeerSource.OfRoom(room);

    /// <summary>The address of an attendant, as ssb-room-client has it.</summary>
    public static MultiserverAddress AddressOf(FeedId room, FeedId attendant) => MultiserverAddress.Parse($"tunnel:{room}:{attendant}~shs:{attendant.ToBase64()}");

    /// <summary>Tells hub and address book of the room, and follows its attendants until the stream, or the connection, ends.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The manager is closed.</exception>
    public async Task FollowAsync(CancellationToken cancellationToken)
    {
        Introduce();
        try
        {
            // A room of the first kind does not know attendants, one of the second does not show them to everybody.
            if (!await ReadAsync("room.attendants", cancellationToken).ConfigureAwait(false))
                await ReadAsync("tunnel.endpoints", cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Clear();
        }
    }

    /// <summary>Stages one who may have been off the bench for a reason that is over, if it is an attendant.</summary>
    public void Restage(FeedId attendant)
    {
        lock (_gate)
        {
            if (!_attendants.Contains(attendant))
                return;
        }

        Stage(attendant);
        bool hasLeft;
        lock (_gate)
            hasLeft = !_attendants.Contains(attendant);
        if (hasLeft)
            conn.Unstage(AddressOf(connection.FeedId, attendant)); // it left meanwhile
    }

    /// <summary>The same for all.</summary>
    public void RestageAll()
    {
        FeedId[] all;
        lock (_gate)
            all = [.. _attendants];
        foreach (FeedId attendant in all)
            Restage(attendant);
    }

    private void Introduce()
    {
        if (metadata.Data.Equals(PeerData.Empty))
            return;
        try
        {
            conn.LearnRoom(connection.Address, metadata.Data);
        }
        catch (ArgumentException e)
        {
            logger.LogWarning(e, "The address book does not take what the room {Room} tells of itself.", connection.FeedId);
        }
    }

    /// <returns>false if the room refuses it.</returns>
    private async Task<bool> ReadAsync(string procedure, CancellationToken cancellationToken)
    {
        bool hasTold = false;
        try
        {
            IAsyncEnumerator<RpcValue> items = connection.Rpc.Source(procedure).GetAsyncEnumerator(cancellationToken);
            await using ConfiguredAsyncDisposable leaving = items.ConfigureAwait(false);
            while (await NextAsync(items).ConfigureAwait(false))
            {
                RpcValue item = items.Current;
                hasTold = true;
                int changes = RoomNews.Read(item, MaxAttendants) is { } news ? Apply(news) : 0;
                if (await KeepPaceAsync(1 + changes, cancellationToken).ConfigureAwait(false))
                    continue;
                logger.LogDebug("The room {Room} tells of changes faster than {ChangesPerSecond} a second, so it is not followed any more.",
                    connection.FeedId, ChangesPerSecond);
                return true;
            }
        }
        catch (RpcException e)
        {
            logger.LogDebug(e, "The room {Room} tells no more of its attendants.", connection.FeedId);
            return hasTold || e.Error != RpcError.Remote;
        }

        return true;
    }

    private async ValueTask<bool> NextAsync(IAsyncEnumerator<RpcValue> items)
    {
        ValueTask<bool> next = items.MoveNextAsync();
        if (!next.IsCompleted)
            (_behindSince, _behind) = (null, 0);
        return await next.ConfigureAwait(false);
    }

    /// <returns>How many changes it brought.</returns>
    private int Apply(RoomNews news)
    {
        FeedId[] came, left;
        int count;
        lock (_gate)
        {
            came = news.All is { } all ? [.. all] : news.Joined is { } joined && (_attendants.Contains(joined) || _attendants.Count < MaxAttendants) ? [joined] : [];
            left = news.All is not null ? [.. _attendants.Except(came)] : news.Left is { } gone && _attendants.Contains(gone) ? [gone] : [];
            _attendants.ExceptWith(left);
            _attendants.UnionWith(came);
            count = _attendants.Count;
        }

        using (conn.Staging.Batch())
        {
            foreach (FeedId attendant in left)
                Leave(attendant);
            foreach (FeedId attendant in came)
                Stage(attendant);
        }

        Count(count);
        return came.Length + left.Length;
    }

    // Tunnels that stand are left alone: they end by themselves if the connection has ended.
    private void Clear()
    {
        FeedId[] all;
        lock (_gate)
        {
            all = [.. _attendants];
            _attendants.Clear();
        }

        using (conn.Staging.Batch())
        {
            foreach (FeedId attendant in all)
                conn.Unstage(AddressOf(connection.FeedId, attendant));
        }

        Count(0);
    }

    private void Count(int attendants) => conn.Hub.TryUpdate(connection.Address, PeerData.Empty.With("onlineCount", attendants));

    private void Stage(FeedId attendant)
    {
        if (attendant == ownId || attendant == connection.Guest || attendant == connection.FeedId) // the room knows us as whom we came as
            return;
        PeerData data = new PeerData { Type = "room-attendant", Key = attendant.ToString() }.With("room", connection.FeedId.ToString());
        if (metadata.Name is { } name)
            data = data.With("roomName", name);
        try
        {
            conn.TryStage(AddressOf(connection.FeedId, attendant), data, _source);
        }
        catch (ArgumentException)
        {
            // Longer than the options of this bench allow: a stranger's doing, not the caller's mistake.
        }
    }

    private void Leave(FeedId attendant)
    {
        MultiserverAddress address = AddressOf(connection.FeedId, attendant);
        conn.Unstage(address);
        conn.Hub.StartDisconnect(address, ConnReason.Ended); // what went through the tunnel has no other end any more
    }

    /// <returns>false if the room was too fast for too long.</returns>
    private async ValueTask<bool> KeepPaceAsync(int changes, CancellationToken cancellationToken)
    {
        long now = timeProvider.GetTimestamp();
        // On a machine that is slower than the pace, what matters is that the room leaves us no moment in which all is read.
        _behindSince ??= now;
        _behind += changes;
        if (_behind > Burst && timeProvider.GetElapsedTime(_behindSince.Value, now) >= MostTooFast)
            return false;

        _allowance = Math.Min(Burst, _allowance + timeProvider.GetElapsedTime(_since, now).TotalSeconds * ChangesPerSecond) - changes;
        _since = now;
        if (_allowance >= Burst / 2)
            _tooFastSince = null; // not at 0, so that a room that was too fast has to be quiet for a while
        if (_allowance >= 0)
            return true;

        _tooFastSince ??= now;
        if (timeProvider.GetElapsedTime(_tooFastSince.Value, now) >= MostTooFast)
            return false;
        await Task.Delay(TimeSpan.FromSeconds(-_allowance / ChangesPerSecond), timeProvider, cancellationToken).ConfigureAwait(false);
        (_allowance, _since) = (0, timeProvider.GetTimestamp()); // a wait that took longer than asked for, as on a busy machine, earns the room nothing
        return true;
    }
}
