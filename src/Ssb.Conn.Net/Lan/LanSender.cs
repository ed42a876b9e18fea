namespace Ssb.Conn.Net;

/// <summary>What is known of one sending host: how much it asked for lately, and what it announced.</summary>
internal sealed class LanSender(LanLimits limits)
{
    /// <summary>
    /// A host is quiet while it sends few new announcements: four at once, then one every 5 s. A peer that appears needs two,
    /// one in each format. All 254 hosts of a usual network together so take at most 254 / 5 = 51 of the 200 tokens a second
    /// of the quiet lane; and none at all while they flood, since vain attempts count too (the debt).
    /// </summary>
    private const int QuietBurst = 4, QuietDebt = 60;
    private const double QuietRate = 0.2;

    private readonly List<LanMemory> _memories = [];

    public TokenBucket Tokens { get; } = new(limits.SenderRate, limits.SenderBurst);

    public TokenBucket Quiet { get; } = new(QuietRate, QuietBurst, QuietDebt);

    public TimeSpan LastHeard { get; set; }

    public int Remembered => _memories.Count;

    /// <summary>Finds what this host announced before with exactly these bytes.</summary>
    public LanMemory? Find(int hash, ReadOnlySpan<byte> datagram, LanFormat format)
    {
        foreach (LanMemory memory in _memories)
        {
            if (memory.Hash == hash && memory.Announcement.Format == format && datagram.SequenceEqual(memory.Datagram))
                return memory;
        }

        return null;
    }

    public void Add(LanMemory memory) => _memories.Add(memory);

    /// <summary>Forgets what was not heard since then.</summary>
    /// <returns>How many.</returns>
    public int Forget(TimeSpan before) => _memories.RemoveAll(memory => memory.LastHeard < before);
}

/// <summary>An announcement that was accepted, with the bytes by which it is known again.</summary>
internal sealed record LanMemory(int Hash, byte[] Datagram, LanAnnouncement Announcement)
{
    public TimeSpan LastHeard { get; set; }

    public TimeSpan LastHanded { get; set; }
}
