using System.Diagnostics;
using Ssb.Wire.Sodium;

namespace Ssb.Wire;

/// <summary>An identity together with the secret key that signs for it.</summary>
/// <remarks>
/// Thread-safe. The secret stays in one place in memory, is wiped on <see cref="Dispose"/>, and appears in no text:
/// whoever has it is that identity.
/// </remarks>
[DebuggerDisplay("{Id}")]
public sealed class KeyPair : IDisposable
{
    /// <summary>Bytes of a signature: 64.</summary>
    public const int SignatureSize = Ed25519.SignatureSize;

    /// <summary>Bytes of a seed: 32.</summary>
    public const int SeedSize = Ed25519.SeedSize;

    // Pinned, so that a compacting collection leaves no copy of it behind.
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly byte[] _secret = GC.AllocateArray<byte>(Ed25519.SecretKeySize, pinned: true);

    // A signature made with a half-wiped secret could give the secret away, hence the lock.
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly Lock _gate = new();
    private bool _disposed;

    private KeyPair(ReadOnlySpan<byte> seed)
    {
        Span<byte> publicKey = stackalloc byte[Ed25519.PublicKeySize];
        Ed25519.KeyPairFromSeed(seed, publicKey, _secret);
        Id = new FeedId(publicKey);
    }

    /// <summary>The public half.</summary>
    public FeedId Id { get; }

    /// <summary>A new random identity.</summary>
    public static KeyPair Generate()
    {
        Span<byte> seed = stackalloc byte[SeedSize];
        SodiumLibrary.FillRandom(seed);
        try
        {
            return new KeyPair(seed);
        }
        finally
        {
            SodiumLibrary.Wipe(seed);
        }
    }

    /// <summary>The identity that this seed always gives. The seed is as secret as the key; wiping it is the caller's work.</summary>
    /// <exception cref="ArgumentException"><paramref name="seed"/> is not 32 bytes.</exception>
    public static KeyPair FromSeed(ReadOnlySpan<byte> seed) =>
        seed.Length == SeedSize
            ? new KeyPair(seed)
            : throw new ArgumentException($"A seed is {SeedSize} bytes, not {seed.Length}.", nameof(seed));

    /// <summary>Signs these bytes. Signing the same bytes again gives the same signature.</summary>
    /// <returns>64 bytes.</returns>
    /// <exception cref="ObjectDisposedException">The secret was wiped.</exception>
    public byte[] Sign(ReadOnlySpan<byte> message)
    {
        byte[] signature = new byte[SignatureSize];
        Sign(message, signature);
        return signature;
    }

    /// <summary>Signs these bytes into a buffer of exactly 64 bytes.</summary>
    /// <exception cref="ArgumentException"><paramref name="signature"/> is not 64 bytes.</exception>
    /// <exception cref="ObjectDisposedException">The secret was wiped.</exception>
    public void Sign(ReadOnlySpan<byte> message, Span<byte> signature)
    {
        if (signature.Length != SignatureSize)
            throw new ArgumentException($"A signature is {SignatureSize} bytes, not {signature.Length}.", nameof(signature));

        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Ed25519.Sign(message, _secret, signature);
        }
    }

    /// <summary>The 64 bytes of the secret key, for <see cref="SecretFile"/> to write.</summary>
    internal void CopySecretTo(Span<byte> destination)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _secret.CopyTo(destination);
        }
    }

    /// <summary>Wipes the secret. The identity stays readable.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            SodiumLibrary.Wipe(_secret);
            _disposed = true;
        }
    }

    /// <summary>The public identity, never the secret.</summary>
    public override string ToString() => Id.ToString();
}
