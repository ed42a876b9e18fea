using System.Net.Sockets;
using System.Text;

namespace Ssb.Conn.Net;

/// <summary>Whether there can be a unix socket: some systems have none (Windows before 10.1803, Wine), and a path has a bounded
/// length.</summary>
internal static class UnixSockets
{
    /// <summary>The switch of <see cref="AppContext"/> that does without them, for tests of systems that have none.</summary>
    public const string OffSwitch = "Ssb.Conn.Net.NoUnixSockets";

    /// <summary>Does this system have them?</summary>
    public static bool AreThere => Socket.OSSupportsUnixDomainSockets && !(AppContext.TryGetSwitch(OffSwitch, out bool isOff) && isOff);

    /// <summary>Why there can be no socket of this path, as a sentence that names it; null if nothing is known against it.</summary>
    public static string? ProblemOf(string path)
    {
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
}

/// <summary>There can be no unix socket here: the system, the file system or the length of the path does not allow it. The rest of a
/// peer works without.</summary>
/// <param name="message">Why, in a sentence that names the path.</param>
/// <param name="innerException">What the system said.</param>
internal sealed class NoUnixSocketException(string message, Exception? innerException = null) : IOException(message, innerException);
