using System.Net;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Cli.Terminals;
using Ssb.Conn.Cli.View;
using Ssb.Conn.Cli.Watching;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Starting;

/// <summary>One run of <c>ssb-conn start</c>, from its options to its exit code.</summary>
internal sealed class StartRun
{
    private readonly StartOptions _options;
    private readonly CliConsole _console;
    private readonly TimeProvider _time;
    private readonly bool _isView;
    private readonly WatchState? _state; // of the view
    private readonly ProblemLog _log;
    private readonly SafeFile _files = new();
    private MultiserverRoute? _way; // by which this user's programs reach the peer
    private volatile bool _isViewGone; // so that nobody sees what the view is told

    private StartRun(StartOptions options, CliConsole console, TimeProvider time)
    {
        (_options, _console, _time) = (options, console, time);
        _isView = !options.Json && !options.Quiet && Terminal.IsThere;
        _state = _isView ? new WatchState(TerminalText.Clean(options.Folder), "start") : null;
        _log = new ProblemLog(problem =>
        {
            if (_state is not null && !_isViewGone)
                _state.Say(problem, isBad: true);
            else
                Complain(problem);
        });
    }

    /// <summary>Runs a peer until the duration is over, a signal comes, the person quits or the reader goes away.</summary>
    /// <exception cref="FailedException">It could not run.</exception>
    public static async Task<int> RunAsync(StartOptions options, CliConsole console, TimeProvider time)
    {
        using var stop = options.Duration is { } duration ? new CancellationTokenSource(duration, time) : new CancellationTokenSource();
        using var signals = new StopSignals(stop);
        return await new StartRun(options, console, time).RunAsync(stop);
    }

    private async Task<int> RunAsync(CancellationTokenSource stop)
    {
        long start = _time.GetTimestamp();
        using NeighbourPeers? neighbours = _options.Neighbours > 0 ? new NeighbourPeers(_options.Neighbours, _options.Seed, _options.NetworkKey, _time) : null;
        SsbPeer peer = await OpenAsync(neighbours?.Lan);
        var tally = new StartTally();
        try
        {
            using var states = new StateLog(_log, _time);
            if (neighbours is not null)
                neighbours.States = states;
            Task counting = tally.CountAsync(peer.Conn, states, _time, stop.Token);
            Task living = neighbours?.LiveAsync(stop.Token) ?? Task.Delay(Timeout.InfiniteTimeSpan, _time, stop.Token);
            Task showing = Task.Run(() => ShowAsync(peer, states, stop)); // its writes block when nobody reads
            Task first = await Task.WhenAny(living, showing);
            await stop.CancelAsync();
            await Together.LeaveAsync(Task.WhenAll(living, showing, counting), _time);
            if (first.Exception?.InnerException is { } fault and not OperationCanceledException)
                ExceptionDispatchInfo.Throw(fault);
        }
        finally
        {
            await CloseAsync(peer);
        }

        if (!_options.Quiet)
            await Together.LeaveAsync(Task.Run(() => tally.WriteAsync(_isView ? _console.Output : _console.Error, _time.GetElapsedTime(start), peer)), _time);
        return ExitCode.Success;
    }

    private async Task CloseAsync(SsbPeer peer)
    {
        // While the folder is this peer's: the next one in it leaves its own.
        TryLeave("the address of this peer", () => SsbFolder.LeaveAddress(_options.Folder, address: null));
        try
        {
            await peer.DisposeAsync();
        }
        catch (IOException e)
        {
            throw new FailedException($"not all that was learnt could be kept: {e.Message}", e);
        }
    }

