using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Ssb.Conn.Cli.Terminals;

// Linux and macOS only: libc.
internal static partial class TerminalMode
{
    /// <summary>Stops this process as Ctrl+Z should; .NET 10 leaves that to whoever handles SIGTSTP. Returns when it is continued.</summary>
    [UnsupportedOSPlatform("windows")]
    public static void Suspend()
    {
        const int LinuxStop = 19, MacStop = 17; // SIGSTOP
        _ = Kill(Environment.ProcessId, OperatingSystem.IsMacOS() ? MacStop : LinuxStop);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
