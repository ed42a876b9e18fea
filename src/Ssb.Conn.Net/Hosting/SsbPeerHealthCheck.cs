using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Ssb.Conn.Net;

/// <summary>Healthy while the peer runs, degraded while its address book or its rules cannot be written, or LAN discovery has failed;
/// what it counts is in the data.</summary>
internal sealed class SsbPeerHealthCheck(SsbPeerHost host) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(Check(context));

    private HealthCheckResult Check(HealthCheckContext context)
    {
        if (host.Running is not { } peer)
            return new HealthCheckResult(context.Registration.FailureStatus, "The SSB peer does not run: it has not started, or has ended.");
        Dictionary<string, object> data = Data(peer);
        return peer.Conn.Db.LastWriteError is { } unwritten ? HealthCheckResult.Degraded($"The address book cannot be written: {unwritten.Message}", unwritten, data)
            : peer.Conn.RulesWriteError is { } undecided
                ? HealthCheckResult.Degraded($"What was decided about peers cannot be written: {undecided.Message}", undecided, data)
            : peer.LanFailure is { } failure ? HealthCheckResult.Degraded($"There is no LAN discovery: {failure.Message}", failure, data)
            : HealthCheckResult.Healthy($"{peer.Id} runs.", data);
    }

    private static Dictionary<string, object> Data(SsbPeer peer)
    {
        PeerNetworkCounters counters = peer.Network.Counters;
        return new Dictionary<string, object>
        {
            ["id"] = peer.Id.ToString(),
            ["connections"] = peer.Network.Connections.Count(c => !c.IsOurs),
            ["staged"] = peer.Conn.Staging.Count,
            ["known"] = peer.Conn.Db.Count,
            ["callers"] = counters.Callers,
            ["handshakes"] = counters.Handshakes,
            ["accepted"] = counters.Accepted,
            ["refusedFull"] = counters.RefusedFull,
            ["refusedIncoming"] = counters.RefusedIncoming,
            ["refusedOutgoing"] = counters.RefusedOutgoing,
            ["refusedSource"] = counters.RefusedSource,
            ["refusedIdentity"] = counters.RefusedIdentity,
            ["refusedHandshakes"] = counters.RefusedHandshakes,
            ["evicted"] = counters.Evicted,
            ["failedHandshakes"] = counters.FailedHandshakes,
            ["unwelcome"] = counters.Unwelcome,
            ["refusedLocal"] = counters.RefusedLocal,
            ["refusedDescriptors"] = counters.RefusedDescriptors,
        };
    }
}
