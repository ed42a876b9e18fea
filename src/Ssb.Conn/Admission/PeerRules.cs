using Microsoft.Extensions.Logging;

namespace Ssb.Conn;

/// <summary>What people decided about peers, kept in the file <c>conn-rules.json</c>.</summary>
/// <remarks>
/// <para>Thread-safe. Bounded: beyond <see cref="Capacity"/> a decision is refused; a file that has more is read whole. A rule that has
/// ended counts no more. It stays in the file for another 30 days, or until there are too many, so that a clock that was ahead for a while
/// has ended nothing for good.</para>
/// <para>A rule lasts until the time of day that it names. One that was made later than now was made by a clock that was ahead: it lasts as
/// long as it was meant to, from when it was made or read.</para>
/// <para>A rule that cannot be written holds all the same. Its file is tried again every <see cref="RetryDelay"/>, with the next
/// decision, and
/// at the end.</para>
/// <para>It fails closed: a damaged file is healed rule by rule, a rule of an unknown kind blocks whom it names, of several rules about
/// one peer a block counts before a
/// dismissal, and where the file cannot be read nothing opens.</para>
/// </remarks>
internal sealed class PeerRules : IDisposable
{
    public const int Capacity = 100_000;

    /// <summary>How long after a failed write it is tried again.</summary>
    public static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(10);

    private const string FileName = "conn-rules.json";

    private static readonly TimeSpan s_keptAfterEnd = TimeSpan.FromDays(30);
    private static readonly TimeSpan s_isAhead = TimeSpan.FromSeconds(10); // less is a clock that was corrected

    private readonly TimeProvider _time;
    private readonly string? _path;
    private readonly SafeFile _safe;
    private readonly ILogger _logger;
    private readonly ITimer? _retry; // of a file
    private readonly Lock _writing = new();
    private bool _isUnwritten, _isClosed; // changed under _writing
    private readonly Lock _gate = new();
    private readonly LinkedList<RuleItem> _items = [];
    private readonly Dictionary<PeerTarget, Entry> _byTarget = []; // the first of those about it
    private RulesContent _file = RulesContent.Empty; // the fields around the rules
    private ReadOnlyMemory<byte>? _damaged; // what is to be kept before the file is written over

