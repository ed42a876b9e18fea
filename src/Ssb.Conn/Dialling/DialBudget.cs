namespace Ssb.Conn;

/// <summary>How many connections may be opened in any minute without a person having asked: one budget for routes, resolved addresses, rooms that tunnels need, and
/// retries.</summary>
/// <remarks>Thread-safe. It holds one number for each opening of the last minute, and so no more than <paramref name="perMinute"/>.</remarks>
/// <param name="perMinute">The most in any minute; <see cref="int.MaxValue"/> for no bound.</param>
/// <param name="timeProvider">The clock.</param>
internal sealed class DialBudget(int perMinute, TimeProvider timeProvider)
{
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Queue<long> _openings = new(); // of the last minute, as timestamps; under _gate
    private long _refused;

    /// <summary>How many openings were refused so far.</summary>
    public long Refused => Interlocked.Read(ref _refused);

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
                _refused++;
                return false;
            }

            if (perMinute < int.MaxValue)
                _openings.Enqueue(timeProvider.GetTimestamp());
            return true;
        }
    }

    private bool IsExhausted_NeedsLock()
    {
        while (_openings.TryPeek(out long at) && timeProvider.GetElapsedTime(at) >= s_minute)
            _openings.Dequeue();
        return _openings.Count >= perMinute;
    }
}
