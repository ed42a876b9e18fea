using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli;

/// <summary>The command line: <c>ssb-conn discover</c> and its options.</summary>
internal static class DiscoverCommand
{
    /// <summary>All is well.</summary>
    public const int Success = 0;

    /// <summary>It could not run, or stopped because something failed.</summary>
    public const int Failure = 1;

    /// <summary>The command line was wrong.</summary>
    public const int Misuse = 2;

    private const string Examples =
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
          {"change":"updated","sequence":2,"at":MS,"entry":ENTRY}           it was heard again
          {"change":"unstaged","sequence":3,"at":MS,"entry":ENTRY,"reason":"expired"}
          MS is Unix time in milliseconds. ENTRY is ["net:HOST:PORT~shs:KEY",{"key":...,"type":"lan",
          "verified":true,"stagingBirth":MS,"stagingUpdated":MS}]; more fields may come.

        Keys:
          Up, Down, PageUp, PageDown, Home, End scroll; q or Ctrl+C ends it, with a summary.

        Exit codes:
          0 it ended as asked; 1 it could not run; 2 the options were wrong
        """;

    private static readonly Option<bool> s_json = new("--json") { Description = "Write line-JSON even on a terminal (it does so anyway when piped)" };
    private static readonly Option<string?> s_announce = Text("--announce", "ADDRESS", "Also announce a server that already runs; needs --secret");
    private static readonly Option<string?> s_secret = Text("--secret", "FILE", "The secret of that server, which signs the announcements");
    private static readonly Option<string?> s_neighbours = Text("--neighbours", "N", "Watch N embedded peers (1 to 1000) on this computer instead of the LAN");
    private static readonly Option<string?> s_seed = Text("--seed", "NUMBER", "Give the neighbours the same keys and habits in each run");
    private static readonly Option<string?> s_interface = Text("--interface", "NAME_OR_IP", "Use one network interface instead of all");
    private static readonly Option<string?> s_networkKey = Text("--network-key", "BASE64", "Another SSB network than the main one");
    private static readonly Option<string?> s_duration = Text("--duration", "TIME", "Stop after 30s, 2m, 1h (or a number of seconds)");

    /// <summary>Reads the command line, runs what it says, and gives the exit code.</summary>
    /// <param name="arguments">The arguments without the program's name.</param>
    /// <param name="output">Standard output, for help and version.</param>
    /// <param name="error">Standard error.</param>
    /// <param name="run">Runs the command.</param>
    public static async Task<int> RunAsync(
        IReadOnlyList<string> arguments, TextWriter output, TextWriter error, Func<DiscoverOptions, Task<int>> run)
    {
        var discover = new Command("discover", "See the Secure Scuttlebutt peers around you come and go.")
        {
            s_neighbours, s_seed, s_announce, s_secret, s_interface, s_networkKey, s_duration, s_json, new VersionOption(),
        };
        var root = new RootCommand("Peers of Secure Scuttlebutt (SSB): who is near, and could be connected to.") { discover };
        foreach (HelpOption help in root.Options.OfType<HelpOption>())
            help.Action = new HelpWithExamples((HelpAction)help.Action!, Examples); // HelpOption is made with this action

        // A file is not an argument: "@KEY.ed25519" begins with @.
        ParseResult parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        bool isHelpOrVersion = parsed.Action is HelpWithExamples || (parsed.Errors.Count == 0 && parsed.Action is not null);
        if (isHelpOrVersion)
            return await parsed.InvokeAsync(new InvocationConfiguration { Output = output, Error = error });

        if (Explain(parsed, discover) is { } wrong)
            return Refuse(error, wrong);

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
            return Refuse(error, problem);
        using (options)
            return await run(options);
    }

    private static Option<string?> Text(string name, string value, string description) =>
        new(name) { HelpName = value, Description = description };

    private static int Refuse(TextWriter error, string problem)
    {
        error.WriteLine($"ssb-conn: {TerminalText.Clean(problem)}");
        error.WriteLine("See: ssb-conn discover --help");
        return Misuse;
    }

    /// <summary>What the parser did not like, in our words where its own do not say what would have been right.</summary>
    private static string? Explain(ParseResult parsed, Command discover)
    {
        if (parsed.UnmatchedTokens is [string unknown, ..])
        {
            return unknown.StartsWith('-')
                ? $"there is no option '{unknown}': the options are {string.Join(", ", discover.Options.Select(option => option.Name))}"
                : $"'{unknown}' is not expected here: the command is ssb-conn discover, followed by options only";
        }

        if (parsed.CommandResult.Command != discover)
            return "no command was given: the command is ssb-conn discover";
        foreach (OptionResult given in discover.Options.Select(parsed.GetResult).OfType<OptionResult>())
        {
            if (given.IdentifierTokenCount > 1)
                return $"{given.Option.Name} was given {given.IdentifierTokenCount} times: once is enough";
            if (given.Tokens.Count == 0 && given.Option.HelpName is { } value)
                return $"{given.Option.Name} needs a value: {given.Option.Name} {value}";
        }

        return parsed.Errors is [ParseError first, ..] ? first.Message : null;
    }

    private sealed class HelpWithExamples(HelpAction help, string examples) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            int code = help.Invoke(parseResult);
            parseResult.InvocationConfiguration.Output.WriteLine(examples);
            return code;
        }
    }
}
