using System.Diagnostics.CodeAnalysis;

namespace Ssb.Conn;

/// <summary>Peers we could connect to but have not: the bench of substitutes.</summary>
/// <remarks>
/// <para>Thread-safe. Nothing is persisted. Once closed, its streams end and its other members throw
/// <see cref="ObjectDisposedException"/>; only <see cref="Count"/>, <see cref="Subscribers"/> and <see cref="IsClosed"/> still
/// answer.</para>
/// <para>A peer is known by its multiserver address, as given. Every call that takes a <see cref="MultiserverAddress"/> throws
/// <see cref="ArgumentException"/> for one that is longer than <see cref="StagingOptions.MaxAddressLength"/> and not staged, and then
/// changes nothing. For callers that have the text of an address, <see cref="ConnStagingText"/> has the same calls; there a text that is
/// not a valid address of at most that length is a <see cref="FormatException"/>.</para>
/// <para>The bench is bounded, see <see cref="StagingOptions"/>. Newcomers yield to the established: one whose source is at
/// its capacity is refused; when the bench is full, room is made by the source that has most of all, its latest arrival
/// first, as long as it has more than a fair share and the newcomer's source less than one. Expired peers go before that;
/// pinned peers, and those staged without a source, never.</para>
/// <para>The order of events is the order of changes, for every reader. No reader can make a call here fail or wait.</para>
/// </remarks>
public sealed partial class ConnStaging : IDisposable
{
    /// <summary>The name of the meter of this class's instruments: <c>Ssb.Conn.Staging</c>.</summary>
    /// <remarks>Its instruments, all under <c>ssb.conn.staging.</c>: <c>entries</c> (by <c>type</c>) and <c>subscribers</c> now;
    /// <c>staged</c>, <c>refreshed</c>, <c>unstaged</c> and <c>refused</c> (both by <c>reason</c>) and <c>lagged</c> so far.</remarks>
    public const string MeterName = StagingMetrics.MeterName;

    private const int SweepBatch = 1_000; // peers that expire under one hold of the lock

    private readonly StagingOptions _options;
    private readonly StagingClock _clock;
    private readonly ExpiryTimers _timers;

    // What follows is guarded by Gate.
    private Bench _bench;
    private ChangeRing? _ring; // made for the first reader who needs it
    private ReaderQueue _waiting = new();
    private long _sequence;
    private long _events; // changes that were not updates
    private int _batches;
    private StagingSnapshot? _published; // what readers see during a batch
    private long _publishedSequence;

    private int _subscribers;
    private volatile bool _isClosed;

    /// <summary>An empty bench.</summary>
    /// <param name="options">Its bounds and its clock; the defaults if null.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public ConnStaging(StagingOptions? options = null)
    {
        _options = (options ?? new StagingOptions()).Checked();
        _clock = new StagingClock(_options.TimeProvider);
        _bench = new Bench(_options);
        _timers = new ExpiryTimers(this, _options.TimeProvider, _bench.Ages.All);
        StagingMetrics.Add(this);
    }

    /// <summary>How many peers are staged; 0 once closed.</summary>
    public int Count
    {
        get
        {
            lock (Gate)
                return _bench.Count;
        }
    }

    /// <summary>How many streams are being read now. Who was dropped without being disposed counts until it is collected.</summary>
    public int Subscribers => Volatile.Read(ref _subscribers);

    /// <summary>Has it been closed?</summary>
    public bool IsClosed => _isClosed;

    internal Lock Gate { get; } = new();

    /// <summary>Guarded by <see cref="Gate"/>.</summary>
    internal ref ReaderQueue Waiting => ref _waiting;

    /// <summary>How many changes there were that readers may see. Counted under <see cref="Gate"/>.</summary>
    internal long PublishedSequence => Volatile.Read(ref _publishedSequence);

