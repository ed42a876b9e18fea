using System.Net;
using System.Text;
using Ssb.Conn.Cli.View;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Remote;

/// <summary>Which SSB folder is meant when none is named, and how the peer that runs in a folder is found.</summary>
internal static class SsbFolder
{
    /// <summary>The file in which <c>start</c> leaves where it can be reached, where there can be no unix socket: one address on
    /// loopback, which asks
    /// for the identity of the folder. It is removed when the peer ends; one that is left behind leads nowhere, or to a peer that does
    /// not have the
    /// key in it.</summary>
    private const string AddressFile = "conn-address";

    private const int LongestAddressFile = 1_024;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3); // on loopback; Windows alone takes one of them to refuse

    /// <summary>Where <c>start</c> keeps a peer of its own.</summary>
    /// <exception cref="FailedException">There is no home folder.</exception>
    public static string Own => Path.Combine(Home(Environment.GetEnvironmentVariable), ".ssb-conn");

    /// <summary>Where it does so among neighbours, who are gone after each run.</summary>
    /// <exception cref="FailedException">There is no home folder.</exception>
    public static string AmongNeighbours => Path.Combine(Own, "neighbours");

    /// <summary>The unix socket of a peer's folder, as npm ssb-unix-socket has it.</summary>
    public static string Socket(string folder) => Path.GetFullPath(Path.Combine(folder, "socket"));

    /// <summary>The way to the unix socket at a path, whatever characters it has.</summary>
    public static MultiserverRoute SocketRoute(string path) =>
        new(new MultiserverProtocol("unix", [path]), new MultiserverProtocol("noauth", []));

    /// <summary>Leaves where the peer of a folder can be reached without a unix socket; null: by none but its socket.</summary>
    /// <exception cref="IOException">It cannot be written, or removed.</exception>
    public static void LeaveAddress(string folder, MultiserverAddress? address)
    {
        string path = Path.Combine(folder, AddressFile);
        var file = new SafeFile();
        if (address is null)
            file.Delete(path);
        else
            file.Write(path, Encoding.ASCII.GetBytes(address.Text + "\n"));
    }

    /// <summary>Where the peer of a folder can be reached without a unix socket, on loopback; null if it does not say.</summary>
    public static MultiserverRoute? AddressIn(string folder)
    {
        try
        {
            using FileStream file = new(OwnFiles.OpenRead(Path.Combine(folder, AddressFile)), FileAccess.Read, bufferSize: 0);
            byte[] text = new byte[LongestAddressFile];
            int length = file.ReadAtLeast(text, text.Length, throwOnEndOfStream: false);
            return MultiserverAddress.TryParse(Encoding.ASCII.GetString(text, 0, length).Trim(), out MultiserverAddress? address)
                && address.Routes is [{ Transport: "net", Transform: "shs", FeedId: not null, Problem: null } route]
                && IPAddress.TryParse(route.Host, out IPAddress? host) && IPAddress.IsLoopback(host)
                ? route : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // there is none, or it is for another user
        }
    }

    /// <summary>Does a peer answer at the folder's socket, or, having the key in it, at the address that was left there?</summary>
    /// <remarks>Of an address it takes as long as a handshake, and 3 s at most: another program may have its port by now.</remarks>
    /// <param name="folder">The folder.</param>
    /// <param name="network">The network of the peer.</param>
    public static async Task<bool> IsAliveAsync(string folder, NetworkKey network) =>
        UnixSockets.IsListening(Socket(folder)) || (AddressIn(folder) is { } route && await AnswersAsync(folder, route, network));

    /// <summary>The home folder of this user.</summary>
    /// <exception cref="FailedException">There is none, as is usual for users of the system; the working directory is not taken for
    /// it.</exception>
    internal static string Home(Func<string, string?> variable)
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        bool isRoot = home == "/" && variable("HOME") is not { Length: > 0 }; // what .NET takes where nobody names one
        if (Path.IsPathFullyQualified(home) && !isRoot)
            return home;
        string said = OperatingSystem.IsWindows() ? "Windows names none for this user"
            : variable("HOME") is not { Length: > 0 } named ? "HOME is not set, and this user has none"
            : Path.IsPathFullyQualified(named) ? $"HOME is '{TerminalText.Fit(named, 100)}', and there is no such folder"
            : $"HOME is '{TerminalText.Fit(named, 100)}', which is not an absolute path";
        throw new FailedException($"there is no home folder: {said}; set HOME, or name a folder with --path DIR");
    }

    private static async Task<bool> AnswersAsync(string folder, MultiserverRoute route, NetworkKey network)
    {
        try
        {
            using var patience = new CancellationTokenSource(s_patience, TimeProvider.System);
            using RemoteTarget target = RemoteTarget.Here(
                "the peer of the folder", [route], SecretFile.Load(Path.Combine(folder, "secret")), network);
            await using RpcConnection proof = await RemotePeer.ConnectAsync(route, target, patience.Token);
            return true;
        }
        catch (Exception)
        {
            // Nothing is there, or another program, or the secret cannot be read: in any case no peer that a command can steer.
            return false;
        }
    }

    /// <summary>The folder of the peer that commands are for: what the environment names, else one that <c>start</c> runs a peer in at the moment, else that of
    /// other SSB programs.</summary>
    /// <param name="variable">Reads a variable of the environment.</param>
    /// <param name="isAlive">Does a peer run in this folder?</param>
    /// <exception cref="FailedException">There is no home folder, and no other was named.</exception>
    /// <remarks>npm ssb-config 3.4: a folder in the home folder called as the app, which is <c>ssb</c> unless <c>ssb_appname</c> says
    /// otherwise; and any setting may come from a variable with the app's name before it, such as <c>ssb_path</c>.</remarks>
    public static string ToSteer(Func<string, string?> variable, Func<string, bool> isAlive)
    {
        string? name = variable("ssb_appname") is { Length: > 0 } given ? given : null;
        if (variable($"{name ?? "ssb"}_path") is { Length: > 0 } path)
            return path;
        string home = Home(variable);
        string[] own = name is null ? [Own, AmongNeighbours] : [];
        return own.FirstOrDefault(isAlive) ?? Path.Combine(home, $".{name ?? "ssb"}");
    }
}
