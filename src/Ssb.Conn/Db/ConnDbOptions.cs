using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ssb.Conn;

/// <summary>How a <see cref="ConnDb"/> is kept.</summary>
public sealed record ConnDbOptions
{
    /// <summary>How long after a change it is written; later changes put it off, up to <see cref="LongestDelay"/>. 0 to 1 hour, 1 s unless
    /// set, as ssb-conn has it.</summary>
    public TimeSpan WriteDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest that a change waits to be written; 10 s unless set. After a failed write it is tried again so often.
    /// (Where another program has the file open on Windows, one write itself tries for about a second.)</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How many peers it keeps; 100,000 unless set. Beyond that <see cref="ConnDb.Set(MultiserverAddress, PeerData?)"/> throws. A file
    /// that has more is read whole.</summary>
    public int Capacity { get; init; } = 100_000;

    /// <summary>The most data that one peer may have, in bytes of JSON; 65,536 unless set.</summary>
    public int MaxDataLength { get; init; } = PeerData.DefaultMaxLength;

    /// <summary>How many events are kept for readers of <see cref="ConnDb.Listen"/> who lag; 1,024 unless set.</summary>
    public int ChangeBuffer { get; init; } = 1_024;

    /// <summary>Where time comes from; the system's unless set.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Told of damage that was healed and of writes that failed; nobody unless set.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>Does opening wait until a book that was not there is on the disk? Else it is written as a change is.</summary>
    internal bool IsMadeAtOnce { get; init; } = true;

    /// <summary>How files are replaced.</summary>
    internal FileCalls Files { get; init; } = FileCalls.System;

    internal ConnDbOptions Checked()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(WriteDelay, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(WriteDelay, TimeSpan.FromHours(1));
        ArgumentOutOfRangeException.ThrowIfLessThan(LongestDelay, WriteDelay);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(LongestDelay, TimeSpan.FromDays(1));
        ArgumentOutOfRangeException.ThrowIfLessThan(Capacity, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxDataLength, 0);
        ArgumentOutOfRangeException.ThrowIfLessThan(ChangeBuffer, 1);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        ArgumentNullException.ThrowIfNull(Logger);
        return this;
    }
}
