namespace Ssb.Conn;

/// <summary>How many connections may be opened in any minute without a person having asked: one budget for routes, resolved addresses,
/// rooms that tunnels need, and retries.</summary>
/// <remarks>Thread-safe. It holds one number for each opening of the last minute, and so no more than <paramref
/// name="perMinute"/>.</remarks>
/// <param name="perMinute">The most in any minute; <see cref="int.MaxValue"/> for no bound.</param>
/// <param name="timeProvider">The clock.</param>
internal sealed class DialBudget(int perMinute, TimeProvider timeProvider)
{
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Queue<long> _openings = new(); // of the last minute, as timestamps; under _gate
    private long _refused, _refusedAddresses, _refusedRooms, _droppedPaths;

    /// <summary>What was refused so far.</summary>
    public DialCounters Counters => new(Interlocked.Read(ref _refused), Interlocked.Read(ref _refusedAddresses), Interlocked.Read(ref _refusedRooms))
    {
        DroppedPaths = Interlocked.Read(ref _droppedPaths),
    };

    /// <summary>Was as much opened in the last minute as may be?</summary>
    public bool IsExhausted
    {
        get
        {
            lock (_gate)
                return IsExhausted_NeedsLock();
        }
    }

    /// <summary>Takes one opening.</summary>
    /// <returns>false if there is none left in this minute.</returns>
    public bool TryTake()
    {
        lock (_gate)
        {
            if (IsExhausted_NeedsLock())
            {
                CountOpening();
                return false;
            }

            if (perMinute < int.MaxValue)
                _openings.Enqueue(timeProvider.GetTimestamp());
            return true;
        }
    }

    /// <summary>An opening was refused, by this or by another bound.</summary>
    public void CountOpening() => Interlocked.Increment(ref _refused);

    /// <summary>An address may not be reached.</summary>
    public void CountAddress() => Interlocked.Increment(ref _refusedAddresses);

    /// <summary>The path of a stranger's address was not asked for.</summary>
    public void CountPath() => Interlocked.Increment(ref _droppedPaths);

    /// <summary>A room may not be dialled for a tunnel.</summary>
    public void CountRoom() => Interlocked.Increment(ref _refusedRooms);

    private bool IsExhausted_NeedsLock()
    {
        while (_openings.TryPeek(out long at) && timeProvider.GetElapsedTime(at) >= s_minute)
            _openings.Dequeue();
        return _openings.Count >= perMinute;
    }
}
