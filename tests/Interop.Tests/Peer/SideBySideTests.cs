using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Interop.Tests.Peer;

/// <summary>A JavaScript client cannot tell our <c>conn.*</c> from that of ssb-conn 6.0.4: the same program of calls by stock ssb-client, line by line.</summary>
public class SideBySideTests
{
    private const string NoAddress = "The given address is not a valid multiserver-address";

    private static readonly string[] s_noData = ["The given connection data should have been an object", "CONN.connect() received incorrect arguments"];
    private static readonly string[] s_noText = ["null", "true", "false", "nothing", "a list"]; // as addresses
    private static readonly string[] s_neverDialled = ["text", "no transform", "noauth", "a short key", "tunnel"]; // as addresses; neither peer knows rooms
    private static readonly string[] s_noObject = ["null", "text", "an empty text", "a list", "an empty list", "a function"]; // as data
    private static readonly string[] s_ours = ["block", "dbPeersLive", "dismiss", "events", "isRunning", "keeps", "rules", "snooze", "suggestions", "undo", "why"];
    private static readonly JsonSerializerOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // Where the answers differ on purpose, and why. Each must be met, or it is no difference any more.
    private static readonly Difference[] s_differences =
    [
        new("Names of secret-stack and of the scheduler's plugin; conn.start and conn.stop do the same",
            (call, _, ours) => ours is null
                && call is "manifest address" or "manifest auth" or "manifest multiserver.address" or "manifest multiserver.parse" or "manifest connScheduler.start" or "manifest connScheduler.stop"),
        new("What ssb-conn lacks, under names that it does not have",
            (call, there, _) => there is null && s_ours.Any(name => call == $"manifest conn.{name}")),
        new("Objects of the manager are not given away: there with the secret key in them",
            (call, there, ours) => call is "db" or "hub" or "staging" or "query" && Answer(there)?.StartsWith("an object", StringComparison.Ordinal) == true && Error(ours, "name") == "NotSupportedError"),
        new("An address is text: there null, true, false and a list name peers",
            (call, there, ours) => s_noText.Any(name => call.EndsWith(' ' + name, StringComparison.Ordinal))
                && (Error(ours, "message") == NoAddress || (call.StartsWith("dbPeers after ", StringComparison.Ordinal) && Items(there) == 1 && Items(ours) == 0))),
        new("Data are an object: there text and lists have a field for each character or item, and null is a TypeError",
            (call, _, ours) => s_noObject.Any(name => call.EndsWith(' ' + name, StringComparison.Ordinal)) && call.Split(' ')[1] is "with" or "after"
                && (s_noData.Contains(Error(ours, "message")) || Answer(ours) == "false" || Items(ours) == 0)),
        new("What can never be dialled here is let in nowhere: without a key, a transport or a whole key",
            (call, there, ours) => s_neverDialled.Any(name => call == $"stage {name}" || call == $"unstage {name}") ? Answer(there) == "true" && Answer(ours) == "false"
                : s_neverDialled.Any(name => call == $"remember {name}") ? Error(ours, "message")?.Contains(" can never be dialled here: ", StringComparison.Ordinal) == true
                : s_neverDialled.Any(name => call == $"dbPeers after {name}") && Items(there) == 1 && Items(ours) == 0),
        new("The bench tells the key that an address names",
            (call, there, ours) => (call.StartsWith("stagedPeers", StringComparison.Ordinal) || call.StartsWith("bench: ", StringComparison.Ordinal)) && AreEqual(there, WithoutKeys(ours))),
        new("A key does not contradict the address",
            (call, _, ours) => call.EndsWith(" with another key", StringComparison.Ordinal)
                && (Error(ours, "message")?.Contains("contradicts the address", StringComparison.Ordinal) == true || (call.StartsWith("unstage ", StringComparison.Ordinal) && Answer(ours) == "false"))),
        new("The hub tells since when a peer has been in its state",
            (_, there, ours) => ours?["newest"] is JsonArray && AreEqual(there, Without(ours, "hubStateSince"))),
        new("The bench alone stamps its times",
            (call, there, ours) => call == "stagedPeers: with a birth" && Field(there, "stagingBirth") == "6" && Field(ours, "stagingBirth") == "TIME"),
        new("Data are nested 60 levels deep at most, and what is deeper is refused with the reason",
            (call, there, ours) => call.EndsWith(" with 70 levels", StringComparison.Ordinal)
                && (Error(ours, "message")?.Contains("nested deeper", StringComparison.Ordinal) == true || Error(ours, "message")?.Contains("nested 60 levels", StringComparison.Ordinal) == true
                    || (call.StartsWith("unstage ", StringComparison.Ordinal) && Answer(ours) == "false") || (call.StartsWith("dbPeers ", StringComparison.Ordinal) && Items(there) == 1 && Items(ours) == 0))),
        new("Why a dial failed is said in words of our own, the route first",
            (call, there, ours) => call.StartsWith("connect ", StringComparison.Ordinal) && Error(there, "name") is not null && Error(ours, "message") is { } message && message != NoAddress && Error(ours, "name") == "Error"),
        new("Nobody is connected to itself",
            (call, there, ours) => (call == "connect ourselves" && Error(ours, "message")?.EndsWith("is ourselves.", StringComparison.Ordinal) == true)
                || (call == "disconnect ourselves" && Answer(there) == "true" && Answer(ours) == "false")),
        new("Pings are written to the book every minute and at the end; there at once, when there are none yet",
            (call, there, ours) => call == "book connected" && AreEqual(Without(there, "ping"), ours)),
        new("Every call is answered: there not a connect or disconnect without an address, nor a connect with more than data",
            (_, there, ours) => there?.ContainsKey("silent") == true && ours?.ContainsKey("silent") == false),
    ];

