using System.CommandLine;
using System.Text.Json;
using Ssb.Conn.Cli.Remote;

namespace Ssb.Conn.Cli.Commands;

/// <summary><c>why</c>: where a peer is, who told of it, and what a running peer of ours makes of it.</summary>
internal sealed class WhyCommand : CliCommand
{
    private const string Extra =
        $$"""
        Only peers of Ssb.Conn can answer this; JavaScript peers cannot.

        Examples:
          ssb-conn why @KEY.ed25519
          ssb-conn why net:192.168.1.4:8008~shs:KEY

        JSON, one line (MS is Unix time in milliseconds; what is not known is left out):
          {"subject":TARGET,"key":"@KEY.ed25519","ourselves":true,"hops":1,
           "rule":{"target":TARGET,"kind":"dismiss","since":MS,"until":MS},
           "routes":[{"address":ADDRESS,"where":"staged","source":"lan:...","failures":0,"lastError":TEXT,
                      "outlook":TEXT,"retryAt":MS,"retryBy":MS,"place":1,"wasConnected":true}],
           "history":[{"at":MS,"what":"connecting-failed","reason":TEXT,"address":ADDRESS,"source":"lan:..."}]}

        It is dialled between "retryAt" and "retryBy", as things stand: chance decides when. "place" is its
        place among those that wait. "hops" needs a social graph; "ourselves" is there for the peer itself.

        {{RemoteOptions.Help}}

        {{RemoteOptions.ExitCodes}}
        """;

    private static readonly Argument<string> s_target = Target.Argument();
    private readonly TimeProvider _time;

    public WhyCommand(TimeProvider time)
        : base("why", "Ask a running peer why somebody is, or is not, connected.", Extra)
    {
        _time = time;
        Arguments.Add(s_target);
        RemoteOptions.AddTo(this);
    }

    public override Task<int> RunAsync(ParseResult parsed, CliConsole console)
    {
        Target target = Target.ReadAny(parsed.GetRequiredValue(s_target), withUris: false);
        return RemoteRun.RunAsync(parsed, _time, async (peer, cancellationToken) =>
        {
            JsonElement report = WhyText.Read(await peer.CallAsync("conn.why", [target.Whole], cancellationToken));
            if (RemoteOptions.IsJson(parsed))
            {
                await console.Output.WriteLineAsync(JsonText.OneLine(report));
                return;
            }

            foreach (string line in WhyText.Lines(report))
                await console.Output.WriteLineAsync(line);
        });
    }
}
