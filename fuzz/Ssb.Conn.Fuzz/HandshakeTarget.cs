using Ssb.Wire;
using Ssb.Wire.Sodium;

namespace Ssb.Conn.Fuzz;

/// <summary>The secret handshake, in both roles, against a peer that is honest up to a point.</summary>
/// <remarks>
/// Input: choices 1 | bytes. Of the choices, bit 0 is our role (1: server), bits 1 and 2 say how many messages of the other side are
/// honest (it has two), bits 3 and 4 what the bytes are from then on: 0, the bytes themselves; 1, xored with what is sent; 2 and 3,
/// xored with what is authenticated and sealed, which only who knows the network key can do. Bit 5: one byte a read.
/// </remarks>
internal sealed class HandshakeTarget : IDisposable
{
    // Made at their first use: instrumented code must not run before somebody gave it its map of branches.
    private static KeyPair Ours => field ??= KeyPair.FromSeed(Enumerable.Repeat((byte)1, 32).ToArray());

    private static KeyPair Theirs => field ??= KeyPair.FromSeed(Enumerable.Repeat((byte)2, 32).ToArray());

    private static HandshakeOptions Options => field ??= new HandshakeOptions { Deadline = Timeout.InfiniteTimeSpan };

    private readonly HandshakeState _theirs = new(NetworkKey.Main, Theirs);
    private readonly List<byte> _received = []; // what we wrote
    private readonly bool _weServe;
    private readonly int _honestMessages;
    private readonly int _mode;
    private ReadOnlyMemory<byte> _bytes;
    private int _sent;
    private bool _isHonest = true; // so far

    private HandshakeTarget(byte choices, ReadOnlyMemory<byte> bytes)
    {
        _weServe = (choices & 1) != 0;
        _honestMessages = (choices >> 1) & 3;
        _mode = (choices >> 3) & 3;
        _bytes = bytes;
    }

    public void Dispose() => _theirs.Dispose();

    public static void Run(byte[] input)
    {
        if (input.Length == 0)
            return;

        using var target = new HandshakeTarget(input[0], input.AsMemory(1));
        target.Run(chunk: (input[0] & 32) != 0 ? 1 : int.MaxValue);
    }

    private void Run(int chunk)
    {
        using var stream = new ScriptedStream(Next, chunk) { OnWrite = bytes => _received.AddRange(bytes.Span) };
        Task<BoxStream> handshake = _weServe
            ? SecretHandshake.AcceptAsync(stream, Ours, (client, _) => new ValueTask<bool>(client == Theirs.Id), Options)
            : SecretHandshake.ConnectAsync(stream, Ours, Theirs.Id, Options);
        Targets.Require(handshake.IsCompleted, "It waits, and nothing more comes.");
        try
        {
            using BoxStream box = handshake.GetAwaiter().GetResult();
            Targets.Require(_isHonest && _sent == 2, "A handshake was finished that was not honest.");
            Targets.Require(box.Remote == Theirs.Id, "Somebody else.");
            Targets.Require(!stream.IsDisposed, "The stream was closed.");
        }
        catch (HandshakeException e)
        {
            Targets.Require(!_isHonest || _sent < 2, $"An honest handshake failed: {e.Message}");
            Targets.Require(e.Failure != HandshakeFailure.TimedOut, "It timed out without a deadline.");
        }

        Targets.Require(stream.IsDisposed, "The stream was left open.");
    }

    private ReadOnlyMemory<byte> Next()
    {
        if (_mode == 0 && _sent >= _honestMessages)
        {
            _isHonest &= _sent >= 2; // who is done may write on
            _sent = 2;
            return Take(_bytes.Length);
        }

        _sent++;
        return (_weServe, _sent) switch
        {
            (_, > 2) => default,
            (_, 1) => Hello(),
            (true, _) => Authenticate(),
            _ => Accept(),
        };
    }

    private byte[] Hello()
    {
        _theirs.MakeEphemeral();
        byte[] hello = new byte[HandshakeState.HelloSize];
        _theirs.WriteHello(hello);
        if (_weServe)
        {
            Targets.Require(_theirs.TryAim(Ours.Id) && _theirs.TryAgreeWithServerKey(), "An honest client cannot begin.");
        }
        else
        {
            Targets.Require(_theirs.TryReadHello(Received(0, HandshakeState.HelloSize)), "Our hello is wrong.");
            Targets.Require(_theirs.TryAgree() && _theirs.TryAgreeAsServer(), "Our ephemeral key is weak.");
        }

        if (_mode < 2)
        {
            Change(hello);
            return hello;
        }

        // X25519 does not look at the last bit of a key.
        Span<byte> ephemeral = hello.AsSpan(32);
        Change(ephemeral, ignoredInLast: 0x80);
        Hashes.Authenticate(ephemeral, NetworkKey.Main.Span, hello.AsSpan(0, 32));
        return hello;
    }

    private byte[] Authenticate()
    {
        Targets.Require(_theirs.TryReadHello(Received(0, HandshakeState.HelloSize)), "Our hello is wrong.");
        Targets.Require(_theirs.TryAgree() && _theirs.TryAgreeAsClient(), "Our ephemeral key is weak.");
        byte[] authenticate = new byte[HandshakeState.AuthenticateSize];
        _theirs.WriteAuthenticate(authenticate);
        if (_mode < 2)
            Change(authenticate);
        else
            SealChanged(authenticate, _theirs.SharedAb, _theirs.SharedAB, default);
        return authenticate;
    }

    private byte[] Accept()
    {
        byte[] accept = new byte[HandshakeState.AcceptSize];
        bool opened = _theirs.TryReadAuthenticate(Received(HandshakeState.HelloSize, HandshakeState.AuthenticateSize));
        Targets.Require(opened || !_isHonest, "Our proof is wrong.");
        if (!opened || !_theirs.TryAgreeWithClientKey())
            return accept;

        _theirs.WriteAccept(accept);
        if (_mode < 2)
            Change(accept);
        else
            SealChanged(accept, _theirs.SharedAb, _theirs.SharedAB, _theirs.SharedBA);
        return accept;
    }

    private void SealChanged(byte[] box, ReadOnlySpan<byte> ab, ReadOnlySpan<byte> aB, ReadOnlySpan<byte> bA)
    {
        byte[] key = new byte[32], nonce = new byte[SecretBox.NonceSize], plain = new byte[box.Length - SecretBox.MacSize];
        Hashes.Sha256([.. NetworkKey.Main.Span, .. ab, .. aB, .. bA], key);
        Targets.Require(SecretBox.TryOpen(box, nonce, key, plain), "The other side seals with another key than it should.");
        Change(plain);
        SecretBox.Seal(plain, nonce, key, box);
    }

    private void Change(Span<byte> message, byte ignoredInLast = 0)
    {
        if (_sent <= _honestMessages)
            return;

        ReadOnlySpan<byte> change = Take(message.Length).Span;
        for (int i = 0; i < change.Length; i++)
        {
            message[i] ^= change[i];
            byte ignored = i == message.Length - 1 ? ignoredInLast : (byte)0;
            _isHonest &= (change[i] & ~ignored) == 0;
        }
    }

    private ReadOnlySpan<byte> Received(int start, int length)
    {
        Targets.Require(_received.Count == start + length, $"We sent {_received.Count} bytes.");
        return _received.Skip(start).ToArray();
    }

    private ReadOnlyMemory<byte> Take(int most)
    {
        ReadOnlyMemory<byte> taken = _bytes[..Math.Min(most, _bytes.Length)];
        _bytes = _bytes[taken.Length..];
        return taken;
    }
}
