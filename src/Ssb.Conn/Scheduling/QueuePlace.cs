namespace Ssb.Conn;

/// <summary>The place of a peer among those that wait to be dialled, as <see cref="Waiting"/> would take them.</summary>
internal static class QueuePlace
{
    /// <summary>How many peers go before it, and one.</summary>
    /// <param name="asked">The peer that is asked for, one of <paramref name="due"/>.</param>
    /// <param name="due">Those that may be dialled at the next look, routes of one peer among them, and in which order those of one source go.</param>
    /// <param name="turns">Whose turn it is. It is changed.</param>
    /// <param name="bySource">Is each source kept apart?</param>
    /// <param name="now">The time, as <see cref="DialTurns.Had"/> takes it.</param>
    /// <returns>The place; and whether it is certain: lots decide between sources that nothing else tells apart, and are taken to fall against the one that is
    /// asked for.</returns>
    public static (int Place, bool IsCertain) Of(ConnPeer asked, IReadOnlyCollection<(ConnPeer Peer, (double, double) Order)> due, DialTurns turns, bool bySource, long now)
    {
        object own = SourceOf(asked);
        string ownGroup = PeerSource.GroupOf(asked.ToldAs);
        var groups = new Dictionary<string, Group>();
        foreach (IGrouping<object, (ConnPeer Peer, (double, double) Order)> source in due.GroupBy(d => SourceOf(d.Peer), ReferenceEqualityComparer.Instance))
        {
            string? name = source.First().Peer.ToldAs;
            string group = PeerSource.GroupOf(name);
            if (!groups.TryGetValue(group, out Group? of))
                groups.Add(group, of = new Group(group));
            bool isOwn = ReferenceEquals(source.Key, own);
            var queue = new Source(name, isOwn, new Queue<ConnPeer>(source.OrderBy(d => d.Order).Select(d => d.Peer)));
            of.Sources.Enqueue(queue, (turns.OfSource(name), turns.LastOfSource(name), isOwn));
        }

        var waiting = new PriorityQueue<Group, (double, double, bool)>();
        foreach (Group group in groups.Values)
            waiting.Enqueue(group, OrderOf(group));

        bool isCertain = groups.Values.Sum(g => g.Sources.Count) <= 1;
        int place = 0;
        var taken = new HashSet<FeedId>();
        while (waiting.TryDequeue(out Group? group, out _))
        {
            Source source = group.Sources.Dequeue(); // a group that waits has one
            ConnPeer peer = source.Peers.Dequeue();
            bool isNew = peer.FeedId is not { } key || taken.Add(key);
            if (isNew)
            {
                place++;
                if (peer.Address == asked.Address || (peer.FeedId is { } taker && taker == asked.FeedId))
                    return (place, isCertain);
                turns.Had(peer.ToldAs, now);
            }

            if (source.Peers.Count > 0)
                group.Sources.Enqueue(source, (turns.OfSource(source.Name), turns.LastOfSource(source.Name), source.IsOwn));
            if (group.Sources.Count > 0)
                waiting.Enqueue(group, OrderOf(group));
        }

        return (place + 1, isCertain);

        object SourceOf(ConnPeer peer) => bySource && peer.Staged?.Share is { } share ? share : turns;

        (double, double, bool) OrderOf(Group group) => (turns.WeightOf(group.Name), turns.ServedOf(group.Name), group.Name == ownGroup);
    }

    private sealed record Source(string? Name, bool IsOwn, Queue<ConnPeer> Peers);

    private sealed record Group(string Name)
    {
        public PriorityQueue<Source, (int, long, bool)> Sources { get; } = new();
    }
}
