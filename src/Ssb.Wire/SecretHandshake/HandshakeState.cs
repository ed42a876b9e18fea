// Secret handshake, version 1: https://ssbc.github.io/scuttlebutt-protocol-guide/#handshake
// K = network key, (A, B) = long-term Ed25519 keys of client and server, (a, b) = their ephemeral X25519 keys, x.Y = X25519 agreement.
//
//   1. client hello         64  HMAC(K, a) 32 | a 32
//   2. server hello         64  HMAC(K, b) 32 | b 32
//   3. client authenticate 112  secretbox, key SHA256(K a.b a.B):     sign(A: K B SHA256(a.b)) 64 | A 32
//   4. server accept        80  secretbox, key SHA256(K a.b a.B A.b): sign(B: K (sign(A: ...) A) SHA256(a.b)) 64
//
// HMAC is HMAC-SHA-512-256; both boxes have a nonce of zeros, as each key is used once. Then, with s = SHA256(SHA256(K a.b a.B A.b)):
// one seals with SHA256(s, the other's long-term key) and nonces from the other's HMAC(K, ephemeral)[0..24], and opens with its own.
using System.Collections.Concurrent;
using System.Diagnostics;
using Ssb.Wire.Sodium;

namespace Ssb.Wire;

/// <summary>The steps of one handshake, on bytes alone. A step that returns false ends it.</summary>
/// <remarks>Not thread-safe. All that is secret lies in one pinned array, which is wiped on <see cref="Dispose"/>.</remarks>
internal sealed class HandshakeState : IDisposable
{
    public const int HelloSize = 64;
    public const int AuthenticateSize = 112;
    public const int AcceptSize = 80;

    private const int KeySize = Curve25519.Size;

    // Used again and again, as pinned arrays that come and go leave holes between those that stay.
    private const int KeptMemories = 64;
    private static readonly ConcurrentQueue<byte[]> s_memories = [];

    private readonly byte[] _memory = s_memories.TryDequeue(out byte[]? memory) ? memory : GC.AllocateArray<byte>(23 * KeySize, pinned: true);
    private bool _disposed;

    // The order of the first four matters: what is hashed to make a key lies side by side.
    private Span<byte> Network => Part(0);
    internal Span<byte> SharedAb => Part(1);
    internal Span<byte> SharedAB => Part(2); // a.B: the client's ephemeral with the server's long-term key
    internal Span<byte> SharedBA => Part(3); // A.b: the client's long-term with the server's ephemeral key
    internal Span<byte> HashAb => Part(4);
    internal Span<byte> EphemeralSecret => Part(5);
    internal Span<byte> Ephemeral => Part(6);
    internal Span<byte> LocalMac => Part(7);
    internal Span<byte> RemoteEphemeral => Part(8);
    internal Span<byte> RemoteMac => Part(9);
    internal Span<byte> LocalKey => Part(10);
    internal Span<byte> RemoteKey => Part(11);
    private Span<byte> LocalSecret => Part(12, 2);
    internal Span<byte> SignedHello => Part(14, 3); // sign(A: K B SHA256(a.b)) | A
    private Span<byte> Scratch => Part(17, 5); // holds what is joined to be signed or hashed
    private Span<byte> ServerCurve => Part(22); // client: B as X25519 has it. Converting costs more than an agreement, so once

    /// <summary>A handshake with a new ephemeral key.</summary>
    /// <param name="network">The network key of both.</param>
    /// <param name="local">Our identity. Its secret is copied, so that it may be disposed meanwhile.</param>
    /// <exception cref="ObjectDisposedException">The secret of <paramref name="local"/> was wiped.</exception>
    public HandshakeState(NetworkKey network, KeyPair local)
    {
        network.Span.CopyTo(Network);
        local.CopySecretTo(LocalSecret);
        local.Id.CopyTo(LocalKey);
    }

    public FeedId Remote => new(RemoteKey);

