// X25519, RFC 7748, and the birational map from Ed25519 keys: https://doc.libsodium.org/advanced/ed25519-curve25519
// Public keys, secret keys and shared secrets are 32 bytes each.
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Ssb.Wire.Sodium;

internal static partial class Curve25519
{
    internal const int Size = 32;

    /// <summary>The public key of a secret key.</summary>
    internal static void PublicFromSecret(ReadOnlySpan<byte> secretKey, Span<byte> publicKey)
    {
        Debug.Assert(publicKey.Length == Size && secretKey.Length == Size);
        SodiumLibrary.EnsureReady();
        _ = crypto_scalarmult_base(publicKey, secretKey); // always 0
    }

    /// <returns>false if the other's key is a point of low order, with which everybody would agree on the same.</returns>
    internal static bool TryAgree(ReadOnlySpan<byte> secretKey, ReadOnlySpan<byte> theirPublicKey, Span<byte> shared)
    {
        Debug.Assert(secretKey.Length == Size && theirPublicKey.Length == Size && shared.Length == Size);
        SodiumLibrary.EnsureReady();
        return crypto_scalarmult(shared, secretKey, theirPublicKey) == 0;
    }

    /// <returns>false if the bytes are no point of Ed25519's main subgroup, so that no secret key belongs to them.</returns>
    internal static bool TryFromEd25519Public(ReadOnlySpan<byte> ed25519, Span<byte> publicKey)
    {
        Debug.Assert(ed25519.Length == Ed25519.PublicKeySize && publicKey.Length == Size);
        SodiumLibrary.EnsureReady();
        return crypto_sign_ed25519_pk_to_curve25519(publicKey, ed25519) == 0;
    }

    internal static void FromEd25519Secret(ReadOnlySpan<byte> ed25519, Span<byte> secretKey)
    {
        Debug.Assert(ed25519.Length == Ed25519.SecretKeySize && secretKey.Length == Size);
        SodiumLibrary.EnsureReady();
        _ = crypto_sign_ed25519_sk_to_curve25519(secretKey, ed25519); // always 0
    }

    [LibraryImport(SodiumLibrary.Name)]
    private static partial int crypto_scalarmult_base(Span<byte> publicKey, ReadOnlySpan<byte> secretKey);

    [LibraryImport(SodiumLibrary.Name)]
    private static partial int crypto_scalarmult(Span<byte> shared, ReadOnlySpan<byte> secretKey, ReadOnlySpan<byte> publicKey);

    [LibraryImport(SodiumLibrary.Name)]
    private static partial int crypto_sign_ed25519_pk_to_curve25519(Span<byte> publicKey, ReadOnlySpan<byte> ed25519);

    [LibraryImport(SodiumLibrary.Name)]
    private static partial int crypto_sign_ed25519_sk_to_curve25519(Span<byte> secretKey, ReadOnlySpan<byte> ed25519);
}
