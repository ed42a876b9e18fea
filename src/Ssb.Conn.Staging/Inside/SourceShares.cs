using System.Diagnostics;

namespace Ssb.Conn;

/// <summary>What one source has on the bench: how many, and which, in order of arrival.</summary>
internal sealed class SourceShare(string name, SourceGroup? group)
{
    public SlotList Slots = new();

    public string Name { get; } = name;

    public SourceGroup? Group { get; } = group;

    public int Count { get; set; }

    // Neighbours among the sources that have as many.
    public SourceShare? Previous { get; set; }

    public SourceShare? Next { get; set; }
}

/// <summary>Sources that answer for each other, such as all senders of one network interface.</summary>
internal sealed class SourceGroup(string name)
{
    public string Name { get; } = name;

    public int Count { get; set; }

    /// <summary>Those that have any.</summary>
    public HashSet<SourceShare> Members { get; } = [];
}

/// <summary>The sources and their shares, with the largest at hand. Every step is O(1). Not thread-safe.</summary>
internal sealed class SourceShares
{
    private readonly Dictionary<string, SourceShare> _byName = [];
    private readonly Dictionary<string, SourceGroup> _groups = [];
    private SourceShare?[] _withCount = new SourceShare?[4]; // heads of lists: the sources that have so many
    private int _largest;
    private SourceShare? _lastFound;

    /// <summary>How many peers they have in all.</summary>
    public int Peers { get; private set; }

    /// <summary>The share of a source; a new, empty one if it has none yet.</summary>
    public SourceShare Find(string name)
    {
        // A source tells of many peers in a row.
        if (_lastFound is { Count: > 0 } last && ReferenceEquals(last.Name, name))
            return last;
        return _lastFound = _byName.TryGetValue(name, out SourceShare? share) ? share : new SourceShare(name, FindGroup(name));
    }

    /// <summary>How many peers a source has, or a group.</summary>
    public int CountOf(string name) =>
        _byName.TryGetValue(name, out SourceShare? share) ? share.Count : _groups.TryGetValue(name, out SourceGroup? group) ? group.Count : 0;

    /// <summary>Who makes room in a group that is full: the latest arrival of its largest source, by the rule of <see cref="TryYield"/>.</summary>
    public static bool TryYieldInGroup(SourceShare newcomer, SourceGroup group, int room, out int slot)
    {
        int fair = Math.Max(1, room / (group.Members.Count + (newcomer.Count == 0 ? 1 : 0)));
        SourceShare? largest = newcomer.Count < fair ? group.Members.MaxBy(s => s.Count) : null;
        slot = largest?.Slots.Last ?? SlotList.None;
        return largest?.Count > fair;
    }

    /// <summary>Who makes room for a newcomer: the latest arrival of the source that has most, as long as that has more than a fair
    /// share and the newcomer's less than one. A source at or below its fair share never loses a peer, whatever the others do.</summary>
    /// <param name="newcomer">The source of the newcomer.</param>
    /// <param name="room">How many peers all sources together may have.</param>
    /// <param name="slot">Who makes room.</param>
    public bool TryYield(SourceShare newcomer, int room, out int slot)
    {
        int fair = Math.Max(1, room / (_byName.Count + (newcomer.Count == 0 ? 1 : 0)));
        SourceShare? largest = _withCount[_largest];
        slot = largest?.Slots.Last ?? SlotList.None;
        return largest?.Count > fair && newcomer.Count < fair;
    }

    public void Add(Slot[] slots, SourceShare share, int slot)
    {
        if (share.Count == 0)
        {
            _byName.Add(share.Name, share);
            share.Group?.Members.Add(share);
            if (share.Group is { Count: 0 } group)
                _groups[group.Name] = group;
        }

        Recount(share, +1);
        SlotList<Slot, Links>.Append(slots, ref share.Slots, slot);
    }

    public void Remove(Slot[] slots, SourceShare share, int slot)
    {
        SlotList<Slot, Links>.Remove(slots, ref share.Slots, slot);
        Recount(share, -1);
        if (share.Count > 0)
            return;
        _byName.Remove(share.Name);
        share.Group?.Members.Remove(share);
        if (share.Group is { Count: 0 } group)
            _groups.Remove(group.Name);
    }

    /// <summary>Makes the same lists of the same peers, which have other slots now.</summary>
    public void MoveTo(Slot[] target, Slot[] slots, int[] moved)
    {
        foreach (SourceShare share in _byName.Values)
        {
            SlotList list = share.Slots;
            share.Slots = new SlotList();
            for (int slot = list.First; slot != SlotList.None; slot = SlotList<Slot, Links>.Next(slots, slot))
                SlotList<Slot, Links>.Append(target, ref share.Slots, moved[slot]);
        }
    }

    private SourceGroup? FindGroup(string source)
    {
        int end = SourceName.EndOfGroup(source);
        if (end < 0)
            return null;
        string name = source[..end];
        return _groups.TryGetValue(name, out SourceGroup? group) ? group : new SourceGroup(name);
    }

    private void Recount(SourceShare share, int by)
    {
        if (share.Count > 0)
        {
            if (share.Previous is { } previous)
                previous.Next = share.Next;
            else
                _withCount[share.Count] = share.Next;
            if (share.Next is { } next)
                next.Previous = share.Previous;
        }

        share.Count += by;
        if (share.Group is { } group)
            group.Count += by;
        Peers += by;
        (share.Previous, share.Next) = (null, null);
        if (share.Count == _withCount.Length)
            Array.Resize(ref _withCount, _withCount.Length * 2);
        if (share.Count > 0)
        {
            share.Next = _withCount[share.Count];
            if (share.Next is { } next)
                next.Previous = share;
            _withCount[share.Count] = share;
            _largest = Math.Max(_largest, share.Count);
        }

        // Counts change by one, so the largest does too.
        if (_withCount[_largest] is null && _largest > 0)
            _largest--;
        Debug.Assert(_largest == 0 || _withCount[_largest] is not null);
    }

    public readonly struct Links : ILinksOf<Slot>
    {
        public static ref Link In(ref Slot slot) => ref slot.Source;
    }
}
