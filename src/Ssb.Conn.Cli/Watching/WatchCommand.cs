using System.CommandLine;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Cli.Terminals;

namespace Ssb.Conn.Cli.Watching;

/// <summary><c>watch</c>: a running peer, live, with keys to steer it.</summary>
internal sealed class WatchCommand : CliCommand
{
    private const string Extra =
        $$"""
        It shows the peer's bench (whom it could connect to), its hub (with whom it is connected) and its
        address book. When the peer goes away it says so and tries again. What a JavaScript peer lacks is
        grey, and its address book is asked for every 2 seconds.

        Keys:
          Up, Down, PageUp, PageDown, Home, End select a peer; Tab, Left, Right change the pane;
          c connect, x disconnect, d dismiss, r remember, f forget, u unstage, w ask why; q or Ctrl+C ends it.

        Examples:
          ssb-conn watch
          ssb-conn watch --path ~/.ssb-test
          ssb-conn watch --remote net:192.168.1.4:8008~shs:KEY --secret ~/.ssb/secret
          ssb-conn watch --json | jq -c 'select(.pool=="hub")'

        JSON lines, also when it is piped (MS is Unix time in milliseconds, POOL is staging, hub or db):
          {"change":"attached","at":MS,"peer":ADDRESS,"lacks":["conn.why"]}   first, and after each absence
          {"change":"snapshot","at":MS,"pool":POOL,"entries":[ENTRY,...]}     first for each pool, then changes:
          {"change":"added","at":MS,"pool":POOL,"entry":ENTRY}                likewise "updated" and "removed"
          {"change":"gone","at":MS,"reason":TEXT,"retryIn":1000}              in milliseconds
          ENTRY is ["net:HOST:PORT~shs:KEY",{"key":...}], as the peer has it: a secret in it is not masked.

        {{RemoteOptions.Help}}

        Exit codes:
          0 it ended as asked; 1 the peer was not there, or lets us not watch it; 2 the command line was wrong
        """;

    private readonly TimeProvider _time;

    public WatchCommand(TimeProvider time)
        : base("watch", "See a running peer's bench, connections and address book live, and steer it.", Extra)
    {
        _time = time;
        RemoteOptions.AddTo(this);
    }

    public override async Task<int> RunAsync(ParseResult parsed, CliConsole console)
    {
        using RemoteTarget target = RemoteOptions.Read(parsed);
        using var stop = new CancellationTokenSource();
        using var signals = new StopSignals(stop);
        var session = new WatchSession(cancellationToken => RemotePeer.AttachAsync(target, cancellationToken), target.Timeout, _time);
        WatchState? state = RemoteOptions.IsJson(parsed) || !Terminal.IsThere ? null : new WatchState(target.Name);
        Task showing = Task.Run(() => session.ShowAsync(state, console.Output, isMasked: false, stop)); // its writes block when nobody reads
        await Task.WhenAny(showing, Task.Delay(Timeout.InfiniteTimeSpan, _time, stop.Token));
        if (stop.IsCancellationRequested)
            await Together.LeaveAsync(showing, _time);
        else
            await showing;
        return ExitCode.Success;
    }
}
