namespace Ssb.Wire;

/// <summary>How to shake hands.</summary>
public sealed record HandshakeOptions
{
    /// <summary>The network key of both sides. Default: <see cref="NetworkKey.Main"/>.</summary>
    public NetworkKey Network { get; init; } = NetworkKey.Main;

    /// <summary>How long a handshake may take in all. Default: 5 seconds, as pull-handshake has it. Range: above zero, up to 49 days; or infinite.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>What the deadline is measured with. Default: <see cref="TimeProvider.System"/>.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(Network);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        // More milliseconds than 32 bits hold are more than a timer can count.
        if ((Deadline <= TimeSpan.Zero || Deadline > TimeSpan.FromDays(49)) && Deadline != Timeout.InfiniteTimeSpan)
            throw new ArgumentOutOfRangeException(nameof(Deadline), Deadline, "A deadline is above zero and up to 49 days, or infinite.");
    }
}
