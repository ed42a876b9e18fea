namespace Ssb.Wire;

/// <summary>What a connection serves, to whom, and within which bounds.</summary>
public sealed record RpcOptions
{
    /// <summary>The procedures that the peer may call. Default: none but <c>manifest</c>.</summary>
    public RpcApi Api { get; init; } = RpcApi.Empty;

    /// <summary>Who the peer is. Default: the <see cref="BoxStream.Remote"/> of a box stream; null (nobody known) for other
    /// streams.</summary>
    public FeedId? Remote { get; init; }

    /// <summary>What the peer may call. Each name on its lists is that of a procedure of <see cref="Api"/>, or the beginning of one. Default:
    /// <see cref="RpcPermissions.Anonymous"/>, the manifest.</summary>
    public RpcPermissions Permissions { get; init; } = RpcPermissions.Anonymous;

    /// <summary>The largest body that is sent or received, in bytes. A peer that announces a larger one is cut off. Default: 8
    /// MiB.</summary>
    public int MaxBodySize { get; init; } = 8 * 1024 * 1024;

    /// <summary>How many requests and streams the peer may have open; further ones get an error. Each may hold its answer until the peer
    /// reads, so who serves large answers to strangers lowers it. Default: 4,096.</summary>
    public int MaxOpenRequests { get; init; } = 4096;

    /// <summary>How many frames a second the peer may send, with as many at once; if it sends more it is cut off. Default: 5,000,000,
    /// which is more than a core reads; lower it for strangers.</summary>
    public int MaxFramesPerSecond { get; init; } = 5_000_000;

    /// <summary>How many frames a stream holds for its reader: its window. A full window stops the reading of the connection until its
    /// reader has taken half of it, so that the peer sends no faster than the reader takes; see <see cref="ReserveBytes"/> for the
    /// exceptions.</summary>
    /// <value>Defaults to 16,384; must be at least 1.</value>
    public int WindowFrames { get; init; } = 16_384;

    /// <summary>The same in bytes of bodies. One body is always taken.</summary>
    /// <value>Defaults to 16 MiB; must be at least 1.</value>
    public long WindowBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>How many bytes of the peer the windows of all streams, and calls under way, hold together; the reserve comes on top.
    /// Beyond it a window that holds more than
    /// 64 KiB counts as full, and calls are refused as too many.</summary>
    /// <value>Defaults to 64 MiB; must be at least 1.</value>
    public long MaxHeldBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>How many bytes may wait for the peer to take them; while there are more, answers to what it asked, nothing is read from
    /// it. 256 KiB, which streams and calls
    /// of ours may fill, to 1 GiB. Default: 16 MiB.</summary>
    public int MaxUnsentBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>How many bytes all streams of the connection together may hold beyond their windows, each frame counted as 64 bytes more
    /// than its body. A connection that was stopped by a full window is read on into this reserve: at once while a request of ours is open
    /// that was made after the reader took its last item, as the reader probably waits for the answer, which comes behind everything that
    /// the peer has sent until then; and once the reader has taken nothing for a second, at such a rate
    /// that the reserve lasts until <see cref="SlowReaderDeadline"/>. 0 for none.</summary>
    /// <value>Defaults to 64 MiB; must be between 0 and 16 GiB.</value>
    public long ReserveBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>How many bytes the files of the reserves of all connections of a process hold together: 4 GiB. Beyond it, and on a disk
    /// with less than 256 MiB free, there is only memory.</summary>
    public const long AllReserveFilesBytes = 4L * 1024 * 1024 * 1024;

    /// <summary>A folder in which streams may have a file each for what of the reserve has no place in memory; null for none. It is for
    /// readers that wait for an answer to a call for each item: the peer has sent much more by then, all of which comes before the answer.
    /// A file is made for streams that we opened, and for those of a peer that may call everything; what a stranger opens has memory
    /// alone. The first have half of <see cref="ReserveBytes"/>, then. It holds what the peer sent as it is, can be read by this user
    /// alone, has a random name, or none where the system allows that, and goes away with the stream. A folder that cannot be written, or
    /// a full disk, counts as no folder for the rest of the connection, of which <see cref="OnEvent"/> hears once
    /// (<see cref="RpcEventKind.NoReserveFile"/>).</summary>
    /// <value>Defaults to the folder that the environment variable <c>TMPDIR</c> names; if it names none, to <c>/var/tmp</c>, where that is
    /// there, since <c>/tmp</c> is often memory; or else to that of the system for temporary files. Must not be empty.</value>
    public string? ReserveFolder { get; init; } = DefaultReserveFolder;

