namespace Ssb.Conn;

/// <summary>One step of <see cref="ConnStaging.Changes"/>: a snapshot, or one change to the one before.</summary>
/// <param name="Sequence">The number of the change, counted from 1 since the bench began; a snapshot has the number of the last
/// change in it. After a snapshot the numbers follow each other without a gap.</param>
/// <remarks>Immutable and thread-safe. It is always one of the four records in here.</remarks>
public abstract record StagingChange(long Sequence)
{
    /// <summary>The whole bench: first of all, and again whenever the reader lagged too far.</summary>
    /// <param name="Sequence">The number of the last change in it.</param>
    /// <param name="Entries">The bench.</param>
    public sealed record Snapshot(long Sequence, StagingSnapshot Entries) : StagingChange(Sequence);

    /// <summary>A peer came.</summary>
    /// <param name="Sequence">The number of this change.</param>
    /// <param name="Peer">The peer.</param>
    public sealed record Inserted(long Sequence, StagedPeer Peer) : StagingChange(Sequence);

    /// <summary>A peer was staged again.</summary>
    /// <param name="Sequence">The number of this change.</param>
    /// <param name="Peer">The peer as it is now.</param>
    /// <param name="Previous">The peer as it was.</param>
    public sealed record Updated(long Sequence, StagedPeer Peer, StagedPeer Previous) : StagingChange(Sequence);

    /// <summary>A peer left.</summary>
    /// <param name="Sequence">The number of this change.</param>
    /// <param name="Peer">The peer as it was last.</param>
    /// <param name="Reason">Why it left.</param>
    public sealed record Removed(long Sequence, StagedPeer Peer, UnstageReason Reason) : StagingChange(Sequence);
}
