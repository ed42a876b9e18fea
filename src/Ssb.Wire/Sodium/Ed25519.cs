// Ed25519, RFC 8032. Seed 32, public key 32, secret key 64 (= seed + public key), signature 64 bytes.
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Ssb.Wire.Sodium;

internal static partial class Ed25519
{
    internal const int SeedSize = 32;
    internal const int PublicKeySize = 32;
    internal const int SecretKeySize = 64;
    internal const int SignatureSize = 64;

    internal static void KeyPairFromSeed(ReadOnlySpan<byte> seed, Span<byte> publicKey, Span<byte> secretKey)
    {
        Debug.Assert(seed.Length == SeedSize && publicKey.Length == PublicKeySize && secretKey.Length == SecretKeySize);
        SodiumLibrary.EnsureReady();
        _ = crypto_sign_seed_keypair(publicKey, secretKey, seed); // always 0
    }

    internal static void Sign(ReadOnlySpan<byte> message, ReadOnlySpan<byte> secretKey, Span<byte> signature)
    {
        Debug.Assert(secretKey.Length == SecretKeySize && signature.Length == SignatureSize);
        SodiumLibrary.EnsureReady();
        _ = crypto_sign_detached(signature, 0, message, (ulong)message.Length, secretKey); // always 0
    }

    internal static bool Verify(ReadOnlySpan<byte> signature, ReadOnlySpan<byte> message, ReadOnlySpan<byte> publicKey)
    {
        Debug.Assert(publicKey.Length == PublicKeySize);
        if (signature.Length != SignatureSize)
            return false;

        SodiumLibrary.EnsureReady();
        return crypto_sign_verify_detached(signature, message, (ulong)message.Length, publicKey) == 0;
    }

    [LibraryImport(SodiumLibrary.Name)]
    private static partial int crypto_sign_seed_keypair(Span<byte> publicKey, Span<byte> secretKey, ReadOnlySpan<byte> seed);

    // The second argument would receive the length of the signature; it is always 64, so 0 (null) is given.
    [LibraryImport(SodiumLibrary.Name)]
    private static partial int crypto_sign_detached(
        Span<byte> signature, nint signatureLength, ReadOnlySpan<byte> message, ulong messageLength, ReadOnlySpan<byte> secretKey);

    [LibraryImport(SodiumLibrary.Name)]
    private static partial int crypto_sign_verify_detached(
        ReadOnlySpan<byte> signature, ReadOnlySpan<byte> message, ulong messageLength, ReadOnlySpan<byte> publicKey);
}
