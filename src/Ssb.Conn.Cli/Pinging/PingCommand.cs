using System.CommandLine;
using System.Globalization;
using System.Net;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Cli.View;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Pinging;

/// <summary><c>ping</c>: does an address work, and where does it stop?</summary>
internal sealed class PingCommand : CliCommand
{
    private const string Extra =
        """
        Step by step: the address, the name of the host, the connection (tcp, unix, ...), the secret handshake,
        muxrpc (the manifest), and a gossip.ping there and back. Of an address with several routes, all are
        tried. Unless --secret says who we are, an identity is made up, as which the peer may not want us.

        Examples:
          ssb-conn ping net:192.168.1.4:8008~shs:KEY
          ssb-conn ping net:pub.example.org:8008~shs:KEY --secret ~/.ssb/secret
          ssb-conn ping unix:/home/me/.ssb/socket~noauth --json | jq .works

        JSON, one line for each route:
          {"route":ROUTE,"works":false,"steps":[{"step":"address","outcome":"ok","ms":0,"detail":TEXT},
           {"step":"tcp","outcome":"failed","ms":0.3,"detail":TEXT}]}
          Steps are address, name, tcp (or unix, ws, ...), handshake, muxrpc, ping; outcomes ok, failed, absent.
          Works is null of an invite whose pub is reachable: only redeeming shows whether it is good.
          The secret of an invite is masked. Times are in milliseconds.

        Exit codes:
          0 a route works (of an invite: leads to its pub); 1 none does, or the address is none;
          2 the command line was wrong
        """;

    private static readonly Argument<string> s_address = new("address") { HelpName = "ADDRESS", Description = "A multiserver address, such as net:HOST:PORT~shs:KEY" };
    private static readonly Option<string?> s_secret = Text("--secret", "FILE", "Who we are (default: somebody made up)");

    private readonly TimeProvider _time;
    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _resolve;

    /// <param name="time">The clock.</param>
    /// <param name="resolve">Finds the addresses of a name; null: as this computer does.</param>
    public PingCommand(TimeProvider time, Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null)
        : base("ping", "Say whether an address works, and where it stops.", Extra)
    {
        (_time, _resolve) = (time, resolve ?? Dns.GetHostAddressesAsync);
        Arguments.Add(s_address);
        RemoteOptions.AddNetworkTo(this);
        Options.Insert(0, s_secret);
    }

    public override async Task<int> RunAsync(ParseResult parsed, CliConsole console)
    {
        string typed = parsed.GetRequiredValue(s_address);
        TimeSpan timeout = RemoteOptions.Timeout(parsed);
        NetworkKey network = RemoteOptions.NetworkKey(parsed);
        string? secret = parsed.GetValue(s_secret);
        using KeyPair keys = secret is null ? KeyPair.Generate() : Typed.Secret("--secret", secret);
        bool json = RemoteOptions.IsJson(parsed);

        if (!TryRead(typed, out IReadOnlyList<MultiserverRoute> routes, out string problem))
        {
            PingStep step = PingRun.NoAddress(problem);
            await console.Output.WriteLineAsync(json ? Json(null, works: false, [step]) : $"{Line(step)}\n{Verdict(step)}");
            return ExitCode.Failure;
        }

        bool any = false;
        foreach (MultiserverRoute route in routes)
        {
            var steps = new List<PingStep>();
            if (!json)
                await console.Output.WriteLineAsync(TerminalText.Clean(route.ToString()));
            var run = new PingRun
            {
                Keys = keys,
                IsStranger = secret is null,
                Network = network,
                Timeout = timeout,
                Time = _time,
                Resolve = _resolve,
                OnStep = step =>
                {
                    steps.Add(step);
                    if (!json)
                        console.Output.WriteLine(Line(step)); // as it comes: the next step may take its time
                },
            };
            bool works = await run.GoAsync(route);
            any |= works;
            await console.Output.WriteLineAsync(json ? Json(route, works, steps) : works ? PingRun.Success(route) : Verdict(steps[^1]));
        }

        return any ? ExitCode.Success : ExitCode.Failure;
    }

    private static bool TryRead(string typed, out IReadOnlyList<MultiserverRoute> routes, out string problem)
    {
        (routes, problem) = ([], "");
        try
        {
            routes = MultiserverAddress.ReadLenient(typed).Routes;
            return true;
        }
        catch (FormatException e)
        {
            problem = e.Message;
            return false;
        }
    }

    private static string Line(PingStep step)
    {
        string outcome = step.Outcome switch { PingOutcome.Ok => "ok", PingOutcome.Failed => "FAILED", _ => "-" };
        string time = step.Time == TimeSpan.Zero ? "" : PingRun.Milliseconds(step.Time);
        return $"  {step.Name,-9}  {outcome,-6}  {time,9}  {TerminalText.Clean(step.Detail)}";
    }

    private static string Verdict(PingStep step) => TerminalText.Clean($"It stops at {step.Name}: {step.Detail}. {step.Advice}");

    private static string Json(MultiserverRoute? route, bool works, IEnumerable<PingStep> steps)
    {
        IEnumerable<string> told = steps.Select(step => string.Create(CultureInfo.InvariantCulture,
            $"{{\"step\":{JsonText.Quoted(step.Name)},\"outcome\":\"{step.Outcome.ToString().ToLowerInvariant()}\",\"ms\":{Math.Round(step.Time.TotalMilliseconds, 3)},\"detail\":{JsonText.Quoted(step.Detail)}}}"));
        return $"{{\"route\":{(route is null ? "null" : JsonText.Quoted(route.ToString()))},\"works\":{(!works ? "false" : route is not null && PingRun.IsInvite(route) ? "null" : "true")},\"steps\":[{string.Join(',', told)}]}}";
    }
}
