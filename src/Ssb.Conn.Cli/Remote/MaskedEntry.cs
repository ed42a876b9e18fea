using System.Text.Json;

namespace Ssb.Conn.Cli.Remote;

/// <summary>The JSON of an entry for logs: what is not known to be public in it is <c>***</c>.</summary>
internal static class MaskedEntry
{
    // The texts that ssb-conn, its pools and ssb-room-client keep of a peer. Texts under other names may be anything, the seed of a fork's
    // invite included.
    private static readonly HashSet<string> s_public =
        ["key", "type", "inferredType", "state", "pool", "source", "name", "alias", "room", "roomName", "host", "transport"];

    private static readonly HashSet<string> s_sentences = ["lastError", "error", "reason"]; // they repeat the entry's address at most

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
            string? name = NameOf(member);
            if (name is not null)
                yield return $"{JsonText.Quoted(Typed.MayHoldSecret(name) ? AddressMask.Hidden : name)}:{Value(address, name, member.Value)}";
        }
    }

    private static string? NameOf(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            return null; // a lone surrogate
        }
    }

    private static string Text(MultiserverAddress? address, string name, string? text) => text switch
    {
        null => AddressMask.Hidden,
        _ when s_sentences.Contains(name) => address is null ? AddressMask.Hidden : AddressMask.Hide(text, address),
        _ when s_public.Contains(name) && !Typed.MayHoldSecret(text) => text,
        _ when MultiserverAddress.TryParse(text, out MultiserverAddress? other) => other.ToString(),
        _ => AddressMask.Hidden,
    };
}
