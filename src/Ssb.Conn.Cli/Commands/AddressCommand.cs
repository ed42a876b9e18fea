using System.CommandLine;
using System.Text.Json;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Cli.View;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Commands;

/// <summary><c>stage</c>, <c>unstage</c>, <c>connect</c>, <c>disconnect</c>, <c>remember</c> and <c>forget</c>: what a running peer is to do with
/// an address; the last two of those that take something away, and <c>connect</c>, also with all that is known of a peer.</summary>
internal sealed class AddressCommand : CliCommand
{
    private static readonly Argument<string> s_address = new("address") { HelpName = "ADDRESS", Description = "The multiserver address of a peer, such as net:HOST:PORT~shs:KEY" };
    private static readonly Argument<string> s_target = Target.Argument();
    private static readonly Option<string?> s_type = Text("--type", "TYPE", "How it was found: lan, pub, room, room-attendant, ...");
    private static readonly Option<string?> s_data = Text("--data", "JSON", "More to be kept of it, as a JSON object");

    private const int ShortAddress = 40;

    private readonly bool _takesData, _takesPeers;
    private readonly Func<string, RpcValue, string> _sentence;
    private readonly TimeProvider _time;

    static AddressCommand() => s_type.CompletionSources.Add("lan", "pub", "room", "room-attendant", "room-attendant-alias", "bt", "dht", "internet");

    private AddressCommand(string name, string description, bool takesData, string remark, string result, Func<string, RpcValue, string> sentence, TimeProvider time)
        : base(name, description, Help(name, takesData, remark, result))
    {
        (_takesData, _sentence, _time) = (takesData, sentence, time);
        _takesPeers = TakesPeers(name);
        Arguments.Add(_takesPeers ? s_target : s_address);
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
        "unstage", "Take a peer off the bench.", false, "Of a feed id, all its addresses. It comes back when it is heard of again; see also: ssb-conn dismiss.", "true, or false if it was not there",
        (address, result) => JsonText.IsTrue(result) ? $"Unstaged {address}." : $"{address} was not staged.", time);

    public static AddressCommand Connect(TimeProvider time) => new(
        "connect", "Have a running peer connect to another.", true,
        "Of a feed id, the addresses on the bench are tried, then those in the address book, until one works.\nIt waits until the connection stands, or has failed.", """{"id":"@KEY.ed25519"}""",
        (address, result) => Id(result) is { } id ? $"Connected with {id}." : $"Connected with {address}.", time);

    public static AddressCommand Disconnect(TimeProvider time) => new(
        "disconnect", "Have a running peer end a connection.", false, "An address is one that 'ssb-conn peers' shows; of a feed id, all its connections end.", "true, or false if there was none",
        (address, result) => JsonText.IsTrue(result) ? $"Disconnected from {address}." : $"{address} was not connected.", time);

    public static AddressCommand Remember(TimeProvider time) => new(
        "remember", "Put a peer into the address book.", true, """It is kept in conn.json. With --data '{"autoconnect":false}' it is not dialled by itself.""", "null",
        (address, _) => $"Remembered {address}.", time);

    public static AddressCommand Forget(TimeProvider time) => new(
        "forget", "Take a peer out of the address book.", false, "An address is one that 'ssb-conn db' shows; of a feed id, all its addresses.", "null", (address, _) => $"Forgot {address}.", time);

    public override Task<int> RunAsync(ParseResult parsed, CliConsole console)
    {
        string typed = parsed.GetRequiredValue(_takesPeers ? s_target : s_address);
        string? type = parsed.CommandResult.GetResult(s_type) is null ? null : parsed.GetValue(s_type);
        string? more = parsed.CommandResult.GetResult(s_data) is null ? null : parsed.GetValue(s_data);
        bool json = RemoteOptions.IsJson(parsed);
        if (_takesPeers && FeedId.ReadLenient(typed) is { } named)
        {
            RpcValue? known = ReadData(named, type, more);
            return RemoteRun.RunAsync(parsed, _time, (peer, cancellationToken) => Name == "connect"
                ? ConnectAsync(peer, named, known, json, console, cancellationToken)
                : ActOnAllAsync(peer, named, json, console, cancellationToken));
        }

        // What takes something away must also take away what makes no sense as an address.
        MultiserverAddress address = Typed.Address(_takesPeers ? "TARGET" : "ADDRESS", typed, mustMakeSense: _takesData);
        RpcValue? data = ReadData(address.FeedId, type, more);
        if (_takesData)
            CheckDiallable(address);
        return RemoteRun.RunAsync(parsed, _time, async (peer, cancellationToken) =>
        {
            RpcValue result = await CallAsync(peer, address.Text, address.ToString(), data, json, console, cancellationToken);
            string sentence = _sentence(address.ToString(), result);
            if (Name == "stage" && JsonText.IsFalse(result))
            {
                (bool isStaged, string? refusal) = await RefusalAsync(peer, address, cancellationToken);
                if (refusal is not null)
                {
                    await TellErrorAsync(console, json, address.Text, refusal);
                    throw new FailedException($"the peer at {peer.Where} refused to stage {address}: {refusal}");
                }
                if (isStaged)
                    sentence = $"{address} was staged before, and has its data updated.";
            }

            await TellAsync(console, json, address.Text, sentence, result);
        });
    }

