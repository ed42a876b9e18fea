// crypto_auth: HMAC-SHA-512-256 (HMAC-SHA-512 cut to 32 bytes), https://doc.libsodium.org/secret-key_cryptography/secret-key_authentication
// crypto_hash_sha256: SHA-256, FIPS 180-4. Keys, authenticators and hashes are 32 bytes.
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Ssb.Wire.Sodium;

internal static partial class Hashes
{
    internal const int Size = 32;

    internal static void Authenticate(ReadOnlySpan<byte> message, ReadOnlySpan<byte> key, Span<byte> mac)
    {
        Debug.Assert(key.Length == Size && mac.Length == Size);
        SodiumLibrary.EnsureReady();
        _ = crypto_auth(mac, message, (ulong)message.Length, key); // always 0
    }

    internal static bool IsAuthentic(ReadOnlySpan<byte> mac, ReadOnlySpan<byte> message, ReadOnlySpan<byte> key)
    {
        Debug.Assert(key.Length == Size && mac.Length == Size);
        SodiumLibrary.EnsureReady();
        return crypto_auth_verify(mac, message, (ulong)message.Length, key) == 0;
    }

    internal static void Sha256(ReadOnlySpan<byte> message, Span<byte> hash)
    {
        Debug.Assert(hash.Length == Size);
        SodiumLibrary.EnsureReady();
        _ = crypto_hash_sha256(hash, message, (ulong)message.Length); // always 0
    }

    [LibraryImport(SodiumLibrary.Name)]
    private static partial int crypto_auth(Span<byte> mac, ReadOnlySpan<byte> message, ulong messageLength, ReadOnlySpan<byte> key);

    [LibraryImport(SodiumLibrary.Name)]
    private static partial int crypto_auth_verify(
        ReadOnlySpan<byte> mac, ReadOnlySpan<byte> message, ulong messageLength, ReadOnlySpan<byte> key);

    [LibraryImport(SodiumLibrary.Name)]
    private static partial int crypto_hash_sha256(Span<byte> hash, ReadOnlySpan<byte> message, ulong messageLength);
}
