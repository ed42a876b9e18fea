using System.Numerics;

namespace Ssb.Conn;

/// <summary>The entries and all that is known of each: its slot, its age, its source, its key. Not thread-safe:
/// <see cref="ConnStaging"/> holds its lock around every call.</summary>
/// <remarks>A slot number is good until the next <see cref="Remove"/>, which may compact.</remarks>
internal sealed class Bench(StagingOptions options)
{
    private const int NoSlot = -1;
    private const int MinSlots = 256;

    private readonly AgeQueues _ages = new(options.TimeToLive);
    private PeerSlots _peers = new();
    private Slot[] _slots = new Slot[MinSlots];

    // A hash table by address: the first slot of each bucket, plus one, so that 0 is none; the rest follow in the slots.
    // As many as there are slots: a power of two.
    private int[] _buckets = new int[MinSlots];
    private KeyIndex? _keys;

    public int Count { get; private set; }

    public AgeQueues Ages => _ages;

    public SourceShares Sources { get; } = new();

    public StagedPeer this[int slot] => _peers[slot]!; // a slot that is asked for is in use

    public bool TryFind(MultiserverAddress address, out int slot) => TryFind(new BenchKey(address), out slot);

    public bool TryFind(in BenchKey key, out int slot)
    {
        (string text, int hash) = (key.Text, key.Hash);
        for (slot = _buckets[hash & (_buckets.Length - 1)] - 1; slot != NoSlot;)
        {
            ref Slot s = ref _slots[slot];
            if (s.Hash == hash && s.Text == text)
                return true;
            slot = s.NextInBucket;
        }

        return false;
    }

    public StagingSnapshot Snapshot(long sequence) => _peers.Snapshot(Count, sequence);

    /// <returns>The number of its age queue.</returns>
    public byte Insert(StagedPeer peer, int hash, long now)
    {
        int slot = Append(peer, hash);
        Count++;
        if (peer.Share is { } share)
            Sources.Add(_slots, share, slot);
        _keys?.Add(peer.FeedId, slot);
        byte age = _ages.NumberOf(peer.Type);
        _ages.Append(_slots, age, slot, now);
        return age;
    }

    /// <returns>The number of its age queue; 0 when it is pinned.</returns>
    public byte Update(int slot, StagedPeer peer, long now)
    {
        StagedPeer previous = this[slot];
        _peers[slot] = peer;
        ref Slot s = ref _slots[slot];
        if (ReferenceEquals(peer.Data, previous.Data))
        {
            _ages.Refresh(_slots, slot, now);
            return s.AgeQueue;
        }

        _keys?.Remove(previous.FeedId, slot);
        _keys?.Add(peer.FeedId, slot);
        if (s.IsPinned)
            return 0;
        _ages.Remove(_slots, slot);
        _ages.Append(_slots, _ages.NumberOf(peer.Type), slot, now);
        return s.AgeQueue;
    }

    public StagedPeer Remove(int slot)
    {
        StagedPeer peer = this[slot];
        ref Slot s = ref _slots[slot];
        if (!s.IsPinned && peer.Share is { } share)
            Sources.Remove(_slots, share, slot);
        _ages.Remove(_slots, slot);
        _keys?.Remove(peer.FeedId, slot);
        LeaveBucket(slot);
        s.Text = ""; // the slot stays until the next compaction, its text need not
        _peers[slot] = null;
        Count--;
        if (_peers.Used > 256 && Count < _peers.Used / 4)
            Compact();
        return peer;
    }

    /// <summary>A pinned peer neither ages nor counts as its source's.</summary>
    /// <returns>false when it was pinned already.</returns>
    public bool Pin(int slot)
    {
        ref Slot s = ref _slots[slot];
        if (s.IsPinned)
            return false;
        s.IsPinned = true;
        _ages.Remove(_slots, slot);
        if (this[slot].Share is { } share)
            Sources.Remove(_slots, share, slot);
        return true;
    }

