using Ssb.Conn.Net;

namespace Ssb.Conn.Cli.Starting;

/// <summary>What a run of <c>start</c> has come to.</summary>
internal sealed class StartTally
{
    private readonly Distinct _peers = new(); // identities
    private long _connected, _called, _failed, _staged;

    /// <summary>Counts until cancelled, from this call on.</summary>
    public Task CountAsync(ConnPlugin conn, StateLog states, TimeProvider time, CancellationToken cancellationToken)
    {
        return Task.WhenAll(
            RunAsync("connections", token => CountAsync(conn.Hub.Listen(token))),
            RunAsync("staged peers", token => CountAsync(conn.Staging.Listen(token))));

        Task RunAsync(string what, Func<CancellationToken, Task> count) => SteadyLoop.RunAsync(
            $"counting {what}", $"The summary at the end will be wrong: {what} are not counted at the moment.", count, states, time,
            cancellationToken);
    }

    /// <summary>Writes it as a few lines of plain text.</summary>
    public async Task WriteAsync(TextWriter output, TimeSpan elapsed, SsbPeer peer)
    {
        string calls = _called > 0 ? $", {_called:N0} of them called us" : "";
        try
        {
            await output.WriteLineAsync(Summary.Head("start", elapsed));
            await LineAsync("peers staged", _staged);
            await LineAsync("connections", _connected, _connected > 0 ? $"with {_peers} {(_peers.Count == 1 ? "peer" : "different peers")}{calls}" : "");
            await LineAsync("failed dials", _failed);
            await LineAsync("callers refused", Refused(peer.Network.Counters));
        }
        catch (IOException)
        {
            // The terminal was closed, which is why we ended: nobody is there to read it.
        }

        Task LineAsync(string name, long figure, string remark = "") =>
            output.WriteLineAsync(Summary.Line(name, figure, remark));
    }

    private static long Refused(PeerNetworkCounters calls) =>
        calls.RefusedFull + calls.RefusedSource + calls.RefusedIdentity + calls.RefusedHandshakes + calls.Evicted + calls.FailedHandshakes
            + calls.Unwelcome + calls.RefusedLocal + calls.RefusedDescriptors;

    private async Task CountAsync(IAsyncEnumerable<HubEvent> events)
    {
        await foreach (HubEvent happened in events)
        {
            if (happened.Type == HubEventType.ConnectingFailed)
                _failed++;
            if (happened is not { Type: HubEventType.Connected, Connection: { } connection })
                continue;
            _connected++;
            _peers.Add(connection.FeedId.ToString());
            if (connection is PeerConnection { IsClient: false })
                _called++;
        }
    }

    private async Task CountAsync(IAsyncEnumerable<StagingEvent> events)
    {
        await foreach (StagingEvent happened in events)
        {
            if (happened.Type == StagingEventType.Staged)
                _staged++;
        }
    }
}
