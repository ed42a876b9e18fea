using System.Globalization;
using System.Runtime.InteropServices;

namespace Ssb.Conn.Tests.Shared;

/// <summary>Signals that whoever started the tests had told the system to ignore, as <c>nohup</c> and scripts do.</summary>
internal static partial class IgnoredSignals
{
    /// <summary>The signals that this process ignores, as bits: bit 0 is signal 1. 0 where there is no <c>/proc</c>.</summary>
    public static ulong Mask()
    {
        const string Field = "SigIgn:";
        string? line = OperatingSystem.IsLinux()
            ? File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(Field, StringComparison.Ordinal))
            : null;
        return line is null ? 0 : ulong.Parse(line.AsSpan(Field.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    /// <summary>Lets child processes start with the default actions. The tests themselves go on ignoring the signals.</summary>
    /// <remarks>A child inherits an ignored signal, and a program of .NET leaves it ignored, so that tests which send INT or HUP to
    /// the tool would wait for ever. A signal that is handled falls back to its default action in a child. So the ignored ones get a
    /// handler that does nothing: a function of the C library, since code of .NET may not run in a signal handler.</remarks>
    public static void KeepFromChildren()
    {
        ulong ignored = Mask();
        foreach (int signal in (int[])[Signals.Hangup, Signals.Interrupt, Signals.Quit, Signals.Terminate])
        {
            if ((ignored & (1UL << (signal - 1))) != 0)
                _ = NativeMethods.Signal(signal, NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "getpid"));
        }
    }

    private static partial class NativeMethods
    {
        [LibraryImport("libc", EntryPoint = "signal")]
        public static partial nint Signal(int signal, nint handler);
    }
}