    /// <summary>Starts the peer, and leaves what tells others how to reach it.</summary>
    private async Task<SsbPeer> OpenAsync(LanOptions? neighbours)
    {
        string folder = Path.GetFullPath(_options.Folder);
        if (await SsbFolder.IsAliveAsync(folder, _options.NetworkKey))
        {
            throw new FailedException($"a peer runs in {folder} already: 'ssb-conn watch --path {Quoted(folder)}' shows it; "
                + "another one needs a folder of its own (--path DIR)");
        }

        PortHolder holder = _options.Neighbours > 0 || _options.Port is not null ? PortHolder.Nobody : await AskHoldersAsync(folder);
        try
        {
            OwnFiles.CreateFolder(folder);
            if (OwnFiles.FolderProblem(folder) is { } problem)
                throw new FailedException($"the peer cannot run: {problem} Name another folder with --path DIR");
            if (_options.IsScratch)
            {
                foreach (string name in (string[])["conn.json", "conn-rules.json"]) // of neighbours who are gone
                    _files.Delete(Path.Combine(folder, name));
            }

            string manifest = Path.Combine(folder, "manifest.json");
            if (OwnFiles.KindOf(manifest) is not (PathKind.Nothing or PathKind.File) and var kind)
                throw OwnFiles.NotAFile(manifest, kind); // that is no accident of the moment
            SsbPeer peer = await StartAsync(folder, neighbours);
            WarnOfPort(peer, holder);
            TryLeave("what this peer can do", () => _files.Write(manifest, peer.Manifest.ToJson()));
            return peer;
        }
        catch (Exception e) when (e is IOException or SocketException or UnauthorizedAccessException or FormatException or InvalidDataException)
        {
            string hint = e is UnauthorizedAccessException || !Directory.Exists(folder) ? " Name another folder with --path DIR" : "";
            throw new FailedException($"the peer cannot run: {(e is SocketException ? $"{FailureText.Of(e)}." : e.Message)}{hint}", e);
        }
    }

    /// <summary>Finds out who has the usual port, and whether that is a peer with the identity of the folder: a JavaScript program has no socket there unless it is
    /// told to.</summary>
    /// <exception cref="FailedException">It is.</exception>
    private async Task<PortHolder> AskHoldersAsync(string folder)
    {
        using KeyPair? own = OwnKeys(folder);
        var ours = new IPEndPoint(PortHolders.Callable(_options.Host), _options.UsualPort);
        IPEndPoint[] places = own is null ? [ours]
            : [.. PortHolders.InConfig(folder).Prepend(new IPEndPoint(IPAddress.Loopback, _options.UsualPort)).Prepend(ours)
                .Concat(PortHolders.LocalAddresses().Select(address => new IPEndPoint(address, _options.UsualPort))).Distinct()];
        // All at once: one that does not answer keeps the start waiting once, and not at each address.
        PortHolder[] holders = await Task.WhenAll(places.Select(place => PortHolders.AskAsync(place, own, _options.NetworkKey, _time)));
        if (Array.IndexOf(holders, PortHolder.Ourselves) is >= 0 and var at)
        {
            throw new FailedException($"a peer with the identity in {folder} runs already: {own!.Id} answers at {places[at]}; " // it was asked for
                + "end it first, as two peers of one identity take each other's connections (to run beside it all the same, name a port with --port N)");
        }

        return holders.Where((holder, i) => holder != PortHolder.Nobody && places[i].Port == _options.UsualPort).FirstOrDefault();
    }

    private static KeyPair? OwnKeys(string folder)
    {
        try
        {
            string path = Path.Combine(folder, "secret");
            return OwnFiles.IsFile(path) ? SecretFile.Load(path) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or FormatException)
        {
            return null; // the peer says so when it starts
        }
    }

    /// <summary>Says that the peer is not where others expect it, and who is there.</summary>
    private void WarnOfPort(SsbPeer peer, PortHolder holder)
    {
        if (_options.Port is not null || _options.Neighbours > 0
            || peer.Addresses.SelectMany(address => address.Routes).FirstOrDefault(route => route.Transport == "net")?.Port is not { } port || port == _options.UsualPort)
        {
            return;
        }

        string who = holder switch
        {
            PortHolder.Peer => "another SSB peer of this network",
            PortHolder.Nobody => "something that does not answer",
            _ => "another program",
        };
        _log.Tell($"TCP port {_options.UsualPort} is held by {who}, so this peer listens at port {port}, which is another one in each run: "
            + $"whoever looks for it at port {_options.UsualPort} does not find it. End the other one, or choose a port with --port N.");
    }