    /// <summary>How many bytes all those files of the connection may hold, each body counted as 5 bytes more than it has. A file gives its
    /// bytes back when all that it holds was taken.</summary>
    /// <value>Defaults to 2 GiB; must be between 0 and 1 TiB. All connections together have <see cref="AllReserveFilesBytes"/>.</value>
    public long ReserveFileBytes { get; init; } = 2L * 1024 * 1024 * 1024;

    /// <summary>How long the reader of a stream whose window is full may take nothing before the stream ends with
    /// <see cref="RpcError.SlowConsumer"/>, alone; a third of that while the reserve is full, as nothing of the connection is read then. A
    /// reader that takes an item now and then is never too slow.</summary>
    /// <value>Defaults to 30 seconds; must be between 1 second and 5 minutes.</value>
    public TimeSpan SlowReaderDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the connection may be silent in both directions before it is closed, with a goodbye; or infinite. Default: 10
    /// minutes.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long the peer may take none of what we send before it is cut off; or infinite. Default: 30 seconds.</summary>
    public TimeSpan SendTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a peer may answer nothing before it is taken for gone; or infinite. One that has been silent for half of that is asked
    /// by <c>gossip.ping</c>, which costs each side one small message, and if it has answered before on this connection, and nothing comes
    /// from it for the other half, the connection ends with <see cref="RpcEndReason.Silent"/>. For connections over something that does not
    /// notice by itself that the other side is gone: a tunnel or a proxy. It may come late by a quarter.</summary>
    /// <value>Defaults to infinite: nobody is asked. Must be above zero.</value>
    public TimeSpan AnswerDeadline { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>How long closing waits for the peer's goodbye, and for procedures that still run. Default: 2 seconds.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>What all times are measured with. Default: <see cref="TimeProvider.System"/>.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Hears of what goes wrong on the connection without ending it. Called on any thread, and must be quick; what it throws
    /// is dropped. A peer can make it happen with every frame: who writes it to a log limits how often.</summary>
    public Action<RpcEvent>? OnEvent { get; init; }

    /// <summary>The folder that <see cref="ReserveFolder"/> defaults to.</summary>
    public static string DefaultReserveFolder { get; } = FindReserveFolder();

    /// <summary>The bounds over all connections; tests have their own.</summary>
    internal RpcReserveSpace ReserveSpace { get; init; } = RpcReserveSpace.OfProcess;

    /// <summary>Which file descriptors the files in <see cref="ReserveFolder"/> leave free.</summary>
    /// <value>Defaults to <see cref="Descriptors.Usual"/>.</value>
    public Descriptors Descriptors { get; init; } = Descriptors.Usual;

    /// <summary>Checks that each option is in its range, as <see cref="RpcConnection.Start"/> does.</summary>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public void Validate()
    {
        ArgumentNullException.ThrowIfNull(Descriptors);
        ArgumentNullException.ThrowIfNull(Api);
        ArgumentNullException.ThrowIfNull(Permissions);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        if (Permissions.UnknownIn(Api) is { } unknown)
        {
            throw new ArgumentException(
                $"{nameof(Permissions)} has '{unknown}', which is the name of no procedure of {nameof(Api)}, and the beginning of none.", nameof(Permissions));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(MaxBodySize, 1, nameof(MaxBodySize));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxBodySize, 1024 * 1024 * 1024, nameof(MaxBodySize));
        ArgumentOutOfRangeException.ThrowIfNegative(MaxOpenRequests, nameof(MaxOpenRequests));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxFramesPerSecond, 1, nameof(MaxFramesPerSecond));
        ArgumentOutOfRangeException.ThrowIfLessThan(WindowFrames, 1, nameof(WindowFrames));
        ArgumentOutOfRangeException.ThrowIfLessThan(WindowBytes, 1, nameof(WindowBytes));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxHeldBytes, 1, nameof(MaxHeldBytes));
        ArgumentOutOfRangeException.ThrowIfNegative(ReserveBytes, nameof(ReserveBytes));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ReserveBytes, 16L * 1024 * 1024 * 1024, nameof(ReserveBytes));
        ArgumentOutOfRangeException.ThrowIfNegative(ReserveFileBytes, nameof(ReserveFileBytes));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ReserveFileBytes, 1024L * 1024 * 1024 * 1024, nameof(ReserveFileBytes));
        if (ReserveFolder is not null)
            ArgumentException.ThrowIfNullOrWhiteSpace(ReserveFolder, nameof(ReserveFolder));
        ArgumentOutOfRangeException.ThrowIfLessThan(SlowReaderDeadline, TimeSpan.FromSeconds(1), nameof(SlowReaderDeadline));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(SlowReaderDeadline, TimeSpan.FromMinutes(5), nameof(SlowReaderDeadline));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxUnsentBytes, RpcOutput.Room, nameof(MaxUnsentBytes));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxUnsentBytes, 1024 * 1024 * 1024, nameof(MaxUnsentBytes));
        ArgumentOutOfRangeException.ThrowIfNegative(CloseTimeout.Ticks, nameof(CloseTimeout));
        CheckTimeout(IdleTimeout, nameof(IdleTimeout));
        CheckTimeout(SendTimeout, nameof(SendTimeout));
        CheckTimeout(AnswerDeadline, nameof(AnswerDeadline));
    }

    private static string FindReserveFolder()
    {
        const string OnDisk = "/var/tmp";
        return !OperatingSystem.IsWindows() && string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable("TMPDIR")) && Directory.Exists(OnDisk)
            ? OnDisk
            : Path.GetTempPath();
    }

    private static void CheckTimeout(TimeSpan timeout, string name)
    {
        if (timeout <= TimeSpan.Zero && timeout != Timeout.InfiniteTimeSpan)
            throw new ArgumentOutOfRangeException(name, timeout, "A time-out is above zero, or infinite.");
    }
}

