using System.Collections.Frozen;

namespace Ssb.Conn;

/// <summary>The bounds and the clock of a <see cref="ConnHub"/>.</summary>
public sealed record HubOptions
{
    /// <summary>The waits of ssb-conn 6.0.4: <c>lan</c> 30 s, <c>room-attendant-alias</c> 30 s, <c>bt</c> 60 s, <c>dht</c> 300 s.</summary>
    public static IReadOnlyDictionary<string, TimeSpan> SsbDialDeadlines { get; } = new Dictionary<string, TimeSpan>
    {
        ["lan"] = TimeSpan.FromSeconds(30),
        ["room-attendant-alias"] = TimeSpan.FromSeconds(30),
        ["bt"] = TimeSpan.FromSeconds(60),
        ["dht"] = TimeSpan.FromSeconds(300),
    }.ToFrozenDictionary();

    // The longest that a timer of .NET can wait, 49 days and some.
    private static readonly TimeSpan s_longestWait = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    /// <summary>Our own feed id: whoever has it is not connected to. None unless set.</summary>
    public FeedId? OwnFeedId { get; init; }

    /// <summary>How long a dial may take, by the type of the peer; see <see cref="SsbDialDeadlines"/>, the default.</summary>
    public IReadOnlyDictionary<string, TimeSpan> DialDeadlines { get; init; } = SsbDialDeadlines;

    /// <summary>How long a dial of any other type may take; 10 s unless set.</summary>
    public TimeSpan DialDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a goodbye may take before the connection is dropped; 5 s unless set.</summary>
    public TimeSpan CloseDeadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How many peers may be in the hub at a time; 1,000 unless set. Beyond that callers are refused and dials fail.</summary>
    public int Capacity { get; init; } = 1_000;

    /// <summary>How many dials may be under way at a time; 100 unless set.</summary>
    public int MaxDials { get; init; } = 100;

    /// <summary>The most data that one peer may have, in bytes of JSON; 65,536 unless set.</summary>
    public int MaxDataLength { get; init; } = PeerData.DefaultMaxLength;

    /// <summary>How many events are kept for readers of <see cref="ConnHub.Listen"/> who lag; 1,024 unless set.</summary>
    public int ChangeBuffer { get; init; } = 1_024;

    /// <summary>Where time comes from; the system's unless set.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    internal HubOptions Checked()
    {
        ArgumentNullException.ThrowIfNull(DialDeadlines);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(DialDeadline, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(DialDeadline, s_longestWait);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(CloseDeadline, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(CloseDeadline, s_longestWait);
        ArgumentOutOfRangeException.ThrowIfLessThan(Capacity, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxDials, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxDataLength, 0);
        ArgumentOutOfRangeException.ThrowIfLessThan(ChangeBuffer, 1);
        foreach ((string type, TimeSpan deadline) in DialDeadlines)
        {
            if (deadline <= TimeSpan.Zero || deadline > s_longestWait)
                throw new ArgumentOutOfRangeException(nameof(DialDeadlines), deadline, $"A dial of a '{type}' peer must be given some time, and at most 49 days.");
        }

        return this with { DialDeadlines = DialDeadlines.ToFrozenDictionary() };
    }

    internal TimeSpan DeadlineOf(PeerKind kind) => DialDeadlines.GetValueOrDefault(kind switch
    {
        PeerKind.Lan => "lan",
        PeerKind.Bluetooth => "bt",
        PeerKind.Dht => "dht",
        PeerKind.Internet => "internet",
        PeerKind.Pub => "pub",
        PeerKind.Room => "room",
        PeerKind.RoomAttendant => "room-attendant",
        PeerKind.RoomAttendantAlias => "room-attendant-alias",
        _ => "",
    }, DialDeadline);
}
