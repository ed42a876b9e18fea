namespace Ssb.Wire;

/// <summary>A handshake failed. Its stream is closed; nothing was exchanged beyond the handshake's own messages.</summary>
/// <remarks>The message says for the host's eyes which side failed what. The other side is told nothing: it only sees the stream close.</remarks>
public sealed class HandshakeException : IOException
{
    internal HandshakeException(HandshakeFailure failure, string message, Exception? innerException = null)
        : base(message, innerException) => Failure = failure;

    /// <summary>What failed.</summary>
    public HandshakeFailure Failure { get; }
}

/// <summary>What can fail in a handshake.</summary>
public enum HandshakeFailure
{
    /// <summary>The other side's hello was not made with our network key: another network, or another protocol.</summary>
    WrongNetwork,

    /// <summary>As a client: the server does not hold the key that we dialled. As a server: the client dialled another key than ours,
    /// or does not hold the one that it claims.</summary>
    WrongKey,

    /// <summary>As a server: our own callback did not authorise the client. As a client: the server hung up on our proof, so it does not
    /// want us or is not whom we dialled; the protocol does not let us tell which.</summary>
    Refused,

    /// <summary>The other side offered a key of low order, with which everybody would share the same secret, or the server key that we
    /// dialled can be nobody's.</summary>
    WeakKey,

    /// <summary>It was not finished within <see cref="HandshakeOptions.Deadline"/>.</summary>
    TimedOut,

    /// <summary>The other side closed the stream, or it broke. A server that uses another network key hangs up on our hello, too.</summary>
    Closed,
}
