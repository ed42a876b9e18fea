using Microsoft.Extensions.Logging;

namespace Ssb.Conn.Net;

/// <summary>Tells the log of a peer's life: its start and its end as information, connections as they come and go, each with its reason, as debugging.</summary>
/// <remarks>Addresses are written masked. What strangers may have written goes through <see cref="StrangerText"/>.</remarks>
internal sealed class PeerLog
{
    private readonly ILogger _logger;
    private readonly Task _following;
    private bool _hasEnded;

    /// <summary>Begins with the connections that come from now on.</summary>
    public PeerLog(ConnHub hub, ILogger logger)
    {
        _logger = SteadyLogger.Of(logger); // else a log that fails would end the following, and be thrown by the peer's end
        _following = FollowAsync(hub.Listen());
    }

    /// <summary>The peer can be called.</summary>
    public void Started(SsbPeer peer) => _logger.LogInformation("The SSB peer {Id} has started; it can be called at {Addresses}.",
        peer.Id.ToString(), peer.Addresses.Count == 0 ? "no address" : string.Join(", ", peer.Addresses));

    /// <summary>The peer has ended, its hub included. Once only, however often it is told.</summary>
    public async Task EndAsync(SsbPeer peer)
    {
        await _following.ConfigureAwait(false);
        if (!Interlocked.Exchange(ref _hasEnded, true))
            _logger.LogInformation("The SSB peer {Id} has stopped.", peer.Id.ToString());
    }

    private async Task FollowAsync(IAsyncEnumerable<HubEvent> events)
    {
        await foreach (HubEvent e in events.ConfigureAwait(false)) // until the hub closes
        {
            if (!_logger.IsEnabled(LogLevel.Debug))
                continue;
            try
            {
                Write(e);
            }
            catch (Exception error)
            {
                _logger.LogDebug(error, "A change of a connection could not be put into words."); // those that follow can
            }
        }
    }

    private void Write(HubEvent e)
    {
        if (e.Peer is null)
            _logger.LogDebug("{Missed} changes of connections came too fast to be told of.", e.Missed);
        else if (e.Error is { } error)
            _logger.LogDebug("{Change} {Address}: {Reason}. {Error}", Words(e), e.Peer.Address.ToString(), StrangerText.Show(e.Reason),
                StrangerText.Show(e.Peer.Address.Hide(error.Message), StrangerText.KeptLength));
        else
            _logger.LogDebug("{Change} {Address}: {Reason}.", Words(e), e.Peer.Address.ToString(), StrangerText.Show(e.Reason));
    }

    private static string Words(HubEvent e) => e.Type switch
    {
        HubEventType.Connecting => "Dialling",
        HubEventType.ConnectingFailed => "Could not connect to",
        HubEventType.Connected => "Connected with",
        HubEventType.Disconnecting => "Disconnecting",
        HubEventType.DisconnectingFailed => "Could not disconnect",
        _ => "Disconnected",
    };
}
