using System.Buffers;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Ssb.Conn;

/// <summary>The address book: peers worth remembering, in the file <c>conn.json</c> of an SSB folder.</summary>
/// <remarks>
/// <para>Thread-safe. Compatible with npm ssb-conn-db 1.0.5: a folder can move between the two in both directions, and fields that nobody
/// here knows are kept. Changes are written some time after they are made, see <see cref="ConnDbOptions.WriteDelay"/>; the file is whole at
/// every moment.</para>
/// <para>A write that fails loses nothing: the old file stays, <see cref="LastWriteError"/> tells, and it is tried again.</para>
/// <para>Once closed, its streams end and its other members throw <see cref="ObjectDisposedException"/>.</para>
/// </remarks>
public sealed class ConnDb : IAsyncDisposable
{
    private const string FileName = "conn.json";
    private const string LegacyFileName = "gossip.json";

    private readonly ConnDbOptions _options;
    private readonly string? _path;
    private readonly SafeFile _file;
    private readonly FolderLock? _lock;
    private readonly EventFeed<DbEvent> _events;
    private readonly StateFeed _states = new();
    private readonly ITimer? _timer;
    private readonly SemaphoreSlim _writing = new(1);

    private readonly Lock _gate = new();
    private readonly OrderedTable<DbPeer> _peers;
    private readonly Dictionary<MultiserverAddress, MultiserverAddress> _spelled = []; // of canonical addresses, those entries that are spelled in another way
    private Dictionary<FeedId, List<MultiserverAddress>>? _byKey; // built when it is first asked for
    private DbPeer[]? _entries; // until the next change
    private DbPeer[]? _published; // what readers see during a batch
    private int _batches;
    private bool _hasUntold; // did something change during the batch?
    private IReadOnlyCollection<PeerField> _others; // what stands in the file and is no peer; no list is ever changed
    private long _version; // counts changes
    private long _opened; // the version that was opened; what it has is in the folder, in some file or other
    private long _written; // the version that is in the file
    private long _changedAt; // of the last change, and of the first that is not written
    private long _dirtySince;
    private bool _isTimed;
    private bool _isUnwritten; // and the log has it
    private bool _isClosed;

