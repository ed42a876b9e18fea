namespace Ssb.Conn;

/// <summary>What <see cref="ConnPlugin.TryStage"/> refused since the manager was opened. Immutable.</summary>
/// <param name="Refused">How often a peer was refused, by reason; a reason that never occurred is not in it.
/// <see cref="RefusalReason.Undiallable"/> counts what <see cref="ConnPlugin.Remember"/> and
/// <see cref="ConnPlugin.ConnectAsync(MultiserverAddress, PeerData?, CancellationToken)"/> refused, too.</param>
/// <param name="RoutesDropped">How often a peer was staged without some of its routes, because they are more local than its source may tell
/// of, see
/// <see cref="AdmissionOptions.MayTellOfMoreLocal"/>.</param>
public sealed record AdmissionCounters(IReadOnlyDictionary<RefusalReason, long> Refused, long RoutesDropped)
{
    /// <summary>How often a peer called and was not let in, because it is blocked or dismissed
    /// (<see cref="AdmissionOptions.DismissedMayCall"/>).</summary>
    public long RefusedCallers { get; init; }
}
