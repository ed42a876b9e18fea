using Ssb.Wire.Sodium;

namespace Ssb.Wire;

/// <summary>Signatures of the peer that a <see cref="FeedId"/> names.</summary>
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
}
