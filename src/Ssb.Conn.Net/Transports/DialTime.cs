namespace Ssb.Conn.Net;

/// <summary>The time that a dial, or one route of it, has. Each of several that are tried one after the other gets a share of it, so that one
/// that does not answer leaves time for those behind it.</summary>
/// <param name="time">The clock.</param>
/// <param name="limit">How long it may take from now on; null if whoever dials has not said.</param>
internal sealed class DialTime(TimeProvider time, TimeSpan? limit)
{
    private readonly long _start = time.GetTimestamp();

    /// <summary>How much is left; null if that is not known.</summary>
    public TimeSpan? Left => limit - time.GetElapsedTime(_start) is { } left ? (left > TimeSpan.Zero ? left : TimeSpan.Zero) : null;

    /// <summary>How long the next of several may take. The last has what is left: whoever dials ends it.</summary>
    /// <param name="several">How many there are yet, the next included.</param>
    /// <param name="most">The longest share.</param>
    public TimeSpan ShareOf(int several, TimeSpan most) =>
        several <= 1 ? Timeout.InfiniteTimeSpan : Left / several is { } share && share < most ? share : most;

    /// <summary>The time for the next of several, of which some may be tried in turn themselves.</summary>
    /// <param name="share">What <see cref="ShareOf"/> told.</param>
    public DialTime Within(TimeSpan share) => new(time, share == Timeout.InfiniteTimeSpan ? Left : share);

    /// <summary>Cancelled when a share is over.</summary>
    public CancellationTokenSource Limit(TimeSpan share) => new(share, time);
}
