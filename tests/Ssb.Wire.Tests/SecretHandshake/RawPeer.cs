using Ssb.Wire.Sodium;

namespace Ssb.Wire.Tests;

/// <summary>One side of a handshake, a step at a time, so that any step can be done wrongly.</summary>
internal sealed class RawPeer : IDisposable
{
    private readonly DuplexPair.End _end;

    public RawPeer(DuplexPair.End end, NetworkKey network, KeyPair keys)
    {
        _end = end;
        State = new HandshakeState(network, keys);
        State.MakeEphemeral();
    }

    public HandshakeState State { get; }

    public void Dispose() => State.Dispose();

    public Task SendAsync(byte[] bytes) => _end.WriteAsync(bytes).Guarded();

    public Task SendHelloAsync() => SendAsync(Hello());

    public byte[] Hello()
    {
        byte[] hello = new byte[HandshakeState.HelloSize];
        State.WriteHello(hello);
        return hello;
    }

    public async Task ReadHelloAsync()
    {
        Assert.True(State.TryReadHello(await ReceiveAsync(HandshakeState.HelloSize)));
        Assert.True(State.TryAgree());
    }

    /// <summary>As a client: all that comes before the proof, with the proof.</summary>
    public async Task<byte[]> AuthenticateForAsync(FeedId server)
    {
        Assert.True(State.TryAim(server));
        await SendHelloAsync();
        Assert.True(State.TryAgreeWithServerKey());
        await ReadHelloAsync();
        byte[] proof = new byte[HandshakeState.AuthenticateSize];
        State.WriteAuthenticate(proof);
        return proof;
    }

    /// <summary>As a client, after <see cref="AuthenticateForAsync"/>: a proof with other contents, sealed as it should be.</summary>
    public byte[] SealProof(ReadOnlySpan<byte> network, ReadOnlySpan<byte> contents)
    {
        byte[] key = new byte[32], proof = new byte[HandshakeState.AuthenticateSize];
        Hashes.Sha256([.. network, .. State.SharedAb, .. State.SharedAB], key);
        SecretBox.Seal(contents, new byte[SecretBox.NonceSize], key, proof);
        return proof;
    }

    /// <summary>As a server: all that comes before the acceptance, and the acceptance.</summary>
    public async Task<byte[]> AcceptanceAsync()
    {
        await ReadHelloAsync();
        await SendHelloAsync();
        Assert.True(State.TryAgreeAsServer());
        Assert.True(State.TryReadAuthenticate(await ReceiveAsync(HandshakeState.AuthenticateSize)));
        Assert.True(State.TryAgreeWithClientKey());
        byte[] acceptance = new byte[HandshakeState.AcceptSize];
        State.WriteAccept(acceptance);
        return acceptance;
    }

    public async Task<byte[]> ReceiveAsync(int count)
    {
        byte[] bytes = new byte[count];
        await _end.ReadExactlyAsync(bytes).Guarded();
        return bytes;
    }

    /// <summary>Everything until the other side closes.</summary>
    public async Task<byte[]> ReceiveAllAsync()
    {
        using var all = new MemoryStream();
        await _end.CopyToAsync(all).Guarded();
        return all.ToArray();
    }
}
