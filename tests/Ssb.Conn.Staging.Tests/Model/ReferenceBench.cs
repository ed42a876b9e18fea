namespace Ssb.Conn.Staging.Tests.Model;

/// <summary>A peer as the reference keeps it.</summary>
internal sealed record Entry(string Address)
{
    public int? KeyInAddress { get; init; }

    public int? KeyTold { get; init; }

    public string? Type { get; init; }

    public bool? Verified { get; init; }

    public SortedDictionary<string, string> Fields { get; init; } = [];

    public string? Source { get; init; }

    public DateTimeOffset Birth { get; init; }

    public DateTimeOffset Updated { get; init; }

    public DateTimeOffset News { get; init; } // when its time to live began

    public bool IsPinned { get; init; }

    public int? KeyNumber => KeyTold ?? (Fields.ContainsKey("key") ? null : KeyInAddress);

    /// <summary>Is nothing new in it but the times?</summary>
    public bool SaysNoMoreThan(Entry previous) => (KeyTold, Type, Verified) == (previous.KeyTold, previous.Type, previous.Verified) && Fields.SequenceEqual(previous.Fields);

    public override string ToString() =>
        $"{Address} key {(KeyNumber is { } key ? Given.FeedId(key) : null)} type {Type} verified {Verified} source {Source} "
        + $"birth {Birth.ToUnixTimeMilliseconds()} updated {Updated.ToUnixTimeMilliseconds()} {string.Join(',', Fields)}";

    /// <summary>The same of a peer of the product.</summary>
    public static string Describe(StagedPeer peer) =>
        $"{peer.Address.Text} key {peer.Key} type {peer.Type} verified {peer.Verified} source {peer.Source} "
        + $"birth {peer.StagingBirth.ToUnixTimeMilliseconds()} updated {peer.StagingUpdated.ToUnixTimeMilliseconds()} "
        + string.Join(',', peer.Data.Fields.Where(f => !IsTold(peer, f.Key)).OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => KeyValuePair.Create(f.Key, f.Value.GetRawText())));

    // Shown before the others.
    private static bool IsTold(StagedPeer peer, string name) => name switch
    {
        "key" => peer.Data.Key is not null,
        "type" => peer.Type is not null,
        "verified" => peer.Verified is not null,
        _ => false,
    };
}

/// <summary>The bench as the specification tells it, in lists and LINQ: slow, and plainly right.</summary>
internal sealed class ReferenceBench(StagingOptions options)
{
    private readonly List<string> _byArrival = []; // of those that count as a source's, the latest last
    private readonly List<string> _byNews = []; // the latest last

    public List<Entry> Entries { get; private set; } = [];

    /// <summary>All changes: what, which peer, why.</summary>
    public List<(string What, string Peer, UnstageReason? Why)> Changes { get; } = [];

    public DateTimeOffset Now { get; private set; } = Given.Start;

    public Entry? Get(string address) => Entries.Find(e => e.Address == address);

    public IEnumerable<Entry> RoutesTo(int key) =>
        Entries.Where(e => (e.KeyInAddress ?? e.KeyTold) == key);

