using System.Net;
using System.Net.Http;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Text;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>Opens the raw stream of a route, below the handshake: <c>net</c>, <c>unix</c>, <c>ws</c>, <c>wss</c> and
/// <c>onion</c>.</summary>
public static class Transport
{
    /// <summary>Where Tor's SOCKS proxy is, unless somebody moved it.</summary>
    internal static readonly EndPoint Tor = new IPEndPoint(IPAddress.Loopback, 9_050);

    internal const string TooMany = "as many connections were opened for it, or in the last minute for all peers, as may be.";

    // By route, and so for as long as its address is somewhere: whether a key can be held takes as long to find out as a signature.
    private static readonly ConditionalWeakTable<MultiserverRoute, string> s_keyProblems = [];

    /// <summary>Opens the raw stream of a route that a person chose: wherever it leads, and without a budget.</summary>
    /// <param name="route">Where to. A <c>tunnel</c> has no stream of its own: the room's connection gives it.</param>
    /// <param name="options">How it is opened; the defaults if null.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="ConnectFailedException">It cannot be reached, or not in this way. The message says why, without the
    /// route.</exception>
    public static Task<Stream> OpenAsync(MultiserverRoute route, RouteOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(route);
        options = (options ?? new RouteOptions()).Checked();
        return OpenAsync(route, dial: null, new RouteOpening
        {
            Useful = new UsefulBytes(options.TimeProvider),
            Time = new DialTime(options.TimeProvider, options.Timeout),
            Silence = new SilenceLimits(options.SilenceDeadline),
            Resolve = options.Resolve,
        }, cancellationToken);
    }

    /// <param name="route">Where to. A <c>tunnel</c> has no stream of its own: the room's connection gives it.</param>
    /// <param name="dial">What it may reach and open; null: everything, as a tool asks that a person runs.</param>
    /// <param name="socksProxy">What <c>onion</c> routes go through.</param>
    /// <param name="certificates">What decides about certificates of <c>wss</c> routes; null: the system does, as for any HTTPS client, and
    /// for JavaScript peers.</param>
    /// <param name="useful">What the peer may send below a WebSocket.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="ConnectFailedException">It cannot be reached, or not in this way. The message says why, without the
    /// route.</exception>
    internal static Task<Stream> OpenAsync(
        MultiserverRoute route, PeerDial? dial, EndPoint socksProxy, RemoteCertificateValidationCallback? certificates, UsefulBytes useful,
        CancellationToken cancellationToken) => OpenAsync(route, dial, new RouteOpening
        {
            SocksProxy = socksProxy,
            Certificates = certificates,
            Useful = useful,
            Time = new DialTime(TimeProvider.System, null),
        }, cancellationToken);

    /// <param name="route">Where to. A <c>tunnel</c> has no stream of its own: the room's connection gives it.</param>
    /// <param name="dial">What it may reach and open; null: everything, as a tool asks that a person runs.</param>
    /// <param name="how">How it is opened.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="ConnectFailedException">It cannot be reached, or not in this way. The message says why, without the
    /// route.</exception>
    internal static async Task<Stream> OpenAsync(MultiserverRoute route, PeerDial? dial, RouteOpening how, CancellationToken cancellationToken)
    {
        if (SpellingProblem(route) is { } problem) // whether there can be such a peer makes no difference to a raw stream
            throw new ConnectFailedException($"{problem}.");
        try
        {
            return route.Transport switch
            {
                "net" => await OpenTcpAsync(route, route.Host!, route.Port!.Value, dial, how, cancellationToken).ConfigureAwait(false), // no problem: it has both
                "unix" => await OpenUnixAsync(route.Path!, dial, cancellationToken).ConfigureAwait(false), // no problem: it has one
                "ws" or "wss" => await OpenWebSocketAsync(route, dial, how, cancellationToken).ConfigureAwait(false),
                "onion" => await OpenOnionAsync(route, dial, how.SocksProxy, cancellationToken).ConfigureAwait(false),
                "tunnel" => throw new ConnectFailedException("a tunnel leads through a room, and only a peer that is in the room can open it."),
                _ => throw new ConnectFailedException($"{NotKnown(route)}."),
            };
        }
        catch (Exception e) when (e is SocketException or IOException or WebSocketException or ArgumentException or FormatException)
        {
            throw new ConnectFailedException(ReasonOf(e, route), e) { IsLocal = FailureText.IsOutOfDescriptors(e.GetBaseException()) };
        }
    }

