namespace Ssb.Conn;

/// <summary>The time of day and the time gone by. Thread-safe.</summary>
/// <remarks>Looking at two clocks takes as long as all else that a refresh does. So the system's clocks are looked at once for
/// each tick of its coarse one (1 to 16 ms): peers staged in a burst, within one tick, are stamped with the time of the first.
/// Any other clock is looked at each time.</remarks>
internal sealed class StagingClock(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();
    private readonly bool _isSystem = ReferenceEquals(time, TimeProvider.System);
    private Reading? _last;

    /// <returns>The time of day in Unix milliseconds; the milliseconds since this clock began.</returns>
    public (long Wall, long Elapsed) Read()
    {
        if (!_isSystem)
            return Look();
#pragma warning disable RS0030 // only to tell that TimeProvider.System would say the same as before, for a fifth of the price
        long tick = Environment.TickCount64;
#pragma warning restore RS0030
        if (Volatile.Read(ref _last) is { } last && last.Tick == tick)
            return last.Now;
        var now = new Reading(tick, Look());
        Volatile.Write(ref _last, now);
        return now.Now;
    }

    private (long Wall, long Elapsed) Look() =>
        (time.GetUtcNow().ToUnixTimeMilliseconds(), (long)time.GetElapsedTime(_start).TotalMilliseconds);

    private sealed record Reading(long Tick, (long Wall, long Elapsed) Now);
}
