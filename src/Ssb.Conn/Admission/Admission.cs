namespace Ssb.Conn;

/// <summary>The door to the bench: who does not come onto it, and by which rule. Guarded by the lock of the hub.</summary>
internal sealed class Admission(AdmissionOptions options, ConnStaging staging, ConnHub hub, PeerRules rules, ConnPluginOptions plugin)
{
    private const string Lan = "lan:";

    private readonly TellerReach _reach = new();
    private readonly long[] _refused = new long[Enum.GetValues<RefusalReason>().Length];
    private long _routesDropped;

    public AdmissionCounters Counters => new(
        Enum.GetValues<RefusalReason>().Where(r => _refused[(int)r] > 0)
            .ToDictionary(r => r, r => _refused[(int)r]).AsReadOnly(), _routesDropped);

    public void Count(StageResult result, bool hasDropped)
    {
        if (result.Reason is { } reason)
            _refused[(int)reason]++;
        else if (hasDropped && result.Outcome == StageOutcome.Inserted)
            _routesDropped++;
    }

    /// <summary>An address was refused elsewhere than at the bench.</summary>
    public void CountUndiallable() => _refused[(int)RefusalReason.Undiallable]++;

    /// <summary>A peer is connected: how local the address is, is known of it.</summary>
    public void Reached(HubPeer peer) => _reach.Set(peer);

    /// <summary>The most local address that a source may tell of: one as local as that at which we reached it.</summary>
    /// <param name="source">Who told; null for a person.</param>
    public AddressScope LeastOf(string? source)
    {
        source = PeerSource.ToldBy(source);
        if (options.MayTellOfMoreLocal || PeerSource.IsOwn(source))
            return AddressScope.Loopback;
        if (PeerSource.TellerOf(source) is { } teller)
            // What we published ourselves is a person's word.
            return teller == plugin.OwnFeedId ? AddressScope.Loopback : _reach.Of(teller, hub.Get(teller));
        // LAN discovery itself decides what an announcement may tell of. It never leads to this machine unless it came from it.
        bool isHeard = source!.StartsWith(Lan, StringComparison.Ordinal); // it is not null, or it were our own
        string sender = source[(SourceName.EndOfGroup(source) + 1)..];
        return isHeard && AddressScopes.Of(sender) != AddressScope.Loopback ? AddressScope.LinkLocal : AddressScope.Loopback;
    }

    /// <summary>What is left of an address when its source is a peer: the routes that are not more local than the address at which we
    /// reached that. Names are asked again
    /// when they are dialled, since only then it is known where they lead; tunnels lead to no address.</summary>
    /// <param name="address">The address.</param>
    /// <param name="source">Who told.</param>
    /// <param name="why">Why a route was dropped, in words; null if none was.</param>
    /// <returns>null if nothing is left.</returns>
    public MultiserverAddress? WithinReach(MultiserverAddress address, string source, out string? why)
    {
        why = null;
        if (PeerSource.TellerOf(source) is null || LeastOf(source) is not (> AddressScope.Loopback and var least))
            return address;
        IReadOnlyList<MultiserverRoute> routes = address.Routes;
        MultiserverRoute[] within = [.. routes.Where(route => !(TellerReach.ScopeOf(route) < least))]; // a route without a scope stays
        if (within.Length == routes.Count)
            return address;
        MultiserverRoute first = routes.First(route => TellerReach.ScopeOf(route) < least);
        // It has a scope.
        string lead = TellerReach.Words(TellerReach.ScopeOf(first)!.Value); // it has a scope, or it would have stayed
        why = $"its source was reached at {TellerReach.Words(least)}, so it may not tell of {lead}: {first}";
        return within.Length == 0 ? null : MultiserverAddress.Format(within);
    }

    /// <summary>Why a newcomer is refused; null if it is not. A peer that is on the bench already is only asked the first three.</summary>
    public RefusalReason? Refuses(
        MultiserverAddress address, FeedId? feedId, int? hops, string? source, bool isThere, bool isVerified, bool isUndiallable)
    {
        if (feedId is not null && feedId == plugin.OwnFeedId)
            return RefusalReason.OwnKey;
        if (rules.Find(address, feedId) is { } rule)
            return rule.Kind == PeerRuleKind.Block ? RefusalReason.Blocked : RefusalReason.Dismissed;
        if (hops < 0)
            return RefusalReason.Blocked;
        if (hub.Get(address) is not null || (feedId is { } peer && hub.Has(peer)))
            return RefusalReason.InHub;
        if (isThere)
            return null;
        if (isUndiallable)
            return RefusalReason.Undiallable;
        if (source is null)
            return null;
        if (!IsFriend(hops) && QuotaOf(source) is { } quota && staging.CountOf(source) >= quota)
            return RefusalReason.SourceFull;
        return feedId is { } named && HasTooManyRoutes(named, source, isVerified) ? RefusalReason.TooManyRoutes : null;
    }

    /// <summary>Friends answer to no source: a flood of its peers cannot push them out.</summary>
    public bool IsFriend(int? hops) => hops >= 0 && hops <= options.FriendHops;

    /// <summary>What a peer that tells of another may say of it: not that it has proved its key, nor that it is on our LAN, which decides
    /// the order of routes and the
    /// rivals of a route. LAN discovery alone knows that.</summary>
    public static PeerData WithoutClaims(PeerData data, string source)
    {
        if (PeerSource.TellerOf(source) is null)
            return data;
        bool isLan = data.Type == "lan";
        return data.Verified is true || isLan ? data with { Verified = null, Type = isLan ? null : data.Type } : data;
    }

    private int? QuotaOf(string source)
    {
        ReadOnlySpan<char> kind = SourceName.KindOf(source);
        return kind.Length > 0 && options.SourceQuotas.TryGetValue(kind.ToString(), out int quota) ? quota : null;
    }

    // Who has proved its key is counted among those who have: nobody can keep it out with routes that it only claims for that key.
    private bool HasTooManyRoutes(FeedId feedId, string source, bool isVerified)
    {
        IReadOnlyList<StagedPeer> routes = staging.RoutesTo(feedId);
        if (routes.Count < options.RoutesPerKeyAndGroup && routes.Count < options.RoutesPerKey)
            return false;
        StagedPeer[] rivals = [.. routes.Where(r => !isVerified || r.Verified == true)];
        string group = PeerSource.GroupOf(source);
        return rivals.Length >= options.RoutesPerKey
            || rivals.Count(r => r.Source is { } other && PeerSource.GroupOf(other) == group) >= options.RoutesPerKeyAndGroup;
    }
}
