namespace Ssb.Conn;

/// <summary>The peers of one type, the longest without news first.</summary>
internal sealed class AgeQueue(byte number, uint timeToLive)
{
    public SlotList Slots = new();

    /// <summary>From 1.</summary>
    public byte Number { get; } = number;

    /// <summary>In milliseconds.</summary>
    public uint TimeToLive { get; } = timeToLive;
}

/// <summary>Who is due to leave. All of a type live equally long, so a queue in order of news is in order of leaving:
/// refreshing, and finding who is due, are O(1). Not thread-safe.</summary>
internal sealed class AgeQueues
{
    private readonly Dictionary<string, AgeQueue> _byType = [];
    private readonly AgeQueue[] _queues;
    private string? _lastType;
    private byte _lastNumber;
    private long _now; // the latest that was heard; threads read the clock before they take the lock

    public AgeQueues(IReadOnlyDictionary<string, TimeSpan> timeToLive)
    {
        foreach ((string type, TimeSpan time) in timeToLive)
            _byType.Add(type, new AgeQueue((byte)(_byType.Count + 1), (uint)Math.Ceiling(time.TotalMilliseconds)));
        _queues = [.. _byType.Values];
    }

    public IReadOnlyList<AgeQueue> All => _queues;

    public AgeQueue this[byte number] => _queues[number - 1];

    /// <summary>The number of the queue of a type; 0 when it does not age.</summary>
    public byte NumberOf(string? type)
    {
        // Peers of one type come in a row.
        if (type is not null && !ReferenceEquals(type, _lastType))
            (_lastType, _lastNumber) = (type, _byType.TryGetValue(type, out AgeQueue? queue) ? queue.Number : (byte)0);
        return type is null ? (byte)0 : _lastNumber;
    }

    public void Append(Slot[] slots, byte number, int slot, long now)
    {
        ref Slot s = ref slots[slot];
        s.AgeQueue = number;
        if (number == 0)
            return;
        s.News = (uint)Forward(now);
        SlotList<Slot, Links>.Append(slots, ref this[number].Slots, slot);
    }

    /// <summary>There was news of a peer: it is the last to leave now.</summary>
    public void Refresh(Slot[] slots, int slot, long now)
    {
        ref Slot s = ref slots[slot];
        if (s.AgeQueue == 0)
            return;
        s.News = (uint)Forward(now);
        SlotList<Slot, Links>.MoveToEnd(slots, ref this[s.AgeQueue].Slots, slot);
    }

    public void Remove(Slot[] slots, int slot)
    {
        ref Slot s = ref slots[slot];
        if (s.AgeQueue != 0)
            SlotList<Slot, Links>.Remove(slots, ref this[s.AgeQueue].Slots, slot);
        s.AgeQueue = 0;
    }

    /// <summary>The first in the queue, and in how many milliseconds it is due (0 or less: now).</summary>
    /// <returns>false when the queue is empty.</returns>
    public bool TryPeek(Slot[] slots, AgeQueue queue, long now, out int slot, out long dueIn)
    {
        slot = queue.Slots.First;
        dueIn = 0;
        if (slot == SlotList.None)
            return false;
        // The low bits tell an age up to 49.7 days. Who was asleep for longer finds a peer that is due at most its time to live late.
        dueIn = (long)queue.TimeToLive - ((uint)Forward(now) - slots[slot].News);
        return true;
    }

    /// <summary>How many milliseconds ago there was news of a peer; 0 if it does not age. Up to 49.7 days, like <see cref="TryPeek"/>.</summary>
    public long AgeOf(Slot[] slots, int slot, long now) => slots[slot].AgeQueue == 0 ? 0 : (uint)Forward(now) - slots[slot].News;

    /// <summary>Makes the same queues of the same peers, which have other slots now.</summary>
    public void MoveTo(Slot[] target, Slot[] slots, int[] moved)
    {
        foreach (AgeQueue queue in _queues)
        {
            SlotList list = queue.Slots;
            queue.Slots = new SlotList();
            for (int slot = list.First; slot != SlotList.None; slot = SlotList<Slot, Links>.Next(slots, slot))
            {
                target[moved[slot]].AgeQueue = queue.Number;
                SlotList<Slot, Links>.Append(target, ref queue.Slots, moved[slot]);
            }
        }
    }

    // Time that stands still rather than going back keeps the queues in order.
    private long Forward(long now) => _now = Math.Max(_now, now);

    public readonly struct Links : ILinksOf<Slot>
    {
        public static ref Link In(ref Slot slot) => ref slot.Age;
    }
}
