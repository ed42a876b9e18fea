namespace Ssb.Conn;

/// <summary>The entries, in the order in which they came: appended, never moved until <see cref="Bench"/> compacts.</summary>
/// <remarks>In chunks of 256 that snapshots share; a chunk is copied at the first write after a snapshot took it. A snapshot
/// therefore costs one reference for 256 entries, and nothing when nothing changed since the last. Not thread-safe.</remarks>
internal sealed class PeerSlots
{
    private const int Bits = 8;
    private const int ChunkSize = 1 << Bits;

    private StagedPeer?[][] _chunks = [];
    private bool[] _isShared = []; // does a snapshot hold the chunk?
    private StagingSnapshot? _snapshot;

    /// <summary>How many slots were given out, empty ones included.</summary>
    public int Used { get; private set; }

    public StagedPeer? this[int slot]
    {
        get => _chunks[slot >> Bits][slot & (ChunkSize - 1)];
        set => OwnChunk(slot >> Bits)[slot & (ChunkSize - 1)] = value;
    }

    public int Append(StagedPeer peer)
    {
        int slot = Used, chunk = slot >> Bits;
        if (chunk == _chunks.Length)
        {
            Array.Resize(ref _chunks, Math.Max(4, chunk * 2));
            Array.Resize(ref _isShared, _chunks.Length);
        }

        _chunks[chunk] ??= new StagedPeer?[ChunkSize];
        this[slot] = peer;
        Used++;
        return slot;
    }

    public StagingSnapshot Snapshot(int count, long sequence)
    {
        if (_snapshot?.Sequence != sequence)
        {
            int chunks = (Used + ChunkSize - 1) >> Bits;
            _isShared.AsSpan(0, chunks).Fill(true);
            _snapshot = new StagingSnapshot(_chunks.AsSpan(0, chunks).ToArray(), count, sequence);
        }

        return _snapshot;
    }

    /// <summary>The snapshot that is kept may hold entries that have left; the next change lets go of it.</summary>
    private StagedPeer?[] OwnChunk(int chunk)
    {
        if (_snapshot is not null)
            _snapshot = null;
        if (_isShared[chunk])
        {
            _chunks[chunk] = _chunks[chunk].AsSpan().ToArray();
            _isShared[chunk] = false;
        }

        return _chunks[chunk];
    }
}
