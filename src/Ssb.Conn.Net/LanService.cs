using Microsoft.Extensions.Logging;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>LAN discovery of a peer: announces where it is, and stages whom it hears, from a start to a stop. Thread-safe.</summary>
internal sealed class LanService(LanOptions options, KeyPair keys, PeerNetwork network, ConnPlugin plugin, ILogger logger)
    : IAsyncDisposable
{
    private readonly LanOptions _options = LanOptions.Checked(options);
    private readonly Lock _gate = new();
    private readonly LanFeed _feed = new();
    private CancellationTokenSource? _stopping; // under _gate; null: it does not run
    private Task _running = Task.CompletedTask;
    private bool _isClosed;

    /// <summary>Why it ended by itself; null while it runs, and when it was stopped.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Begins; does nothing if it runs.</summary>
    public void Start()
    {
        lock (_gate)
        {
            if (_isClosed || _stopping is not null)
                return;
            var stopping = new CancellationTokenSource();
            _stopping = stopping;
            Failure = null;
            _running = RunAsync(_running, stopping);
        }
    }

    /// <summary>Ends both; does nothing if they have ended.</summary>
    public void Stop()
    {
        CancellationTokenSource? stopping;
        lock (_gate)
            (stopping, _stopping) = (_stopping, null);
        stopping?.Cancel();
        stopping?.Dispose(); // by whoever took it out
    }

    /// <summary>What is heard from this call on.</summary>
    public IAsyncEnumerable<LanAnnouncement> Discovered(CancellationToken cancellationToken) => _feed.Read(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
            _isClosed = true;
        Stop();
        _feed.End();
        await _running.ConfigureAwait(false);
    }

    private async Task RunAsync(Task before, CancellationTokenSource stopping)
    {
        CancellationToken stopped = stopping.Token;
        await before.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // its ports are free again
        try
        {
            var discovery = new LanDiscovery(_options) { Refused = plugin.NoteRefused };
            await using (discovery.ConfigureAwait(false))
            {
                // Who cannot be reached listens only.
                LanAnnouncer? announcer = network.HasNet ? new LanAnnouncer(_options, keys, network.AddressIn) : null;
                try
                {
                    IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(stopped);
                    announcer?.Start();
                    await foreach (LanAnnouncement announcement in heard.ConfigureAwait(false))
                    {
                        plugin.TryStage(announcement);
                        _feed.Hand(announcement);
                    }
                }
                finally
                {
                    if (announcer is not null)
                        await announcer.DisposeAsync().ConfigureAwait(false);
                }
            }
        }
        catch (Exception e) when (stopped.IsCancellationRequested && e is OperationCanceledException or ObjectDisposedException)
        {
            // As asked.
        }
        catch (Exception e)
        {
            // Of a port, or of what the host has to say of peers: without discovery it is still a peer.
            Failed(stopping, e);
            logger.LogError(e, "There is no LAN discovery.");
        }
    }

    // It may be started again.
    private void Failed(CancellationTokenSource stopping, Exception e)
    {
        lock (_gate)
        {
            if (_stopping != stopping)
                return; // it was told to stop
            _stopping = null;
            Failure = e;
        }

        stopping.Dispose();
    }
}
