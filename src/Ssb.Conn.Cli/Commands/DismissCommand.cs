using System.CommandLine;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Cli.View;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Commands;

/// <summary><c>dismiss</c>: a running peer of ours is to leave somebody alone.</summary>
internal sealed class DismissCommand : CliCommand
{
    private const string Extra =
        $$"""
        A dismissed peer is disconnected and taken off the bench, and neither staged nor dialled nor let in
        until that ends. Only peers of Ssb.Conn can do this; JavaScript peers cannot.

        Examples:
          ssb-conn dismiss @KEY.ed25519             Until it is undone.
          ssb-conn dismiss net:HOST:PORT~shs:KEY --for 2h
          ssb-conn dismiss @KEY.ed25519 --undo

        JSON, one line:
          {"did":"dismiss","target":"@KEY.ed25519","until":MS}  no "until" without --for; Unix milliseconds
          {"did":"undo","target":"@KEY.ed25519","result":true}  false: nothing had been decided about it

        {{RemoteOptions.Help}}

        {{RemoteOptions.ExitCodes}}
        """;

    private static readonly Argument<string> s_target = Target.Argument();
    private static readonly Option<string?> s_for = Text("--for", "TIME", "Only for 30m, 2h and the like");
    private static readonly Option<bool> s_undo = Flag("--undo", "Take back what was decided about it");

    private readonly TimeProvider _time;

    public DismissCommand(TimeProvider time)
        : base("dismiss", "Have a running peer leave somebody alone.", Extra)
    {
        _time = time;
        Arguments.Add(s_target);
        RemoteOptions.AddTo(this);
        Options.Insert(0, s_undo);
        Options.Insert(0, s_for);
    }

    public override Task<int> RunAsync(ParseResult parsed, CliConsole console)
    {
        TimeSpan? duration = Typed.Duration("--for", parsed.GetValue(s_for), "30m, 2h");
        bool undo = parsed.GetValue(s_undo);
        string typed = parsed.GetRequiredValue(s_target);
        Target target = undo ? Target.ReadAny(typed, withUris: true) : Target.Read(typed);
        if (undo && duration is not null)
            throw Typed.Wrong("--undo together with --for", "leave out one of them");
        bool json = RemoteOptions.IsJson(parsed);
        return RemoteRun.RunAsync(parsed, _time, async (peer, cancellationToken) =>
        {
            if (undo)
            {
                bool was = JsonText.IsTrue(await peer.CallAsync("conn.undo", [target.Whole], cancellationToken));
                await console.Output.WriteLineAsync(json
                    ? $"{{\"did\":\"undo\",\"target\":{JsonText.Quoted(target.Whole)},\"result\":{(was ? "true" : "false")}}}"
                    : TerminalText.Clean(was ? $"{target.Shown} may come back." : $"Nothing had been decided about {target.Shown}."));
                return;
            }

            DateTimeOffset? until = _time.GetUtcNow() + duration;
            RpcValue[] arguments = until is { } end ? [target.Whole, end.ToUnixTimeMilliseconds()] : [target.Whole];
            await peer.CallAsync("conn.dismiss", arguments, cancellationToken);
            await console.Output.WriteLineAsync(json
                ? $"{{\"did\":\"dismiss\",\"target\":{JsonText.Quoted(target.Whole)}{(until is { } ms ? $",\"until\":{ms.ToUnixTimeMilliseconds()}" : "")}}}"
                : TerminalText.Clean($"Dismissed {target.Shown}{(until is { } time ? $" until {time:u}" : "")}."));
        });
    }
}
