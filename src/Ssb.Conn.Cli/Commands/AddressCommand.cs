using System.CommandLine;
using System.Text.Json;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Cli.View;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Commands;

/// <summary><c>stage</c>, <c>unstage</c>, <c>connect</c>, <c>disconnect</c>, <c>remember</c> and <c>forget</c>: what a running peer is to do with
/// an address.</summary>
internal sealed class AddressCommand : CliCommand
{
    private static readonly Argument<string> s_address = new("address") { HelpName = "ADDRESS", Description = "The multiserver address of a peer, such as net:HOST:PORT~shs:KEY" };
    private static readonly Option<string?> s_type = Text("--type", "TYPE", "How it was found: lan, pub, room, room-attendant, ...");
    private static readonly Option<string?> s_data = Text("--data", "JSON", "More to be kept of it, as a JSON object");

    private readonly bool _takesData;
    private readonly Func<string, RpcValue, string> _sentence;
    private readonly TimeProvider _time;

    static AddressCommand() => s_type.CompletionSources.Add("lan", "pub", "room", "room-attendant", "room-attendant-alias", "bt", "dht", "internet");

    private AddressCommand(string name, string description, bool takesData, string remark, string result, Func<string, RpcValue, string> sentence, TimeProvider time)
        : base(name, description, Help(name, takesData, remark, result))
    {
        (_takesData, _sentence, _time) = (takesData, sentence, time);
        Arguments.Add(s_address);
        RemoteOptions.AddTo(this);
        if (!takesData)
            return;
        Options.Insert(0, s_data);
        Options.Insert(0, s_type);
    }

    public static AddressCommand Stage(TimeProvider time) => new(
        "stage", "Put a peer on the bench of those that a running peer could connect to.", true,
        "A peer that is staged already has its data updated. One that is connected, blocked or dismissed, or\n" +
        "the peer itself, is refused: the reason is printed, and the exit code is 1.",
        "true, or false if it was there before",
        (address, result) => JsonText.IsTrue(result) ? $"Staged {address}." : $"{address} was staged before, and has its data updated; or it is connected.", time);

    public static AddressCommand Unstage(TimeProvider time) => new(
        "unstage", "Take a peer off the bench.", false, "It comes back when it is heard of again; see also: ssb-conn dismiss.", "true, or false if it was not there",
        (address, result) => JsonText.IsTrue(result) ? $"Unstaged {address}." : $"{address} was not staged.", time);

    public static AddressCommand Connect(TimeProvider time) => new(
        "connect", "Have a running peer connect to an address.", true, "It waits until the connection stands, or has failed.", """{"id":"@KEY.ed25519"}""",
        (address, result) => Id(result) is { } id ? $"Connected with {id}." : $"Connected with {address}.", time);

    public static AddressCommand Disconnect(TimeProvider time) => new(
        "disconnect", "Have a running peer end a connection.", false, "The address is the one that 'ssb-conn peers' shows.", "true, or false if there was none",
        (address, result) => JsonText.IsTrue(result) ? $"Disconnected from {address}." : $"{address} was not connected.", time);

    public static AddressCommand Remember(TimeProvider time) => new(
        "remember", "Put a peer into the address book.", true, """It is kept in conn.json. With --data '{"autoconnect":false}' it is not dialled by itself.""", "null",
        (address, _) => $"Remembered {address}.", time);

    public static AddressCommand Forget(TimeProvider time) => new(
        "forget", "Take a peer out of the address book.", false, "The address is the one that 'ssb-conn db' shows.", "null", (address, _) => $"Forgot {address}.", time);

    public override Task<int> RunAsync(ParseResult parsed, CliConsole console)
    {
        // What takes something away must also take away what makes no sense as an address.
        MultiserverAddress address = Typed.Address("ADDRESS", parsed.GetRequiredValue(s_address), mustMakeSense: _takesData);
        RpcValue? data = _takesData ? ReadData(address, parsed.GetValue(s_type), parsed.GetValue(s_data)) : null;
        if (_takesData)
            CheckDiallable(address);
        return RemoteRun.RunAsync(parsed, _time, async (peer, cancellationToken) =>
        {
            RpcValue result = await peer.CallAsync($"conn.{Name}", data is { } given ? [address.Text, given] : [address.Text], cancellationToken);
            if (Name == "connect" && JsonText.IsFalse(result)) // so a JavaScript peer says it
                throw new FailedException($"the peer does not connect to {address} now: it is dialling it already, or disconnecting from it; try again in a while");
            string sentence = _sentence(address.ToString(), result);
            if (Name == "stage" && JsonText.IsFalse(result))
            {
                (bool isStaged, string? refusal) = await RefusalAsync(peer, address, cancellationToken);
                if (refusal is not null)
                    throw new FailedException($"the peer at {peer.Where} refused to stage {address}: {refusal}");
                if (isStaged)
                    sentence = $"{address} was staged before, and has its data updated.";
            }

            await console.Output.WriteLineAsync(RemoteOptions.IsJson(parsed) ? Json(address, result) : TerminalText.Clean(sentence));
        });
    }