    /// <summary>Why a route is not dialled, whatever its transport; null if it may be. How a key is written is looked at, and whether a peer can
    /// have it.</summary>
    /// <remarks>What follows the transport must be exactly one part that is known: a route through something unknown, such as
    /// <c>net:HOST:PORT~shs2:KEY</c> or <c>~foo~shs:KEY</c>, would be another protocol than the one that is spoken here.</remarks>
    public static string? ProblemOf(MultiserverRoute route)
    {
        ArgumentNullException.ThrowIfNull(route);
        return SpellingProblem(route) ?? (route.FeedId is { } key ? KeyProblem(route, key) : null);
    }

    private static string? SpellingProblem(MultiserverRoute route) => route switch
    {
        { Problem: { } problem } => $"it makes no sense: {problem}",
        { Transform: "shs", FeedId: not null } or { Transform: "noauth" } => null,
        { Protocols.Count: 1 } => "it names no key (~shs:KEY), and so does not say whom to expect",
        _ => $"'{string.Join('~', route.Protocols.Skip(1))}' after the transport is not known here; "
            + "a route that can be dialled has '~shs:KEY' there, and nothing else",
    };

    /// <summary>Says that the transport of a route is none that is known here; null if it is one. A tunnel is one for peers that know
    /// rooms.</summary>
    internal static string? UnknownTransport(MultiserverRoute route) =>
        route.Transport is "net" or "unix" or "ws" or "wss" or "onion" or "tunnel" ? null : NotKnown(route);

    private static string NotKnown(MultiserverRoute route) => $"'{route.Protocols[0]}' is no transport that can be dialled here";

    private static string? KeyProblem(MultiserverRoute route, FeedId key)
    {
        string problem = s_keyProblems.GetValue(route, _ => key.CanBeHeld() ? ""
            : $"its key {key} is mistyped: nobody can hold it, since it is no point of the curve from which public keys come");
        return problem.Length > 0 ? problem : null;
    }

    // A failed WebSocket keeps its cause inside.
    private static string ReasonOf(Exception e, MultiserverRoute route) => e is not WebSocketException ? Sentence(FailureText.OfDial(e, route)) : e.GetBaseException() switch
    {
        ConnectFailedException cause => cause.Message,
        SocketException cause => Sentence(FailureText.OfDial(cause, route)),
        AuthenticationException cause => cause.Message.Contains("certificate", StringComparison.OrdinalIgnoreCase)
            ? $"its certificate is not trusted here. {cause.Message}"
            : $"no TLS could be agreed on with what listens there (is it ws, and not wss?). {cause.Message}",
        // It was called, and answered something else, or hung up on the request.
        HttpRequestException or IOException => route.Transport == "wss"
            ? "what listens there speaks no TLS, or no WebSocket (is it ws, or net?)."
            : "what listens there speaks no WebSocket (is it net?).",
        _ => e.Message,
    };

    private static string Sentence(string clause) => $"{clause}.";

    /// <summary>Opens a TCP connection for a dial: each address of the host in order that the dial may reach, until one works, each with its
    /// share of the time. Every transport that goes over TCP by itself comes through here, after names are resolved, so that a name cannot
    /// lead where an address may not.</summary>
    private static async Task<Stream> OpenTcpAsync(MultiserverRoute route, string host, int port, PeerDial? dial, RouteOpening how, CancellationToken cancellationToken)
    {
        IPAddress[] addresses = IPAddress.TryParse(host, out IPAddress? literal) ? [Unmapped(literal)]
            : [.. (await how.Resolve(host, cancellationToken).ConfigureAwait(false)).Select(Unmapped)];
        string? failure = null;
        Exception? cause = null;
        HostNetwork? network = null;
        for (int i = 0; i < addresses.Length; i++)
        {
            IPAddress address = addresses[i];
            if (RefusalOf(address, dial, ref network) is { } refusal)
            {
                failure ??= refusal;
                continue;
            }

            if (dial?.TryOpen() == false)
                throw new ConnectFailedException(TooMany, cause);
            try
            {
                return await how.Time.TryNextAsync(
                    addresses.Length - i,
                    how.LongestShare,
                    address,
                    (_, token) => OpenSocketAsync(
                        new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp), new IPEndPoint(address, port), how.Silence, token),
                    cancellationToken).ConfigureAwait(false);
            }
            catch (SocketException e)
            {
                (failure, cause) = (Sentence(FailureText.OfDial(e, route, address)), e);
            }
            catch (ConnectFailedException e)
            {
                failure = e.Message;
            }
        }

