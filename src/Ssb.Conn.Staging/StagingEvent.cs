using System.Text.Json.Serialization;

namespace Ssb.Conn;

/// <summary>What a <see cref="StagingEvent"/> tells.</summary>
public enum StagingEventType
{
    /// <summary>A peer came onto the bench.</summary>
    Staged,

    /// <summary>A peer left it.</summary>
    Unstaged,

    /// <summary>The reader lagged: events were lost to it (and to it alone).</summary>
    Missed,
}

/// <summary>One event of <see cref="ConnStaging.Listen"/>. As JSON, <c>{type, address}</c> as in npm ssb-conn-staging, and
/// <c>reason</c> for a peer that left; <c>{type, missed}</c> for a reader that lagged. JSON is written, not read.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
[JsonConverter(typeof(StagingEventJsonConverter))]
public sealed record StagingEvent
{
    internal StagingEvent(StagingEventType type, StagedPeer? peer, UnstageReason? reason, long missed) =>
        (Type, Peer, Reason, Missed) = (type, peer, reason, missed);

    /// <summary>What happened.</summary>
    public StagingEventType Type { get; }

    /// <summary>The peer as it came or as it was last; null for <see cref="StagingEventType.Missed"/>.</summary>
    public StagedPeer? Peer { get; }

    /// <summary>The peer's address; null for <see cref="StagingEventType.Missed"/>.</summary>
    public MultiserverAddress? Address => Peer?.Address;

    /// <summary>Why the peer left; null otherwise.</summary>
    public UnstageReason? Reason { get; }

    /// <summary>How many events the reader missed at this point; 0 otherwise.</summary>
    public long Missed { get; }
}
