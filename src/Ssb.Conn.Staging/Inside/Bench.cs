namespace Ssb.Conn;

/// <summary>The entries and all that is known of each: its slot, its age, its source, its key. Not thread-safe:
/// <see cref="ConnStaging"/> holds its lock around every call.</summary>
/// <remarks>A slot number is good until the next <see cref="Remove"/>, which may compact.</remarks>
internal sealed class Bench
{
    private readonly AgeQueues _ages;
    private readonly SourceShares _sources = new();
    private Dictionary<MultiserverAddress, int> _index = new(AddressComparer.Instance);
    private Dictionary<MultiserverAddress, int>.AlternateLookup<ReadOnlySpan<char>> _byText;
    private PeerSlots _slots = new();
    private ChunkedArray<SlotState> _states = new();
    private KeyIndex? _keys;

    public Bench(StagingOptions options)
    {
        _ages = new AgeQueues(options.TimeToLive);
        _byText = _index.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    private struct SlotState
    {
        public byte Age; // the number of its queue
        public bool IsPinned;
    }

    public int Count => _index.Count;

    public AgeQueues Ages => _ages;

    public SourceShares Sources => _sources;

    public StagedPeer this[int slot] => _slots[slot]!; // a slot that is asked for is in use

    public bool TryFind(MultiserverAddress address, out int slot) => _index.TryGetValue(address, out slot);

    public bool TryFind(ReadOnlySpan<char> address, out int slot) => _byText.TryGetValue(address, out slot);

    public StagingSnapshot Snapshot(long sequence) => _slots.Snapshot(Count, sequence);

    /// <returns>The number of its age queue.</returns>
    public byte Insert(StagedPeer peer, uint now)
    {
        int slot = _slots.Append(peer);
        _index.Add(peer.Address, slot);
        _states.Reach(slot);
        _states[slot] = default;
        if (peer.Share is { } share)
            _sources.Add(share, slot);
        _keys?.Add(peer.Identity, slot);
        return JoinAges(slot, peer, now);
    }

    /// <returns>The number of its age queue; 0 when it is pinned.</returns>
    public byte Update(int slot, StagedPeer peer, uint now)
    {
        StagedPeer previous = this[slot];
        _slots[slot] = peer;
        if (_keys is not null && !ReferenceEquals(peer.Data, previous.Data))
        {
            _keys.Remove(previous.Identity, slot);
            _keys.Add(peer.Identity, slot);
        }

        if (_states[slot].IsPinned)
            return 0;
        LeaveAges(slot);
        return JoinAges(slot, peer, now);
    }

    public StagedPeer Remove(int slot)
    {
        StagedPeer peer = this[slot];
        _index.Remove(peer.Address);
        _slots[slot] = null;
        if (!_states[slot].IsPinned)
        {
            LeaveAges(slot);
            if (peer.Share is { } share)
                _sources.Remove(share, slot);
        }

        _keys?.Remove(peer.Identity, slot);
        if (_slots.Used > 256 && Count < _slots.Used / 2)
            Compact();
        return peer;
    }

    /// <summary>A pinned peer neither ages nor counts as its source's.</summary>
    /// <returns>false when it was pinned already.</returns>
    public bool Pin(int slot)
    {
        if (_states[slot].IsPinned)
            return false;
        LeaveAges(slot);
        if (this[slot].Share is { } share)
            _sources.Remove(share, slot);
        _states[slot].IsPinned = true;
        return true;
    }

    /// <summary>The peer is its source's again, as its latest arrival, and its life starts anew.</summary>
    /// <returns>false when it was not pinned.</returns>
    public bool Unpin(int slot, uint now, out byte age)
    {
        age = 0;
        if (!_states[slot].IsPinned)
            return false;
        _states[slot].IsPinned = false;
        StagedPeer peer = this[slot];
        age = JoinAges(slot, peer, now);
        if (peer.Share is { } share)
        {
            // Meanwhile the share may have run empty, and another taken its place.
            SourceShare current = _sources.Find(share.Name);
            if (!ReferenceEquals(current, share))
                _slots[slot] = new StagedPeer(peer.Address, peer.Data, current, peer.Birth, peer.Updated);
            _sources.Add(current, slot);
        }

        return true;
    }

    /// <summary>The routes to an identity. The index is built when it is first asked for.</summary>
    public IReadOnlyList<StagedPeer> RoutesTo(string feedId)
    {
        if (_keys is null)
        {
            _keys = new KeyIndex();
            for (int slot = 0; slot < _slots.Used; slot++)
                _keys.Add(_slots[slot]?.Identity, slot);
        }

        return [.. _keys.SlotsOf(feedId).Select(slot => this[slot])];
    }

    private byte JoinAges(int slot, StagedPeer peer, uint now)
    {
        byte age = _ages.NumberOf(peer.Type);
        _states[slot].Age = age;
        if (age != 0)
            _ages.Append(age, slot, now);
        return age;
    }

    private void LeaveAges(int slot)
    {
        byte age = _states[slot].Age;
        if (age != 0)
            _ages.Remove(age, slot);
        _states[slot].Age = 0;
    }

    /// <summary>Closes the gaps once half of the slots are empty, so that it costs O(1) a removal in the long run.</summary>
    private void Compact()
    {
        var renumbered = new int[_slots.Used];
        var slots = new PeerSlots();
        var states = new ChunkedArray<SlotState>();
        var index = new Dictionary<MultiserverAddress, int>(Count * 2, AddressComparer.Instance);
        for (int slot = 0; slot < _slots.Used; slot++)
        {
            if (_slots[slot] is not { } peer)
                continue;
            int moved = slots.Append(peer);
            renumbered[slot] = moved;
            states.Reach(moved);
            states[moved] = _states[slot];
            index.Add(peer.Address, moved);
        }

        _ages.Renumber(renumbered);
        _sources.Renumber(renumbered);
        (_slots, _states, _index, _keys) = (slots, states, index, null);
        _byText = index.GetAlternateLookup<ReadOnlySpan<char>>();
    }
}
