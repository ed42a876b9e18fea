using Ssb.Wire.Sodium;

namespace Ssb.Wire;

/// <summary>Signatures of the peer that a <see cref="FeedId"/> names, and whether there can be such a peer.</summary>
public static class FeedIdSignatures
{
    /// <summary>Did the owner of this feed id sign exactly these bytes?</summary>
    /// <param name="author">The feed id.</param>
    /// <param name="message">The bytes that were signed.</param>
    /// <param name="signature">64 bytes; with any other length the answer is false.</param>
    public static bool Verify(this FeedId author, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        Span<byte> key = stackalloc byte[FeedId.Size];
        author.CopyTo(key);
        return Ed25519.Verify(signature, message, key);
    }

    /// <summary>Can there be a peer with this feed id? There can be none if its 32 bytes are not a point of the curve, or a point outside the
    /// subgroup from which all public keys come, such as one of low order: then the text was mistyped or made up. Takes as long as a
    /// signature.</summary>
    /// <param name="feedId">The feed id.</param>
    /// <returns>false if no secret key belongs to it, so that nobody can complete a handshake as this peer.</returns>
    public static bool CanBeHeld(this FeedId feedId)
    {
        Span<byte> key = stackalloc byte[FeedId.Size], curve = stackalloc byte[Curve25519.Size];
        feedId.CopyTo(key);
        return Curve25519.TryFromEd25519Public(key, curve);
    }
}
