namespace Ssb.Wire.Tests.Muxrpc;

/// <summary>Sources, sinks and duplexes, their ends, and who hears of them.</summary>
public class RpcStreamTests
{
    [Fact]
    public async Task Source_ItemsUntilItsEnd_ArriveInOrder()
    {
        await using var scene = new RpcScene(new RpcApi().Source("count", (call, _) => CountTo(call.Arguments[0].GetInt32())));
        Assert.Equal(Enumerable.Range(0, 10_000), await NumbersOf(scene.Client.Source("count", [10_000])).Guarded());
        Assert.Empty(await NumbersOf(scene.Client.Source("count", [0])).Guarded());
    }

    [Fact]
    public async Task Source_Left_EndsTheProcedure()
    {
        var ended = new TaskCompletionSource();
        await using var scene = new RpcScene(new RpcApi().Source("forever", (_, token) => Forever(ended, token)));
        await foreach (RpcValue value in scene.Client.Source("forever"))
        {
            Assert.Equal(0, value.AsJson().GetInt32());
            break;
        }

        await ended.Task.Guarded();
        await RpcCallTests.AssertUsableAsync(scene);
    }

    [Fact]
    public async Task Source_CancelledOrDisposedUnread_EndsTheProcedure()
    {
        var ended = new TaskCompletionSource();
        await using var scene = new RpcScene(new RpcApi().Source("forever", (_, token) => Forever(ended, token)));
        RpcSource source = scene.Client.Source("forever");
        using var cancelling = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (RpcValue _ in source.WithCancellation(cancelling.Token))
                await cancelling.CancelAsync();
        });
        await ended.Task.Guarded();

        ended = new TaskCompletionSource();
        await scene.Client.Source("forever").DisposeAsync();
        await ended.Task.Guarded();
    }

    [Fact]
    public async Task Source_FailsMidway_GivesWhatCameBeforeAndThenTheError()
    {
        await using var scene = new RpcScene(new RpcApi().Source("fails", (_, _) => FailAfter(3, new RpcException("out of messages"))));
        var seen = new List<int>();
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            await foreach (RpcValue value in scene.Client.Source("fails"))
                seen.Add(value.AsJson().GetInt32());
        });
        Assert.Equal("out of messages", e.Message);
        Assert.Equal([0, 1, 2], seen);
    }

    [Fact]
    public async Task Source_EnumeratedTwice_Throws()
    {
        await using var scene = new RpcScene(new RpcApi().Source("count", (_, _) => CountTo(1)));
        RpcSource source = scene.Client.Source("count");
        await NumbersOf(source).Guarded();
        Assert.Throws<InvalidOperationException>(() => source.GetAsyncEnumerator());
    }

    [Fact]
    public async Task Source_Typed_ReadsItems()
    {
        await using var scene = new RpcScene(new RpcApi().Source("points", (_, _) => Points()));
        List<Point?> points = await scene.Client.Source("points").As(TestJson.Default.Point).ToListAsync().Guarded();
        Assert.Equal([new Point(1, 2), new Point(3, 4)], points);

        static async IAsyncEnumerable<RpcValue> Points()
        {
            yield return RpcValue.Json(new Point(1, 2), TestJson.Default.Point);
            await Task.Yield();
            yield return RpcValue.Json(new Point(3, 4), TestJson.Default.Point);
        }
    }

    [Fact]
    public async Task Source_RunsFromTheCallOn_NotFromItsEnumeration()
    {
        var started = new TaskCompletionSource();
        await using var scene = new RpcScene(new RpcApi().Source("hot", (_, _) =>
        {
            started.SetResult();
            return CountTo(5);
        }));
        RpcSource source = scene.Client.Source("hot");
        await started.Task.Guarded();
        Assert.Equal(5, (await NumbersOf(source).Guarded()).Count);
    }

    [Fact]
    public async Task SinkAsync_AllItems_ArriveAndTheTaskWaitsForThePeer()
    {
        var sum = new TaskCompletionSource<int>();
        var hold = new TaskCompletionSource();
        await using var scene = new RpcScene(new RpcApi().Sink("sum", async (_, items, _) =>
        {
            int total = 0;
            await foreach (RpcValue item in items)
                total += item.AsJson().GetInt32();
            sum.SetResult(total);
            await hold.Task;
        }));

        Task sink = scene.Client.SinkAsync("sum", [], CountTo(1_000));
        Assert.Equal(499_500, await sum.Task.Guarded());
        Assert.False(sink.IsCompleted);
        hold.SetResult();
        await sink.Guarded();
    }

    [Fact]
    public async Task SinkAsync_PeerEndsFirst_StopsTheSender()
    {
        var ended = new TaskCompletionSource();
        await using var scene = new RpcScene(new RpcApi()
            .Sink("one", async (_, items, _) =>
            {
                await foreach (RpcValue item in items)
                    return;
            })
            .Sink("none", (_, _, _) => throw new RpcException("I take nothing")));

        await scene.Client.SinkAsync("one", [], Forever(ended, default)).Guarded();
        await ended.Task.Guarded();
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => scene.Client.SinkAsync("none", [], Forever(new TaskCompletionSource(), default)).Guarded());
        Assert.Equal("I take nothing", e.Message);
    }

    [Fact]
    public async Task SinkAsync_SenderFails_PeerLearnsThatItStopped()
    {
        var heard = new TaskCompletionSource<Exception>();
        await using var scene = new RpcScene(new RpcApi().Sink("take", async (_, items, _) =>
        {
            try
            {
                await foreach (RpcValue item in items)
                {
                    // Only the end matters.
                }
            }
            catch (RpcException e)
            {
                heard.SetResult(e);
            }
        }));

        await Assert.ThrowsAsync<InvalidDataException>(() => scene.Client.SinkAsync("take", [], FailAfter(2, new InvalidDataException("private"))).Guarded());
        Assert.Equal("The sender stopped.", (await heard.Task.Guarded()).Message);
    }

    [Fact]
    public async Task Duplex_EchoAndHalfClose_EachSideEndsItsOwn()
    {
        await using var scene = new RpcScene(new RpcApi().Duplex("echo", async (_, stream, token) =>
        {
            int count = 0;
            await foreach (RpcValue value in stream.ReadAllAsync(token))
            {
                count++;
                await stream.WriteAsync(value, token);
            }

            await stream.WriteAsync(count, token); // after the caller's end
        }));

        await using RpcDuplex duplex = scene.Client.Duplex("echo");
        for (int i = 0; i < 100; i++)
            await duplex.WriteAsync(i);
        duplex.Complete();
        Assert.Equal([.. Enumerable.Range(0, 100), 100], await NumbersOf(duplex.ReadAllAsync()).Guarded());
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await duplex.WriteAsync(1));
        Assert.Throws<InvalidOperationException>(() => duplex.ReadAllAsync());
    }

    [Fact]
    public async Task Duplex_EndedByPeerWithAnError_EndsBothWays()
    {
        var ended = new TaskCompletionSource<Exception>();
        await using var scene = new RpcScene(new RpcApi().Duplex("talk", async (_, stream, token) =>
        {
            try
            {
                await foreach (RpcValue item in stream.ReadAllAsync(CancellationToken.None))
                {
                    // Only the end matters.
                }
            }
            catch (RpcException e)
            {
                ended.SetResult(e);
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token);
            }
        }));

        RpcDuplex duplex = scene.Client.Duplex("talk");
        duplex.Complete(new RpcException("enough"));
        Assert.Equal("enough", (await ended.Task.Guarded()).Message);
        Assert.Empty(await NumbersOf(duplex.ReadAllAsync()).Guarded());
    }

    [Fact]
    public async Task Duplex_Disposed_EndsBothWays()
    {
        var ended = new TaskCompletionSource();
        await using var scene = new RpcScene(new RpcApi().Duplex("talk", async (_, stream, token) =>
        {
            await foreach (RpcValue item in stream.ReadAllAsync(token))
            {
                // Only the end matters.
            }

            ended.SetResult();
        }));
        await scene.Client.Duplex("talk").DisposeAsync();
        await ended.Task.Guarded();
    }

    [Fact]
    public async Task Streams_TenThousandInterleaved_DoNotMix()
    {
        await using var scene = new RpcScene(
            new RpcApi().Source("times", (call, _) => Times(call.Arguments[0].GetInt32())), server: options => options with { MaxOpenRequests = 10_000 });
        RpcSource[] sources = [.. Enumerable.Range(0, 10_000).Select(i => scene.Client.Source("times", [i]))];
        for (int i = 0; i < sources.Length; i++)
            Assert.Equal([0, i, 2 * i], await NumbersOf(sources[i]).Guarded());

        static async IAsyncEnumerable<RpcValue> Times(int n)
        {
            for (int i = 0; i < 3; i++)
            {
                yield return i * n;
                await Task.Yield();
            }
        }
    }

    [Fact]
    public async Task Source_PeerThatDoesNotRead_WaitsAndHoldsABoundedAmount()
    {
        int made = 0;
        // Nobody reads the other end, which holds 10,000 bytes.
        using var raw = new DuplexPair(10_000);
        await using var server = RpcConnection.Start(raw.B, new RpcOptions
        {
            Api = new RpcApi().Source("big", (_, _) => Big()),
            Permissions = RpcPermissions.All,
            CloseTimeout = TimeSpan.Zero,
        });
        await raw.A.WriteAsync(RpcRawPeer.Frame(8 | 2, 1, """{"name":["big"],"args":[],"type":"source"}"""u8));
        int before;
        do
        {
            before = Volatile.Read(ref made);
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        }
        while (before == 0 || before != Volatile.Read(ref made));

        // What was taken to be written, and what is unsent since: twice the room, and an item each.
        Assert.InRange(before, 1, 2 * (RpcOutput.Room / 10_000 + 2) + 2);

        async IAsyncEnumerable<RpcValue> Big()
        {
            byte[] item = new byte[10_000];
            while (true)
            {
                Interlocked.Increment(ref made);
                yield return RpcValue.Binary(item);
                await Task.CompletedTask;
            }
        }
    }

    internal static async Task<List<int>> NumbersOf(IAsyncEnumerable<RpcValue> values)
    {
        var numbers = new List<int>();
        await foreach (RpcValue value in values)
            numbers.Add(value.AsJson().GetInt32());
        return numbers;
    }

    internal static async IAsyncEnumerable<RpcValue> CountTo(int count)
    {
        for (int i = 0; i < count; i++)
        {
            yield return i;
            if (i % 100 == 99)
                await Task.Yield();
        }
    }

    internal static async IAsyncEnumerable<RpcValue> FailAfter(int count, Exception error)
    {
        for (int i = 0; i < count; i++)
            yield return i;
        await Task.Yield();
        throw error;
    }

    internal static async IAsyncEnumerable<RpcValue> Forever(
        TaskCompletionSource ended, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            for (int i = 0; ; i++)
            {
                yield return i;
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, cancellationToken);
            }
        }
        finally
        {
            ended.SetResult();
        }
    }
}
