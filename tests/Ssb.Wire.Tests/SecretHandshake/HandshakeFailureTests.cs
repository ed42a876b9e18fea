namespace Ssb.Wire.Tests;

/// <summary>Every way to fail, in each role that it can happen to. Each time the stream is closed and no secret is told.</summary>
public class HandshakeFailureTests : HandshakeScene
{
    public static TheoryData<string> EphemeralKeys => [.. WeakKeys.Ephemeral, .. WeakKeys.Ephemeral.Select(WithTopBit)];

    public static TheoryData<string> LongTermKeys => [.. WeakKeys.LongTerm];

    [Fact]
    public async Task WrongNetwork_AsServer()
    {
        Task<BoxStream> accepting = AcceptAsync(network: NetworkKey.Generate());
        Task<BoxStream> connecting = ConnectAsync();
        await AssertFailsAsync(accepting, HandshakeFailure.WrongNetwork, ServerEnd);
        // The client cannot tell: it hears nothing.
        await AssertFailsAsync(connecting, HandshakeFailure.Closed, ClientEnd);
    }

    [Fact]
    public async Task WrongNetwork_AsClient()
    {
        Task<BoxStream> connecting = ConnectAsync();
        using RawPeer server = RawServer(network: NetworkKey.Generate());
        await server.SendHelloAsync();
        await AssertFailsAsync(connecting, HandshakeFailure.WrongNetwork, ClientEnd);
        Assert.Equal(HandshakeState.HelloSize, ClientEnd.Written.Length); // it did not go on to its proof
    }

