using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Ssb.Conn.Tests.Shared;

/// <summary>Ctrl+Break to child processes, as a person presses it. Only on Windows; the twin of <see cref="Signals"/>.</summary>
[SupportedOSPlatform("windows")]
internal static partial class ConsoleBreak
{
    private const uint CtrlBreak = 1; // Ctrl+C cannot be sent to one process alone

    /// <summary>Presses Ctrl+Break for a process and its children.</summary>
    /// <param name="process">The id of a child process that was started in a process group of its own, on the console of the tests.</param>
    /// <exception cref="Win32Exception">There is no such group on this console.</exception>
    public static void Send(int process)
    {
        if (!NativeMethods.GenerateConsoleCtrlEvent(CtrlBreak, (uint)process))
            throw new Win32Exception();
    }

    private static partial class NativeMethods
    {
        [LibraryImport("kernel32", SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        public static partial bool GenerateConsoleCtrlEvent(uint what, uint processGroup);
    }
}
