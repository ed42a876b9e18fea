namespace Ssb.Wire.Tests.Faults;

/// <summary>What happens to the bytes of a session, and where: one fault at most.</summary>
/// <param name="Kind">What.</param>
/// <param name="ToServer">In which direction.</param>
/// <param name="Position">At which byte of that direction, from the first one of the handshake.</param>
internal sealed record Fault(FaultKind Kind, bool ToServer = true, int Position = 0)
{
    public static Fault None { get; } = new(FaultKind.None);

    /// <summary>Whether some of the bytes from <paramref name="start"/> on are concerned.</summary>
    public bool Hits(bool toServer, long start, int count) =>
        Kind != FaultKind.None && ToServer == toServer && Position >= start && Position < start + count;
}

internal enum FaultKind
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Both directions end there, and this byte does not come.</summary>
    Cut,

    /// <summary>One bit of the byte is another one.</summary>
    Corrupt,

    /// <summary>It takes a few milliseconds, and all comes one byte at a time.</summary>
    Delay,
}
