using System.Diagnostics.Metrics;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Ssb.Conn.Net;

/// <summary>Hears which peers announce themselves on the LAN, in both formats.</summary>
/// <remarks>
/// <para>Thread-safe. Listens from <see cref="DiscoverAsync"/> on until that is cancelled, its enumeration ends, or this is
/// disposed; its ports are free again at once. One instance discovers once.</para>
/// <para>Nothing that a stranger sends makes it throw, and <see cref="LanLimits"/> bound what strangers can make it do.
/// It shares its ports with other SSB programs on the machine, as ssb-lan does. The counters are also instruments of the
/// meter <see cref="MeterName"/>, which cost nothing while nobody listens to them.</para>
/// </remarks>
public sealed class LanDiscovery : IAsyncDisposable
{
    /// <summary>The name of the meter of this class's instruments: <c>Ssb.Conn.Net.Lan</c>.</summary>
    /// <remarks>They are <c>ssb.conn.lan.datagrams</c> (by <c>outcome</c>), <c>ssb.conn.lan.dropped</c> and
    /// <c>ssb.conn.lan.dropped_routes</c>, all so far.</remarks>
    public const string MeterName = "Ssb.Conn.Net.Lan";

    private readonly LanOptions _options;
    private readonly LanReceiver _receiver;
    private readonly LanProblems _problems;
    private readonly NetworkChanges _changes;
    private readonly Channel<LanAnnouncement> _heard;
    private readonly Meter _meter = new(MeterName);
    private readonly Lock _gate = new();
    private readonly List<LanListener> _listeners = [];
    private CancellationTokenRegistration _cancelled;
    private bool _begun, _ended, _enumerated;

    /// <summary>Prepares discovery; opens nothing yet.</summary>
    /// <param name="options">How, and in which network; the defaults if null.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public LanDiscovery(LanOptions? options = null)
    {
        _options = LanOptions.Checked(options ?? new LanOptions());
        _receiver = new LanReceiver(_options, ReadNetwork);
        _problems = new LanProblems(_options.TimeProvider);
        _changes = new NetworkChanges(OnNetworkChanged, _problems);
        _heard = Channel.CreateBounded<LanAnnouncement>(new BoundedChannelOptions(_options.Limits.Queue) { SingleReader = true });
        _meter.CreateObservableCounter("ssb.conn.lan.datagrams", Measure, "{datagram}", "Datagrams by what became of them.");
        _meter.CreateObservableCounter(
            "ssb.conn.lan.dropped", () => Counters.Dropped, "{announcement}", "Announcements lost because the host is slow.");
        _meter.CreateObservableCounter(
            "ssb.conn.lan.dropped_routes", () => Counters.DroppedRoutes, "{route}", "Announced routes that may not be dialled.");
    }

    /// <summary>What became of all datagrams so far: a snapshot.</summary>
    public LanCounters Counters => _receiver.Counters;

    /// <summary>What does not work at the moment, e.g. a port that another program does not share.</summary>
    public IReadOnlyCollection<LanProblem> Problems => _problems.Now;

    /// <summary>Told when a problem comes, and when it has gone.</summary>
    internal StateLog? Log { init => _problems.Log = value; }

    /// <summary>Opens a port; a test replaces it.</summary>
    internal Func<int, bool, Socket> OpenSocket { private get; init; } = LanSocket.Listen;

    /// <summary>Reads the cards of this machine; a test replaces it.</summary>
    internal Func<HostNetwork> ReadCards { private get; init; } = HostNetwork.Read;

    /// <summary>Told of announcements that are refused because none of their routes may be dialled; quick, on any thread, and throws
    /// nothing. To be set before
    /// <see cref="DiscoverAsync"/>.</summary>
    internal Action<LanAnnouncement>? Refused { get; set; }

    /// <summary>Begins to listen, and gives every announcement from now on. Announcements of one peer repeat every few seconds.</summary>
    /// <remarks>
    /// The ports are open when this returns. If only one of the two can be had, discovery goes on with the other,
    /// <see cref="Problems"/> says so, and the first is tried again each second. When the host is slow, what does not fit into its queue is
    /// dropped and counted; the next repetition makes up for it.
    /// </remarks>
    /// <param name="cancellationToken">Ends listening and closes the ports at once.</param>
    /// <exception cref="InvalidOperationException">It was called before, or its result is enumerated a second time.</exception>
    /// <exception cref="IOException">No port could be opened. Discovery is over then; make another one to try again.</exception>
    /// <exception cref="OperationCanceledException">It is cancelled, now or while it is enumerated. Disposing ends the enumeration
    /// normally.</exception>
    /// <exception cref="ObjectDisposedException">This is disposed.</exception>
    public IAsyncEnumerable<LanAnnouncement> DiscoverAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            if (_begun)
                throw new InvalidOperationException("A LanDiscovery discovers once; make another one.");
            ObjectDisposedException.ThrowIf(_ended, this);

