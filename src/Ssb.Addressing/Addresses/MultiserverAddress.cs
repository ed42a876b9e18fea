using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json.Serialization;

namespace Ssb;

/// <summary>A multiserver address: one or more routes to a peer, such as
/// <c>net:192.168.1.4:8008~shs:BASE64KEY=</c>.</summary>
/// <remarks>
/// <para>Immutable and thread-safe. Two addresses are equal when their texts are. The syntax accepted is exactly that of
/// <c>check</c> of npm multiserver-address 1.0.1; what a valid text means is told by <see cref="Routes"/>.</para>
/// <para>An address may carry a secret (the seed of an invite, <c>shs:KEY:SEED</c>). <see cref="ToString"/> masks it, and all else that is
/// not known to be public; <see cref="Text"/> and JSON do not.</para>
/// </remarks>
[DebuggerDisplay("{ToString(),nq}")]
[JsonConverter(typeof(MultiserverAddressJsonConverter))]
public sealed class MultiserverAddress : IEquatable<MultiserverAddress>, ISpanParsable<MultiserverAddress>
{
    /// <summary>The longest text that is accepted unless the caller says otherwise: 4,096 characters.</summary>
    public const int DefaultMaxLength = 4_096;

    /// <summary>What <see cref="ToString"/> and <see cref="Hide"/> write in place of what is not known to be public: three asterisks.</summary>
    public const string Hidden = "***";

    private readonly int _hash;

    // Made when it is first asked for: the bench asks for nothing of it, and keeps many.
    private volatile Meaning? _meaning;

    private MultiserverAddress(string text)
    {
        Text = text;
        _hash = AddressHash.Of(text);
    }

    /// <summary>The whole text, to dial and to store. It may hold a secret: show <see cref="ToString"/> to people.</summary>
    public string Text { get; }

    /// <summary>The peer that this address names: the feed id in its first part whose name begins with <c>shs</c>. It is null if there is no such
    /// part, or if the part does not name 32 bytes. Computed once.</summary>
    /// <remarks>This is how <c>getKeyFromAddress</c> of npm ssb-ref reads it, and so the feed id under which a peer is staged,
    /// remembered and blocked. The peer that a connection expects is <see cref="MultiserverRoute.FeedId"/>, which is read from the exact name
    /// <c>shs</c> alone: an address with <c>shs2:KEY</c> has a feed id here, and no route that is dialled.</remarks>
    public FeedId? FeedId => GetMeaning().FeedId;

    /// <summary>The routes, in order, decoded. Computed once.</summary>
    public IReadOnlyList<MultiserverRoute> Routes
    {
        get
        {
            Meaning meaning = GetMeaning();
            return meaning.Routes ??= MultiserverRoute.ReadAll(Text);
        }
    }

    /// <summary>This address in one spelling: the key of each <c>shs</c> part in padded base64, without the seed of an invite. Two addresses are of one peer in one place if
    /// these are equal. It is this address itself if it is spelled so. Computed once.</summary>
    public MultiserverAddress Canonical
    {
        get
        {
            Meaning meaning = GetMeaning();
            return meaning.Canonical ??= IsCanonical(Text) ? this : InOneSpelling();
        }
    }

    /// <summary>Why this address makes no sense although its syntax is right, or null when it does: the first
    /// <see cref="MultiserverRoute.Problem"/> of its routes, or that they name different peers. Computed at each call.</summary>
    public string? Problem
    {
        get
        {
            IReadOnlyList<MultiserverRoute> routes = Routes;
            return routes.Select(r => r.Problem).FirstOrDefault(p => p is not null)
                ?? (routes.Select(r => r.IndexedFeedId).OfType<FeedId>().Distinct().Skip(1).Any() ? "its routes name different keys" : null);
        }
    }

    /// <summary>Is <paramref name="text"/> a valid multiserver address of at most <paramref name="maxLength"/> characters?</summary>
    public static bool IsValid(ReadOnlySpan<char> text, int maxLength = DefaultMaxLength) =>
        text.Length <= maxLength && AddressGrammar.FirstError(text) < 0;

