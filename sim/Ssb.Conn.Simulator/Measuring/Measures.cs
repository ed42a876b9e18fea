namespace Ssb.Conn.Simulator;

/// <summary>What is measured in one simulation.</summary>
/// <param name="world">What is measured.</param>
/// <param name="victims">The hosts that are attacked; where nobody is, the same ones.</param>
/// <param name="newcomers">Those of them that come during the attack.</param>
internal sealed class Measures(World world, IReadOnlyList<SimHost> victims, IReadOnlyList<SimHost> newcomers)
{
    /// <summary>The attacker's part of what is on the victims' benches.</summary>
    public Share Bench { get; } = new();

    /// <summary>The attacker's part of the connections that the victims' schedulers made, rooms apart.</summary>
    public Share Automatic { get; } = new();

    /// <summary>What that would be if each source that has somebody to offer had the same part: the attacker's share of sources.</summary>
    public Share Sources { get; } = new();

    /// <summary>The attacker's part of all connections of the victims, callers included, rooms apart.</summary>
    public Share Connections { get; } = new();

    /// <summary>Of the honest rooms that the victims remember, those that they are connected to, as far as they have slots for
    /// them.</summary>
    public Share Rooms { get; } = new();

    /// <summary>Victims without a connection with anybody honest.</summary>
    public Share CutOff { get; } = new();

    /// <summary>Honest hosts that are up and in the largest piece of the network that honest connections make.</summary>
    public Share Together { get; } = new();

    /// <summary>From a mass death to when 99 % of the hosts that are left are in one piece; null: never, or nobody died.</summary>
    public TimeSpan? RecoveredAfter { get; private set; }

    public World World => world;

    public int Victims => victims.Count;

    public int Evicted => world.Hosts.Sum(h => h.Evicted);

    public int KeptOut => world.Hosts.Sum(h => h.KeptOut);

    public int Refused => world.Hosts.Sum(h => h.Refused);

    /// <summary>How long newcomers waited for a connection with somebody honest, the shortest first; those who have none wait for ever.</summary>
    public IReadOnlyList<TimeSpan> Waits => [.. newcomers.Select(n => n.FirstHonestAt - n.CameAt ?? TimeSpan.MaxValue).Order()];

    public double HostHours => world.Hosts.Count * world.Now.TotalHours;

    public void Sample()
    {
        foreach (SimHost host in victims.Where(v => v.IsUp))
            Sample(host);
        SampleTogether(Together);
    }

    public void SampleRecovery(TimeSpan since)
    {
        if (RecoveredAfter is not null)
            return;
        var now = new Share();
        SampleTogether(now);
        if (now.Value >= 0.99)
            RecoveredAfter = world.Now - since;
    }

    private void Sample(SimHost host)
    {
        StagingSnapshot bench = host.Plugin.Staging.Entries();
        Bench.Add(bench.Count(p => world.HostileAddresses.Contains(p.Address)), bench.Count);
        HubPeer[] connected = [.. host.Plugin.Hub.Entries().Where(p => p.State == HubState.Connected)];
        HashSet<MultiserverAddress> rooms = [.. world.Rooms
            .Where(r => !r.IsHostile && r.IsUp && host.Plugin.Db.Has(r.Address)).Select(r => r.Address)];
        Rooms.Add(connected.Count(p => rooms.Contains(p.Address)), Math.Min(rooms.Count, host.Plugin.Options.Scheduler.RoomQuota));
        HubPeer[] peers = [.. connected.Where(p => host.Plugin.Db.Get(p.Address)?.Type != "room")];
        HubPeer[] automatic = [.. peers.Where(p => !p.IsCaller)];
        Connections.Add(peers.Count(IsHostile), peers.Length);
        Automatic.Add(automatic.Count(IsHostile), automatic.Length);
        Sources.Add(HostileSourcesOf(host, bench, automatic) * automatic.Length, automatic.Length);
        CutOff.Add(peers.All(IsHostile) ? 1 : 0, 1);
    }

    private bool IsHostile(HubPeer peer) => peer.FeedId is { } feedId && world.HostileIds.Contains(feedId);

    // Who has a peer on the bench, or one that was dialled. Each room and the address book are one source; the senders of a LAN are one together.
    private double HostileSourcesOf(SimHost host, StagingSnapshot bench, HubPeer[] automatic)
    {
        IEnumerable<string?> sources = bench.Select(p => p.Source).Concat(automatic.Select(p => host.SourceOf(p.Address)));
        if (host.Plugin.DbPeers().Any(p => p.Data.Type == "pub" && host.Plugin.Hub.Get(p.Address) is null))
            sources = sources.Append(null);
        double[] groups = [.. sources.Distinct().GroupBy(s => s?.Split('/')[0]).Select(g => g.Average(s => s is not null && world.HostileSources.Contains(s) ? 1.0 : 0.0))];
        return groups.Length == 0 ? 0 : groups.Average();
    }

    private void SampleTogether(Share share)
    {
        SimHost[] up = [.. world.Hosts.Where(h => h.IsUp)];
        if (up.Length > 0)
            share.Add(Pieces.Largest(up), up.Length);
    }
}
