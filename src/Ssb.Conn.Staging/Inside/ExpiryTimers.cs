namespace Ssb.Conn;

/// <summary>One timer for each age queue, which runs while its queue is not empty.</summary>
/// <remarks>The peers of a queue live equally long, so the next one due is never earlier than the one the timer was set for:
/// only the timer's own call sets it anew. A clock is foreign code, so timers are made, set and disposed outside the lock of the
/// pool.</remarks>
internal sealed class ExpiryTimers(ConnStaging pool, TimeProvider time, IReadOnlyList<AgeQueue> queues)
{
    private readonly ITimer?[] _timers = new ITimer?[queues.Count];
    private readonly bool[] _isTaken = new bool[queues.Count]; // guarded by the lock of the pool

    /// <param name="age">The number of a queue that a peer came to; 0 when it does not age.</param>
    /// <returns>true when its timer does not run: the caller must <see cref="Start"/> it once out of the lock.</returns>
    public bool Take_NeedsLock(byte age)
    {
        if (age == 0 || _isTaken[age - 1])
            return false;
        return _isTaken[age - 1] = true;
    }

    /// <summary>The queue is empty: its timer is not set again until it is taken.</summary>
    public void Release_NeedsLock(byte age) => _isTaken[age - 1] = false;

    public void Start(byte age)
    {
        ref ITimer? timer = ref _timers[age - 1];
        if (timer is null)
        {
            ITimer made;
            // What flows with whoever happens to stage first is not to live as long as the pool.
            using (ExecutionContext.IsFlowSuppressed() ? default(IDisposable?) : ExecutionContext.SuppressFlow())
                made = time.CreateTimer(_ => OnTimer(age), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            Interlocked.Exchange(ref timer, made); // a full fence: either we see below that the pool closed, or its closing sees the timer
        }

        timer.Change(TimeSpan.FromMilliseconds(queues[age - 1].TimeToLive), Timeout.InfiniteTimeSpan);
        if (pool.IsClosed)
            timer.Dispose(); // closed meanwhile, by one who did not see the timer
    }

    /// <summary>Once the pool is closed.</summary>
    public void Dispose()
    {
        foreach (ITimer? timer in _timers)
            timer?.Dispose();
    }

    private void OnTimer(byte age)
    {
        long? dueIn;
        do
        {
            dueIn = pool.Sweep(age);
        }
        while (dueIn <= 0);

        if (dueIn is { } wait)
            _timers[age - 1]!.Change(TimeSpan.FromMilliseconds(wait), Timeout.InfiniteTimeSpan); // it is running this
    }
}