    /// <summary>The peer is its source's again, as its latest arrival, and its life starts anew.</summary>
    /// <param name="slot">The peer.</param>
    /// <param name="now">The time.</param>
    /// <param name="age">The number of its age queue.</param>
    /// <returns>false when it was not pinned.</returns>
    public bool Unpin(int slot, long now, out byte age)
    {
        age = 0;
        ref Slot s = ref _slots[slot];
        if (!s.IsPinned)
            return false;
        s.IsPinned = false;
        StagedPeer peer = this[slot];
        age = _ages.NumberOf(peer.Type);
        _ages.Append(_slots, age, slot, now);
        if (peer.Share is { } share)
        {
            // Meanwhile the share may have run empty, and another taken its place.
            SourceShare current = Sources.Find(share.Name);
            if (!ReferenceEquals(current, share))
                _peers[slot] = new StagedPeer(peer, peer.Data, current, peer.Updated);
            Sources.Add(_slots, current, slot);
        }

        return true;
    }

    /// <summary>The peer of a queue that is due first, and in how many milliseconds (0 or less: now).</summary>
    /// <returns>false when the queue is empty.</returns>
    public bool TryPeekAge(AgeQueue queue, long now, out int slot, out long dueIn) =>
        _ages.TryPeek(_slots, queue, now, out slot, out dueIn);

    /// <summary>How many milliseconds ago there was news of a peer; 0 if it does not age.</summary>
    public long AgeOf(int slot, long now) => _ages.AgeOf(_slots, slot, now);

    /// <summary>The routes to a peer. The index is built when it is first asked for.</summary>
    public IReadOnlyList<StagedPeer> RoutesTo(FeedId feedId)
    {
        if (_keys is null)
        {
            _keys = new KeyIndex();
            for (int slot = 0; slot < _peers.Used; slot++)
                _keys.Add(_peers[slot]?.FeedId, slot);
        }

        // A route whose key was changed moves to the end of its list; slots tell the order of staging.
        return [.. _keys.SlotsOf(feedId).Order().Select(slot => this[slot])];
    }

    private int Append(StagedPeer peer, int hash)
    {
        if (_peers.Used == _slots.Length)
            Grow();
        int slot = _peers.Append(peer);
        ref int first = ref _buckets[hash & (_buckets.Length - 1)];
        _slots[slot] = new Slot { Text = peer.Text, Hash = hash, NextInBucket = first - 1 };
        first = slot + 1;
        return slot;
    }

    private void LeaveBucket(int slot)
    {
        ref Slot s = ref _slots[slot];
        ref int first = ref _buckets[s.Hash & (_buckets.Length - 1)];
        if (first == slot + 1)
        {
            first = s.NextInBucket + 1;
            return;
        }

        int before = first - 1;
        while (_slots[before].NextInBucket != slot)
            before = _slots[before].NextInBucket;
        _slots[before].NextInBucket = s.NextInBucket;
    }

    private void Grow()
    {
        Array.Resize(ref _slots, _slots.Length * 2);
        _buckets = new int[_slots.Length];
        for (int slot = 0; slot < _peers.Used; slot++)
        {
            if (_peers[slot] is null)
                continue;
            ref Slot s = ref _slots[slot];
            ref int first = ref _buckets[s.Hash & (_buckets.Length - 1)];
            s.NextInBucket = first - 1;
            first = slot + 1;
        }
    }

    /// <summary>Closes the gaps once three quarters of the slots are empty, so that in the long run it costs O(1) a removal,
    /// and a walk over the entries O(entries).</summary>
    private void Compact()
    {
        PeerSlots peers = _peers;
        Slot[] slots = _slots;
        int size = Math.Max(MinSlots, (int)BitOperations.RoundUpToPowerOf2((uint)Count * 2));
        (_peers, _slots, _buckets, _keys) = (new PeerSlots(), new Slot[size], new int[size], null);
        var moved = new int[peers.Used];
        for (int slot = 0; slot < peers.Used; slot++)
        {
            if (peers[slot] is not { } peer)
                continue;
            moved[slot] = Append(peer, slots[slot].Hash);
            ref Slot s = ref _slots[moved[slot]];
            (s.News, s.IsPinned) = (slots[slot].News, slots[slot].IsPinned);
        }

        _ages.MoveTo(_slots, slots, moved);
        Sources.MoveTo(_slots, slots, moved);
    }
}
