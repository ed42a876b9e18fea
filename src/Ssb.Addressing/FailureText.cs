using System.Net;
using System.Net.Sockets;

namespace Ssb;

/// <summary>What went wrong, in plain words, where the system's own are missing or say something else: the one place for errors of sockets,
/// names and files.</summary>
public static class FailureText
{
    /// <summary>What is said of a name that does not exist.</summary>
    public const string NoSuchName = "there is no such name";

    /// <summary>What is said where nobody answers who could say whether the name exists.</summary>
    public const string ResolverIsSilent = "the name could not be looked up: the name server (DNS) of this computer does not answer";

    private const string NoDescriptors = "this process has no file descriptors left (its limit: ulimit -n)";

    /// <summary>A clause without a full stop at its end.</summary>
    /// <param name="error">The error; where it wraps an error of a socket, that one is told.</param>
    public static string Of(Exception error) => error switch
    {
        SocketException socket => Of(socket),
        IOException { InnerException: SocketException socket } => Of(socket),
        IOException file when IsOutOfDescriptors(file) => NoDescriptors,
        OutOfMemoryException => "there is not enough memory for it",
        _ => Plain(error),
    };

    /// <summary>Is it that no file or socket can be opened at the moment?</summary>
    public static bool IsOutOfDescriptors(Exception error) => error switch
    {
        SocketException socket => socket.SocketErrorCode == SocketError.TooManyOpenSockets,
        IOException { InnerException: SocketException socket } => socket.SocketErrorCode == SocketError.TooManyOpenSockets,
        // EMFILE and ENFILE, which have the same numbers on Linux and macOS; ERROR_TOO_MANY_OPEN_FILES.
        IOException file => OperatingSystem.IsWindows() ? file.HResult == unchecked((int)0x80070004) : file.HResult is 24 or 23,
        _ => false,
    };

    /// <summary>Why a route could not be dialled: what the error means on its transport, where the system's own words are about something else.</summary>
    /// <param name="error">The error; where it wraps an error of a socket, that one is told.</param>
    /// <param name="route">The route.</param>
    /// <param name="address">The address that was tried, if the route has a name; null: that of the route.</param>
    /// <param name="proxy">The proxy that the route goes through, of which the error then is; null for none.</param>
    /// <returns>A clause without a full stop at its end. It repeats nothing that the route hides.</returns>
    public static string OfDial(Exception error, MultiserverRoute route, IPAddress? address = null, EndPoint? proxy = null)
    {
        ArgumentNullException.ThrowIfNull(error);
        ArgumentNullException.ThrowIfNull(route);
        if ((error as SocketException ?? (error as IOException)?.InnerException as SocketException) is not { } socket || IsOutOfDescriptors(socket))
            return Of(error);
        if (route is { Transport: not "onion", Host: { } host } && host.EndsWith(".onion", StringComparison.OrdinalIgnoreCase)
            && socket.SocketErrorCode is SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain or SocketError.NoRecovery)
            return $"names that end with .onion are reached by Tor alone: write onion:HOST:PORT, and not {route.Transport}:HOST:PORT";
        if (proxy is not null)
            return OfProxy(socket, route, proxy);
        if (route.Path is { } path)
            return OfUnix(socket, path);
        if (address is null)
            _ = IPAddress.TryParse(route.Host, out address);
        return address is { IsIPv6LinkLocal: true } ? OfLinkLocal(socket, route, address) : OfTcp(socket, address);
    }

    private static string OfTcp(SocketException error, IPAddress? address) => error.SocketErrorCode switch
    {
        SocketError.AddressFamilyNotSupported or SocketError.AddressNotAvailable when address is { AddressFamily: AddressFamily.InterNetworkV6 } =>
            "this computer has no IPv6 to reach it by",
        SocketError.AddressFamilyNotSupported or SocketError.AddressNotAvailable => "this computer has no address to reach it from",
        SocketError.InvalidArgument => "that is no address that can be called",
        _ => Of(error),
    };

