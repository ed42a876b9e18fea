using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Ssb.Conn.Cli.Terminals;

// Windows only: kernel32.
internal static partial class TerminalMode
{
    /// <summary>STD_OUTPUT_HANDLE.</summary>
    private const int StandardOutput = -11;

    /// <summary>ENABLE_VIRTUAL_TERMINAL_PROCESSING.</summary>
    private const uint EscapeSequences = 0x0004;

    /// <summary>The handle of standard output.</summary>
    [SupportedOSPlatform("windows")]
    internal static nint WindowsStandardOutput() => GetStdHandle(StandardOutput);

    [SupportedOSPlatform("windows")]
    private static void PrepareWindows()
    {
        nint handle = GetStdHandle(StandardOutput);
        if (GetConsoleMode(handle, out uint mode))
            _ = SetConsoleMode(handle, mode | EscapeSequences); // where it fails the console is older than Windows 10, which .NET 10 needs
    }

    [LibraryImport("kernel32.dll", SetLastError = true)]
    private static partial nint GetStdHandle(int which);

    [LibraryImport("kernel32.dll", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool GetConsoleMode(nint handle, out uint mode);

    [LibraryImport("kernel32.dll", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool SetConsoleMode(nint handle, uint mode);
}
