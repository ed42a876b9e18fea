namespace Ssb.Conn;

/// <summary>An array that grows by chunks, so that growing copies nothing and wastes little. Not thread-safe.</summary>
internal struct ChunkedArray<T>()
{
    private const int Bits = 8;
    private const int Size = 1 << Bits;

    private T[][] _chunks = [];
    private int _made;

    public readonly ref T this[int index] => ref _chunks[index >> Bits][index & (Size - 1)];

    /// <summary>Makes <paramref name="index"/>, and all before it, usable.</summary>
    public void Reach(int index)
    {
        while (index >> Bits >= _made)
        {
            if (_made == _chunks.Length)
                Array.Resize(ref _chunks, Math.Max(4, _made * 2));
            _chunks[_made++] = new T[Size];
        }
    }
}
