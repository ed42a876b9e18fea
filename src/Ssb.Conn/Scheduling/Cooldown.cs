// ssb-conn 6.0.4, conn-scheduler, calculateCooldown.
namespace Ssb.Conn;

/// <summary>How long a peer is left alone before it is dialled again.</summary>
internal static class Cooldown
{
    private const double Second = 1_000;
    private const int MostFailures = 64;
    private const double LeastFullness = 0.1;

    /// <summary>The wait since its last change of state, in milliseconds; infinite for a peer that is not to be dialled.</summary>
    /// <param name="kind">What it is.</param>
    /// <param name="hops">How far it is from us; null or negative: unknown or blocked.</param>
    /// <param name="failures">Failed dials since the last connection.</param>
    /// <param name="isNew">It was never tried.</param>
    /// <param name="neverWorked">It was tried, and never with success.</param>
    /// <param name="fullness">How much of the quota is used, 0 to 1.</param>
    /// <param name="isLucky">Three in ten are, at random.</param>
    public static double Of(PeerKind kind, int? hops, int failures, bool isNew, bool neverWorked, double fullness, bool isLucky)
    {
        double distance = kind == PeerKind.Room ? Second : hops is null or < 0 ? double.PositiveInfinity : hops.Value * Second;
        double cooldown = (distance + OfFailures(failures)) * AtFullness(fullness);
        if (isNew)
            cooldown *= 0.5;
        if (isLucky)
            cooldown *= 0.5;
        if (kind == PeerKind.Lan)
            cooldown *= 0.7;
        if (kind == PeerKind.RoomAttendant)
            cooldown *= 0.8;
        return neverWorked ? cooldown * 3 : cooldown;
    }

    /// <summary>The shortest wait of a peer of the address book when the quota is used up: for a friend, and with luck. When less is used it is
    /// as much shorter, see <see cref="AtFullness"/>.</summary>
    public static double LeastOf(PeerKind kind, PeerData data)
    {
        bool isNew = data.StateChangeMs is null or 0;
        return Of(kind, 0, data.Failure, isNew, !isNew && data.MeanDurationMs == 0, 1, isLucky: true);
    }

    /// <summary>How much shorter waits are when so much of the quota is used.</summary>
    public static double AtFullness(double fullness) => Math.Max(LeastFullness, fullness);

    /// <summary>The shortest wait after so many failures, whatever the rest: when nobody is connected, and with luck.</summary>
    public static TimeSpan ShortestAfter(int failures) => TimeSpan.FromMilliseconds(OfFailures(failures) * LeastFullness * 0.5 * 0.7);

    private static double OfFailures(int failures)
    {
        double f = Math.Min(MostFailures, failures);
        return (4 * Second) + (f * f * f * 10 * Second);
    }
}
