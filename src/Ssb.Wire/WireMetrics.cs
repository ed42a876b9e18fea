using System.Diagnostics.Metrics;

namespace Ssb.Wire;

/// <summary>The instruments of the meter <c>Ssb.Wire</c>. When nobody listens, counting is one test of a flag.</summary>
public static class WireMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Ssb.Wire";

    private static readonly Meter s_meter = new(MeterName);

    private static readonly Counter<long> s_handshakes =
        s_meter.CreateCounter<long>("ssb.wire.handshakes", "{handshake}", "Handshakes that ended, by role and outcome.");

    private static readonly UpDownCounter<long> s_connections =
        s_meter.CreateUpDownCounter<long>("ssb.wire.rpc.connections", "{connection}", "Connections that are open.");

    private static readonly Counter<long> s_ends =
        s_meter.CreateCounter<long>("ssb.wire.rpc.ends", "{connection}", "Connections that ended, by reason.");

    private static readonly Counter<long> s_calls =
        s_meter.CreateCounter<long>("ssb.wire.rpc.calls", "{call}", "Calls and streams that were opened, by type and side.");

    private static readonly Counter<long> s_events =
        s_meter.CreateCounter<long>("ssb.wire.rpc.events", "{event}", "What went wrong without ending a connection, by kind.");

    private static readonly Histogram<double> s_stops = s_meter.CreateHistogram<double>(
        "ssb.wire.rpc.stops", "s", "For how long connections were not read at a stretch, since the reader of a stream was slower than the peer.");

    private static readonly UpDownCounter<long> s_reserve = s_meter.CreateUpDownCounter<long>(
        "ssb.wire.rpc.reserve", "By", "What streams hold beyond their windows, with what frames cost beside their bodies.");

    private static readonly UpDownCounter<long> s_reserveFiles = s_meter.CreateUpDownCounter<long>(
        "ssb.wire.rpc.reserve_files", "By", "What streams hold beyond their windows in files.");

    internal static void CountHandshake(string role, string outcome)
    {
        if (s_handshakes.Enabled)
            Add(s_handshakes, new("role", role), new("outcome", outcome));
    }

    internal static void CountCall(string type, string side)
    {
        if (s_calls.Enabled)
            Add(s_calls, new("type", type), new("side", side));
    }

    internal static void CountEvent(RpcEventKind kind)
    {
        if (s_events.Enabled)
            Add(s_events, new KeyValuePair<string, object?>("kind", kind.ToString()));
    }

    internal static void CountEnd(RpcEndReason reason)
    {
        if (s_ends.Enabled)
            Add(s_ends, new KeyValuePair<string, object?>("reason", reason.ToString()));
    }

    internal static void CountStop(TimeSpan duration)
    {
        if (s_stops.Enabled)
            Guard(() => s_stops.Record(duration.TotalSeconds));
    }

    internal static void CountReserve(int by)
    {
        if (s_reserve.Enabled)
            Guard(() => s_reserve.Add(by));
    }

    internal static void CountReserveFiles(long by)
    {
        if (s_reserveFiles.Enabled)
            Guard(() => s_reserveFiles.Add(by));
    }

    internal static void CountConnections(int by) => Guard(() => s_connections.Add(by));

    private static void Add(Counter<long> counter, params KeyValuePair<string, object?>[] tags) => Guard(() => counter.Add(1, tags));

    // A listener is foreign code: it can make nothing fail here.
    private static void Guard(Action count)
    {
        try
        {
            count();
        }
        catch (Exception)
        {
            // See above.
        }
    }
}