    /// <summary>Reads an address.</summary>
    /// <param name="text">The text.</param>
    /// <param name="maxLength">The longest text accepted, in characters.</param>
    /// <exception cref="ArgumentNullException"><paramref name="text"/> is null.</exception>
    /// <exception cref="FormatException"><paramref name="text"/> is not a valid address; the message says where it fails,
    /// without repeating it, since it may hold a secret.</exception>
    public static MultiserverAddress Parse(string text, int maxLength = DefaultMaxLength)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Explain(text, maxLength) is { } error ? throw new FormatException(error) : new MultiserverAddress(text);
    }

    /// <inheritdoc cref="Parse(string, int)"/>
    public static MultiserverAddress Parse(ReadOnlySpan<char> text, int maxLength = DefaultMaxLength) =>
        Explain(text, maxLength) is { } error ? throw new FormatException(error) : new MultiserverAddress(text.ToString());

    /// <summary>Reads an address of at most <see cref="DefaultMaxLength"/> characters, or says that it is none.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out MultiserverAddress? address)
    {
        address = text is not null && IsValid(text) ? new MultiserverAddress(text) : null;
        return address is not null;
    }

    /// <summary>Reads an address of at most <see cref="DefaultMaxLength"/> characters, or says that it is none, which allocates
    /// nothing.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out MultiserverAddress? address)
    {
        address = IsValid(text) ? new MultiserverAddress(text.ToString()) : null;
        return address is not null;
    }

    /// <summary>Reads an address as people and programs hand it over: a multiserver address, as <see cref="Parse(string, int)"/> reads it, or the SSB URI
    /// that names one, <c>ssb:address/multiserver?multiserverAddress=ENCODED</c>.</summary>
    /// <remarks>This is for what is typed, configured or called with. What programs keep and send each other are addresses as such, for which
    /// <see cref="Parse(string, int)"/> is.</remarks>
    /// <param name="text">The text. What begins with <c>ssb:</c> is a URI, and no address whose protocol is called <c>ssb</c>.</param>
    /// <param name="maxLength">The longest address accepted, in characters; that of a URI is counted without its encoding.</param>
    /// <exception cref="ArgumentNullException"><paramref name="text"/> is null.</exception>
    /// <exception cref="FormatException"><paramref name="text"/> is neither, or the URI of something else. The message does not repeat it.</exception>
    public static MultiserverAddress ReadLenient(string text, int maxLength = DefaultMaxLength)
    {
        ArgumentNullException.ThrowIfNull(text);
        return !SsbUri.IsUri(text) ? Parse(text, maxLength)
            : SsbUri.TryReadAddress(text, out string? named) ? Parse(named, maxLength)
            : throw new FormatException($"Not a multiserver address: this is {(SsbUri.ReadFeedId(text) is null ? SsbUri.Describe(text) : "the SSB URI of a feed")}; "
                + "expected something like 'net:HOST:PORT~shs:KEY', or ssb:address/multiserver?multiserverAddress=ENCODED.");
    }

    /// <summary><see cref="ReadLenient"/> without the exception, for texts of at most <see cref="DefaultMaxLength"/> characters.</summary>
    public static bool TryReadLenient([NotNullWhen(true)] string? text, [NotNullWhen(true)] out MultiserverAddress? address)
    {
        address = null;
        return !SsbUri.IsUri(text) ? TryParse(text, out address) : SsbUri.TryReadAddress(text, out string? named) && TryParse(named, out address);
    }

    /// <summary>Puts an address together from routes; the inverse of <see cref="Routes"/>, escapes included.</summary>
    /// <exception cref="ArgumentException">There is no route, or it would not be a valid address of at most
    /// <see cref="DefaultMaxLength"/> characters.</exception>
    public static MultiserverAddress Format(params IEnumerable<MultiserverRoute> routes)
    {
        ArgumentNullException.ThrowIfNull(routes);
        var text = new StringBuilder();
        foreach (MultiserverRoute route in routes)
        {
            // Such a name would be read back as more than a name.
            if (route.Protocols.Any(p => p.Name.AsSpan().ContainsAny(':', '~', ';')))
                throw new ArgumentException("The name of a protocol holds a separator; expected lower-case letters, digits and '-'.", nameof(routes));
            route.AppendTo(text.Length == 0 ? text : text.Append(';'));
        }

        string whole = text.ToString();
        return Explain(whole, DefaultMaxLength) is { } error
            ? throw new ArgumentException(error, nameof(routes))
            : new MultiserverAddress(whole);
    }

    /// <summary>The address as it is shown to people and written to logs: <see cref="Text"/>, in which <c>***</c> stands for all that is not
    /// known to be public.</summary>
    /// <remarks>Public are the host and port of <c>net</c>, <c>onion</c>, <c>ws</c> and <c>wss</c> (not the user, path or query of a URL), the key
    /// of <c>shs</c> (not the seed that may follow it), the feed ids of <c>tunnel</c>, and the path of <c>unix</c>. The data of other protocols
    /// is hidden, as are names that are longer than those of protocols: forks put seeds there.</remarks>
    public override string ToString() => AddressMask.Show(Routes);

    /// <summary>A text that may repeat this address, such as the message of an error, without what <see cref="ToString"/> hides.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The text with <c>***</c> in place of each word that the address hides.</returns>
    public string Hide(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return AddressMask.Hide(text, this);
    }

    /// <inheritdoc/>
    public bool Equals([NotNullWhen(true)] MultiserverAddress? other) => other is not null && Text == other.Text;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as MultiserverAddress);

    /// <inheritdoc/>
    public override int GetHashCode() => _hash;

    /// <summary>The hash code of the address that has this text, which need not be valid.</summary>
    public static int GetHashCode(ReadOnlySpan<char> text) => AddressHash.Of(text);

    /// <summary>The peer that the address with this text names, which is valid: what <see cref="FeedId"/> is, without making an address.
    /// Allocates nothing. Of a text that is not valid it says nothing of use.</summary>
    public static FeedId? FeedIdOf(ReadOnlySpan<char> text)
    {
        // As ssb-ref's getKeyFromAddress: the first part of any route whose name begins with "shs", and no other.
        for (int start = 0, end; start <= text.Length; start = end + 1)
        {
            end = EndOfPart(text, start);
            ReadOnlySpan<char> part = text[start..end];
            if (!part.StartsWith("shs"))
                continue;
            int colon = part.IndexOf(':');
            ReadOnlySpan<char> data = colon < 0 ? default : part[(colon + 1)..];
            int seed = data.IndexOf(':');
            return Ssb.FeedId.ReadPlain(seed < 0 ? data : data[..seed]);
        }

        return null;
    }

    /// <summary>Equality of texts.</summary>
    public static bool operator ==(MultiserverAddress? left, MultiserverAddress? right) =>
        left is null ? right is null : left.Equals(right);

    /// <summary>Inequality of texts.</summary>
    public static bool operator !=(MultiserverAddress? left, MultiserverAddress? right) => !(left == right);

    static MultiserverAddress IParsable<MultiserverAddress>.Parse(string s, IFormatProvider? provider) => Parse(s);

    static bool IParsable<MultiserverAddress>.TryParse(string? s, IFormatProvider? provider, [MaybeNullWhen(false)] out MultiserverAddress result) =>
        TryParse(s, out result);

    static MultiserverAddress ISpanParsable<MultiserverAddress>.Parse(ReadOnlySpan<char> s, IFormatProvider? provider) => Parse(s);

    static bool ISpanParsable<MultiserverAddress>.TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, [MaybeNullWhen(false)] out MultiserverAddress result) =>
        TryParse(s, out result);

    private MultiserverAddress InOneSpelling()
    {
        string text = string.Join(';', Routes.Select(r => r.Canonical.ToText()));
        return text == Text ? this : new MultiserverAddress(text);
    }

    // Nearly all are: this allocates nothing.
    private static bool IsCanonical(ReadOnlySpan<char> text)
    {
        Span<char> canonical = stackalloc char[Ssb.FeedId.TextLength];
        for (int start = 0, end; start <= text.Length; start = end + 1)
        {
            end = EndOfPart(text, start);
            ReadOnlySpan<char> part = text[start..end];
            if (!part.StartsWith("shs:"))
                continue;
            "@".CopyTo(canonical);
            ReadOnlySpan<char> data = part["shs:".Length..];
            if (data.Length != canonical.Length - 1 - ".ed25519".Length)
                return false;
            data.CopyTo(canonical[1..]);
            ".ed25519".CopyTo(canonical[(1 + data.Length)..]);
            if (!Ssb.FeedId.TryParse(canonical, out _))
                return false;
        }

        return true;
    }

    /// <summary>Why a text is no valid address, without repeating it; null when it is one.</summary>
    internal static string? Explain(ReadOnlySpan<char> text, int maxLength)
    {
        if (text.Length > maxLength)
            return $"Not a multiserver address: {text.Length:N0} characters, where at most {maxLength:N0} are allowed.";
        int at = AddressGrammar.FirstError(text);
        if (at < 0)
            return null;
        string found = at >= text.Length ? "it ends" : $"U+{(int)text[at]:X4} stands";
        return $"Not a multiserver address: {found} at character {at + 1} of {text.Length}; expected something like 'net:HOST:PORT~shs:KEY'.";
    }

    /// <summary>Where the protocol part of a valid address ends that begins at <paramref name="start"/>: at '~', at ';' (unless
    /// '!' escapes them) or with the text.</summary>
    internal static int EndOfPart(ReadOnlySpan<char> text, int start)
    {
        int i = start;
        for (; i < text.Length && text[i] is not ('~' or ';'); i++)
        {
            if (text[i] == '!')
                i++;
        }

        return Math.Min(i, text.Length); // one that is not valid may end with '!'
    }

    // Several threads may do so at the same time, and read the same.
    private Meaning GetMeaning() => _meaning ??= new Meaning(FeedIdOf(Text));

    private sealed class Meaning(FeedId? feedId)
    {
        public FeedId? FeedId => feedId;

        public IReadOnlyList<MultiserverRoute>? Routes { get; set; }

        public MultiserverAddress? Canonical { get; set; }
    }
}
