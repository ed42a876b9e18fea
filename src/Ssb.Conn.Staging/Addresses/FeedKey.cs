namespace Ssb.Conn;

// How SSB writes the 32 bytes of an ed25519 public key:
//   feed id          "@" + base64, padded (44 characters, the last is '=') + ".ed25519"
//   in `shs` parts   the base64 alone, with or without padding, with or without ".ed25519" or "@"
internal static class FeedKey
{
    public const int Size = 32;
    private const string Suffix = ".ed25519";
    private const int PaddedLength = 44;

    /// <summary>Reads a key in any of the spellings above.</summary>
    /// <returns>false when <paramref name="text"/> does not name 32 bytes.</returns>
    public static bool TryDecode(ReadOnlySpan<char> text, Span<byte> key)
    {
        if (text.StartsWith('@'))
            text = text[1..];
        if (text.EndsWith(Suffix))
            text = text[..^Suffix.Length];
        text = text.Length == PaddedLength && text[^1] == '=' ? text[..^1] : text;
        if (text.Length != PaddedLength - 1)
            return false;

        Span<char> padded = stackalloc char[PaddedLength];
        text.CopyTo(padded);
        padded[^1] = '=';
        // Base64 decoding skips white space; a key of 43 characters with some is too short, and so fails below. The last
        // character carries two bits that mean nothing: a spelling that sets them is another text for the same key.
        return Convert.TryFromBase64Chars(padded, key, out int written) && written == Size;
    }

    /// <summary>The feed id, <c>@...=.ed25519</c>.</summary>
    public static string ToFeedId(ReadOnlySpan<byte> key) => string.Concat("@", Convert.ToBase64String(key), Suffix);

    /// <summary>The feed id of a key in any spelling, or null.</summary>
    public static string? Canonical(ReadOnlySpan<char> text)
    {
        Span<byte> key = stackalloc byte[Size];
        return TryDecode(text, key) ? ToFeedId(key) : null;
    }
}
