namespace Ssb.Wire;

/// <summary>How to shake hands.</summary>
public sealed record HandshakeOptions
{
    /// <summary>The network key of both sides. Default: <see cref="NetworkKey.Main"/>.</summary>
    public NetworkKey Network { get; init; } = NetworkKey.Main;

    /// <summary>How long a handshake may take in all. Default: 5 seconds, as pull-handshake has it. Range: above zero; or infinite.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>What the deadline is measured with. Default: <see cref="TimeProvider.System"/>.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(Network);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        if (Deadline <= TimeSpan.Zero && Deadline != Timeout.InfiniteTimeSpan)
            throw new ArgumentOutOfRangeException(nameof(Deadline), Deadline, "A deadline is above zero, or infinite.");
    }
}