    [Fact]
    public async Task Program_OfSsbClient_GetsTheSameAnswersAsFromSsbConn()
    {
        Task<ConnRecording> recording = ConnRecording.OfJavaScriptAsync();
        ConnRecording ours = await ConnRecording.OfOursAsync(), there = await recording;

        var met = new HashSet<Difference>();
        var wrong = new List<string>();
        foreach (string call in there.Calls.Union(ours.Calls))
        {
            JsonObject? theirs = there.Lines.GetValueOrDefault(call), own = ours.Lines.GetValueOrDefault(call);
            if (AreEqual(theirs, own))
                continue;
            if (s_differences.FirstOrDefault(d => d.Explains(call, theirs, own)) is { } difference)
                met.Add(difference);
            else
                wrong.Add($"{call}{Environment.NewLine}  there: {Text(theirs)}{Environment.NewLine}  ours:  {Text(own)}");
        }

        Assert.True(wrong.Count == 0, $"{wrong.Count} answers differ:{Environment.NewLine}{string.Join(Environment.NewLine, wrong)}");
        Assert.Empty(s_differences.Except(met).Select(d => d.Why));
        Assert.Equal(there.Calls.Where(ours.Lines.ContainsKey), ours.Calls.Where(there.Lines.ContainsKey));
        Assert.True(there.Calls.Count > 350);
    }

    private static bool AreEqual(JsonNode? one, JsonNode? other) => JsonNode.DeepEquals(one, other);

    private static string Text(JsonObject? line) => line?.ToJsonString(s_plain) ?? "no such call";

    private static string? Answer(JsonObject? line) => line?["answer"] is JsonValue value ? $"{value}" : null;

    private static int? Items(JsonObject? line) => (line?["answer"] as JsonArray)?.Count;

    private static string? Error(JsonObject? line, string field) => line?["error"]?[field]?.GetValue<string>();

    // Of the only entry of a stream's newest state.
    private static string? Field(JsonObject? line, string name) => line?["newest"] is JsonArray { Count: 1 } entries ? $"{entries[0]![1]![name]}" : null;

    private static JsonObject? WithoutKeys(JsonObject? line) => Without(line, "key", entry => entry[0]!.GetValue<string>() is var address && $"{entry[1]!["key"]}" == $"@{address[(address.IndexOf("shs:", StringComparison.Ordinal) + 4)..]}.ed25519");

    private static JsonObject? Without(JsonObject? line, string field, Func<JsonNode, bool>? where = null)
    {
        var copy = (JsonObject?)line?.DeepClone();
        IEnumerable<JsonNode?> entries = copy?["newest"] as JsonArray ?? copy?["answer"] as JsonArray ?? [];
        foreach (JsonNode? entry in entries)
        {
            if (entry is JsonArray { Count: 2 } && entry[1] is JsonObject data && where?.Invoke(entry) != false)
                data.Remove(field);
        }

        return copy;
    }

    private sealed record Difference(string Why, Func<string, JsonObject?, JsonObject?, bool> Explains);
}
