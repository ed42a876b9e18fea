using System.Collections;

namespace Ssb.Conn;

/// <summary>The bench at one moment, in the order in which the peers were staged.</summary>
/// <remarks>Immutable and thread-safe. It shares its memory with the bench and with other snapshots.</remarks>
public sealed class StagingSnapshot : IReadOnlyCollection<StagedPeer>
{
    private readonly StagedPeer?[][] _chunks;

    internal StagingSnapshot(StagedPeer?[][] chunks, int count, long sequence) =>
        (_chunks, Count, Sequence) = (chunks, count, sequence);

    /// <summary>How many peers there are.</summary>
    public int Count { get; }

    /// <summary>The number of the last change in it, see <see cref="StagingChange"/>.</summary>
    public long Sequence { get; }

    /// <summary>The peers, without allocating.</summary>
    public Enumerator GetEnumerator() => new(_chunks);

    IEnumerator<StagedPeer> IEnumerable<StagedPeer>.GetEnumerator() => GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Walks a snapshot.</summary>
    public struct Enumerator : IEnumerator<StagedPeer>
    {
        private readonly StagedPeer?[][] _chunks;
        private int _chunk;
        private int _index;

        internal Enumerator(StagedPeer?[][] chunks) => (_chunks, _index) = (chunks, -1);

        /// <inheritdoc/>
        public readonly StagedPeer Current => _chunks[_chunk][_index]!; // MoveNext stops at entries only

        readonly object IEnumerator.Current => Current;

        /// <inheritdoc/>
        public bool MoveNext()
        {
            for (; _chunk < _chunks.Length; _chunk++, _index = -1)
            {
                StagedPeer?[] peers = _chunks[_chunk];
                while (++_index < peers.Length)
                {
                    if (peers[_index] is not null)
                        return true;
                }
            }

            return false;
        }

        /// <inheritdoc/>
        public void Reset() => (_chunk, _index) = (0, -1);

        /// <inheritdoc/>
        public readonly void Dispose()
        {
        }
    }
}
