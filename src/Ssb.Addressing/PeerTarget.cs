using System.Diagnostics.CodeAnalysis;

namespace Ssb;

/// <summary>What a person names: a peer, with all its addresses, or one address.</summary>
/// <remarks>An immutable value. Two are equal if both name the same peer, or the same text of an address. An address and the peer that it names
/// are not equal.</remarks>
public readonly record struct PeerTarget : ISpanParsable<PeerTarget>
{
    private readonly FeedId _feedId;

    private PeerTarget(FeedId feedId, MultiserverAddress? address) => (_feedId, Address) = (feedId, address);

    /// <summary>The peer; null if this is one address.</summary>
    public FeedId? FeedId => Address is null ? _feedId : null;

    /// <summary>The address; null if this is a peer.</summary>
    public MultiserverAddress? Address { get; }

    /// <summary>The feed id, or the whole text of the address, which may hold a secret: show <see cref="ToString"/> to people.</summary>
    public string Text => Address?.Text ?? _feedId.ToString();

    /// <summary>A peer.</summary>
    public static PeerTarget From(FeedId feedId) => new(feedId, null);

    /// <summary>One address.</summary>
    public static PeerTarget From(MultiserverAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return new PeerTarget(default, address);
    }

    /// <summary>Reads a feed id, in any spelling that <see cref="Ssb.FeedId.ReadLenient"/> reads, or a multiserver address, as
    /// <see cref="MultiserverAddress.ReadLenient"/> reads it.</summary>
    /// <remarks>An address must name somebody: a feed id, or a place of a transport that SSB has. (<see cref="From(MultiserverAddress)"/> takes every
    /// address.)</remarks>
    /// <exception cref="FormatException">The text is neither, or names nobody: a name such as <c>bob</c>, or the SSB URI of a message. The message does not
    /// repeat it: an address that is mistyped may hold a secret all the same.</exception>
    public static PeerTarget Parse(ReadOnlySpan<char> text) =>
        TryParse(text, out PeerTarget target) ? target
        : throw new FormatException($"The target is neither a feed id (@, 32 bytes in base64, .ed25519) nor a multiserver address: {ProblemOf(text)}");

    /// <summary><see cref="Parse(ReadOnlySpan{char})"/> without the exception.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out PeerTarget target)
    {
        if (Ssb.FeedId.ReadLenient(text) is { } feedId)
        {
            target = From(feedId);
            return true;
        }

        bool namesSomebody = MultiserverAddress.TryReadLenient(text.ToString(), out MultiserverAddress? address) && NamesSomebody(address);
        target = namesSomebody ? From(address!) : default;
        return namesSomebody;
    }

    private static string ProblemOf(ReadOnlySpan<char> text)
    {
        if (SsbUri.IsUri(text) && !SsbUri.TryReadAddress(text, out _))
            return $"it is {SsbUri.Describe(text)}.";
        _ = SsbUri.TryReadAddress(text, out string? named);
        return MultiserverAddress.Explain(named ?? text, MultiserverAddress.DefaultMaxLength)
            ?? "it names no peer (~shs:KEY), and no place where one could be, such as 'net:HOST:PORT'.";
    }

    // Any word is an address by its grammar, such as `bob`, or `https://example.org`.
    private static bool NamesSomebody(MultiserverAddress address) => address.FeedId is not null || address.Routes.Any(route =>
        route is { Transport: "net" or "ws" or "wss" or "onion" or "unix" or "tunnel", Problem: null }
        || (route.Transport is "bt" or "dht" && route.Protocols[0].Data is [{ Length: > 0 }, ..]));

    /// <summary>The feed id, or the address as it is shown to people, without its secrets.</summary>
    public override string ToString() => Address?.ToString() ?? _feedId.ToString();

    static PeerTarget IParsable<PeerTarget>.Parse(string s, IFormatProvider? provider) => Parse(s);

    static PeerTarget ISpanParsable<PeerTarget>.Parse(ReadOnlySpan<char> s, IFormatProvider? provider) => Parse(s);

    static bool IParsable<PeerTarget>.TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out PeerTarget result) =>
        TryParse(s, out result);

    static bool ISpanParsable<PeerTarget>.TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out PeerTarget result) =>
        TryParse(s, out result);
}