    /// <summary>Registers a peer as newly available, or refreshes one that is there: fields given replace, fields not given
    /// stay, and its time to live starts anew. A refresh that changes no field renews <see cref="StagedPeer.StagingUpdated"/>, which
    /// <see cref="Get(MultiserverAddress)"/> and <see cref="Entries"/> show, and tells readers of the streams nothing.</summary>
    /// <param name="address">Where it can be reached.</param>
    /// <param name="data">What is known of it. Its key must not contradict the address.</param>
    /// <param name="source">Who told us, such as an interface and a sender, a room or a person: the unit of fairness when
    /// the bench is crowded. What stands before the first <c>/</c> names the group of the source, which has a capacity of its own: the
    /// senders <c>lan:eth0/10.0.0.7</c> and <c>lan:eth0/10.0.0.8</c> are of one interface. A feed id, as in <c>room:@...</c>, is never cut.
    /// A refresh leaves the peer to its first source.</param>
    /// <returns>true if the peer was inserted; false if it was there and was updated, or was refused (which
    /// <see cref="TryStage(MultiserverAddress, PeerData?, string?)"/> tells apart).</returns>
    /// <exception cref="ArgumentException">The address is longer than <see cref="StagingOptions.MaxAddressLength"/>, the data exceed
    /// <see cref="StagingOptions.MaxDataLength"/>, or the key contradicts the address.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public bool Stage(MultiserverAddress address, PeerData? data = null, string? source = null) =>
        TryStage(address, data, source).Outcome == StageOutcome.Inserted;

    /// <summary>Like <see cref="Stage(MultiserverAddress, PeerData?, string?)"/>, and says what it did.</summary>
    /// <inheritdoc cref="Stage(MultiserverAddress, PeerData?, string?)" path="/param|/exception"/>
    public StageResult TryStage(MultiserverAddress address, PeerData? data = null, string? source = null)
    {
        CheckGiven(address);
        return TryStageBy(new BenchKey(address), data, source);
    }

    internal StageResult TryStageBy(in BenchKey key, PeerData? data, string? source)
    {
        data ??= PeerData.Empty;
        // Foreign code, such as a clock, is not called under the lock.
        (long wall, long now) = _clock.Read();
        StageResult result;
        byte age;
        int expired = 0, evicted = 0;
        bool startsTimer;
        bool hasNews = true;
        StagingReader? waiting;
        lock (Gate)
        {
            ThrowIfClosed();
            if (_bench.TryFind(key, out int slot))
            {
                StagedPeer previous = _bench[slot];
                PeerData merged = Merge(key, previous.Data, data);
                var peer = new StagedPeer(previous, merged, previous.Share, wall);
                age = _bench.Update(slot, peer, now);
                hasNews = !ReferenceEquals(merged, previous.Data);
                if (hasNews) // else its time to live starts anew, and readers are told nothing
                    Record_NeedsLock(peer, previous, null);
                result = new StageResult(StageOutcome.Updated);
            }
            else
            {
                object address = key.Checked(_options.MaxAddressLength);
                data = data.WithoutBenchFields();
                CheckData(key, data.Key, data, known: PeerData.Empty);
                SourceShare? share = source is null ? null : _bench.Sources.Find(source);
                if (MakeRoom_NeedsLock(share, now, ref expired, ref evicted) is { } refusal)
                {
                    age = 0;
                    result = new StageResult(StageOutcome.Refused, refusal);
                }
                else
                {
                    var peer = new StagedPeer(address, data, share, wall, wall);
                    age = _bench.Insert(peer, key.Hash, now);
                    Record_NeedsLock(peer, null, null);
                    result = new StageResult(StageOutcome.Inserted);
                }
            }

            startsTimer = _timers.Take_NeedsLock(age);
            waiting = (result.Outcome != StageOutcome.Refused && hasNews) || expired > 0 ? TakeWaiting_NeedsLock() : null;
        }

        StagingReader.Wake(waiting);
        if (startsTimer)
            _timers.Start(age);
        StagingMetrics.Count(result);
        StagingMetrics.CountUnstaged(UnstageReason.Expired, expired);
        StagingMetrics.CountUnstaged(UnstageReason.Evicted, evicted);
        return result;
    }

    /// <summary>Removes a peer.</summary>
    /// <param name="address">The address it was staged by.</param>
    /// <param name="reason">Why; events repeat it. Expiry and eviction are the bench's own reasons.</param>
    /// <returns>true if it was removed, false if it was not staged.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The reason is not one to give: <see cref="UnstageReason.Expired"/> or
    /// <see cref="UnstageReason.Evicted"/>.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public bool Unstage(MultiserverAddress address, UnstageReason reason = UnstageReason.Requested)
    {
        CheckGiven(address);
        return UnstageBy(new BenchKey(address), reason);
    }

