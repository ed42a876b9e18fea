namespace Ssb.Conn;

/// <summary>What a <see cref="ConnScheduler"/> keeps up. The defaults are ssb-conn 6.0.4's, but for what its remarks say.</summary>
public sealed record SchedulerOptions
{
    /// <summary>How many rooms to be connected to; 5 unless set.</summary>
    public int RoomQuota { get; init; } = 5;

    /// <summary>How many others; 4 unless set.</summary>
    public int PeerQuota { get; init; } = 4;

    /// <summary>How often it looks; 2 s unless set.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How soon it looks after something changed, at random from half to one and a half of it: 200 ms after a connection ended,
    /// 100 ms after a peer was staged.</summary>
    public TimeSpan SoonAfterDisconnect { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc cref="SoonAfterDisconnect"/>
    public TimeSpan SoonAfterStage { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a room has its turn before an empty one gives way, divided by the root of how many wait; 2 minutes unless
    /// set.</summary>
    public TimeSpan RoomRotation { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long another peer has its turn, likewise; 2 hours unless set.</summary>
    public TimeSpan PeerRotation { get; init; } = TimeSpan.FromHours(2);

    /// <summary>How long connections in excess of twice the quota, or of <see cref="CallerQuota"/>, are left alone, divided by how many
    /// there are too many.</summary>
    /// <value>Defaults to 2 minutes; must be 0 or more.</value>
    public TimeSpan ExcessPatience { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>It pauses while messages arrived so short a time ago; 500 ms unless set. See <see
    /// cref="ConnPlugin.NotifyDownload"/>.</summary>
    public TimeSpan DownloadPause { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How many connections are opened in any minute without a person having asked: each route, each address of a name, each room
    /// that a tunnel needs, and each retry counts. Ours: ssb-conn has no bound.</summary>
    /// <value>Defaults to 60; must be 1 or more; <see cref="int.MaxValue"/> for no bound.</value>
    public int DialsPerMinute { get; init; } = 60;

    /// <summary>How many of them one dial may open, so that an address of many routes does not use up what others need. Ours: ssb-conn
    /// tries the first route alone.</summary>
    /// <value>Defaults to 8; must be 1 or more.</value>
    public int OpeningsPerDial { get; init; } = 8;

    /// <summary>Is a WebSocket asked for at the path and the query of an address that a stranger told of, or at <c>/</c>? What a person
    /// asks for, and what the address book has, keeps its path. Ours: ssb-conn asks for the path.</summary>
    /// <value>Defaults to false: at <c>/</c>.</value>
    public bool KeepsPathsOfStrangers { get; init; }

    /// <summary>Is any remembered room dialled for a tunnel that no person asked for, even one that the scheduler would not dial now: whose
    /// <c>autoconnect</c> is false, for which there is no slot, or that failed just now? Ours: ssb-conn dials it, which shows whom we know
    /// to whoever tells of a tunnel.</summary>
    /// <value>Defaults to false.</value>
    public bool DialsAnyRoomForTunnels { get; init; }

    /// <summary>Are peers chosen so that each source, and each group of sources, has its turn, whatever the number of identities that it
    /// tells of; and does the newest connection of the largest group of sources end when there are too many? Ours: ssb-conn dials the peer
    /// with the shortest cooldown, and ends the oldest connections.</summary>
    /// <value>Defaults to true.</value>
    public bool IsFairToSources { get; init; } = true;

    /// <summary>Does a peer decide by what it says of itself whether its connection counts as a room? If not, the address book decides, as
    /// a person or a file filled it, or else a person who connects to the peer; and turns are counted from the beginning of a connection.
    /// Ours: in ssb-conn a peer that calls itself a room is one, in the address book as well.</summary>
    /// <value>Defaults to false.</value>
    public bool BelievesClaims { get; init; }

    /// <summary>May LAN peers be dialled that have not proved that they own their key? Not unless set. Ours: ssb-conn dials them.</summary>
    public bool DialsUnverifiedLan { get; init; }

    /// <summary>Do dials under way count against the quota? They do unless set, for their first 10 s. Ours: in ssb-conn they do not, so
    /// that each look begins as many again.</summary>
    public bool CountsDials { get; init; } = true;

    /// <summary>Do peers that called us count against the quota? Not unless set, so that nobody keeps us from dialling by calling. Ours: in
    /// ssb-conn they do.</summary>
    public bool CountsCallers { get; init; }

    /// <summary>How many connections of peers that called us are kept. Of those beyond, the newest of the largest group of sources ends
    /// first, see <see cref="ExcessPatience"/>. Ours.</summary>
    /// <value>Defaults to null, for twice the quota; must be 0 or more, and null where <see cref="CountsCallers"/> is true.</value>
    public int? CallerQuota { get; init; }

    /// <summary>The seed of its random numbers; a random one unless set.</summary>
    public int? Seed { get; init; }

    /// <summary>ssb-conn 6.0.4's policy in all, for comparison.</summary>
    public static SchedulerOptions Ssb { get; } = new()
    {
        DialsPerMinute = int.MaxValue,
        OpeningsPerDial = int.MaxValue,
        DialsAnyRoomForTunnels = true,
        KeepsPathsOfStrangers = true,
        IsFairToSources = false,
        BelievesClaims = true,
        DialsUnverifiedLan = true,
        CountsDials = false,
        CountsCallers = true,
    };

    internal SchedulerOptions Checked()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(RoomQuota, 0);
        ArgumentOutOfRangeException.ThrowIfLessThan(PeerQuota, 0);
        ArgumentOutOfRangeException.ThrowIfLessThan(CallerQuota ?? 0, 0, nameof(CallerQuota));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(Interval, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(SoonAfterDisconnect, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(SoonAfterStage, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(RoomRotation, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(PeerRotation, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(ExcessPatience, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(DownloadPause, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(DialsPerMinute, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(OpeningsPerDial, 1);
        if (CountsCallers && CallerQuota is { } quota)
        {
            throw new ArgumentException(
                $"{nameof(CallerQuota)} is {quota}, and has no effect where {nameof(CountsCallers)} is true: set one of them.",
                nameof(CallerQuota));
        }

        return this;
    }
}
