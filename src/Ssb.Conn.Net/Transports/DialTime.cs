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

    /// <summary>How long the next of several attempts may take; null for the last, which has all that is left.</summary>
    /// <param name="several">How many attempts are left, the next included.</param>
    /// <param name="longest">The longest share.</param>
    private TimeSpan? ShareOf(int several, TimeSpan longest) =>
        several <= 1 ? null : Left / several is { } share && share < longest ? share : longest;

    /// <summary>Runs the next of several attempts within its share of the time that is left. The last has all of it: whoever dials ends it.</summary>
    /// <param name="several">How many attempts are left, the next included.</param>
    /// <param name="longest">The longest share, unless it is the last.</param>
    /// <param name="what">What is tried, for the message of the error.</param>
    /// <param name="attempt">The attempt. It gets its share of the time, and a token that is cancelled when the share is over.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="ConnectFailedException">The attempt failed, or its share is over.</exception>
    public async Task<T> TryNextAsync<T>(
        int several, TimeSpan longest, object what, Func<DialTime, CancellationToken, Task<T>> attempt, CancellationToken cancellationToken)
    {
        if (ShareOf(several, longest) is not { } share)
            return await attempt(new DialTime(time, Left), cancellationToken).ConfigureAwait(false);

        using var over = new CancellationTokenSource(share, time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, over.Token);
        try
        {
            return await attempt(new DialTime(time, share), ended.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new ConnectFailedException($"{what} did not answer within {share.TotalSeconds:0.###} s.");
        }
    }
}
