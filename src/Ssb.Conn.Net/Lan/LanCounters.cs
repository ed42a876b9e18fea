using System.Collections.Immutable;

namespace Ssb.Conn.Net;

/// <summary>What became of all datagrams since discovery began.</summary>
/// <remarks>Each of <see cref="Datagrams"/> is in exactly one of <see cref="Accepted"/>, <see cref="Coalesced"/>, <see cref="OffLink"/>,
/// <see cref="RateLimited"/>, <see cref="OverBudget"/> and <see cref="Rejected"/>.</remarks>
/// <param name="Datagrams">All that were read.</param>
/// <param name="Accepted">Announcements for the host.</param>
/// <param name="Verified">Those among the accepted that were signed.</param>
/// <param name="Dropped">Those among the accepted that were lost because the host is slow and its queue full.</param>
/// <param name="Coalesced">Repetitions that came sooner than a quarter of the announcing interval after the one before.</param>
/// <param name="OffLink">From hosts that are in no subnet of our interfaces; an announcement is never routed.</param>
/// <param name="RateLimited">New ones of a sender that sent too many of them.</param>
/// <param name="OverBudget">New ones beyond what all senders together may cost.</param>
/// <param name="Rejected">Refused ones by reason; every reason is there.</param>
public sealed record LanCounters(
    long Datagrams,
    long Accepted,
    long Verified,
    long Dropped,
    long Coalesced,
    long OffLink,
    long RateLimited,
    long OverBudget,
    ImmutableSortedDictionary<LanReject, long> Rejected)
{
    /// <summary>Routes of announcements that were left out because they may not be dialled (<see cref="LanOptions.AcceptAnyRoute"/>),
    /// those of announcements that
    /// were refused for it included.</summary>
    public long DroppedRoutes { get; init; }
}
