namespace Ssb.Conn;

/// <summary>How long ago peers changed their state. What the pools store is the time of day, for people and for other programs; waiting goes by
/// the time that has passed.</summary>
/// <remarks>Thread-safe. Bounded: of more peers than <paramref name="capacity"/> the change that was longest ago is forgotten first, and
/// then the stored time counts.</remarks>
internal sealed class StateTimes(int capacity, TimeProvider time)
{
    /// <summary>A stored time may be so much later than the clock shows, in milliseconds: a clock is corrected by as much now and then.</summary>
    private const double Tolerance = 10_000;

    // Unless the time of day was set, it tells the same as the time that has passed, and who is looked for need not be found here.
    private const double Agreement = 500;

    private readonly long _start = time.GetTimestamp();
    private readonly long _startOfDay = Milliseconds(time);
    private readonly Lock _gate = new();
    private readonly OrderedTable<Change> _changes = new();
    private volatile bool _wasSet;

    private sealed record Change(double Stored, long At);

    /// <summary>A peer changed its state just now.</summary>
    /// <param name="address">Where it is.</param>
    /// <param name="stored">The time that the pools store for it, in Unix milliseconds.</param>
    public void Set(MultiserverAddress address, double stored)
    {
        long now = time.GetTimestamp();
        lock (_gate)
        {
            _changes.Remove(address, out _); // it is the latest now
            if (_changes.Count >= capacity)
                _changes.RemoveFirst();
            _changes.Set(address, new Change(stored, now));
        }
    }

    /// <summary>The time of day, in Unix milliseconds, for <see cref="Elapsed"/>.</summary>
    public long Read()
    {
        long now = Milliseconds(time);
        if (!_wasSet && Math.Abs(now - _startOfDay - time.GetElapsedTime(_start).TotalMilliseconds) > Agreement)
            _wasSet = true;
        return now;
    }

    /// <summary>How many milliseconds ago a peer changed its state; infinite if it never did, or did in the future.</summary>
    /// <param name="address">Where it is.</param>
    /// <param name="stored">The time that a pool has for it, which a file or another program may have given; null or 0 for none.</param>
    /// <param name="now">What <see cref="Read"/> told.</param>
    public double Elapsed(MultiserverAddress address, double? stored, long now)
    {
        if (stored is not { } at || at == 0)
            return double.PositiveInfinity;
        if (_wasSet)
        {
            Change? change;
            lock (_gate)
                _changes.TryGet(address, out change);
            if (change?.Stored == at)
                return time.GetElapsedTime(change.At).TotalMilliseconds;
        }

        return Since(at, now);
    }

    /// <summary>How many milliseconds ago a stored time was; infinite if it is in the future, where nothing can have happened.</summary>
    public static double Since(double stored, long now) => stored > now + Tolerance ? double.PositiveInfinity : now - stored;

    private static long Milliseconds(TimeProvider time) => time.GetUtcNow().ToUnixTimeMilliseconds();
}
