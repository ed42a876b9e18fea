using System.Diagnostics;
using System.Net.Sockets;

namespace Ssb.Conn.Tests;

/// <summary>Things of the file system that are no files, and locks of other programs, for tests on Unix.</summary>
internal static class Odd
{
    public static bool IsThere(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, program)));

    /// <summary>Puts one of them at a path.</summary>
    /// <param name="what"><c>folder</c>, <c>pipe</c>, <c>socket</c>, <c>device</c>, <c>loop</c> (a link to itself), <c>dangling</c> (a link that leads nowhere).</param>
    /// <param name="path">The path.</param>
    /// <returns>What keeps it there, if anything.</returns>
    public static IDisposable? Make(string what, string path)
    {
        switch (what)
        {
            case "folder":
                Directory.CreateDirectory(path);
                return null;
            case "pipe":
                Run("mkfifo", path);
                return null;
            case "device":
                File.CreateSymbolicLink(path, "/dev/zero");
                return null;
            case "loop":
                File.CreateSymbolicLink(path, path);
                return null;
            case "dangling":
                File.CreateSymbolicLink(path, path + "-nowhere");
                return null;
            case "socket":
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                socket.Bind(new UnixDomainSocketEndPoint(path));
                return socket;
            default:
                throw new ArgumentException(what, nameof(what));
        }
    }

    /// <summary>Runs a command to its end.</summary>
    public static void Run(params string[] command)
    {
        if (!IsThere(command[0]))
            Assert.Skip($"There is no '{command[0]}' on this machine.");
        using Process process = Process.Start(command[0], command.Skip(1));
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    /// <summary>Another program that has a lock on a file, until it is disposed.</summary>
    /// <param name="kind"><c>-s</c> for a shared lock, <c>-x</c> for one of its own.</param>
    /// <param name="path">The file.</param>
    /// <param name="user">The number of the user who has it; null for ours. Another one needs an administrator.</param>
    public static IDisposable Lock(string kind, string path, int? user = null)
    {
        if (!IsThere("flock") || (user is not null && !(Environment.IsPrivilegedProcess && IsThere("setpriv"))))
            Assert.Skip("There is no 'flock' here, or, for the lock of another user, no 'setpriv' or not the right to use it.");
        string[] flock = ["flock", kind, path, "sh", "-c", "echo locked; exec sleep 600"];
        string[] command = user is null ? flock : ["setpriv", $"--reuid={user}", $"--regid={user}", "--clear-groups", .. flock];
        var process = Process.Start(new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardOutput = true, UseShellExecute = false })!; // a new process
        Assert.Equal("locked", process.StandardOutput.ReadLine());
        return new Ending(process);
    }

    private sealed class Ending(Process process) : IDisposable
    {
        public void Dispose()
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            process.Dispose();
        }
    }
}
