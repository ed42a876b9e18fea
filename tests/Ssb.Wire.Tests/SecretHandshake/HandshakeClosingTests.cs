namespace Ssb.Wire.Tests;

/// <summary>The other side hangs up, stops, or sends anything at all, at every point of the exchange.</summary>
public class HandshakeClosingTests : HandshakeScene
{
    /// <summary>How far the other side of a server comes before it stops.</summary>
    public enum ClientStep
    {
        Nothing,
        PartOfTheHello,
        Hello,
        PartOfTheProof,
        Proof,
    }

    public enum ServerStep
    {
        Nothing,
        PartOfTheHello,
        Hello,
        PartOfTheAcceptance,
    }

    [Theory]
    [InlineData(ClientStep.Nothing)]
    [InlineData(ClientStep.PartOfTheHello)]
    [InlineData(ClientStep.Hello)]
    [InlineData(ClientStep.PartOfTheProof)]
    public async Task Server_ClientHangsUp_IsClosed(ClientStep step)
    {
        Task<BoxStream> accepting = AcceptAsync();
        using RawPeer client = RawClient();
        await DoAsync(client, step);
        ClientEnd.Dispose();
        await AssertFailsAsync(accepting, HandshakeFailure.Closed, ServerEnd);
    }

    [Fact]
    public async Task Server_ClientHangsUpBeforeItsAcceptance_IsClosed()
    {
        using RawPeer client = RawClient();
        Task<BoxStream> accepting = AcceptAsync((_, _) =>
        {
            ClientEnd.Dispose();
            return new ValueTask<bool>(true);
        });
        await DoAsync(client, ClientStep.Proof);
        HandshakeException error = await AssertFailsAsync(accepting, HandshakeFailure.Closed, ServerEnd);
        Assert.Contains("accepted", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ServerStep.Nothing, HandshakeFailure.Closed)]
    [InlineData(ServerStep.PartOfTheHello, HandshakeFailure.Closed)]
    [InlineData(ServerStep.Hello, HandshakeFailure.Refused)]
    [InlineData(ServerStep.PartOfTheAcceptance, HandshakeFailure.Refused)]
    public async Task Client_ServerHangsUp_SaysAsMuchAsCanBeKnown(ServerStep step, HandshakeFailure failure)
    {
        Task<BoxStream> connecting = ConnectAsync();
        using RawPeer server = RawServer();
        await DoAsync(server, step);
        ServerEnd.Dispose();
        await AssertFailsAsync(connecting, failure, ClientEnd);
    }

    [Fact]
    public async Task Client_StreamIsClosedAlready_IsClosed()
    {
        ServerEnd.Dispose();
        await AssertFailsAsync(ConnectAsync(), HandshakeFailure.Closed, ClientEnd);
    }

    [Theory]
    [CombinatorialSteps<ClientStep>]
    public async Task Server_ClientStops_TimesOut(ClientStep step, bool heedsCancellation)
    {
        using var pair = new DuplexPair(heedsCancellation: heedsCancellation);
        var asked = new TaskCompletionSource();
        bool authorizeWasCancelled = false;
        Task<BoxStream> accepting = SecretHandshake.AcceptAsync(
            pair.B,
            Server,
            async (_, cancellationToken) =>
            {
                asked.SetResult();
                try
                {
                    await Task.Delay(Timeout.InfiniteTimeSpan, Time, cancellationToken);
                }
                finally
                {
                    authorizeWasCancelled = cancellationToken.IsCancellationRequested;
                }

                return true;
            },
            Options);
        using var client = new RawPeer(pair.A, Network, Client);
        await DoAsync(client, step);
        if (step == ClientStep.Proof)
            await asked.Task.Guarded();
        Time.Advance(TimeSpan.FromMilliseconds(4_999));
        Assert.False(accepting.IsCompleted);
        Assert.False(pair.B.IsDisposed);
        Time.Advance(TimeSpan.FromMilliseconds(1));
        HandshakeException error = await AssertFailsAsync(accepting, HandshakeFailure.TimedOut, pair.B);
        Assert.Contains("within 5 s", error.Message, StringComparison.Ordinal);
        Assert.Equal(step == ClientStep.Proof, authorizeWasCancelled);
    }

