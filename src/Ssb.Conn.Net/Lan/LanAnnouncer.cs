using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>
/// Announces addresses on the LAN: at once, and again every <see cref="LanOptions.AnnounceInterval"/>, to the broadcast address
/// of each interface's IPv4 subnet, in both formats unless <see cref="LanOptions.Legacy"/> is off.
/// </summary>
/// <remarks>
/// Thread-safe. Interfaces are read anew each time, and at once when the system reports a change; one that fails does not
/// stop the others. To fall silent, dispose it; to return, make another one.
/// </remarks>
public sealed class LanAnnouncer : IAsyncDisposable
{
    private readonly LanOptions _options;
    private readonly List<(int Port, byte[] Datagram)> _datagrams = [];
    private readonly LanProblems _problems;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _changed = new(0, 1);
    private Task _announcing = Task.CompletedTask;
    private bool _started, _disposed;
    private long _sent;

    /// <summary>Prepares and signs the announcements; sends nothing yet. <paramref name="keys"/> is not needed any more afterwards.</summary>
    /// <param name="options">How, and in which network.</param>
    /// <param name="keys">Who announces.</param>
    /// <param name="addresses">What: at least one, each with this identity in it.</param>
    /// <exception cref="ArgumentException">There is no address, or one names another identity, holds what is not known to be public (such as the seed of an invite), or is
    /// too long to announce (<see cref="LanDatagram.MaxLength"/>).</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The secret of <paramref name="keys"/> was wiped.</exception>
    public LanAnnouncer(LanOptions options, KeyPair keys, params IEnumerable<MultiserverAddress> addresses)
    {
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(addresses);
        _options = LanOptions.Checked(options);
        _problems = new LanProblems(options.TimeProvider);

        string key = keys.Id.ToString();
        foreach (MultiserverAddress address in addresses)
        {
            IReadOnlyList<MultiserverRoute> routes = address.Routes;
            if (address.Key != key || routes.Any(route => route.Key is not null && route.Key != key)) // receivers refuse the latter
                throw new ArgumentException($"'{address}' does not name the identity that announces it, {key}, and no other.", nameof(addresses));
            if (address.ToString() != address.Text)
                throw new ArgumentException($"'{address}' holds what is not known to be public, such as the seed of an invite: it is not for everybody on the LAN.", nameof(addresses));

            if (options.Legacy)
                _datagrams.Add((options.LegacyPort, LanDatagram.EncodeLegacy(address)));
            _datagrams.Add((options.NormalPort, LanDatagram.EncodeNormal(address, keys, options.NetworkKey)));
        }

        if (_datagrams.Count == 0)
            throw new ArgumentException("There is no address to announce.", nameof(addresses));
    }

    /// <summary>What does not work at the moment, e.g. an interface over which nothing can be sent.</summary>
    public IReadOnlyCollection<LanProblem> Problems => _problems.Now;

    /// <summary>How many datagrams were sent so far.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>Begins to announce.</summary>
    /// <exception cref="InvalidOperationException">It was started before.</exception>
    /// <exception cref="ObjectDisposedException">This is disposed.</exception>
    public void Start()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_started)
                throw new InvalidOperationException("It is announcing already.");

            _started = true;
            NetworkChange.NetworkAddressChanged += OnNetworkChanged;
            _announcing = Task.Run(AnnounceAsync);
        }
    }

    /// <summary>Stops announcing.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
        }

        NetworkChange.NetworkAddressChanged -= OnNetworkChanged;
        await _stop.CancelAsync().ConfigureAwait(false);
        await _announcing.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task AnnounceAsync()
    {
        // A stable rhythm: the timer ticks on while a round is sent.
        using var timer = new PeriodicTimer(_options.AnnounceInterval, _options.TimeProvider);
        Task<bool> tick = timer.WaitForNextTickAsync(_stop.Token).AsTask();
        Task change = _changed.WaitAsync(_stop.Token);
        try
        {
            while (true)
            {
                await SendRoundAsync().ConfigureAwait(false);
                Task next = await Task.WhenAny(tick, change).ConfigureAwait(false);
                await next.ConfigureAwait(false);
                if (next == tick)
                    tick = timer.WaitForNextTickAsync(_stop.Token).AsTask();
                else
                    change = _changed.WaitAsync(_stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped. The other of the two waits ends by the same token; nobody needs its outcome.
        }
    }

    private async Task SendRoundAsync()
    {
        var seen = new HashSet<string>();
        foreach (LanInterface card in LanInterfaces.Read(_options))
        {
            IPAddress? to = _options.Loopback ? IPAddress.Loopback : card.Broadcast;
            if (to is null)
                continue;

            string subject = $"interface {card.Name}, {card.Address}";
            seen.Add(subject);
            try
            {
                // A socket for each round: an interface that went and came back needs no care.
                using Socket socket = LanSocket.Send(card.Address, broadcast: !_options.Loopback);
                foreach ((int port, byte[] datagram) in _datagrams)
                {
                    await socket.SendToAsync(datagram, SocketFlags.None, new IPEndPoint(to, port), _stop.Token).ConfigureAwait(false);
                    Interlocked.Increment(ref _sent);
                }

                _problems.Clear(subject);
            }
            catch (SocketException e)
            {
                _problems.Report(subject, $"Announcing to {to} failed: {e.Message}.");
            }
        }

        if (seen.Count == 0)
            _problems.Report("network", "There is no network interface to announce on.");
        else
            _problems.Clear("network");

        // What is gone has no problems any more.
        _problems.ClearAllBut(subject => subject == "network" || seen.Contains(subject));
    }

    private void OnNetworkChanged(object? sender, EventArgs e)
    {
        try
        {
            _changed.Release(); // many changes at once are one
        }
        catch (SemaphoreFullException)
        {
            // One is waiting already.
        }
    }
}
