using Microsoft.Extensions.Time.Testing;

namespace Ssb.Wire.Tests.Muxrpc;

/// <summary>How connections end, and what becomes of what was open.</summary>
public class RpcClosingTests
{
    [Fact]
    public async Task DisposeAsync_WithWorkOpen_EndsItAndSaysGoodbye()
    {
        var cancelled = new TaskCompletionSource();
        await using var scene = new RpcScene(new RpcApi()
            .Async("slow", async (_, token) =>
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token);
                return true;
            })
            .Source("forever", (_, token) => RpcStreamTests.Forever(cancelled, token)));
        Task<RpcValue> call = scene.Client.CallAsync("slow");
        Task<List<int>> stream = RpcStreamTests.NumbersOf(scene.Client.Source("forever"));

        await scene.Client.DisposeAsync().Guarded();
        Assert.Equal(new RpcEnd(RpcEndReason.Closed), await scene.Client.Completion.Guarded());
        Assert.Equal(new RpcEnd(RpcEndReason.Goodbye), await scene.Server.Completion.Guarded());
        Assert.Equal(RpcError.ConnectionClosed, (await Assert.ThrowsAsync<RpcException>(() => call)).Error);
        Assert.Equal(RpcError.ConnectionClosed, (await Assert.ThrowsAsync<RpcException>(() => stream)).Error);
        await cancelled.Task.Guarded();
        Assert.True(scene.ClientStream.IsDisposed && scene.ServerStream.IsDisposed);
        await scene.Client.DisposeAsync().Guarded(); // again does nothing

        Assert.Equal(RpcError.ConnectionClosed, (await Assert.ThrowsAsync<RpcException>(() => scene.Client.CallAsync("slow"))).Error);
        Assert.Throws<RpcException>(() => scene.Client.Source("forever"));
    }

    [Fact]
    public async Task DisposeAsync_ProcedureIsCancelled_CallerLearnsOfTheEnd()
    {
        var running = new TaskCompletionSource();
        await using var scene = new RpcScene(new RpcApi().Async("slow", async (_, token) =>
        {
            var cancelled = new TaskCompletionSource<RpcValue>(); // its continuation runs within the cancelling, before the goodbye is written
            using CancellationTokenRegistration registration = token.Register(() => cancelled.SetCanceled(token));
            running.SetResult();
            return await cancelled.Task.ConfigureAwait(ConfigureAwaitOptions.None);
        }));
        Task<RpcValue> call = scene.Client.CallAsync("slow");
        await running.Task.Guarded();

        await scene.Server.DisposeAsync().Guarded();
        Assert.Equal(RpcError.ConnectionClosed, (await Assert.ThrowsAsync<RpcException>(() => call.Guarded())).Error);
    }

    [Fact]
    public async Task CloseAsync_WithWorkOpen_WaitsForItAndTakesNoMore()
    {
        var hold = new TaskCompletionSource<RpcValue>();
        await using var scene = new RpcScene(new RpcApi().Async("slow", (_, _) => new(hold.Task)));
        Task<RpcValue> call = scene.Client.CallAsync("slow");
        Task closing = scene.Client.CloseAsync();
        await Assert.ThrowsAsync<RpcException>(() => scene.Client.CallAsync("slow"));
        Assert.False(closing.IsCompleted);
        hold.SetResult(5);
        Assert.Equal(5, (await call.Guarded()).AsJson().GetInt32());
        await closing.Guarded();
        Assert.Equal(RpcEndReason.Closed, (await scene.Client.Completion).Reason);
        Assert.Equal(RpcEndReason.Goodbye, (await scene.Server.Completion.Guarded()).Reason);
    }

    [Fact]
    public async Task CloseAsync_Cancelled_ClosesAtOnce()
    {
        await using var scene = new RpcScene(new RpcApi().Async("slow", async (_, token) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token);
            return true;
        }));
        Task<RpcValue> call = scene.Client.CallAsync("slow");
        await scene.Client.CloseAsync(new CancellationToken(true)).Guarded();
        await Assert.ThrowsAsync<RpcException>(() => call);
    }

    [Fact]
    public async Task DisposeAsync_PeerThatNeverAnswers_EndsAfterTheCloseTimeout()
    {
        var time = new FakeTimeProvider();
        using var streams = new DuplexPair();
        var connection = RpcConnection.Start(streams.A, new RpcOptions { TimeProvider = time });
        Task closing = connection.DisposeAsync().AsTask();
        await streams.A.WroteAsync(RpcFrame.HeaderSize);
        Assert.Equal(new byte[RpcFrame.HeaderSize], streams.A.Written);
        Assert.False(closing.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(2));
        await closing.Guarded();
    }

    [Fact]
    public async Task DisposeAsync_ProcedureThatIgnoresItsToken_IsNotWaitedForLong()
    {
        var time = new FakeTimeProvider();
        var hold = new TaskCompletionSource<RpcValue>();
        await using var peer = new RpcRawPeer(new RpcOptions
        {
            Api = new RpcApi().Async("deaf", (_, _) => new(hold.Task)),
            Permissions = RpcPermissions.All,
            TimeProvider = time,
        });
        await peer.SendAsync(2, 1, """{"name":["deaf"],"args":[]}""");
        await peer.SendAsync(2, 2, """{"name":["manifest"],"args":[]}""");
        await peer.ReceiveAsync(); // so the first is running
        peer.Stream.Dispose();
        while (!peer.Connection.Completion.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(peer.Connection.Completion, Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System));
        }

        hold.SetResult(true);
    }

    [Fact]
    public async Task StreamEnds_WithoutGoodbye_IsLost()
    {
        await using var peer = new RpcRawPeer(new RpcOptions());
        Task<RpcValue> call = peer.Connection.CallAsync("a");
        peer.Stream.Dispose();
        RpcEnd end = await peer.Connection.Completion.Guarded();
        Assert.Equal(RpcEndReason.Lost, end.Reason);
        Assert.IsAssignableFrom<IOException>(end.Error);
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => call);
        Assert.Equal((RpcError.ConnectionClosed, end.Error), (e.Error, e.InnerException));
    }

    [Fact]
    public async Task StreamEnds_InTheMiddleOfAFrame_IsLost()
    {
        await using var peer = new RpcRawPeer(new RpcOptions());
        await peer.Stream.WriteAsync(RpcRawPeer.Frame(2, 1, "{}"u8).AsMemory(0, 10));
        peer.Stream.Dispose();
        Assert.Equal(RpcEndReason.Lost, (await peer.Connection.Completion.Guarded()).Reason);
    }

    [Fact]
    public async Task Goodbye_OfThePeer_IsAnswered()
    {
        await using var peer = new RpcRawPeer(new RpcOptions());
        await peer.SendAsync(0, 0, default(ReadOnlySpan<byte>));
        Assert.Equal((0, 0, ""), await peer.ReceiveAsync());
        peer.Stream.Dispose();
        Assert.Equal(new RpcEnd(RpcEndReason.Goodbye), await peer.Connection.Completion.Guarded());
    }

    [Fact]
    public async Task Goodbye_PeerThatGoesOnSending_IsReadNoMore()
    {
        var time = new FakeTimeProvider();
        using var streams = new DuplexPair(100_000);
        var connection = RpcConnection.Start(streams.B, new RpcOptions { TimeProvider = time });
        await streams.A.WriteAsync(RpcRawPeer.Frame(0, 0, default));
        await streams.B.WroteAsync(RpcFrame.HeaderSize); // its answer
        Task sending = streams.A.WriteAsync(new byte[4_000_000]).AsTask();
        await StandsStillAsync(() => streams.A.Written.Length);
        Assert.InRange(streams.A.Written.Length, 1, 100_000 + (3 * 65_536));
        Assert.False(connection.Completion.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(new RpcEnd(RpcEndReason.Goodbye), await connection.Completion.Guarded());
        await Assert.ThrowsAsync<IOException>(() => sending.Guarded());
    }

    [Fact]
    public async Task DisposeAsync_PeerThatGoesOnSending_IsReadForSomeTimeOnly()
    {
        var time = new FakeTimeProvider();
        using var streams = new DuplexPair(100_000);
        var connection = RpcConnection.Start(streams.B, new RpcOptions { TimeProvider = time });
        Task closing = connection.DisposeAsync().AsTask();
        await streams.B.WroteAsync(RpcFrame.HeaderSize);
        byte[] frames = [.. Enumerable.Repeat(RpcRawPeer.Frame(RpcFrame.Stream, 7, new byte[10_000]), 1_000).SelectMany(f => f)];
        Task sending = streams.A.WriteAsync(frames).AsTask();
        await StandsStillAsync(() => streams.A.Written.Length);
        Assert.InRange(streams.A.Written.Length, 4_000_000, (4 * 1024 * 1024) + 300_000); // what an honest peer had on its way is read
        time.Advance(TimeSpan.FromSeconds(2));
        await closing.Guarded();
        Assert.Equal(new RpcEnd(RpcEndReason.Closed), await connection.Completion);
        await Assert.ThrowsAsync<IOException>(() => sending.Guarded());
    }

    [Fact]
    public async Task Goodbye_AfterOursAndALargeStream_IsStillHeard()
    {
        using var streams = new DuplexPair(100_000);
        var connection = RpcConnection.Start(streams.B, new RpcOptions { TimeProvider = new FakeTimeProvider() });
        Task closing = connection.DisposeAsync().AsTask();
        await streams.B.WroteAsync(RpcFrame.HeaderSize);
        for (int i = 0; i < 300; i++)
            await streams.A.WriteAsync(RpcRawPeer.Frame(RpcFrame.Stream, 7, new byte[10_000])).Guarded();
        await streams.A.WriteAsync(RpcRawPeer.Frame(0, 0, default)).Guarded();
        await closing.Guarded(); // without a time-out
        Assert.Equal(new RpcEnd(RpcEndReason.Closed), await connection.Completion);
    }

    [Fact]
    public async Task Idle_FrameThatDrips_IsIdleAllTheSame()
    {
        var time = new FakeTimeProvider();
        await using var peer = new RpcRawPeer(new RpcOptions { TimeProvider = time, IdleTimeout = TimeSpan.FromMinutes(1) });
        await peer.Stream.WriteAsync(RpcRawPeer.Frame(RpcFrame.Stream, 7, new byte[100_000]).AsMemory(0, 1_000));
        for (int i = 0; i < 10 && !peer.Connection.IsEnding; i++)
        {
            await peer.Stream.WriteAsync(new byte[1]);
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
            time.Advance(TimeSpan.FromSeconds(15));
        }

        Assert.Equal((0, 0, ""), await peer.ReceiveAsync());
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(new RpcEnd(RpcEndReason.Idle), await peer.Connection.Completion.Guarded());
    }

    [Fact]
    public async Task Idle_LargeFrameOnASlowLine_IsNotIdle()
    {
        var time = new FakeTimeProvider();
        await using var peer = new RpcRawPeer(new RpcOptions { TimeProvider = time, IdleTimeout = TimeSpan.FromMinutes(1), SendTimeout = Timeout.InfiniteTimeSpan });
        byte[] frame = RpcRawPeer.Frame(RpcFrame.Stream, 7, new byte[100_000]);
        for (int sent = 0; sent < frame.Length; sent += 5_000)
        {
            await peer.Stream.WriteAsync(frame.AsMemory(sent, Math.Min(5_000, frame.Length - sent)));
            Patience.Until(() => peer.Connection.LastReceived == time.GetTimestamp());
            time.Advance(TimeSpan.FromSeconds(40));
        }

        Assert.False(peer.Connection.Completion.IsCompleted);
    }

    [Fact]
    public async Task Goodbye_InsideABoxStream_IsACleanEndOfBoth()
    {
        using var streams = new DuplexPair();
        using var a = KeyPair.Generate();
        using var b = KeyPair.Generate();
        Task<BoxStream> accepting = SecretHandshake.AcceptAsync(streams.B, b, (_, _) => new(true));
        var client = RpcConnection.Start(await SecretHandshake.ConnectAsync(streams.A, a, b.Id).Guarded());
        var server = RpcConnection.Start(await accepting.Guarded());
        Assert.Equal(b.Id, client.Remote);
        Assert.Equal(a.Id, server.Remote);
        await client.DisposeAsync().Guarded();
        Assert.Equal(new RpcEnd(RpcEndReason.Goodbye), await server.Completion.Guarded());
        Assert.Equal(new RpcEnd(RpcEndReason.Closed), await client.Completion.Guarded());
    }

    [Fact]
    public async Task Idle_BothWays_ClosesWithAGoodbye()
    {
        // No send time-out: an answer can be read before its writer knows that it was written, and then the clock jumps.
        await using var scene = new RpcScene(
            client: o => o with { IdleTimeout = TimeSpan.FromMinutes(1), SendTimeout = Timeout.InfiniteTimeSpan },
            server: o => o with { SendTimeout = Timeout.InfiniteTimeSpan });
        for (int i = 0; i < 10; i++) // as long as something comes and goes it is not idle
        {
            scene.Time.Advance(TimeSpan.FromSeconds(40));
            await RpcCallTests.AssertUsableAsync(scene);
        }

        Task<RpcEnd> ended = scene.Client.Completion;
        for (int i = 0; i < 8; i++)
            scene.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(new RpcEnd(RpcEndReason.Idle), await ended.Guarded());
        Assert.Equal(new RpcEnd(RpcEndReason.Goodbye), await scene.Server.Completion.Guarded());
    }

    [Fact]
    public async Task PeerThatStopsReading_IsCutOffAfterTheSendTimeout()
    {
        var time = new FakeTimeProvider();
        using var streams = new DuplexPair(1_000);
        var connection = RpcConnection.Start(streams.A, new RpcOptions { TimeProvider = time });
        Task sink = connection.SinkAsync("take", [], Big());
        while (!connection.Completion.IsCompleted)
        {
            await Task.WhenAny(connection.Completion, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System));
            time.Advance(TimeSpan.FromSeconds(10));
        }

        RpcEnd end = await connection.Completion;
        Assert.Equal(RpcEndReason.Violation, end.Reason);
        Assert.Equal(RpcViolation.NotReading, Assert.IsType<RpcProtocolException>(end.Error).Violation);
        Assert.Equal(RpcError.ConnectionClosed, (await Assert.ThrowsAsync<RpcException>(() => sink.Guarded())).Error);

        static async IAsyncEnumerable<RpcValue> Big()
        {
            while (true)
            {
                yield return RpcValue.Binary(new byte[10_000]);
                await Task.Yield();
            }
        }
    }

    [Theory]
    [InlineData(16 * 1024 * 1024), InlineData(1024 * 1024)]
    public async Task PeerThatFloodsRequestsAndDoesNotRead_IsHeldToABoundedAmount(int most)
    {
        var time = new FakeTimeProvider();
        using var streams = new DuplexPair(100_000);
        int served = 0;
        var connection = RpcConnection.Start(streams.A, new RpcOptions
        {
            TimeProvider = time,
            MaxUnsentBytes = most,
            Permissions = RpcPermissions.All,
            Api = new RpcApi().Sync("big", _ =>
            {
                Interlocked.Increment(ref served);
                return RpcValue.Binary(new byte[100_000]);
            }),
        });
        byte[] requests = [.. Enumerable.Repeat(RpcRawPeer.Frame(2, 1, """{"name":["big"],"args":[]}"""u8), 1_000).SelectMany(f => f)];
        Task writing = streams.B.WriteAsync(requests).AsTask();
        int before;
        do
        {
            before = Volatile.Read(ref served);
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        }
        while (before == 0 || before != Volatile.Read(ref served));
        Assert.InRange(before, 2, (most + RpcOutput.Room) / 100_000 + 2);

        while (!connection.Completion.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(10));
            await Task.WhenAny(connection.Completion, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System));
        }

        Assert.Equal(RpcEndReason.Violation, (await connection.Completion).Reason);
        streams.Dispose();
        await writing.Guarded().ContinueWith(_ => { }, TaskScheduler.Default); // written or not
    }

    // Nobody tells that nothing more will be read: what was read does not change for a while.
    private static async Task StandsStillAsync(Func<int> value)
    {
        int before;
        do
        {
            before = value();
            await Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System);
        }
        while (before != value());
    }

    [Fact]
    public async Task Events_ObserverThatThrows_ChangesNothing()
    {
        await using var scene = new RpcScene(server: o => o with { OnEvent = _ => throw new InvalidOperationException("observer") });
        await Assert.ThrowsAsync<RpcException>(() => scene.Client.CallAsync("nope").Guarded());
        await RpcCallTests.AssertUsableAsync(scene);
    }

    [Fact]
    public async Task Connection_AfterItsEnd_IsNotKeptByAnything()
    {
        WeakReference reference = await MakeAsync();
        for (int i = 0; i < 1_000 && reference.IsAlive; i++) // on a loaded machine its last tasks end late
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }

        Assert.False(reference.IsAlive);

        static async Task<WeakReference> MakeAsync()
        {
            using var streams = new DuplexPair();
            var client = RpcConnection.Start(streams.A);
            var server = RpcConnection.Start(streams.B);
            await client.GetManifestAsync().Guarded();
            await client.DisposeAsync().Guarded();
            await server.Completion.Guarded();
            return new WeakReference(client);
        }
    }
}
