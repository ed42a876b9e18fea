using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>The network of a peer: it dials multiserver addresses and lets callers in, over TCP, unix sockets, WebSockets, Tor and rooms, shakes hands, and speaks
/// muxrpc.</summary>
/// <remarks>
/// <para>Thread-safe. It listens from <see cref="Open"/> on; callers are let in while <see cref="AcceptAsync(Func{FeedId, bool}, CancellationToken)"/> is enumerated, once at a time. What strangers can
/// make it hold is bounded by its options, and counted in <see cref="Counters"/>.</para>
/// <para>Who has our own key, or comes by a unix socket without a handshake, is one of us: it is served everything, and the manager does not see it.</para>
/// </remarks>
public sealed class PeerNetwork : IPeerNetwork, IAsyncDisposable
{
    private const int CallersWaiting = 64; // for whoever enumerates them
    private const int HandshakeShare = 4, CallerShare = 2; // of the descriptors that are left for them as the network opens
    private const string OutOfDescriptors = "letting callers in"; // in a log
    private const string NoRooms = "nobody here knows rooms, through which a tunnel goes";

    private static readonly TimeSpan s_probe = TimeSpan.FromSeconds(10); // of a connection whose peer has come by another

    // After callers could not be accepted: no more sockets, say. They wait in the queue of the system meanwhile.
    private static readonly TimeSpan s_pauseAfterError = TimeSpan.FromMilliseconds(100), s_longestPause = TimeSpan.FromSeconds(1);

    private readonly PeerNetworkOptions _options;
    private readonly IReadOnlyList<Listener> _listeners;
    private readonly ConnectionLimits _limits;
    private readonly Descriptors _descriptors;
    private readonly StateLog _states;
    private readonly ConnectionPolicy _policy;
    private readonly HandshakeOptions _handshake;
    private readonly Channel<PeerConnection> _callers = Channel.CreateBounded<PeerConnection>(CallersWaiting);
    private readonly TaskCompletionSource<RpcApi> _api = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _gate = new();

    // Guarded by _gate.
    private readonly Dictionary<FeedId, List<PeerConnection>> _connections = [];
    private readonly HashSet<Task> _running = []; // greetings, and what lasts as long as a connection
    private bool _isAccepting, _isClosed;

    private Func<FeedId, bool>? _welcome; // the manager's
    private bool _isWithoutReserveFile; // and that was told
    private long _refusedRoutes, _refusedIncoming, _refusedOutgoing;
    private volatile IReadOnlyList<LanSubnet> _subnets = []; // as they were last read

    private PeerNetwork(PeerNetworkOptions options, IReadOnlyList<Listener> listeners)
    {
        (_options, _listeners) = (options, listeners);
        _states = new StateLog(options.Logger, options.TimeProvider);
        _descriptors = new Descriptors(options.Limits.ReservedDescriptors);
        _limits = new ConnectionLimits(options with { Limits = Fitted(options.Limits) });
        _handshake = new HandshakeOptions { Network = options.NetworkKey, Deadline = options.Limits.HandshakeDeadline, TimeProvider = options.TimeProvider };
        _policy = new ConnectionPolicy(options, _states);
        if (!options.IsServedLater)
            _api.SetResult(options.Api ?? new RpcApi());
    }

    /// <summary>Where we can be called now: for each place to listen at, in the order of <see cref="PeerNetworkOptions.Sockets"/> and
    /// then of
    /// <see cref="PeerNetworkOptions.Listen"/>, one address (none for a socket whose path no address can hold); where that is all
    /// interfaces, one for each subnet that this machine is in, whose routes are our addresses there, IPv4 first. Link-local IPv6
    /// addresses are left out.</summary>
    /// <remarks>Found out at each call. While the system does not tell of its network cards, they are as they were told of
    /// before.</remarks>
    public IReadOnlyList<MultiserverAddress> Addresses
    {
        get
        {
            IReadOnlyList<LanSubnet> subnets = ReadSubnets();
            return [.. _listeners.SelectMany(listener => listener.AddressesOf(_options.Keys.Id, subnets))];
        }
    }

