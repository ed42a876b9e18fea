using System.Text;

namespace Ssb.Conn.Tests.Shared;

/// <summary>Folders for tests that put a unix socket into them, or that type their path in a shell.</summary>
internal static class SocketFolder
{
    // The path of a socket has at most 108 bytes on Linux and 104 on macOS; tests put up to 45 behind the path of the temporary folder.
    private const int LongestTemporaryPath = 55;

    /// <summary>Makes a folder: in the temporary folder, or in <c>/tmp</c> if the path of that is too long or has a character that neither
    /// an address of a unix socket nor an unquoted word of a shell can hold, such as a blank. On Windows, where the temporary folder has the
    /// name of a person in it, in the folder for data of all users instead.</summary>
    /// <param name="prefix">How its name begins.</param>
    /// <returns>Its path.</returns>
    public static string Create(string prefix)
    {
        string temporary = Path.GetTempPath();
        if (OperatingSystem.IsWindows() ? !temporary.Any(char.IsWhiteSpace) : CanHoldSockets(temporary))
            return Directory.CreateTempSubdirectory(prefix).FullName;
        if (OperatingSystem.IsWindows())
        {
            string data = Environment.GetFolderPath(Environment.SpecialFolder.CommonApplicationData);
            return Directory.CreateDirectory(Path.Combine(data, prefix + Path.GetRandomFileName())).FullName;
        }

        return Directory.CreateDirectory(
            Path.Combine("/tmp", prefix + Path.GetRandomFileName()), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
    }

    /// <summary>The address of the socket of a peer in its folder.</summary>
    public static string AddressIn(string folder, string transform = "noauth") => AddressOf(Path.Combine(folder, "socket"), transform);

    /// <summary>The address of a unix socket, in whose path everything is escaped that an address does not hold as it is, such as the colon
    /// after the drive on Windows.</summary>
    public static string AddressOf(string path, string transform = "noauth") =>
        $"unix:{string.Concat(path.Select(c => c is '!' or ':' or ';' or '~' ? $"!{c}" : $"{c}"))}~{transform}";

    /// <summary>Whether sockets whose addresses SSB can write fit into a folder of this path.</summary>
    public static bool CanHoldSockets(string path) =>
        Encoding.UTF8.GetByteCount(path) <= LongestTemporaryPath && path.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '-' or '_' or '.');
}
