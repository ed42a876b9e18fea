using System.Numerics;

namespace Ssb.Conn;

/// <summary>One change as the ring keeps it.</summary>
internal struct Change
{
    /// <summary>The peer as it is now, or was last.</summary>
    public StagedPeer Peer;

    /// <summary>For an update, the peer as it was.</summary>
    public StagedPeer? Previous;

    /// <summary>How many of all changes before this one were insertions or removals.</summary>
    public long EventsBefore;

    /// <summary>Why the peer left, if <see cref="IsRemoval"/>.</summary>
    public UnstageReason Reason;

    public bool IsRemoval;

    public readonly bool IsUpdate => Previous is not null;
}

/// <summary>The last changes, for all readers; a reader is a position in it. Bounded: what is overwritten before a reader
/// came by is lost to that reader, who is told. Not thread-safe.</summary>
internal sealed class ChangeRing
{
    private readonly Change[] _changes;
    private readonly long _start;

    /// <param name="capacity">How many changes it keeps at least.</param>
    /// <param name="start">The number of the last change before it began.</param>
    public ChangeRing(int capacity, long start) =>
        (_changes, _start, Head) = (new Change[BitOperations.RoundUpToPowerOf2((uint)capacity)], start, start);

    /// <summary>The number of the last change.</summary>
    public long Head { get; private set; }

    /// <summary>The number before the earliest change that is still here.</summary>
    public long Tail => Math.Max(_start, Head - _changes.Length);

    /// <summary>The place of one more change, to be filled in whole.</summary>
    public ref Change Append() => ref _changes[(int)(Head++ & (_changes.Length - 1))];

    /// <summary>The change after <paramref name="position"/>, which is from <see cref="Tail"/> up to before <see cref="Head"/>.</summary>
    public ref readonly Change After(long position) => ref _changes[(int)(position & (_changes.Length - 1))];
}
