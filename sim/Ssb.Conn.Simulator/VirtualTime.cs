namespace Ssb.Conn.Simulator;

/// <summary>A clock that stands until it is told to go on, and then goes from one due timer to the next: at each, it is exactly that time.
/// Timers that are due at the same time fire in the order in which they were set, so the same program runs the same again.</summary>
/// <remarks>Timers may be set from any thread; <see cref="RunFor"/> is called from one.</remarks>
public sealed class VirtualTime : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly PriorityQueue<(VirtualTimer Timer, long Setting), (long At, long Number)> _due = new();
    private readonly DateTimeOffset _start;
    private long _now; // ticks since the start
    private long _number;

    /// <summary>A clock that begins at <paramref name="start"/>.</summary>
    public VirtualTime(DateTimeOffset start) => _start = start;

    /// <summary>How many timers fired.</summary>
    public long Fired { get; private set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => _start.AddTicks(Volatile.Read(ref _now) + Offset.Ticks);

    public override long GetTimestamp() => Volatile.Read(ref _now);

    /// <summary>How far the time of day is ahead of what timers and timestamps know of: a machine that slept, or a clock that was set.</summary>
    public TimeSpan Offset { get; set; }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new VirtualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Lets time pass, and all that is due in it happen.</summary>
    public void RunFor(TimeSpan duration)
    {
        long end = _now + duration.Ticks;
        while (TryTake(end, out VirtualTimer? timer))
        {
            Fired++;
            timer.Fire();
        }

        Volatile.Write(ref _now, end);
    }

    private bool TryTake(long end, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out VirtualTimer? timer)
    {
        lock (_gate)
        {
            timer = null;
            while (_due.TryPeek(out (VirtualTimer Timer, long Setting) next, out (long At, long Number) due) && due.At <= end)
            {
                _due.Dequeue();
                if (next.Timer.Setting != next.Setting)
                    continue; // it was set anew, or disposed
                Volatile.Write(ref _now, Math.Max(_now, due.At));
                timer = next.Timer;
                if (timer.Period > 0)
                    Set_NeedsLock(timer, timer.Period);
                else
                    timer.Setting = 0;
                return true;
            }

            return false;
        }
    }

    private void Set_NeedsLock(VirtualTimer timer, long after)
    {
        timer.Setting = ++_number;
        _due.Enqueue((timer, timer.Setting), (_now + after, _number));
    }

    private sealed class VirtualTimer(VirtualTime time, TimerCallback callback, object? state) : ITimer
    {
        private bool _isDisposed;

        /// <summary>The number of its last setting; 0 when it is not set.</summary>
        public long Setting { get; set; }

        public long Period { get; private set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._gate)
            {
                if (_isDisposed)
                    return false;
                Setting = 0;
                Period = period == Timeout.InfiniteTimeSpan ? 0 : period.Ticks;
                if (dueTime != Timeout.InfiniteTimeSpan)
                    time.Set_NeedsLock(this, dueTime.Ticks);
                return true;
            }
        }

        public void Dispose()
        {
            lock (time._gate)
            {
                _isDisposed = true;
                Setting = 0;
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
