using System.Diagnostics;

namespace Ssb.Conn;

/// <summary>Peers that a person has disconnected: the scheduler leaves each alone for <see cref="ConnPluginOptions.DisconnectHold"/>.</summary>
/// <remarks>Thread-safe. In memory alone: after a restart nobody is left alone. Bounded: beyond <see cref="Capacity"/> the oldest ends.</remarks>
internal sealed class DisconnectHolds(TimeProvider time, TimeSpan length)
{
    public const int Capacity = 10_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<PeerTarget, Hold> _holds = [];
    private readonly Queue<Hold> _byAge = []; // the oldest first, those included that were ended

    /// <param name="Rule">What is shown of it.</param>
    /// <param name="At">When it began, as a timestamp of the clock: how long it lasts does not depend on the time of day.</param>
    private sealed record Hold(PeerRule Rule, long At);

    /// <summary>May there be any?</summary>
    public bool Any
    {
        get
        {
            lock (_gate)
                return _holds.Count > 0;
        }
    }

    /// <summary>Those in force, the oldest first.</summary>
    public IReadOnlyList<PeerRule> All
    {
        get
        {
            lock (_gate)
            {
                DropEnded_NeedsLock();
                return [.. _byAge.Where(IsInForce_NeedsLock).Select(hold => hold.Rule)];
            }
        }
    }

    /// <summary>Leaves a peer alone from now on.</summary>
    /// <returns>What is shown of it; null if nobody is left alone here.</returns>
    public PeerRule? Begin(HubPeer peer)
    {
        if (length == TimeSpan.Zero)
            return null;
        PeerTarget target = peer.FeedId is { } feedId ? PeerTarget.From(feedId) : PeerTarget.From(peer.Address);
        DateTimeOffset now = time.GetUtcNow();
        var hold = new Hold(new PeerRule(target, PeerRuleKind.Disconnect, now, now + length), time.GetTimestamp());
        lock (_gate)
        {
            DropEnded_NeedsLock();
            if (_byAge.Count >= Capacity && _byAge.TryDequeue(out Hold? oldest))
                Drop_NeedsLock(oldest);
            _holds[target] = hold;
            _byAge.Enqueue(hold);
        }

        return hold.Rule;
    }

    /// <summary>The hold of a peer that is in force.</summary>
    public PeerRule? Find(MultiserverAddress? address, FeedId? feedId)
    {
        lock (_gate)
        {
            if (_holds.Count == 0)
                return null;
            DropEnded_NeedsLock();
            Hold? found = feedId is { } peer ? _holds.GetValueOrDefault(PeerTarget.From(peer)) : null;
            return (found ?? (address is null ? null : _holds.GetValueOrDefault(PeerTarget.From(address))))?.Rule;
        }
    }

    /// <summary>Ends what there is about a peer.</summary>
    /// <returns>What ended; null if nothing was in force.</returns>
    public PeerRule? End(MultiserverAddress? address, FeedId? feedId)
    {
        lock (_gate)
        {
            DropEnded_NeedsLock();
            Hold? ended = null;
            if (address is not null)
                _holds.Remove(PeerTarget.From(address), out ended);
            if (feedId is { } peer && _holds.Remove(PeerTarget.From(peer), out Hold? ofPeer))
                ended = ofPeer;
            return ended?.Rule;
        }
    }

    private void DropEnded_NeedsLock()
    {
        while (_byAge.TryPeek(out Hold? oldest) && (!IsInForce_NeedsLock(oldest) || time.GetElapsedTime(oldest.At) >= length))
            Drop_NeedsLock(_byAge.Dequeue());
    }

    // It may have been ended, or another may have begun about the same peer.
    private bool IsInForce_NeedsLock(Hold hold) => ReferenceEquals(_holds.GetValueOrDefault(hold.Rule.Target), hold);

    private void Drop_NeedsLock(Hold hold)
    {
        Debug.Assert(_gate.IsHeldByCurrentThread);
        if (IsInForce_NeedsLock(hold))
            _holds.Remove(hold.Rule.Target);
    }
}
