using Ssb.Conn.Cli.Commands;
using Ssb.Conn.Cli.Remote;

namespace Ssb.Conn.Cli.Watching;

/// <summary>One pool on the screen.</summary>
/// <param name="Pool">Which.</param>
/// <param name="IsKnown">Has the peer told who is in it?</param>
/// <param name="Entries">Who is in it.</param>
/// <param name="Selected">Index of the peer that keys are about; -1 for nobody.</param>
/// <param name="Empty">What to say when nobody is in it.</param>
internal sealed record WatchPane(Pool Pool, bool IsKnown, IReadOnlyList<RemoteEntry> Entries, int Selected, string Empty);

/// <summary>A key, what it does, and whether it can do that now.</summary>
internal sealed record WatchKey(string Key, string Label, bool Works);

/// <summary>A text over the panes.</summary>
internal sealed record WatchPanel(IReadOnlyList<string> Lines, int Scroll);

/// <summary>All that a frame of <c>watch</c> shows, apart from the size of the terminal.</summary>
internal sealed record WatchModel
{
    /// <summary>The command that shows it.</summary>
    public required string Command { get; init; }

    /// <summary>Which peer, and how it stands with it.</summary>
    public required string Peer { get; init; }

    /// <summary>It is away.</summary>
    public bool IsGone { get; init; }

    /// <summary>The time that ages are counted to.</summary>
    public required DateTimeOffset Now { get; init; }

    /// <summary>How long this run has been going on.</summary>
    public TimeSpan Elapsed { get; init; }

    /// <summary>The pane that keys are about.</summary>
    public Pool Focus { get; init; }

    /// <summary>All three, in order.</summary>
    public required IReadOnlyList<WatchPane> Panes { get; init; }

    /// <summary>How the last action went.</summary>
    public string Message { get; init; } = "";

    /// <summary>It did not go well.</summary>
    public bool IsBad { get; init; }

    public required IReadOnlyList<WatchKey> Keys { get; init; }

    public WatchPanel? Panel { get; init; }
}
