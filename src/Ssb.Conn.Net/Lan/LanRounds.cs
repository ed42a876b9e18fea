using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace Ssb.Conn.Net;

/// <summary>When what is announced where: each place once a round, in a stable rhythm, and what has come since at its next
/// chance.</summary>
/// <remarks>
/// <para>Subnets have their turns one after the other, and not at once: a host that is in two of ours would hear two addresses of one
/// peer, and ssb-conn 6.0.4
/// dials both if it has both when it chooses whom to dial, which it does within 150 ms of hearing one. It takes no other while it dials,
/// or is connected.</para>
/// <para>Not thread-safe. Knows no clock: the times that it is given are since any one moment.</para>
/// </remarks>
internal sealed class LanRounds(TimeSpan interval)
{
    /// <summary>The longest that subnets wait for each other.</summary>
    private static readonly TimeSpan s_longestGap = TimeSpan.FromSeconds(1);

    private readonly Dictionary<IPNetwork, (string Text, TimeSpan At)> _told = []; // of the last interval, and of the places there are
    private readonly LinkedList<LanPlace> _waiting = new();
    private TimeSpan _gap, _nextTurn, _nextRound;

    /// <summary>Is it time for a new round?</summary>
    public bool IsOver(TimeSpan now) => _waiting.Count == 0 && now >= _nextRound;

    /// <summary>When there is something to do again.</summary>
    public TimeSpan Due => _waiting.Count > 0 ? _nextTurn : _nextRound;

    /// <summary>What there is to be announced from now on. Begins a new round if it is time; else places that were not told of lately
    /// come before the rest of this
    /// one, and those whose address has changed after it: a card that comes and goes all the time, or changes its address, keeps nobody
    /// from his turn.</summary>
    public void Set(IReadOnlyList<LanPlace> places, TimeSpan now)
    {
        HashSet<IPNetwork> there = [.. places.Select(place => place.Network)];
        foreach ((IPNetwork network, (_, TimeSpan at)) in _told)
        {
            if (!there.Contains(network) && now - at >= interval)
                _told.Remove(network); // allowed while enumerating
        }

        LanPlace[] turns = [.. places];
        if (IsOver(now))
        {
            _nextRound = _nextRound + interval > now ? _nextRound + interval : now + interval;
        }
        else
        {
            IPNetwork[] waiting = [.. _waiting.Select(place => place.Network)];
            turns = [.. places
                .Select(place => (Place: place, Turn: TurnOf(place, waiting, now)))
                .Where(found => found.Turn is not null)
                .OrderBy(found => found.Turn)
                .Select(found => found.Place)];
        }

        _waiting.Clear();
        foreach (LanPlace place in turns)
            _waiting.AddLast(place);
        TimeSpan share = places.Count > 1 ? interval / places.Count : TimeSpan.Zero;
        _gap = share < s_longestGap ? share : s_longestGap;
    }

    /// <summary>Takes whose turn it is.</summary>
    public bool TryTake(TimeSpan now, [NotNullWhen(true)] out LanPlace? place)
    {
        place = null;
        if (_waiting.First is not { } first || now < _nextTurn)
            return false;
        place = first.Value;
        _waiting.RemoveFirst();
        _told[place.Network] = (place.Text, now);
        _nextTurn = now + _gap;
        return true;
    }

    private int? TurnOf(LanPlace place, IPNetwork[] waiting, TimeSpan now)
    {
        if (!_told.TryGetValue(place.Network, out (string Text, TimeSpan At) told) || now - told.At >= interval)
            return -1;
        return Array.IndexOf(waiting, place.Network) is var turn and >= 0 ? turn
            : told.Text != place.Text ? int.MaxValue
            : null;
    }
}

/// <summary>A subnet, what is announced there, and by which of our cards.</summary>
internal sealed record LanPlace(IPNetwork Network, IReadOnlyList<LanInterface> By, LanSigned Signed)
{
    public string Text => Signed.Address.Text;
}

/// <summary>An address as it is announced.</summary>
internal sealed record LanSigned(MultiserverAddress Address, byte[] Normal, byte[]? Legacy);