/// <summary>Something that went wrong on a connection without ending it.</summary>
/// <param name="Kind">What.</param>
/// <param name="Procedure">The procedure concerned, as the peer or we named it. What a peer called that there is not is a stranger's text,
/// of up
/// to 4 kB and with any characters.</param>
/// <param name="Error">The exception that a procedure threw; it was not shown to the peer.</param>
public sealed record RpcEvent(RpcEventKind Kind, string Procedure, Exception? Error = null)
{
    /// <summary>In words, on one line: the name of the procedure as strangers' text is shown, and of an exception its type.</summary>
    public override string ToString() => $"{Kind}: {StrangerText.Show(Procedure)}{(Error is null ? "" : $" ({Error.GetType()})")}";
}

/// <summary>What can go wrong on a connection without ending it.</summary>
public enum RpcEventKind
{
    /// <summary>The peer called what it may not call.</summary>
    Refused,

    /// <summary>The peer called what there is not, or with arguments that are none.</summary>
    Unknown,

    /// <summary>The peer had too many requests open.</summary>
    TooManyRequests,

    /// <summary>A procedure of ours threw an exception that was not meant for the peer.</summary>
    Failed,

    /// <summary>A stream ended because its reader took nothing for <see cref="RpcOptions.SlowReaderDeadline"/>.</summary>
    SlowConsumer,

    /// <summary>What of a stream has no place in memory cannot be kept in a file (<see cref="RpcOptions.ReserveFolder"/>): the folder cannot
    /// be written, or its disk is full. Told once for each connection, and there is only memory from then on.</summary>
    NoReserveFile,
}

/// <summary>How a connection ended.</summary>
/// <param name="Reason">In a word.</param>
/// <param name="Error">What broke it: an <see cref="IOException"/> such as <see cref="BoxStreamException"/>, or a
/// <see cref="RpcProtocolException"/>. Null for an orderly end.</param>
public sealed record RpcEnd(RpcEndReason Reason, Exception? Error = null);

/// <summary>How a connection can end.</summary>
public enum RpcEndReason
{
    /// <summary>The peer said goodbye.</summary>
    Goodbye,

    /// <summary>We closed it.</summary>
    Closed,

    /// <summary>Nothing came or went for <see cref="RpcOptions.IdleTimeout"/>, and we closed it.</summary>
    Idle,

    /// <summary>The stream below ended or broke without a goodbye.</summary>
    Lost,

    /// <summary>The peer broke a rule (<see cref="RpcViolation"/>), and was cut off.</summary>
    Violation,

    /// <summary>The other side was gone without a word, and we gave it up: its machine answered nothing, as the system told, or the peer did not
    /// answer within <see cref="RpcOptions.AnswerDeadline"/>, or to <see cref="RpcConnection.ProbeAsync"/>.</summary>
    Silent,
}