    [Fact]
    public async Task WrongKey_AsServer_WhoWasNotMeant()
    {
        Task<BoxStream> accepting = AcceptAsync();
        Task<BoxStream> connecting = ConnectAsync(server: Stranger.Id);
        await AssertFailsAsync(accepting, HandshakeFailure.WrongKey, ServerEnd);
        HandshakeException error = await AssertFailsAsync(connecting, HandshakeFailure.Refused, ClientEnd);
        Assert.Contains(Stranger.Id.ToString(), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WrongKey_AsServer_OfAClientThatClaimsAnothersKey()
    {
        Task<BoxStream> accepting = AcceptAsync();
        using RawPeer client = RawClient(keys: Stranger);
        _ = await client.AuthenticateForAsync(Server.Id);
        byte[] claim = client.State.SignedHello.ToArray();
        Client.Id.CopyTo(claim.AsSpan(64));
        await client.SendAsync(client.SealProof(Network.Span, claim));
        await AssertFailsAsync(accepting, HandshakeFailure.WrongKey, ServerEnd);
        Assert.Empty(await client.ReceiveAllAsync());
    }

    [Fact]
    public async Task WrongKey_AsServer_OfAProofFromAnEarlierHandshake()
    {
        Task<BoxStream> accepting = AcceptAsync();
        await using BoxStream client = await ConnectAsync().Guarded();
        await using BoxStream server = await accepting.Guarded();

        using var again = new DuplexPair();
        accepting = SecretHandshake.AcceptAsync(again.B, Server, Yes, Options);
        await again.A.WriteAsync(ClientEnd.Written);
        await AssertFailsAsync(accepting, HandshakeFailure.WrongKey, again.B);
    }

    [Fact]
    public async Task WrongKey_AsClient_OfAServerThatCannotAccept()
    {
        Task<BoxStream> connecting = ConnectAsync();
        using RawPeer server = RawServer(keys: Stranger); // it holds the network key, and not the one that was dialled
        await server.ReadHelloAsync();
        await server.SendHelloAsync();
        byte[] proof = await server.ReceiveAsync(HandshakeState.AuthenticateSize);
        Assert.True(server.State.TryAgreeAsServer());
        Assert.False(server.State.TryReadAuthenticate(proof)); // so it does not even learn who called
        await server.SendAsync(new byte[HandshakeState.AcceptSize]);
        await AssertFailsAsync(connecting, HandshakeFailure.WrongKey, ClientEnd);
    }

    [Fact]
    public async Task WrongKey_AsClient_OfAnAcceptanceWithOneByteWrong()
    {
        for (int at = 0; at < HandshakeState.AcceptSize; at++)
        {
            using var pair = new DuplexPair();
            Task<BoxStream> connecting = SecretHandshake.ConnectAsync(pair.A, Client, Server.Id, Options);
            using var server = new RawPeer(pair.B, Network, Server);
            byte[] acceptance = await server.AcceptanceAsync();
            acceptance[at] ^= 1;
            await server.SendAsync(acceptance);
            await AssertFailsAsync(connecting, HandshakeFailure.WrongKey, pair.A);
        }
    }

    [Fact]
    public async Task WrongKey_AsServer_OfAProofWithOneByteWrong()
    {
        for (int at = 0; at < HandshakeState.AuthenticateSize; at++)
        {
            using var pair = new DuplexPair();
            Task<BoxStream> accepting = SecretHandshake.AcceptAsync(pair.B, Server, Yes, Options);
            using var client = new RawPeer(pair.A, Network, Client);
            byte[] proof = await client.AuthenticateForAsync(Server.Id);
            proof[at] ^= 0x80;
            await client.SendAsync(proof);
            await AssertFailsAsync(accepting, HandshakeFailure.WrongKey, pair.B);
        }
    }

    [Fact]
    public async Task WrongNetwork_HelloWithOneByteWrong_InEachRole()
    {
        for (int at = 0; at < HandshakeState.HelloSize; at++)
        {
            using var pair = new DuplexPair();
            using var other = new RawPeer(pair.A, Network, Client);
            byte[] hello = other.Hello();
            hello[at] ^= 0x80;
            await other.SendAsync(hello);
            await AssertFailsAsync(SecretHandshake.AcceptAsync(pair.B, Server, Yes, Options), HandshakeFailure.WrongNetwork, pair.B);

            using var back = new DuplexPair();
            await back.B.WriteAsync(hello);
            await AssertFailsAsync(SecretHandshake.ConnectAsync(back.A, Client, Server.Id, Options), HandshakeFailure.WrongNetwork, back.A);
        }
    }

    [Fact]
    public async Task Refused_ByTheCallback_InBothRoles()
    {
        Task<BoxStream> accepting = AcceptAsync(No);
        Task<BoxStream> connecting = ConnectAsync();
        HandshakeException ours = await AssertFailsAsync(accepting, HandshakeFailure.Refused, ServerEnd);
        Assert.Contains(Client.Id.ToString(), ours.Message, StringComparison.Ordinal);
        HandshakeException theirs = await AssertFailsAsync(connecting, HandshakeFailure.Refused, ClientEnd);
        Assert.Contains(Server.Id.ToString(), theirs.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(EphemeralKeys))]
    public async Task WeakKey_EphemeralOfTheClient(string point)
    {
        Task<BoxStream> accepting = AcceptAsync((_, _) => throw new InvalidOperationException("Nobody is to be asked."));
        using RawPeer client = RawClient();
        Weaken(client, point);
        await client.SendHelloAsync();
        await AssertFailsAsync(accepting, HandshakeFailure.WeakKey, ServerEnd);
    }

    [Theory]
    [MemberData(nameof(EphemeralKeys))]
    public async Task WeakKey_EphemeralOfTheServer(string point)
    {
        Task<BoxStream> connecting = ConnectAsync();
        using RawPeer server = RawServer();
        Weaken(server, point);
        await server.SendHelloAsync();
        await AssertFailsAsync(connecting, HandshakeFailure.WeakKey, ClientEnd);
        Assert.Equal(HandshakeState.HelloSize, ClientEnd.Written.Length);
    }

    [Theory]
    [MemberData(nameof(LongTermKeys))]
    public async Task WeakKey_DialledByTheClient_GetsNothingButAHello(string key)
    {
        await AssertFailsAsync(ConnectAsync(server: new FeedId(Convert.FromHexString(key))), HandshakeFailure.WeakKey, ClientEnd);
        Assert.Equal(HandshakeState.HelloSize, ClientEnd.Written.Length); // which tells nothing of anybody
    }

    [Fact]
    public async Task WeakKey_OutsideTheMainSubgroup_DialledByTheClient()
    {
        var mixed = new FeedId(WeakKeys.MixedOrder(Filled(9)));
        await AssertFailsAsync(ConnectAsync(server: mixed), HandshakeFailure.WeakKey, ClientEnd);
    }

    // Such a key signs nothing that holds, so the proof already fails.
    [Theory]
    [MemberData(nameof(LongTermKeys))]
    public async Task WrongKey_LowOrderKeyOfTheClient(string key)
    {
        Task<BoxStream> accepting = AcceptAsync();
        using RawPeer client = RawClient();
        _ = await client.AuthenticateForAsync(Server.Id);

        // R = the key, s = 0: holds for a point of low order where nobody forbids them.
        byte[] point = Convert.FromHexString(key);
        await client.SendAsync(client.SealProof(Network.Span, [.. point, .. new byte[32], .. point]));
        await AssertFailsAsync(accepting, HandshakeFailure.WrongKey, ServerEnd);
        Assert.Empty(await client.ReceiveAllAsync());
    }

    [Fact]
    public async Task WeakKey_OutsideTheMainSubgroup_OfTheClient()
    {
        byte[] seed = Filled(9);
        Task<BoxStream> accepting = AcceptAsync((_, _) => throw new InvalidOperationException("Nobody is to be asked."));
        using RawPeer client = RawClient();
        _ = await client.AuthenticateForAsync(Server.Id);
        byte[] key = WeakKeys.MixedOrder(seed), server = new byte[FeedId.Size];
        Server.Id.CopyTo(server);
        byte[] signed = [.. Network.Span, .. server, .. client.State.HashAb];
        byte[] signature = WeakKeys.SignMixed(seed, signed);
        Assert.True(new FeedId(key).Verify(signed, signature)); // it does sign, so only its order can give it away

        await client.SendAsync(client.SealProof(Network.Span, [.. signature, .. key]));
        await AssertFailsAsync(accepting, HandshakeFailure.WeakKey, ServerEnd);
        Assert.Empty(await client.ReceiveAllAsync());
    }

    [Fact]
    public async Task Authorize_Throws_ComesOutUnchangedAndTheClientIsRefused()
    {
        var bug = new InvalidOperationException("a bug of the host");
        Task<BoxStream> accepting = AcceptAsync((_, _) => throw bug);
        Task<BoxStream> connecting = ConnectAsync();
        Assert.Same(bug, await Assert.ThrowsAsync<InvalidOperationException>(() => accepting.Guarded()));
        Assert.True(ServerEnd.IsDisposed);
        await AssertFailsAsync(connecting, HandshakeFailure.Refused, ClientEnd);
    }

    [Fact]
    public async Task Authorize_ThrowsWhatAStreamThrows_ComesOutUnchanged()
    {
        foreach (Exception bug in (Exception[])[new IOException("the address book's disk"), new ObjectDisposedException("book"), new OperationCanceledException()])
        {
            using var pair = new DuplexPair();
            Task<BoxStream> accepting = SecretHandshake.AcceptAsync(pair.B, Server, (_, _) => ValueTask.FromException<bool>(bug), Options);
            Task<BoxStream> connecting = SecretHandshake.ConnectAsync(pair.A, Client, Server.Id, Options);
            Assert.Same(bug, await Assert.ThrowsAsync(bug.GetType(), () => accepting.Guarded()));
            Assert.True(pair.B.IsDisposed);
            await AssertFailsAsync(connecting, HandshakeFailure.Refused, pair.A);
        }
    }

    private static string WithTopBit(string point)
    {
        byte[] bytes = Convert.FromHexString(point);
        bytes[31] |= 0x80; // X25519 ignores this bit
        return Convert.ToHexStringLower(bytes);
    }

    private void Weaken(RawPeer peer, string point)
    {
        Convert.FromHexString(point).CopyTo(peer.State.Ephemeral);
        Ssb.Wire.Sodium.Hashes.Authenticate(peer.State.Ephemeral, Network.Span, peer.State.LocalMac);
    }
}
