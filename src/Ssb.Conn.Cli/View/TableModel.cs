namespace Ssb.Conn.Cli.View;

/// <summary>Columns and rows of a terminal, in cells.</summary>
internal sealed record TableSize(int Width, int Height);

/// <summary>One peer as the table shows it.</summary>
/// <param name="Key">Its feed id, or empty.</param>
/// <param name="Type">How it was found.</param>
/// <param name="Address">Its address with any secret masked.</param>
/// <param name="Verified">It has signed for its address.</param>
/// <param name="ByOthers">Nobody at its address has announced it, only somebody else: a relay, or a replay.</param>
/// <param name="Source">Who told us.</param>
/// <param name="Birth">When it was staged.</param>
/// <param name="Updated">When it was last heard.</param>
internal sealed record PeerRow(
    string Key, string Type, string Address, bool Verified, bool ByOthers, string Source, DateTimeOffset Birth, DateTimeOffset Updated);

/// <summary>All that a frame shows, apart from the size of the terminal and how far it is scrolled.</summary>
internal sealed record TableModel
{
    /// <summary>What is being watched.</summary>
    public required string Title { get; init; }

    /// <summary>What does not work at the moment, or empty.</summary>
    public string Notice { get; init; } = "";

    /// <summary>The time that ages are counted to.</summary>
    public required DateTimeOffset Now { get; init; }

    /// <summary>How long this run has been going on.</summary>
    public TimeSpan Elapsed { get; init; }

    /// <summary>How long a peer stays after it was last heard; null if it never leaves by itself.</summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>Peers on the bench.</summary>
    public required int Count { get; init; }

    /// <summary>Gives the rows from an index on, so many of them.</summary>
    public required Func<int, int, IEnumerable<PeerRow>> Rows { get; init; }

    /// <summary>Peers on the bench that signed their announcement.</summary>
    public int Verified { get; init; }

    /// <summary>Different peers since the start, as a text since it may say "more than".</summary>
    public string Seen { get; init; } = "0";

    /// <summary>Peers that left because they fell silent.</summary>
    public long Expired { get; init; }

    /// <summary>Datagrams that arrived.</summary>
    public long Heard { get; init; }

    /// <summary>Datagrams that were no announcement of this network.</summary>
    public long Rejected { get; init; }

    /// <summary>Datagrams dropped unread because their sender sent too many, and peers refused for their sender's share.</summary>
    public long RateLimited { get; init; }
}