    private PeerRules(TimeProvider time, string? path, ILogger logger, FileCalls files)
    {
        (_time, _path, _logger, _safe) = (time, path, logger, new SafeFile(files));
        _retry = path is null ? null : time.CreateTimer(
            static rules => ((PeerRules)rules!).OnRetry(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <param name="Rule">The rule.</param>
    /// <param name="Item">Where it stands in the file.</param>
    /// <param name="Next">Another one about the same target.</param>
    /// <param name="At">When it was made or read, as a timestamp of the clock.</param>
    private sealed record Entry(PeerRule Rule, LinkedListNode<RuleItem> Item, Entry? Next, long At);

    /// <summary>Where the damaged file was kept; null if it was not damaged.</summary>
    public string? DamagedFile { get; private set; }

    /// <summary>Why what was decided is not in the file yet; null if it is.</summary>
    public Exception? LastWriteError { get; private set; }

    /// <param name="folder">Where the file is; null: nothing is kept.</param>
    /// <param name="time">Where time comes from.</param>
    /// <param name="logger">Told when the file is damaged, which then is kept beside, of rules that are not understood, and when the
    /// file cannot
    /// be written.</param>
    /// <param name="files">How files are replaced; as the system does it if null.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static PeerRules Open(string? folder, TimeProvider time, ILogger logger, FileCalls? files = null)
    {
        var rules = new PeerRules(time, folder is null ? null : Path.Combine(folder, FileName), logger, files ?? FileCalls.System);
        if (rules._path is not { } path)
            return rules;
        try
        {
            if (OwnFiles.IsFile(path))
                rules.Read(rules._safe.Read(path), logger);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            rules.Dispose(); // nothing was decided that it would write
            throw new IOException($"Who is dismissed or blocked cannot be read: {e.Message} Nothing is started without it. Make '{path}' a file that this user may read, or move "
                + "it away to start with nobody dismissed or blocked.", e);
        }

        return rules;
    }

    /// <summary>How many targets they are about, those whose rules have ended included.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _byTarget.Count;
        }
    }

    /// <summary>The rules in force, one about each target, in the order of the file.</summary>
    public IReadOnlyList<PeerRule> All
    {
        get
        {
            DateTimeOffset now = _time.GetUtcNow();
            lock (_gate)
                return [.. _items.SelectMany(item => item.Rules).Where(rule => ReferenceEquals(Find_NeedsLock(rule.Target, now), rule))];
        }
    }

    /// <summary>The rule about a peer that is in force; a block before a dismissal.</summary>
    public PeerRule? Find(MultiserverAddress? address, FeedId? feedId)
    {
        lock (_gate)
        {
            if (_byTarget.Count == 0)
                return null;
            DateTimeOffset now = _time.GetUtcNow();
            PeerRule? byKey = feedId is { } peer ? Find_NeedsLock(PeerTarget.From(peer), now) : null;
            PeerRule? byAddress = address is null ? null : Find_NeedsLock(PeerTarget.From(address), now);
            return byAddress is { Kind: PeerRuleKind.Block } ? byAddress : byKey ?? byAddress;
        }
    }

    /// <summary>The rule about exactly this target that is in force.</summary>
    public PeerRule? Find(PeerTarget target) => Find(target.Address, target.FeedId);

    /// <summary>Sets a rule in the place of any that there is about the target.</summary>
    /// <exception cref="InvalidOperationException">There are too many.</exception>
    /// <exception cref="IOException">It could not be written yet. It is in force, and the file is tried again.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public void Set(PeerRule rule)
    {
        ThrowIfClosed();
        lock (_gate)
        {
            if (_byTarget.Count >= Capacity && !_byTarget.ContainsKey(rule.Target))
            {
                DropEnded_NeedsLock(TimeSpan.Zero);
                if (_byTarget.Count >= Capacity)
                    throw new InvalidOperationException($"There are {_byTarget.Count:N0} dismissals and blocks, the most that are kept.");
            }

            // Before the old ones go: it takes the place of the first, and keeps what is not understood of it.
            LinkedListNode<RuleItem>? former = _byTarget.TryGetValue(rule.Target, out Entry? entry) ? entry.Item : null;
            RuleItem item = RulesFile.ItemOf(rule, former?.Value);
            LinkedListNode<RuleItem> node = former is null ? _items.AddLast(item) : _items.AddBefore(former, item);
            RemoveAll_NeedsLock(rule.Target);
            Index_NeedsLock(node);
        }

        WriteDecision();
    }

    /// <returns>false if there was none in force.</returns>
    /// <exception cref="IOException">It could not be written yet. It holds, and the file is tried again.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public bool Remove(PeerTarget target)
    {
        ThrowIfClosed();
        DateTimeOffset now = _time.GetUtcNow();
        bool wasInForce;
        lock (_gate)
        {
            if (!_byTarget.ContainsKey(target))
                return false;
            wasInForce = Find_NeedsLock(target, now) is not null;
            RemoveAll_NeedsLock(target);
        }

        WriteDecision();
        return wasInForce;
    }

    /// <summary>Writes what is not written yet, and closes: nothing is tried again, and nothing more is decided. What is in force can still be
    /// asked for. Closing again does nothing.</summary>
    /// <exception cref="IOException">It could not be written, and the message names the file.</exception>
    public void Dispose()
    {
        _retry?.Dispose();
        lock (_writing)
        {
            if (_isClosed)
                return;
            _isClosed = true;
            if (_isUnwritten)
                Write_NeedsLock();
        }
    }

    private void ThrowIfClosed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _isClosed), this);

    private bool IsInForce(Entry entry, DateTimeOffset now) => entry.Rule is not { Until: { } end, Since: var since }
        || (now < end && (since - now <= s_isAhead || _time.GetElapsedTime(entry.At) < end - since));

    // The strictest that is in force.
    private PeerRule? Find_NeedsLock(PeerTarget target, DateTimeOffset now)
    {
        PeerRule? found = null;
        for (Entry? entry = _byTarget.GetValueOrDefault(target); entry is not null; entry = entry.Next)
        {
            if (IsInForce(entry, now) && (found is null || (found.Kind != PeerRuleKind.Block && entry.Rule.Kind == PeerRuleKind.Block)))
                found = entry.Rule;
        }

        return found;
    }

    private void Index_NeedsLock(LinkedListNode<RuleItem> node)
    {
        foreach (PeerRule rule in node.Value.Rules)
            _byTarget[rule.Target] = new Entry(rule, node, _byTarget.GetValueOrDefault(rule.Target), _time.GetTimestamp());
    }

    // An element about others, too, cannot stay as it is: each of those gets an element of its own in its place.
    private void RemoveAll_NeedsLock(PeerTarget target)
    {
        _byTarget.Remove(target, out Entry? first);
        for (Entry? entry = first; entry is not null; entry = entry.Next)
        {
            LinkedListNode<RuleItem> node = entry.Item;
            if (node.List is null)
                continue;
            foreach (PeerRule other in node.Value.Rules.Where(r => r.Target != target))
            {
                Unindex_NeedsLock(other.Target, node);
                Index_NeedsLock(_items.AddBefore(node, RulesFile.ItemOf(other)));
            }

            _items.Remove(node);
        }
    }

    private void Unindex_NeedsLock(PeerTarget target, LinkedListNode<RuleItem> node)
    {
        Entry? kept = null;
        for (Entry? entry = _byTarget.GetValueOrDefault(target); entry is not null; entry = entry.Next)
        {
            if (entry.Item != node)
                kept = new Entry(entry.Rule, entry.Item, kept, entry.At);
        }

        if (kept is null)
            _byTarget.Remove(target);
        else
            _byTarget[target] = kept;
    }

    private void DropEnded_NeedsLock(TimeSpan kept)
    {
        DateTimeOffset now = _time.GetUtcNow();
        for (LinkedListNode<RuleItem>? node = _items.First, next; node is not null; node = next)
        {
            next = node.Next;
            if (!node.Value.IsUnderstood || node.Value.Rules.Any(r => r.Until is not { } end || now - end < kept))
                continue;
            foreach (PeerRule rule in node.Value.Rules)
                Unindex_NeedsLock(rule.Target, node);
            _items.Remove(node);
        }
    }

    private void Read(ReadOnlyMemory<byte> text, ILogger logger)
    {
        _file = RulesFile.Read(text, _time.GetUtcNow());
        foreach (RuleItem item in _file.Items)
            Index_NeedsLock(_items.AddLast(item)); // nobody else knows of this object yet
        RuleItem[] strange = [.. _file.Items.Where(item => !item.IsUnderstood)];
        if (strange.Length > 0)
        {
            logger.LogWarning("'{Path}' has {Count} rules that are not understood; they stay there, and {Blocked} peers whom they name are blocked, such as: {Example}.", _path,
                strange.Length, strange.Sum(item => item.Rules.Count), strange.SelectMany(item => item.Rules).FirstOrDefault()?.ToString() ?? "nobody");
        }

        if (!_file.IsDamaged)
            return;
        _damaged = text;
        try
        {
            lock (_writing)
                Write_NeedsLock();
            logger.LogWarning("'{Path}' was damaged; the {Count} rules that could be read hold. The damaged file is kept as '{Damaged}'.", _path, _byTarget.Count, DamagedFile);
        }
        catch (IOException e)
        {
            logger.LogWarning(e, "'{Path}' is damaged; the {Count} rules that could be read hold. It could not be healed, and stays as it is.", _path, _byTarget.Count);
        }
    }

    private void WriteDecision()
    {
        lock (_writing)
        {
            try
            {
                Write_NeedsLock();
            }
            catch (Exception e)
            {
                if (!_isUnwritten) // one line for all of the time
                {
                    _logger.LogError(
                        e,
                        "What was decided about a peer could not be written to '{Path}'. It holds, and the file is tried again every {Delay}.",
                        _path,
                        RetryDelay);
                }

                (_isUnwritten, LastWriteError) = (true, e);
                if (!_isClosed)
                    _retry?.Change(RetryDelay, Timeout.InfiniteTimeSpan);
                throw new IOException(
                    $"{e.Message} What was decided holds, and the file is tried again every {RetryDelay.TotalSeconds:0} s.", e);
            }
        }
    }

    private void OnRetry()
    {
        lock (_writing)
        {
            if (_isClosed || !_isUnwritten)
                return;
            try
            {
                Write_NeedsLock();
                _logger.LogInformation("'{Path}' could be written again.", _path);
            }
            catch (Exception e)
            {
                // Also when memory is short: the timer's thread, and the process with it, must not die of it.
                LastWriteError = e;
                _retry?.Change(RetryDelay, Timeout.InfiniteTimeSpan);
            }
        }
    }

    // One at a time, each with the newest state.
    private void Write_NeedsLock()
    {
        if (_path is null)
            return;
        RulesContent content;
        lock (_gate)
        {
            DropEnded_NeedsLock(s_keptAfterEnd);
            content = _file with { Items = [.. _items] };
        }

        if (_damaged is { } text)
        {
            DamagedFile = SafeFile.KeepDamaged(_path, text);
            _damaged = null;
        }

        _safe.Write(_path, to => RulesFile.Write(to, content));
        (_isUnwritten, LastWriteError) = (false, null);
    }
}
