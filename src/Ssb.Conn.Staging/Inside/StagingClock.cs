namespace Ssb.Conn;

/// <summary>The time of day and the time gone by, for the price of one look at a clock.</summary>
/// <remarks>Looking at two clocks would take as long as all else that a refresh does. The time of day is told from the
/// one that never steps, and compared with the other whenever 10 ms have gone by; so a step of the time of day is seen up to
/// 10 ms late. Thread-safe.</remarks>
internal sealed class StagingClock(TimeProvider time)
{
    private const long Trust = 10 * TimeSpan.TicksPerMillisecond;

    private readonly long _start = time.GetTimestamp();
    private long _offset; // from the time gone by to the time of day, in ticks
    private long _comparedAt = long.MinValue;

    /// <returns>The time of day in Unix milliseconds; the milliseconds since this clock began.</returns>
    public (long Wall, long Elapsed) Read()
    {
        long elapsed = time.GetElapsedTime(_start).Ticks;
        long comparedAt = Volatile.Read(ref _comparedAt);
        if (comparedAt == long.MinValue || elapsed - comparedAt >= Trust)
        {
            Volatile.Write(ref _offset, time.GetUtcNow().Ticks - DateTimeOffset.UnixEpoch.Ticks - elapsed);
            Volatile.Write(ref _comparedAt, elapsed);
        }

        // Towards the earlier millisecond, also before 1970.
        return (FloorToMilliseconds(Volatile.Read(ref _offset) + elapsed), elapsed / TimeSpan.TicksPerMillisecond);
    }

    private static long FloorToMilliseconds(long ticks) =>
        (ticks >= 0 ? ticks : ticks - TimeSpan.TicksPerMillisecond + 1) / TimeSpan.TicksPerMillisecond;
}
