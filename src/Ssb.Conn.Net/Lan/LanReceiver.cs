using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>Judges every datagram, in the order: length, sender's subnet, known already, tokens, and only then its content.</summary>
/// <remarks>Thread-safe: both sockets hand in what they read. Knows no sockets and does not wait.</remarks>
internal sealed class LanReceiver
{
    private readonly LanOptions _options;
    private readonly Func<HostNetwork?> _readNetwork;
    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly LanSenders _senders;
    private readonly TokenBucket _quietLane, _busyLane;
    private readonly TimeSpan _coalesce;

    private readonly Lock _gate = new();
    private readonly long[] _rejected = new long[Enum.GetValues<LanReject>().Length];
    private long _datagrams, _accepted, _verified, _dropped, _coalesced, _offLink, _rateLimited, _overBudget, _droppedRoutes;
    private HostNetwork _network = new();
    private IReadOnlyList<LanInterface> _interfaces = [];
    private TimeSpan? _networkRead;

    /// <param name="options">How.</param>
    /// <param name="readNetwork">Reads which cards there are; null when that fails, and what was read before holds.</param>
    public LanReceiver(LanOptions options, Func<HostNetwork?> readNetwork)
    {
        _options = options;
        _readNetwork = readNetwork;
        _time = options.TimeProvider;
        _start = _time.GetTimestamp();
        _senders = new LanSenders(options.Limits);
        _quietLane = new TokenBucket(options.Limits.LaneRate, options.Limits.LaneRate);
        _busyLane = new TokenBucket(options.Limits.LaneRate, options.Limits.LaneRate);
        _coalesce = options.AnnounceInterval / 4;
    }

    public LanCounters Counters
    {
        get
        {
            lock (_gate)
            {
                return new LanCounters(
                    _datagrams, _accepted, _verified, _dropped, _coalesced, _offLink, _rateLimited, _overBudget,
                    Enum.GetValues<LanReject>().Where(reason => reason != LanReject.None)
                        .ToImmutableSortedDictionary(reason => reason, reason => _rejected[(int)reason]))
                {
                    DroppedRoutes = _droppedRoutes,
                };
            }
        }
    }

    /// <summary>How many hosts and announcements are remembered.</summary>
    internal (int Senders, int Announcements) Held
    {
        get
        {
            lock (_gate)
                return (_senders.Count, _senders.Remembered);
        }
    }

    /// <summary>Judges one datagram.</summary>
    /// <param name="datagram">Its bytes, at most one more than the limit.</param>
    /// <param name="flags">What the system says of it. One that is cut off has as many bytes as the buffer on Unix, and none or any
    /// number on
    /// Windows.</param>
    /// <param name="sender">Who sent it, or who forged that host's address.</param>
    /// <param name="interfaceIndex">The interface it came in by, 0 if that is not known.</param>
    /// <param name="format">By which port it came.</param>
    /// <param name="refused">The announcement, whole, if it was refused because none of its routes may be dialled; else null.</param>
    /// <returns>The announcement for the host, or null.</returns>
    public LanAnnouncement? Receive(
        ReadOnlySpan<byte> datagram, SocketFlags flags, IPAddress sender, int interfaceIndex, LanFormat format,
        out LanAnnouncement? refused)
    {
        refused = null;
        if (sender.IsIPv4MappedToIPv6)
            sender = sender.MapToIPv4();

        lock (_gate)
        {
            _datagrams++;
            if (datagram.Length > LanDatagram.MaxLength || (flags & SocketFlags.Truncated) != SocketFlags.None)
                return Reject(LanReject.TooLong);

            TimeSpan now = _time.GetElapsedTime(_start);
            uint host = LanInterface.ToUInt32(sender);
            if (Find(host, interfaceIndex, now) is not { } card)
            {
                _offLink++;
                return null;
            }

            int hash = Hash(datagram);
            LanSender known = _senders.Get(host, now);
            if (known.Find(hash, datagram, format) is { } memory)
                return Repeat(memory, now);

            return MayDecode(known, now) ? Decode(datagram, sender, card, known, hash, now, format, out refused) : null;
        }
    }

    /// <summary>The network has changed: the cards are read again before the next announcement is judged.</summary>
    public void ForgetNetwork()
    {
        lock (_gate)
            _networkRead = null;
    }

    /// <summary>Counts an announcement that the host's queue had no room for.</summary>
    public void CountDropped()
    {
        lock (_gate)
            _dropped++;
    }

