using System.Globalization;

namespace Ssb.Conn.Tests.Shared;

/// <summary>How often a test repeats itself where more often only makes a rare fault more likely to be seen.</summary>
internal static class Rounds
{
    // Where a processor is emulated, such as in .ci/arm64, a part of them is enough: the whole runs on the processor itself.
    private static readonly int s_divisor = Math.Max(1,
        int.TryParse(Environment.GetEnvironmentVariable("SSB_CONN_ROUNDS_DIVISOR"), CultureInfo.InvariantCulture, out int divisor) ? divisor : 1);

    /// <param name="all">How many they are: 1 or more.</param>
    /// <returns>All of them, or the part of them that the variable <c>SSB_CONN_ROUNDS_DIVISOR</c> asks for; at least 1.</returns>
    public static int Of(int all) => Math.Max(1, all / s_divisor);

    /// <param name="distance">The distance of two places that are tried, out of many.</param>
    /// <returns>That distance, or one that is larger by the same variable.</returns>
    public static int Step(int distance) => distance * s_divisor;

    /// <summary>Skips a long test of arithmetic in virtual time, which is the same on every system, where only a part of the rounds is asked for.</summary>
    public static void NeedAll() => Assert.SkipWhen(s_divisor > 1, "A long run in virtual time that touches nothing of the system; it runs where SSB_CONN_ROUNDS_DIVISOR is not set.");
}