        throw new ConnectFailedException(failure ?? $"the name {host} has no address.", cause) { IsLocal = cause is not null && FailureText.IsOutOfDescriptors(cause) };
    }

    /// <summary>Why a dial may not connect to an address; null if it may. One of our own addresses is as local as loopback, however
    /// far away others reach it: what listens on this machine sees no difference, nor does its firewall.</summary>
    /// <param name="address">The address.</param>
    /// <param name="dial">The dial.</param>
    /// <param name="network">The cards of this machine, read once for all addresses of a name, which may have many.</param>
    private static string? RefusalOf(IPAddress address, PeerDial? dial, ref HostNetwork? network)
    {
        if (dial is null or { MayReachAll: true })
            return null;
        bool mayReach = dial.MayReach(address), isOwn = false;
        if (mayReach)
        {
            network ??= ReadNetwork();
            isOwn = network.IsOwn(address);
            mayReach = !isOwn || dial.MayReach(IPAddress.Loopback);
        }

        return mayReach ? null
            : $"{address}{(isOwn ? ", an address of this machine," : "")} is more local than what the source of this peer may tell of, "
                + "so only a person dials it.";
    }

    // Where the system does not tell, only an address itself says how local it is.
    private static HostNetwork ReadNetwork()
    {
        try
        {
            return HostNetwork.Read();
        }
        catch (Exception e) when (HostNetwork.IsUnreadable(e))
        {
            return new HostNetwork();
        }
    }

    // An IPv4 address written as IPv6 (::ffff:127.0.0.1) is reached by IPv4, which works where IPv6 is switched off, too.
    private static IPAddress Unmapped(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private static Task<Stream> OpenUnixAsync(string path, PeerDial? dial, CancellationToken cancellationToken) =>
        dial?.MayReach(IPAddress.Loopback) == false ? throw new ConnectFailedException("a socket of this machine is more local than what the source of this peer may tell of, so only a person dials it.")
        : UnixSockets.ProblemOf(path) is { } problem ? throw new ConnectFailedException(problem)
        : dial?.TryOpen() == false ? throw new ConnectFailedException(TooMany)
        : OpenSocketAsync(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified), new UnixDomainSocketEndPoint(path), SilenceLimits.None, cancellationToken);

    private static async Task<Stream> OpenSocketAsync(Socket socket, EndPoint to, SilenceLimits silence, CancellationToken cancellationToken)
    {
        try
        {
            await socket.ConnectAsync(to, cancellationToken).ConfigureAwait(false);
            if (socket.ProtocolType == ProtocolType.Tcp)
            {
                SocketTuning.Apply(socket);
                silence.Apply(socket);
            }

            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task<Stream> OpenWebSocketAsync(MultiserverRoute route, PeerDial? dial, RouteOpening how, CancellationToken cancellationToken)
    {
        if (OpenSsl.Problem is { } problem)
            throw new ConnectFailedException(problem);
        bool keepsPath = dial?.KeepsPath != false;
        Uri uri = UriOf(route, keepsPath);
        string hint = "";
        if (!keepsPath && (route.UserInfo.Length > 0 || route.PathAndQuery is not ("" or "/")))
        {
            dial!.CountPath(); // it does not keep it, and so is there
            hint = " It was asked for at '/', since a stranger told of what its address has besides host and port.";
        }

        var socket = new ClientWebSocket();
        var invoker = new HttpMessageInvoker(HandlerFor(route, dial, how));
        try
        {
            socket.Options.KeepAliveInterval = TimeSpan.Zero;
            if (uri.UserInfo.Length > 0) // as WebSocket clients of JavaScript do
            {
                byte[] user = Encoding.UTF8.GetBytes(Uri.UnescapeDataString(uri.UserInfo));
                socket.Options.SetRequestHeader("Authorization", $"Basic {Convert.ToBase64String(user)}");
            }

            socket.Options.CollectHttpResponseDetails = true;
            await socket.ConnectAsync(uri, invoker, cancellationToken).ConfigureAwait(false);
            return new WebSocketByteStream(socket, how.Useful, invoker);
        }
        catch (Exception e)
        {
            int status = (int)socket.HttpStatusCode;
            socket.Dispose();
            invoker.Dispose();
            if (e is WebSocketException && status is not (0 or (int)HttpStatusCode.SwitchingProtocols))
                throw new ConnectFailedException($"the server answered {status} instead of opening a WebSocket.{(status is >= 300 and < 400 ? " Redirects are not followed." : "")}{hint}", e);
            throw;
        }
    }

    /// <param name="route">A <c>ws</c> or <c>wss</c> route without a problem.</param>
    /// <param name="keepsPath">Whether the path, the query and the user of the URL are kept. A stranger chooses none of them.</param>
    private static Uri UriOf(MultiserverRoute route, bool keepsPath)
    {
        string host = !IPAddress.TryParse(route.Host, out IPAddress? address) ? route.Host! // no problem: it has one
            : Unmapped(address) is { AddressFamily: AddressFamily.InterNetwork } ip4 ? ip4.ToString()
            : $"[{route.Host}]";
        if (!keepsPath)
            return new Uri($"{route.Transport}://{host}:{route.Port}/");
        string path = route.PathAndQuery;
        return new Uri($"{route.Transport}://{route.UserInfo}{host}:{route.Port}{(path.StartsWith('/') ? path : "/" + path)}");
    }

    // What is at an address that a stranger told must not choose what else we ask for: it cannot send us elsewhere, nor have us tell or
    // keep anything.
    private static SocketsHttpHandler HandlerFor(MultiserverRoute route, PeerDial? dial, RouteOpening how) => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false, // the proxy would resolve the name, and what it reaches is out of our sight
        Credentials = null,
        PreAuthenticate = false,
        SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = how.Certificates },
        MaxResponseDrainSize = 0, // of an answer that is none, nothing more is read
        // Below TLS and HTTP, each of which can be sent what it throws away.
        ConnectCallback = async (context, token) =>
            new TakingTurnsStream(await OpenTcpAsync(route, context.DnsEndPoint.Host, context.DnsEndPoint.Port, dial, how, token).ConfigureAwait(false), how.Useful),
    };

    private static async Task<Stream> OpenOnionAsync(MultiserverRoute route, PeerDial? dial, EndPoint socksProxy, CancellationToken cancellationToken)
    {
        // The host of an onion service is a name. An IP address would have the proxy, if it is not Tor, connect to what is near it.
        HostNetwork? network = null;
        if (IPAddress.TryParse(route.Host, out IPAddress? address) && RefusalOf(Unmapped(address), dial, ref network) is { } refusal)
            throw new ConnectFailedException(refusal);
        if (dial?.TryOpen() == false)
            throw new ConnectFailedException(TooMany);
        // The proxy is the operator's choice, and resolves the name in a network of its own, where nothing is local.
        Stream stream;
        try
        {
            stream = await OpenSocketAsync(
                new Socket(SocketType.Stream, ProtocolType.Tcp), socksProxy, SilenceLimits.None, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException e)
        {
            throw new ConnectFailedException(Sentence(FailureText.OfDial(e, route, proxy: socksProxy)), e) { IsLocal = FailureText.IsOutOfDescriptors(e) };
        }

        try
        {
            await Socks5.ConnectAsync(stream, route.Host!, route.Port!.Value, cancellationToken).ConfigureAwait(false); // no problem: it has both
            return stream;
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