    /// <summary>Checks that some program could dial the address. A transport that is not known here may be known to the peer, which says
    /// so if it is not.</summary>
    /// <exception cref="MisuseException">No program could.</exception>
    private static void CheckDiallable(MultiserverAddress address)
    {
        if (address.Routes.All(route => Transport.ProblemOf(route) is not null))
        {
            string problem = Transport.ProblemOf(address.Routes[0])!; // it was asked just now
            throw Typed.Wrong(
                $"ADDRESS {Typed.QuotePublic(address.ToString())}", $"{problem}; it takes something like 'net:192.168.1.4:8008~shs:KEY'");
        }
    }

    /// <summary>Asks a peer of ours why it refused to stage an address, for which it gives the same answer as for one that it has.</summary>
    /// <returns>Whether it has the address on the bench, and why it refused it; neither if it cannot say.</returns>
    private static async Task<(bool IsStaged, string? Refusal)> RefusalAsync(RemotePeer peer, MultiserverAddress address, CancellationToken cancellationToken)
    {
        if (!peer.Has("conn.why"))
            return (false, null);
        JsonElement report;
        try
        {
            report = WhyText.Read(await peer.CallAsync("conn.why", [address.Text], cancellationToken));
        }
        catch (FailedException)
        {
            return (false, null);
        }

        JsonElement[] routes = [.. JsonText.List(report, "routes")];
        if (routes.Any(route => IsOfIt(route) && Where(route) == "staged"))
            return (true, null);
        if (WhyText.IsPeerItself(report))
            return (false, "that is the peer itself");
        if (WhyText.Decided(report) is { } decided)
            return (false, $"it is {decided}");
        if (routes.FirstOrDefault(route => Where(route) is "connecting" or "connected" or "disconnecting") is { ValueKind: JsonValueKind.Object } inHub)
            return (false, $"it is {Where(inHub)} already{(IsOfIt(inHub) ? "" : ", by another route")}");
        if (JsonText.Number(report, "hops") < 0)
            return (false, "it is blocked in the social graph");
        JsonElement last = JsonText.List(report, "history").LastOrDefault(IsOfIt);
        return (false, JsonText.Of(last, "what") == "refused" && JsonText.Of(last, "reason") is { } reason ? address.Hide(reason) : null);

        bool IsOfIt(JsonElement part) => JsonText.Of(part, "address") == address.Text;

        static string? Where(JsonElement route) => JsonText.Of(route, "where");
    }

    /// <summary>The data as JSON; null for none. With some, the key goes with them, as JavaScript peers do not take it from the address.</summary>
    private static RpcValue? ReadData(MultiserverAddress address, string? type, string? typed)
    {
        if (type is null && typed is null)
            return null;
        JsonElement data;
        byte[] json = System.Text.Encoding.UTF8.GetBytes(typed ?? "{}");
        if (JsonGate.IsDeep(json, PeerData.MaxDepth))
            throw new FailedException($"--data: the data of a peer are nested {PeerData.MaxDepth} levels deep at most, and these are nested deeper");
        try
        {
            data = JsonGate.Parse(json);
        }
        catch (FormatException e)
        {
            throw Typed.Wrong("--data", $"{e.Message.TrimEnd('.')}; it takes a JSON object, such as '{{\"name\":\"alice\"}}'");
        }

        if (data.ValueKind != JsonValueKind.Object)
            throw Typed.Wrong("--data", "it takes a JSON object, such as '{\"name\":\"alice\"}'");
        if (type is not null && JsonText.Member(data, "type") is not null)
            throw Typed.Wrong("--type together with --data", "the data have a type already; leave out one of them");

        var members = new List<string>();
        if (address.FeedId is { } key && JsonText.Member(data, "key") is null)
            members.Add($"\"key\":{JsonText.Quoted(key.ToString())}");
        if (type is not null)
            members.Add($"\"type\":{JsonText.Quoted(type)}");
        if (JsonText.OneLine(data)[1..^1] is { Length: > 0 } rest)
            members.Add(rest);
        return RpcValue.RawJson(System.Text.Encoding.UTF8.GetBytes($"{{{string.Join(',', members)}}}"));
    }

    // What a JavaScript peer answers to connect is its whole connection object: what is told of it is who that is.
    private string Json(MultiserverAddress address, RpcValue result)
    {
        string told = Name switch
        {
            "connect" => Id(result) is { } id ? $"{{\"id\":{JsonText.Quoted(id)}}}" : "{}",
            "remember" or "forget" => "null",
            _ => JsonText.IsTrue(result) ? "true" : "false",
        };
        return $"{{\"did\":\"{Name}\",\"address\":{JsonText.Quoted(address.Text)},\"result\":{told}}}";
    }

    private static string? Id(RpcValue value)
    {
        try
        {
            return JsonText.Of(value.AsJson(), "id");
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static string Help(string name, bool takesData, string remark, string result) =>
        $$$"""
        {{{remark}}}

        Examples:
          ssb-conn {{{name}}} net:192.168.1.4:8008~shs:KEY{{{(takesData ? $"\n  ssb-conn {name} net:pub.example.org:8008~shs:KEY --type pub --data '{{\"name\":\"a pub\"}}'" : "")}}}
          ssb-conn {{{name}}} net:192.168.1.4:8008~shs:KEY --path ~/.ssb-test --json

        JSON, one line:
          {"did":"{{{name}}}","address":"net:HOST:PORT~shs:KEY","result":RESULT}
          RESULT is {{{result}}}.

        {{{RemoteOptions.Help}}}

        {{{RemoteOptions.ExitCodes}}}
        """;
}
