using System.Net;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Starting;

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

    /// <summary>Where SSB programs listen, and expect each other, unless told otherwise.</summary>
    public int UsualPort { get; init; } = 8008;

    /// <summary>The port for WebSockets; null for none.</summary>
    public int? WsPort { get; init; }

    /// <summary>What strangers may make us do and hold.</summary>
    public PeerNetworkLimits Limits { get; init; } = new();

    /// <summary>How many callers are kept in the long run; null: as CONN does it.</summary>
    public int? KeptCallers { get; init; }

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

    /// <summary>Does the line-JSON hold addresses and data whole, with what may be secret?</summary>
    public bool ShowSecrets { get; init; }

    public bool Quiet { get; init; }
}
