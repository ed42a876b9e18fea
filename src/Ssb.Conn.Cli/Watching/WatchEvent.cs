using Ssb.Conn.Cli.Commands;
using Ssb.Conn.Cli.Remote;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Watching;

/// <summary>What happens while a running peer is watched.</summary>
internal abstract record WatchEvent
{
    private WatchEvent()
    {
    }

    /// <summary>We are attached to it.</summary>
    /// <param name="Where">The route that led to it, without a secret.</param>
    /// <param name="Has">Has it a procedure of this name?</param>
    /// <param name="Call">Calls one, until <see cref="Gone"/>.</param>
    public sealed record Attached(string Where, Func<string, bool> Has, Func<string, RpcValue[], CancellationToken, Task<RpcValue>> Call) : WatchEvent;

    /// <summary>The whole of a pool, at first and whenever it changed.</summary>
    public sealed record Entries(Pool Pool, IReadOnlyList<RemoteEntry> Peers) : WatchEvent;

    /// <summary>It went away, or is not there yet.</summary>
    /// <param name="Reason">A sentence; it may hold a stranger's text.</param>
    /// <param name="Pause">After so long we try again.</param>
    public sealed record Gone(string Reason, TimeSpan Pause) : WatchEvent;
}