    private LanAnnouncement? Repeat(LanMemory memory, TimeSpan now)
    {
        memory.LastHeard = now;
        if (now - memory.LastHanded < _coalesce)
        {
            _coalesced++;
            return null;
        }

        memory.LastHanded = now;
        return Accept(memory.Announcement);
    }

    private bool MayDecode(LanSender sender, TimeSpan now)
    {
        // Both are asked whatever comes of it: attempts are what makes a sender loud.
        bool quiet = sender.Quiet.TryTake(now) && !_senders.IsBeyond(sender);
        if (!sender.Tokens.TryTake(now))
        {
            _rateLimited++;
            return false;
        }

        if ((quiet && _quietLane.TryTake(now)) || _busyLane.TryTake(now))
            return true;

        _overBudget++;
        return false;
    }

    private LanAnnouncement? Decode(
        ReadOnlySpan<byte> datagram, IPAddress sender, LanInterface by, LanSender known, int hash, TimeSpan now, LanFormat format,
        out LanAnnouncement? refused)
    {
        refused = null;
        bool decoded = format == LanFormat.Normal
            ? LanDatagram.TryDecodeNormal(datagram, _options.NetworkKey, _options.OwnKey, out LanClaim? claim, out LanReject reject)
            : LanDatagram.TryDecodeLegacy(datagram, _options.OwnKey, out claim, out reject);
        if (!decoded)
            return Reject(reject);

        MultiserverAddress whole = claim!.Address; // there when decoded
        FeedId key = claim.Key;
        MultiserverAddress? kept = _options.AcceptAnyRoute ? whole
            : LanRoutes.Keep(whole, route => LanRoutes.IsOnTheLan(route, key, sender, by.Card, _network));
        if (!ReferenceEquals(kept, whole))
            _droppedRoutes += whole.Routes.Count - (kept?.Routes.Count ?? 0);
        var announcement = new LanAnnouncement(
            kept ?? whole, key, Verified: format == LanFormat.Normal,
            SenderMatches: LanRoutes.LeadTo(kept ?? whole, sender), sender, by.Name, format);
        if (kept is null)
        {
            refused = announcement;
            return Reject(LanReject.NoRoute);
        }

        var memory = new LanMemory(hash, datagram.ToArray(), announcement) { LastHeard = now, LastHanded = now };
        _senders.Remember(known, memory, now);
        return Accept(announcement);
    }

    private LanAnnouncement Accept(LanAnnouncement announcement)
    {
        _accepted++;
        if (announcement.Verified)
            _verified++;
        return announcement;
    }

    private LanAnnouncement? Reject(LanReject reason)
    {
        _rejected[(int)reason]++;
        return null;
    }

    /// <summary>The interface in whose subnet this host is.</summary>
    private LanInterface? Find(uint host, int index, TimeSpan now)
    {
        LanInterface? card = _networkRead is null ? null : FindIn(_interfaces, host, index);

        // Interfaces come and go: read again when one is missing, at most once a second, and every 30 s anyhow.
        TimeSpan? age = now - _networkRead;
        if (age is null || age > TimeSpan.FromSeconds(card is null ? 1 : 30))
        {
            Read(now);
            card = FindIn(_interfaces, host, index);
        }

        return card;
    }

    private void Read(TimeSpan now)
    {
        _networkRead = now;
        if (_readNetwork() is not { } network)
            return;
        if (!network.IsLike(_network))
            _senders.ForgetAnnouncements(); // which routes may be dialled is to be judged anew
        _network = network;
        _interfaces = LanInterfaces.Of(network, _options);
    }

    private static LanInterface? FindIn(IReadOnlyList<LanInterface> interfaces, uint host, int index)
    {
        LanInterface? found = null;
        bool isOneOfOurs = false;
        for (int i = 0; i < interfaces.Count; i++)
        {
            bool isHere = interfaces[i].Index == index;
            isOneOfOurs |= isHere;
            if (!interfaces[i].HasOnLink(host))
                continue;
            if (isHere)
                return interfaces[i];
            found ??= interfaces[i];
        }

        // Our own echo, which some systems show on loopback, or a card that is not told. What comes by a card of ours is of that card's
        // subnets.
        return isOneOfOurs ? null : found;
    }

    private static int Hash(ReadOnlySpan<byte> datagram)
    {
        var hash = default(HashCode); // seeded at random in each process
        hash.AddBytes(datagram);
        return hash.ToHashCode();
    }
}
