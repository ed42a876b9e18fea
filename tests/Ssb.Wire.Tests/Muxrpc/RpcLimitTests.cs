namespace Ssb.Wire.Tests.Muxrpc;

/// <summary>What a peer cannot do.</summary>
public class RpcLimitTests
{
    private static readonly byte[] s_whoami = RpcRawPeer.Frame(2, 1, """{"name":["whoami"],"args":[]}"""u8);

    [Fact]
    public async Task Body_TooLarge_EndsTheConnectionBeforeItComes()
    {
        await using var peer = new RpcRawPeer(new RpcOptions { MaxBodySize = 1_000 });
        await peer.SendAsync(2, 1, new byte[1_001].AsSpan(0, 0)); // a header alone is enough, here of nothing
        await using var other = new RpcRawPeer(new RpcOptions { MaxBodySize = 1_000 });
        await other.Stream.WriteAsync(RpcRawPeer.Frame(0, -9, new byte[1_001]).AsMemory(0, RpcFrame.HeaderSize));
        Assert.Equal(RpcViolation.BodyTooLarge, ViolationOf(await other.Connection.Completion.Guarded()));
    }

    [Theory]
    [InlineData(0x7FFFFFFFu)]
    [InlineData(0x80000000u)]
    [InlineData(0xFFFFFFFFu)]
    public async Task Body_OfAbsurdLength_EndsTheConnection(uint length)
    {
        await using var peer = new RpcRawPeer(new RpcOptions());
        byte[] header = new byte[RpcFrame.HeaderSize];
        new RpcFrame(8, length, -1).Write(header);
        await peer.Stream.WriteAsync(header);
        Assert.Equal(RpcViolation.BodyTooLarge, ViolationOf(await peer.Connection.Completion.Guarded()));
    }

    [Fact]
    public async Task Body_AsLargeAsAllowed_IsTaken()
    {
        await using var peer = new RpcRawPeer(new RpcOptions { MaxBodySize = 1_000 });
        Task<RpcValue> call = peer.Connection.CallAsync("a");
        await peer.SendAsync(0, -1, new byte[1_000]);
        Assert.Equal(1_000, (await call.Guarded()).Bytes.Length);
    }

