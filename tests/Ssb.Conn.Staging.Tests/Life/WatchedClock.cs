using Microsoft.Extensions.Time.Testing;

namespace Ssb.Conn.Staging.Tests.Life;

/// <summary>A virtual clock that knows its timers, and whose wall clock may be set wrong.</summary>
internal sealed class WatchedClock : TimeProvider
{
    private readonly FakeTimeProvider _inner = Given.Clock();
    private readonly List<WatchedTimer> _timers = [];

    /// <summary>How wrong the wall clock is; the timestamps are not affected.</summary>
    public TimeSpan WallError { get; set; }

    public int Running => _timers.Count(t => t.IsRunning);

    public int Made => _timers.Count;

    public int Disposed => _timers.Count(t => t.IsDisposed);

    public override long TimestampFrequency => _inner.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => _inner.GetUtcNow() + WallError;

    public override long GetTimestamp() => _inner.GetTimestamp();

    public void Advance(TimeSpan by) => _inner.Advance(by);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new WatchedTimer();
        timer.Inner = _inner.CreateTimer(
            s =>
            {
                timer.IsRunning = false; // unless it is set again, now
                callback(s);
            },
            state,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
        _timers.Add(timer);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class WatchedTimer : ITimer
    {
        public ITimer? Inner { get; set; }

        public bool IsRunning { get; set; }

        public bool IsDisposed { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            IsRunning = !IsDisposed && dueTime != Timeout.InfiniteTimeSpan;
            return Inner!.Change(dueTime, period);
        }

        public void Dispose()
        {
            (IsRunning, IsDisposed) = (false, true);
            Inner!.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
