using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Ssb.Conn.Cli.Terminals;

// Linux and macOS only: libc.
internal static partial class TerminalMode
{
    private const int StandardInput = 0;
    private const int Now = 0; // TCSANOW

    // struct termios, whatever it looks like here: 60 bytes on Linux, 72 on macOS.
    private static readonly byte[] s_original = new byte[256];
    private static readonly byte[] s_ours = new byte[256];
    private static bool s_hasOriginal, s_hasOurs;

    /// <summary>Stops this process as Ctrl+Z should; .NET 10 leaves that to whoever handles SIGTSTP. Meanwhile the terminal echoes
    /// and reads lines as it did before us.</summary>
    /// <remarks>It may return before the process stops, since the signal may go to another thread.</remarks>
    [UnsupportedOSPlatform("windows")]
    public static void Suspend()
    {
        const int LinuxStop = 19, MacStop = 17; // SIGSTOP
        s_hasOurs = s_hasOriginal && GetAttributes(StandardInput, s_ours) == 0;
        if (s_hasOurs)
            _ = SetAttributes(StandardInput, Now, s_original);
        _ = Kill(Environment.ProcessId, OperatingSystem.IsMacOS() ? MacStop : LinuxStop);
    }

    /// <summary>Takes the terminal again when the process was continued.</summary>
    [UnsupportedOSPlatform("windows")]
    public static void Resume()
    {
        if (s_hasOurs)
            _ = SetAttributes(StandardInput, Now, s_ours);
    }

    [UnsupportedOSPlatform("windows")]
    private static void PrepareUnix() => s_hasOriginal = GetAttributes(StandardInput, s_original) == 0;

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);

    [LibraryImport("libc", EntryPoint = "tcgetattr")]
    private static partial int GetAttributes(int file, [Out] byte[] attributes);

    [LibraryImport("libc", EntryPoint = "tcsetattr")]
    private static partial int SetAttributes(int file, int when, byte[] attributes);
}
