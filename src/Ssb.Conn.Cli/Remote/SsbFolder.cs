using System.Net.Sockets;
using Ssb.Conn.Net;

namespace Ssb.Conn.Cli.Remote;

/// <summary>Which SSB folder is meant when none is named.</summary>
internal static class SsbFolder
{
    private static string Home => Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);

    /// <summary>Where <c>start</c> keeps a peer of its own.</summary>
    public static string Own => Path.Combine(Home, ".ssb-conn");

    /// <summary>Where it does so among neighbours, who are gone after each run.</summary>
    public static string AmongNeighbours => Path.Combine(Own, "neighbours");

    /// <summary>The unix socket of a peer's folder, as npm ssb-unix-socket has it.</summary>
    public static string Socket(string folder) => Path.GetFullPath(Path.Combine(folder, "socket"));

    /// <summary>Can a socket have this path? Its length is bounded.</summary>
    public static bool IsSocketPath(string path)
    {
        try
        {
            _ = new UnixDomainSocketEndPoint(path);
            return true;
        }
        catch (ArgumentOutOfRangeException)
        {
            return false;
        }
    }

    /// <summary>Does a peer answer at the folder's socket?</summary>
    public static bool IsAlive(string folder)
    {
        string path = Socket(folder);
        return File.Exists(path) && IsSocketPath(path) && Listener.Probe(path) == SocketError.Success;
    }

    /// <summary>The folder of the peer that commands are for: what the environment names, else one that <c>start</c> runs a peer in at the moment, else that of
    /// other SSB programs.</summary>
    /// <param name="variable">Reads a variable of the environment.</param>
    /// <param name="isAlive">Does a peer run in this folder?</param>
    /// <remarks>npm ssb-config 3.4: a folder in the home folder called as the app, which is <c>ssb</c> unless <c>ssb_appname</c> says
    /// otherwise; and any setting may come from a variable with the app's name before it, such as <c>ssb_path</c>.</remarks>
    public static string ToSteer(Func<string, string?> variable, Func<string, bool> isAlive)
    {
        string? name = variable("ssb_appname") is { Length: > 0 } given ? given : null;
        if (variable($"{name ?? "ssb"}_path") is { Length: > 0 } path)
            return path;
        string[] own = name is null ? [Own, AmongNeighbours] : [];
        return own.FirstOrDefault(isAlive) ?? Path.Combine(Home, $".{name ?? "ssb"}");
    }
}
