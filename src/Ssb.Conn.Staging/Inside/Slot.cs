namespace Ssb.Conn;

/// <summary>What the bench knows of an entry beside the entry itself: 32 bytes, so that finding, ageing and counting a peer
/// meet one cache line.</summary>
internal struct Slot
{
    public int Hash;
    public int NextInBucket;
    public Link Age;
    public Link Source;

    /// <summary>When there was news of the peer: the low bits of milliseconds.</summary>
    public uint News;

    /// <summary>The number of its age queue; 0 when it does not age.</summary>
    public byte AgeQueue;

    public bool IsPinned;
}

/// <summary>The neighbours of a slot in a list.</summary>
internal struct Link
{
    public int Previous;
    public int Next;
}

/// <summary>A doubly linked list through slots: its two ends.</summary>
internal struct SlotList()
{
    public const int None = -1;

    public int First = None;
    public int Last = None;
}

/// <summary>Which links of a <typeparamref name="TSlot"/> a list goes through.</summary>
internal interface ILinksOf<TSlot>
{
    static abstract ref Link In(ref TSlot slot);
}

/// <summary>What is done to lists; each step is O(1).</summary>
internal static class SlotList<TSlot, TLinks>
    where TLinks : ILinksOf<TSlot>
{
    public static void Append(in ChunkedArray<TSlot> slots, ref SlotList list, int slot)
    {
        TLinks.In(ref slots[slot]) = new Link { Previous = list.Last, Next = SlotList.None };
        if (list.Last == SlotList.None)
            list.First = slot;
        else
            TLinks.In(ref slots[list.Last]).Next = slot;
        list.Last = slot;
    }

    public static void Remove(in ChunkedArray<TSlot> slots, ref SlotList list, int slot)
    {
        Link link = TLinks.In(ref slots[slot]);
        if (link.Previous == SlotList.None)
            list.First = link.Next;
        else
            TLinks.In(ref slots[link.Previous]).Next = link.Next;
        if (link.Next == SlotList.None)
            list.Last = link.Previous;
        else
            TLinks.In(ref slots[link.Next]).Previous = link.Previous;
    }

    public static void MoveToEnd(in ChunkedArray<TSlot> slots, ref SlotList list, int slot)
    {
        ref Link link = ref TLinks.In(ref slots[slot]);
        if (link.Next == SlotList.None)
            return;
        if (link.Previous == SlotList.None)
            list.First = link.Next;
        else
            TLinks.In(ref slots[link.Previous]).Next = link.Next;
        TLinks.In(ref slots[link.Next]).Previous = link.Previous;
        TLinks.In(ref slots[list.Last]).Next = slot;
        link = new Link { Previous = list.Last, Next = SlotList.None };
        list.Last = slot;
    }

    public static int Next(in ChunkedArray<TSlot> slots, int slot) => TLinks.In(ref slots[slot]).Next;
}