    [Theory]
    [CombinatorialSteps<ServerStep>]
    public async Task Client_ServerStops_TimesOut(ServerStep step, bool heedsCancellation)
    {
        using var pair = new DuplexPair(heedsCancellation: heedsCancellation);
        Task<BoxStream> connecting = SecretHandshake.ConnectAsync(pair.A, Client, Server.Id, Options with { Deadline = TimeSpan.FromMinutes(1) });
        using var server = new RawPeer(pair.B, Network, Server);
        await DoAsync(server, step);
        Time.Advance(TimeSpan.FromMilliseconds(59_999));
        Assert.False(connecting.IsCompleted);
        Time.Advance(TimeSpan.FromMilliseconds(1));
        HandshakeException error = await AssertFailsAsync(connecting, HandshakeFailure.TimedOut, pair.A);
        Assert.Contains("within 60 s", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Client_ServerReadsNothing_TimesOut()
    {
        using var pair = new DuplexPair(capacity: 10);
        Task<BoxStream> connecting = SecretHandshake.ConnectAsync(pair.A, Client, Server.Id, Options);
        await pair.A.WroteAsync(10);
        Time.Advance(TimeSpan.FromSeconds(5));
        await AssertFailsAsync(connecting, HandshakeFailure.TimedOut, pair.A);
    }

    [Theory]
    [CombinatorialSteps<ClientStep>]
    public async Task Server_IsCancelled_ClosesTheStream(ClientStep step, bool heedsCancellation)
    {
        using var pair = new DuplexPair(heedsCancellation: heedsCancellation);
        using var cancellation = new CancellationTokenSource();
        Task<BoxStream> accepting = SecretHandshake.AcceptAsync(
            pair.B,
            Server,
            async (_, cancellationToken) =>
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, Time, cancellationToken);
                return true;
            },
            Options,
            cancellation.Token);
        using var client = new RawPeer(pair.A, Network, Client);
        await DoAsync(client, step);
        await AssertCancelledAsync(accepting, cancellation, pair.B);
    }

    [Theory]
    [CombinatorialSteps<ServerStep>]
    public async Task Client_IsCancelled_ClosesTheStream(ServerStep step, bool heedsCancellation)
    {
        using var pair = new DuplexPair(heedsCancellation: heedsCancellation);
        using var cancellation = new CancellationTokenSource();
        Task<BoxStream> connecting = SecretHandshake.ConnectAsync(pair.A, Client, Server.Id, Options, cancellation.Token);
        using var server = new RawPeer(pair.B, Network, Server);
        await DoAsync(server, step);
        await AssertCancelledAsync(connecting, cancellation, pair.A);
    }

