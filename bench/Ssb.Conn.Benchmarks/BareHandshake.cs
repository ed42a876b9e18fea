using System.Security.Cryptography;

namespace Ssb.Conn.Benchmarks;

/// <summary>The calls of libsodium that one handshake needs, of both sides, on bytes of the same lengths; nothing else.</summary>
/// <remarks>Random bytes for the ephemeral keys are not among them.</remarks>
internal sealed class BareHandshake
{
    private const int Sides = 2;

    private readonly byte[] _publicKey = new byte[32];
    private readonly byte[] _secretKey = new byte[64];
    private readonly byte[] _curvePublic = new byte[32];
    private readonly byte[] _curveSecret = new byte[32];
    private readonly byte[] _ephemeral = new byte[32];
    private readonly byte[] _ephemeralSecret = RandomNumberGenerator.GetBytes(32);
    private readonly byte[] _shared = new byte[32];
    private readonly byte[] _mac = new byte[32];
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly byte[] _hash = new byte[32];
    private readonly byte[] _signature = new byte[64];
    private readonly byte[] _message = RandomNumberGenerator.GetBytes(160);
    private readonly byte[] _nonce = new byte[24];
    private readonly byte[] _box = new byte[112];
    private readonly byte[] _opened = new byte[96];

    public BareHandshake()
    {
        CheckBenchmarks.Expect(BareSodium.sodium_init() >= 0);
        CheckBenchmarks.Expect(BareSodium.crypto_sign_keypair(_publicKey, _secretKey) == 0);
    }

    public void Run()
    {
        int failed = 0;
        for (int side = 0; side < Sides; side++)
        {
            // The hello, made and read.
            failed |= BareSodium.crypto_scalarmult_base(_ephemeral, _ephemeralSecret);
            failed |= BareSodium.crypto_auth(_mac, _ephemeral, 32, _key);
            failed |= BareSodium.crypto_auth_verify(_mac, _ephemeral, 32, _key);

            // The three agreements.
            failed |= BareSodium.crypto_sign_ed25519_pk_to_curve25519(_curvePublic, _publicKey);
            failed |= BareSodium.crypto_sign_ed25519_sk_to_curve25519(_curveSecret, _secretKey);
            failed |= BareSodium.crypto_scalarmult(_shared, _ephemeralSecret, _ephemeral);
            failed |= BareSodium.crypto_scalarmult(_shared, _ephemeralSecret, _curvePublic);
            failed |= BareSodium.crypto_scalarmult(_shared, _curveSecret, _ephemeral);

            // The client signs 96 bytes and the server verifies them, then the other way round with 160; likewise the boxes.
            int signed = side == 0 ? 96 : 160;
            int boxed = side == 0 ? 96 : 64;
            failed |= BareSodium.crypto_sign_detached(_signature, 0, _message, (ulong)signed, _secretKey);
            failed |= BareSodium.crypto_sign_verify_detached(_signature, _message, (ulong)signed, _publicKey);
            failed |= BareSodium.crypto_secretbox_easy(_box, _message, (ulong)boxed, _nonce, _key);
            failed |= BareSodium.crypto_secretbox_open_easy(_opened, _box, (ulong)boxed + 16, _nonce, _key);

            // Of the shared secret, of the keys of both boxes, and of the three steps to the keys of the box stream.
            foreach (int length in (ReadOnlySpan<int>)[32, 96, 128, 32, 64, 64])
                failed |= BareSodium.crypto_hash_sha256(_hash, _message, (ulong)length);
        }

        CheckBenchmarks.Expect(failed == 0);
    }
}
