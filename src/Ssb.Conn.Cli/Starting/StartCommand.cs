using System.CommandLine;
using System.Net;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Net;
using Ssb.Wire;

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
          then those of 'ssb-conn watch', in which what is not known to be public, such as the seed of
          an invite, is "***" unless --show-secrets is given: they often end in a journal

        Exit codes:
          0 it ended as asked; 1 it could not run; 2 the command line was wrong
        """;

    private static readonly Option<string?> s_path = Text("--path", "DIR", "The SSB folder (default: ~/.ssb-conn; with --neighbours, neighbours in there)");
    private static readonly Option<string?> s_host = Text("--host", "IP", "Where to be called: an address of this computer (default: all of them)");
    private static readonly Option<string?> s_port = Text("--port", "N", "Where to be called (default: 8008; if taken, a free one, and it says so)");
    private static readonly Option<string?> s_wsPort = Text("--ws-port", "N", "Be called by WebSocket too");
    private static readonly Option<string?> s_callers = Text("--callers", "N", "How many callers are kept (default: 8, with up to 200 for a while)");
    private static readonly Option<string?> s_perSource = Text("--callers-per-source", "N", "How many of them from one IP address or room (default: 40)");
    private static readonly Option<string[]> s_origin = new("--origin")
    {
        HelpName = "ORIGIN",
        Description = "A web page on this computer that may call by WebSocket; may be repeated",
    };

    private static readonly Option<bool> s_noLan = Flag("--no-lan", "Neither announce nor discover on the LAN");
    private static readonly Option<string?> s_interface = Text("--interface", "NAME_OR_IP", "Use one network interface for the LAN instead of all");
    private static readonly Option<bool> s_noDial = Flag("--no-dial", "Dial nobody unless told to");
    private static readonly Option<string[]> s_master = new("--master") { HelpName = "ID", Description = "Who may do everything, beside our own identity; may be repeated" };
    private static readonly Option<string?> s_neighbours = Text("--neighbours", "N", "Bring N peers (1 to 200) to life on this computer, and meet only them");
    private static readonly Option<string?> s_seed = Text("--seed", "NUMBER", "Give the neighbours the same keys and habits in each run");
    private static readonly Option<string?> s_networkKey = Text("--network-key", "BASE64", "Another SSB network than the main one");
    private static readonly Option<string?> s_duration = Text("--duration", "TIME", "Stop after 30s, 2m, 1h (or a number of seconds)");
    private static readonly Option<bool> s_json = Flag("--json", "Write line-JSON even on a terminal (it does so anyway when piped)");
    private static readonly Option<bool> s_showSecrets = Flag("--show-secrets", "Write line-JSON whole: seeds of invites are *** otherwise");
    private static readonly Option<bool> s_quiet = Flag("--quiet", "Write one line as it starts, and problems");

    private static readonly Option[] s_all =
    [
        s_neighbours, s_seed, s_path, s_host, s_port, s_wsPort, s_origin, s_callers, s_perSource, s_noLan, s_interface, s_noDial, s_master, s_networkKey,
        s_duration, s_json, s_showSecrets, s_quiet,
    ];

    private readonly TimeProvider _time;

    // After an option that may be repeated, what is typed is taken for another value of it.
    static StartCommand()
    {
        foreach (Option<string[]> repeated in (Option<string[]>[])[s_master, s_origin])
            repeated.CompletionSources.Add(typed => typed.WordToComplete.StartsWith('-') ? s_all.Select(option => option.Name) : []);
    }

    public StartCommand(TimeProvider time)
        : base("start", "Run a peer, and watch it find, dial and lose others.", Extra)
    {
        _time = time;
        foreach (Option option in s_all)
            Options.Add(option);
    }

    public override Task<int> RunAsync(ParseResult parsed, CliConsole console) => StartRun.RunAsync(Read(parsed, KnownInterface.All), console, _time);

    /// <summary>Checks what was typed.</summary>
    /// <param name="parsed">What was typed.</param>
    /// <param name="interfaces">The interfaces that this computer has, for <c>--interface</c>.</param>
    /// <exception cref="MisuseException">Something was wrong: what, and what would have been right.</exception>
    public static StartOptions Read(ParseResult parsed, Func<IReadOnlyList<KnownInterface>> interfaces)
    {
        string? typedNeighbours = parsed.GetValue(s_neighbours), host = parsed.GetValue(s_host), port = parsed.GetValue(s_port), wsPort = parsed.GetValue(s_wsPort);
        string? path = parsed.GetValue(s_path), card = parsed.GetValue(s_interface), networkKey = parsed.GetValue(s_networkKey);
        bool noLan = parsed.GetValue(s_noLan), json = parsed.GetValue(s_json), quiet = parsed.GetValue(s_quiet);
        int neighbours = typedNeighbours is null ? 0 : Typed.Number("--neighbours", typedNeighbours, 1, StartOptions.MostNeighbours, 5);
        Refuse("--neighbours", neighbours > 0, "neighbours live on this computer, with a network key of their own",
            (host is not null, "--host"), (noLan, "--no-lan"), (card is not null, "--interface"), (networkKey is not null, "--network-key"));
        Refuse("--no-lan", noLan, "an interface is for the LAN", (card is not null, "--interface"));
        Refuse("--show-secrets", parsed.GetValue(s_showSecrets), "a line and problems hold no secrets", (quiet, "--quiet"));
        Refuse("--json", json, "one says much, the other next to nothing", (quiet, "--quiet"));
        if (path is { Length: 0 })
            throw Typed.Wrong("--path ''", "it takes the name of a folder");
        string[] origins = parsed.GetValue(s_origin) ?? [];
        if (origins.Length > 0 && wsPort is null)
            throw Typed.Wrong("--origin without --ws-port", "web pages call by WebSocket; add --ws-port 8989");
        PeerNetworkLimits limits = ReadLimits(parsed.GetValue(s_callers), parsed.GetValue(s_perSource)) with { LocalOrigins = [.. origins.Select(ReadOrigin)] };
        return new StartOptions
        {
            Folder = path ?? (neighbours > 0 ? SsbFolder.AmongNeighbours : SsbFolder.Own),
            IsScratch = path is null && neighbours > 0,
            Host = neighbours > 0 ? IPAddress.Loopback : ReadHost(host),
            Port = port is null ? null : Typed.Number("--port", port, 0, ushort.MaxValue, 8008),
            WsPort = wsPort is null ? null : Typed.Number("--ws-port", wsPort, 0, ushort.MaxValue, 8989),
            Limits = limits,
            KeptCallers = parsed.GetValue(s_callers) is null ? null : limits.MaxCallers,
            HasLan = !noLan,
            Interface = Typed.Interface(card, interfaces),
            Dials = !parsed.GetValue(s_noDial),
            Masters = [.. (parsed.GetValue(s_master) ?? []).Select(ReadMaster)],
            Neighbours = neighbours,
            Seed = Typed.Seed(parsed.GetValue(s_seed), typedNeighbours),
            NetworkKey = neighbours > 0 ? NetworkKey.Generate() : Typed.NetworkKey(networkKey),
            Duration = Typed.Duration("--duration", parsed.GetValue(s_duration), "30s, 2m, 1h"),
            Json = json,
            ShowSecrets = parsed.GetValue(s_showSecrets),
            Quiet = quiet,
        };
    }

    private static void Refuse(string option, bool isGiven, string reason, params ReadOnlySpan<(bool IsGiven, string Option)> others)
    {
        foreach ((bool isOther, string other) in others)
        {
            if (isGiven && isOther)
                throw Typed.Wrong($"{option} together with {other}", $"{reason}; leave out either {option} or {other}");
        }
    }

    private static PeerNetworkLimits ReadLimits(string? callers, string? perSource)
    {
        var limits = new PeerNetworkLimits();
        int most = callers is null ? limits.MaxCallers : Typed.Number("--callers", callers, 1, StartOptions.MostCallers, 1_000);
        return limits with
        {
            MaxCallers = most,
            MaxCallersPerSource = perSource is null ? Math.Min(limits.MaxCallersPerSource, most) : Typed.Number("--callers-per-source", perSource, 1, most, 100),
        };
    }

    // What a browser sends: a scheme, a host and perhaps a port; or '*' for every page, or 'null' for pages without an origin.
    private static string ReadOrigin(string typed) => typed is "*" or "null"
        || (Uri.TryCreate(typed, UriKind.Absolute, out Uri? uri) && uri.Host.Length > 0 && uri.UserInfo.Length == 0 && uri.PathAndQuery is "/" or ""
            && uri.Fragment.Length == 0)
        ? typed.TrimEnd('/')
        : throw Typed.Wrong("--origin", "it takes the origin of a web page, such as http://localhost:3000, or * for every page");

    private static IPAddress? ReadHost(string? typed) => typed is null ? null
        : IPAddress.TryParse(typed, out IPAddress? address) ? address
        : throw Typed.Wrong($"--host {Typed.Quote(typed)}", "it takes an IP address of this computer, such as 127.0.0.1");

    private static FeedId ReadMaster(string typed) => FeedId.ReadLenient(typed) is { } id ? id
        : throw Typed.Wrong($"--master {Typed.Quote(typed)}", "it takes a feed id, such as @KEY.ed25519 or ssb:feed/ed25519/KEY");
}
