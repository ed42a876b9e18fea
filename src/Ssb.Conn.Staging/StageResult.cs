namespace Ssb.Conn;

/// <summary>What <see cref="ConnStaging.TryStage(MultiserverAddress, PeerData?, string?)"/> did.</summary>
public enum StageOutcome
{
    /// <summary>The peer was not there, and is now.</summary>
    Inserted,

    /// <summary>The peer was there; its data was merged and its life starts anew.</summary>
    Updated,

    /// <summary>The peer was not there, and is not now.</summary>
    Refused,
}

/// <summary>Why a newcomer was refused.</summary>
public enum RefusalReason
{
    /// <summary>Its source has its <see cref="StagingOptions.SourceCapacity"/> already.</summary>
    SourceFull,

    /// <summary>The group of its source has its <see cref="StagingOptions.GroupCapacity"/> already, and none of its sources makes room.</summary>
    GroupFull,

    /// <summary>The bench has its <see cref="StagingOptions.Capacity"/>, and nobody makes room: no source has more than a fair share,
    /// or the newcomer's has one already, or the newcomer has no source.</summary>
    BenchFull,

    /// <summary>It is blocked. By the manager in <c>Ssb.Conn</c> alone, as are those that follow.</summary>
    Blocked,

    /// <summary>It was dismissed, or snoozed.</summary>
    Dismissed,

    /// <summary>It is being connected, is connected or is being disconnected, by this address or another.</summary>
    InHub,

    /// <summary>It has our own key.</summary>
    OwnKey,

    /// <summary>Its identity has as many routes on the bench as one may have, or as one group of sources may tell of.</summary>
    TooManyRoutes,

    /// <summary>It can be reached only at addresses that are more local than the one at which its source was reached: a peer on the
    /// internet has no reason to tell of an
    /// address inside our network.</summary>
    TooLocal,

    /// <summary>Its address can never be dialled here: it names no peer, has no transport that is known, or makes no sense.</summary>
    Undiallable,
}

/// <summary>What staging did, and why not if it did not.</summary>
/// <param name="Outcome">What happened.</param>
/// <param name="Reason">Why, when <paramref name="Outcome"/> is <see cref="StageOutcome.Refused"/>; else null.</param>
public readonly record struct StageResult(StageOutcome Outcome, RefusalReason? Reason = null)
{
    /// <summary>Why in words, for people: a clause without a full stop, such as <c>it is blocked</c>. Null unless it was refused.</summary>
    /// <remarks>For <see cref="RefusalReason.TooLocal"/> and <see cref="RefusalReason.Undiallable"/> the manager's <c>Why</c> says more.</remarks>
    public string? Explanation => Reason switch
    {
        null => null,
        RefusalReason.SourceFull => "its source has as many peers on the bench as it may",
        RefusalReason.GroupFull => "its group of sources has as many peers on the bench as it may",
        RefusalReason.BenchFull => "the bench is full",
        RefusalReason.Blocked => "it is blocked",
        RefusalReason.Dismissed => "it is dismissed",
        RefusalReason.InHub => "it is connected, being connected or being disconnected",
        RefusalReason.OwnKey => "that is ourselves",
        RefusalReason.TooManyRoutes => "it has as many routes on the bench as it may",
        RefusalReason.TooLocal => "its addresses are more local than the one at which its source was reached",
        RefusalReason.Undiallable => "it can never be dialled here",
        _ => "it was refused",
    };
}
