using System.CommandLine;
using Ssb.Conn.Cli.Remote;

namespace Ssb.Conn.Cli.Starting;

/// <summary><c>start</c>: runs a peer in the foreground.</summary>
internal sealed class StartCommand : CliCommand
{
    private const string Extra =
        """
        It runs until q or Ctrl+C: finds peers on the LAN and in rooms, puts them on the bench, dials them, is
        called by them, and answers conn.* to whoever has its identity. On a terminal it shows itself as 'watch'
        does, with the same keys; other commands steer it from another terminal. What it needs it makes in its
        folder: secret (who it is), conn.json (the address book), conn-rules.json (who was dismissed or blocked),
        socket (for the programs of this user), manifest.json (what it can do, for the ssb-server command line).

        Examples:
          ssb-conn start --neighbours 5
              No SSB near you? Five peers come to life on this computer, take calls, leave and return.
              Nobody else hears them or us: they have a network of their own.
          ssb-conn start
              A peer of your own, with what it keeps in ~/.ssb-conn.
          ssb-conn start --path ~/.ssb
              With the identity and the address book of an SSB program that does not run at the moment.
          ssb-conn start --no-lan --host 127.0.0.1 --port 8010
              Only this computer reaches it, and it announces nothing.
          ssb-conn start --quiet
              As a service: one line as it starts, then problems only.

        JSON lines, with --json and when it is piped:
          {"change":"started","at":MS,"id":"@KEY.ed25519","addresses":[ADDRESS,...],"path":DIR}    first;
          then those of 'ssb-conn watch'

        Exit codes:
          0 it ended as asked; 1 it could not run; 2 the command line was wrong
        """;

    private static readonly Option<string?> s_path = Text("--path", "DIR", "The SSB folder (default: ~/.ssb-conn; with --neighbours, neighbours in there)");
    private static readonly Option<string?> s_host = Text("--host", "IP", "Where to be called: an address of this computer (default: all of them)");
    private static readonly Option<string?> s_port = Text("--port", "N", "Where to be called (default: 8008, or a free one if that is taken)");
    private static readonly Option<string?> s_wsPort = Text("--ws-port", "N", "Be called by WebSocket too");
    private static readonly Option<string?> s_callers = Text("--callers", "N", "How many may be connected that called us (default: 200)");
    private static readonly Option<string?> s_perSource = Text("--callers-per-source", "N", "How many of them from one IP address or room (default: 40)");
    private static readonly Option<bool> s_noLan = new("--no-lan") { Description = "Neither announce nor discover on the LAN" };
    private static readonly Option<string?> s_interface = Text("--interface", "NAME_OR_IP", "Use one network interface for the LAN instead of all");
    private static readonly Option<bool> s_noDial = new("--no-dial") { Description = "Dial nobody unless told to" };
    private static readonly Option<string[]> s_master = new("--master") { HelpName = "ID", Description = "Who may do everything, beside our own identity; may be repeated" };
    private static readonly Option<string?> s_neighbours = Text("--neighbours", "N", "Bring N peers (1 to 200) to life on this computer, and meet only them");
    private static readonly Option<string?> s_seed = Text("--seed", "NUMBER", "Give the neighbours the same keys and habits in each run");
    private static readonly Option<string?> s_networkKey = Text("--network-key", "BASE64", "Another SSB network than the main one");
    private static readonly Option<string?> s_duration = Text("--duration", "TIME", "Stop after 30s, 2m, 1h (or a number of seconds)");
    private static readonly Option<bool> s_json = new("--json") { Description = "Write line-JSON even on a terminal (it does so anyway when piped)" };
    private static readonly Option<bool> s_quiet = new("--quiet") { Description = "Write one line as it starts, and problems" };

    private readonly Func<StartOptions, CliConsole, Task<int>> _run;

    /// <param name="run">Runs it.</param>
    public StartCommand(Func<StartOptions, CliConsole, Task<int>> run)
        : base("start", "Run a peer, and watch it find, dial and lose others.", Extra)
    {
        _run = run;
        Option[] all = [s_neighbours, s_seed, s_path, s_host, s_port, s_wsPort, s_callers, s_perSource, s_noLan, s_interface, s_noDial, s_master, s_networkKey, s_duration, s_json, s_quiet];
        foreach (Option option in all.Reverse())
            Options.Insert(0, option);
    }

    public override async Task<int> RunAsync(ParseResult parsed, CliConsole console)
    {
        var typed = new StartArguments
        {
            Path = parsed.GetValue(s_path),
            Host = parsed.GetValue(s_host),
            Port = parsed.GetValue(s_port),
            WsPort = parsed.GetValue(s_wsPort),
            Callers = parsed.GetValue(s_callers),
            CallersPerSource = parsed.GetValue(s_perSource),
            NoLan = parsed.GetValue(s_noLan),
            Interface = parsed.GetValue(s_interface),
            NoDial = parsed.GetValue(s_noDial),
            Masters = parsed.GetValue(s_master) ?? [],
            Neighbours = parsed.GetValue(s_neighbours),
            Seed = parsed.GetValue(s_seed),
            NetworkKey = parsed.GetValue(s_networkKey),
            Duration = parsed.GetValue(s_duration),
            Json = parsed.GetValue(s_json),
            Quiet = parsed.GetValue(s_quiet),
        };
        return await _run(StartOptions.Read(typed, KnownInterface.All), console);
    }
}