    /// <summary>Connects with a peer by the addresses that are known of it, the best first, until one works.</summary>
    private async Task ConnectAsync(RemotePeer peer, FeedId id, RpcValue? data, bool json, CliConsole console, CancellationToken cancellationToken)
    {
        RemoteEntry[] inHub = [.. Of(await peer.FirstListAsync("conn.peers", cancellationToken), id)];
        RemoteEntry[] connected = [.. inHub.Where(entry => entry.Text("state") == "connected")];
        if (connected.Length > 0)
        {
            await console.Output.WriteLineAsync(json
                ? $"{{\"did\":\"connect\",\"address\":{JsonText.Quoted(connected[0].Address)},\"result\":{{\"id\":{JsonText.Quoted(id.ToString())}}}}}"
                : $"{id} is connected already.");
            return;
        }

        RemoteEntry[] known =
        [
            .. inHub, // who is being dialled has left the bench
            .. Of(await peer.FirstListAsync("conn.stagedPeers", cancellationToken), id).OrderByDescending(entry => entry.Number("stagingUpdated") ?? 0),
            .. Of(await peer.ListAsync("conn.dbPeers", cancellationToken), id).OrderBy(entry => entry.Number("failure") ?? 0),
        ];
        (string Whole, string Shown)[] addresses = [.. known.Where(IsDiallable).Select(entry => (entry.Address, entry.Shown)).Distinct()];
        if (addresses.Length == 0)
        {
            if (json)
            {
                string error = known.Length == 0 ? "no address of it is known" : "none of its addresses can be dialled";
                await console.Output.WriteLineAsync($"{{\"did\":\"{Name}\",\"key\":{JsonText.Quoted(id.ToString())},\"error\":{JsonText.Quoted(error)}}}");
            }

            throw new FailedException(known.Length == 0
                ? $"no address of {id} is known to the peer, neither on its bench nor in its address book; name one: ssb-conn connect net:HOST:PORT~shs:KEY"
                : $"none of the addresses of {id} can be dialled: {string.Join(", ", known.Select(entry => TerminalText.Elide(entry.Shown, ShortAddress)))}");
        }

        for (int i = 0; ; i++)
        {
            (string whole, string shown) = addresses[i];
            try
            {
                RpcValue result = await CallAsync(peer, whole, shown, data, json, console, cancellationToken);
                await TellAsync(console, json, whole, _sentence(shown, result), result);
                return;
            }
            catch (FailedException e) when (i < addresses.Length - 1)
            {
                await console.Error.WriteLineAsync($"ssb-conn: {TerminalText.Clean(e.Message)}; the next address is tried");
            }
        }
    }

    /// <summary>Does it to every address of a peer that is in the pool which the command is about.</summary>
    private async Task ActOnAllAsync(RemotePeer peer, FeedId id, bool json, CliConsole console, CancellationToken cancellationToken)
    {
        peer.Require($"conn.{Name}");
        RemoteEntry[] entries = [.. Of(Name switch
        {
            "unstage" => await peer.FirstListAsync("conn.stagedPeers", cancellationToken),
            "disconnect" => await peer.FirstListAsync("conn.peers", cancellationToken),
            _ => await peer.ListAsync("conn.dbPeers", cancellationToken),
        }, id)];
        if (entries.Length == 0)
        {
            string where = Name switch { "unstage" => "was not staged", "disconnect" => "was not connected", _ => "was not in the address book" };
            await console.Output.WriteLineAsync(json ? $"{{\"did\":\"{Name}\",\"key\":{JsonText.Quoted(id.ToString())},\"result\":false}}" : $"{id} {where}.");
            return;
        }

        FailedException? first = null; // all are tried
        foreach (RemoteEntry entry in entries)
        {
            try
            {
                RpcValue result = await CallAsync(peer, entry.Address, entry.Shown, null, json, console, cancellationToken);
                await TellAsync(console, json, entry.Address, _sentence(entry.Shown, result), result);
            }
            catch (FailedException e)
            {
                first ??= e;
            }
        }

        if (first is not null)
            throw first;
    }