    private ConnDb(ConnDbOptions options, string? path, FolderLock? folderLock, ConnFileContent content)
    {
        _options = options with { Logger = SteadyLogger.Of(options.Logger) };
        (_path, _lock, _peers, _others) = (path, folderLock, content.Peers, content.Others);
        _file = FileOf(options);
        foreach (DbPeer peer in _peers.All)
            Spell(peer.Address);
        _events = new EventFeed<DbEvent>(options.ChangeBuffer, missed => new DbEvent(DbEventType.Missed, null, missed));
        _timer = path is null ? null : options.TimeProvider.CreateTimer(static db => ((ConnDb)db!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>How many peers it has.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _peers.Count;
        }
    }

    /// <summary>Why the last write failed; null when it did not.</summary>
    public Exception? LastWriteError { get; private set; }

    /// <summary>Where the damaged file was kept, when the one that was opened was; else null.</summary>
    public string? DamagedFile { get; private init; }

    /// <summary>Counts changes. Read without a lock.</summary>
    internal long Version => Volatile.Read(ref _version);

    /// <summary>Opens the address book of a folder, which is made if it is not there.</summary>
    /// <remarks>Where there is no <c>conn.json</c>, the entries of an old <c>gossip.json</c> are taken over, which stays as it is. A damaged
    /// file is healed as far as it can be, and kept beside the healed one as <c>conn.json.damaged</c>.</remarks>
    /// <param name="folder">The SSB folder, such as <c>~/.ssb</c>.</param>
    /// <param name="options">How it is kept; the defaults if null.</param>
    /// <param name="cancellationToken">Ends it; nothing was changed then.</param>
    /// <exception cref="IOException">It cannot be read, or another process has it open.</exception>
    public static async Task<ConnDb> OpenAsync(string folder, ConnDbOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options = (options ?? new ConnDbOptions()).Checked();
        cancellationToken.ThrowIfCancellationRequested();
        folder = Path.GetFullPath(folder); // whatever becomes of the working directory
        OwnFiles.CreateFolder(folder);
        FolderLock? folderLock = await Task.Run(() => FolderLock.Take(folder), CancellationToken.None).ConfigureAwait(false); // it may wait
        try
        {
            string path = Path.Combine(folder, FileName);
            string legacy = Path.Combine(folder, LegacyFileName);
            ConnFileContent content;
            string? damaged = null;
            bool isNew = false;
            if (IsThere(path))
            {
                ReadOnlyMemory<byte> text = FileOf(options).Read(path);
                content = ConnFile.Read(text);
                if (content.IsDamaged)
                {
                    damaged = KeepDamaged(path, text, options.Logger);
                    options.Logger.LogWarning("'{Path}' was damaged; {Count} of its peers were read. It is kept as '{Damaged}'.", path, content.Peers.Count, damaged);
                }
            }
            else
            {
                content = new ConnFileContent(ReadLegacy(legacy, options), [], IsDamaged: false);
                isNew = true;
            }

            if (content.TooDeep > 0)
                options.Logger.LogWarning("{Count} entries of '{Path}' are nested deeper than {Depth} levels; they stay in the file, and are not used.", content.TooDeep, path, PeerData.MaxDepth);
            var db = new ConnDb(options, path, folderLock, content) { DamagedFile = damaged };
            if (isNew || damaged is not null)
            {
                db._opened = ++db._version;
                if (isNew && !options.IsMadeAtOnce) // nothing can be lost yet
                    db.WriteLater();
                else
                    await db.TryWriteAsync().ConfigureAwait(false);
            }

            return db;
        }
        catch
        {
            folderLock?.Dispose();
            throw;
        }
    }

    /// <summary>An address book that is in memory alone.</summary>
    public static ConnDb InMemory(ConnDbOptions? options = null) =>
        new((options ?? new ConnDbOptions()).Checked(), path: null, folderLock: null, new ConnFileContent(new OrderedTable<DbPeer>(), [], IsDamaged: false));

    /// <summary>Adds a peer, or merges what is given into what is known: fields given replace, fields not given stay. What changes no field is no
    /// change: readers are told nothing, and nothing is written.</summary>
    /// <returns>true if the peer was added, false if it was there.</returns>
    /// <exception cref="ArgumentException">The data exceed <see cref="ConnDbOptions.MaxDataLength"/>.</exception>
    /// <exception cref="InvalidOperationException">It is full.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public bool Set(MultiserverAddress address, PeerData? data = null) => Change(address, data ?? PeerData.Empty, static (known, given) => known.Merge(given));

    /// <summary>Adds a peer, or replaces all that is known of it but its birth.</summary>
    /// <inheritdoc cref="Set(MultiserverAddress, PeerData?)" path="/returns|/exception"/>
    public bool Replace(MultiserverAddress address, PeerData data)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(data);
        return Change(address, data, static (_, given) => given);
    }

