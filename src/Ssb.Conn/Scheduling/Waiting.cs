namespace Ssb.Conn;

/// <summary>Who waits to be dialled: of each source the few that have waited longest, as many as there are slots.</summary>
/// <param name="slots">How many can be dialled.</param>
/// <param name="bySource">Is each source kept apart?</param>
/// <param name="random">Draws lots between sources, and between groups of sources, that nothing else tells apart: else who tells of most
/// identities, the luckiest of whom has a short cooldown, would always be first.</param>
internal sealed class Waiting(int slots, bool bySource, Random random)
{
    private static readonly object s_everybody = new();

    private readonly Dictionary<string, double> _lots = []; // of groups

    /// <summary>How many wait, those that have not cooled down included.</summary>
    public int Count { get; set; }

    public Dictionary<object, Queued> Sources { get; } = new(ReferenceEqualityComparer.Instance);

    /// <param name="peer">Who waits.</param>
    /// <param name="cooldown">The shorter, the sooner it goes.</param>
    /// <param name="since">Of equals, who waits longest goes first.</param>
    public void Offer(ConnPeer peer, double cooldown, double since)
    {
        // The share of a source is one object as long as it has peers; the address book is one source.
        object source = bySource ? (object?)peer.Staged?.Share ?? s_everybody : s_everybody;
        if (!Sources.TryGetValue(source, out Queued? queued))
            Sources.Add(source, queued = NewQueue(peer.ToldAs));
        List<(ConnPeer Peer, (double, double) Order)> best = queued.Best;
        (double, double) order = (cooldown, since);
        int room = 2 * slots; // more than slots: some may be routes to one peer
        if (best.Count >= room && order.CompareTo(best[^1].Order) >= 0)
            return;
        int at = best.Count;
        while (at > 0 && best[at - 1].Order.CompareTo(order) > 0)
            at--;
        best.Insert(at, (peer, order));
        if (best.Count > room)
            best.RemoveAt(room);
    }

    /// <summary>Takes the next: of the group whose turn it is, of the source whose turn it is in it, the one with the shortest cooldown.</summary>
    public bool TakeNext(DialTurns turns, out ConnPeer peer)
    {
        Queued? next = null;
        ((double, double, double) Group, (int, long, double) Source) least = default;
        foreach (Queued queued in Sources.Values)
        {
            if (queued.Best.Count == 0)
                continue;
            var order = (Group: (turns.WeightOf(queued.Group), turns.ServedOf(queued.Group), queued.GroupLot),
                Source: (turns.OfSource(queued.Source), turns.LastOfSource(queued.Source), queued.Lot));
            if (next is null || order.CompareTo(least) < 0)
                (next, least) = (queued, order);
        }

        peer = next is null ? default : next.Best[0].Peer;
        next?.Best.RemoveAt(0);
        return next is not null;
    }

    private Queued NewQueue(string? source)
    {
        string group = PeerSource.GroupOf(source);
#pragma warning disable CA5394 // chance, not secrecy
        if (!_lots.TryGetValue(group, out double lot))
            _lots.Add(group, lot = random.NextDouble());
        return new Queued(source, group, lot, random.NextDouble());
#pragma warning restore CA5394
    }

    public sealed class Queued(string? source, string group, double groupLot, double lot)
    {
        public string? Source { get; } = source;

        public string Group { get; } = group;

        public double GroupLot { get; } = groupLot;

        public double Lot { get; } = lot;

        public List<(ConnPeer Peer, (double, double) Order)> Best { get; } = [];
    }
}

/// <summary>Whose turn it is: how many connections and dials each source and each group of sources has, how long the connections of a group have
/// lasted in all, and when a source last had a turn. Bounded.</summary>
/// <remarks>Between groups it is time that is shared, not turns: the connections of who never lets go last longer than those of people who come and
/// go.</remarks>
internal sealed class DialTurns
{
    private const double DebtOfAConnection = 10 * 60_000; // in milliseconds: so much longer than others is as good as a connection now
    private const int MostRemembered = 4_096;

    private readonly Dictionary<string, int> _groups = [];
    private readonly Dictionary<string, int> _sources = [];
    private readonly Dictionary<string, double> _served = []; // of groups, in milliseconds
    private readonly Dictionary<string, long> _lastOfSource = [];
    private double? _leastServed; // until the next change of _served: it is asked for each that waits

    /// <summary>Nobody has had a turn.</summary>
    public DialTurns()
    {
    }

    private DialTurns(DialTurns other)
    {
        (_groups, _sources) = (new(other._groups), new(other._sources));
        (_served, _lastOfSource) = (new(other._served), new(other._lastOfSource));
    }

    /// <summary>The same, to be changed without effect on this one.</summary>
    public DialTurns Copy() => new(this);

    /// <summary>Counts anew.</summary>
    /// <param name="inHub">The source of each connection and dial.</param>
    /// <param name="elapsed">How long ago it was last done, in milliseconds.</param>
    public void Begin(IEnumerable<string?> inHub, double elapsed)
    {
        foreach ((string group, int count) in _groups)
            Serve(group, ServedOf(group) + (count * elapsed));
        _groups.Clear();
        _sources.Clear();
        foreach (string? source in inHub)
            Count(source);
    }

    public int OfGroup(string group) => _groups.GetValueOrDefault(group);

    /// <summary>How many connections a group has, and up to one more for what it had longer than others before.</summary>
    public double WeightOf(string group) => OfGroup(group) + Math.Min(1, (ServedOf(group) - LeastServed) / DebtOfAConnection);

    public int OfSource(string? source) => _sources.GetValueOrDefault(source ?? SourceName.Book);

    /// <summary>Has a group several connections?</summary>
    public bool HasSeveral => _groups.Any(g => g.Value > 1);

    /// <summary>Has the first source, or its group, so many more than the second that one less would still not be less?</summary>
    public bool IsUneven(string? many, string? few)
    {
        string group = PeerSource.GroupOf(many);
        string other = PeerSource.GroupOf(few);
        return group == other ? OfSource(many) >= OfSource(few) + 2 : OfGroup(group) > 0 && WeightOf(group) >= WeightOf(other) + 2;
    }

    /// <summary>A group that is new stands where the one stands that was served least: it is owed nothing for the time before.</summary>
    public double ServedOf(string group) => _served.TryGetValue(group, out double served) ? served : LeastServed;

    private double LeastServed => _leastServed ??= _served.Count == 0 ? 0 : _served.Values.Min();

    public long LastOfSource(string? source) => _lastOfSource.GetValueOrDefault(source ?? SourceName.Book);

    public void Had(string? source, long now)
    {
        Count(source);
        Serve(PeerSource.GroupOf(source), ServedOf(PeerSource.GroupOf(source)));
        Remember(_lastOfSource, source ?? SourceName.Book, now);
    }

    private void Serve(string group, double served)
    {
        Remember(_served, group, served);
        _leastServed = null;
    }

    private static void Remember<T>(Dictionary<string, T> last, string name, T value)
    {
        if (last.Count >= MostRemembered && !last.ContainsKey(name))
        {
            // Half of them go: those who had least, or whose turn is longest ago.
            foreach (string old in last.OrderBy(l => l.Value).Take(MostRemembered / 2).Select(l => l.Key).ToArray())
                last.Remove(old);
        }

        last[name] = value;
    }

    private void Count(string? source)
    {
        string group = PeerSource.GroupOf(source);
        _groups[group] = _groups.GetValueOrDefault(group) + 1;
        _sources[source ?? SourceName.Book] = _sources.GetValueOrDefault(source ?? SourceName.Book) + 1;
    }
}
