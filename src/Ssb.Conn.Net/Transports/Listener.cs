using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>A place where we can be called: <c>net:HOST:PORT~shs</c>, <c>ws:HOST:PORT~shs</c>, <c>unix:PATH~noauth</c> or
/// <c>unix:PATH~shs</c>, or a path of
/// a unix socket that no address can hold. Bound when it is made.</summary>
internal sealed class Listener : IDisposable
{
    private const int Backlog = 512;

    private static readonly Lock s_gate = new();
    private static readonly List<Listener> s_open = []; // of this process; under s_gate

    private readonly Socket _socket;
    private readonly string _transport;
    private readonly string? _path; // of a unix socket

    private Listener(Socket socket, string transport, bool hasHandshake, string? path)
    {
        _socket = socket;
        Place = socket.LocalEndPoint is IPEndPoint bound ? new ListeningPlace(transport, bound) : null;
        _transport = transport;
        HasHandshake = hasHandshake;
        _path = path;
        lock (s_gate)
            s_open.Add(this);
    }

    /// <summary>Do callers shake hands? Else they are trusted, as whoever may open the file is.</summary>
    public bool HasHandshake { get; }

    /// <summary>What it is called in a log.</summary>
    public string Name => _path is null ? $"{_transport}:{Place!.Bound}" : $"unix:{_path}"; // bound to an IP address, or to a path

    /// <summary>Is it a socket of the file system?</summary>
    public bool IsUnix => _path is not null;

    /// <param name="listen">Where, as above. Port 0: one that is free. No host: this machine alone.</param>
    /// <exception cref="FormatException">It is none of the above.</exception>
    /// <exception cref="NoUnixSocketException">There can be no unix socket there.</exception>
    /// <exception cref="IOException">It is taken, or may not be had.</exception>
    public static Listener Open(string listen)
    {
        (MultiserverRoute route, MultiserverProtocol transport, bool hasHandshake) = Read(listen, out string shown);
        try
        {
            return transport.Name == "unix" ? OpenUnix(route.Path ?? "", hasHandshake) : OpenTcp(shown, transport);
        }
        catch (Exception e) when (e is SocketException or UnauthorizedAccessException)
        {
            // Of an address family that is switched off, or of a folder.
            throw new IOException($"'{shown}' cannot be listened at: {FailureText.Of(e)}.", e);
        }
    }

    /// <summary>Checks how a place to listen at is written. Nothing is opened.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static void Check(string listen)
    {
        (_, MultiserverProtocol transport, _) = Read(listen, out string shown);
        if (transport.Name != "unix")
            ReadTcp(shown, transport);
    }

    private static (MultiserverRoute Route, MultiserverProtocol Transport, bool HasHandshake) Read(string listen, out string shown)
    {
        ArgumentNullException.ThrowIfNull(listen);
        const string Expected = "expected something like net:127.0.0.1:8008~shs or unix:/path/socket~noauth";
        if (!MultiserverAddress.TryReadLenient(listen, out MultiserverAddress? address)) // not repeated: it may be an invite
        {
            string hint = listen.StartsWith("unix:", StringComparison.Ordinal)
                ? " A path that no address can hold, such as one with a blank, is given as a ListeningSocket (Sockets) instead." : "";
            throw new FormatException($"A text of {listen.Length} characters is not a place to listen at; {Expected}.{hint}");
        }

        listen = shown = address.ToString();
        if (address.Routes is not [{ Protocols: [{ } transport, { Name: "shs" or "noauth" } transform] }])
            throw new FormatException($"'{listen}' is not a place to listen at; {Expected}.");
        if (transform.Name == "noauth" && transport.Name != "unix")
            throw new FormatException($"'{listen}': without a handshake there are unix sockets alone, which the file system guards.");
        if (transport.Name is not ("net" or "ws" or "unix"))
            throw new FormatException($"'{listen}': '{transport.Name}' is no transport that can be listened at; net, ws and unix are.");
        return (address.Routes[0], transport, transform.Name == "shs");
    }

