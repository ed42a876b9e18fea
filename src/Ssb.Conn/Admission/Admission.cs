namespace Ssb.Conn;

/// <summary>The door to the bench: who does not come onto it, and by which rule.</summary>
internal sealed class Admission(AdmissionOptions options, ConnStaging staging, ConnHub hub, PeerRules rules, ConnPluginOptions plugin)
{
    /// <summary>Why a newcomer is refused; null if it is not. A peer that is on the bench already is only asked the first three.</summary>
    public RefusalReason? Refuses(MultiserverAddress address, string? identity, int? hops, string? source, bool isThere, bool isVerified)
    {
        if (identity is not null && identity == plugin.OwnId)
            return RefusalReason.OwnKey;
        if (rules.Find(address.Text, identity) is { } rule)
            return rule.Kind == PeerRuleKind.Block ? RefusalReason.Blocked : RefusalReason.Dismissed;
        if (hops < 0)
            return RefusalReason.Blocked;
        if (hub.Get(address) is not null || (identity is not null && hub.HasKey(identity)))
            return RefusalReason.InHub;
        if (isThere || source is null)
            return null;
        if (QuotaOf(source) is { } quota && staging.CountOf(source) >= quota)
            return RefusalReason.SourceFull;
        return identity is not null && HasTooManyRoutes(identity, source, isVerified) ? RefusalReason.TooManyRoutes : null;
    }

    /// <summary>Friends answer to no source: a flood of its peers cannot push them out.</summary>
    public bool IsFriend(int? hops) => hops >= 0 && hops <= options.FriendHops;

    /// <summary>The group of a source: what stands before the slash, or the source itself.</summary>
    public static string GroupOf(string source) => source.IndexOf('/') is var end and >= 0 ? source[..end] : source;

    private int? QuotaOf(string source)
    {
        int end = source.AsSpan().IndexOfAny(':', '/');
        return end > 0 && options.SourceQuotas.TryGetValue(source[..end], out int quota) ? quota : null;
    }

    // Who has proved its key is counted among those who have: nobody can keep it out with routes that it only claims for that key.
    private bool HasTooManyRoutes(string identity, string source, bool isVerified)
    {
        IReadOnlyList<StagedPeer> routes = staging.RoutesTo(identity);
        if (routes.Count < options.RoutesPerKeyAndGroup && routes.Count < options.RoutesPerKey)
            return false;
        StagedPeer[] rivals = [.. routes.Where(r => !isVerified || r.Verified == true)];
        string group = GroupOf(source);
        return rivals.Length >= options.RoutesPerKey || rivals.Count(r => r.Source is { } other && GroupOf(other) == group) >= options.RoutesPerKeyAndGroup;
    }
}
