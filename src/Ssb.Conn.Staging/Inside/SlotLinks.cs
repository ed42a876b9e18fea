namespace Ssb.Conn;

/// <summary>The two ends of a list of slots; empty unless appended to.</summary>
internal struct SlotList()
{
    public int First = SlotLinks.None;
    public int Last = SlotLinks.None;
}

/// <summary>Doubly linked lists through slot numbers: one slot is in at most one list of these links, and appending and
/// removing are O(1) with 8 bytes a slot. Not thread-safe.</summary>
internal struct SlotLinks()
{
    public const int None = -1;

    private ChunkedArray<(int Previous, int Next)> _links = new();

    public readonly int Next(int slot) => _links[slot].Next;

    public void Append(ref SlotList list, int slot)
    {
        _links.Reach(slot);
        _links[slot] = (list.Last, None);
        if (list.Last == None)
            list.First = slot;
        else
            _links[list.Last].Next = slot;
        list.Last = slot;
    }

    public readonly void Remove(ref SlotList list, int slot)
    {
        (int previous, int next) = _links[slot];
        if (previous == None)
            list.First = next;
        else
            _links[previous].Next = next;
        if (next == None)
            list.Last = previous;
        else
            _links[next].Previous = previous;
    }

    /// <summary>The list again, in new links, after its slots got new numbers.</summary>
    public readonly void MoveTo(ref SlotLinks target, ref SlotList list, int[] renumbered)
    {
        var moved = new SlotList();
        for (int slot = list.First; slot != None; slot = Next(slot))
            target.Append(ref moved, renumbered[slot]);
        list = moved;
    }
}
