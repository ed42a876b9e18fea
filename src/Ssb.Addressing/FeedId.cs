// How SSB writes the 32 bytes of an ed25519 public key:
//
//   feed id          "@" + base64, padded (44 characters, the last is '=') + ".ed25519"
//   in addresses     the base64 alone, with or without padding, with or without ".ed25519" or "@"
//   as a URI         "ssb:feed/ed25519/" + URL-safe base64, padded
using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text.Json.Serialization;

namespace Ssb;

/// <summary>Who a peer is: the 32 bytes of its Ed25519 public key, written <c>@BASE64=.ed25519</c> (53 characters).</summary>
/// <remarks>An immutable value; comparing never allocates. <c>default</c> is the all-zero key, which signs nothing. In JSON, as a key of a
/// dictionary and in configuration it is its text.</remarks>
[JsonConverter(typeof(FeedIdJsonConverter))]
[TypeConverter(typeof(FeedIdTypeConverter))]
[StructLayout(LayoutKind.Sequential, Pack = 1)] // exactly the 32 bytes, read and written as they lie in memory
public readonly struct FeedId : IEquatable<FeedId>, IComparable<FeedId>, ISpanParsable<FeedId>
{
    /// <summary>Bytes of a public key: 32.</summary>
    public const int Size = 32;

    /// <summary>Characters of the text: 53.</summary>
    public const int TextLength = 1 + Base64Length + 8;

    private const int Base64Length = 44;
    private const string Suffix = ".ed25519";

    private readonly ulong _a, _b, _c, _d;

    /// <summary>The feed id with this public key.</summary>
    /// <exception cref="ArgumentException"><paramref name="publicKey"/> is not 32 bytes.</exception>
    public FeedId(ReadOnlySpan<byte> publicKey)
    {
        if (publicKey.Length != Size)
            throw new ArgumentException($"A public key is {Size} bytes, not {publicKey.Length}.", nameof(publicKey));

        this = MemoryMarshal.Read<FeedId>(publicKey);
    }

    /// <summary>Reads <c>@BASE64=.ed25519</c>, canonical, padded base64 of 32 bytes; or the SSB URI of a feed, <c>ssb:feed/ed25519/BASE64=</c>, whose
    /// base64 is the URL-safe one. (<c>ssb://feed/ed25519/</c>, <c>ssb:feed:ed25519:</c> and the format <c>classic</c> are such URIs, too.)</summary>
    /// <exception cref="FormatException">The text is anything else. The message does not repeat it: it may be a secret key, taken for
    /// the public one.</exception>
    public static FeedId Parse(ReadOnlySpan<char> text) =>
        TryParse(text, out FeedId id) ? id : throw new FormatException(
            $"Not a feed id: expected '@', 44 characters of base64 that hold 32 bytes, and '{Suffix}'; or an SSB URI such as ssb:feed/ed25519/KEY; these were {text.Length} characters.");

    /// <summary><see cref="Parse(ReadOnlySpan{char})"/> without the exception.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out FeedId id)
    {
        id = default;
        if (SsbUri.IsUri(text))
        {
            FeedId? named = SsbUri.ReadFeedId(text, isStrict: true);
            id = named.GetValueOrDefault();
            return named is not null;
        }

        if (text.Length != TextLength || text[0] != '@' || !text[(1 + Base64Length)..].SequenceEqual(Suffix))
            return false;

        ReadOnlySpan<char> base64 = text.Slice(1, Base64Length);
        Span<byte> key = stackalloc byte[Size + 1]; // 44 characters may decode to 33 bytes
        if (!Convert.TryFromBase64Chars(base64, key, out int written) || written != Size)
            return false;

        // Decoding forgives blanks and loose bits in the last character; two texts for one key are not forgiven here.
        var decoded = new FeedId(key[..Size]);
        Span<char> canonical = stackalloc char[TextLength];
        decoded.Format(canonical);
        if (!text.SequenceEqual(canonical))
            return false;

        id = decoded;
        return true;
    }

    /// <summary>Reads a feed id in any of the spellings that SSB programs use inside addresses: base64, padded or not, with or without <c>@</c> and
    /// <c>.ed25519</c>; or the SSB URI of a feed, <c>ssb:feed/ed25519/BASE64</c>, padded or not.</summary>
    /// <returns>null if the text does not name 32 bytes.</returns>
    public static FeedId? ReadLenient(ReadOnlySpan<char> text) => SsbUri.IsUri(text) ? SsbUri.ReadFeedId(text) : ReadPlain(text);

    /// <summary>Reads a feed id as <see cref="ReadLenient"/> does, but for URIs, which stand in no address.</summary>
    internal static FeedId? ReadPlain(ReadOnlySpan<char> text)
    {
        if (text.StartsWith('@'))
            text = text[1..];
        if (text.EndsWith(Suffix))
            text = text[..^Suffix.Length];
        if (text.Length == Base64Length && text[^1] == '=')
            text = text[..^1];
        if (text.Length != Base64Length - 1)
            return null;

        Span<char> padded = stackalloc char[Base64Length];
        text.CopyTo(padded);
        padded[^1] = '=';
        Span<byte> key = stackalloc byte[Size];
        // Base64 decoding skips white space; a key of 43 characters with some is too short, and so fails here. The last
        // character carries two bits that mean nothing: a spelling that sets them is another text for the same key.
        return Convert.TryFromBase64Chars(padded, key, out int written) && written == Size ? new FeedId(key) : null;
    }

    static FeedId IParsable<FeedId>.Parse(string s, IFormatProvider? provider) => Parse(s);

    static FeedId ISpanParsable<FeedId>.Parse(ReadOnlySpan<char> s, IFormatProvider? provider) => Parse(s);

    static bool IParsable<FeedId>.TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out FeedId result) =>
        TryParse(s, out result);

    static bool ISpanParsable<FeedId>.TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out FeedId result) =>
        TryParse(s, out result);

    /// <summary>Writes the 32 bytes of the public key.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is shorter than 32 bytes.</exception>
    public void CopyTo(Span<byte> destination)
    {
        if (destination.Length < Size)
            throw new ArgumentException($"{Size} bytes are needed, not {destination.Length}.", nameof(destination));

        MemoryMarshal.Write(destination, in this);
    }

    /// <inheritdoc/>
    public bool Equals(FeedId other) => _a == other._a && _b == other._b && _c == other._c && _d == other._d;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is FeedId other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_a, _b, _c, _d);

    /// <summary>Compares the bytes, from the first on.</summary>
    public int CompareTo(FeedId other)
    {
        ReadOnlySpan<byte> left = MemoryMarshal.AsBytes(new ReadOnlySpan<FeedId>(in this)), right = MemoryMarshal.AsBytes(new ReadOnlySpan<FeedId>(in other));
        return left.SequenceCompareTo(right);
    }

    /// <summary>Whether the one comes before the other.</summary>
    public static bool operator <(FeedId left, FeedId right) => left.CompareTo(right) < 0;

    /// <summary>Whether the one comes after the other.</summary>
    public static bool operator >(FeedId left, FeedId right) => left.CompareTo(right) > 0;

    /// <summary>Whether the one comes before the other, or both are the same.</summary>
    public static bool operator <=(FeedId left, FeedId right) => left.CompareTo(right) <= 0;

    /// <summary>Whether the one comes after the other, or both are the same.</summary>
    public static bool operator >=(FeedId left, FeedId right) => left.CompareTo(right) >= 0;

    /// <summary>Whether both hold the same key.</summary>
    public static bool operator ==(FeedId left, FeedId right) => left.Equals(right);

    /// <summary>Whether they hold different keys.</summary>
    public static bool operator !=(FeedId left, FeedId right) => !left.Equals(right);

    /// <summary>The 44 characters of base64 alone, as they stand in the <c>shs</c> part of an address.</summary>
    public string ToBase64()
    {
        Span<byte> key = stackalloc byte[Size];
        CopyTo(key);
        return Convert.ToBase64String(key);
    }

    /// <summary>The text, <c>@BASE64=.ed25519</c>.</summary>
    public override string ToString() => string.Create(TextLength, this, static (text, id) => id.Format(text));

    private void Format(Span<char> text)
    {
        Span<byte> key = stackalloc byte[Size];
        CopyTo(key);
        text[0] = '@';
        _ = Convert.TryToBase64Chars(key, text.Slice(1, Base64Length), out _);
        Suffix.CopyTo(text[(1 + Base64Length)..]);
    }
}