    // Each card has a network fe80::/64 of its own.
    private static string OfLinkLocal(SocketException error, MultiserverRoute route, IPAddress address)
    {
        const string Known = ", or by the name that this computer has for the card";
        int zone = route.Host?.IndexOf('%', StringComparison.Ordinal) ?? -1;
        return error.SocketErrorCode switch
        {
            _ when address.ScopeId == 0 && zone < 0 && IsNoWay(error.SocketErrorCode) =>
                $"an address that begins with fe80 is one of the network at one card: which network card? Write {address}%eth0{Known}",
            _ when zone >= 0 && (address.ScopeId == 0 || error.SocketErrorCode is SocketError.SocketError) && IsNoWay(error.SocketErrorCode) =>
                $"this computer has no network card called '{StrangerText.Show(route.Host![(zone + 1)..])}'", // there is a zone, and so a host
            SocketError.NetworkUnreachable or SocketError.InvalidArgument or SocketError.AddressNotAvailable when zone >= 0 =>
                "there is no way to it from here by that network card, if this computer has such a card",
            _ => OfTcp(error, address),
        };
    }

    private static bool IsNoWay(SocketError error) => error is SocketError.InvalidArgument or SocketError.HostUnreachable or SocketError.NetworkUnreachable
        or SocketError.AddressNotAvailable or SocketError.SocketError or SocketError.NetworkDown or SocketError.HostDown;

    private static string OfUnix(SocketException error, string path)
    {
        PathKind kind = KindOf(path);
        return error.SocketErrorCode switch
        {
            SocketError.AccessDenied => "this user may not open that socket file, or a folder above it",
            // ENOENT and ENOTDIR; to .NET the first is an address that cannot be assigned, and the second has no name.
            SocketError.AddressNotAvailable or SocketError.SocketError or SocketError.ConnectionRefused or SocketError.InvalidArgument when kind == PathKind.Nothing =>
                "there is no such socket file",
            SocketError.ConnectionRefused or SocketError.AddressNotAvailable or SocketError.SocketError or SocketError.NotSocket when kind is not PathKind.Socket =>
                $"there is {OwnFiles.Name(kind)} in the place of a socket file",
            SocketError.ConnectionRefused => "refused: the socket file is there, and nobody listens at it (a program that was ended has left it)",
            SocketError.WouldBlock or SocketError.TryAgain => "whoever listens there takes no more calls at the moment",
            _ => Of(error),
        };
    }

    private static PathKind KindOf(string path)
    {
        try
        {
            return OwnFiles.KindOf(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return PathKind.Nothing; // a folder above it is none
        }
    }

    private static string OfProxy(SocketException error, MultiserverRoute route, EndPoint proxy) =>
        error.SocketErrorCode is SocketError.ConnectionRefused
            ? $"{(route.Transport == "onion" ? "Tor" : "the proxy")} is not running here: nobody listens at {proxy}, where its SOCKS proxy should be"
            : $"the SOCKS proxy {(route.Transport == "onion" ? "of Tor " : "")}at {proxy} cannot be used: {OfTcp(error, (proxy as IPEndPoint)?.Address)}";

    private static string Of(SocketException error) => error.SocketErrorCode switch
    {
        SocketError.HostNotFound or SocketError.NoData => NoSuchName,
        SocketError.TryAgain or SocketError.NoRecovery => ResolverIsSilent,
        SocketError.TooManyOpenSockets => NoDescriptors,
        SocketError.ConnectionRefused => "refused: nobody listens there",
        SocketError.HostUnreachable or SocketError.HostDown => "no computer answers at that address, or there is no way to it from here",
        SocketError.NetworkUnreachable or SocketError.NetworkDown => "there is no way to it from here",
        SocketError.TimedOut => "no answer",
        SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown => "the connection was broken off",
        SocketError.AccessDenied => "this computer does not allow it (a firewall, or the rights of this program)",
        SocketError.SocketError => "the system refused it, for a reason that .NET has no name for", // its message: "Unknown socket error"
        _ => Plain(error),
    };

    private static string Plain(Exception error) => error.Message.TrimEnd('.', ' ');
}
