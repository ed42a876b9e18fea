using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;

namespace Ssb.Conn;

/// <summary>The instruments of the meter <c>Ssb.Conn.Staging</c>. When nobody listens, counting is one test of a flag, and
/// nothing is gathered.</summary>
internal static class StagingMetrics
{
    public const string MeterName = "Ssb.Conn.Staging";

    // Weakly: measuring a pool must not keep it.
    private static readonly ConditionalWeakTable<ConnStaging, object?> s_pools = [];

    private static readonly Meter s_meter = new(MeterName);

    private static readonly Counter<long> s_staged =
        s_meter.CreateCounter<long>("ssb.conn.staging.staged", "{peer}", "Peers that came onto the bench.");

    private static readonly Counter<long> s_refreshed =
        s_meter.CreateCounter<long>("ssb.conn.staging.refreshed", "{peer}", "Peers that were staged again.");

    private static readonly Counter<long> s_unstaged =
        s_meter.CreateCounter<long>("ssb.conn.staging.unstaged", "{peer}", "Peers that left the bench, by reason.");

    private static readonly Counter<long> s_refused =
        s_meter.CreateCounter<long>("ssb.conn.staging.refused", "{peer}", "Newcomers that were refused, by reason.");

    private static readonly Counter<long> s_lagged =
        s_meter.CreateCounter<long>("ssb.conn.staging.lagged", "{reader}", "Times that a reader lagged and was told so.");

    static StagingMetrics()
    {
        s_meter.CreateObservableGauge("ssb.conn.staging.entries", EntriesByType, "{peer}", "Peers on the bench, by type.");
        s_meter.CreateObservableGauge("ssb.conn.staging.subscribers", () => s_pools.Sum(p => (long)p.Key.Subscribers), "{reader}", "Streams that are being read.");
    }

    public static void Add(ConnStaging pool) => s_pools.Add(pool, null);

    public static void Remove(ConnStaging pool) => s_pools.Remove(pool);

    public static void Count(in StageResult result)
    {
        if (result.Outcome == StageOutcome.Inserted)
            Add(s_staged, 1);
        else if (result.Outcome == StageOutcome.Updated)
            Add(s_refreshed, 1);
        else
            Add(s_refused, 1, result.Reason switch
            {
                RefusalReason.BenchFull => "bench-full",
                RefusalReason.GroupFull => "group-full",
                _ => "source-full",
            });
    }

    public static void CountUnstaged(UnstageReason reason, int count)
    {
        if (count > 0)
            Add(s_unstaged, count, StagingJson.NameOf(reason));
    }

    public static void CountLag() => Add(s_lagged, 1);

    private static void Add(Counter<long> counter, int by, string? reason = null)
    {
        if (!counter.Enabled)
            return;
        try
        {
            if (reason is null)
                counter.Add(by);
            else
                counter.Add(by, new KeyValuePair<string, object?>("reason", reason));
        }
        catch (Exception)
        {
            // A listener is foreign code: it can make no call to the bench fail, nor end the timer that expires peers.
        }
    }

    private static IEnumerable<Measurement<long>> EntriesByType()
    {
        // Types come from strangers: the known ones have their own row, the rest share one.
        var counts = new Dictionary<string, long>();
        foreach ((ConnStaging pool, _) in s_pools)
        {
            foreach (StagedPeer peer in pool.SnapshotOrEmpty())
            {
                string type = peer.Type switch
                {
                    "lan" or "bt" or "internet" or "pub" or "room" or "room-attendant" or "dht" => peer.Type,
                    null => "none",
                    _ => "other",
                };
                counts[type] = counts.GetValueOrDefault(type) + 1;
            }
        }

        return counts.Select(c => new Measurement<long>(c.Value, new KeyValuePair<string, object?>("type", c.Key)));
    }
}
