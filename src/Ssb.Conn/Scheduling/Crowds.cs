namespace Ssb.Conn;

/// <summary>Which connections end when there are too many.</summary>
internal static class Crowds
{
    /// <summary>One connection after the other: of the group of sources that has most, in it of the source that has most, the newest. Where
    /// several have as many, the
    /// one whose newest connection is newer than theirs.</summary>
    /// <remarks>Who was there first and is alone is therefore never reached, however many others come from elsewhere.</remarks>
    /// <param name="peers">The connections, the oldest first.</param>
    /// <param name="originOf">Where a connection comes from.</param>
    /// <param name="count">How many are to end.</param>
    public static IReadOnlyList<HubPeer> NewestOfTheLargest(
        IReadOnlyList<HubPeer> peers, Func<HubPeer, (string Group, string Source)> originOf, int count)
    {
        var groups = new Dictionary<string, Dictionary<string, Stack<int>>>();
        for (int i = 0; i < peers.Count; i++)
        {
            (string group, string source) = originOf(peers[i]);
            if (!groups.TryGetValue(group, out Dictionary<string, Stack<int>>? sources))
                groups.Add(group, sources = []);
            if (!sources.TryGetValue(source, out Stack<int>? members))
                sources.Add(source, members = new Stack<int>());
            members.Push(i);
        }

        var ending = new List<HubPeer>(count);
        while (ending.Count < count && groups.Count > 0)
        {
            // There is at least one of each: what is empty is removed below.
            (string group, Dictionary<string, Stack<int>> sources) = groups
                .MaxBy(g => (g.Value.Values.Sum(s => s.Count), g.Value.Values.Max(s => s.Peek())));
            (string source, Stack<int> members) = sources.MaxBy(s => (s.Value.Count, s.Value.Peek()));
            ending.Add(peers[members.Pop()]);
            if (members.Count == 0)
                sources.Remove(source);
            if (sources.Count == 0)
                groups.Remove(group);
        }

        return ending;
    }
}
