using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>What strangers may make a <see cref="PeerNetwork"/> do and hold.</summary>
public sealed record PeerNetworkLimits
{
    private static readonly TimeSpan s_longest = TimeSpan.FromHours(1);
    private static readonly RpcOptions s_rpc = new();
    private static readonly TimeSpan s_shortestSilence = TimeSpan.FromSeconds(2);

    /// <summary>The bounds of each connection; its api, its permissions and its clock come from here. Default: those of <see
    /// cref="RpcOptions"/>, with bodies of up to 1 MiB, 256 open requests, windows of 1,024 frames and 2 MiB, 8 MiB held in all and 16 MiB
    /// in reserve, 1 MiB unsent, and 100,000 frames a second. To and from those who may do everything bodies may have 8 MiB, if that is
    /// more. A peer with a folder has the files of the reserve there, if <see cref="RpcOptions.ReserveFolder"/> is left as it is; null for
    /// none.</summary>
    public RpcOptions Rpc { get; init; } = new()
    {
        MaxBodySize = 1024 * 1024,
        MaxOpenRequests = 256,
        MaxFramesPerSecond = 100_000,
        WindowFrames = 1_024,
        WindowBytes = 2 * 1024 * 1024,
        MaxHeldBytes = 8 * 1024 * 1024,
        ReserveBytes = 16 * 1024 * 1024,
        MaxUnsentBytes = 1024 * 1024,
    };

    /// <summary>How many callers may be connected; those who may do everything are let in beyond. Of those here for long the scheduler
    /// keeps <see cref="SchedulerOptions.CallerQuota"/>. Default: 200.</summary>
    public int MaxCallers { get; init; } = 200;

    /// <summary>How many of them from one source: an IPv4 address, the first 64 bits of an IPv6 address, or a room. Default: 40.</summary>
    public int MaxCallersPerSource { get; init; } = 40;

    /// <summary>How many connections one identity may have made to us. Default: 4.</summary>
    public int MaxCallersPerIdentity { get; init; } = 4;

    /// <summary>How many of the callers may be web pages, which are those that name an origin. From one source they may be <see
    /// cref="MaxCallersPerSource"/> besides other callers from there, whose places they do not take.</summary>
    /// <value>Defaults to 50; must be 0 or more.</value>
    public int MaxBrowserCallers { get; init; } = 50;

    /// <summary>How many connections programs may have by our unix sockets without a handshake, which are those of our own user. One more
    /// is closed at once. Ours: a JavaScript peer lets any number in.</summary>
    /// <value>Defaults to 256; must be 1 or more.</value>
    public int MaxLocalCallers { get; init; } = 256;

    /// <summary>How many of the file descriptors of this process callers and dials leave free, for its files and for the runtime, which
    /// ends the process where it gets none. Programs of our own user may use all others; dials leave a quarter more free, and other callers
    /// half as much more. <see cref="MaxCallers"/> and <see cref="MaxHandshakes"/> are lowered to what fits. It has no effect on
    /// Windows.</summary>
    /// <value>Defaults to null: an eighth of the limit (<c>ulimit -n</c>), at least 16 and at most 256; must be 0 or more.</value>
    public int? ReservedDescriptors { get; init; }

    /// <summary>The origins of web pages that may call from this machine by WebSocket, such as <c>http://localhost:3000</c>; <c>*</c> for
    /// all, <c>null</c> for pages without one. A listener's own origin always may, and from other machines every page may.</summary>
    /// <value>Defaults to none: every page that a browser on this machine shows could call otherwise.</value>
    public IReadOnlyList<string> LocalOrigins { get; init; } = [];

    /// <summary>How many bytes the peer of a WebSocket, called or dialled, may send that carry nothing: pings, pongs, empty messages,
    /// headers, and what TLS and HTTP throw away. Each byte that is of use gives five back, and each second 1,024. Ours: JavaScript reads
    /// them without end.</summary>
    /// <value>Defaults to 128 KiB; must be 1 or more, of which a TLS handshake and an HTTP answer can need 80 KiB; <see
    /// cref="int.MaxValue"/> for no bound.</value>
    public int MaxUselessBytes { get; init; } = UsefulBytes.Allowance;

    /// <summary>How many callers may shake hands at a time. One more pushes out the oldest of the source that has most of them; if that is
    /// its own, only one that has taken a second already. Default: 64.</summary>
    public int MaxHandshakes { get; init; } = 64;

