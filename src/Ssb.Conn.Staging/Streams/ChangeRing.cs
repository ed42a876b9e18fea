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
/// came by is lost to that reader, who is told.</summary>
/// <remarks>Written under the lock of the pool, read with or without it. Who reads without it copies first and asks for
/// <see cref="Tail"/> afterwards: what lies before it may have been overwritten meanwhile, and is not to be used.</remarks>
internal sealed class ChangeRing
{
    private readonly Change[] _changes;
    private readonly long _start;
    private long _head;
    private long _begun; // the number of the change that is being written or held back, or was last

    /// <param name="capacity">How many changes it keeps at least.</param>
    /// <param name="start">The number of the last change before it began.</param>
    public ChangeRing(int capacity, long start)
    {
        _changes = new Change[BitOperations.RoundUpToPowerOf2((uint)capacity)];
        _start = _head = _begun = start;
    }

    /// <summary>The number of the last change.</summary>
    public long Head => Volatile.Read(ref _head);

    /// <summary>The number before the earliest change that is still here.</summary>
    public long Tail => Math.Max(_start, Volatile.Read(ref _begun) - _changes.Length);

    /// <summary>The place of one more change, to be filled in whole; <see cref="Publish"/> follows, of one change or of several.</summary>
    public ref Change Append()
    {
        _begun++;
        Volatile.WriteBarrier(); // so a reader that sees what is filled in sees, too, that it was begun
        return ref After(_begun - 1);
    }

    public void Publish() => Volatile.Write(ref _head, _begun);

    /// <summary>The change after <paramref name="position"/>, which is from <see cref="Tail"/> up to before <see cref="Head"/>.</summary>
    public ref Change After(long position) => ref _changes[(int)(position & (_changes.Length - 1))];

    /// <summary>Copies the changes after a position, without the lock.</summary>
    /// <returns>How many; 0 if there are none, or if some of them are lost.</returns>
    public int CopyAfter(long position, Span<Change> to)
    {
        int count = (int)Math.Min(to.Length, Head - position);
        for (int i = 0; i < count; i++)
            to[i] = After(position + i);
        Volatile.ReadBarrier();
        if (position >= Tail)
            return count;
        to.Clear();
        return 0;
    }
}
