using System.Net.Sockets;

namespace Ssb;

/// <summary>What went wrong, in plain words, where the system's own are missing or say something else: the one place for errors of sockets,
/// names and files.</summary>
public static class FailureText
{
    /// <summary>What is said of a name that does not exist.</summary>
    public const string NoSuchName = "there is no such name";

    /// <summary>What is said where nobody answers who could say whether the name exists.</summary>
    public const string ResolverIsSilent = "the name could not be looked up: the name server (DNS) of this computer does not answer";

    private const string NoDescriptors = "this process has no file descriptors left (its limit: ulimit -n)";

    /// <summary>A clause without a full stop at its end.</summary>
    /// <param name="error">The error; where it wraps an error of a socket, that one is told.</param>
    public static string Of(Exception error) => error switch
    {
        SocketException socket => Of(socket),
        IOException { InnerException: SocketException socket } => Of(socket),
        IOException file when IsOutOfDescriptors(file) => NoDescriptors,
        OutOfMemoryException => "there is not enough memory for it",
        _ => Plain(error),
    };

    /// <summary>Is it that no file or socket can be opened at the moment?</summary>
    public static bool IsOutOfDescriptors(Exception error) => error switch
    {
        SocketException socket => socket.SocketErrorCode == SocketError.TooManyOpenSockets,
        IOException { InnerException: SocketException socket } => socket.SocketErrorCode == SocketError.TooManyOpenSockets,
        // EMFILE and ENFILE, which have the same numbers on Linux and macOS; ERROR_TOO_MANY_OPEN_FILES.
        IOException file => OperatingSystem.IsWindows() ? file.HResult == unchecked((int)0x80070004) : file.HResult is 24 or 23,
        _ => false,
    };

    private static string Of(SocketException error) => error.SocketErrorCode switch
    {
        SocketError.HostNotFound or SocketError.NoData => NoSuchName,
        SocketError.TryAgain or SocketError.NoRecovery => ResolverIsSilent,
        SocketError.TooManyOpenSockets => NoDescriptors,
        SocketError.SocketError => "the system refused it, for a reason that .NET has no name for", // its message: "Unknown socket error"
        _ => Plain(error),
    };

    private static string Plain(Exception error) => error.Message.TrimEnd('.', ' ');
}
