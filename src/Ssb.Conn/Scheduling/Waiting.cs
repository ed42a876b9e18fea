namespace Ssb.Conn;

/// <summary>Who waits to be dialled: of each source the few that have waited longest, as many as there are slots.</summary>
/// <param name="slots">How many can be dialled.</param>
/// <param name="bySource">Is each source kept apart?</param>
internal sealed class Waiting(int slots, bool bySource)
{
    private static readonly object s_everybody = new();

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
            Sources.Add(source, queued = new Queued(peer.Source));
        List<(ConnPeer Peer, (double, double) Order)> best = queued.Best;
        (double, double) order = (cooldown, since);
        int room = 2 * slots; // more than slots: some may be routes to one identity
        if (best.Count >= room && order.CompareTo(best[^1].Order) >= 0)
            return;
        int at = best.Count;
        while (at > 0 && best[at - 1].Order.CompareTo(order) > 0)
            at--;
        best.Insert(at, (peer, order));
        if (best.Count > room)
            best.RemoveAt(room);
    }

    /// <summary>Takes the next: of the source whose turn it is, the one with the shortest cooldown.</summary>
    public bool TakeNext(DialTurns turns, out ConnPeer peer)
    {
        Queued? next = null;
        (int, int, long, (double, double)) least = default;
        foreach (Queued queued in Sources.Values)
        {
            if (queued.Best.Count == 0)
                continue;
            (int, int) standing = turns.StandingOf(queued.Source);
            (int, int, long, (double, double)) order = (standing.Item1, standing.Item2, turns.LastOf(queued.Source), queued.Best[0].Order);
            if (next is null || order.CompareTo(least) < 0)
                (next, least) = (queued, order);
        }

        peer = next is null ? default : next.Best[0].Peer;
        next?.Best.RemoveAt(0);
        return next is not null;
    }

    public sealed class Queued(string? source)
    {
        public string? Source { get; } = source;

        public List<(ConnPeer Peer, (double, double) Order)> Best { get; } = [];
    }
}

/// <summary>Whose turn it is: how many connections and dials each source and each group of sources has, and when it last had a turn. Bounded.</summary>
internal sealed class DialTurns
{
    private const string Book = ""; // the address book, and whoever was staged by a person
    private const int MostRemembered = 4_096;

    private readonly Dictionary<string, int> _groups = [];
    private readonly Dictionary<string, int> _sources = [];
    private readonly Dictionary<string, long> _last = [];

    public void Begin(IEnumerable<string?> inHub)
    {
        _groups.Clear();
        _sources.Clear();
        foreach (string? source in inHub)
            Count(source);
    }

    public (int OfGroup, int OfSource) StandingOf(string? source) =>
        (_groups.GetValueOrDefault(Admission.GroupOf(source ?? Book)), _sources.GetValueOrDefault(source ?? Book));

    public long LastOf(string? source) => _last.GetValueOrDefault(source ?? Book);

    public void Had(string? source, long now)
    {
        Count(source);
        if (_last.Count >= MostRemembered && !_last.ContainsKey(source ?? Book))
        {
            // Half of them: those whose turn is longest ago.
            foreach (string old in _last.OrderBy(l => l.Value).Take(MostRemembered / 2).Select(l => l.Key).ToArray())
                _last.Remove(old);
        }

        _last[source ?? Book] = now;
    }

    private void Count(string? source)
    {
        string group = Admission.GroupOf(source ?? Book);
        _groups[group] = _groups.GetValueOrDefault(group) + 1;
        _sources[source ?? Book] = _sources.GetValueOrDefault(source ?? Book) + 1;
    }
}
