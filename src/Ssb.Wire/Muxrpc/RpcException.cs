namespace Ssb.Wire;

/// <summary>One call or stream failed. Unless <see cref="Error"/> says that it is closed, the connection is usable.</summary>
/// <remarks>The <see cref="Exception.Message"/> of an error that a peer sent is fit for a log or a screen: control characters, line breaks and what
/// else is not printable are shown as <c>?</c>, and it is cut to 4,096 characters. A program that compares what the peer said reads
/// <see cref="RemoteMessage"/>.</remarks>
public sealed class RpcException : IOException
{
    private const int LongestMessage = 4_100; // what is read of an error, and the dots where it is cut

    /// <summary>An error for the caller of a procedure: its message is sent as it stands, while that of any other exception is kept
    /// from the peer.</summary>
    public RpcException(string message)
        : this(RpcError.Remote, message)
    {
    }

    internal RpcException(RpcError error, string message, Exception? innerException = null)
        : base(message, innerException) => Error = error;

    /// <summary>An error that the peer sent; without a message if that is null.</summary>
    internal static RpcException FromRemote(string? message, string? name = null, string? stack = null) =>
        new(RpcError.Remote, message is null ? "The peer sent an error without a message." : StrangerText.Show(message, LongestMessage))
        {
            RemoteMessage = message,
            RemoteName = name,
            RemoteStack = stack,
        };

    /// <summary>What kind of failure it is.</summary>
    public RpcError Error { get; }

    /// <summary>What the peer said, as it sent it: a stranger's text of at most 4,096 characters, for programs to compare and not for people to see. Null if
    /// the error is not the peer's.</summary>
    public string? RemoteMessage { get; init; }

    /// <summary>The <c>name</c> of the error that the peer sent, such as <c>TypeError</c>: a stranger's text.</summary>
    public string? RemoteName { get; init; }

    /// <summary>The <c>stack</c> of the error that the peer sent: a stranger's text.</summary>
    public string? RemoteStack { get; init; }
}

/// <summary>Why a call or stream failed.</summary>
public enum RpcError
{
    /// <summary>The peer answered with an error; the message is the peer's.</summary>
    Remote,

    /// <summary>The connection ended first; the inner exception says how, if it broke.</summary>
    ConnectionClosed,

    /// <summary>The reader of this stream took nothing for <see cref="RpcOptions.SlowReaderDeadline"/> while its window was full.</summary>
    SlowConsumer,

    /// <summary>The peer answered with something else than was asked for.</summary>
    Malformed,
}

/// <summary>The peer broke the rules of the connection, which is closed for it.</summary>
public sealed class RpcProtocolException : IOException
{
    internal RpcProtocolException(RpcViolation violation, string message, Exception? innerException = null)
        : base(message, innerException) => Violation = violation;

    /// <summary>Which rule.</summary>
    public RpcViolation Violation { get; }
}

/// <summary>Rules that a peer can break.</summary>
public enum RpcViolation
{
    /// <summary>A frame of an unknown type, or a request that is no JSON.</summary>
    MalformedFrame,

    /// <summary>A body larger than <see cref="RpcOptions.MaxBodySize"/>.</summary>
    BodyTooLarge,

    /// <summary>More frames than <see cref="RpcOptions.MaxFramesPerSecond"/>.</summary>
    TooManyFrames,

    /// <summary>It took nothing of what we send for <see cref="RpcOptions.SendTimeout"/>.</summary>
    NotReading,
}
