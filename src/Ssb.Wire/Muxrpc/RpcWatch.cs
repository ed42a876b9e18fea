namespace Ssb.Wire;

/// <summary>Ends a connection that is idle, or whose peer takes nothing of what we send.</summary>
internal sealed class RpcWatch(RpcConnection connection) : IAsyncDisposable
{
    private ITimer? _timer;

    public void Start()
    {
        RpcOptions options = connection.Options;
        TimeSpan shortest = options.IdleTimeout == Timeout.InfiniteTimeSpan ? options.SendTimeout
            : options.SendTimeout == Timeout.InfiniteTimeSpan || options.IdleTimeout < options.SendTimeout ? options.IdleTimeout
            : options.SendTimeout;
        if (shortest == Timeout.InfiniteTimeSpan)
            return;

        // Looking four times in that time makes an end come late by a quarter of it at most.
        TimeSpan period = TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(shortest.TotalMilliseconds / 4)));
        _timer = options.TimeProvider.CreateTimer(static watch => ((RpcWatch)watch!).Look(), this, period, period);
    }

    public ValueTask DisposeAsync() => _timer?.DisposeAsync() ?? default;

    private void Look()
    {
        RpcOptions options = connection.Options;
        bool isWriting = connection.Output.IsWriting; // before the time of its progress, which a write that begins meanwhile would change
        long now = options.TimeProvider.GetTimestamp();
        TimeSpan unsent = options.TimeProvider.GetElapsedTime(connection.Output.LastProgress, now);
        // A peer that we do not read is not silent; the stop ends by itself (SlowReaderDeadline).
        TimeSpan silent = connection.IsStopped ? TimeSpan.Zero : options.TimeProvider.GetElapsedTime(connection.LastReceived, now);
        if (isWriting && options.SendTimeout != Timeout.InfiniteTimeSpan && unsent >= options.SendTimeout)
        {
            connection.End(new RpcEnd(RpcEndReason.Violation, new RpcProtocolException(RpcViolation.NotReading,
                $"The peer took nothing of what we sent for {options.SendTimeout.TotalSeconds:0.###} s.")));
        }
        else if (options.IdleTimeout != Timeout.InfiniteTimeSpan && (unsent < silent ? unsent : silent) >= options.IdleTimeout)
        {
            connection.End(new RpcEnd(RpcEndReason.Idle));
        }
    }
}

/// <summary>Counts the frames of a peer: so many a second, and as many at once.</summary>
internal sealed class RpcFrameRate(RpcOptions options)
{
    private double _left = options.MaxFramesPerSecond;
    private long _since = options.TimeProvider.GetTimestamp();

    public void Refill(long now)
    {
        _left = Math.Min(options.MaxFramesPerSecond, _left + options.TimeProvider.GetElapsedTime(_since, now).TotalSeconds * options.MaxFramesPerSecond);
        _since = now;
    }

    /// <exception cref="RpcProtocolException">They are too many.</exception>
    public void Count()
    {
        if (--_left < 0)
        {
            throw new RpcProtocolException(RpcViolation.TooManyFrames,
                $"The peer sent more than {options.MaxFramesPerSecond:N0} frames a second.");
        }
    }
}