    /// <summary>The connections that stand, those with our own programs included.</summary>
    public IReadOnlyCollection<PeerConnection> Connections
    {
        get
        {
            lock (_gate)
                return [.. _connections.Values.SelectMany(c => c)];
        }
    }

    /// <summary>What became of those who called.</summary>
    public PeerNetworkCounters Counters => _limits.Counters with
    {
        RefusedRoutes = Interlocked.Read(ref _refusedRoutes),
        RefusedIncoming = Interlocked.Read(ref _refusedIncoming),
        RefusedOutgoing = Interlocked.Read(ref _refusedOutgoing),
    };

    /// <summary>How many greetings run, and how much else that lasts as long as a connection.</summary>
    internal int RunningTasks
    {
        get
        {
            lock (_gate)
                return _running.Count;
        }
    }

    /// <summary>Opens the raw stream of a <c>tunnel</c> route; whoever knows the rooms sets it.</summary>
    internal Func<MultiserverRoute, PeerDial, DialTime, CancellationToken, Task<Stream>>? OpenTunnel { get; set; }

    /// <summary>Told of a connection that we ended because of what the peer sent, with the reason. Quick, on any thread, and throws
    /// nothing.</summary>
    internal Action<PeerConnection, string>? CutOff { private get; set; }

    /// <summary>Told of each peer that is refused, as a caller after it has shown who it is, or because the host's policy lets nobody dial it, beside <see cref="PeerNetworkOptions.OnRefused"/>. Quick, on any thread, and throws
    /// nothing.</summary>
    internal Action<FeedId, MultiserverAddress?, string>? Refused { private get; set; }

    internal PeerNetworkLimits Limits => _options.Limits;

