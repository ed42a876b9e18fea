namespace Ssb.Conn;

/// <summary>The readers that wait for a change. Guarded by the lock of the pool.</summary>
/// <remarks>A change takes the whole queue in one step, as a chain, and has the thread pool wake its first; each reader that
/// wakes has the next woken before it goes on. So a change costs the same however many wait, and no reader runs on
/// another's stack.</remarks>
internal struct ReaderQueue()
{
    private StagingReader? _first;
    private long _round = 1; // a reader of this round is in the queue; of an earlier one, in a chain that was taken

    public void Add(StagingReader reader)
    {
        (reader.WaitingSince, reader.PreviousWaiting, reader.NextWaiting) = (_round, null, _first);
        if (_first is not null)
            _first.PreviousWaiting = reader;
        _first = reader;
    }

    public StagingReader? TakeAll()
    {
        StagingReader? chain = _first;
        _first = null;
        _round++;
        return chain;
    }

    /// <summary>Takes one reader, as a chain of its own.</summary>
    /// <returns>null when it is in a chain already, and so is about to wake.</returns>
    public StagingReader? Take(StagingReader reader)
    {
        if (reader.WaitingSince != _round)
            return null;
        if (reader.PreviousWaiting is { } previous)
            previous.NextWaiting = reader.NextWaiting;
        else
            _first = reader.NextWaiting;
        if (reader.NextWaiting is { } next)
            next.PreviousWaiting = reader.PreviousWaiting;
        (reader.WaitingSince, reader.PreviousWaiting, reader.NextWaiting) = (0, null, null);
        return reader;
    }
}
