using Ssb.Conn.Cli.Commands;
using Ssb.Conn.Cli.Pinging;
using Ssb.Conn.Cli.Starting;
using Ssb.Conn.Cli.Watching;

namespace Ssb.Conn.Cli;

/// <summary>The commands that there are, in the order of the help.</summary>
internal static class AllCommands
{
    private static readonly (string Name, Func<TimeProvider, CliCommand> Make)[] s_all =
    [
        ("start", time => new StartCommand(time)),
        ("discover", time => new DiscoverCommand(options => DiscoverRun.RunAsync(options, time))),
        ("watch", time => new WatchCommand(time)),
        ("staged", ListCommand.Staged),
        ("peers", ListCommand.Peers),
        ("db", ListCommand.Db),
        ("stage", AddressCommand.Stage),
        ("unstage", AddressCommand.Unstage),
        ("connect", AddressCommand.Connect),
        ("disconnect", AddressCommand.Disconnect),
        ("remember", AddressCommand.Remember),
        ("forget", AddressCommand.Forget),
        ("dismiss", time => new DismissCommand(time)),
        ("rules", time => new RulesCommand(time)),
        ("why", time => new WhyCommand(time)),
        ("ping", time => new PingCommand(time)),
        ("completion", _ => new CompletionCommand()),
    ];

    public static IReadOnlyList<CliCommand> Make(TimeProvider time) => [.. s_all.Select(command => command.Make(time))];

    /// <summary>Makes one of them; null: there is none of that name.</summary>
    public static CliCommand? Make(string name, TimeProvider time) => Array.Find(s_all, command => command.Name == name).Make?.Invoke(time);
}
