// NaCl secretbox: XSalsa20-Poly1305, https://doc.libsodium.org/secret-key_cryptography/secretbox
// Key 32, nonce 24 bytes. Box = 16-byte authenticator + as many bytes as the message has.
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Ssb.Wire.Sodium;

internal static partial class SecretBox
{
    internal const int KeySize = 32;
    internal const int NonceSize = 24;
    internal const int MacSize = 16;

    internal static void Seal(ReadOnlySpan<byte> message, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> key, Span<byte> box)
    {
        Debug.Assert(nonce.Length == NonceSize && key.Length == KeySize && box.Length == message.Length + MacSize);
        SodiumLibrary.EnsureReady();
        _ = crypto_secretbox_easy(box, message, (ulong)message.Length, nonce, key); // always 0 for sizes that fit in memory
    }

    /// <returns>false if the box was not sealed with this key and nonce; <paramref name="message"/> then holds nothing of use.</returns>
    internal static bool TryOpen(ReadOnlySpan<byte> box, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> key, Span<byte> message)
    {
        Debug.Assert(nonce.Length == NonceSize && key.Length == KeySize);
        if (box.Length < MacSize)
            return false;

        Debug.Assert(message.Length == box.Length - MacSize);
        SodiumLibrary.EnsureReady();
        return crypto_secretbox_open_easy(message, box, (ulong)box.Length, nonce, key) == 0;
    }

    /// <summary>Seals with the authenticator kept apart. The sealed bytes may take the place of the message.</summary>
    internal static void SealDetached(
        ReadOnlySpan<byte> message, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> key, Span<byte> sealedMessage, Span<byte> mac)
    {
        Debug.Assert(nonce.Length == NonceSize && key.Length == KeySize && sealedMessage.Length == message.Length && mac.Length == MacSize);
        SodiumLibrary.EnsureReady();
        _ = crypto_secretbox_detached(sealedMessage, mac, message, (ulong)message.Length, nonce, key); // always 0
    }

    /// <summary>Opens what <see cref="SealDetached"/> sealed. The message may take the place of the sealed bytes.</summary>
    internal static bool TryOpenDetached(
        ReadOnlySpan<byte> sealedMessage, ReadOnlySpan<byte> mac, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> key, Span<byte> message)
    {
        Debug.Assert(nonce.Length == NonceSize && key.Length == KeySize && sealedMessage.Length == message.Length && mac.Length == MacSize);
        SodiumLibrary.EnsureReady();
        return crypto_secretbox_open_detached(message, sealedMessage, mac, (ulong)sealedMessage.Length, nonce, key) == 0;
    }

    [LibraryImport(SodiumLibrary.Name)]
    private static partial int crypto_secretbox_easy(
        Span<byte> box, ReadOnlySpan<byte> message, ulong messageLength, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> key);

    [LibraryImport(SodiumLibrary.Name)]
    private static partial int crypto_secretbox_open_easy(
        Span<byte> message, ReadOnlySpan<byte> box, ulong boxLength, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> key);

    [LibraryImport(SodiumLibrary.Name)]
    private static partial int crypto_secretbox_detached(
        Span<byte> sealedMessage, Span<byte> mac, ReadOnlySpan<byte> message, ulong messageLength, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> key);

    [LibraryImport(SodiumLibrary.Name)]
    private static partial int crypto_secretbox_open_detached(
        Span<byte> message, ReadOnlySpan<byte> sealedMessage, ReadOnlySpan<byte> mac, ulong messageLength, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> key);
}