    internal bool UnstageBy(in BenchKey key, UnstageReason reason)
    {
        if (reason is UnstageReason.Expired or UnstageReason.Evicted || !Enum.IsDefined(reason))
        {
            ThrowIfClosed();
            throw new ArgumentOutOfRangeException(nameof(reason), reason, "Expected Requested, Promoted, Blocked or Dismissed.");
        }

        StagingReader? waiting;
        lock (Gate)
        {
            ThrowIfClosed();
            if (!_bench.TryFind(key, out int slot))
                return IsNotThere(key);
            Remove_NeedsLock(slot, reason);
            waiting = TakeWaiting_NeedsLock();
        }

        StagingReader.Wake(waiting);
        StagingMetrics.CountUnstaged(reason, 1);
        return true;
    }

    /// <summary>The peer of that address, or null if it is not staged.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public StagedPeer? Get(MultiserverAddress address)
    {
        CheckGiven(address);
        return GetBy(new BenchKey(address));
    }

    internal StagedPeer? GetBy(in BenchKey key)
    {
        lock (Gate)
        {
            ThrowIfClosed();
            if (_bench.TryFind(key, out int slot))
                return _bench[slot];
        }

        IsNotThere(key);
        return null;
    }

    /// <summary>The peers now staged, in the order in which they were.</summary>
    /// <remarks>Immutable; made when somebody asks for it, and shared until the next change.</remarks>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public StagingSnapshot Entries()
    {
        lock (Gate)
        {
            ThrowIfClosed();
            return TakeSnapshot();
        }
    }

    /// <summary>All staged routes to one peer, in the order in which they were staged. The first call builds the index that answers
    /// it.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public IReadOnlyList<StagedPeer> RoutesTo(FeedId feedId)
    {
        lock (Gate)
        {
            ThrowIfClosed();
            return _bench.RoutesTo(feedId);
        }
    }

    /// <summary>Protects a peer: it neither expires nor gives way, and does not count as its source's, until it is unpinned
    /// or unstaged.</summary>
    /// <returns>true if it is pinned now and was not; false if it was, or is not staged.</returns>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public bool Pin(MultiserverAddress address)
    {
        CheckGiven(address);
        return SetPin(new BenchKey(address), isPinned: true);
    }

    /// <summary>Ends the protection of <see cref="Pin(MultiserverAddress)"/>: the peer is its source's again, as its latest
    /// arrival, and its time to live starts anew.</summary>
    /// <returns>true if it was pinned; false if not, or if it is not staged.</returns>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public bool Unpin(MultiserverAddress address)
    {
        CheckGiven(address);
        return SetPin(new BenchKey(address), isPinned: false);
    }

    /// <summary>Every peer that is staged or unstaged from this call on, in order.</summary>
    /// <remarks>It counts from this call, not from the first read. A reader who lags by more than
    /// <see cref="StagingOptions.ChangeBuffer"/> changes is told how many events it missed
    /// (<see cref="StagingEventType.Missed"/>), then goes on with those still kept. The stream can be enumerated once; it ends
    /// when the bench closes, which announces no peer as unstaged.</remarks>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public IAsyncEnumerable<StagingEvent> Listen(CancellationToken cancellationToken = default)
    {
        lock (Gate)
        {
            ThrowIfClosed();
            return new ListenReader(this, _ring ??= NewRing(), _events, cancellationToken);
        }
    }

    /// <summary>The bench now, then again whenever it changed.</summary>
    /// <remarks>A refresh that changes no field is no change. A reader gets the newest state each time; who is slow skips those in between. The stream can be enumerated once,
    /// and ends when the bench closes.</remarks>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public IAsyncEnumerable<StagingSnapshot> LiveEntries(CancellationToken cancellationToken = default)
    {
        ThrowIfClosed();
        return new LiveEntriesReader(this, cancellationToken);
    }

    /// <summary>A snapshot, then every insertion, update and removal after it, without a gap.</summary>
    /// <remarks>A refresh that changes no field is no update: of an entry that was only refreshed,
    /// <see cref="StagedPeer.StagingUpdated"/> may be newer in the next change about it. A reader who lags by more than <see cref="StagingOptions.ChangeBuffer"/> changes gets another snapshot in their
    /// place. The stream can be enumerated once, and ends when the bench closes.</remarks>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public IAsyncEnumerable<StagingChange> Changes(CancellationToken cancellationToken = default)
    {
        lock (Gate)
        {
            ThrowIfClosed();
            return new ChangesReader(this, _ring ??= NewRing(), cancellationToken);
        }
    }

