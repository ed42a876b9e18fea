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
    private readonly OrderedTable<Failure> _failures = new();

    public Failure? Find(MultiserverAddress address) => _failures.TryGet(address, out Failure? failure) ? failure : null;

    public Failure Add(MultiserverAddress address, string error, DateTimeOffset now)
    {
        int count = (_failures.Remove(address, out Failure? before) ? before.Count : 0) + 1;
        var failure = new Failure(count, StrangerText.Show(error, StrangerText.KeptLength), now, now + Cooldown.ShortestAfter(count));
        if (_failures.Count >= capacity)
            _failures.RemoveFirst();
        _failures.Set(address, failure);
        return failure;
    }

    public void Forget(MultiserverAddress address) => _failures.Remove(address, out _);
}
