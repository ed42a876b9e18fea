using System.Runtime.CompilerServices;

namespace Ssb.Conn.Net;

/// <summary>How much work datagrams may cause.</summary>
/// <remarks>
/// <para>An announcement that repeats, byte for byte, one that was accepted from the same sender costs a look-up (below a
/// microsecond) and is never limited. Anything else must be decoded, which is at most 0.1 ms (a signature
/// check takes most of it), and needs two tokens first: one of its sender, and one of a lane that all share.</para>
/// <para>The arithmetic of the defaults: two lanes of 200 a second are 400 * 0.1 ms = 40 ms a second, 4 % of a core,
/// for decoding. Reading alone: 500 datagrams in 10 ms are 50,000 a second for each of the two ports, at 3 us each
/// (measured) 15 % of a core for each port that is flooded so; what exceeds it is lost in the kernel's buffer, whoever sent it.</para>
/// </remarks>
public sealed record LanLimits
{
    /// <summary>New announcements of one sender that are decoded, per second, 1 to 10,000. Default 20.</summary>
    public int SenderRate { get; init; } = 20;

    /// <summary>How many of them at once after a silence, 1 to 10,000. Default 50.</summary>
    public int SenderBurst { get; init; } = 50;

    /// <summary>
    /// New announcements that are decoded per second in each of two lanes, 1 to 100,000, and as many at once. Default 200.
    /// One lane is for senders that asked for little lately ("quiet"), so that a newcomer is heard while others flood.
    /// </summary>
    public int LaneRate { get; init; } = 200;

    /// <summary>Accepted announcements remembered of one sender, 1 to 10,000. Default 64.</summary>
    public int RememberedPerSender { get; init; } = 64;

    /// <summary>
    /// Accepted announcements remembered in all, 16 to 1,000,000. Default 4,096. One may take 5 kB at worst. Half of it is kept free
    /// for the first four of each sender, so that a whole network of 512 hosts always finds room.
    /// </summary>
    public int Remembered { get; init; } = 4_096;

    /// <summary>Senders known at a time, 16 to 1,000,000. Default 65,536, at about 240 bytes each.</summary>
    public int Senders { get; init; } = 65_536;

    /// <summary>Datagrams read in 10 ms from each port, 1 to 100,000. Default 500.</summary>
    public int ReadsPerSlice { get; init; } = 500;

    /// <summary>Announcements that wait for a slow host, 1 to 1,000,000; when it is full, later ones are dropped and counted. Default 4,096.</summary>
    public int Queue { get; init; } = 4_096;

    internal string? Problem() =>
        Outside(SenderRate, 1, 10_000)
        ?? Outside(SenderBurst, 1, 10_000)
        ?? Outside(LaneRate, 1, 100_000)
        ?? Outside(RememberedPerSender, 1, 10_000)
        ?? Outside(Remembered, 16, 1_000_000)
        ?? Outside(Senders, 16, 1_000_000)
        ?? Outside(ReadsPerSlice, 1, 100_000)
        ?? Outside(Queue, 1, 1_000_000);

    /// <returns>null, or what is wrong in a sentence.</returns>
    internal static string? Outside(double value, double least, double most, [CallerArgumentExpression(nameof(value))] string what = "") =>
        value >= least && value <= most ? null : $"{what} goes from {least} to {most}, and is {value}.";
}