    /// <summary>Opens a unix socket.</summary>
    /// <exception cref="FormatException">It has no path.</exception>
    /// <exception cref="NoUnixSocketException">There can be none there.</exception>
    /// <exception cref="IOException">It is taken, or may not be had.</exception>
    public static Listener Open(ListeningSocket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        try
        {
            return OpenUnix(socket.Path.Length == 0 ? "" : Path.GetFullPath(socket.Path), socket.HasHandshake);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"'{socket.Path}' cannot be listened at: {e.Message}", e);
        }
    }

    /// <summary>Where it listens; null of a unix socket.</summary>
    public ListeningPlace? Place { get; }

    /// <summary>Where <paramref name="own"/> can be called through it, on a machine in these subnets. No address leads to a path that
    /// none can
    /// hold.</summary>
    public IReadOnlyList<MultiserverAddress> AddressesOf(FeedId own, IReadOnlyList<LanSubnet> subnets) =>
        Place?.AddressesOf(own, subnets) ?? (HoldablePath == _path ? [UnixAddress(own)] : []);

    public async Task<Socket> AcceptAsync(CancellationToken cancellationToken)
    {
        Socket socket = await _socket.AcceptAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_path is null)
                SocketTuning.Apply(socket);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The stream of a caller, once it has said what it must say before the handshake. Owns the socket, if it fails too.</summary>
    /// <param name="caller">Its socket.</param>
    /// <param name="admits">Asked with the origin of a web page, and with where it called.</param>
    /// <param name="useful">What the caller may send below a WebSocket.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="IOException">It said something else, or is not admitted.</exception>
    public async Task<Stream> OpenAsync(Socket caller, Func<string, IPEndPoint, bool> admits, UsefulBytes useful, CancellationToken cancellationToken)
    {
        var stream = new NetworkStream(caller, ownsSocket: true);
        if (_transport != "ws")
            return stream;
        try
        {
            var called = (IPEndPoint)caller.LocalEndPoint!; // a socket of a ws listener is bound to one
            return await WebSocketUpgrade.AcceptAsync(stream, origin => admits(origin, called), useful, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Where a call came from.</summary>
    public MultiserverAddress AddressOf(EndPoint? from, FeedId remote) => from is IPEndPoint ip && Place is not null
        ? Place.AddressOf(ip, remote)
        : UnixAddress(remote);

    public void Dispose()
    {
        lock (s_gate)
            s_open.Remove(this);
        _socket.Dispose();
        if (_path is not null)
            TryDelete(_path);
    }

    private static (IPAddress Address, ushort Port) ReadTcp(string listen, MultiserverProtocol transport)
    {
        // As in a route, IPv6 stands unescaped, and in a URL in brackets.
        string[] fields = string.Join(':', transport.Data) is var text && text.StartsWith("//", StringComparison.Ordinal) ? text[2..].Split(':') : text.Split(':');
        string host = string.Join(':', fields.SkipLast(1)).Trim('[', ']');
        IPAddress? address = host is "" or "localhost" ? IPAddress.Loopback : IPAddress.TryParse(host, out IPAddress? given) ? given : null;
        if (address is null || !ushort.TryParse(fields[^1], NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
            throw new FormatException($"'{listen}' needs an IP address of this machine (0.0.0.0 or :: for all) and a port, 0 for one that is free.");
        return (address, port);
    }

    private static Listener OpenTcp(string listen, MultiserverProtocol transport)
    {
        (IPAddress address, ushort port) = ReadTcp(listen, transport);
        if (transport.Name == "ws" && OpenSsl.Problem is { } noTls)
            throw new IOException($"'{listen}' cannot be listened at: {noTls}");
        address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (address.Equals(IPAddress.IPv6Any))
                socket.DualMode = true;
            socket.Bind(new IPEndPoint(address, port));
            socket.Listen(Backlog);
            return new Listener(socket, transport.Name, hasHandshake: true, path: null);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            string problem = e.SocketErrorCode == SocketError.AddressAlreadyInUse && IsOpen(l => l.Place?.Bound.Port == port)
                ? $"another listener of this very process has TCP port {port}"
                : PortProblem.Of($"TCP port {port}", port, e);
            throw new IOException($"'{listen}' cannot be listened at: {problem}.", e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static Listener OpenUnix(string path, bool hasHandshake)
    {
        if (path.Length == 0)
            throw new FormatException("'unix' needs a path.");
        if (UnixSockets.ProblemOf(path) is { } problem)
            throw new NoUnixSocketException(problem);
        PathKind kind = OwnFiles.KindOf(path, followLink: false);
        if (kind is not (PathKind.Nothing or PathKind.Socket))
            throw new IOException($"'{path}' is {OwnFiles.Name(kind)}, where a socket is to be made. Move it away, or listen at another path.");
        if (kind == PathKind.Socket && UnixSockets.Probe(path) == SocketError.ConnectionRefused)
            TryDelete(path); // a process that was killed left it
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite); // nobody can connect before it listens
            socket.Listen(Backlog);
            return new Listener(socket, "unix", hasHandshake, path);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw Unbound(path, e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    // The error of a socket says neither which folder, nor what of it ("Unknown socket error" of a file system that is read-only).
    /// <param name="path">Its path.</param>
    /// <param name="e">What the system said.</param>
    /// <param name="problem">Why no file can be made in its folder; null: it is looked at.</param>
    internal static IOException Unbound(string path, SocketException e, string? problem = null)
    {
        problem ??= OwnFiles.FolderProblem(Path.GetDirectoryName(Path.GetFullPath(path))!); // a file is in a folder
        if (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            string who = IsOpen(l => l._path is { } own && Path.GetFullPath(own) == Path.GetFullPath(path)) ? "another listener of this very process is" : "another program listens";
            return new IOException(
                problem is not null && UnixSockets.Probe(path) == SocketError.ConnectionRefused
                    ? $"The socket '{path}' is left of a program that has ended, and cannot be replaced: {problem}"
                    : $"The socket '{path}' cannot be listened at: {who} there.", e);
        }

        if (problem is not null)
            return new IOException($"The socket '{path}' cannot be made: {problem}", e);
        // Files can be made there, and sockets cannot: FAT, some network shares and folders of virtual machines.
        return new NoUnixSocketException($"There can be no socket '{path}': its file system has none ({FailureText.Of(e)}).", e);
    }

    private static bool IsOpen(Predicate<Listener> isIt)
    {
        lock (s_gate)
            return s_open.Exists(isIt);
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Whoever binds it next is told, or finds it dead.
        }
    }

    // The path, with a question mark for each character that no address can hold.
    private string HoldablePath => string.Concat(_path!.Select(c => c is >= '!' and <= '~' ? c : '?')); // asked of a unix socket

    // What callers are shown by; nobody dials it from there.
    private MultiserverAddress UnixAddress(FeedId key) => MultiserverAddress.Format(new MultiserverRoute(
        new MultiserverProtocol("unix", [HoldablePath]),
        HasHandshake ? ListeningPlace.Shs(key) : new MultiserverProtocol("noauth", [])));
}
