namespace Ssb.Conn;

/// <summary>The newest snapshot, whenever there is a newer one: who is slow skips to it.</summary>
internal sealed class LiveEntriesReader(ConnStaging pool, CancellationToken token) : StagingReader<StagingSnapshot>(pool, token)
{
    private long _seen = -1;

    protected override bool HasNews => Pool.PublishedSequence != _seen;

    protected override bool TryRead(out StagingSnapshot? item)
    {
        item = null;
        if (Pool.IsClosed || Pool.PublishedSequence == _seen)
            return false;
        item = Pool.TakePublished();
        _seen = item.Sequence;
        return true;
    }
}

/// <summary>A position in the ring of changes, and the few changes before it that were taken out in one go and are still to be
/// told.</summary>
internal abstract class RingReader<T>(ConnStaging pool, ChangeRing ring, CancellationToken token) : StagingReader<T>(pool, token)
{
    private const int BatchSize = 64;

    private readonly Change[] _batch = new Change[BatchSize];
    private int _taken;
    private int _filled;

    /// <summary>The number of the change that was taken last.</summary>
    protected long Position { get; set; } = ring.Head;

    protected ChangeRing Ring => ring;

    protected sealed override bool HasNews => !HasBegun || Position < ring.Head;

    /// <summary>Is it to be told the changes now, and nothing before them?</summary>
    protected virtual bool HasBegun => true;

    /// <summary>What is to be said before anything else is read. Under the lock of the pool.</summary>
    protected abstract bool TryAnnounce(out T? item);

    /// <summary>Is the change, the next in order, for this reader?</summary>
    protected abstract bool Wants(in Change change);

    protected abstract T Tell(in Change change);

    protected sealed override bool TryRead(out T? item) => TryAnnounce(out item) || TryReadOn(out item);

    protected sealed override bool TryReadOn(out T? item)
    {
        while (HasBegun)
        {
            while (_taken < _filled)
            {
                ref Change change = ref _batch[_taken++];
                bool isWanted = Wants(change);
                item = isWanted ? Tell(change) : default;
                change = default; // keeps no peer alive
                if (isWanted)
                    return true;
            }

            (_taken, _filled) = (0, ring.CopyAfter(Position, _batch));
            if (_filled == 0)
                break;
            Position += _filled;
        }

        item = default;
        return false;
    }
}

/// <summary>Insertions and removals, and how many were missed by a reader that lagged.</summary>
internal sealed class ListenReader(ConnStaging pool, ChangeRing ring, long events, CancellationToken token)
    : RingReader<StagingEvent>(pool, ring, token)
{
    private long _events = events; // how many there had been at Position

    protected override bool TryAnnounce(out StagingEvent? item)
    {
        item = null;
        if (Position >= Ring.Tail || Position >= Ring.Head) // what a batch holds back is missed once it is told
            return false;
        long missed = Ring.After(Ring.Tail).EventsBefore - _events;
        _events += missed;
        Position = Ring.Tail;
        if (missed == 0)
            return false; // only updates, which are not told here
        HasLagged = true;
        item = new StagingEvent(StagingEventType.Missed, null, null, missed);
        return true;
    }

    protected override bool Wants(in Change change)
    {
        if (change.IsUpdate)
            return false;
        _events++;
        return true;
    }

    protected override StagingEvent Tell(in Change change) =>
        change.IsRemoval
            ? new StagingEvent(StagingEventType.Unstaged, change.Peer, change.Reason, 0)
            : new StagingEvent(StagingEventType.Staged, change.Peer, null, 0);
}

/// <summary>A snapshot, then every change; another snapshot for a reader that lagged.</summary>
internal sealed class ChangesReader(ConnStaging pool, ChangeRing ring, CancellationToken token)
    : RingReader<StagingChange>(pool, ring, token)
{
    private bool _hasBegun;
    private long _told;

    protected override bool HasBegun => _hasBegun;

    protected override bool TryAnnounce(out StagingChange? item)
    {
        item = null;
        if (_hasBegun && (Position >= Ring.Tail || Position >= Ring.Head))
            return false;
        if (Pool.IsClosed)
        {
            Position = Ring.Head; // there is no bench any more to begin with
            return false;
        }

        HasLagged = _hasBegun;
        _hasBegun = true;
        StagingSnapshot snapshot = Pool.TakePublished();
        Position = _told = snapshot.Sequence;
        item = new StagingChange.Snapshot(snapshot.Sequence, snapshot);
        return true;
    }

    protected override bool Wants(in Change change) => true;

    protected override StagingChange Tell(in Change change) => change switch
    {
        { Previous: { } previous } => new StagingChange.Updated(++_told, change.Peer, previous),
        { IsRemoval: true } => new StagingChange.Removed(++_told, change.Peer, change.Reason),
        _ => new StagingChange.Inserted(++_told, change.Peer),
    };
}