    /// <summary>A network that listens where the options say.</summary>
    /// <exception cref="FormatException">A place to listen at is none.</exception>
    /// <exception cref="IOException">A place to listen at is taken, or may not be had. Nothing is listened at then.</exception>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static PeerNetwork Open(PeerNetworkOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options = options.Checked();
        var listeners = new List<Listener>();
        try
        {
            listeners.AddRange(options.Sockets.Select(Listener.Open));
            listeners.AddRange(options.Listen.Select(Listener.Open));
            return new PeerNetwork(options, listeners);
        }
        catch
        {
            listeners.ForEach(l => l.Dispose());
            throw;
        }
    }

    /// <summary>A connection with a peer; null if there is none. Of several, the oldest.</summary>
    public PeerConnection? Find(FeedId remote)
    {
        lock (_gate)
            return _connections.TryGetValue(remote, out List<PeerConnection>? found) ? found[0] : null;
    }

    /// <summary>Dials a peer: its routes in order, until one works. <see cref="ConnPlugin.ConnectAsync(MultiserverAddress, PeerData?, CancellationToken)"/> is what puts it into
    /// the hub.</summary>
    /// <exception cref="ConnectFailedException">None of the routes works, or the host's policy refuses the peer
    /// (<see cref="PeerNetworkOptions.MayConnect"/>).</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public Task<PeerConnection> ConnectAsync(MultiserverAddress address, CancellationToken cancellationToken = default) =>
        ConnectAsync(new PeerDial(address), cancellationToken);

    private async Task<PeerConnection> ConnectAsync(PeerDial dial, CancellationToken cancellationToken)
    {
        MultiserverAddress address = dial.Address;
        ObjectDisposedException.ThrowIf(_isClosed, this);
        IReadOnlyList<MultiserverRoute> routes = address.Routes;
        var failures = new List<ConnectFailedException>();
        var time = new DialTime(_options.TimeProvider, dial.Deadline);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
        if (address.FeedId is { } who && await RefusalOfDialAsync(who, dial, ended.Token).ConfigureAwait(false) is { } refusal)
            throw new ConnectFailedException($"{refusal[..1].ToUpperInvariant()}{refusal[1..]}.") { IsRefusedByHost = true };
        for (int i = 0; i < routes.Count; i++)
        {
            MultiserverRoute route = routes[i];
            try
            {
                return await time.TryNextAsync(
                    routes.Count - i, _options.Limits.RouteDeadline, route, (share, token) => ConnectAsync(dial, route, share, token), ended.Token).ConfigureAwait(false);
            }
            catch (ConnectFailedException e)
            {
                failures.Add(e);
            }
        }

        throw failures.Count == 1 ? failures[0]
            : new ConnectFailedException(string.Join(' ', failures.Select(f => f.Message)), failures[^1])
            {
                IsLocal = failures.TrueForAll(f => f.IsLocal),
                IsUnwanted = failures.Exists(f => f.IsUnwanted),
            };
    }

    /// <inheritdoc/>
    /// <remarks>A key is looked at once for each route, and not for each dial.</remarks>
    public string? ProblemOf(MultiserverAddress address, bool isFromOwner)
    {
        ArgumentNullException.ThrowIfNull(address);
        IReadOnlyList<MultiserverRoute> routes = address.Routes;
        if (routes.Count == 1)
            return ProblemOf(routes[0], address, isFromOwner);
        var problems = new List<string>(routes.Count);
        foreach (MultiserverRoute route in routes)
        {
            if (ProblemOf(route, address, isFromOwner) is not { } problem)
                return null;
            problems.Add($"{route}: {problem}");
        }

        return string.Join("; ", problems);
    }

    /// <inheritdoc/>
    public async Task<IPeerConnection> DialAsync(PeerDial dial, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(dial);
        return await ConnectAsync(dial, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">It is enumerated already.</exception>
    public async IAsyncEnumerable<IPeerConnection> AcceptAsync(Func<FeedId, bool> isWelcome, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(isWelcome);
        ObjectDisposedException.ThrowIf(_isClosed, this);
        if (Interlocked.Exchange(ref _isAccepting, true))
            throw new InvalidOperationException("Callers are let in already.");
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
        _welcome = isWelcome;
        Task[] accepting = [.. _listeners.Select(l => AcceptAsync(l, ended.Token))];
        try
        {
            while (await WaitAsync(ended.Token).ConfigureAwait(false))
            {
                while (_callers.Reader.TryRead(out PeerConnection? caller))
                    yield return caller;
            }

            cancellationToken.ThrowIfCancellationRequested();
        }
        finally
        {
            await ended.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(accepting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _isAccepting = false;
        }
    }

    /// <summary>Ends all connections, with a goodbye each for as long as <see cref="RpcOptions.CloseTimeout"/> allows, and listens no more. Closing again does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_isClosed)
                return;
            _isClosed = true;
        }

        await _closing.CancelAsync().ConfigureAwait(false);
        foreach (Listener listener in _listeners)
            listener.Dispose();
        await Task.WhenAll(Connections.Select(c => c.Rpc.DisposeAsync().AsTask())).ConfigureAwait(false);
        Task[] running;
        lock (_gate)
            running = [.. _running];
        await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _closing.Dispose();
        _states.Dispose();
    }

    /// <summary>Can we be called by plain TCP? Else there is nothing to announce on a LAN.</summary>
    internal bool HasNet => _listeners.Any(listener => listener.Place is { Transport: "net" });

    /// <summary>The one address by which we can be called from a subnet, by plain TCP; null if that cannot be done.</summary>
    internal MultiserverAddress? AddressIn(LanSubnet subnet) =>
        ListeningPlace.AddressIn(subnet, _listeners.Select(listener => listener.Place).OfType<ListeningPlace>(), _options.Keys.Id);

    /// <summary>What is served from now on, where the options left that for later.</summary>
    internal void Serve(RpcApi api) => _api.SetResult(api);

    /// <summary>Takes in the raw stream of a caller as if it had come to a listener: shakes hands over it, and hands it to the manager. Completes when the connection
    /// has ended, or was not made.</summary>
    /// <param name="raw">The stream; it belongs to the connection, if that is not made too.</param>
    /// <param name="address">Where the call comes from; its key must be the caller's.</param>
    /// <param name="source">To whose share the caller counts.</param>
    /// <param name="cancellationToken">Ends the handshake.</param>
    internal async Task AcceptStreamAsync(Stream raw, MultiserverAddress address, string source, CancellationToken cancellationToken)
    {
        using ConnectionLimits.Place? place = _limits.Enter(source);
        if (place is null)
        {
            await raw.DisposeAsync().ConfigureAwait(false);
            return;
        }

        await GreetAsync(place, _ => Task.FromResult(raw), remote => address.FeedId is { } key && key != remote ? null : address, cancellationToken).ConfigureAwait(false);
    }

    private void OnEvent(FeedId who, RpcEvent happening)
    {
        if (happening.Kind == RpcEventKind.NoReserveFile && !Interlocked.Exchange(ref _isWithoutReserveFile, true))
        {
            _options.Logger.LogWarning(happening.Error,
                "What peers send faster than it is read cannot be kept in a file in {Folder}, so only memory holds it. Other connections that find the same do not say so.",
                _options.Limits.Rpc.ReserveFolder);
        }

        if (happening is { Kind: RpcEventKind.Failed, Error: { } error })
        {
            // Its name is one that the host has given to a procedure, so there are few.
            _states.Happened(
                $"procedure {happening.Procedure}",
                $"The procedure {happening.Procedure}, called by {who}, failed: {StrangerText.Show(error.Message)}",
                error, LogLevel.Error);
        }

        try
        {
            _options.Limits.Rpc.OnEvent?.Invoke(happening);
        }
        catch (Exception e)
        {
            _states.Happened("RpcOptions.OnEvent", "What the host does with an event of a connection (RpcOptions.OnEvent) failed.", e, LogLevel.Error);
        }
    }

    private async Task<string?> RefusalOfDialAsync(FeedId who, PeerDial dial, CancellationToken cancellationToken)
    {
        if (who == _options.Keys.Id || !_policy.IsThere)
            return null;
        var attempt = new ConnectionAttempt(who, dial.Address, ConnectionDirection.Outgoing) { IsRequested = dial.IsRequested };
        if (await _policy.RefusalOfAsync(attempt, cancellationToken).ConfigureAwait(false) is not { } refusal)
            return null;
        Interlocked.Increment(ref _refusedOutgoing);
        Refuse(who, dial.Address, refusal);
        return refusal;
    }

    private async ValueTask<bool> MayEnterAsync(FeedId who, MultiserverAddress? from, CancellationToken cancellationToken)
    {
        if (who == _options.Keys.Id)
            return true;
        try
        {
            if (_welcome?.Invoke(who) == false)
                return false;
        }
        catch (Exception e)
        {
            // The host's social graph, say.
            _states.Happened("whom the manager lets in", $"Whether {who}, who calls, may come in could not be found out. The peer is refused.", e, LogLevel.Error);
            return false;
        }

        if (!_policy.IsThere
            || await _policy.RefusalOfAsync(new ConnectionAttempt(who, from, ConnectionDirection.Incoming), cancellationToken).ConfigureAwait(false) is not { } refusal)
            return true;
        Interlocked.Increment(ref _refusedIncoming);
        Refuse(who, from, refusal);
        return false;
    }

    private IReadOnlyList<LanSubnet> ReadSubnets()
    {
        try
        {
            return _subnets = LanSubnet.All(HostNetwork.Read());
        }
        catch (Exception e) when (HostNetwork.IsUnreadable(e))
        {
            _options.Logger.LogWarning(e, "The network cards of this machine cannot be read.");
            return _subnets;
        }
    }

    private async Task<bool> WaitAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _callers.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task<PeerConnection> ConnectAsync(PeerDial dial, MultiserverRoute route, DialTime time, CancellationToken cancellationToken)
    {
        Stream raw;
        try
        {
            if (ProblemOf(route, dial.Address, isFromOwner: true) is { } problem)
            {
                Interlocked.Increment(ref _refusedRoutes);
                throw new ConnectFailedException($"{problem}.");
            }

            if (route.Transport != "tunnel" && !_descriptors.MayOpen(DescriptorUse.Dial))
            {
                const string Short = "this process is short of file descriptors (ulimit -n), and keeps the last ones for its files.";
                throw new ConnectFailedException(Short) { IsLocal = true };
            }

            raw = route.Transport != "tunnel" ? await Transport.OpenAsync(route, dial, HowToOpen(time), cancellationToken).ConfigureAwait(false)
                : !dial.TryOpen() ? throw new ConnectFailedException(Transport.TooMany)
                : OpenTunnel is { } open ? await open(route, dial, time, cancellationToken).ConfigureAwait(false)
                : throw new ConnectFailedException($"{NoRooms}.");
        }
        catch (ConnectFailedException e)
        {
            throw new ConnectFailedException($"{route} could not be reached: {e.Message}", e.InnerException) { IsLocal = e.IsLocal };
        }

        bool isRelayed = IsRelayed(route);
        if (route.Transform == "shs")
        {
            (BoxStream stream, FeedId? guest) = await ShakeAsync(raw, route, route.FeedId!.Value, cancellationToken).ConfigureAwait(false); // it could be dialled: it has one
            return Start(stream, null, dial.Address, isClient: true, isRelayed, guest);
        }

        return Start(raw, _options.Keys.Id, dial.Address, isClient: true, isRelayed);
    }

    /// <summary>Why a route is not dialled, whatever happens; null if it may be.</summary>
    private string? ProblemOf(MultiserverRoute route, MultiserverAddress address, bool isFromOwner) =>
        Transport.UnknownTransport(route) is { } unknown ? unknown
        : route is { Transform: "noauth", Transport: not "unix" }
            ? "'noauth' (no handshake) is dialled at 'unix' sockets only, which the file system guards"
        : route.Transform == "noauth" && !isFromOwner ? "it names no key, and only an owner may name a socket without a handshake"
        // Blocks and permissions are decided by the address's identity.
        : route.FeedId is { } key && address.FeedId != key
            ? $"it names another identity than the address it belongs to, which is {address.FeedId?.ToString() ?? "none"}"
        : route.Transport == "tunnel" && OpenTunnel is null ? NoRooms
        : Transport.ProblemOf(route) is { } problem ? problem
        : route is { Transport: "unix", Path: { } path } ? UnixSockets.ProblemOf(path)?.TrimEnd('.')
        : null;

    private RouteOpening HowToOpen(DialTime time) => new()
    {
        SocksProxy = _options.SocksProxy,
        Certificates = _options.Certificates,
        Useful = NewUseful(),
        Time = time,
        LongestShare = _options.Limits.RouteDeadline,
        Silence = _options.Limits.Silence,
        Resolve = _options.Resolve,
    };

    // TCP ends at a room, or at Tor, which may be there when the peer behind it is not.
    private static bool IsRelayed(MultiserverRoute route) => route.Transport is "tunnel" or "onion";

    private async Task<(BoxStream Stream, FeedId? Guest)> ShakeAsync(Stream raw, MultiserverRoute route, FeedId server, CancellationToken cancellationToken)
    {
        KeyPair? seeded = null;
        try
        {
            // An invite: its seed is the key to shake hands with.
            if (route is { HasSeed: true, HasRoomSeed: false })
                seeded = KeyPair.FromSeed(Convert.FromBase64String(route.Protocols[1].Data[1]));
            BoxStream stream = await SecretHandshake.ConnectAsync(raw, seeded ?? _options.Keys, server, _handshake, cancellationToken).ConfigureAwait(false);
            return (stream, seeded is { Id: var guest } && guest != _options.Keys.Id ? guest : null);
        }
        catch (Exception e) when (e is IOException or FormatException or ArgumentException)
        {
            await raw.DisposeAsync().ConfigureAwait(false);
            string why = raw is TunnelStream { Refusal.Message: { } said } ? $"The room said: {said}" : e is HandshakeException ? InShort(e.Message) : FailureText.OfDial(e, route);
            throw new ConnectFailedException(e is IOException ? $"{route}: {why}" : $"The seed of {route} is not 32 bytes in base64.", e)
            {
                // What a room says of a tunnel comes from the room.
                IsUnwanted = e is HandshakeException { Failure: HandshakeFailure.Refused } && raw is not TunnelStream { Refusal: not null },
            };
        }
        finally
        {
            seeded?.Dispose();
        }
    }

    // Whoever dials a peer need not know which of the two is called client.
    private static string InShort(string message)
    {
        const string Server = "client: the server ";
        return message.StartsWith(Server, StringComparison.Ordinal) ? $"it {message[Server.Length..]}" : message;
    }

    // Goes on until the network closes, whatever happens to a caller.
    private async Task AcceptAsync(Listener listener, CancellationToken cancellationToken)
    {
        await _api.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        string subject = $"callers at {listener.Name}";
        TimeSpan pause = s_pauseAfterError;
        while (true)
        {
            try
            {
                Socket caller = await _options.Accept(listener, cancellationToken).ConfigureAwait(false);
                _states.Leave(subject);
                pause = s_pauseAfterError;
                if (MayEnter(caller, listener))
                    Run(GreetAsync(listener, caller, cancellationToken));
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                _states.Enter(
                    subject, $"Callers at {listener.Name} cannot be let in at the moment: {FailureText.Of(e)}. It is tried again.", e);
                await Task.Delay(pause, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
                pause = pause * 2 < s_longestPause ? pause * 2 : s_longestPause;
            }
        }
    }

    private bool MayEnter(Socket caller, Listener listener)
    {
        if (_descriptors.MayKeep(caller.SafeHandle, listener.HasHandshake ? DescriptorUse.Caller : DescriptorUse.Owner))
            return true;
        caller.Dispose();
        _limits.CountDescriptors();
        _states.Happened(
            OutOfDescriptors,
            $"This process is short of file descriptors (its limit is {Descriptors.Limit:N0}: ulimit -n), so callers are refused.");
        return false;
    }

    // As many as the process has descriptors for, so that a flood does not use up those of others: what is refused is then the flood.
    private PeerNetworkLimits Fitted(PeerNetworkLimits limits)
    {
        int left = _descriptors.LeftFor(DescriptorUse.Caller);
        PeerNetworkLimits fitted = limits with
        {
            MaxCallers = Math.Min(limits.MaxCallers, Math.Max(1, left / CallerShare)),
            MaxHandshakes = Math.Min(limits.MaxHandshakes, Math.Max(1, left / HandshakeShare)),
        };
        if (_listeners.Count > 0 && fitted != limits)
        {
            _options.Logger.LogWarning(
                "This process may have {Limit:N0} file descriptors (ulimit -n), so {Callers:N0} callers are let in at most, and " +
                "{Handshakes:N0} may shake hands at a time.",
                Descriptors.Limit, fitted.MaxCallers, fitted.MaxHandshakes);
        }

        return fitted;
    }

    private async Task GreetAsync(Listener listener, Socket caller, CancellationToken cancellationToken)
    {
        EndPoint? from;
        try
        {
            from = caller.RemoteEndPoint;
            if (!listener.IsUnix)
                _options.Limits.Silence.Apply(caller);
        }
        catch (SocketException)
        {
            caller.Dispose(); // it has gone already
            return;
        }

        if (!listener.HasHandshake)
        {
            // The file system has let it in: it is one of us, whom no stranger may keep out.
            await HoldLocalAsync(listener, caller, from, cancellationToken).ConfigureAwait(false);
            return;
        }

        using ConnectionLimits.Place? place = _limits.Enter(PeerSource.Of(from));
        if (place is null)
            caller.Dispose();
        else
            await GreetAsync(place, token => listener.OpenAsync(caller, (origin, called) => Admits(origin, from, called, place), NewUseful(), token), remote => listener.AddressOf(from, remote), cancellationToken).ConfigureAwait(false);
    }

    private async Task HoldLocalAsync(Listener listener, Socket caller, EndPoint? from, CancellationToken cancellationToken)
    {
        if (!_limits.TryEnterLocal())
        {
            caller.Dispose();
            int most = _options.Limits.MaxLocalCallers;
            _states.Happened(
                $"programs at {listener.Name}",
                $"Programs of this user have {most:N0} connections by unix sockets, the most that may be; more are refused.");
            return;
        }

        try
        {
            FeedId own = _options.Keys.Id;
            MultiserverAddress address = listener.AddressOf(from, own);
            await HoldAsync(new NetworkStream(caller, ownsSocket: true), own, address, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _limits.LeaveLocal();
        }
    }

    // From the caller's first byte to the end of its connection.
    private async Task GreetAsync(ConnectionLimits.Place place, Func<CancellationToken, Task<Stream>> open, Func<FeedId, MultiserverAddress?> addressOf, CancellationToken cancellationToken)
    {
        BoxStream stream;
        bool isUnwelcome = false;
        using (var deadline = new CancellationTokenSource(_options.Limits.HandshakeDeadline, _options.TimeProvider))
        using (var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token, place.Evicted))
        {
            try
            {
                Stream raw = await open(ended.Token).ConfigureAwait(false);
                stream = await SecretHandshake.AcceptAsync(raw, _options.Keys, AuthorizeAsync, _handshake, ended.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
            {
                _limits.CountFailure(isUnwelcome);
                return; // a stranger's failure is nobody's news: it is counted
            }
        }

        string? refusal = null;
        if (addressOf(stream.Remote) is { } address && place.Promote(stream.Remote, out refusal))
        {
            await HoldAsync(stream, null, address, cancellationToken).ConfigureAwait(false);
            return;
        }

        await stream.DisposeAsync().ConfigureAwait(false);
        Refuse(stream.Remote, addressOf(stream.Remote), refusal ?? "it called through a room as another peer than it is");

        async ValueTask<bool> AuthorizeAsync(FeedId who, CancellationToken token)
        {
            bool mayEnter = await MayEnterAsync(who, addressOf(who), token).ConfigureAwait(false);
            isUnwelcome = !mayEnter;
            return mayEnter;
        }
    }

    // A web page must not take the places of other programs, nor, through the browser of a person here, call from this machine: what is meant for it alone would be open to every page.
    private bool Admits(string origin, EndPoint? from, IPEndPoint called, ConnectionLimits.Place place)
    {
        if (from is not IPEndPoint caller || !Origins.IsFromThisMachine(caller, called) || Origins.MayCall(origin, called, _options.Limits.LocalOrigins))
            return place.BecomeBrowser();
        if (_limits.CountOrigin())
        {
            _options.Logger.LogWarning(
                "A web page of the origin {Origin} called from this machine and was refused, as others are from now on without a word for a minute. PeerNetworkLimits.LocalOrigins names those that may.",
                StrangerText.Show(origin));
        }

        return false;
    }

    private UsefulBytes NewUseful() => new(_options.TimeProvider, _options.Limits.MaxUselessBytes, _limits.CountUseless);

    private void Refuse(FeedId who, MultiserverAddress? address, string why)
    {
        Refused?.Invoke(who, address, why);
        try
        {
            _options.OnRefused?.Invoke(who, address, why);
        }
        catch (Exception e)
        {
            _states.Happened("PeerNetworkOptions.OnRefused", "What the host does with a refusal (PeerNetworkOptions.OnRefused) failed.", e, LogLevel.Error);
        }
    }

    private async Task HoldAsync(Stream stream, FeedId? remote, MultiserverAddress address, CancellationToken cancellationToken)
    {
        PeerConnection connection = Start(stream, remote, address, isClient: false, IsRelayed(address.Routes[0]));
        try
        {
            if (!connection.IsOurs)
                await _callers.Writer.WriteAsync(connection, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await connection.Rpc.DisposeAsync().ConfigureAwait(false); // nobody takes callers any more
        }

        await connection.Closed.ConfigureAwait(false);
    }

    private PeerConnection Start(Stream stream, FeedId? remote, MultiserverAddress address, bool isClient, bool isRelayed, FeedId? guest = null)
    {
        FeedId who = remote ?? ((BoxStream)stream).Remote;
        bool isOurs = who == _options.Keys.Id;
        bool isUnproven = isClient && remote is not null; // we called a socket of the file system: who listens there has shown nothing
        RpcPermissions permissions = isUnproven ? _options.Access.Anonymous : isOurs ? RpcPermissions.All : _options.Access.For(who);
        RpcConnection rpc = RpcConnection.Start(stream, _options.Limits.Rpc with
        {
            // What strangers fill is shown to owners whole.
            MaxBodySize = permissions == RpcPermissions.All ? Math.Max(_options.Limits.Rpc.MaxBodySize, ConnBodies.MaxBody) : _options.Limits.Rpc.MaxBodySize,
            Api = _api.Task.IsCompletedSuccessfully ? _api.Task.Result : _options.Limits.Rpc.Api, // nobody is dialled, or let in, before it is known
            Remote = who,
            Permissions = permissions,
            TimeProvider = _options.TimeProvider,
            OnEvent = happening => OnEvent(who, happening),
            Descriptors = _descriptors,
            AnswerDeadline = isRelayed && _options.Limits.Rpc.AnswerDeadline == Timeout.InfiniteTimeSpan ? _options.Limits.SilenceDeadline : _options.Limits.Rpc.AnswerDeadline,
        });
        TimeSpan silence = _options.Limits.SilenceDeadline;
        var connection = new PeerConnection(rpc, who, address, isClient, isOurs)
        {
            Guest = guest,
            ProbeDeadline = s_probe < silence || silence == Timeout.InfiniteTimeSpan ? s_probe : silence,
            Probing = Run,
            TimeProvider = _options.TimeProvider,
        };
        bool isLate;
        lock (_gate)
        {
            isLate = _isClosed;
            if (!isLate)
            {
                if (!_connections.TryGetValue(who, out List<PeerConnection>? all))
                    _connections.Add(who, all = []);
                all.Add(connection);
            }
        }

        Run(isLate ? connection.Rpc.DisposeAsync().AsTask() : ForgetAsync(connection));
        ObjectDisposedException.ThrowIf(isLate, this);
        if (isClient)
            Run(connection.PingAsync());
        try
        {
            _options.OnConnected?.Invoke(connection);
        }
        catch (Exception e)
        {
            _states.Happened(
                "PeerNetworkOptions.OnConnected", $"What the host does with a new connection (OnConnected) failed for {who}; the connection stands.", e, LogLevel.Error);
        }

        return connection;
    }

    private async Task ForgetAsync(PeerConnection connection)
    {
        RpcEnd end = await connection.Rpc.Completion.ConfigureAwait(false);
        Exception? cause = end.Reason == RpcEndReason.Violation ? end.Error : UsefulBytes.CauseOf(end.Error);
        // Who takes nothing has sent nothing that it must not: it may be gone without a word.
        if (cause is not (null or RpcProtocolException { Violation: RpcViolation.NotReading }))
            CutOff?.Invoke(connection, cause.Message);
        lock (_gate)
        {
            List<PeerConnection> all = _connections[connection.FeedId];
            all.Remove(connection);
            if (all.Count == 0)
                _connections.Remove(connection.FeedId);
        }
    }

    // What is begun here is waited for when the network closes.
    private void Run(Task task)
    {
        lock (_gate)
            _running.Add(task);
        _ = task.ContinueWith(static (done, network) => ((PeerNetwork)network!).Ended(done), this, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private void Ended(Task task)
    {
        lock (_gate)
            _running.Remove(task);
        if (task.Exception is { InnerException: not ObjectDisposedException } e)
            _states.Happened("connections", "What was done with a connection failed.", e.InnerException, LogLevel.Error);
    }
}
