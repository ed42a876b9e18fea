using System.CommandLine;

namespace Ssb.Conn.Cli;

/// <summary>The command <c>discover</c>: its options, and what its help says.</summary>
internal sealed class DiscoverCommand : CliCommand
{
    private const string Extra =
        """
        Examples:
          ssb-conn discover --neighbours 5
              No SSB near you? Five peers come to life on this computer, and nobody else hears them.
          ssb-conn discover
              Watch the peers around you. It only listens.
          ssb-conn discover --announce net:192.168.1.4:8008~shs:KEY --secret ~/.ssb/secret
              Also tell the others of the SSB server that already runs here.
          ssb-conn discover --duration 30s | jq .
              Half a minute of changes, one JSON object a line.

        JSON lines:
          {"change":"snapshot","sequence":0,"at":MS,"entries":[ENTRY,...]}  first, and again after a lag
          {"change":"staged","sequence":1,"at":MS,"entry":ENTRY}            a peer came
          {"change":"updated","sequence":2,"at":MS,"entry":ENTRY}           what is known of it changed
          {"change":"unstaged","sequence":3,"at":MS,"entry":ENTRY,"reason":"expired"}
          MS is Unix time in milliseconds. ENTRY is ["net:HOST:PORT~shs:KEY",{"key":...,"type":"lan",
          "verified":true,"stagingBirth":MS,"stagingUpdated":MS}]; more fields may come.

        Keys:
          Up, Down, PageUp, PageDown, Home, End scroll; q or Ctrl+C ends it, with a summary.

        Exit codes:
          0 it ended as asked; 1 it could not run; 2 the options were wrong
        """;

    private static readonly Option<bool> s_json = Flag("--json", "Write line-JSON even on a terminal (it does so anyway when piped)");
    private static readonly Option<string?> s_announce = Text("--announce", "ADDRESS", "Also announce a server that already runs; needs --secret");
    private static readonly Option<string?> s_secret = Text("--secret", "FILE", "The secret of that server, which signs the announcements");
    private static readonly Option<string?> s_neighbours = Text("--neighbours", "N", "Watch N embedded peers (1 to 1000) on this computer instead of the LAN");
    private static readonly Option<string?> s_seed = Text("--seed", "NUMBER", "Give the neighbours the same keys and habits in each run");
    private static readonly Option<string?> s_interface = Text("--interface", "NAME_OR_IP", "Use one network interface instead of all");
    private static readonly Option<string?> s_networkKey = Text("--network-key", "BASE64", "Another SSB network than the main one");
    private static readonly Option<string?> s_duration = Text("--duration", "TIME", "Stop after 30s, 2m, 1h (or a number of seconds)");

    private readonly Func<DiscoverOptions, Task<int>> _run;

    /// <param name="run">Runs it.</param>
    public DiscoverCommand(Func<DiscoverOptions, Task<int>> run)
        : base("discover", "See the Secure Scuttlebutt peers around you come and go.", Extra)
    {
        _run = run;
        foreach (Option option in (Option[])[s_json, s_duration, s_networkKey, s_interface, s_secret, s_announce, s_seed, s_neighbours])
            Options.Insert(0, option);
    }

    public override async Task<int> RunAsync(ParseResult parsed, CliConsole console)
    {
        var typed = new DiscoverArguments
        {
            Json = parsed.GetValue(s_json),
            Announce = parsed.GetValue(s_announce),
            Secret = parsed.GetValue(s_secret),
            Neighbours = parsed.GetValue(s_neighbours),
            Seed = parsed.GetValue(s_seed),
            Interface = parsed.GetValue(s_interface),
            NetworkKey = parsed.GetValue(s_networkKey),
            Duration = parsed.GetValue(s_duration),
        };
        if (!DiscoverOptions.TryRead(typed, KnownInterface.All, out DiscoverOptions? options, out string? problem))
            throw new MisuseException(problem);
        using (options)
            return await _run(options);
    }
}
