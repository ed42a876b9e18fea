namespace Ssb.Conn;

/// <summary>The peers of one type, the longest without news first.</summary>
internal sealed class AgeQueue(string type, uint timeToLive)
{
    public SlotList Slots = new();

    public string Type { get; } = type;

    /// <summary>In milliseconds.</summary>
    public uint TimeToLive { get; } = timeToLive;
}

/// <summary>Who is due to leave. All of a type live equally long, so a queue in order of news is in order of leaving:
/// refreshing, and finding who is due, are O(1). Not thread-safe.</summary>
internal sealed class AgeQueues
{
    private readonly Dictionary<string, byte> _byType = []; // number of the queue, from 1; 0 lives for ever
    private readonly AgeQueue[] _queues;
    private SlotLinks _links = new();
    private ChunkedArray<uint> _news = new(); // when there was news of a slot, in milliseconds on a clock that may wrap
    private uint _now;

    public AgeQueues(IReadOnlyDictionary<string, TimeSpan> timeToLive)
    {
        _queues = [.. timeToLive.Select(t => new AgeQueue(t.Key, (uint)Math.Ceiling(t.Value.TotalMilliseconds)))];
        for (int i = 0; i < _queues.Length; i++)
            _byType.Add(_queues[i].Type, (byte)(i + 1));
    }

    public IReadOnlyList<AgeQueue> All => _queues;

    public byte NumberOf(string? type) => type is null || _queues.Length == 0 ? (byte)0 : _byType.GetValueOrDefault(type);

    public AgeQueue this[byte number] => _queues[number - 1];

    public void Append(byte number, int slot, uint now)
    {
        // Threads read the clock before they take the lock; the queue must stay in order all the same.
        if ((int)(now - _now) > 0)
            _now = now;
        _news.Reach(slot);
        _news[slot] = _now;
        _links.Append(ref this[number].Slots, slot);
    }

    public void Remove(byte number, int slot) => _links.Remove(ref this[number].Slots, slot);

    /// <summary>The first in the queue, and in how many milliseconds it is due (0 or less: now).</summary>
    /// <returns>false when the queue is empty.</returns>
    public bool TryPeek(AgeQueue queue, uint now, out int slot, out int dueIn)
    {
        slot = queue.Slots.First;
        dueIn = 0;
        if (slot == SlotLinks.None)
            return false;
        dueIn = (int)(_news[slot] + queue.TimeToLive - now);
        return true;
    }

    public void Renumber(int[] renumbered)
    {
        var links = new SlotLinks();
        var news = new ChunkedArray<uint>();
        foreach (AgeQueue queue in _queues)
        {
            for (int slot = queue.Slots.First; slot != SlotLinks.None; slot = _links.Next(slot))
            {
                news.Reach(renumbered[slot]);
                news[renumbered[slot]] = _news[slot];
            }

            _links.MoveTo(ref links, ref queue.Slots, renumbered);
        }

        (_links, _news) = (links, news);
    }
}
