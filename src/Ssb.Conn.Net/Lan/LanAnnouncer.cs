using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>
/// Announces on the LAN where a peer can be reached: at once, and again every <see cref="LanOptions.AnnounceInterval"/>, one address in
/// each IPv4 subnet
/// that this machine is in, to the subnet's broadcast address, in both formats unless <see cref="LanOptions.Legacy"/> is off.
/// </summary>
/// <remarks>
/// <para>Thread-safe. Cards are read anew for each round, and at once when the system reports a change, so that an address that comes is
/// announced within
/// the interval, and one that has gone no more. Cards that share a subnet are one: it is announced by the first of them that works.
/// Subnets have their turns one
/// after the other, at most a second apart, so that a peer that is in two of them does not dial twice.</para>
/// <para>A card that fails does not stop the others, nor does a system that does not tell of its cards: that is a problem, and is tried
/// again in the next
/// round. Where a card has no IPv4 address nothing can be broadcast, and nothing is announced. To fall silent, dispose it; to return,
/// make another one.</para>
/// </remarks>
public sealed class LanAnnouncer : IAsyncDisposable
{
    private const string Cards = "network", Announcing = "announcements", Interfaces = "interfaces", Subnets = "subnets";

    /// <summary>Changes of the network come in bursts: several for one card that comes up.</summary>
    private static readonly TimeSpan s_settling = TimeSpan.FromMilliseconds(100);

    private readonly LanOptions _options;
    private readonly KeyPair? _keys; // of the announcements that are still to be signed
    private readonly Func<LanSubnet, IReadOnlyList<LanSubnet>, MultiserverAddress?> _addressOf;
    private readonly NetworkChanges _changes;
    private readonly LanRounds _rounds;
    private readonly LanProblems _problems;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _changed = new(0, 1);
    private Dictionary<string, LanSigned> _signed; // by text: what was announced in the round before, and so is not signed again
    private IReadOnlyList<LanPlace> _places = [];
    private Task _announcing = Task.CompletedTask;
    private bool _started, _disposed;
    private long _sent;

    /// <summary>Prepares and signs announcements of fixed addresses; sends nothing yet. <paramref name="keys"/> is not needed any more
    /// afterwards.</summary>
    /// <param name="options">How, and in which network.</param>
    /// <param name="keys">Who announces.</param>
    /// <param name="addresses">What: at least one, each with this identity in it. In each subnet the first of them is announced that has
    /// a route into it; where none
    /// has, the first that has no route into any of the subnets. Routes to one peer belong into one address: receivers take each for a
    /// peer of its own.</param>
    /// <exception cref="ArgumentException">There is no address, or one names another identity, holds what is not known to be public (such as the seed of an invite), or is
    /// too long to announce (<see cref="LanDatagram.MaxLength"/>).</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The secret of <paramref name="keys"/> was wiped.</exception>
    public LanAnnouncer(LanOptions options, KeyPair keys, params IEnumerable<MultiserverAddress> addresses)
        : this(options)
    {
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(addresses);
        LanSigned[] all = [.. addresses.Select(address => Sign(address, keys, nameof(addresses)))];
        if (all.Length == 0)
            throw new ArgumentException("There is no address to announce.", nameof(addresses));
        _signed = all.DistinctBy(signed => signed.Address.Text).ToDictionary(signed => signed.Address.Text);
        _addressOf = (subnet, subnets) => (all.FirstOrDefault(signed => LeadsInto(signed.Address, subnet))
            ?? all.FirstOrDefault(signed => !subnets.Any(other => LeadsInto(signed.Address, other))))?.Address;
    }

    /// <summary>Prepares announcements of what is told for each subnet; sends nothing yet.</summary>
    /// <param name="options">How, and in which network.</param>
    /// <param name="keys">Who announces. It stays the caller's, and is needed until this is disposed.</param>
    /// <param name="addressOf">The address to announce in a subnet, with this identity in it; null for none. Asked in each round, on one
    /// thread at a time. What it
    /// throws, and an address that cannot be announced, is a problem of that subnet.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public LanAnnouncer(LanOptions options, KeyPair keys, Func<LanSubnet, MultiserverAddress?> addressOf)
        : this(options)
    {
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(addressOf);
        _keys = keys;
        _addressOf = (subnet, _) => addressOf(subnet);
    }