    private static IEnumerable<RemoteEntry> Of(IEnumerable<RemoteEntry> entries, FeedId id) =>
        entries.Where(entry => (entry.Key is { } key && FeedId.ReadLenient(key) == id) || entry.Names(id));

    // A transport that is not known here may be known to the peer.
    private static bool IsDiallable(RemoteEntry entry) =>
        MultiserverAddress.TryParse(entry.Address, out MultiserverAddress? address) && address.Routes.Any(route => Transport.ProblemOf(route) is null);

    private async Task<RpcValue> CallAsync(
        RemotePeer peer, string whole, string shown, RpcValue? data, bool json, CliConsole console, CancellationToken cancellationToken)
    {
        try
        {
            RpcValue result = await peer.CallAsync($"conn.{Name}", data is { } given ? [whole, given] : [whole], cancellationToken);
            if (Name == "connect" && JsonText.IsFalse(result)) // so a JavaScript peer says it
            {
                const string NotNow = "it is being dialled already, or disconnected from; try again in a while";
                throw new FailedException($"not connected: {NotNow} ({TerminalText.Elide(shown, ShortAddress)})", brief: NotNow);
            }

            return result;
        }
        catch (FailedException e)
        {
            await TellErrorAsync(console, json, whole, e.Brief);
            throw;
        }
    }

    private Task TellErrorAsync(CliConsole console, bool json, string whole, string error) =>
        json ? console.Output.WriteLineAsync($"{{\"did\":\"{Name}\",\"address\":{JsonText.Quoted(whole)},\"error\":{JsonText.Quoted(error)}}}") : Task.CompletedTask;

    private Task TellAsync(CliConsole console, bool json, string whole, string sentence, RpcValue result) =>
        console.Output.WriteLineAsync(json ? Json(whole, result) : TerminalText.Clean(sentence));

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
    private static RpcValue? ReadData(FeedId? key, string? type, string? typed)
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
        if (key is { } id && JsonText.Member(data, "key") is null)
            members.Add($"\"key\":{JsonText.Quoted(id.ToString())}");
        if (type is not null)
            members.Add($"\"type\":{JsonText.Quoted(type)}");
        if (JsonText.OneLine(data)[1..^1] is { Length: > 0 } rest)
            members.Add(rest);
        return RpcValue.RawJson(System.Text.Encoding.UTF8.GetBytes($"{{{string.Join(',', members)}}}"));
    }

    // What a JavaScript peer answers to connect is its whole connection object: what is told of it is who that is.
    private string Json(string address, RpcValue result)
    {
        string told = Name switch
        {
            "connect" => Id(result) is { } id ? $"{{\"id\":{JsonText.Quoted(id)}}}" : "{}",
            "remember" or "forget" => "null",
            _ => JsonText.IsTrue(result) ? "true" : "false",
        };
        return $"{{\"did\":\"{Name}\",\"address\":{JsonText.Quoted(address)},\"result\":{told}}}";
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

    private static bool TakesPeers(string name) => name is not ("stage" or "remember");

    private static string Help(string name, bool takesData, string remark, string result) =>
        $$$"""
        {{{remark}}}

        Examples:
          ssb-conn {{{name}}} net:192.168.1.4:8008~shs:KEY{{{(takesData ? $"\n  ssb-conn {name} net:pub.example.org:8008~shs:KEY --type pub --data '{{\"name\":\"a pub\"}}'" : "")}}}
          ssb-conn {{{name}}} {{{(TakesPeers(name) ? "@KEY.ed25519" : "net:192.168.1.4:8008~shs:KEY")}}} --path ~/.ssb-test --json

        JSON, one line{{{(TakesPeers(name) ? " for each address (with \"key\" instead of it where a peer has none)" : "")}}}:
          {"did":"{{{name}}}","address":"net:HOST:PORT~shs:KEY","result":RESULT}
          RESULT is {{{result}}}; of what failed there is "error":TEXT instead.

        {{{RemoteOptions.Help}}}

        {{{RemoteOptions.ExitCodes}}}
        """;
}
