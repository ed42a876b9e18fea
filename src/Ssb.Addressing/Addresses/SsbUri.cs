// SSB URIs, https://github.com/ssbc/ssb-uri-spec, as npm ssb-uri2 reads them. Of one kind there are three spellings:
//
//   ssb:feed/ed25519/KEY     ssb:feed:ed25519:KEY     ssb://feed/ed25519/KEY     KEY in URL-safe base64; the format may be "classic"
//   ssb:address/multiserver?multiserverAddress=ADDRESS                           ADDRESS percent-encoded
using System.Diagnostics.CodeAnalysis;

namespace Ssb;

/// <summary>Reads the SSB URIs that name a peer or an address. The grammar of addresses knows nothing of them: they are read where a person, a
/// program or a configuration hands over a text.</summary>
internal static class SsbUri
{
    private const string Scheme = "ssb:";
    private const string AddressField = "multiserverAddress=";

    /// <summary>Is it an SSB URI, whatever it names? The grammar of addresses takes most of them for a protocol called <c>ssb</c>, which
    /// nobody speaks.</summary>
    public static bool IsUri(ReadOnlySpan<char> text) => text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase);

    /// <summary>The feed id that a URI names; null if it names none, or something else.</summary>
    /// <param name="text">The text.</param>
    /// <param name="isStrict">Must the key be spelled as the specification does: URL-safe base64 with its padding?</param>
    public static FeedId? ReadFeedId(ReadOnlySpan<char> text, bool isStrict = false)
    {
        if (!IsUri(text) || Split(text) is not { Type: "feed", Format: "ed25519" or "classic" } parts)
            return null;
        string key = parts.Data;
        if (isStrict)
        {
            return !key.AsSpan().ContainsAny('+', '/') && FeedId.TryParse($"@{ToBase64(key)}.ed25519", out FeedId id) ? id : null;
        }

        return FeedId.ReadPlain(ToBase64(Uri.UnescapeDataString(key).TrimEnd('/')));
    }

    /// <summary>The text of the address that a URI names, which need not be a valid one.</summary>
    public static bool TryReadAddress(ReadOnlySpan<char> text, [NotNullWhen(true)] out string? address)
    {
        address = null;
        if (!IsUri(text) || Split(text) is not { Type: "address", Format: "multiserver" } parts)
            return false;
        // '+' is no blank here, which no address has: it stands in the base64 of whoever did not encode it.
        string? field = Array.Find(parts.Query.Split('&'), field => field.StartsWith(AddressField, StringComparison.Ordinal));
        if (field is null)
            return false;
        address = Uri.UnescapeDataString(field[AddressField.Length..]);
        return address.Length > 0 && !IsUri(address);
    }

    /// <summary>What a URI names that is neither a peer nor an address, for the message of an error. It repeats nothing that may be a
    /// secret.</summary>
    public static string Describe(ReadOnlySpan<char> text) => Split(text) switch
    {
        { Type: "feed", Format: "ed25519" or "classic" } => "an SSB URI of a feed whose key is not 32 bytes in URL-safe base64",
        { Type: "feed" } => "an SSB URI of a feed of another format, which no peer is called by",
        { Type: "address" } => "an SSB URI of an address that cannot be read",
        { Type: "message" } => "the SSB URI of a message",
        { Type: "blob" } => "the SSB URI of a blob",
        _ => "an SSB URI of another kind",
    };

    private static string ToBase64(string urlSafe) => urlSafe.Replace('-', '+').Replace('_', '/');

    // type, format, data: separated by '/', or by ':' as in the first such URIs; then a query.
    private static Parts Split(ReadOnlySpan<char> text)
    {
        string rest = text[Scheme.Length..].ToString().Split('#')[0];
        string query = "";
        if (rest.StartsWith("//", StringComparison.Ordinal))
            rest = rest[2..];
        int question = rest.IndexOf('?', StringComparison.Ordinal);
        if (question >= 0)
            (rest, query) = (rest[..question], rest[(question + 1)..]);
        int first = rest.AsSpan().IndexOfAny('/', ':');
        string[] parts = first < 0 ? [rest] : rest.Split(rest[first], 3);
        return new Parts(parts[0].ToLowerInvariant(), parts.ElementAtOrDefault(1)?.ToLowerInvariant() ?? "", parts.ElementAtOrDefault(2) ?? "", query);
    }

    private sealed record Parts(string Type, string Format, string Data, string Query);
}