    public void Dispose()
    {
        if (_disposed)
            return;

        _disposed = true;
        SodiumLibrary.Wipe(_memory);
        if (s_memories.Count < KeptMemories)
            s_memories.Enqueue(_memory);
    }

    /// <summary>Client: whom it wants to meet.</summary>
    /// <returns>false if nobody can hold that key, as it is no point of the curve's main subgroup.</returns>
    public bool TryAim(FeedId server)
    {
        server.CopyTo(RemoteKey);
        return Curve25519.TryFromEd25519Public(RemoteKey, ServerCurve);
    }

    /// <summary>Both: a new ephemeral key.</summary>
    public void MakeEphemeral()
    {
        SodiumLibrary.FillRandom(EphemeralSecret);
        Curve25519.PublicFromSecret(EphemeralSecret, Ephemeral);
        Hashes.Authenticate(Ephemeral, Network, LocalMac);
    }

    /// <summary>Both: messages 1 and 2.</summary>
    public void WriteHello(Span<byte> hello)
    {
        Debug.Assert(hello.Length == HelloSize);
        LocalMac.CopyTo(hello);
        Ephemeral.CopyTo(hello[KeySize..]);
    }

    /// <summary>Both: messages 1 and 2.</summary>
    /// <returns>false if the other does not know the network key.</returns>
    public bool TryReadHello(ReadOnlySpan<byte> hello)
    {
        Debug.Assert(hello.Length == HelloSize);
        if (!Hashes.IsAuthentic(hello[..KeySize], hello[KeySize..], Network))
            return false;

        hello[..KeySize].CopyTo(RemoteMac);
        hello[KeySize..].CopyTo(RemoteEphemeral);
        return true;
    }

    /// <summary>Both, after both hellos: a.b.</summary>
    /// <returns>false if the other's ephemeral key is a point of low order.</returns>
    public bool TryAgree()
    {
        if (!Curve25519.TryAgree(EphemeralSecret, RemoteEphemeral, SharedAb))
            return false;

        Hashes.Sha256(SharedAb, HashAb);
        return true;
    }

    /// <summary>Client, after <see cref="TryAim"/>: a.B. It needs nothing from the server.</summary>
    public bool TryAgreeWithServerKey() => Curve25519.TryAgree(EphemeralSecret, ServerCurve, SharedAB);

    /// <summary>Client: message 3.</summary>
    public void WriteAuthenticate(Span<byte> authenticate)
    {
        Debug.Assert(authenticate.Length == AuthenticateSize);
        Ed25519.Sign(Join(Network, RemoteKey, HashAb), LocalSecret, SignedHello[..Ed25519.SignatureSize]);
        LocalKey.CopyTo(SignedHello[Ed25519.SignatureSize..]);
        Box(SignedHello, keyParts: 3, authenticate);
    }

    /// <summary>Server, after <see cref="TryAgree"/>: a.B, which opens message 3.</summary>
    public bool TryAgreeAsServer()
    {
        Span<byte> curve = stackalloc byte[KeySize];
        Curve25519.FromEd25519Secret(LocalSecret, curve);
        bool agreed = Curve25519.TryAgree(curve, RemoteEphemeral, SharedAB);
        SodiumLibrary.Wipe(curve);
        return agreed;
    }

    /// <summary>Server: message 3. Afterwards <see cref="Remote"/> is known and proven.</summary>
    /// <returns>false if the client meant another server, or does not hold the key that it claims.</returns>
    public bool TryReadAuthenticate(ReadOnlySpan<byte> authenticate)
    {
        Debug.Assert(authenticate.Length == AuthenticateSize);
        if (!TryUnbox(authenticate, keyParts: 3, SignedHello))
            return false;

        ReadOnlySpan<byte> client = SignedHello[Ed25519.SignatureSize..];
        if (!Ed25519.Verify(SignedHello[..Ed25519.SignatureSize], Join(Network, LocalKey, HashAb), client))
            return false;

        client.CopyTo(RemoteKey);
        return true;
    }

