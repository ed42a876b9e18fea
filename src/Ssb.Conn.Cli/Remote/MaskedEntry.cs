using System.Text.Json;

namespace Ssb.Conn.Cli.Remote;

/// <summary>The JSON of an entry for logs: what is not known to be public in it is <c>***</c>.</summary>
internal static class MaskedEntry
{
    // The texts that ssb-conn, its pools and ssb-room-client keep of a peer. Texts under other names may be anything, the seed of a fork's
    // invite included.
    private static readonly HashSet<string> s_public =
        ["key", "type", "inferredType", "state", "pool", "source", "name", "alias", "room", "roomName", "host", "transport"];

    private static readonly HashSet<string> s_sentences = ["lastError", "error", "reason"];

    private static readonly char[] s_ends = ['.', ',', ';', ':', '!', '?', '(', ')', '\'', '"']; // of what stands in a sentence

    /// <summary>The entry, <c>[address, data]</c>, as one line.</summary>
    /// <param name="address">Its address; null if it is not a valid one.</param>
    /// <param name="shown">The address as it is shown.</param>
    /// <param name="data">Its data.</param>
    public static string Json(MultiserverAddress? address, string shown, JsonElement data) =>
        $"[{JsonText.Quoted(shown)},{Value(address, "", data)}]";

    private static string Value(MultiserverAddress? address, string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => $"{{{string.Join(',', Members(address, value))}}}",
        JsonValueKind.Array => $"[{string.Join(',', value.EnumerateArray().Select(item => Value(address, name, item)))}]",
        JsonValueKind.String => JsonText.Quoted(Text(address, name, JsonText.Of(value))),
        _ => JsonText.OneLine(value), // a number, true, false or null
    };

    private static IEnumerable<string> Members(MultiserverAddress? address, JsonElement value)
    {
        foreach (JsonProperty member in value.EnumerateObject())
        {
            string name = JsonGate.NameOf(member), shown = Typed.MayHoldSecret(name) ? MultiserverAddress.Hidden : name;
            yield return $"{JsonText.Quoted(shown)}:{Value(address, name, member.Value)}";
        }
    }

    // What the entry's own address hides is masked by now; a sentence may hold other addresses, and whoever staged the peer wrote it.
    private static string Sentence(string text) => string.Join(' ', text.Split(' ').Select(Word));

    private static string Word(string word)
    {
        string inner = word.Trim(s_ends);
        return Typed.MayHoldSecret(inner) ? word.Replace(inner, AddressOrNothing(inner), StringComparison.Ordinal) : word;
    }

    // Any word in lower-case letters has the syntax of an address.
    private static string AddressOrNothing(string text) =>
        MultiserverAddress.TryParse(text, out MultiserverAddress? address) && address.Routes.All(LeadsSomewhere) ? address.ToString() : MultiserverAddress.Hidden;

    private static bool LeadsSomewhere(MultiserverRoute route) =>
        route.HostKind != MultiserverHostKind.None || route.Path is not null || route.TunnelPortal is not null;

    private static string Text(MultiserverAddress? address, string name, string? text) => text switch
    {
        null => MultiserverAddress.Hidden,
        _ when s_sentences.Contains(name) => address is null ? MultiserverAddress.Hidden : Sentence(address.Hide(text)),
        _ when s_public.Contains(name) && !Typed.MayHoldSecret(text) => text,
        _ => AddressOrNothing(text),
    };
}