    private LanAnnouncer(LanOptions options)
    {
        _options = LanOptions.Checked(options);
        _problems = new LanProblems(options.TimeProvider);
        _rounds = new LanRounds(options.AnnounceInterval);
        _changes = new NetworkChanges(OnNetworkChanged, _problems);
        _addressOf = (_, _) => null; // until the constructor that is called sets it
        _signed = [];
    }

    /// <summary>What does not work at the moment, e.g. an interface over which nothing can be sent.</summary>
    public IReadOnlyCollection<LanProblem> Problems => _problems.Now;

    /// <summary>Told when a problem comes, and when it has gone.</summary>
    internal StateLog? Log { init => _problems.Log = value; }

    /// <summary>Reads the cards of this machine; a test replaces it.</summary>
    internal Func<HostNetwork> ReadCards { private get; init; } = HostNetwork.Read;

    /// <summary>Opens a socket that sends; a test replaces it.</summary>
    internal Func<IPAddress, bool, Socket> OpenSocket { private get; init; } = LanSocket.Send;

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

        _changes.Dispose();
        await _stop.CancelAsync().ConfigureAwait(false);
        await _announcing.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task AnnounceAsync()
    {
        TimeProvider time = _options.TimeProvider;
        long start = time.GetTimestamp();
        bool hasChanged = false;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                TimeSpan now = time.GetElapsedTime(start);
                if (hasChanged || _rounds.IsOver(now))
                {
                    _changes.TryBegin(); // before the cards are read, so that no change is missed in between
                    _rounds.Set(_places = ReadPlaces(), now);
                }

                while (_rounds.TryTake(time.GetElapsedTime(start), out LanPlace? place))
                    await SendAsync(place).ConfigureAwait(false);
                _problems.Clear(Announcing);
                hasChanged = await IsChangedAsync(_rounds.Due - time.GetElapsedTime(start)).ConfigureAwait(false);
            }
            catch (Exception) when (_stop.IsCancellationRequested)
            {
                // Stopped, by whatever exception that shows itself.
            }
            catch (Exception e)
            {
                _problems.Report(Announcing, $"Announcing failed: {FailureText.Of(e)}. It is tried again in the next round.");
                await Task.Delay(_options.AnnounceInterval, time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Waits until it is time, or the network has changed.</summary>
    private async Task<bool> IsChangedAsync(TimeSpan wait)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        Task time = Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, _options.TimeProvider, over.Token);
        Task change = _changed.WaitAsync(over.Token);
        await Task.WhenAny(time, change).ConfigureAwait(false);
        await over.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(time, change).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Token.ThrowIfCancellationRequested();
        if (!change.IsCompletedSuccessfully)
            return false;
        await Task.Delay(s_settling, _options.TimeProvider, _stop.Token).ConfigureAwait(false);
        return true;
    }

    /// <summary>What is to be announced where, by the network as it is now; as it was, if the system does not tell.</summary>
    private IReadOnlyList<LanPlace> ReadPlaces()
    {
        IReadOnlyList<(LanSubnet Subnet, IReadOnlyList<LanInterface> By)> found;
        try
        {
            found = LanSubnet.Of([.. LanInterfaces.Of(ReadCards(), _options)
                .Where(card => _options.Loopback || card.Broadcast is not null)]);
        }
        catch (Exception e) when (HostNetwork.IsUnreadable(e))
        {
            _problems.Report(
                Cards, $"The network cards of this machine cannot be read: {FailureText.Of(e)}. They are read again in the next round.");
            return _places;
        }

        if (found.Count == 0)
            _problems.Report(
                Cards, "There is no network interface to announce on: none that is up has an IPv4 subnet to broadcast in.");
        else
            _problems.Clear(Cards);

        IReadOnlyList<LanSubnet> subnets = [.. found.Select(f => f.Subnet)];
        var places = new List<LanPlace>();
        var signed = new Dictionary<string, LanSigned>();
        foreach ((LanSubnet subnet, IReadOnlyList<LanInterface> by) in found)
        {
            if (SignedFor(subnet, subnets) is not { } announcement)
                continue;
            signed[announcement.Address.Text] = announcement;
            places.Add(new LanPlace(subnet.Network, by, announcement));
        }

        if (_keys is not null)
            _signed = signed;

        // What is gone has no problems any more.
        HashSet<string> there =
            [Cards, Announcing, NetworkChanges.Subject, .. subnets.Select(SubjectOf), .. found.SelectMany(f => f.By).Select(SubjectOf)];
        _problems.ClearAllBut(there.Contains);
        return places;
    }