            cancellationToken.ThrowIfCancellationRequested();
            _begun = true;
            OpenPorts_NeedsLock();
            _changes.TryBegin();
        }

        // Outside the lock: a token that is cancelled by now runs this at once.
        _cancelled = cancellationToken.UnsafeRegister(static self => ((LanDiscovery)self!).Stop(), this); // !: it is this
        return ReadAsync(cancellationToken);
    }

    /// <summary>Stops listening, closes the ports, and ends the enumeration normally.</summary>
    public async ValueTask DisposeAsync()
    {
        Stop();
        foreach (LanListener listener in _listeners) // no more are added once stopped
            listener.Dispose();
        await _cancelled.DisposeAsync().ConfigureAwait(false);
        _meter.Dispose();
    }

    private void OpenPorts_NeedsLock()
    {
        LanFormat[] formats = _options.Legacy ? [LanFormat.Normal, LanFormat.Legacy] : [LanFormat.Normal];
        LanListener[] ports = [.. formats.Select(format =>
            new LanListener(_options, format, _receiver, _problems, Hand, announcement => Refused?.Invoke(announcement))
            {
                OpenSocket = OpenSocket,
            })];
        var errors = new List<SocketException>();
        foreach (LanListener port in ports)
        {
            if (!port.TryOpen(out SocketException? error))
                errors.Add(error);
        }

        if (errors.Count == ports.Length)
        {
            foreach (LanListener port in ports)
                port.Dispose();
            _ended = true;
            _heard.Writer.TryComplete();
            throw new IOException("LAN discovery has no port to listen on: " + string.Join(" ", _problems.Now.Select(p => p.Message)), errors[0]);
        }

        _listeners.AddRange(ports);
        foreach (LanListener port in ports)
            port.Start(); // one that could not be had is tried again
    }

    private void Hand(LanAnnouncement announcement)
    {
        if (!_heard.Writer.TryWrite(announcement))
            _receiver.CountDropped();
    }

    private void OnNetworkChanged(object? sender, EventArgs e) => _receiver.ForgetNetwork();

    private HostNetwork? ReadNetwork()
    {
        const string Subject = "network cards";
        try
        {
            HostNetwork network = ReadCards();
            _problems.Clear(Subject);
            _changes.TryBegin();
            return network;
        }
        catch (Exception e) when (HostNetwork.IsUnreadable(e))
        {
            _problems.Report(Subject,
                $"The network cards of this machine cannot be read: {FailureText.Of(e)}. What was read before holds; they are read again.");
            return null;
        }
    }

    private void Stop()
    {
        lock (_gate)
            _ended = true;
        _changes.Dispose();
        foreach (LanListener listener in _listeners)
            listener.Stop();
        _heard.Writer.TryComplete();
    }

    private async IAsyncEnumerable<LanAnnouncement> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _enumerated, true))
            throw new InvalidOperationException("The announcements are enumerated already; they come once.");

        try
        {
            await foreach (LanAnnouncement announcement in _heard.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
                yield return announcement;
            cancellationToken.ThrowIfCancellationRequested();
        }
        finally
        {
            Stop();
        }
    }

    private IEnumerable<Measurement<long>> Measure()
    {
        LanCounters now = Counters;
        yield return Of(now.Accepted - now.Verified, "unverified");
        yield return Of(now.Verified, "verified");
        yield return Of(now.Coalesced, "coalesced");
        yield return Of(now.OffLink, "off-link");
        yield return Of(now.RateLimited, "rate-limited");
        yield return Of(now.OverBudget, "over-budget");
        foreach ((LanReject reason, long count) in now.Rejected)
            yield return Of(count, $"rejected-{reason}");

        static Measurement<long> Of(long count, string outcome) => new(count, new KeyValuePair<string, object?>("outcome", outcome));
    }
}