    /// <summary>Server, after message 3: A.b.</summary>
    /// <returns>false if the client's key is no point of the curve's main subgroup.</returns>
    public bool TryAgreeWithClientKey()
    {
        Span<byte> curve = stackalloc byte[KeySize];
        return Curve25519.TryFromEd25519Public(RemoteKey, curve) && Curve25519.TryAgree(EphemeralSecret, curve, SharedBA);
    }

    /// <summary>Server: message 4.</summary>
    public void WriteAccept(Span<byte> accept)
    {
        Debug.Assert(accept.Length == AcceptSize);
        Span<byte> signature = stackalloc byte[Ed25519.SignatureSize];
        Ed25519.Sign(Join(Network, SignedHello, HashAb), LocalSecret, signature);
        Box(signature, keyParts: 4, accept);
    }

    /// <summary>Client, after message 2: A.b, which opens message 4.</summary>
    public bool TryAgreeAsClient()
    {
        Span<byte> curve = stackalloc byte[KeySize];
        Curve25519.FromEd25519Secret(LocalSecret, curve);
        bool agreed = Curve25519.TryAgree(curve, RemoteEphemeral, SharedBA);
        SodiumLibrary.Wipe(curve);
        return agreed;
    }

    /// <summary>Client: message 4.</summary>
    /// <returns>false if the other does not hold the key that the client dialled.</returns>
    public bool TryReadAccept(ReadOnlySpan<byte> accept)
    {
        Debug.Assert(accept.Length == AcceptSize);
        Span<byte> signature = stackalloc byte[Ed25519.SignatureSize];
        return TryUnbox(accept, keyParts: 4, signature)
            && Ed25519.Verify(signature, Join(Network, SignedHello, HashAb), RemoteKey);
    }

    /// <summary>Both, at the end: the keys of the box stream.</summary>
    public BoxStreamKeys MakeKeys()
    {
        Span<byte> secret = stackalloc byte[KeySize];
        MakeBoxKey(keyParts: 4, secret);
        Hashes.Sha256(secret, secret);
        var keys = new BoxStreamKeys();
        Hashes.Sha256(Join(secret, RemoteKey), keys.SealKey);
        Hashes.Sha256(Join(secret, LocalKey), keys.OpenKey);
        RemoteMac[..SecretBox.NonceSize].CopyTo(keys.SealNonce);
        LocalMac[..SecretBox.NonceSize].CopyTo(keys.OpenNonce);
        SodiumLibrary.Wipe(secret);
        return keys;
    }

    private void Box(ReadOnlySpan<byte> message, int keyParts, Span<byte> box)
    {
        Span<byte> key = stackalloc byte[KeySize];
        Span<byte> nonce = stackalloc byte[SecretBox.NonceSize];
        nonce.Clear();
        MakeBoxKey(keyParts, key);
        SecretBox.Seal(message, nonce, key, box);
        SodiumLibrary.Wipe(key);
    }

    private bool TryUnbox(ReadOnlySpan<byte> box, int keyParts, Span<byte> message)
    {
        Span<byte> key = stackalloc byte[KeySize];
        Span<byte> nonce = stackalloc byte[SecretBox.NonceSize];
        nonce.Clear();
        MakeBoxKey(keyParts, key);
        bool opened = SecretBox.TryOpen(box, nonce, key, message);
        SodiumLibrary.Wipe(key);
        return opened;
    }

    // Not a new array: what is joined is in part secret, and is wiped with the rest.
    private ReadOnlySpan<byte> Join(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c = default)
    {
        a.CopyTo(Scratch);
        b.CopyTo(Scratch[a.Length..]);
        c.CopyTo(Scratch[(a.Length + b.Length)..]);
        return Scratch[..(a.Length + b.Length + c.Length)];
    }

    private void MakeBoxKey(int keyParts, Span<byte> key) => Hashes.Sha256(Part(0, keyParts), key);

    private Span<byte> Part(int index, int count = 1) => _memory.AsSpan(index * KeySize, count * KeySize);
}