    /// <summary>Merges what is given into what is known of a peer; a peer that is not there is not added.</summary>
    /// <returns>true if the peer is there.</returns>
    /// <exception cref="ArgumentException">The data exceed <see cref="ConnDbOptions.MaxDataLength"/>.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public bool Update(MultiserverAddress address, PeerData data)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(data);
        return Update(address, known => known.Merge(data));
    }

    /// <summary>Replaces what is known of a peer by what the function makes of it. It is called again if the peer changed meanwhile.</summary>
    /// <inheritdoc cref="Update(MultiserverAddress, PeerData)" path="/returns|/exception"/>
    public bool Update(MultiserverAddress address, Func<PeerData, PeerData> change)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(change);
        while (true)
        {
            if (Find(address) is not { } known)
                return false;
            PeerData next = WithBirth(change(known.Data), known.Data); // foreign code, and so not under the lock
            bool hasNews = !next.HasFieldsOf(known.Data);
            CheckLength(next);
            lock (_gate)
            {
                ThrowIfClosed();
                if (Find_NeedsLock(address) is not { } now)
                    return false;
                if (!ReferenceEquals(now, known))
                    continue;
                if (hasNews)
                    Put_NeedsLock(new DbPeer(known.Address, next), known);
                return true;
            }
        }
    }

    /// <summary>What is known of a peer; null if it is not there.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public PeerData? Get(MultiserverAddress address) => Find(address)?.Data;

    /// <summary>Is a peer there?</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public bool Has(MultiserverAddress address) => Find(address) is not null;

    /// <summary>The address of a peer, the first of several. The first call builds the index that answers it.</summary>
    /// <returns>null if the peer is not there.</returns>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public MultiserverAddress? GetAddress(FeedId feedId)
    {
        IReadOnlyList<MultiserverAddress> all = GetAddresses(feedId);
        return all.Count == 0 ? null : all[0];
    }

    /// <summary>All addresses of a peer, in the order in which they came.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public IReadOnlyList<MultiserverAddress> GetAddresses(FeedId feedId)
    {
        lock (_gate)
        {
            ThrowIfClosed();
            if (_byKey is null)
            {
                _byKey = [];
                foreach (DbPeer peer in _peers.All)
                    Index_NeedsLock(peer);
            }

            return _byKey.TryGetValue(feedId, out List<MultiserverAddress>? addresses) ? [.. addresses] : [];
        }
    }

    /// <summary>Removes a peer.</summary>
    /// <returns>true if it was there.</returns>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public bool Delete(MultiserverAddress address)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        lock (_gate)
        {
            ThrowIfClosed();
            if (Find_NeedsLock(address) is not { } peer || !_peers.Remove(peer.Address, out _))
                return false;
            if (_spelled.TryGetValue(peer.Address.Canonical, out MultiserverAddress? spelled) && spelled == peer.Address)
                _spelled.Remove(peer.Address.Canonical);
            Unindex_NeedsLock(peer);
            Changed_NeedsLock(DbEventType.Delete, peer);
            return true;
        }
    }

    /// <summary>All peers, in the order in which they came. Immutable, and shared until the next change.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public IReadOnlyList<DbPeer> Entries() => Array.AsReadOnly(Snapshot());

    /// <summary>Every change from this call on, in order. A reader that lags by more than <see cref="ConnDbOptions.ChangeBuffer"/> is told how
    /// many it missed. The stream can be enumerated once, and ends when the address book closes.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public IAsyncEnumerable<DbEvent> Listen(CancellationToken cancellationToken = default)
    {
        ThrowIfClosed();
        return _events.Read(cancellationToken);
    }

    /// <summary>All peers now, then again whenever something changed; who is slow skips to the newest.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public IAsyncEnumerable<IReadOnlyList<DbPeer>> LiveEntries(CancellationToken cancellationToken = default)
    {
        ThrowIfClosed();
        return _states.Read<IReadOnlyList<DbPeer>>(_gate, () => Array.AsReadOnly(_published ?? Snapshot_NeedsLock()), cancellationToken);
    }

    /// <summary>Writes now what is not written yet.</summary>
    /// <exception cref="IOException">It could not be written, and the message names the file; nothing is lost, and it is tried again
    /// later.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public async Task FlushAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfClosed();
        await WriteAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Writes what is not written yet, and closes. Closing again does nothing.</summary>
    /// <exception cref="IOException">The last changes could not be written, and the message names the file. It is closed all the
    /// same.</exception>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_isClosed)
                return;
            _isClosed = true;
        }

        _events.End();
        _states.End();
        if (_timer is not null)
            await _timer.DisposeAsync().ConfigureAwait(false);
        try
        {
            await WriteAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (IOException) when (Version == _opened)
        {
            // Nobody changed anything: in a folder that cannot be written nothing is lost.
        }
        finally
        {
            _lock?.Dispose();
        }
    }

    /// <summary>Until the end of the batch, readers see what was; then all that changed at once.</summary>
    internal void BeginBatch()
    {
        lock (_gate)
        {
            if (_batches++ == 0)
                _published = Snapshot_NeedsLock();
        }
    }

    internal void EndBatch()
    {
        lock (_gate)
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

    // A link to a file that is not there yet is no file; that one is made. Nor is a folder, which the first write tells of.
    private static bool IsThere(string path) => OwnFiles.KindOf(path) is not (PathKind.Nothing or PathKind.Folder);

    private static SafeFile FileOf(ConnDbOptions options) => new(options.Files);

    private static OrderedTable<DbPeer> ReadLegacy(string path, ConnDbOptions options)
    {
        ILogger logger = options.Logger;
        PathKind kind = OwnFiles.KindOf(path);
        if (kind != PathKind.File)
        {
            if (kind != PathKind.Nothing)
                logger.LogWarning("'{Path}' is {Kind}, where a file is expected; nothing was taken over from it, and it stays as it is.", path, OwnFiles.Name(kind));
            return new OrderedTable<DbPeer>();
        }

        try
        {
            OrderedTable<DbPeer> peers = ConnFile.ReadGossip(SafeFile.ReadForeign(path));
            logger.LogInformation("Took over {Count} peers from '{Path}', which stays as it is.", peers.Count, path);
            return peers;
        }
        catch (JsonException e)
        {
            logger.LogWarning(e, "'{Path}' is not JSON; nothing was taken over from it, and it stays as it is.", path);
            return new OrderedTable<DbPeer>();
        }
    }

    private static string? KeepDamaged(string path, ReadOnlyMemory<byte> text, ILogger logger)
    {
        try
        {
            return SafeFile.KeepDamaged(path, text);
        }
        catch (IOException e)
        {
            logger.LogWarning(e, "The damaged '{Path}' could not be kept.", path);
            return null;
        }
    }

    internal DbPeer? Find(MultiserverAddress address)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        lock (_gate)
        {
            ThrowIfClosed();
            return Find_NeedsLock(address);
        }
    }

    // A peer has one entry for a place, however the address spells its key.
    private DbPeer? Find_NeedsLock(MultiserverAddress address)
    {
        if (_peers.TryGet(address, out DbPeer? peer) || _peers.Count == 0)
            return peer;
        MultiserverAddress canonical = address.Canonical;
        if (!ReferenceEquals(canonical, address) && _peers.TryGet(canonical, out peer))
            return peer;
        return _spelled.Count > 0 && _spelled.TryGetValue(canonical, out MultiserverAddress? spelled) && _peers.TryGet(spelled, out peer) ? peer : null;
    }

    private void Spell(MultiserverAddress address)
    {
        MultiserverAddress canonical = address.Canonical;
        if (canonical != address)
            _spelled.TryAdd(canonical, address);
    }

    private bool Change(MultiserverAddress address, PeerData given, Func<PeerData, PeerData, PeerData> merge)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        lock (_gate)
        {
            ThrowIfClosed();
            DbPeer? known = Find_NeedsLock(address);
            if (known is null && _peers.Count >= _options.Capacity)
                throw new InvalidOperationException($"The address book is full: it has {_peers.Count:N0} peers, the most that it keeps.");
            PeerData next = WithBirth(merge(known?.Data ?? PeerData.Empty, given), known?.Data);
            CheckLength(next);
            if (known is null || !next.HasFieldsOf(known.Data))
                Put_NeedsLock(new DbPeer(known?.Address ?? address, next), known);
            return known is null;
        }
    }

    // As there, a birth that is given counts; else the peer keeps its own, or is born now. It stands first.
    private PeerData WithBirth(PeerData next, PeerData? known)
    {
        if (next.BirthMs is not null && next.Raw[0].Name == "birth")
            return next;
        double birth = next.BirthMs ?? known?.BirthMs ?? _options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();
        return PeerData.Empty.With(PeerField.Of("birth", birth)).Merge(next.Without("birth"));
    }

    private void CheckLength(PeerData data)
    {
        if (data.Length > _options.MaxDataLength)
            throw new ArgumentException($"The data have {data.Length:N0} bytes, where at most {_options.MaxDataLength:N0} are allowed.", nameof(data));
    }

    private void Put_NeedsLock(DbPeer peer, DbPeer? known)
    {
        _peers.Set(peer.Address, peer);
        if (known is null)
            Spell(peer.Address);
        if (known is null && _others.Count > 0)
            _others = [.. _others.Where(o => o.Name != peer.Address.Text)]; // else the file would have the name twice
        if (known is null || known.FeedId != peer.FeedId)
        {
            if (known is not null)
                Unindex_NeedsLock(known);
            Index_NeedsLock(peer);
        }

        Changed_NeedsLock(known is null ? DbEventType.Insert : DbEventType.Update, peer);
    }

    private void Changed_NeedsLock(DbEventType type, DbPeer peer)
    {
        _entries = null;
        Volatile.Write(ref _version, _version + 1);
        _events.Append(new DbEvent(type, peer), publish: _batches == 0);
        if (_batches == 0)
            _states.Changed();
        else
            _hasUntold = true;
        if (_timer is not null)
            WriteLater_NeedsLock(_timer);
    }

    private void WriteLater()
    {
        lock (_gate)
            WriteLater_NeedsLock(_timer!); // who is opened in a folder has one
    }

    private void WriteLater_NeedsLock(ITimer timer)
    {
        _changedAt = _options.TimeProvider.GetTimestamp();
        if (_isTimed)
            return;
        _isTimed = true;
        _dirtySince = _changedAt;
        timer.Change(_options.WriteDelay, Timeout.InfiniteTimeSpan);
    }

    private void OnTimer()
    {
        lock (_gate)
        {
            if (_isClosed)
                return;
            TimeSpan sinceChange = _options.TimeProvider.GetElapsedTime(_changedAt);
            TimeSpan waits = _options.WriteDelay - sinceChange;
            TimeSpan left = _options.LongestDelay - _options.TimeProvider.GetElapsedTime(_dirtySince);
            if (waits > TimeSpan.Zero && left > TimeSpan.Zero)
            {
                _timer!.Change(waits < left ? waits : left, Timeout.InfiniteTimeSpan); // who is called by it has it
                return;
            }

            _isTimed = false;
        }

        _ = TryWriteAsync(); // its failure is told by LastWriteError and the log, and it is tried again
    }

    private async Task TryWriteAsync()
    {
        try
        {
            await WriteAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            TimeSpan delay = _options.WriteDelay; // of a change that came meanwhile
            bool isKnown;
            lock (_gate)
            {
                if (_isClosed)
                    return;
                (isKnown, _isUnwritten) = (_isUnwritten, true);
                if (!_isTimed)
                {
                    delay = _options.LongestDelay;
                    _isTimed = true;
                    _changedAt = _dirtySince = _options.TimeProvider.GetTimestamp();
                    _timer!.Change(delay, Timeout.InfiniteTimeSpan); // who writes has a file, and so a timer
                }
            }

            if (!isKnown) // one line for all of the time
                _options.Logger.LogError(e, "The address book could not be written to '{Path}'; it is tried again in {Delay}.", _path, delay);
        }
    }

    // One at a time, each with the newest state.
    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        if (_path is null)
            return;
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            IReadOnlyCollection<DbPeer> peers;
            IReadOnlyCollection<PeerField> others;
            long version;
            lock (_gate)
            {
                if (_written == _version)
                    return;
                (peers, others, version) = (Snapshot_NeedsLock(), _others, _version);
            }

            await Task.Run(() => _file.Write(_path, to => ConnFile.Write(to, peers, others)), CancellationToken.None).ConfigureAwait(false);
            LastWriteError = null;
            bool wasUnwritten;
            lock (_gate)
                (_written, wasUnwritten, _isUnwritten) = (version, _isUnwritten, false);
            if (wasUnwritten)
                _options.Logger.LogInformation("'{Path}' could be written again.", _path);
        }
        catch (Exception e)
        {
            LastWriteError = e;
            throw;
        }
        finally
        {
            _writing.Release();
        }
    }

    internal DbPeer[] Snapshot()
    {
        lock (_gate)
        {
            ThrowIfClosed();
            return Snapshot_NeedsLock();
        }
    }

    /// <summary>All peers, and in <paramref name="found"/> those of some addresses, of the same moment.</summary>
    internal DbPeer[] Look(IEnumerable<MultiserverAddress> addresses, HashSet<object> found)
    {
        lock (_gate)
        {
            ThrowIfClosed();
            foreach (MultiserverAddress address in addresses)
            {
                if (_peers.TryGet(address, out DbPeer? peer))
                    found.Add(peer);
            }

            return Snapshot_NeedsLock();
        }
    }

    /// <summary>Adds the peers of the bench that are here, too.</summary>
    internal void AddTwins(StagingSnapshot bench, HashSet<object> twins)
    {
        lock (_gate)
        {
            foreach (StagedPeer peer in bench)
            {
                if (_peers.TryGet(peer.Address, out _))
                    twins.Add(peer);
            }
        }
    }

    private DbPeer[] Snapshot_NeedsLock() => _entries ??= _peers.ToArray();

    private void Index_NeedsLock(DbPeer peer)
    {
        if (_byKey is null || peer.FeedId is not { } key)
            return;
        if (!_byKey.TryGetValue(key, out List<MultiserverAddress>? addresses))
            _byKey.Add(key, addresses = []);
        int place = addresses.Count;
        while (place > 0 && _peers.IsBefore(peer.Address, addresses[place - 1])) // it changed its key
            place--;
        addresses.Insert(place, peer.Address);
    }

    private void Unindex_NeedsLock(DbPeer peer)
    {
        if (_byKey is null || peer.FeedId is not { } key || !_byKey.TryGetValue(key, out List<MultiserverAddress>? addresses))
            return;
        addresses.Remove(peer.Address);
        if (addresses.Count == 0)
            _byKey.Remove(key);
    }

    internal void ThrowIfClosed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _isClosed), this);
}
