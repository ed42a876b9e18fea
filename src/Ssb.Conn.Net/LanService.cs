using Microsoft.Extensions.Logging;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>LAN discovery of a peer: announces where it is, and stages whom it hears, from a start to a stop. What fails is told, and begun
/// again. Thread-safe.</summary>
internal sealed class LanService(LanOptions options, KeyPair keys, PeerNetwork network, ConnPlugin plugin, ILogger logger)
    : IAsyncDisposable
{
    private const string Subject = "LAN discovery";

    private readonly LanOptions _options = LanOptions.Checked(options);
    private readonly StateLog _states = new(logger, options.TimeProvider);
    private readonly Lock _gate = new();
    private readonly LanFeed _feed = new();
    private CancellationTokenSource? _stopping; // under _gate; null: it does not run
    private Task _running = Task.CompletedTask;
    private bool _isClosed;

    /// <summary>Why it does not run at the moment, although it was started; null while it runs, and when it was stopped.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Begins, at once if it waits because it failed; does nothing if it runs.</summary>
    public void Start()
    {
        if (Failure is not null)
            Stop();
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
        if (stopping is null)
            return;
        stopping.Cancel();
        stopping.Dispose(); // by whoever took it out
        _states.Forget(Subject);
        Failure = null;
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
        _states.Dispose();
    }

    private async Task RunAsync(Task before, CancellationTokenSource stopping)
    {
        CancellationToken stopped = stopping.Token;
        await before.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // its ports are free again
        // Of a port, or of what the host has to say of peers: without discovery it is still a peer.
        await SteadyLoop.RunAsync(
            Subject, "There is no LAN discovery.", DiscoverAsync, _states, _options.TimeProvider, stopped,
            e => Failed(stopping, e)).ConfigureAwait(false);
        _states.ForgetAll(); // what did not work does not matter until the next start, which is told anew
    }

    private async Task DiscoverAsync(CancellationToken stopped)
    {
        var discovery = new LanDiscovery(_options) { Refused = plugin.NoteRefused, Log = _states };
        await using (discovery.ConfigureAwait(false))
        {
            // Who cannot be reached listens only.
            LanAnnouncer? announcer = network.HasNet ? new LanAnnouncer(_options, keys, network.AddressIn) { Log = _states } : null;
            try
            {
                IAsyncEnumerable<LanAnnouncement> heard = discovery.DiscoverAsync(stopped);
                Failure = null;
                announcer?.Start();
                await foreach (LanAnnouncement announcement in heard.ConfigureAwait(false))
                    Take(announcement);
            }
            finally
            {
                if (announcer is not null)
                    await announcer.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    // An announcement that cannot be taken, for what the host has to say of peers, must not keep out those behind it.
    private void Take(LanAnnouncement announcement)
    {
        try
        {
            plugin.TryStage(announcement);
            _feed.Hand(announcement);
        }
        catch (Exception e) when (e is not ObjectDisposedException || !plugin.IsClosed)
        {
            _states.Happened("LAN, staging", "A peer that was heard on the LAN could not be staged.", e, LogLevel.Error);
        }
    }

    private void Failed(CancellationTokenSource stopping, Exception e)
    {
        lock (_gate)
        {
            if (_stopping == stopping) // else it was told to stop
                Failure = e;
        }
    }
}
