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

    public struct Enumerator(ConnectablePeers peers) : IEnumerator<ConnPeer>
    {
        private StagingSnapshot.Enumerator _bench = peers.Bench?.GetEnumerator() ?? default;
        private int _known = -1;
        private int _last = -1;

        public ConnPeer Current { get; private set; }

        readonly object IEnumerator.Current => Current;

        public bool MoveNext()
        {
            while (++_known < peers.Known.Length)
            {
                DbPeer peer = peers.Known[_known];
                if (peers.Taken.Count > 0 && peers.Taken.Contains(peer))
                    continue;
                Current = new ConnPeer(peer);
                return true;
            }

            _known = peers.Known.Length - 1; // so that it stays at the end
            while (peers.Bench is not null && _bench.MoveNext())
            {
                if (peers.Taken.Count > 0 && peers.Taken.Contains(_bench.Current))
                    continue;
                Current = new ConnPeer(_bench.Current);
                return true;
            }

            if (++_last >= peers.InConnection.Length)
            {
                _last = peers.InConnection.Length - 1;
                return false;
            }

            Current = peers.InConnection[_last];
            return true;
        }

        void IEnumerator.Reset() => throw new NotSupportedException();

        public readonly void Dispose()
        {
        }
    }
}
