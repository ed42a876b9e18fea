using System.Net;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Starting;

/// <summary>The options of <c>start</c> as they were typed; null where one was not given.</summary>
internal sealed record StartArguments
{
    public string? Path { get; init; }
    public string? Host { get; init; }
    public string? Port { get; init; }
    public string? WsPort { get; init; }
    public string? Callers { get; init; }
    public string? CallersPerSource { get; init; }
    public bool NoLan { get; init; }
    public string? Interface { get; init; }
    public bool NoDial { get; init; }
    public IReadOnlyList<string> Masters { get; init; } = [];
    public string? Neighbours { get; init; }
    public string? Seed { get; init; }
    public string? NetworkKey { get; init; }
    public string? Duration { get; init; }
    public bool Json { get; init; }
    public bool Quiet { get; init; }
}

/// <summary>The options of <c>start</c>, checked.</summary>
internal sealed record StartOptions
{
    /// <summary>The most embedded neighbours: each is a whole peer.</summary>
    public const int MostNeighbours = 200;

    /// <summary>The most callers that may be let in.</summary>
    public const int MostCallers = 100_000;

    /// <summary>The SSB folder.</summary>
    public required string Folder { get; init; }

    /// <summary>Is it one that holds nothing worth keeping but the identity?</summary>
    public bool IsScratch { get; init; }

    /// <summary>Where to be called; null: at all addresses of this computer.</summary>
    public IPAddress? Host { get; init; }

    /// <summary>The port that was asked for; null: the usual one, or another one if that is taken.</summary>
    public int? Port { get; init; }

    /// <summary>The port for WebSockets; null for none.</summary>
    public int? WsPort { get; init; }

    /// <summary>What strangers may make us do and hold.</summary>
    public PeerNetworkLimits Limits { get; init; } = new();

    public bool HasLan { get; init; } = true;

    /// <summary>The one network interface to use for the LAN, or null for all.</summary>
    public string? Interface { get; init; }

    public bool Dials { get; init; } = true;

    public IReadOnlyList<FeedId> Masters { get; init; } = [];

    /// <summary>How many embedded peers; 0 for the real world.</summary>
    public int Neighbours { get; init; }

    /// <summary>Makes the neighbours the same in each run.</summary>
    public int? Seed { get; init; }

    public NetworkKey NetworkKey { get; init; } = NetworkKey.Main;

    /// <summary>When to stop by itself, or null.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>Line-JSON even on a terminal.</summary>
    public bool Json { get; init; }

    public bool Quiet { get; init; }

    /// <summary>Checks what was typed.</summary>
    /// <param name="typed">What was typed.</param>
    /// <param name="interfaces">The interfaces that this computer has, for <c>--interface</c>.</param>
    /// <exception cref="MisuseException">Something was wrong: what, and what would have been right.</exception>
    public static StartOptions Read(StartArguments typed, Func<IReadOnlyList<KnownInterface>> interfaces)
    {
        int neighbours = typed.Neighbours is null ? 0 : Typed.Number("--neighbours", typed.Neighbours, 1, MostNeighbours, 5);
        Refuse("--neighbours", neighbours > 0, "neighbours live on this computer, with a network key of their own",
            (typed.Host is not null, "--host"), (typed.NoLan, "--no-lan"), (typed.Interface is not null, "--interface"), (typed.NetworkKey is not null, "--network-key"));
        Refuse("--no-lan", typed.NoLan, "an interface is for the LAN", (typed.Interface is not null, "--interface"));
        Refuse("--json", typed.Json, "one says much, the other next to nothing", (typed.Quiet, "--quiet"));
        if (typed.Path is { Length: 0 })
            throw Typed.Wrong("--path ''", "it takes the name of a folder");
        return new StartOptions
        {
            Folder = typed.Path ?? (neighbours > 0 ? SsbFolder.AmongNeighbours : SsbFolder.Own),
            IsScratch = typed.Path is null && neighbours > 0,
            Host = neighbours > 0 ? IPAddress.Loopback : ReadHost(typed.Host),
            Port = typed.Port is null ? null : Typed.Number("--port", typed.Port, 0, ushort.MaxValue, 8008),
            WsPort = typed.WsPort is null ? null : Typed.Number("--ws-port", typed.WsPort, 0, ushort.MaxValue, 8989),
            Limits = ReadLimits(typed),
            HasLan = !typed.NoLan,
            Interface = Typed.Interface(typed.Interface, interfaces),
            Dials = !typed.NoDial,
            Masters = [.. typed.Masters.Select(ReadMaster)],
            Neighbours = neighbours,
            Seed = Typed.Seed(typed.Seed, typed.Neighbours),
            NetworkKey = neighbours > 0 ? NetworkKey.Generate() : Typed.NetworkKey(typed.NetworkKey),
            Duration = Typed.Duration(typed.Duration),
            Json = typed.Json,
            Quiet = typed.Quiet,
        };
    }

    private static void Refuse(string option, bool isGiven, string reason, params ReadOnlySpan<(bool IsGiven, string Option)> others)
    {
        foreach ((bool isOther, string other) in others)
        {
            if (isGiven && isOther)
                throw Typed.Wrong($"{option} together with {other}", $"{reason}; leave out either {option} or {other}");
        }
    }

    private static PeerNetworkLimits ReadLimits(StartArguments typed)
    {
        var limits = new PeerNetworkLimits();
        int callers = typed.Callers is null ? limits.MaxCallers : Typed.Number("--callers", typed.Callers, 1, MostCallers, 1_000);
        return limits with
        {
            MaxCallers = callers,
            MaxCallersPerSource = typed.CallersPerSource is null ? Math.Min(limits.MaxCallersPerSource, callers)
                : Typed.Number("--callers-per-source", typed.CallersPerSource, 1, callers, 100),
        };
    }

    private static IPAddress? ReadHost(string? typed) => typed is null ? null
        : IPAddress.TryParse(typed, out IPAddress? address) ? address
        : throw Typed.Wrong($"--host {Typed.Quote(typed)}", "it takes an IP address of this computer, such as 127.0.0.1");

    private static FeedId ReadMaster(string typed) => FeedId.TryParse(typed, out FeedId id) ? id
        : throw Typed.Wrong($"--master {Typed.Quote(typed)}", "it takes a feed id, such as @KEY.ed25519");
}
