namespace Ssb.Wire.Tests;

/// <summary>Who is not let in learns nothing from how it is turned away.</summary>
public class HandshakeStrangerTests : HandshakeScene
{
    public enum Reason
    {
        NotAuthorized,
        AuthorizeThrows,
        AuthorizeTakesTooLong,
        HostCancels,
        WrongSignature,
        AnotherServerMeant,
        MixedOrderKey,
        Garbage,
    }

    [Theory]
    [InlineData(Reason.NotAuthorized)]
    [InlineData(Reason.AuthorizeThrows)]
    [InlineData(Reason.AuthorizeTakesTooLong)]
    [InlineData(Reason.HostCancels)]
    [InlineData(Reason.WrongSignature)]
    [InlineData(Reason.AnotherServerMeant)]
    [InlineData(Reason.MixedOrderKey)]
    [InlineData(Reason.Garbage)]
    public async Task Refusal_WhateverTheReason_IsSilent(Reason reason)
    {
        using var cancellation = new CancellationTokenSource();
        Task<BoxStream> accepting = AcceptAsync(
            async (_, cancellationToken) =>
            {
                if (reason == Reason.HostCancels)
                    await cancellation.CancelAsync();
                if (reason == Reason.AuthorizeThrows)
                    throw new InvalidOperationException();
                if (reason == Reason.AuthorizeTakesTooLong)
                    Time.Advance(TimeSpan.FromSeconds(5));
                cancellationToken.ThrowIfCancellationRequested();
                return false;
            },
            cancellationToken: cancellation.Token);
        using RawPeer client = RawClient();
        byte[] proof = await client.AuthenticateForAsync(reason == Reason.AnotherServerMeant ? Stranger.Id : Server.Id);
        await client.SendAsync(reason switch
        {
            Reason.WrongSignature => client.SealProof(Network.Span, new byte[96]),
            Reason.MixedOrderKey => client.SealProof(Network.Span, [.. new byte[64], .. WeakKeys.MixedOrder(Filled(9))]),
            Reason.Garbage => new byte[HandshakeState.AuthenticateSize],
            _ => proof,
        });
        await Assert.ThrowsAnyAsync<Exception>(() => accepting.Guarded());

        Assert.Empty(await client.ReceiveAllAsync()); // and its stream ended
        Assert.Equal(HandshakeState.HelloSize, ServerEnd.Written.Length);
    }

    [Fact]
    public async Task AnotherNetwork_HearsNotEvenAHello()
    {
        Task<BoxStream> accepting = AcceptAsync();
        using RawPeer client = RawClient(network: NetworkKey.Generate());
        await client.SendHelloAsync();
        await AssertFailsAsync(accepting, HandshakeFailure.WrongNetwork, ServerEnd);
        Assert.Empty(await client.ReceiveAllAsync());
        Assert.Empty(ServerEnd.Written);
    }

    // The identities travel sealed: nobody on the way sees who calls whom.
    [Fact]
    public async Task Handshake_OnTheWire_ShowsNoIdentityAndNoNetworkKey()
    {
        Task<BoxStream> accepting = AcceptAsync();
        await using BoxStream client = await ConnectAsync().Guarded();
        await using BoxStream server = await accepting.Guarded();
        byte[] wire = [.. ClientEnd.Written, .. ServerEnd.Written];
        Assert.Equal(64 + 112 + 64 + 80, wire.Length);
        byte[] clientKey = new byte[32], serverKey = new byte[32];
        Client.Id.CopyTo(clientKey);
        Server.Id.CopyTo(serverKey);
        foreach (byte[] hidden in (byte[][])[clientKey, serverKey, Filled(4), KeyTests.SecretOf(Client)[..32], KeyTests.SecretOf(Server)[..32]])
            Assert.Equal(-1, wire.AsSpan().IndexOf(hidden.AsSpan(0, 8)));
    }
}