    [Fact]
    public async Task Body_OfOursTooLarge_IsTheCallersMistake()
    {
        await using var scene = new RpcScene(
            new RpcApi().Sync("large", _ => RpcValue.Binary(new byte[1_001])).Duplex("talk", (_, _, _) => Task.CompletedTask),
            server: o => o with { MaxBodySize = 1_000 }, client: o => o with { MaxBodySize = 1_000 });
        await Assert.ThrowsAsync<ArgumentException>(() => scene.Client.CallAsync("a", [new string('x', 1_000)]));
        await using RpcDuplex duplex = scene.Client.Duplex("talk");
        await Assert.ThrowsAsync<ArgumentException>(async () => await duplex.WriteAsync(RpcValue.Binary(new byte[1_001])));
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => scene.Client.CallAsync("large").Guarded());
        Assert.Equal("internal error in large", e.Message);
        Assert.IsType<ArgumentException>(Assert.Single(scene.Events).Error);
    }

    [Fact]
    public async Task OpenRequests_TooMany_FurtherOnesAreRefusedAndTheRestGoesOn()
    {
        var hold = new TaskCompletionSource<RpcValue>();
        await using var scene = new RpcScene(
            new RpcApi().Async("wait", (_, token) => new(hold.Task.WaitAsync(token))).Source("stream", (_, token) => RpcStreamTests.Forever(new(), token)),
            server: o => o with { MaxOpenRequests = 3 });
        Task<RpcValue>[] open = [.. Enumerable.Range(0, 3).Select(_ => scene.Client.CallAsync("wait"))];
        const string Message = "too many open requests";
        Assert.Equal(Message, (await Assert.ThrowsAsync<RpcException>(() => scene.Client.CallAsync("wait").Guarded())).Message);
        Assert.Equal(Message, (await Assert.ThrowsAsync<RpcException>(() => RpcStreamTests.NumbersOf(scene.Client.Source("stream")).Guarded())).Message);
        Assert.Equal(
            [new RpcEvent(RpcEventKind.TooManyRequests, "wait"), new RpcEvent(RpcEventKind.TooManyRequests, "stream")], scene.Events);

        hold.SetResult(true);
        await Task.WhenAll(open).Guarded();
        await RpcCallTests.AssertUsableAsync(scene);
    }

    [Fact]
    public async Task Frames_TooManyASecond_EndTheConnection()
    {
        RpcOptions options = new()
        {
            Api = new RpcApi().Sync("whoami", _ => "me"),
            Permissions = RpcPermissions.All,
            MaxFramesPerSecond = 10,
            TimeProvider = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(),
        };
        await using var peer = new RpcRawPeer(options);
        for (int i = 0; i < 10; i++)
            await peer.Stream.WriteAsync(s_whoami);
        for (int i = 0; i < 10; i++)
            Assert.Equal("me", (await peer.ReceiveAsync()).Body);

        ((Microsoft.Extensions.Time.Testing.FakeTimeProvider)options.TimeProvider).Advance(TimeSpan.FromSeconds(0.5));
        for (int i = 0; i < 6; i++) // five were regained
            await peer.Stream.WriteAsync(s_whoami);
        Assert.Equal(RpcViolation.TooManyFrames, ViolationOf(await peer.Connection.Completion.Guarded()));
    }

    [Fact]
    public async Task Source_ReadTooSlowly_EndsAloneAndIsReported()
    {
        await using var scene = new RpcScene(
            new RpcApi().Source("flood", (_, _) => RpcStreamTests.CountTo(1_000_000)).Source("calm", (_, _) => RpcStreamTests.CountTo(10)),
            client: o => o with { WindowFrames = 100, ReserveBytes = 10_000 });
        RpcSource flood = scene.Client.Source("flood");
        await AdvanceUntilAsync(scene, () => !scene.ClientEvents.IsEmpty);
        Assert.Equal((RpcEventKind.SlowConsumer, "flood"), (scene.ClientEvents.Single().Kind, scene.ClientEvents.Single().Procedure));

        // The others go on, and what the stream held before is still there.
        Assert.Equal(10, (await RpcStreamTests.NumbersOf(scene.Client.Source("calm")).Guarded()).Count);
        var seen = new List<int>();
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            await foreach (RpcValue value in flood)
                seen.Add(value.AsJson().GetInt32());
        });
        Assert.Equal(RpcError.SlowConsumer, e.Error);
        Assert.Equal(Enumerable.Range(0, seen.Count), seen);
        Assert.InRange(seen.Count, 100, 100 + 10_000 / 64);
        await RpcCallTests.AssertUsableAsync(scene);
    }

    [Fact]
    public async Task Source_ReadWhileItIsFull_LosesNothing()
    {
        await using var scene = new RpcScene(
            new RpcApi().Source("count", (_, _) => RpcStreamTests.CountTo(50_000)), client: o => o with { WindowFrames = 10 });
        Assert.Equal(Enumerable.Range(0, 50_000), await RpcStreamTests.NumbersOf(scene.Client.Source("count")).Guarded());
    }

    [Fact]
    public async Task Source_WindowInBytes_HoldsNoMoreThanThat()
    {
        await using var scene = new RpcScene(
            new RpcApi().Source("big", (_, _) => Big()), client: o => o with { WindowBytes = 10_000, ReserveBytes = 0 });
        RpcSource big = scene.Client.Source("big");
        await AdvanceUntilAsync(scene, () => !scene.ClientEvents.IsEmpty);
        int seen = 0;
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            await foreach (RpcValue _ in big)
                seen++;
        });
        Assert.Equal((RpcError.SlowConsumer, 3), (e.Error, seen)); // 3 x 3,000

        static async IAsyncEnumerable<RpcValue> Big()
        {
            while (true)
            {
                yield return RpcValue.Binary(new byte[3_000]);
                await Task.Yield();
            }
        }
    }

    [Fact]
    public async Task Source_OneBodyLargerThanTheWindow_IsTaken()
    {
        await using var scene = new RpcScene(new RpcApi().Source("big", (_, _) => new[] { RpcValue.Binary(new byte[5_000]) }.ToAsyncEnumerable()),
            client: o => o with { WindowBytes = 1_000 });
        Assert.Equal(5_000, (await scene.Client.Source("big").SingleAsync().Guarded()).Bytes.Length);
    }

    [Fact]
    public async Task Held_TooMuchInAll_CallsAreRefusedAndStreamsKeepALittle()
    {
        var hold = new TaskCompletionSource<RpcValue>();
        await using var scene = new RpcScene(
            new RpcApi().Async("wait", (_, token) => new(hold.Task.WaitAsync(token))), server: o => o with { MaxHeldBytes = 100_000 });
        string large = new('x', 60_000);
        Task<RpcValue> first = scene.Client.CallAsync("wait", [large]);
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => scene.Client.CallAsync("wait", [large]).Guarded());
        Assert.Equal("too many open requests", e.Message);
        hold.SetResult(true);
        await first.Guarded();
        Assert.True((await scene.Client.CallAsync("wait", [large]).Guarded()).AsJson().GetBoolean());
        Assert.Equal(0, scene.Server.Held.Bytes);
    }

    [Fact]
    public async Task Held_ByStreamsTogether_IsBounded()
    {
        await using var scene = new RpcScene(
            new RpcApi().Source("big", (_, _) => Enumerable.Range(0, 30).Select(_ => RpcValue.Binary(new byte[10_000])).ToAsyncEnumerable()),
            client: o => o with { MaxHeldBytes = 200_000, ReserveBytes = 20_000, ReserveFolder = null });
        RpcSource[] sources = [.. Enumerable.Range(0, 4).Select(_ => scene.Client.Source("big"))];
        await AdvanceUntilAsync(scene, () => scene.ClientEvents.Count == 4); // 4 x 300,000 have no room
        Assert.InRange(scene.Client.Held.Bytes, 200_000, 200_000 + 4 * (65_536 + 10_000));
        Assert.InRange(scene.Client.Reserve.Bytes, 10_000, 20_000);
        foreach (RpcSource source in sources)
            await source.DisposeAsync();
        Assert.Equal((0, 0), (scene.Client.Held.Bytes, scene.Client.Reserve.Bytes));
    }

    [Fact]
    public async Task Options_OutOfRange_Throw()
    {
        Func<RpcOptions, RpcOptions>[] wrong =
        [
            o => o with { MaxBodySize = 0 }, o => o with { MaxOpenRequests = -1 }, o => o with { MaxFramesPerSecond = 0 }, o => o with { WindowFrames = 0 },
            o => o with { WindowBytes = 0 }, o => o with { IdleTimeout = TimeSpan.Zero }, o => o with { SendTimeout = TimeSpan.FromSeconds(-5) },
            o => o with { CloseTimeout = TimeSpan.FromSeconds(-1) }, o => o with { MaxBodySize = int.MaxValue },
            o => o with { ReserveBytes = -1 }, o => o with { ReserveBytes = long.MaxValue },
            o => o with { SlowReaderDeadline = TimeSpan.FromSeconds(0.9) }, o => o with { SlowReaderDeadline = TimeSpan.FromMinutes(6) },
        ];
        using var streams = new DuplexPair();
        Assert.All(wrong, change => Assert.Throws<ArgumentOutOfRangeException>(() => RpcConnection.Start(streams.A, change(new RpcOptions()))));
        await using var fine = RpcConnection.Start(streams.A, new RpcOptions
        {
            IdleTimeout = Timeout.InfiniteTimeSpan,
            SendTimeout = Timeout.InfiniteTimeSpan,
            CloseTimeout = TimeSpan.Zero,
        });
    }

    private static RpcViolation ViolationOf(RpcEnd end)
    {
        Assert.Equal(RpcEndReason.Violation, end.Reason);
        return Assert.IsType<RpcProtocolException>(end.Error).Violation;
    }

    private static async Task AdvanceUntilAsync(RpcScene scene, Func<bool> condition)
    {
        for (int i = 0; i < 2_000 && !condition(); i++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
            scene.Time.Advance(TimeSpan.FromMilliseconds(200));
        }

        Assert.True(condition());
    }
}