    /// <summary>Starts it with a unix socket for this user's programs, or else with a place on loopback, where they show the identity of
    /// the folder.</summary>
    private async Task<SsbPeer> StartAsync(string folder, LanOptions? neighbours)
    {
        string socket = SsbFolder.Socket(folder);
        SsbPeer peer;
        try
        {
            peer = await SsbPeer.StartAsync(Options(folder, neighbours) with { Sockets = [new ListeningSocket(socket)] });
            _way = SsbFolder.SocketRoute(socket);
            TryLeave("the address of this peer", () => SsbFolder.LeaveAddress(folder, address: null)); // of one that was killed
        }
        catch (NoUnixSocketException e)
        {
            SsbPeerOptions options = Options(folder, neighbours);
            bool isOnLoopback = _options.Host is not { } host || IPAddress.IsLoopback(host)
                || host.Equals(IPAddress.Any) || host.Equals(IPAddress.IPv6Any);
            peer = await SsbPeer.StartAsync(isOnLoopback ? options : options with { Listen = [.. options.Listen, "net:127.0.0.1:0~shs"] });
            MultiserverRoute listened = peer.Addresses.SelectMany(address => address.Routes).Last(route => route.Transport == "net"
                && (isOnLoopback || route.Host == "127.0.0.1")); // it listens there; of all interfaces, each has the same port
            string at = isOnLoopback && _options.Host is { } given && IPAddress.IsLoopback(given) ? given.ToString() : "127.0.0.1";
            _way = new MultiserverRoute(
                MultiserverProtocol.FromHost("net", at, listened.Port!.Value), // net has one
                new MultiserverProtocol("shs", [peer.Id.ToBase64()]));
            var address = MultiserverAddress.Format(_way);
            TryLeave("the address of this peer", () => SsbFolder.LeaveAddress(folder, address));
            string said = $"{e.Message} The other commands find this peer by its folder all the same; "
                + $"other programs reach it at {address}, with the secret of the folder.";
            if (_state is not null)
                _state.Say(said, isBad: false);
            else
                Complain(said);
        }

        return peer;
    }

    private SsbPeerOptions Options(string folder, LanOptions? neighbours) => new()
    {
        Folder = folder,
        NetworkKey = _options.NetworkKey,
        Listen = Places(),
        Lan = neighbours ?? (_options.HasLan ? new LanOptions { Interface = _options.Interface } : null),
        Masters = _options.Masters,
        Limits = _options.Limits,
        Conn = new ConnPluginOptions
        {
            Autostart = _options.Dials,
            Admission = AdmissionAmong(_options.Neighbours),
            Scheduler = new SchedulerOptions { CallerQuota = _options.KeptCallers },
            // With room for those whom we dial.
            Hub = new HubOptions { Capacity = Math.Max(new HubOptions().Capacity, 2 * _options.Limits.MaxCallers) },
        },
        TimeProvider = _time,
        Logger = _log,
    };

    /// <summary>Who comes onto the bench. Neighbours are announced by one sender, 127.0.0.1, which has its share of the bench for all of them: each has a few
    /// addresses over time, since a port may be taken when it returns. In their network there is nobody else.</summary>
    internal static AdmissionOptions AdmissionAmong(int neighbours)
    {
        var usual = new AdmissionOptions();
        return neighbours == 0 ? usual : usual with
        {
            SourceQuotas = new Dictionary<string, int>(usual.SourceQuotas) { ["lan"] = Math.Max(usual.SourceQuotas["lan"], 4 * neighbours) },
        };
    }

    // What the peer itself works without.
    private void TryLeave(string what, Action leave)
    {
        try
        {
            leave();
        }
        catch (IOException e)
        {
            _log.Tell($"{what} cannot be told to other programs: {e.Message}");
        }
    }

    private static string Quoted(string path) =>
        path.All(c => char.IsLetterOrDigit(c) || c is '/' or '\\' or '.' or '-' or '_' or ':') ? path : $"\"{path}\"";

