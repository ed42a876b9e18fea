using System.Collections;

namespace Ssb.Conn;

/// <summary>Peers of address book and bench, those that are taken left out, and then some more: a view of two snapshots, which copies nothing.</summary>
/// <param name="Known">The address book.</param>
/// <param name="Bench">The bench; null: nobody of it.</param>
/// <param name="Taken">Entries of both that are left out, each of which is in one of them.</param>
internal sealed record ConnectablePeers(DbPeer[] Known, StagingSnapshot? Bench, HashSet<object> Taken) : IReadOnlyCollection<ConnPeer>
{
    /// <summary>Those that come at the end.</summary>
    public ConnPeer[] InConnection { get; init; } = [];

    public int Count => Known.Length + (Bench?.Count ?? 0) - Taken.Count + InConnection.Length;

    public Enumerator GetEnumerator() => new(this);

    IEnumerator<ConnPeer> IEnumerable<ConnPeer>.GetEnumerator() => GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public struct Enumerator : IEnumerator<ConnPeer>
    {
        private readonly DbPeer[] _known;
        private readonly HashSet<object>? _taken;
        private readonly bool _hasBench;
        private readonly ConnPeer[] _last;
        private StagingSnapshot.Enumerator _bench;
        private int _next;

        public Enumerator(ConnectablePeers peers)
        {
            (_known, _last) = (peers.Known, peers.InConnection);
            _taken = peers.Taken.Count == 0 ? null : peers.Taken;
            _hasBench = peers.Bench is not null;
            _bench = peers.Bench?.GetEnumerator() ?? default;
        }

        public ConnPeer Current { get; private set; }

        readonly object IEnumerator.Current => Current;

        public bool MoveNext()
        {
            while (_next < _known.Length)
            {
                DbPeer peer = _known[_next++];
                if (_taken is not null && _taken.Contains(peer))
                    continue;
                Current = new ConnPeer(peer);
                return true;
            }

            while (_hasBench && _bench.MoveNext())
            {
                StagedPeer peer = _bench.Current;
                if (_taken is not null && _taken.Contains(peer))
                    continue;
                Current = new ConnPeer(peer);
                return true;
            }

            if (_next - _known.Length >= _last.Length)
                return false;
            Current = _last[_next++ - _known.Length];
            return true;
        }

        void IEnumerator.Reset() => throw new NotSupportedException();

        public readonly void Dispose()
        {
        }
    }
}
