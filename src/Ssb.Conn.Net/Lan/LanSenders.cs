namespace Ssb.Conn.Net;

/// <summary>
/// All sending hosts that are known, and what they announced. Bounded twice: hosts by <see cref="LanLimits.Senders"/>, and
/// announcements by <see cref="LanLimits.Remembered"/>. Who is there stays; for a newcomer only the silent make room.
/// </summary>
/// <remarks>Not thread-safe; all times come from the one clock of <see cref="LanReceiver"/>.</remarks>
internal sealed class LanSenders(LanLimits limits)
{
    /// <summary>Every sender may have this many remembered while half of the room is taken by those who have more.</summary>
    private const int ReservedPerSender = 4;

    /// <summary>What was not heard for this long makes room. Five times the usual 2 s is 10 s; this is three times that.</summary>
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(30);

    /// <summary>Looking through everybody takes about a millisecond, and so happens at most once a second.</summary>
    private static readonly TimeSpan s_sweep = TimeSpan.FromSeconds(1);

    private readonly Dictionary<uint, LanSender> _senders = new(new SeededComparer());

    // Hosts beyond the bound share one entry: they are not quiet, and nothing of theirs is remembered.
    private readonly LanSender _beyond = new(limits);
    private int _remembered;
    private TimeSpan _swept = TimeSpan.MinValue;

    public int Count => _senders.Count;

    public int Remembered => _remembered;

    public bool IsBeyond(LanSender sender) => ReferenceEquals(sender, _beyond);

    public LanSender Get(uint host, TimeSpan now)
    {
        if (!_senders.TryGetValue(host, out LanSender? sender))
        {
            if (_senders.Count >= limits.Senders)
                Sweep(now);
            if (_senders.Count >= limits.Senders)
                return _beyond;

            sender = new LanSender(limits);
            _senders.Add(host, sender);
        }

        sender.LastHeard = now;
        return sender;
    }

    /// <summary>Remembers an accepted announcement, if there is room.</summary>
    public void Remember(LanSender sender, LanMemory memory, TimeSpan now)
    {
        if (IsBeyond(sender))
            return;

        if (!HasRoom(sender))
        {
            _remembered -= sender.Forget(now - s_silence);
            Sweep(now);
        }

        if (!HasRoom(sender))
            return;

        sender.Add(memory);
        _remembered++;
    }

    /// <summary>Forgets all announcements; who sent how much is still known.</summary>
    public void ForgetAnnouncements()
    {
        foreach (LanSender sender in _senders.Values)
            sender.Forget(TimeSpan.MaxValue);
        _remembered = 0;
    }

    private bool HasRoom(LanSender sender) =>
        sender.Remembered < limits.RememberedPerSender
        && _remembered < (sender.Remembered < ReservedPerSender ? limits.Remembered : limits.Remembered / 2);

    private void Sweep(TimeSpan now)
    {
        if (_swept != TimeSpan.MinValue && now - _swept < s_sweep)
            return;

        _swept = now;
        foreach ((uint host, LanSender sender) in _senders)
        {
            _remembered -= sender.Forget(now - s_silence);
            if (sender.Remembered == 0 && sender.LastHeard < now - s_silence)
                _senders.Remove(host); // allowed while enumerating
        }
    }

    /// <summary>Strangers choose the hosts, so their hashes are seeded at random in each process.</summary>
    private sealed class SeededComparer : IEqualityComparer<uint>
    {
        public bool Equals(uint x, uint y) => x == y;

        public int GetHashCode(uint host) => HashCode.Combine(host);
    }
}