    private string[] Places()
    {
        IPAddress host = _options.Host ?? (Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any);
        int port = _options.Port ?? (IsFree(host, _options.UsualPort) ? _options.UsualPort : 0);
        string name = host.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{host}]" : host.ToString();
        return _options.WsPort is { } wsPort ? [$"net:{name}:{port}~shs", $"ws:{name}:{wsPort}~shs"] : [$"net:{name}:{port}~shs"];
    }

    private static bool IsFree(IPAddress host, int port)
    {
        using var probe = new Socket(host.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (host.Equals(IPAddress.IPv6Any))
                probe.DualMode = true;
            probe.Bind(new IPEndPoint(host, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private async Task ShowAsync(SsbPeer peer, StateLog states, CancellationTokenSource stop)
    {
        if (_options.Quiet)
        {
            await _console.Output.WriteLineAsync($"{peer.Id} runs at {string.Join(", ", peer.Addresses.Select(address => address.ToString()))}");
            await Task.Delay(Timeout.InfiniteTimeSpan, _time, stop.Token);
        }

        using RemoteTarget here = RemoteTarget.Here(
            "this peer",
            peer.Addresses.SelectMany(address => address.Routes).Prepend(_way!), // it was opened
            SecretFile.Load(Path.Combine(_options.Folder, "secret")),
            _options.NetworkKey);
        var session = new WatchSession(cancellationToken => RemotePeer.AttachAsync(here, cancellationToken), here.Timeout, _time);
        if (_state is null)
        {
            await _console.Output.WriteLineAsync($"{{\"change\":\"started\",\"at\":{_time.GetUtcNow().ToUnixTimeMilliseconds()},\"id\":{JsonText.Quoted(peer.Id.ToString())},"
                + $"\"addresses\":[{string.Join(',', peer.Addresses.Select(address => JsonText.Quoted(_options.ShowSecrets ? address.Text : address.ToString())))}],\"path\":{JsonText.Quoted(Path.GetFullPath(_options.Folder))}}}");
        }
        else
        {
            MultiserverRoute place = peer.Addresses.Select(address => address.Routes[0]).First(route => route.Transport == "net"); // it always listens there
            _state.Title = $"{TerminalText.Fit(peer.Id.ToString(), 10)} at net:{place.Host}:{place.Port}";
            if (_options.Neighbours > 0)
                _state.Say($"{(_options.Neighbours == 1 ? "One peer lives" : $"{_options.Neighbours} peers live")} on this computer, come and go, and nobody else hears of them. The keys below steer.", isBad: false);
        }

        await (_state is null ? WriteAsync(session, states, stop) : ViewAsync(session, stop));
    }

    // What is shown is not the peer, which goes on whatever becomes of it: a heap that is too small for it, say, or a bound of the
    // connection that it is shown by. Lines, which a program waits for, begin again.
    private async Task WriteAsync(WatchSession session, StateLog states, CancellationTokenSource stop)
    {
        ExceptionDispatchInfo? closed = null;
        await SteadyLoop.RunAsync(
            "JSON lines", "No JSON lines are written at the moment. The peer goes on.", WriteUntilClosedAsync, states, _time, stop.Token);
        closed?.Throw();
        stop.Token.ThrowIfCancellationRequested();

        async Task WriteUntilClosedAsync(CancellationToken cancellationToken)
        {
            try
            {
                await session.ShowAsync(null, _console.Output, isMasked: !_options.ShowSecrets, stop);
            }
            catch (IOException e) when (StandardOutput.IsClosedPipe(e))
            {
                closed = ExceptionDispatchInfo.Capture(e); // who reads has had enough, which ends the peer
            }
        }
    }

    private async Task ViewAsync(WatchSession session, CancellationTokenSource stop)
    {
        try
        {
            await session.ShowAsync(_state, _console.Output, isMasked: false, stop);
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            _isViewGone = true;
            Complain($"the live view has ended: {FailureText.Of(e)}. The peer goes on: "
                + $"'ssb-conn watch --path {Quoted(Path.GetFullPath(_options.Folder))}' shows it, and Ctrl+C ends it");
            await Task.Delay(Timeout.InfiniteTimeSpan, _time, stop.Token);
        }
    }

    private void Complain(string problem) => _console.Error.WriteLine($"ssb-conn: {TerminalText.Clean(problem)}");
}
