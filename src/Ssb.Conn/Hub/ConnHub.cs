using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Ssb.Conn;

/// <summary>The connections: those that are being made, that stand, and that are being ended.</summary>
/// <remarks>
/// <para>Thread-safe. Modelled on npm ssb-conn-hub 1.2.1. A peer has one entry. It shows the address that was dialled, of a caller the one that its
/// connection tells; it is found by any address of the peer that names its feed id.</para>
/// <para>The order of events is the order of changes, and each change has one event. No reader can make a call here fail or wait.</para>
/// <para>Two connections with one peer can stand at a time, one dialled by each side, as in the original. If the other side can agree on one
/// (<see cref="IPeerConnection.AgreeToKeepAsync"/>), the one that the peer with the greater feed id has dialled stays. The entry goes when the last of them
/// ends. A second call in the same direction replaces the first.</para>
/// <para>Once closed, its streams end and its other members throw <see cref="ObjectDisposedException"/>; only <see cref="Count"/> still answers, and
/// <see cref="ResetAsync"/> finds nothing to do.</para>
/// </remarks>
public sealed class ConnHub : IAsyncDisposable
{
    private readonly IPeerNetwork _network;
    private readonly HubOptions _options;
    private readonly EventFeed<HubEvent> _events;
    private readonly StateFeed _states = new();
    private readonly CancellationTokenSource _closing = new();
    private readonly CancellationToken _closingToken; // can be had when the source is disposed already

    // What follows is guarded by Gate.
    private readonly OrderedTable<Entry> _entries = new();
    private readonly Dictionary<FeedId, Entry> _byKey = []; // named by the address or proven, not what others claim
    private readonly HashSet<Task> _watched = []; // connections whose end is waited for, and dials
    private readonly Queue<Action> _deferred = []; // calls of foreign code, for when the lock is free
    private HubPeer[]? _snapshot; // until the next change
    private HubPeer[]? _published; // what readers see during a batch
    private int _batches;
    private bool _hasUntold; // did something change during the batch?
    private int _dials;
    private long _version;
    private bool _isClosed;

