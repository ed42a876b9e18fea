using System.Collections.Frozen;

namespace Ssb.Conn;

/// <summary>The bounds and the clock of a <see cref="ConnStaging"/>, which checks them and keeps a copy.</summary>
public sealed record StagingOptions
{
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(24);

    /// <summary>The times to live that ssb-conn 6.0.4 uses: <c>lan</c> 10 s, <c>bt</c> 30 s.</summary>
    public static IReadOnlyDictionary<string, TimeSpan> SsbTimeToLive { get; } = new Dictionary<string, TimeSpan>
    {
        ["lan"] = TimeSpan.FromSeconds(10),
        ["bt"] = TimeSpan.FromSeconds(30),
    }.ToFrozenDictionary();

    /// <summary>How many peers may be staged at a time; 1 or more, 10,000 unless set.</summary>
    public int Capacity { get; init; } = 10_000;

    /// <summary>How many of them one source may have; 1 or more, 1,000 unless set. Peers staged without a source and
    /// pinned ones do not count here.</summary>
    public int SourceCapacity { get; init; } = 1_000;

    /// <summary>How many of them the sources of one group may have together, see <see cref="ConnStaging.Stage(MultiserverAddress, PeerData?, string?)"/>;
    /// 1 or more, 1,000 unless set. In a full group, room is made by its largest source for one that has less than a fair share.</summary>
    public int GroupCapacity { get; init; } = 1_000;

    /// <summary>How long a peer of a type stays after it was last staged; a type that is not named stays until it is
    /// unstaged. From 1 ms to 24 days, at most 200 types; none unless set, see <see cref="SsbTimeToLive"/>.</summary>
    public IReadOnlyDictionary<string, TimeSpan> TimeToLive { get; init; } = FrozenDictionary<string, TimeSpan>.Empty;

    /// <summary>How many changes are kept for readers of <see cref="ConnStaging.Listen"/> and
    /// <see cref="ConnStaging.Changes"/> who lag; 16 to 1,048,576, 1,024 unless set. Who lags by more is told so.</summary>
    public int ChangeBuffer { get; init; } = 1_024;

    /// <summary>The longest address accepted, in characters; 2 or more, 4,096 unless set.</summary>
    public int MaxAddressLength { get; init; } = MultiserverAddress.DefaultMaxLength;

    /// <summary>The most data that one peer may have, in bytes of JSON as <c>conn.json</c> has it: names and values of all fields; 0 or more, 65,536
    /// unless set.</summary>
    public int MaxDataLength { get; init; } = PeerData.DefaultMaxLength;

    /// <summary>Where time comes from; the system's unless set.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>A copy that nobody else can change, its values checked.</summary>
    /// <exception cref="ArgumentException">A value is out of its range (<see cref="ArgumentOutOfRangeException"/>) or null.</exception>
    internal StagingOptions Checked()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Capacity, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(SourceCapacity, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(GroupCapacity, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(ChangeBuffer, 16);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ChangeBuffer, 1 << 20);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxAddressLength, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxDataLength, 0);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        ArgumentNullException.ThrowIfNull(TimeToLive);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(TimeToLive.Count, 200, nameof(TimeToLive));
        foreach ((string type, TimeSpan time) in TimeToLive)
        {
            if (time < TimeSpan.FromMilliseconds(1) || time > s_longest)
                throw new ArgumentOutOfRangeException(nameof(TimeToLive), time, $"A '{type}' peer must live from 1 ms to 24 days.");
        }

        return this with { TimeToLive = TimeToLive.ToFrozenDictionary() };
    }
}
