using System.Diagnostics.Metrics;

namespace Ssb.Wire;

/// <summary>The instruments of the meter <c>Ssb.Wire</c>. When nobody listens, counting is one test of a flag.</summary>
internal static class WireMetrics
{
    public const string MeterName = "Ssb.Wire";

    private static readonly Meter s_meter = new(MeterName);

    private static readonly Counter<long> s_handshakes =
        s_meter.CreateCounter<long>("ssb.wire.handshakes", "{handshake}", "Handshakes that ended, by role and outcome.");

    public static void CountHandshake(string role, string outcome) =>
        Add(s_handshakes, 1, new("role", role), new("outcome", outcome));

    private static void Add(Counter<long> counter, long by, KeyValuePair<string, object?> tag1, KeyValuePair<string, object?> tag2)
    {
        if (!counter.Enabled)
            return;
        try
        {
            counter.Add(by, tag1, tag2);
        }
        catch (Exception)
        {
            // A listener is foreign code: it can make nothing fail here.
        }
    }
}
