namespace Ssb.Conn;

/// <summary>What dials that no person asked for were refused: a snapshot.</summary>
/// <param name="RefusedOpenings">Connections that were not opened because of <see cref="SchedulerOptions.DialsPerMinute"/> or <see
/// cref="SchedulerOptions.OpeningsPerDial"/>.</param>
/// <param name="RefusedAddresses">IP addresses that were not connected to, being more local than the source of the peer may tell
/// of.</param>
/// <param name="RefusedRooms">Rooms that were not dialled for a tunnel; see <see cref="SchedulerOptions.DialsAnyRoomForTunnels"/>.</param>
public sealed record DialCounters(long RefusedOpenings, long RefusedAddresses, long RefusedRooms)
{
    /// <summary>WebSockets that were asked for at <c>/</c> instead of at the path that a stranger told of; see <see
    /// cref="SchedulerOptions.KeepsPathsOfStrangers"/>.</summary>
    public long DroppedPaths { get; init; }
}
