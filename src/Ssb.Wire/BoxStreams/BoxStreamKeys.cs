using System.Diagnostics;
using Ssb.Wire.Sodium;

namespace Ssb.Wire;

/// <summary>What a handshake leaves behind: a key and a first nonce for each direction of a box stream.</summary>
/// <remarks>Belongs to one <see cref="BoxStream"/>, which advances the nonces and wipes the keys when it is disposed: using the same
/// keys and nonces twice would give the messages away. Appears in no text.</remarks>
[DebuggerDisplay("keys of a box stream")]
public sealed class BoxStreamKeys : IDisposable
{
    /// <summary>Bytes of a key: 32.</summary>
    public const int KeySize = SecretBox.KeySize;

    /// <summary>Bytes of a nonce: 24.</summary>
    public const int NonceSize = SecretBox.NonceSize;

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly byte[] _memory = GC.AllocateArray<byte>(2 * (KeySize + NonceSize), pinned: true);

    internal BoxStreamKeys()
    {
    }

    /// <summary>Copies the keys and nonces, for who made them with another implementation of the handshake.</summary>
    /// <param name="sealKey">32 bytes: what we send is sealed with it.</param>
    /// <param name="sealNonce">24 bytes: the nonce of the first header that we send.</param>
    /// <param name="openKey">32 bytes: what we receive is opened with it.</param>
    /// <param name="openNonce">24 bytes: the nonce of the first header that we receive.</param>
    /// <exception cref="ArgumentException">One of them has another length.</exception>
    public BoxStreamKeys(ReadOnlySpan<byte> sealKey, ReadOnlySpan<byte> sealNonce, ReadOnlySpan<byte> openKey, ReadOnlySpan<byte> openNonce)
    {
        if (sealKey.Length != KeySize || openKey.Length != KeySize)
            throw new ArgumentException($"A key is {KeySize} bytes, not {sealKey.Length} and {openKey.Length}.");
        if (sealNonce.Length != NonceSize || openNonce.Length != NonceSize)
            throw new ArgumentException($"A nonce is {NonceSize} bytes, not {sealNonce.Length} and {openNonce.Length}.");

        sealKey.CopyTo(SealKey);
        openKey.CopyTo(OpenKey);
        sealNonce.CopyTo(SealNonce);
        openNonce.CopyTo(OpenNonce);
    }

    internal Span<byte> SealKey => _memory.AsSpan(0, KeySize);

    internal Span<byte> OpenKey => _memory.AsSpan(KeySize, KeySize);

    internal Span<byte> SealNonce => _memory.AsSpan(2 * KeySize, NonceSize);

    internal Span<byte> OpenNonce => _memory.AsSpan(2 * KeySize + NonceSize, NonceSize);

    /// <summary>Wipes the keys.</summary>
    public void Dispose() => SodiumLibrary.Wipe(_memory);

    /// <summary>The nonce after this one: a big-endian number of 24 bytes, one higher.</summary>
    internal static void Increment(Span<byte> nonce)
    {
        for (int i = nonce.Length - 1; i >= 0 && ++nonce[i] == 0; i--)
        {
            // Carries into the next higher byte.
        }
    }
}