    [Fact]
    public async Task Handshake_CancelledBefore_ClosesTheStreamInEachRole()
    {
        var cancelled = new CancellationToken(canceled: true);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ConnectAsync(cancellationToken: cancelled).Guarded());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => AcceptAsync(cancellationToken: cancelled).Guarded());
        Assert.True(ClientEnd.IsDisposed && ServerEnd.IsDisposed);
        Assert.Empty(ClientEnd.Written);
    }

    [Fact]
    public async Task Server_GarbageOfEveryLength_HearsNothing()
    {
        var random = new Random(1);
        for (int length = 0; length <= HandshakeState.HelloSize + 16; length++)
        {
            using var pair = new DuplexPair();
            Task<BoxStream> accepting = SecretHandshake.AcceptAsync(pair.B, Server, Yes, Options);
            await pair.A.WriteAsync(Garbage(random, length));
            bool whole = length >= HandshakeState.HelloSize;
            if (!whole)
                pair.A.Dispose();
            await AssertFailsAsync(accepting, whole ? HandshakeFailure.WrongNetwork : HandshakeFailure.Closed, pair.B);
            Assert.Empty(pair.B.Written);
        }
    }

    [Fact]
    public async Task Server_GarbageOfEveryLengthForAProof_HearsNothingMore()
    {
        var random = new Random(2);
        for (int length = 0; length <= HandshakeState.AuthenticateSize + 16; length++)
        {
            using var pair = new DuplexPair();
            Task<BoxStream> accepting = SecretHandshake.AcceptAsync(pair.B, Server, Yes, Options);
            using var client = new RawPeer(pair.A, Network, Client);
            await DoAsync(client, ClientStep.Hello);
            await client.SendAsync(Garbage(random, length));
            bool whole = length >= HandshakeState.AuthenticateSize;
            if (!whole)
                pair.A.Dispose();
            await AssertFailsAsync(accepting, whole ? HandshakeFailure.WrongKey : HandshakeFailure.Closed, pair.B);
            Assert.Equal(HandshakeState.HelloSize, pair.B.Written.Length);
        }
    }

    [Fact]
    public async Task Client_GarbageOfEveryLengthForAHello_HearsNothingMore()
    {
        var random = new Random(3);
        for (int length = 0; length <= HandshakeState.HelloSize + 16; length++)
        {
            using var pair = new DuplexPair();
            Task<BoxStream> connecting = SecretHandshake.ConnectAsync(pair.A, Client, Server.Id, Options);
            await pair.B.WriteAsync(Garbage(random, length));
            bool whole = length >= HandshakeState.HelloSize;
            if (!whole)
                pair.B.Dispose();
            await AssertFailsAsync(connecting, whole ? HandshakeFailure.WrongNetwork : HandshakeFailure.Closed, pair.A);
            Assert.Equal(HandshakeState.HelloSize, pair.A.Written.Length);
        }
    }

    [Fact]
    public async Task Client_GarbageOfEveryLengthForAnAcceptance_IsNotTakenIn()
    {
        var random = new Random(4);
        for (int length = 0; length <= HandshakeState.AcceptSize + 16; length++)
        {
            using var pair = new DuplexPair();
            Task<BoxStream> connecting = SecretHandshake.ConnectAsync(pair.A, Client, Server.Id, Options);
            using var server = new RawPeer(pair.B, Network, Server);
            await DoAsync(server, ServerStep.Hello);
            await server.SendAsync(Garbage(random, length));
            bool whole = length >= HandshakeState.AcceptSize;
            if (!whole)
                pair.B.Dispose();
            await AssertFailsAsync(connecting, whole ? HandshakeFailure.WrongKey : HandshakeFailure.Refused, pair.A);
        }
    }

    private static byte[] Garbage(Random random, int length)
    {
        byte[] garbage = new byte[length];
        random.NextBytes(garbage);
        return garbage;
    }

    private static async Task AssertCancelledAsync(Task<BoxStream> handshake, CancellationTokenSource cancellation, DuplexPair.End end)
    {
        Assert.False(handshake.IsCompleted);
        await cancellation.CancelAsync();
        OperationCanceledException error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => handshake.Guarded());
        Assert.Equal(cancellation.Token, error.CancellationToken);
        Assert.True(end.IsDisposed);
    }

    private async Task DoAsync(RawPeer client, ClientStep step)
    {
        switch (step)
        {
            case ClientStep.PartOfTheHello:
                await client.SendAsync(client.Hello()[..^1]);
                break;
            case ClientStep.Hello:
                _ = await client.AuthenticateForAsync(Server.Id);
                break;
            case ClientStep.PartOfTheProof:
                await client.SendAsync((await client.AuthenticateForAsync(Server.Id))[..^1]);
                break;
            case ClientStep.Proof:
                await client.SendAsync(await client.AuthenticateForAsync(Server.Id));
                break;
        }
    }

    private static async Task DoAsync(RawPeer server, ServerStep step)
    {
        switch (step)
        {
            case ServerStep.PartOfTheHello:
                await server.SendAsync(server.Hello()[..^1]);
                break;
            case ServerStep.Hello:
                _ = await server.AcceptanceAsync();
                break;
            case ServerStep.PartOfTheAcceptance:
                await server.SendAsync((await server.AcceptanceAsync())[..^1]);
                break;
        }
    }

    /// <summary>Each step, with streams that heed their token and with others.</summary>
    private sealed class CombinatorialStepsAttribute<T> : Xunit.v3.DataAttribute
        where T : struct, Enum
    {
        public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(
            System.Reflection.MethodInfo testMethod, Xunit.Sdk.DisposalTracker disposalTracker) =>
            new([.. from step in Enum.GetValues<T>() from heeds in (bool[])[true, false] select new TheoryDataRow<T, bool>(step, heeds)]);

        public override bool SupportsDiscoveryEnumeration() => true;
    }
}
