namespace Ssb.Wire;

/// <summary>What one stream holds beyond its window, in order: values in memory, and stretches of values in its file.</summary>
/// <remarks>Not thread-safe.</remarks>
internal sealed class RpcReserveQueue(RpcReserve reserve, bool mayUseFile)
{
    /// <summary>A queue that has grown larger is not kept for the next time.</summary>
    private const int KeptPlaces = 1_024;

    private Queue<Entry> _entries = new();
    private Stretch? _last; // the last entry, if that is a stretch
    private RpcReserveFile? _file;

    public bool IsEmpty => _entries.Count == 0;

    /// <summary>Adds a value.</summary>
    /// <returns>false if there is no room.</returns>
    public bool TryAdd(in RpcValue value)
    {
        if (reserve.TryTakeMemory(value.Bytes.Length, mayUseFile))
        {
            _last = null;
            _entries.Enqueue(new Entry(value, null));
            return true;
        }

        if (!mayUseFile || (_file ??= reserve.NewFile())?.TryWrite(value) != true)
            return false;
        if (_last is null)
        {
            reserve.TakeForStretch();
            _last = new Stretch();
            _entries.Enqueue(new Entry(default, _last));
        }

        _last.Count++;
        return true;
    }

    /// <summary>The length of the next body.</summary>
    /// <returns>false if there is none.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public bool TryPeek(out int length)
    {
        bool isThere = _entries.TryPeek(out Entry next);
        length = !isThere ? 0 : next.Stretch is null ? next.Value.Bytes.Length : _file!.PeekLength(); // a stretch is in a file
        return isThere;
    }

    /// <summary>Takes the next value, of which there is one.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public RpcValue Take()
    {
        Entry next = _entries.Peek();
        if (next.Stretch is not { } stretch)
        {
            _entries.Dequeue();
            reserve.GiveMemory(next.Value.Bytes.Length);
            return next.Value;
        }

        RpcValue value = _file!.Read(); // likewise
        if (--stretch.Count == 0)
        {
            _entries.Dequeue();
            reserve.GiveMemory(0);
            if (_last == stretch)
                _last = null;
            if (_file.IsEmpty)
                _file.Clear();
        }

        return value;
    }

    /// <summary>It is empty, and may be filled again: keeps little memory.</summary>
    public void Rest()
    {
        if (_entries.Capacity > KeptPlaces)
            _entries = new Queue<Entry>();
    }

    /// <summary>Nothing of it is wanted any more: gives everything back.</summary>
    public void Close()
    {
        while (_entries.TryDequeue(out Entry entry))
            reserve.GiveMemory(entry.Stretch is null ? entry.Value.Bytes.Length : 0);
        _last = null;
        _file?.Close();
    }

    private readonly record struct Entry(RpcValue Value, Stretch? Stretch);

    // Values that stand side by side in the file.
    private sealed class Stretch
    {
        public int Count { get; set; }
    }
}
