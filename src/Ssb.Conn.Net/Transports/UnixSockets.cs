using System.Net.Sockets;
using System.Text;

namespace Ssb.Conn.Net;

/// <summary>Whether there can be a unix socket, and whether somebody listens at one. Some systems have none (Windows before 10.1803, Wine), and a path
/// has a bounded length.</summary>
public static class UnixSockets
{
    /// <summary>The switch of <see cref="AppContext"/> that does without them, for tests of systems that have none.</summary>
    internal const string OffSwitch = "Ssb.Conn.Net.NoUnixSockets";

    /// <summary>Does this system have them?</summary>
    public static bool AreThere => Socket.OSSupportsUnixDomainSockets && !(AppContext.TryGetSwitch(OffSwitch, out bool isOff) && isOff);

    /// <summary>Why there can be no socket of this path, as a sentence that names it; null if nothing is known against it.</summary>
    public static string? ProblemOf(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!AreThere)
            return $"There can be no socket '{path}': this system has no unix sockets.";
        try
        {
            _ = new UnixDomainSocketEndPoint(path);
            return null;
        }
        catch (ArgumentException)
        {
            return $"There can be no socket '{path}': its path has {Encoding.UTF8.GetByteCount(path)} bytes, "
                + $"and {(OperatingSystem.IsMacOS() ? 103 : 107)} are the most that this system allows. Use a folder with a shorter path.";
        }
    }

    /// <summary>Does somebody listen at the socket of this path? It is called, and hung up on: a process that was killed leaves its socket behind.</summary>
    public static bool IsListening(string path) => ProblemOf(path) is null && File.Exists(path) && Probe(path) == SocketError.Success;

    /// <summary>Calls a unix socket, and hangs up.</summary>
    /// <returns>How that went: <see cref="SocketError.ConnectionRefused"/> of a socket that a process left behind.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The path is longer than that of a socket can be.</exception>
    internal static SocketError Probe(string path)
    {
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
            return SocketError.Success;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode;
        }
    }
}

/// <summary>There can be no unix socket here: the system, the file system or the length of the path does not allow it. The rest of a
/// peer works without.</summary>
/// <param name="message">Why, in a sentence that names the path.</param>
/// <param name="innerException">What the system said.</param>
public sealed class NoUnixSocketException(string message, Exception? innerException = null) : IOException(message, innerException);