    /// <param name="address">The address.</param>
    /// <param name="keyInAddress">The number of the key it names.</param>
    /// <param name="told">The data.</param>
    /// <param name="source">Who told.</param>
    /// <param name="choose">Of several that may give way, the one to go.</param>
    /// <returns>Null when the key told contradicts the address.</returns>
    public StageResult? Stage(string address, int? keyInAddress, Told told, string? source, Func<List<Entry>, Entry> choose)
    {
        if (told.KeyNumber is { } key && keyInAddress is { } named && key != named)
            return null;
        if (Get(address) is { } previous)
        {
            Entry updated = Merged(previous, told) with { Updated = Now, News = previous.IsPinned ? previous.News : Now };
            Entries[Entries.IndexOf(previous)] = updated;
            MoveLast(_byNews, address);
            if (!updated.SaysNoMoreThan(previous))
                Changes.Add(("updated", updated.ToString(), null));
            return new StageResult(StageOutcome.Updated);
        }

        if (source is not null && Of(source).Count >= options.SourceCapacity)
            return new StageResult(StageOutcome.Refused, RefusalReason.SourceFull);
        if (Entries.Count >= options.Capacity)
        {
            if (source is null)
                return new StageResult(StageOutcome.Refused, RefusalReason.BenchFull);
            List<string> sources = [.. Entries.Where(e => !e.IsPinned).Select(e => e.Source).OfType<string>().Append(source).Distinct()];
            int open = options.Capacity - Entries.Count(e => e.IsPinned || e.Source is null);
            int fair = Math.Max(1, open / sources.Count);
            int most = sources.Max(s => Of(s).Count);
            if (Of(source).Count >= fair || most <= fair)
                return new StageResult(StageOutcome.Refused, RefusalReason.BenchFull);
            Remove(choose([.. sources.Where(s => Of(s).Count == most).Select(s => Of(s).MaxBy(e => _byArrival.IndexOf(e.Address))!)]), UnstageReason.Evicted);
        }

        Entry entry = Merged(new Entry(address) { KeyInAddress = keyInAddress, Source = source, Birth = Now }, told) with { Updated = Now, News = Now };
        Entries.Add(entry);
        MoveLast(_byArrival, address);
        MoveLast(_byNews, address);
        Changes.Add(("inserted", entry.ToString(), null));
        return new StageResult(StageOutcome.Inserted);
    }

    public bool Unstage(string address, UnstageReason reason)
    {
        if (Get(address) is not { } entry)
            return false;
        Remove(entry, reason);
        return true;
    }

    public bool SetPin(string address, bool isPinned)
    {
        if (Get(address) is not { } entry || entry.IsPinned == isPinned)
            return false;
        Entries[Entries.IndexOf(entry)] = entry with { IsPinned = isPinned, News = Now };
        MoveLast(_byArrival, address);
        MoveLast(_byNews, address);
        return true;
    }

    public void Advance(TimeSpan by)
    {
        Now += by;
        foreach (string address in _byNews.ToList())
        {
            if (Get(address) is { IsPinned: false, Type: { } type } entry && options.TimeToLive.TryGetValue(type, out TimeSpan time) && entry.News + time <= Now)
                Remove(entry, UnstageReason.Expired);
        }
    }

    private List<Entry> Of(string source) => [.. Entries.Where(e => !e.IsPinned && e.Source == source)];

    private void Remove(Entry entry, UnstageReason reason)
    {
        Entries.Remove(entry);
        Changes.Add(("removed", entry.ToString(), reason));
    }

    // Fields given replace, fields not given stay; once verified, an update does not undo it.
    private static Entry Merged(Entry entry, Told told)
    {
        var fields = new SortedDictionary<string, string>(entry.Fields, StringComparer.Ordinal);
        Entry merged = entry with { Fields = fields };
        if (told.Null is not null && !(told.Null == "verified" && entry.Verified == true))
            fields[told.Null] = "null";
        if (told.Field is not null)
            fields["field"] = told.Field;
        if (told.Null == "type")
            merged = merged with { Type = null };
        if (told.Null == "key")
            merged = merged with { KeyTold = null };
        if (told.Null == "verified" && entry.Verified != true)
            merged = merged with { Verified = null };
        if (told.Type is not null && fields.Remove("type") | true)
            merged = merged with { Type = told.Type };
        if (told.KeyNumber is not null && fields.Remove("key") | true)
            merged = merged with { KeyTold = told.KeyNumber };
        if (told.Verified is not null && fields.Remove("verified") | true)
            merged = merged with { Verified = entry.Verified == true ? true : told.Verified };
        return merged;
    }

    private static void MoveLast(List<string> list, string address)
    {
        list.Remove(address);
        list.Add(address);
    }
}
