using Ssb.Conn.Cli.Commands;
using Ssb.Conn.Cli.Pinging;
using Ssb.Conn.Cli.Starting;
using Ssb.Conn.Cli.Watching;

namespace Ssb.Conn.Cli;

/// <summary>The commands that there are, in the order of the help.</summary>
internal static class AllCommands
{
    public static IReadOnlyList<CliCommand> Make(TimeProvider time) =>
    [
        new StartCommand((options, console) => StartRun.RunAsync(options, console, time)),
        new DiscoverCommand(options => DiscoverRun.RunAsync(options, time)),
        new WatchCommand(time),
        ListCommand.Staged(time),
        ListCommand.Peers(time),
        ListCommand.Db(time),
        AddressCommand.Stage(time),
        AddressCommand.Unstage(time),
        AddressCommand.Connect(time),
        AddressCommand.Disconnect(time),
        AddressCommand.Remember(time),
        AddressCommand.Forget(time),
        new DismissCommand(time),
        new WhyCommand(time),
        new PingCommand(time),
        new CompletionCommand(),
    ];
}
