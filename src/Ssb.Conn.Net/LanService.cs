using Microsoft.Extensions.Logging;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>LAN discovery of a peer: announces where it is, and stages whom it hears, from a start to a stop. Thread-safe.</summary>
internal sealed class LanService(LanOptions options, KeyPair keys, IReadOnlyList<MultiserverAddress> addresses, ConnPlugin plugin, ILogger logger) : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly LanFeed _feed = new();
    private CancellationTokenSource? _stopping; // under _gate; null: it does not run
    private Task _running = Task.CompletedTask;
    private bool _isClosed;

    /// <summary>Begins; does nothing if it runs.</summary>
    public void Start()
    {
        lock (_gate)
        {
            if (_isClosed || _stopping is not null)
                return;
            var stopping = new CancellationTokenSource();
            _stopping = stopping;
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
        IOException? failure = null;
        await before.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // its ports are free again
        try
        {
            var discovery = new LanDiscovery(options);
            await using (discovery.ConfigureAwait(false))
            {
                var announcer = new LanAnnouncer(options, keys, addresses);
                await using (announcer.ConfigureAwait(false))
                {
                    IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(stopped);
                    if (addresses.Count > 0)
                        announcer.Start();
                    await foreach (LanAnnouncement announcement in heard.ConfigureAwait(false))
                    {
                        plugin.TryStage(announcement);
                        _feed.Hand(announcement);
                    }
                }
            }
        }
        catch (Exception e) when (stopped.IsCancellationRequested && e is OperationCanceledException or ObjectDisposedException)
        {
            // As asked.
        }
        catch (IOException e)
        {
            failure = e;
        }
        finally
        {
            Ended(stopping);
        }

        if (failure is not null)
            logger.LogError(failure, "There is no LAN discovery.");
    }

    // By itself, unless it was stopped: it may be started again.
    private void Ended(CancellationTokenSource stopping)
    {
        lock (_gate)
        {
            if (_stopping != stopping)
                return;
            _stopping = null;
        }

        stopping.Dispose();
    }
}
