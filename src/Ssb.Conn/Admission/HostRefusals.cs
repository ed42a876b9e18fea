namespace Ssb.Conn;

/// <summary>Addresses whose dial the host's policy has refused (<see cref="ConnectFailedException.IsRefusedByHost"/>): the scheduler leaves each
/// alone for <see cref="Pause"/>, and then the policy is asked again. Thread-safe. Bounded: what was refused longest ago is forgotten
/// first.</summary>
internal sealed class HostRefusals(int capacity, TimeProvider time)
{
    public static readonly TimeSpan Pause = TimeSpan.FromMinutes(10);

    private readonly Lock _gate = new();
    private readonly OrderedTable<Refusal> _refused = new(); // under _gate
    private int _count; // of these, for those who look without the lock

    public void Add(MultiserverAddress address)
    {
        lock (_gate)
        {
            _refused.Remove(address, out _);
            if (_refused.Count >= capacity)
                _refused.RemoveFirst();
            _refused.Set(address, new Refusal(time.GetTimestamp()));
            Volatile.Write(ref _count, _refused.Count);
        }
    }

    public void Forget(MultiserverAddress address)
    {
        if (Volatile.Read(ref _count) == 0)
            return;
        lock (_gate)
        {
            _refused.Remove(address, out _);
            Volatile.Write(ref _count, _refused.Count);
        }
    }

    /// <summary>How long an address is left alone yet; null if it is not.</summary>
    public TimeSpan? LeftOf(MultiserverAddress address)
    {
        if (Volatile.Read(ref _count) == 0)
            return null;
        lock (_gate)
        {
            if (!_refused.TryGet(address, out Refusal? refusal))
                return null;
            TimeSpan left = Pause - time.GetElapsedTime(refusal.At);
            return left > TimeSpan.Zero ? left : null;
        }
    }

    private sealed record Refusal(long At);
}
