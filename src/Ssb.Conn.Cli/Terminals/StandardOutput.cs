using Microsoft.Win32.SafeHandles;

namespace Ssb.Conn.Cli.Terminals;

/// <summary>Standard output for a program that reads us.</summary>
internal static class StandardOutput
{
    private const int UnixStandardOutput = 1;

    /// <summary>A stream whose writes fail when the reader has closed the pipe; the one of <see cref="Console"/> hides that, and we
    /// would write into nothing for ever.</summary>
    public static Stream Open()
    {
        nint handle = OperatingSystem.IsWindows() ? TerminalMode.WindowsStandardOutput() : UnixStandardOutput;
        try
        {
            var stream = new FileStream(new SafeFileHandle(handle, ownsHandle: false), FileAccess.Write, bufferSize: 0);

            // In a file it would write at a position of its own, over what others that share the file (2>&1) have written.
            if (!stream.CanSeek)
                return stream;
            stream.Dispose();
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException)
        {
            // A kind of handle that FileStream does not take.
        }

        return Console.OpenStandardOutput();
    }

    /// <summary>Did it fail because nobody reads any more?</summary>
    // By its number: EPIPE on Linux and macOS; ERROR_BROKEN_PIPE and ERROR_NO_DATA on Windows.
    public static bool IsClosedPipe(IOException e) => OperatingSystem.IsWindows()
        ? (e.HResult & 0xFFFF) is 109 or 232
        : e.HResult == 32;
}
