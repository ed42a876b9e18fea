// Signing of objects as npm ssb-keys 8.5.0 does (signObj, verifyObj): the signature covers
// JSON.stringify(object without `signature`, null, 2) and is written as BASE64.sig.ed25519
using System.Buffers;
using System.Text.Json;

namespace Ssb.Wire;

/// <summary>Signs JSON objects, and verifies signed ones, as every SSB program does.</summary>
/// <remarks>
/// Stateless and thread-safe. Stricter than ssb-keys in three places: the signature must be canonical base64 of 64 bytes; an
/// object with a member <c>__proto__</c>, which JavaScript drops or obeys in ways that differ between programs, is refused; and
/// so is one nested deeper than <see cref="JsonGate.MaxDepth"/>. There is no <c>hmac_key</c>.
/// </remarks>
public static class SignedObject
{
    private const string Property = "signature";
    private const string Suffix = ".sig.ed25519";
    private const int Base64Length = 88;

    /// <summary>Signs an object.</summary>
    /// <returns>The object as compact JSON with <c>signature</c> as its last member.</returns>
    /// <exception cref="ArgumentException">It is no object, has a <c>signature</c> already, or has a <c>__proto__</c>.</exception>
    /// <exception cref="FormatException">It is nested too deep (<see cref="JsonGate.MaxDepth"/>) or not UTF-8.</exception>
    /// <exception cref="ObjectDisposedException">The secret was wiped.</exception>
    public static byte[] Sign(KeyPair keys, JsonElement value)
    {
        ArgumentNullException.ThrowIfNull(keys);
        if (value.ValueKind != JsonValueKind.Object)
            throw new ArgumentException($"Only an object can be signed, not {value.ValueKind}.", nameof(value));

        IReadOnlyList<KeyValuePair<string, JsonElement>> members = JavaScriptJson.Members(value);
        if (members.Any(member => member.Key is Property or "__proto__"))
            throw new ArgumentException("An object to be signed has no 'signature' yet, and no '__proto__'.", nameof(value));

        var output = new ArrayBufferWriter<byte>();
        JavaScriptJson.WriteObject(members, output, indented: true);
        string signature = FormatSignature(keys.Sign(output.WrittenSpan));

        output.ResetWrittenCount();
        JavaScriptJson.WriteObject(members, output, indented: false);
        ReadOnlySpan<byte> unsigned = output.WrittenSpan[..^1]; // without its closing brace
        return [.. unsigned, .. members.Count == 0 ? ""u8 : ","u8, .. "\"signature\":\""u8, .. System.Text.Encoding.ASCII.GetBytes(signature), .. "\"}"u8];
    }

    /// <summary>Signs an object given as JSON text.</summary>
    /// <inheritdoc cref="Sign(KeyPair, JsonElement)" path="/returns|/exception[not(contains(@cref,'FormatException'))]"/>
    /// <exception cref="FormatException">It is not JSON, not UTF-8, or nested too deep.</exception>
    public static byte[] Sign(KeyPair keys, ReadOnlySpan<byte> utf8Json) => Sign(keys, JsonGate.Parse(utf8Json));

    /// <summary>Whether this identity signed this object. Nothing that is in it makes this throw.</summary>
    public static bool Verify(FeedId author, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object)
            return false;

        try
        {
            ILookup<bool, KeyValuePair<string, JsonElement>> members = JavaScriptJson.Members(value).ToLookup(member => member.Key == Property);
            if (!members[true].Any() || members[false].Any(member => member.Key == "__proto__"))
                return false;

            JsonElement text = members[true].First().Value; // of each name there is one
            Span<byte> signature = stackalloc byte[KeyPair.SignatureSize];
            if (text.ValueKind != JsonValueKind.String || !TryParseSignature(JsonGate.TextOf(text), signature))
                return false;

            var output = new ArrayBufferWriter<byte>();
            JavaScriptJson.WriteObject(members[false], output, indented: true);
            return author.Verify(output.WrittenSpan, signature);
        }
        catch (FormatException)
        {
            return false; // too deep, or text that is not UTF-8: nobody can have signed that
        }
    }

    /// <summary>Whether this identity signed the object of this JSON text.</summary>
    /// <exception cref="FormatException">It is not JSON, not UTF-8, or nested too deep.</exception>
    public static bool Verify(FeedId author, ReadOnlySpan<byte> utf8Json) => Verify(author, JsonGate.Parse(utf8Json));

    /// <summary>A signature as text, <c>BASE64.sig.ed25519</c>.</summary>
    private static string FormatSignature(ReadOnlySpan<byte> signature) => Convert.ToBase64String(signature) + Suffix;

    private static bool TryParseSignature(ReadOnlySpan<char> text, Span<byte> signature)
    {
        if (text.Length != Base64Length + Suffix.Length || !text.EndsWith(Suffix))
            return false;

        ReadOnlySpan<char> base64 = text[..Base64Length];
        Span<byte> decoded = stackalloc byte[KeyPair.SignatureSize + 2];
        if (!Convert.TryFromBase64Chars(base64, decoded, out int written) || written != KeyPair.SignatureSize)
            return false;

        decoded[..written].CopyTo(signature);
        return base64.SequenceEqual(Convert.ToBase64String(signature));
    }
}