    /// <summary>Begins a batch: until it is disposed, readers of the streams see the bench as it is now, and then all that changed at once.
    /// <see cref="Entries"/> and <see cref="Get"/> tell the truth meanwhile.</summary>
    /// <remarks>To be held for a moment: the changes that others make meanwhile are held back too. Batches can overlap; the last one that ends
    /// counts.</remarks>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public IDisposable Batch()
    {
        lock (Gate)
        {
            ThrowIfClosed();
            if (_batches++ == 0)
                _published = TakeSnapshot();
        }

        return new BatchEnd(this);
    }

    /// <summary>Ends all streams and frees what is held. Readers of <see cref="Listen"/> and <see cref="Changes"/> still get what
    /// they have not read; but there is no bench any more, so nobody gets a snapshot of it. Closing again does nothing.</summary>
    public void Close()
    {
        StagingReader? waiting;
        lock (Gate)
        {
            if (_isClosed)
                return;
            _isClosed = true;
            _published = null;
            Publish_NeedsLock();
            _bench = new Bench(_options);
            _ring = null; // its readers hold it until they have come to its end
            waiting = _waiting.TakeAll();
        }

        StagingMetrics.Remove(this);
        _timers.Dispose();
        StagingReader.Wake(waiting);
    }

    /// <summary>Closes it, see <see cref="Close"/>.</summary>
    public void Dispose() => Close();

    /// <summary>What is known of a peer, and what is told of it now.</summary>
    /// <exception cref="ArgumentException">It would be too much, or the key contradicts the address.</exception>
    internal PeerData Merge(in BenchKey key, PeerData known, PeerData given)
    {
        if (ReferenceEquals(known, given))
            return known;
        // What was proved once stays proved.
        if (known.Verified == true && given.Verified != true)
            given = given.Without("verified");
        PeerData merged = known.Merge(given.WithoutBenchFields());
        CheckData(key, given.Key, merged, known);
        return merged;
    }

    internal void CountReader(int by) => Interlocked.Add(ref _subscribers, by);

    /// <summary>What readers may see. Under the lock.</summary>
    internal StagingSnapshot TakePublished() => _published ?? TakeSnapshot();

    private StagingSnapshot TakeSnapshot() => _bench.Snapshot(_sequence);

    internal StagingSnapshot SnapshotOrEmpty()
    {
        lock (Gate)
            return TakeSnapshot();
    }

    /// <summary>Unstages those who are due, a batch of them.</summary>
    /// <returns>In how many milliseconds the next of this queue is due (0 or less: now); null when there is none.</returns>
    internal long? Sweep(byte age)
    {
        (_, long now) = _clock.Read();
        int expired;
        long dueIn;
        bool isEmpty;
        StagingReader? waiting;
        lock (Gate)
        {
            if (_isClosed)
                return null;
            expired = Expire_NeedsLock(now, SweepBatch);
            isEmpty = !_bench.TryPeekAge(_bench.Ages[age], now, out _, out dueIn);
            if (isEmpty)
                _timers.Release_NeedsLock(age);
            waiting = expired > 0 ? TakeWaiting_NeedsLock() : null;
        }

        StagingReader.Wake(waiting);
        StagingMetrics.CountUnstaged(UnstageReason.Expired, expired);
        return isEmpty ? null : dueIn;
    }

    internal bool SetPin(in BenchKey key, bool isPinned)
    {
        (_, long now) = _clock.Read();
        byte age = 0;
        bool startsTimer, hasChanged;
        lock (Gate)
        {
            ThrowIfClosed();
            if (!_bench.TryFind(key, out int slot))
                return IsNotThere(key);
            hasChanged = isPinned ? _bench.Pin(slot) : _bench.Unpin(slot, now, out age);
            startsTimer = _timers.Take_NeedsLock(age);
        }

        if (startsTimer)
            _timers.Start(age);
        return hasChanged;
    }

