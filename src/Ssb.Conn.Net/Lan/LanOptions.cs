using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>How to discover and announce on a LAN. The defaults are those of ssb-lan 1.2.3 on the main network.</summary>
public sealed record LanOptions
{
    /// <summary>Which network. Default: the main one.</summary>
    public NetworkKey NetworkKey { get; init; } = NetworkKey.Main;

    /// <summary>UDP port of the normal format, 1 to 65535. Default 26830.</summary>
    public int NormalPort { get; init; } = 26_830;

    /// <summary>UDP port of the legacy format, 1 to 65535. Default 8008.</summary>
    public int LegacyPort { get; init; } = 8_008;

    /// <summary>Whether the legacy format is used at all. Default true.</summary>
    public bool Legacy { get; init; } = true;

    /// <summary>One network interface, by its name or by one of its IPv4 addresses. Default null: all but loopback.</summary>
    public string? Interface { get; init; }

    /// <summary>
    /// Stay on this machine: listen on 127.0.0.1 and send, unicast, to 127.0.0.1 only, which works on every system. Only
    /// one listener at a time hears such packets. Not together with <see cref="Interface"/>. Default false.
    /// </summary>
    public bool Loopback { get; init; }

    /// <summary>Ourselves: announcements of this identity are our echo, or a replay, and are dropped and counted. Default null.</summary>
    public FeedId? OwnKey { get; init; }

    /// <summary>Whether routes are taken as they are announced, as ssb-lan does, wherever they lead. If not, of each announcement those
    /// are kept that are
    /// <c>net</c> and lead to its sender or into a subnet of the card on which it was heard, and never to this machine; over loopback,
    /// to loopback. Routes to a
    /// unix socket, and those that do not say whom to expect, are never staged; and unless
    /// <see cref="AdmissionOptions.MayTellOfMoreLocal"/> is set, the scheduler dials no address of this machine for an announcement of another. Default false.</summary>
    public bool AcceptAnyRoute { get; init; }

    /// <summary>Between two announcements of one address, 100 ms to 1 hour. Default 2 s. Discovery gives the repetition of an
    /// announcement only once a quarter of it has passed since the one it gave before.</summary>
    public TimeSpan AnnounceInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How much work one sender and all together may cause.</summary>
    public LanLimits Limits { get; init; } = new();

    /// <summary>The clock. Default: the system's.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <exception cref="ArgumentNullException">They are null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">One is out of its range.</exception>
    internal static LanOptions Checked(LanOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        string? problem = options.Problem() ?? options.Limits.Problem();
        // Those about one option alone begin with its name.
        return problem is null ? options : throw new ArgumentOutOfRangeException(
            problem.Split(' ') is [{ } name, "goes" or "is", ..] ? name.Split('.')[0] : nameof(options), problem);
    }

    private string? Problem()
    {
        if (NetworkKey is null || Limits is null || TimeProvider is null)
            return $"{(NetworkKey is null ? nameof(NetworkKey) : Limits is null ? nameof(Limits) : nameof(TimeProvider))} is never null.";
        if (Legacy && NormalPort == LegacyPort)
            return $"{nameof(NormalPort)} and {nameof(LegacyPort)} must differ, and both are {NormalPort}.";
        if (Interface is { Length: 0 })
            return $"{nameof(Interface)} is the name or the address of an interface, or null.";
        if (Loopback && Interface is not null)
            return $"{nameof(Interface)} and {nameof(Loopback)} exclude each other.";

        return LanLimits.Outside(NormalPort, 1, 65_535)
            ?? LanLimits.Outside(LegacyPort, 1, 65_535)
            ?? LanLimits.Outside(AnnounceInterval.TotalMilliseconds, 100, 3_600_000);
    }
}
