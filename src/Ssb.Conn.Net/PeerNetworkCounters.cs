namespace Ssb.Conn.Net;

/// <summary>What became of those who called: a snapshot.</summary>
/// <param name="Callers">How many are connected.</param>
/// <param name="Handshakes">How many shake hands.</param>
/// <param name="Accepted">How many were connected so far.</param>
/// <param name="RefusedFull">Refused as there were <see cref="PeerNetworkLimits.MaxCallers"/>.</param>
/// <param name="RefusedSource">Refused as their source had <see cref="PeerNetworkLimits.MaxCallersPerSource"/>.</param>
/// <param name="RefusedIdentity">Refused as they had <see cref="PeerNetworkLimits.MaxCallersPerIdentity"/> already.</param>
/// <param name="RefusedHandshakes">Refused as there were <see cref="PeerNetworkLimits.MaxHandshakes"/>, and nobody with more to give way.</param>
/// <param name="Evicted">Pushed out of their handshake by others.</param>
/// <param name="FailedHandshakes">Failed in the handshake: garbage, another network, too slow.</param>
/// <param name="Unwelcome">Blocked, or refused by the host's policy (<see cref="RefusedIncoming"/>).</param>
/// <param name="RefusedOrigins">Web pages that called from this machine without being among <see cref="PeerNetworkLimits.LocalOrigins"/>.</param>
/// <param name="RefusedBrowsers">Web pages that were refused as there were <see cref="PeerNetworkLimits.MaxBrowserCallers"/>.</param>
public sealed record PeerNetworkCounters(
    int Callers, int Handshakes, long Accepted, long RefusedFull, long RefusedSource, long RefusedIdentity, long RefusedHandshakes, long Evicted, long FailedHandshakes, long Unwelcome,
    long RefusedOrigins, long RefusedBrowsers)
{
    /// <summary>Peers, callers and those that we dialled, that were cut off by <see cref="PeerNetworkLimits.MaxUselessBytes"/>.</summary>
    public long CutOffAsUseless { get; init; }

    /// <summary>Routes that were not dialled for how they are written: they make no sense, have a transport that is not known here, do not
    /// say whom to expect, have another transform than exactly <c>shs</c>, or name a key that nobody can hold or another identity than
    /// their address. The failure of the dial says which. What the manager refuses before
    /// (<see cref="AdmissionOptions.AllowUndiallable"/>) is not among them.</summary>
    public long RefusedRoutes { get; init; }

    /// <summary>Callers that the host's policy refused, see <see cref="PeerNetworkOptions.MayConnect"/>; of those in
    /// <see cref="Unwelcome"/>.</summary>
    public long RefusedIncoming { get; init; }

    /// <summary>Dials that the host's policy refused: nothing was opened for them.</summary>
    public long RefusedOutgoing { get; init; }

    /// <summary>How many programs are connected by our unix sockets without a handshake.</summary>
    public int LocalCallers { get; init; }

    /// <summary>Those that were refused as there were <see cref="PeerNetworkLimits.MaxLocalCallers"/>.</summary>
    public long RefusedLocal { get; init; }

    /// <summary>Callers of every kind that were refused for want of file descriptors, see <see
    /// cref="PeerNetworkLimits.ReservedDescriptors"/>.</summary>
    public long RefusedDescriptors { get; init; }
}
