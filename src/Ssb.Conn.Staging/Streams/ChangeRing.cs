namespace Ssb.Conn;

/// <summary>One change as the ring keeps it.</summary>
/// <param name="Peer">The peer as it is now, or was last.</param>
/// <param name="Previous">For an update, the peer as it was.</param>
/// <param name="Reason">For a removal, why.</param>
/// <param name="EventsBefore">How many of all changes before this one were insertions or removals.</param>
internal readonly record struct Change(StagedPeer Peer, StagedPeer? Previous, UnstageReason? Reason, long EventsBefore)
{
    public bool IsUpdate => Previous is not null;
}

/// <summary>The last changes, for all readers; a reader is a position in it. Bounded: what is overwritten before a reader
/// came by is lost to that reader, who is told. Not thread-safe.</summary>
internal sealed class ChangeRing
{
    private readonly Change[] _changes;
    private readonly long _start;

    /// <param name="capacity">How many changes it keeps.</param>
    /// <param name="start">The number of the last change before it began.</param>
    public ChangeRing(int capacity, long start) => (_changes, _start, Head) = (new Change[capacity], start, start);

    /// <summary>The number of the last change.</summary>
    public long Head { get; private set; }

    /// <summary>The number before the earliest change that is still here.</summary>
    public long Tail => Math.Max(_start, Head - _changes.Length);

    public void Append(in Change change) => _changes[(int)(Head++ % _changes.Length)] = change;

    /// <summary>The change after <paramref name="position"/>, which is from <see cref="Tail"/> up to before <see cref="Head"/>.</summary>
    public ref readonly Change After(long position) => ref _changes[(int)(position % _changes.Length)];
}