    /// <summary>How long a caller, or a peer that we dial, may take until the end of the handshake. At most an hour. Default: 5
    /// s.</summary>
    public TimeSpan HandshakeDeadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long the host's policy (<see cref="PeerNetworkOptions.MayConnect"/>) may take to decide about a peer, which is refused after
    /// that. For a caller it is part of <see cref="HandshakeDeadline"/>. JavaScript peers give a handshake 5 seconds in all, the stock
    /// command line 3.</summary>
    /// <value>Defaults to 2 seconds; must be above zero and at most an hour.</value>
    public TimeSpan PolicyDeadline { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long an attempt at one of several routes of an address may take, or at one of several addresses of a name, and no longer
    /// than its share of the dial's time; the last has what is left of that. At most an hour. Default: 10 s.</summary>
    public TimeSpan RouteDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the other side may answer nothing until its connection ends as one that went silent: its cable was pulled, or its
    /// power is gone. Over TCP it is the other machine that has to answer, by keep-alive, whatever its program does; what was sent must be
    /// acknowledged, and something of it taken, in that time, however long <see cref="RpcOptions.SendTimeout"/> is; by default that comes
    /// earlier, after 30 s. Through a room or Tor the peer is asked by
    /// <c>gossip.ping</c> after half of that, and one that never answers such a question stays; <see cref="RpcOptions.AnswerDeadline"/> is
    /// set so, unless it is set already. Ours: ssb-conn has a ping each 5 minutes, whose answer has no deadline.</summary>
    /// <value>Defaults to 60 seconds; must be between 2 seconds and an hour; <see cref="Timeout.InfiniteTimeSpan"/> for as long as the system
    /// likes.</value>
    public TimeSpan SilenceDeadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The same, for TCP.</summary>
    internal SilenceLimits Silence => new(SilenceDeadline);

    internal void Check()
    {
        ArgumentNullException.ThrowIfNull(Rpc);
        Rpc.Validate();
        // What a network sets for each connection itself.
        RefuseUnless(ReferenceEquals(Rpc.Api, s_rpc.Api), "Api", "PeerNetworkOptions.Api or SsbPeerOptions.Api");
        RefuseUnless(ReferenceEquals(Rpc.Permissions, s_rpc.Permissions), "Permissions", "PeerNetworkOptions.Access, SsbPeerOptions.Masters or SsbPeerOptions.AllowStrangers");
        RefuseUnless(Rpc.Remote is null, "Remote", "nothing");
        RefuseUnless(Rpc.TimeProvider == TimeProvider.System, "TimeProvider", "PeerNetworkOptions.TimeProvider or SsbPeerOptions.TimeProvider");
        RefuseUnless(ReferenceEquals(Rpc.Descriptors, s_rpc.Descriptors), "Descriptors", nameof(ReservedDescriptors));
        ArgumentNullException.ThrowIfNull(LocalOrigins);
        foreach (string? origin in LocalOrigins)
        {
            if (!Origins.IsOne(origin))
            {
                throw new ArgumentException(
                    $"'{origin}' is no origin of a web page, and would let nobody in: expected one such as http://localhost:3000, without a path, or {Origins.Any}, or null for pages without one.",
                    nameof(LocalOrigins));
            }
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(MaxCallers, 0);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxBrowserCallers, 0);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxLocalCallers, 1);
        if (ReservedDescriptors is { } reserved)
            ArgumentOutOfRangeException.ThrowIfNegative(reserved, nameof(ReservedDescriptors));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxCallersPerSource, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxCallersPerIdentity, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxHandshakes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxUselessBytes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(HandshakeDeadline, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(HandshakeDeadline, s_longest, nameof(HandshakeDeadline));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(PolicyDeadline, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(PolicyDeadline, s_longest, nameof(PolicyDeadline));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(RouteDeadline, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(RouteDeadline, s_longest, nameof(RouteDeadline));
        if (SilenceDeadline == Timeout.InfiniteTimeSpan)
            return;
        ArgumentOutOfRangeException.ThrowIfLessThan(SilenceDeadline, s_shortestSilence, nameof(SilenceDeadline));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(SilenceDeadline, s_longest, nameof(SilenceDeadline));
    }

    private static void RefuseUnless(bool isGood, string option, string instead)
    {
        if (!isGood)
            throw new ArgumentException($"PeerNetworkLimits.Rpc.{option} is set, and has no effect: set {instead} instead.", $"{nameof(Rpc)}.{option}");
    }
}