    private LanSigned? SignedFor(LanSubnet subnet, IReadOnlyList<LanSubnet> subnets)
    {
        try
        {
            MultiserverAddress? address = _addressOf(subnet, subnets);
            LanSigned? signed = address is null ? null
                : _signed.TryGetValue(address.Text, out LanSigned? known) ? known
                : Sign(address, _keys!, "address"); // fixed ones are all known
            _problems.Clear(SubjectOf(subnet));
            return signed;
        }
        catch (Exception e) // the caller's code, or a mistake in what it told: the other subnets are announced all the same
        {
            _problems.Report(SubjectOf(subnet), $"There is nothing to announce in {subnet.Network}: {e.Message}", Subnets);
            return null;
        }
    }

    private async Task SendAsync(LanPlace place)
    {
        foreach (LanInterface card in place.By)
        {
            IPAddress to = _options.Loopback ? IPAddress.Loopback : card.Broadcast!; // only those were taken that have one
            try
            {
                // A socket for each round: an interface that went and came back needs no care.
                using Socket socket = OpenSocket(card.Address, !_options.Loopback);
                if (place.Signed.Legacy is { } legacy)
                    await SendAsync(socket, legacy, new IPEndPoint(to, _options.LegacyPort)).ConfigureAwait(false);
                await SendAsync(socket, place.Signed.Normal, new IPEndPoint(to, _options.NormalPort)).ConfigureAwait(false);
                _problems.Clear(SubjectOf(card));
                return;
            }
            catch (SocketException e)
            {
                _problems.Report(SubjectOf(card), $"Announcing to {to} failed: {FailureText.Of(e)}.", Interfaces);
            }
        }
    }

    private async Task SendAsync(Socket socket, byte[] datagram, IPEndPoint to)
    {
        await socket.SendToAsync(datagram, SocketFlags.None, to, _stop.Token).ConfigureAwait(false);
        Interlocked.Increment(ref _sent);
    }

    private LanSigned Sign(MultiserverAddress address, KeyPair keys, string parameter)
    {
        FeedId key = keys.Id;
        IReadOnlyList<MultiserverRoute> routes = address.Routes;
        if (address.FeedId != key || routes.Any(route => route.FeedId is not null && route.FeedId != key)) // receivers refuse the latter
            throw new ArgumentException($"'{address}' does not name the identity that announces it, {key}, and no other.", parameter);
        if (address.ToString() != address.Text)
            throw new ArgumentException(
                $"'{address}' holds what is not known to be public, such as the seed of an invite: it is not for everybody on the LAN.", parameter);
        return new LanSigned(
            address, LanDatagram.EncodeNormal(address, keys, _options.NetworkKey),
                _options.Legacy ? LanDatagram.EncodeLegacy(address) : null);
    }

    private static bool LeadsInto(MultiserverAddress address, LanSubnet subnet) =>
        address.Routes.Any(route => LanRoutes.TryGetHost(route, out IPAddress? host) && subnet.Has(host));

    private static string SubjectOf(LanInterface card) => $"interface {card.Name}, {card.Address}";

    private static string SubjectOf(LanSubnet subnet) => $"subnet {subnet.Network}";

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
