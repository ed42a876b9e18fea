using System.Runtime.CompilerServices;

// The only door between two assemblies of the product. What the manager needs of the bench and nobody else does stands below. It also uses
// - PeerField and FieldList, and the fields of PeerData as they are stored: hub and address book keep the same data;
// - BenchKey, by which it finds a peer;
// - SourceName, so that admission and scheduler cut a source as the bench does;
// - the share of a StagedPeer, which is one object for each source, and its time in milliseconds.
[assembly: InternalsVisibleTo("Ssb.Conn")]

namespace Ssb.Conn;

/// <content>For the manager.</content>
public sealed partial class ConnStaging
{
    /// <summary>Told of each peer that leaves, under the lock. The manager takes a note; it calls nothing here.</summary>
    internal Action<StagedPeer, UnstageReason>? Left { private get; set; }

    /// <summary>All peers, and in <paramref name="found"/> those of some addresses, of the same moment.</summary>
    internal StagingSnapshot Look(IEnumerable<MultiserverAddress> addresses, HashSet<object> found)
    {
        lock (Gate)
        {
            ThrowIfClosed();
            foreach (MultiserverAddress address in addresses)
            {
                if (_bench.TryFind(address, out int slot))
                    found.Add(_bench[slot]);
            }

            return TakeSnapshot();
        }
    }

    /// <summary>How many peers a source has on the bench, or a group of sources.</summary>
    internal int CountOf(string source)
    {
        lock (Gate)
            return _bench.Sources.CountOf(source);
    }

    /// <summary>How long ago there was news of a peer, whatever became of the time of day; zero if it does not age, or is not
    /// there.</summary>
    internal TimeSpan AgeOf(MultiserverAddress address)
    {
        (_, long now) = _clock.Read();
        lock (Gate)
            return _bench.TryFind(address, out int slot) ? TimeSpan.FromMilliseconds(_bench.AgeOf(slot, now)) : TimeSpan.Zero;
    }

    /// <summary>Puts a peer back that had left: it keeps its birth and its source, and its time to live starts anew. It does not have to
    /// find room: it had a place, and has been away for a moment.</summary>
    /// <param name="peer">The peer as it was.</param>
    /// <param name="data">What is known of it now.</param>
    /// <param name="heard">When it was last told of, in Unix milliseconds.</param>
    /// <returns>false if a peer of that address is there.</returns>
    internal bool Return(StagedPeer peer, PeerData data, long heard)
    {
        (_, long now) = _clock.Read();
        byte age;
        bool startsTimer;
        StagingReader? waiting;
        lock (Gate)
        {
            ThrowIfClosed();
            if (_bench.TryFind(peer.Address, out _))
                return false;
            var returned = new StagedPeer(peer, data, peer.Source is { } source ? _bench.Sources.Find(source) : null, heard);
            age = _bench.Insert(returned, peer.Address.GetHashCode(), now);
            Record_NeedsLock(returned, null, null);
            startsTimer = _timers.Take_NeedsLock(age);
            waiting = TakeWaiting_NeedsLock();
        }

        StagingReader.Wake(waiting);
        if (startsTimer)
            _timers.Start(age);
        StagingMetrics.Count(new StageResult(StageOutcome.Inserted));
        return true;
    }
}
