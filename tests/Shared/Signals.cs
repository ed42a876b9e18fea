using System.Runtime.InteropServices;

namespace Ssb.Conn.Tests.Shared;

/// <summary>Signals to child processes, as a person or a system sends them. Not on Windows.</summary>
/// <remarks>By the system call: the program <c>kill</c> of procps does not know the name HUP where the locale is Turkish.</remarks>
internal static partial class Signals
{
    /// <summary>The numbers that all systems have in common.</summary>
    public const int Hangup = 1, Interrupt = 2, Quit = 3, Terminate = 15;

    /// <summary>Sends a signal.</summary>
    /// <param name="process">The id of a child process that has not been waited for.</param>
    /// <param name="signal">The number of the signal.</param>
    /// <exception cref="InvalidOperationException">There is no such process, or it belongs to somebody else.</exception>
    public static void Send(int process, int signal)
    {
        if (NativeMethods.Kill(process, signal) != 0)
            throw new InvalidOperationException($"Signal {signal} could not be sent to process {process}.");
    }

    /// <summary>The number of a signal by its name, such as <c>HUP</c>.</summary>
    public static int Number(string name) => name switch
    {
        "HUP" => Hangup,
        "INT" => Interrupt,
        "QUIT" => Quit,
        "TERM" => Terminate,
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "Expected HUP, INT, QUIT or TERM."),
    };

    private static partial class NativeMethods
    {
        [LibraryImport("libc", EntryPoint = "kill")]
        public static partial int Kill(int process, int signal);
    }
}
