namespace Ssb.Conn;

/// <summary>A dial that failed, and those before it.</summary>
/// <param name="Count">Failed dials since the last connection.</param>
/// <param name="LastError">What the last one said.</param>
/// <param name="At">When it failed.</param>
/// <param name="RetryAt">Not to be dialled automatically before.</param>
internal sealed record Failure(int Count, string LastError, DateTimeOffset At, DateTimeOffset RetryAt);

/// <summary>Failed dials by address, of peers that need no entry in the address book for it. Bounded: what failed longest ago is forgotten
/// first. Not thread-safe: guarded by the hub's lock.</summary>
internal sealed class FailureMemory(int capacity)
{
    private static readonly object s_connected = new(); // the table is a set that knows the order: its values say nothing

    private readonly OrderedTable<Failure> _failures = new();
    private readonly OrderedTable<object> _connected = new(); // addresses that were connected, bounded likewise

    public Failure? Find(MultiserverAddress address) => _failures.TryGet(address, out Failure? failure) ? failure : null;

    /// <param name="address">Where it was dialled.</param>
    /// <param name="error">Why it failed.</param>
    /// <param name="now">When.</param>
    /// <param name="failed">How many had failed before, if that is not remembered.</param>
    public Failure Add(MultiserverAddress address, string error, DateTimeOffset now, int failed = 0)
    {
        int count = (_failures.Remove(address, out Failure? before) ? before.Count : failed) + 1;
        var failure = new Failure(count, StrangerText.Show(error, StrangerText.KeptLength), now, now + Cooldown.ShortestAfter(count));
        if (_failures.Count >= capacity)
            _failures.RemoveFirst();
        _failures.Set(address, failure);
        return failure;
    }

    /// <summary>An address is connected: what failed before is forgotten.</summary>
    /// <param name="address">The address.</param>
    /// <param name="isDialled">Can it be dialled? Else it is only where a call came from, and is not remembered.</param>
    public void Connected(MultiserverAddress address, bool isDialled)
    {
        bool hasFailed = _failures.Remove(address, out _);
        if (!isDialled && !hasFailed)
            return;
        _connected.Remove(address, out _); // it is the latest now
        if (_connected.Count >= capacity)
            _connected.RemoveFirst();
        _connected.Set(address, s_connected);
    }

    /// <summary>Was an address that we dialled connected since the manager was opened?</summary>
    public bool WasConnected(MultiserverAddress address) => _connected.TryGet(address, out _);
}
