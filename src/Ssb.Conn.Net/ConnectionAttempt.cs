namespace Ssb.Conn.Net;

/// <summary>A connection that is about to be made, for the host to decide about: see <see cref="PeerNetworkOptions.MayConnect"/>.</summary>
/// <param name="FeedId">The peer. A caller has proved that it is this one; a peer that we dial has yet to.</param>
/// <param name="Address">Where it is to be dialled; of a caller where its call comes from, which may be no place to dial, or null if that is
/// not known.</param>
/// <param name="Direction">Did it call, or do we dial?</param>
public sealed record ConnectionAttempt(FeedId FeedId, MultiserverAddress? Address, ConnectionDirection Direction)
{
    /// <summary>Did a person, or the program, ask for this dial? Else the scheduler chose the peer. False for callers.</summary>
    public bool IsRequested { get; init; }
}

/// <summary>Which side makes a connection.</summary>
public enum ConnectionDirection
{
    /// <summary>The peer called us.</summary>
    Incoming,

    /// <summary>We dial the peer.</summary>
    Outgoing,
}
