namespace Ssb.Wire.Tests;

public class HandshakeTests : HandshakeScene
{
    private readonly List<FeedId> _asked = [];

    [Fact]
    public async Task Handshake_BothRoles_KnowEachOtherAndTalk()
    {
        Task<BoxStream> accepting = AcceptAsync(Ask);
        await using BoxStream client = await ConnectAsync().Guarded();
        await using BoxStream server = await accepting.Guarded();

        Assert.Equal(Server.Id, client.Remote);
        Assert.Equal(Client.Id, server.Remote);
        Assert.Equal([Client.Id], _asked);
        await AssertTalkAsync(client, server);
    }

    [Fact]
    public async Task Handshake_BytesOneByOne_Succeeds()
    {
        Task<BoxStream> accepting = SecretHandshake.AcceptAsync(new SingleByteStream(ServerEnd), Server, Ask, Options);
        await using BoxStream client = await SecretHandshake.ConnectAsync(new SingleByteStream(ClientEnd), Client, Server.Id, Options).Guarded();
        await using BoxStream server = await accepting.Guarded();
        await AssertTalkAsync(client, server);
    }

    [Fact]
    public async Task Handshake_WithoutOptions_IsOnTheMainNetwork()
    {
        Task<BoxStream> accepting = SecretHandshake.AcceptAsync(ServerEnd, Server, Yes);
        await using BoxStream client = await SecretHandshake.ConnectAsync(
            ClientEnd, Client, Server.Id, new HandshakeOptions { Network = NetworkKey.Parse("1KHLiKZvAvjbY1ziZEHMXawbCEIM6qwjCDm3VYRan/s=") }).Guarded();
        await using BoxStream server = await accepting.Guarded();
        await AssertTalkAsync(client, server);
    }

    [Fact]
    public async Task Handshake_WithOneself_Succeeds()
    {
        Task<BoxStream> accepting = AcceptAsync();
        await using BoxStream client = await SecretHandshake.ConnectAsync(ClientEnd, Server, Server.Id, Options).Guarded();
        await using BoxStream server = await accepting.Guarded();
        Assert.Equal(Server.Id, server.Remote);
        await AssertTalkAsync(client, server);
    }

    [Fact]
    public async Task Handshake_Twice_SharesNoBytes()
    {
        Task<BoxStream> accepting = AcceptAsync();
        await using BoxStream client = await ConnectAsync().Guarded();
        await using BoxStream server = await accepting.Guarded();
        using var again = new DuplexPair();
        Task<BoxStream> acceptingAgain = SecretHandshake.AcceptAsync(again.B, Server, Yes, Options);
        await using BoxStream clientAgain = await SecretHandshake.ConnectAsync(again.A, Client, Server.Id, Options).Guarded();
        await using BoxStream serverAgain = await acceptingAgain.Guarded();

        // The same two peers on the same network: only fresh ephemeral keys make the difference.
        Assert.Empty(ClientEnd.Written.Chunk(16).Select(Convert.ToHexString).Intersect(again.A.Written.Chunk(16).Select(Convert.ToHexString)));
        Assert.Empty(ServerEnd.Written.Chunk(16).Select(Convert.ToHexString).Intersect(again.B.Written.Chunk(16).Select(Convert.ToHexString)));
    }

    [Fact]
    public async Task Handshake_FirstPacketRightBehindTheProof_IsNotLost()
    {
        using var released = new SemaphoreSlim(0);
        Task<BoxStream> accepting = AcceptAsync(async (_, cancellationToken) =>
        {
            await released.WaitAsync(cancellationToken);
            return true;
        });
        using RawPeer client = RawClient();
        byte[] proof = await client.AuthenticateForAsync(Server.Id);
        Assert.True(client.State.TryAgreeAsClient());
        using var early = new MemoryStream();
        await using (var sealing = new BoxStream(early, client.State.MakeKeys(), Server.Id))
        {
            await sealing.WriteAsync("early"u8.ToArray());
            await client.SendAsync([.. proof, .. early.ToArray()]);
        }

        released.Release();
        await using BoxStream server = await accepting.Guarded();
        byte[] read = new byte[5];
        await server.ReadExactlyAsync(read).Guarded();
        Assert.Equal("early"u8.ToArray(), read);
    }

    [Fact]
    public async Task Handshake_KeyPairsDisposedMeanwhile_DoesNoHarm()
    {
        Task<BoxStream> accepting = AcceptAsync();
        Server.Dispose();
        Task<BoxStream> connecting = SecretHandshake.ConnectAsync(ClientEnd, Client, Server.Id, Options);
        Client.Dispose();
        await using BoxStream client = await connecting.Guarded();
        await using BoxStream server = await accepting.Guarded();
        await AssertTalkAsync(client, server);
    }

    [Fact]
    public void Handshake_KeyPairDisposedBefore_ThrowsAtOnce()
    {
        Client.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { _ = ConnectAsync(); });
        Server.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { _ = AcceptAsync(); });
    }

    [Fact]
    public async Task Deadline_PassesAfterSuccess_LeavesTheStreamOpen()
    {
        using var cancellation = new CancellationTokenSource();
        Task<BoxStream> accepting = AcceptAsync(cancellationToken: cancellation.Token);
        await using BoxStream client = await ConnectAsync(cancellationToken: cancellation.Token).Guarded();
        await using BoxStream server = await accepting.Guarded();
        Time.Advance(TimeSpan.FromHours(1));
        await cancellation.CancelAsync();
        Assert.False(ClientEnd.IsDisposed || ServerEnd.IsDisposed);
        await AssertTalkAsync(client, server);
    }

    [Fact]
    public async Task Deadline_Infinite_NeverPasses()
    {
        HandshakeOptions patient = Options with { Deadline = Timeout.InfiniteTimeSpan };
        Task<BoxStream> accepting = SecretHandshake.AcceptAsync(ServerEnd, Server, Yes, patient);
        Time.Advance(TimeSpan.FromDays(1_000));
        await using BoxStream client = await SecretHandshake.ConnectAsync(ClientEnd, Client, Server.Id, patient).Guarded();
        await using BoxStream server = await accepting.Guarded();
        await AssertTalkAsync(client, server);
    }

    [Fact]
    public async Task Keys_OfBothSides_AreEachOthers()
    {
        // Each direction has a key and a nonce of its own.
        Task<BoxStream> accepting = AcceptAsync();
        using RawPeer client = RawClient();
        await client.SendAsync(await client.AuthenticateForAsync(Server.Id));
        Assert.True(client.State.TryAgreeAsClient());
        Assert.True(client.State.TryReadAccept(await client.ReceiveAsync(HandshakeState.AcceptSize)));
        using BoxStreamKeys keys = client.State.MakeKeys();
        Assert.NotEqual(keys.SealKey.ToArray(), keys.OpenKey.ToArray());
        Assert.NotEqual(keys.SealNonce.ToArray(), keys.OpenNonce.ToArray());

        await using BoxStream server = await accepting.Guarded();
        await server.WriteAsync("x"u8.ToArray());
        byte[] packet = await client.ReceiveAsync(BoxStream.HeaderSize + 1);
        await using var reading = new BoxStream(
            new MemoryStream(packet), new BoxStreamKeys(keys.SealKey, keys.SealNonce, keys.OpenKey, keys.OpenNonce), Server.Id);
        Assert.Equal(1, await reading.ReadAsync(new byte[2]).Guarded());
    }

    private ValueTask<bool> Ask(FeedId client, CancellationToken cancellationToken)
    {
        _asked.Add(client);
        return new ValueTask<bool>(true);
    }
}
