using System.CommandLine;
using System.Text.Json;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli.Commands;

/// <summary><c>rules</c>: whom a running peer of ours leaves alone because a person said so.</summary>
internal sealed class RulesCommand : CliCommand
{
    private const string Extra =
        $$"""
        RULE is 'blocked', 'dismissed' (also for a while), or 'disconnected': whom somebody disconnected is
        not dialled for a while. ENDS is the time that is left. Only peers of Ssb.Conn have this.

        Examples:
          ssb-conn rules
          ssb-conn rules --json | jq -r .target
          ssb-conn dismiss TARGET --undo            Takes any of them back.

        JSON lines, one for each rule, none if there is none (MS is Unix time in milliseconds):
          {"target":"@KEY.ed25519","kind":"dismiss","since":MS,"until":MS}
          The kind is "block", "dismiss" or "disconnect"; there is no "until" if only an undo ends it.

        {{RemoteOptions.Help}}

        {{RemoteOptions.ExitCodes}}
        """;

    private readonly TimeProvider _time;

    public RulesCommand(TimeProvider time)
        : base("rules", "List whom a running peer leaves alone because a person said so.", Extra)
    {
        _time = time;
        RemoteOptions.AddTo(this);
    }

    public override Task<int> RunAsync(ParseResult parsed, CliConsole console) => RemoteRun.RunAsync(parsed, _time, async (peer, cancellationToken) =>
    {
        JsonElement list = (await peer.CallAsync("conn.rules", [], cancellationToken)).AsJson();
        JsonElement[] rules = list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray()]
            : throw new FailedException("the peer answered conn.rules with something that is no list of rules");
        if (RemoteOptions.IsJson(parsed))
        {
            foreach (JsonElement rule in rules)
                await console.Output.WriteLineAsync(JsonText.OneLine(rule));
        }
        else if (rules.Length == 0)
        {
            await console.Output.WriteLineAsync("No peer is blocked, dismissed or disconnected.");
        }
        else
        {
            var table = new TextTable("RULE", "SINCE", "ENDS", "TARGET");
            foreach (JsonElement rule in rules)
                table.Add(Cells(rule, _time.GetUtcNow()));
            table.Write(console.Output, console.Width);
        }
    });

    private static IReadOnlyList<string> Cells(JsonElement rule, DateTimeOffset now)
    {
        string kind = JsonText.Of(rule, "kind") switch
        {
            "block" => "blocked",
            "dismiss" => "dismissed",
            "disconnect" => "disconnected",
            var other => other ?? "?",
        };
        string since = TimeOf("since") is { } then ? Durations.Short(now - then) : "-";
        string ends = TimeOf("until") is { } until ? $"in {Durations.Short(until - now)}" : "when undone";
        return [kind, since, ends, WhyText.Shown(JsonText.Of(rule, "target")) ?? "?"];

        DateTimeOffset? TimeOf(string name) => JsonText.Time(JsonText.Number(rule, name));
    }
}