    // Who may come when it is crowded.
    private RefusalReason? MakeRoom_NeedsLock(SourceShare? share, long now, ref int expired, ref int evicted)
    {
        bool isSourceFull = share?.Count >= _options.SourceCapacity;
        bool isGroupFull = share?.Group?.Count >= _options.GroupCapacity;
        bool isBenchFull = _bench.Count >= _options.Capacity;
        if (!isSourceFull && !isGroupFull && !isBenchFull)
            return null;

        expired = Expire_NeedsLock(now, int.MaxValue);
        if (share?.Count >= _options.SourceCapacity)
            return RefusalReason.SourceFull;
        if (share?.Group is { } group && group.Count >= _options.GroupCapacity)
        {
            if (!SourceShares.TryYieldInGroup(share, group, _options.GroupCapacity, out int member))
                return RefusalReason.GroupFull;
            Remove_NeedsLock(member, UnstageReason.Evicted);
            evicted++;
        }

        if (_bench.Count < _options.Capacity)
            return null;
        if (share is null)
            return RefusalReason.BenchFull;

        int taken = _bench.Count - _bench.Sources.Peers; // by the pinned, and by those without a source
        if (!_bench.Sources.TryYield(share, _options.Capacity - taken, out int slot))
            return RefusalReason.BenchFull;
        Remove_NeedsLock(slot, UnstageReason.Evicted);
        evicted++;
        return null;
    }

    private void Remove_NeedsLock(int slot, UnstageReason reason)
    {
        StagedPeer peer = _bench.Remove(slot);
        Record_NeedsLock(peer, null, reason);
        Left?.Invoke(peer, reason);
    }

    private void Record_NeedsLock(StagedPeer peer, StagedPeer? previous, UnstageReason? reason)
    {
        _sequence++;
        if (_ring is { } ring)
        {
            ref Change change = ref ring.Append();
            change.Peer = peer;
            change.Previous = previous;
            change.EventsBefore = _events;
            change.Reason = reason.GetValueOrDefault();
            change.IsRemoval = reason.HasValue;
        }

        if (previous is null)
            _events++;
        if (_batches == 0)
            Publish_NeedsLock();
    }

    private void Publish_NeedsLock()
    {
        _ring?.Publish();
        Volatile.Write(ref _publishedSequence, _sequence);
    }

    private StagingReader? TakeWaiting_NeedsLock() => _batches == 0 ? _waiting.TakeAll() : null;

    private void EndBatch()
    {
        StagingReader? waiting;
        lock (Gate)
        {
            if (--_batches > 0 || _isClosed)
                return;
            _published = null;
            Publish_NeedsLock();
            waiting = _waiting.TakeAll();
        }

        StagingReader.Wake(waiting);
    }

    private int Expire_NeedsLock(long now, int atMost)
    {
        int expired = 0;
        foreach (AgeQueue queue in _bench.Ages.All)
        {
            for (; expired < atMost && _bench.TryPeekAge(queue, now, out int slot, out long dueIn) && dueIn <= 0; expired++)
                Remove_NeedsLock(slot, UnstageReason.Expired);
        }

        return expired;
    }

    private ChangeRing NewRing() => new(_options.ChangeBuffer, _publishedSequence);

    // What is on the bench is short enough, and needs no check.
    /// <returns>false.</returns>
    private bool IsNotThere(in BenchKey key)
    {
        key.Checked(_options.MaxAddressLength); // it could never have been staged: who calls is told
        return false;
    }

    private void CheckData(in BenchKey key, string? givenKey, PeerData data, PeerData known)
    {
        if (ReferenceEquals(data, known))
            return;
        if (data.IsLongerThan(_options.MaxDataLength))
            throw new ArgumentException($"The data have {data.Length:N0} bytes, where at most {_options.MaxDataLength:N0} are allowed.", nameof(data));
        if (givenKey is null || key.FeedId is not { } named)
            return;
        FeedId? given = FeedId.ReadLenient(givenKey);
        if (given == named)
            return;
        // What is no key is not repeated: whoever cut it out of an invite may have left the seed in it.
        string what = given is { } other ? $"'{other}'" : $"({givenKey.Length:N0} characters that are no feed id)";
        throw new ArgumentException($"The key {what} contradicts the address, which names '{named}'.", nameof(data));
    }

    /// <summary>A closed bench says so before it looks at anything else; one that is open is asked again under the lock.</summary>
    internal void CheckGiven([NotNull] object? address)
    {
        if (address is not null)
            return;
        ThrowIfClosed();
        throw new ArgumentNullException(nameof(address));
    }

    internal void ThrowIfClosed() => ObjectDisposedException.ThrowIf(_isClosed, this);

    private sealed class BatchEnd(ConnStaging staging) : IDisposable
    {
        private ConnStaging? _staging = staging;

        public void Dispose() => Interlocked.Exchange(ref _staging, null)?.EndBatch();
    }
}
