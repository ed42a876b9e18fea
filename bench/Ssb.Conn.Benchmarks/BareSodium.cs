using System.Runtime.InteropServices;

namespace Ssb.Conn.Benchmarks;

/// <summary>The native library that the wire layer uses, without the wire layer: what nobody who uses it can undercut.</summary>
internal static partial class BareSodium
{
    private const string Name = "libsodium";

    [LibraryImport(Name)]
    public static partial int sodium_init();

    [LibraryImport(Name)]
    public static partial int crypto_sign_keypair(Span<byte> publicKey, Span<byte> secretKey);

    [LibraryImport(Name)]
    public static partial int crypto_scalarmult_base(Span<byte> publicKey, ReadOnlySpan<byte> secretKey);

    [LibraryImport(Name)]
    public static partial int crypto_scalarmult(Span<byte> shared, ReadOnlySpan<byte> secretKey, ReadOnlySpan<byte> publicKey);

    [LibraryImport(Name)]
    public static partial int crypto_sign_ed25519_pk_to_curve25519(Span<byte> publicKey, ReadOnlySpan<byte> ed25519);

    [LibraryImport(Name)]
    public static partial int crypto_sign_ed25519_sk_to_curve25519(Span<byte> secretKey, ReadOnlySpan<byte> ed25519);

    [LibraryImport(Name)]
    public static partial int crypto_sign_detached(
        Span<byte> signature, nint signatureLength, ReadOnlySpan<byte> message, ulong messageLength, ReadOnlySpan<byte> secretKey);

    [LibraryImport(Name)]
    public static partial int crypto_sign_verify_detached(
        ReadOnlySpan<byte> signature, ReadOnlySpan<byte> message, ulong messageLength, ReadOnlySpan<byte> publicKey);

    [LibraryImport(Name)]
    public static partial int crypto_auth(Span<byte> mac, ReadOnlySpan<byte> message, ulong messageLength, ReadOnlySpan<byte> key);

    [LibraryImport(Name)]
    public static partial int crypto_auth_verify(
        ReadOnlySpan<byte> mac, ReadOnlySpan<byte> message, ulong messageLength, ReadOnlySpan<byte> key);

    [LibraryImport(Name)]
    public static partial int crypto_hash_sha256(Span<byte> hash, ReadOnlySpan<byte> message, ulong messageLength);

    [LibraryImport(Name)]
    public static partial int crypto_secretbox_easy(
        Span<byte> box, ReadOnlySpan<byte> message, ulong messageLength, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> key);

    [LibraryImport(Name)]
    public static partial int crypto_secretbox_open_easy(
        Span<byte> message, ReadOnlySpan<byte> box, ulong boxLength, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> key);
}
