namespace Ssb.Wire;

/// <summary>A box stream ended otherwise than by a goodbye. What was read before is as it was sent; nothing comes after.</summary>
public sealed class BoxStreamException : IOException
{
    internal BoxStreamException(BoxStreamFailure failure, string message)
        : base(message) => Failure = failure;

    /// <summary>What happened.</summary>
    public BoxStreamFailure Failure { get; }
}

/// <summary>How a box stream can break.</summary>
public enum BoxStreamFailure
{
    /// <summary>Bytes did not come as they were sealed: changed, repeated, reordered, left out, or made by somebody else.</summary>
    Tampered,

    /// <summary>The bytes ended without a goodbye: the other side crashed, the connection broke, or somebody cut it.</summary>
    Truncated,

    /// <summary>The other side, who holds the keys, sealed a packet of a length that the protocol does not allow.</summary>
    InvalidLength,
}