    /// <summary>A hub without connections.</summary>
    /// <param name="network">What dials.</param>
    /// <param name="options">Its bounds and its clock; the defaults if null.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public ConnHub(IPeerNetwork network, HubOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        _network = network;
        _closingToken = _closing.Token;
        _options = (options ?? new HubOptions()).Checked();
        _events = new EventFeed<HubEvent>(_options.ChangeBuffer, missed => new HubEvent(HubEventType.Missed, null, "lagged") { Missed = missed });
    }

    /// <summary>How many peers are in the hub.</summary>
    public int Count
    {
        get
        {
            lock (Gate)
                return _entries.Count;
        }
    }

    /// <summary>Held while a connection changes its state: what must fit to the states of connections is changed under it.</summary>
    internal Lock Gate { get; } = new();

    /// <summary>Told of each event before its readers, under <see cref="Gate"/>: what the pools do about it. Ours, and throws nothing.</summary>
    internal Action<HubEvent>? Glue { private get; set; }

    /// <summary>Is a peer blocked? Asked under <see cref="Gate"/>, so that who blocks a peer first and then takes the lock to disconnect it
    /// misses nobody. Ours, and throws nothing.</summary>
    internal Func<MultiserverAddress, FeedId?, bool>? IsBlocked { private get; set; }

    /// <summary>Why a peer is refused that called, for another reason than that it is blocked; null if it is not. Asked likewise.</summary>
    internal Func<MultiserverAddress, FeedId, string?>? RefusalOfCaller { private get; set; }

    /// <summary>Why a peer is left alone that no person asked for, after its address; null if it is not. Asked likewise, when a dial has shown who it
    /// is.</summary>
    internal Func<MultiserverAddress, FeedId, string?>? WhyLeftAlone { private get; set; }

    /// <summary>What dials are taken from that no person asked for; no bound unless set.</summary>
    internal DialBudget? Budget { private get; set; }

    /// <summary>How many connections a dial may open that no person asked for: see <see cref="SchedulerOptions.OpeningsPerDial"/>.</summary>
    internal int OpeningsPerDial { private get; set; } = int.MaxValue;

    /// <summary>The most local scope that a peer in the hub may be reached at, by who told of it; everything may be reached unless set. Asked under <see cref="Gate"/> when a
    /// dial begins, after <see cref="Glue"/> was told. Ours, and throws nothing.</summary>
    internal Func<MultiserverAddress, AddressScope>? ReachOf { private get; set; }

    /// <summary>May a peer in the hub be asked for at the path of its address? See <see cref="PeerDial.KeepsPath"/>; it may unless set. Asked as <see cref="ReachOf"/> is.</summary>
    internal Func<MultiserverAddress, bool>? KeepsPathOf { private get; set; }

    /// <summary>Told of each caller that the hub refuses: where it is, who it is, and why. Ours, and throws nothing.</summary>
    internal Action<MultiserverAddress, FeedId?, string>? RefusedCaller { private get; set; }

    /// <summary>Told of each dial that a person or a program asked for, and that the hub refuses; likewise.</summary>
    internal Action<MultiserverAddress, FeedId?, string>? RefusedDial { private get; set; }

    /// <summary>Was an address connected before? Asked under <see cref="Gate"/>. Ours, and throws nothing.</summary>
    internal Func<MultiserverAddress, bool>? WasConnected { private get; set; }

    /// <summary>Counts changes.</summary>
    internal long Version => Volatile.Read(ref _version);

    /// <summary>Connects to a peer. Who asks for one that is being dialled joins that dial; one that is connected is given as it is; one that
    /// is being disconnected is dialled once that is done.</summary>
    /// <param name="address">Where it can be reached.</param>
    /// <param name="data">What is known of it, kept as long as it is in the hub.</param>
    /// <param name="reason">Why; events repeat it.</param>
    /// <param name="cancellationToken">Ends the waiting. The dial goes on; <see cref="DisconnectAsync(MultiserverAddress, string)"/> ends it.</param>
    /// <exception cref="ConnectFailedException">It could not be reached in time, was given up, or the hub is full.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public Task<IPeerConnection> ConnectAsync(MultiserverAddress address, PeerData? data = null, string reason = ConnReason.Requested, CancellationToken cancellationToken = default)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(reason);
        CheckLength(data);
        return ConnectAsync(address, data, reason, isRequested: true, cancellationToken);
    }

    /// <summary>Connects to a peer, and says whether a person asked for that.</summary>
    internal Task<IPeerConnection> ConnectAsync(MultiserverAddress address, PeerData? data, string reason, bool isRequested, CancellationToken cancellationToken)
    {
        Entry entry;
        lock (Gate)
        {
            ThrowIfClosed();
            if (Find_NeedsLock(address) is { } there)
            {
                if (there.View.State == HubState.Disconnecting)
                    return RedialAsync(there, address, data, reason, isRequested, cancellationToken);
                if (isRequested)
                    Request_NeedsLock(there);
                return there.Primary is { } standing ? Task.FromResult(standing)
                    : there.View.Address == address ? there.Dialled.Task.WaitAsync(cancellationToken)
                    : JoinOrDialAsync(there, address, data, reason, isRequested, cancellationToken);
            }

            if (Dial_NeedsLock(address, data, reason, isRequested, out entry!) is { } refusal)
            {
                RefusedDial?.Invoke(address, address.FeedId ?? FeedId.ReadLenient(data?.Key), refusal);
                return Task.FromException<IPeerConnection>(new ConnectFailedException(refusal));
            }
        }

        RunDeferred();
        return entry.Dialled.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Takes in a peer that called.</summary>
    /// <returns>false if it was refused, because it has our own key, is blocked, dismissed or being disconnected, or the hub is full; its connection is closed then.</returns>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public bool Accept(IPeerConnection connection)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(connection);
        IPeerConnection? dropped = connection;
        Entry? entry = null;
        lock (Gate)
        {
            ThrowIfClosed();
            string? refusal = Refusal_NeedsLock(connection.Address, connection.FeedId)
                ?? RefusalOfCaller?.Invoke(connection.Address, connection.FeedId)
                ?? CallerRefusal_NeedsLock(connection);
            if (refusal is null)
            {
                entry = TakeCaller_NeedsLock(connection, out dropped);
                ProbeOthers_NeedsLock(entry, connection);
                Settle_NeedsLock(entry);
            }
            else
            {
                RefusedCaller?.Invoke(connection.Address, connection.FeedId, refusal);
            }
        }

        if (entry is not null)
            Watch(WatchAsync(entry, connection));
        Drop(dropped);
        RunDeferred();
        return entry is not null;
    }

    /// <summary>Ends a connection, or a dial.</summary>
    /// <returns>true once it has ended; false if the peer was not in the hub.</returns>
    /// <exception cref="IOException">It could not be ended, and stands.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public Task<bool> DisconnectAsync(MultiserverAddress address, string reason = ConnReason.Requested)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(reason);
        Task<bool> leaving;
        lock (Gate)
        {
            ThrowIfClosed();
            if (Find_NeedsLock(address) is not { } entry)
                return Task.FromResult(false);
            leaving = Disconnect_NeedsLock(entry, reason);
        }

        RunDeferred();
        return leaving;
    }

    /// <summary>Merges what is given into what is known of a peer. What changes no field renews <see cref="HubPeer.HubUpdated"/> alone, and readers are
    /// told nothing.</summary>
    /// <returns>true if it is in the hub.</returns>
    /// <exception cref="ArgumentException">The data exceed <see cref="HubOptions.MaxDataLength"/>.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public bool Update(MultiserverAddress address, PeerData data)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(data);
        lock (Gate)
        {
            ThrowIfClosed();
            if (Find_NeedsLock(address) is not { } entry)
                return false;
            PeerData merged = entry.View.Data.Merge(data);
            CheckLength(merged);
            Update_NeedsLock(entry, merged);
            return true;
        }
    }

    /// <summary>Ends all connections that stand: the machine woke up, or its network changed. Dials go on.</summary>
    /// <exception cref="IOException">One of them could not be ended, and stands. The others have ended all the same.</exception>
    public async Task ResetAsync(string reason = ConnReason.Reset)
    {
        ArgumentNullException.ThrowIfNull(reason);
        Task<bool>[] all;
        lock (Gate)
            all = _isClosed ? [] : [.. _entries.ToArray().Where(e => e.View.State == HubState.Connected).Select(e => Disconnect_NeedsLock(e, reason))];
        RunDeferred();
        await Task.WhenAll(all).ConfigureAwait(false);
    }

    /// <summary>The state of a peer's connection; null if it is not in the hub.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public HubState? GetState(MultiserverAddress address) => Get(address)?.State;

    /// <summary>The peer of an address; null if it is not in the hub.</summary>
    /// <param name="address">An address of it. If it names the peer's feed id, the peer may be in the hub by another.</param>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public HubPeer? Get(MultiserverAddress address)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        lock (Gate)
        {
            ThrowIfClosed();
            return Find_NeedsLock(address)?.View;
        }
    }

    /// <summary>Where both sides have dialled each other, does the connection that we dialled stay? What an implementation of <see cref="IPeerNetwork"/> answers a
    /// peer that asks by <see cref="IPeerConnection.AgreeToKeepAsync"/>.</summary>
    /// <param name="feedId">Who asks.</param>
    /// <returns>true if two connections with it stand and ours is the greater feed id; false if not, or not yet.</returns>
    public bool Keeps(FeedId feedId)
    {
        lock (Gate)
        {
            return !_isClosed && _byKey.GetValueOrDefault(feedId) is { View.State: HubState.Connected, Outgoing: not null, Incoming: not null }
                && _options.OwnFeedId is { } own && own > feedId;
        }
    }

    /// <summary>The connection with a peer that is connected; null if there is none.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public IPeerConnection? GetConnection(MultiserverAddress address)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        lock (Gate)
        {
            ThrowIfClosed();
            return Find_NeedsLock(address) is { View.State: HubState.Connected } entry ? entry.Primary : null;
        }
    }

    /// <summary>The peer of a feed id; null if it is not in the hub.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public HubPeer? Get(FeedId feedId)
    {
        lock (Gate)
        {
            ThrowIfClosed();
            return _byKey.GetValueOrDefault(feedId)?.View;
        }
    }

    /// <summary>All peers, in the order in which they came. Immutable, and shared until the next change.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public IReadOnlyList<HubPeer> Entries() => Array.AsReadOnly(Snapshot());

    /// <summary>All peers now, then again whenever something changed; who is slow skips to the newest. The stream can be enumerated once, and
    /// ends when the hub closes.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public IAsyncEnumerable<IReadOnlyList<HubPeer>> LiveEntries(CancellationToken cancellationToken = default)
    {
        ThrowIfClosed();
        return _states.Read<IReadOnlyList<HubPeer>>(Gate, () => Array.AsReadOnly(_published ?? Snapshot_NeedsLock()), cancellationToken);
    }

    /// <summary>Every event from this call on, in order. A reader that lags by more than <see cref="HubOptions.ChangeBuffer"/> is told how many
    /// it missed. The stream can be enumerated once, and ends when the hub closes.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public IAsyncEnumerable<HubEvent> Listen(CancellationToken cancellationToken = default)
    {
        ThrowIfClosed();
        return _events.Read(cancellationToken);
    }

    /// <summary>Ends all connections and dials, and closes. Closing again does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        Task[] watched;
        lock (Gate)
        {
            if (_isClosed)
                return;
            foreach (Entry entry in _entries.ToArray())
                _ = Disconnect_NeedsLock(entry, ConnReason.Closing); // what it waits for is among the watched
            _isClosed = true;
        }

        RunDeferred();
        _events.End();
        _states.End();
        await _closing.CancelAsync().ConfigureAwait(false);
        lock (Gate)
            watched = [.. _watched];
        await Task.WhenAll(watched).ConfigureAwait(false);
        _closing.Dispose();
    }

    /// <summary>Adds to what is known of a peer in the hub, as <see cref="Update(MultiserverAddress, PeerData)"/> does, unless there is no such peer
    /// or it would be too much: then nothing changes.</summary>
    /// <returns>true if it was added.</returns>
    public bool TryUpdate(MultiserverAddress address, PeerData data)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(data);
        lock (Gate)
        {
            if (Find_NeedsLock(address) is not { } entry)
                return false;
            PeerData merged = entry.View.Data.Merge(data);
            if (merged.Length > _options.MaxDataLength)
                return false;
            Update_NeedsLock(entry, merged);
            return true;
        }
    }

    /// <summary>Gives the connection with a peer that is connected, or being connected to. Dials nobody.</summary>
    /// <param name="address">The address of the peer in the hub.</param>
    /// <param name="connection">The connection that stands, or the one that is being made, which fails if the dial does.</param>
    /// <returns>false if the peer is neither, or the hub is closed.</returns>
    public bool TryJoin(MultiserverAddress address, [NotNullWhen(true)] out Task<IPeerConnection>? connection)
    {
        ArgumentNullException.ThrowIfNull(address);
        lock (Gate)
        {
            connection = _isClosed || Find_NeedsLock(address) is not { } entry || entry.View.State == HubState.Disconnecting ? null
                : entry.Primary is { } standing ? Task.FromResult(standing)
                : entry.Dialled.Task;
            return connection is not null;
        }
    }

    /// <summary>Is that peer in the hub?</summary>
    internal bool Has(FeedId feedId)
    {
        lock (Gate)
            return _byKey.ContainsKey(feedId);
    }

    /// <summary>Dials a peer that no person asked for, and lets events tell how it went.</summary>
    /// <returns>false if it is in the hub already, the hub does not take it, or the budget is spent.</returns>
    internal bool TryDial(MultiserverAddress address, PeerData data, string reason)
    {
        lock (Gate)
        {
            if (_isClosed || Find_NeedsLock(address) is not null || Dial_NeedsLock(address, data, reason, isRequested: false, out _) is not null)
                return false;
        }

        RunDeferred();
        return true;
    }

    /// <summary>Begins to end a connection, and returns at once: events tell how it goes. Does nothing if the peer is not in the hub, or the hub is
    /// closed.</summary>
    /// <param name="address">The address of the peer in the hub.</param>
    /// <param name="reason">Why, in a few words, such as <see cref="ConnReason.Ended"/>; <see cref="HubEvent.Reason"/> has it.</param>
    public void StartDisconnect(MultiserverAddress address, string reason)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(reason);
        lock (Gate)
        {
            if (!_isClosed && Find_NeedsLock(address) is { } entry)
                _ = Disconnect_NeedsLock(entry, reason); // its event tells
        }

        RunDeferred();
    }

    /// <summary>Makes the calls of foreign code that had to wait for the lock. Who held <see cref="Gate"/> around calls of the hub calls it
    /// afterwards.</summary>
    internal void RunDeferred()
    {
        while (!Gate.IsHeldByCurrentThread)
        {
            Action call;
            lock (Gate)
            {
                if (!_deferred.TryDequeue(out call!))
                    return;
            }

            call();
        }
    }

    /// <summary>Until the end of the batch, readers see what was; then all that changed at once.</summary>
    internal void BeginBatch()
    {
        lock (Gate)
        {
            if (_batches++ == 0)
                _published = Snapshot_NeedsLock();
        }
    }

    internal void EndBatch()
    {
        lock (Gate)
        {
            if (--_batches > 0)
                return;
            _published = null;
            _events.Publish();
            if (_hasUntold)
                _states.Changed();
            _hasUntold = false;
        }
    }

    internal HubPeer[] Snapshot()
    {
        lock (Gate)
        {
            ThrowIfClosed();
            return Snapshot_NeedsLock();
        }
    }

    /// <summary>Why no dial can begin now, whoever is dialled: a sentence. Null if one can.</summary>
    internal string? DialRefusal()
    {
        lock (Gate)
            return DialRefusal_NeedsLock();
    }

    private string? DialRefusal_NeedsLock() =>
        _entries.Count >= _options.Capacity ? Full_NeedsLock()
        : _dials < _options.MaxDials ? null
        : _dials == 1 ? "1 dial is under way, and no more may be."
        : $"{_dials:N0} dials are under way, the most that may be.";

    private string Full_NeedsLock() => $"The hub is full: it has {_entries.Count:N0} {(_entries.Count == 1 ? "peer" : "peers")}, the most that it holds.";

    private string? Dial_NeedsLock(MultiserverAddress address, PeerData? data, string reason, bool isRequested, out Entry? entry)
    {
        entry = null;
        if (DialRefusal_NeedsLock() is { } full)
            return full;
        FeedId? key = address.FeedId ?? FeedId.ReadLenient(data?.Key);
        if (Refusal_NeedsLock(address, key) is { } refusal)
            return refusal;
        if (!isRequested && Budget?.TryTake() == false)
            return "As many connections were opened in the last minute as may be.";
        var view = new HubPeer(address, HubState.Connecting, key, data ?? PeerData.Empty, isCaller: false, Now(), Timestamp())
        {
            IsRequested = isRequested,
        };
        Entry dialled = new(view);
        entry = dialled;
        Add_NeedsLock(dialled);
        _dials++;
        Tell_NeedsLock(new HubEvent(HubEventType.Connecting, dialled.View, reason));
        dialled.Dial = new PeerDial(
            address, isRequested, ReachOf?.Invoke(address) ?? AddressScope.Loopback, Budget, OpeningsPerDial, KeepsPathOf?.Invoke(address) ?? true)
        {
            Deadline = _options.DeadlineOf(PeerKinds.Of(address, dialled.View.Data)),
        };
        _deferred.Enqueue(() => Watch(DialAsync(dialled, dialled.Dial, reason)));
        return null;
    }

    private string? Refusal_NeedsLock(MultiserverAddress address, FeedId? key) =>
        key is not null && key == _options.OwnFeedId ? $"{address} is ourselves."
        : IsBlocked?.Invoke(address, key) == true ? $"{key?.ToString() ?? address.ToString()} is blocked."
        : null;

    // A person asks for a peer that the scheduler dialled, or that called.
    private void Request_NeedsLock(Entry entry)
    {
        entry.Dial?.Request();
        if (entry.View.IsRequested)
            return;
        entry.View = entry.View with { IsRequested = true };
        Changed_NeedsLock(isTold: false); // readers are shown nothing of it
    }

    private async Task<IPeerConnection> RedialAsync(Entry leaving, MultiserverAddress address, PeerData? data, string reason, bool isRequested, CancellationToken cancellationToken)
    {
        try
        {
            await leaving.Left.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // It could not be ended, and stands: then it is given as it is.
        }

        return await ConnectAsync(address, data, reason, isRequested, cancellationToken).ConfigureAwait(false);
    }

    // The peer is being dialled at another address: if that fails, this one is tried.
    private async Task<IPeerConnection> JoinOrDialAsync(Entry there, MultiserverAddress address, PeerData? data, string reason, bool isRequested, CancellationToken cancellationToken)
    {
        try
        {
            return await there.Dialled.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ConnectFailedException)
        {
            return await ConnectAsync(address, data, reason, isRequested, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task DialAsync(Entry entry, PeerDial given, string reason)
    {
        MultiserverAddress address = entry.View.Address;
        TimeSpan deadline = given.Deadline!.Value; // a dial of the hub has one
        using var timeout = new CancellationTokenSource(deadline, _options.TimeProvider);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, entry.GivenUp.Token, _closingToken);
        Task<IPeerConnection>? dial = null;
        try
        {
            dial = _network.DialAsync(given, ended.Token);
            IPeerConnection connection = await dial.WaitAsync(ended.Token).ConfigureAwait(false);
            Connected(entry, connection, reason);
        }
        catch (Exception e)
        {
            if (dial is not null && !dial.IsFaulted)
                Watch(DropLateAsync(dial));
            Failed(entry, e switch
            {
                ConnectFailedException when Cause(e, address) is not null => e,
                ConnectFailedException failed => new ConnectFailedException(address.Hide(e.Message)) { IsLocal = failed.IsLocal, IsUnwanted = failed.IsUnwanted, IsRefusedByHost = failed.IsRefusedByHost },
                _ when timeout.IsCancellationRequested && !entry.GivenUp.IsCancellationRequested && !_closingToken.IsCancellationRequested =>
                    new ConnectFailedException($"{address} did not answer within {deadline.TotalSeconds:0.###} s.", Cause(e, address)),
                OperationCanceledException => new ConnectFailedException($"The dial of {address} was given up.", Cause(e, address)),
                _ => new ConnectFailedException($"{address} could not be connected to: {address.Hide(e.Message)}", Cause(e, address)),
            }, timeout.IsCancellationRequested ? ConnReason.TimedOut : reason);
        }
    }

    // What was thrown by a host's network; null if it repeats what the address hides, which logs of the exception would show.
    private static Exception? Cause(Exception e, MultiserverAddress address)
    {
        string text = e.ToString();
        return address.Hide(text) == text ? e : null;
    }

    private void Connected(Entry entry, IPeerConnection connection, string reason)
    {
        IPeerConnection? given = null; // what those who wait for the dial get
        lock (Gate)
        {
            // Who it is, is known only now. Whoever dialled drops the connection.
            if (Refusal_NeedsLock(entry.View.Address, connection.FeedId) is { } refusal)
                throw new ConnectFailedException(refusal);
            if (!entry.View.IsRequested && WhyLeftAlone?.Invoke(entry.View.Address, connection.FeedId) is { } why)
                throw new ConnectFailedException($"{entry.View.Address} leads to {connection.FeedId}, who is left alone: {why}.") { IsLocal = true };
            _dials--;
            entry.HasDialled = true;
            if (IsThere_NeedsLock(entry) && entry.View.State != HubState.Disconnecting)
            {
                Entry? other = _byKey.GetValueOrDefault(connection.FeedId);
                if (ReferenceEquals(other, entry) || other is null)
                {
                    given = Take_NeedsLock(entry, connection, reason);
                }
                else if (other.View.State == HubState.Connecting)
                {
                    // It is being dialled by an address that names it, too, and was reached here first.
                    LeaveFor_NeedsLock(other, connection);
                    given = Take_NeedsLock(entry, connection, reason);
                }
                else
                {
                    // The address did not name it, and leads to a peer that is in the hub already.
                    if (other is { View.State: HubState.Connected, Outgoing: null })
                        given = Take_NeedsLock(other, connection, reason);
                    else if (other.View.State == HubState.Connected)
                        given = other.Primary;
                    ProbeOthers_NeedsLock(other, connection); // what stands may be lost
                    LeaveFor_NeedsLock(entry, given);
                }
            }
        }

        if (!ReferenceEquals(given, connection))
            Drop(connection);
        if (given is null)
            Abandon(entry, new ConnectFailedException($"The dial of {entry.View.Address} was given up."));
        RunDeferred();
        if (given is not null)
            entry.Dialled.TrySetResult(given);
    }

    /// <summary>An entry has a connection that was dialled.</summary>
    private IPeerConnection Take_NeedsLock(Entry entry, IPeerConnection connection, string reason)
    {
        entry.Outgoing = connection;
        SetKey_NeedsLock(entry, connection.FeedId);
        ProbeOthers_NeedsLock(entry, connection);
        if (entry.View.State == HubState.Connecting)
        {
            Become_NeedsLock(entry, HubState.Connected);
            Tell_NeedsLock(new HubEvent(HubEventType.Connected, entry.View, reason) { Connection = connection });
        }

        Settle_NeedsLock(entry);
        _deferred.Enqueue(() => Watch(WatchAsync(entry, connection)));
        return connection;
    }

    // A dial that is not needed: its peer has another entry.
    private void LeaveFor_NeedsLock(Entry entry, IPeerConnection? connection)
    {
        if (connection is not null)
        {
            RemoveKey_NeedsLock(entry);
            entry.View = entry.View with { FeedId = connection.FeedId };
            entry.Dialled.TrySetResult(connection);
        }

        entry.LeavesBecause = ConnReason.Elsewhere;
        Become_NeedsLock(entry, HubState.Disconnecting);
        Tell_NeedsLock(new HubEvent(HubEventType.Disconnecting, entry.View, ConnReason.Elsewhere));
        Leave_NeedsLock(entry, ConnReason.Elsewhere);
    }

    private void Failed(Entry entry, Exception error, string reason)
    {
        lock (Gate)
        {
            if (!entry.HasDialled)
                _dials--;
            entry.HasDialled = true;
            // Who called meanwhile is connected all the same; who was disconnected has been told so.
            if (IsThere_NeedsLock(entry) && entry.View.State == HubState.Connecting)
            {
                if (error is ConnectFailedException { IsUnwanted: true })
                    reason = WasConnected?.Invoke(entry.View.Address) == true ? ConnReason.Unwanted : ConnReason.UnwantedOrAnother;
                Remove_NeedsLock(entry);
                Tell_NeedsLock(new HubEvent(HubEventType.ConnectingFailed, entry.View, reason) { Error = error });
            }
        }

        Abandon(entry, error);
    }

    private static void Abandon(Entry entry, Exception error)
    {
        if (entry.Dialled.TrySetException(error))
            _ = entry.Dialled.Task.Exception; // nobody need wait for it: the event has told
    }

    // Of a caller: the entry that it belongs to, if there is one.
    private Entry? EntryOf_NeedsLock(IPeerConnection caller) =>
        _byKey.GetValueOrDefault(caller.FeedId)
        ?? (_entries.TryGet(caller.Address, out Entry? sameAddress) && sameAddress.View.FeedId is null ? sameAddress : null);

    private string? CallerRefusal_NeedsLock(IPeerConnection caller) => EntryOf_NeedsLock(caller) switch
    {
        { View.State: HubState.Disconnecting } => "its connection before is being ended just now.",
        not null => null,
        null when _entries.Count >= _options.Capacity => Full_NeedsLock(),
        null => _entries.TryGet(caller.Address, out _) ? "another peer is in connection at the address that it called from." : null,
    };

    /// <summary>Takes in a caller that is not refused.</summary>
    /// <returns>Where it is now, in the place of what is to be dropped.</returns>
    private Entry TakeCaller_NeedsLock(IPeerConnection connection, out IPeerConnection? dropped)
    {
        Entry? entry = EntryOf_NeedsLock(connection);
        if (entry is null)
        {
            dropped = null;
            entry = new Entry(new HubPeer(connection.Address, HubState.Connected, connection.FeedId, Inferred(connection.Address, PeerData.Empty), isCaller: true, Now(), Timestamp())) { HasDialled = true, Incoming = connection };
            Add_NeedsLock(entry);
            Tell_NeedsLock(new HubEvent(HubEventType.Connected, entry.View, ConnReason.Called) { Connection = connection });
            return entry;
        }

        // The same peer by the same way again: its older connection is one that it has given up.
        (dropped, entry.Incoming) = (entry.Incoming, connection);
        if (entry.View.State == HubState.Connecting)
        {
            entry.View = entry.View with { IsCaller = true };
            SetKey_NeedsLock(entry, connection.FeedId);
            Become_NeedsLock(entry, HubState.Connected);
            Tell_NeedsLock(new HubEvent(HubEventType.Connected, entry.View, ConnReason.Called) { Connection = connection });
            entry.Dialled.TrySetResult(connection);
        }

        return entry;
    }

    // A peer that connects again may have lost what stands with it, and may not have been able to say so. Who it is was proven: nobody
    // else can put its connections to the test.
    private void ProbeOthers_NeedsLock(Entry entry, IPeerConnection connection)
    {
        foreach (IPeerConnection other in entry.All.Where(c => !ReferenceEquals(c, connection)))
            _deferred.Enqueue(other.Probe);
    }

    // Both sides dialled at the same moment. The one whose connection is to go, who is told by the feed ids, asks the other and ends it.
    private void Settle_NeedsLock(Entry entry)
    {
        if (entry is { Outgoing: { } outgoing, Incoming: { } incoming } && _options.OwnFeedId is { } own && own < incoming.FeedId)
            _deferred.Enqueue(() => Watch(SettleAsync(entry, outgoing, incoming)));
    }

    private async Task SettleAsync(Entry entry, IPeerConnection outgoing, IPeerConnection incoming)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_closingToken);
        try
        {
            Task<bool> asked = incoming.AgreeToKeepAsync(ended.Token);
            if (await Task.WhenAny(asked, outgoing.Closed).WaitAsync(_closingToken).ConfigureAwait(false) != asked || !await asked.ConfigureAwait(false))
                return; // or the other side has ended it, as it may
        }
        catch (Exception)
        {
            return; // foreign code, or it has ended: both stay as they are
        }
        finally
        {
            await ended.CancelAsync().ConfigureAwait(false);
        }

        lock (Gate)
        {
            if (_isClosed || entry.View.State != HubState.Connected || !ReferenceEquals(entry.Outgoing, outgoing) || !ReferenceEquals(entry.Incoming, incoming))
                return;
            entry.Outgoing = null;
        }

        await CloseQuietlyAsync(outgoing).ConfigureAwait(false);
    }

    // Waits for the end of a connection, whoever ends it.
    private async Task WatchAsync(Entry entry, IPeerConnection connection)
    {
        // Once the hub closes, nobody waits for a connection that does not end when it is told to.
        await connection.Closed.WaitAsync(_closingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        string reason = (connection.Closed.IsCompleted ? connection.EndReason : null) ?? ConnReason.Ended; // foreign code, and so not under the lock
        lock (Gate)
        {
            if (ReferenceEquals(entry.Outgoing, connection))
                entry.Outgoing = null;
            else if (ReferenceEquals(entry.Incoming, connection))
                entry.Incoming = null;
            if (entry.Primary is null && IsThere_NeedsLock(entry))
                Leave_NeedsLock(entry, entry.LeavesBecause ?? reason);
        }

        RunDeferred();
    }

    private Task<bool> Disconnect_NeedsLock(Entry entry, string reason)
    {
        if (entry.View.State == HubState.Disconnecting)
            return entry.Left.Task;
        HubState before = entry.View.State;
        Task<bool> left = entry.Left.Task;
        entry.LeavesBecause = reason;
        Become_NeedsLock(entry, HubState.Disconnecting);
        Tell_NeedsLock(new HubEvent(HubEventType.Disconnecting, entry.View, reason));
        if (entry.Primary is null)
            Leave_NeedsLock(entry, reason);
        else
            _deferred.Enqueue(() => Watch(CloseAsync(entry, before, reason)));
        return left;
    }

    private async Task CloseAsync(Entry entry, HubState before, string reason)
    {
        IPeerConnection[] connections;
        lock (Gate)
            connections = [.. entry.All];
        using var deadline = new CancellationTokenSource(_options.CloseDeadline, _options.TimeProvider);
        foreach (IPeerConnection connection in connections)
        {
            try
            {
                await connection.CloseAsync(deadline.Token).WaitAsync(deadline.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (deadline.IsCancellationRequested)
            {
                // It was given its time; to us it has ended.
            }
            catch (Exception e) when (!connection.Closed.IsCompleted)
            {
                MultiserverAddress address = entry.View.Address;
                string shown = StrangerText.Show(address.Hide(e.Message));
                Stay(entry, before, reason, new IOException($"The connection with {address} could not be ended: {shown}", Cause(e, address)));
                return;
            }
            catch (Exception)
            {
                // It has ended, in its own way.
            }
        }

        lock (Gate)
        {
            if (IsThere_NeedsLock(entry))
                Leave_NeedsLock(entry, reason);
        }

        RunDeferred();
    }

    private void Stay(Entry entry, HubState before, string reason, IOException error)
    {
        TaskCompletionSource<bool> left = entry.Left;
        lock (Gate)
        {
            if (!IsThere_NeedsLock(entry))
                return;
            entry.LeavesBecause = null;
            entry.Left = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            Become_NeedsLock(entry, before);
            Tell_NeedsLock(new HubEvent(HubEventType.DisconnectingFailed, entry.View, reason) { Error = error });
        }

        if (left.TrySetException(error))
            _ = left.Task.Exception; // nobody need wait for it: the event has told
    }

    private void Leave_NeedsLock(Entry entry, string reason)
    {
        Remove_NeedsLock(entry);
        Tell_NeedsLock(new HubEvent(HubEventType.Disconnected, entry.View, reason));
        entry.Left.TrySetResult(true);
        if (!entry.HasDialled)
            _deferred.Enqueue(entry.GivenUp.Cancel);
    }

    // Once the hub closes, nobody waits for it; what it connects to is closed all the same.
    private async Task DropLateAsync(Task<IPeerConnection> dial) =>
        await CloseLateAsync(dial).WaitAsync(_closingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async Task CloseLateAsync(Task<IPeerConnection> dial)
    {
        try
        {
            IPeerConnection late = await dial.ConfigureAwait(false);
            await CloseQuietlyAsync(late).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The dial's failure was told when it was given up.
        }
    }

    private void Drop(IPeerConnection? connection)
    {
        if (connection is not null)
            Watch(CloseQuietlyAsync(connection));
    }

    private async Task CloseQuietlyAsync(IPeerConnection connection)
    {
        using var deadline = new CancellationTokenSource(_options.CloseDeadline, _options.TimeProvider);
        try
        {
            await connection.CloseAsync(deadline.Token).WaitAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Nobody knows of this connection: there is nobody to tell, and nothing more to do.
        }
    }

    private void Watch(Task task)
    {
        lock (Gate)
            Watch_NeedsLock(task);
    }

    private void Watch_NeedsLock(Task task)
    {
        if (task.IsCompleted)
            return;
        _watched.Add(task);
        _ = task.ContinueWith(static (ended, hub) => ((ConnHub)hub!).Unwatch(ended), this, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private void Unwatch(Task task)
    {
        _ = task.Exception; // a connection that could not be ended: its event and its caller were told
        lock (Gate)
            _watched.Remove(task);
    }

    // A peer by one of its addresses: the one that its entry shows, or any that names it.
    private Entry? Find_NeedsLock(MultiserverAddress address) => _entries.TryGet(address, out Entry? entry) ? entry
        : address.FeedId is { } feedId ? _byKey.GetValueOrDefault(feedId) : null;

    private void Add_NeedsLock(Entry entry)
    {
        _entries.Set(entry.View.Address, entry);
        if (entry.View.Address.FeedId is { } feedId)
            _byKey.Add(feedId, entry);
        else if (entry.Incoming is { } proven)
            _byKey.Add(proven.FeedId, entry);
    }

    private void Remove_NeedsLock(Entry entry)
    {
        Debug.Assert(IsThere_NeedsLock(entry));
        _entries.Remove(entry.View.Address, out _);
        RemoveKey_NeedsLock(entry);
    }

    private void RemoveKey_NeedsLock(Entry entry)
    {
        foreach (FeedId? feedId in (ReadOnlySpan<FeedId?>)[entry.View.FeedId, entry.View.Address.FeedId])
        {
            if (feedId is { } known && ReferenceEquals(_byKey.GetValueOrDefault(known), entry))
                _byKey.Remove(known);
        }
    }

    // The handshake proves the key of an address that names none; who told of it may have claimed another.
    private void SetKey_NeedsLock(Entry entry, FeedId feedId)
    {
        if (ReferenceEquals(_byKey.GetValueOrDefault(feedId), entry))
            return;
        RemoveKey_NeedsLock(entry);
        entry.View = entry.View with { FeedId = feedId };
        _byKey[feedId] = entry;
    }

    private bool IsThere_NeedsLock(Entry entry) => _entries.TryGet(entry.View.Address, out Entry? there) && ReferenceEquals(there, entry);

    private void Update_NeedsLock(Entry entry, PeerData data)
    {
        bool hasNews = !ReferenceEquals(data, entry.View.Data); // Merge gives the same object if nothing new was told
        entry.View = entry.View with { Data = data, HubUpdated = Now(), UpdatedAt = Timestamp() };
        if (hasNews)
            Changed_NeedsLock();
        else
            _snapshot = null; // it shows when the peer was last updated, of which readers are told nothing
    }

    private void Become_NeedsLock(Entry entry, HubState state) => entry.View = entry.View with
    {
        State = state,
        StateSince = Now(),
        HubUpdated = Now(),
        UpdatedAt = Timestamp(),
        Data = state == HubState.Connected ? Inferred(entry.View.Address, entry.View.Data) : entry.View.Data,
    };

    // Of whom nobody told a type, the address tells one.
    private static PeerData Inferred(MultiserverAddress address, PeerData data) =>
        data.Type is null && PeerKinds.Infer(address) is { } inferred ? data.With("inferredType", inferred) : data;

    private void Tell_NeedsLock(HubEvent e)
    {
        Changed_NeedsLock(isTold: false);
        Glue?.Invoke(e);
        // The pools may have told the entry more: the event shows it as it is now.
        if (_entries.TryGet(e.Peer!.Address, out Entry? entry)) // only Missed has no peer, and is not told here
            e = e with { Peer = entry.View };
        _events.Append(e, publish: _batches == 0);
        TellReaders_NeedsLock();
    }

    private void Changed_NeedsLock(bool isTold = true)
    {
        _snapshot = null;
        Volatile.Write(ref _version, _version + 1);
        if (isTold)
            TellReaders_NeedsLock();
    }

    private void TellReaders_NeedsLock()
    {
        if (_batches == 0)
            _states.Changed();
        else
            _hasUntold = true;
    }

    private HubPeer[] Snapshot_NeedsLock() => _snapshot ??= [.. _entries.All.Select(e => e.View)];

    private DateTimeOffset Now() => _options.TimeProvider.GetUtcNow();

    private long Timestamp() => _options.TimeProvider.GetTimestamp();

    private void CheckLength(PeerData? data)
    {
        if (data is not null && data.Length > _options.MaxDataLength)
            throw new ArgumentException($"The data have {data.Length:N0} bytes, where at most {_options.MaxDataLength:N0} are allowed.", nameof(data));
    }

    internal void ThrowIfClosed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _isClosed), this);

    /// <summary>What the hub knows of a peer. Guarded by the hub's lock.</summary>
    private sealed class Entry(HubPeer view)
    {
        public HubPeer View { get; set; } = view;

        /// <summary>The connection that we dialled, and the one that the other did.</summary>
        public IPeerConnection? Outgoing { get; set; }

        public IPeerConnection? Incoming { get; set; }

        public IPeerConnection? Primary => Outgoing ?? Incoming;

        public IEnumerable<IPeerConnection> All => new[] { Outgoing, Incoming }.OfType<IPeerConnection>();

        /// <summary>Its dial; null of a caller.</summary>
        public PeerDial? Dial { get; set; }

        /// <summary>Its dial has ended, or there was none.</summary>
        public bool HasDialled { get; set; }

        public string? LeavesBecause { get; set; }

        public CancellationTokenSource GivenUp { get; } = new();

        // Completed outside the lock or with continuations elsewhere: who waits is foreign code.
        public TaskCompletionSource<IPeerConnection> Dialled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource<bool> Left { get; set; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
