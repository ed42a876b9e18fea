using System.Diagnostics.CodeAnalysis;

namespace Ssb.Conn;

/// <summary>Entries by address, in the order in which they came, as in a JavaScript <c>Map</c>. Every step is O(1) in the long run.
/// Not thread-safe.</summary>
internal sealed class OrderedTable<T>
    where T : class
{
    private const int MinSlots = 64;

    private readonly Dictionary<MultiserverAddress, int> _slotOf = [];
    private readonly List<T?> _slots = []; // null: was removed
    private readonly List<MultiserverAddress?> _addresses = [];
    private int _first; // no slot before it is in use

    public int Count => _slotOf.Count;

    /// <summary>Makes room for so many, so that it need not grow.</summary>
    public void EnsureCapacity(int count)
    {
        _slotOf.EnsureCapacity(count);
        _slots.EnsureCapacity(count);
        _addresses.EnsureCapacity(count);
    }

    public bool TryGet(MultiserverAddress address, [NotNullWhen(true)] out T? entry)
    {
        bool found = _slotOf.TryGetValue(address, out int slot);
        entry = found ? _slots[slot] : null;
        return found;
    }

    /// <summary>Does the one come before the other? Both are there.</summary>
    public bool IsBefore(MultiserverAddress one, MultiserverAddress other) => _slotOf[one] < _slotOf[other];

    /// <summary>An entry that is there stays in its place.</summary>
    public void Set(MultiserverAddress address, T entry)
    {
        if (_slotOf.TryGetValue(address, out int slot))
        {
            _slots[slot] = entry;
            return;
        }

        _slotOf.Add(address, _slots.Count);
        _slots.Add(entry);
        _addresses.Add(address);
    }

    public bool Remove(MultiserverAddress address, [NotNullWhen(true)] out T? entry)
    {
        if (!_slotOf.Remove(address, out int slot))
        {
            entry = null;
            return false;
        }

        entry = _slots[slot]!; // a slot that has an address is in use
        (_slots[slot], _addresses[slot]) = (null, null);
        if (_slots.Count > MinSlots && _slotOf.Count < _slots.Count / 2)
            Compact();
        return true;
    }

    /// <summary>Removes the one that came first.</summary>
    public void RemoveFirst()
    {
        while (_first < _slots.Count && _slots[_first] is null)
            _first++;
        if (_first == _slots.Count)
            return;
        MultiserverAddress address = _addresses[_first]!; // a slot that is in use has one
        Remove(address, out _);
    }

    public T[] ToArray()
    {
        var all = new T[Count];
        int i = 0;
        foreach (T? entry in _slots)
        {
            if (entry is not null)
                all[i++] = entry;
        }

        return all;
    }

    public IEnumerable<T> All => _slots.OfType<T>();

    private void Compact()
    {
        int used = 0;
        for (int slot = 0; slot < _slots.Count; slot++)
        {
            if (_slots[slot] is not { } entry)
                continue;
            MultiserverAddress address = _addresses[slot]!; // as it is in use
            (_slots[used], _addresses[used]) = (entry, address);
            _slotOf[address] = used++;
        }

        _slots.RemoveRange(used, _slots.Count - used);
        _addresses.RemoveRange(used, _addresses.Count - used);
        _first = 0;
    }
}
