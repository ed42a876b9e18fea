using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;

namespace Ssb.Wire.Tests.Muxrpc;

/// <summary>Readers that are slower than the peer, in virtual time: what stops the reading of a connection, what goes on meanwhile, and
/// what ends.</summary>
public sealed class RpcSlowReaderTests : IDisposable
{
    private const int Item = 8 | 2; // a stream's, in JSON

    private readonly FakeTimeProvider _time = new();
    private readonly ConcurrentQueue<RpcEvent> _events = [];

    private RpcOptions Narrow => new()
    {
        WindowFrames = 2,
        TimeProvider = _time,
        OnEvent = _events.Enqueue,
        Permissions = RpcPermissions.All,
        ReserveFolder = null,
        IdleTimeout = Timeout.InfiniteTimeSpan,
        SendTimeout = Timeout.InfiniteTimeSpan,
    };

    // Whatever was slow here ended by itself or not at all.
    public void Dispose() => Assert.All(_events, e => Assert.Equal(RpcEventKind.SlowConsumer, e.Kind));

    [Fact]
    public async Task Window_Full_StopsTheReadingUntilItemsAreTaken()
    {
        await using var peer = new RpcRawPeer(Narrow);
        await using RpcSource source = peer.Connection.Source("items");
        await SendItemsAsync(peer, 1, 0, 6);
        await UntilAsync(() => peer.Connection.IsStopped);
        Assert.Equal(0, peer.Connection.Reserve.Bytes);

        Assert.Equal(Enumerable.Range(0, 6), await TakeAsync(source, 6)); // time stands still
        Assert.False(peer.Connection.IsStopped);
        Assert.Equal(0, peer.Connection.Reserve.Bytes);
    }

    [Theory]
    [InlineData(0, 9)] // without a reserve a third of the deadline is enough
    [InlineData(1024 * 1024, 29)]
    public async Task Reader_TakesOneItemNowAndThen_LosesNothing(long reserve, int seconds)
    {
        await using var peer = new RpcRawPeer(Narrow with { ReserveBytes = reserve });
        await using RpcSource source = peer.Connection.Source("items");
        await SendItemsAsync(peer, 1, 0, 40);
        await using IAsyncEnumerator<RpcValue> items = source.GetAsyncEnumerator(CancellationToken.None);
        for (int i = 0; i < 40; i++)
        {
            await AdvanceAsync(TimeSpan.FromSeconds(seconds));
            Assert.True(await items.MoveNextAsync().Guarded());
            Assert.Equal(i, items.Current.AsJson().GetInt32());
        }

        Assert.Empty(_events);
        Assert.Equal((0, 0), (peer.Connection.Held.Bytes, peer.Connection.Reserve.Bytes));
    }

    [Fact]
    public async Task Reader_TakesNothingForASecond_OthersAreReadOn()
    {
        await using var peer = new RpcRawPeer(Narrow);
        await using RpcSource other = peer.Connection.Source("other");
        await using RpcSource paused = peer.Connection.Source("paused");
        await SendItemsAsync(peer, 2, 0, 10);
        await UntilAsync(() => peer.Connection.IsStopped);
        Assert.Equal([0], await TakeAsync(paused, 1));
        await UntilAsync(() => peer.Connection.IsStopped);
        await SendItemsAsync(peer, 1, 7, 1);
        await peer.SendAsync(2, 1, """{"name":["manifest"],"args":[]}""");
        await AdvanceAsync(TimeSpan.FromSeconds(0.9));
        Assert.True(peer.Connection.IsStopped);
        Assert.Equal(0, peer.Connection.Reserve.Bytes);

        await AdvanceUntilAsync(() => peer.Connection.Reserve.Bytes > 0);
        Assert.Equal([7], await TakeAsync(other, 1));
        for (int i = 0; i < 2; i++)
            _ = await peer.ReceiveAsync(); // our requests
        Assert.Equal(-1, (await peer.ReceiveAsync()).Request); // the peer's call is answered, too
        Assert.NotEqual(0, peer.Connection.Reserve.Bytes);
        Assert.Equal(Enumerable.Range(1, 9), await TakeAsync(paused, 9));
        Assert.Equal(0, peer.Connection.Reserve.Bytes);
        Assert.Empty(_events);
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task Reader_AsksThePeer_IsAnsweredAtOnce(bool hasTaken)
    {
        await using var peer = new RpcRawPeer(Narrow);
        await using RpcSource source = peer.Connection.Source("items");
        await SendItemsAsync(peer, 1, 0, 10);
        await UntilAsync(() => peer.Connection.IsStopped);
        int taken = hasTaken ? 1 : 0;
        Assert.Equal(Enumerable.Range(0, taken), await TakeAsync(source, taken));
        Task<RpcValue> call = peer.Connection.CallAsync("question");
        await peer.SendAsync(2, -2, "42");
        Assert.Equal(42, (await call.Guarded()).AsJson().GetInt32()); // time stands still

        // A stream that it opens in between, likewise.
        RpcSource inner = peer.Connection.Source("inner");
        await SendItemsAsync(peer, 1, 10, 10);
        await SendItemsAsync(peer, 3, 5, 1);
        Assert.Equal([5], await TakeAsync(inner, 1));
        await inner.DisposeAsync();
        await peer.SendAsync(Item | 4, -3, "true");

        Assert.Equal(Enumerable.Range(taken, 20 - taken), await TakeAsync(source, 20 - taken));
        Assert.Equal((0, 0), (peer.Connection.Held.Bytes, peer.Connection.Reserve.Bytes));
        Assert.Empty(_events);
    }

    [Fact]
    public async Task Reader_WhoseOldCallIsOpen_DoesNotSpendTheReserve()
    {
        await using var peer = new RpcRawPeer(Narrow);
        Task<RpcValue> old = peer.Connection.CallAsync("slow");
        await using RpcSource source = peer.Connection.Source("items");
        await SendItemsAsync(peer, 2, 0, 10);
        await UntilAsync(() => peer.Connection.IsStopped);
        Assert.Equal([0], await TakeAsync(source, 1));
        await UntilAsync(() => peer.Connection.IsStopped);
        Assert.Equal(0, peer.Connection.Reserve.Bytes);
        Assert.False(old.IsCompleted);
        _ = old.ContinueWith(static task => task.Exception, TaskScheduler.Default); // it ends with the connection
    }

    [Fact]
    public async Task Reader_TakesNothingUntilTheDeadline_EndsAlone()
    {
        await using var peer = new RpcRawPeer(Narrow);
        await using RpcSource source = peer.Connection.Source("items");
        Task<RpcValue> call = peer.Connection.CallAsync("question");
        await SendItemsAsync(peer, 1, 0, 4);
        await UntilAsync(() => peer.Connection.Reserve.Bytes > 0); // the call may be what its reader waits for
        await AdvanceAsync(TimeSpan.FromSeconds(29));
        Assert.Empty(_events);
        await AdvanceUntilAsync(() => !_events.IsEmpty);
        Assert.Equal((RpcEventKind.SlowConsumer, "items"), (_events.Single().Kind, _events.Single().Procedure));

        // What came before that is still there.
        var seen = new List<int>();
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            await foreach (RpcValue value in source)
                seen.Add(value.AsJson().GetInt32());
        });
        Assert.Equal((RpcError.SlowConsumer, true), (e.Error, e.Message.Contains("30 s", StringComparison.Ordinal)));
        Assert.Equal(Enumerable.Range(0, 4), seen);
        Assert.Equal((0, 0), (peer.Connection.Held.Bytes, peer.Connection.Reserve.Bytes));
        await peer.SendAsync(2, -2, "1");
        await call.Guarded();
    }

    [Fact]
    public async Task Reserve_Full_EndsAfterAThirdOfTheDeadline()
    {
        await using var peer = new RpcRawPeer(Narrow with { ReserveBytes = 1_000, SlowReaderDeadline = TimeSpan.FromSeconds(6) });
        await using RpcSource source = peer.Connection.Source("items");
        Task<RpcValue> call = peer.Connection.CallAsync("question");
        await SendItemsAsync(peer, 1, 0, 100);
        await UntilAsync(() => peer.Connection.IsStopped);
        Assert.InRange(peer.Connection.Reserve.Bytes, 1_000 - 66, 1_000); // an item is 65 or 66 bytes
        await AdvanceAsync(TimeSpan.FromSeconds(1.9));
        Assert.Empty(_events);
        await AdvanceUntilAsync(() => !_events.IsEmpty);
        await peer.SendAsync(2, -2, "1"); // what is behind is read now
        await call.Guarded();
    }

    [Fact]
    public async Task Reserve_ReadIntoWithoutACall_LastsUntilTheDeadline()
    {
        await using var peer = new RpcRawPeer(Narrow with { ReserveBytes = 30_000 });
        await using RpcSource source = peer.Connection.Source("items");
        await SendItemsAsync(peer, 1, 0, 1_000);
        await UntilAsync(() => peer.Connection.IsStopped);
        for (int second = 1; second < 29; second++)
        {
            await AdvanceAsync(TimeSpan.FromSeconds(1));
            Assert.InRange(peer.Connection.Reserve.Bytes, 0, (second + 1) * 1_000 + 67); // a second's worth is saved up, and the last item may be beyond
        }

        Assert.InRange(peer.Connection.Reserve.Bytes, 1_000, 30_000);
        Assert.Empty(_events);
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task Stream_DisposedWhileItStopsTheReading_LetsItGoOn(bool isInReserve)
    {
        await using var peer = new RpcRawPeer(Narrow);
        RpcSource source = peer.Connection.Source("items");
        await SendItemsAsync(peer, 1, 0, 10_000);
        await UntilAsync(() => peer.Connection.IsStopped);
        if (isInReserve)
            await AdvanceUntilAsync(() => peer.Connection.Reserve.Bytes > 0);

        await source.DisposeAsync();
        Task<RpcValue> call = peer.Connection.CallAsync("question");
        await peer.SendAsync(2, -2, "1");
        await call.Guarded();
        Assert.Equal((0, 0), (peer.Connection.Held.Bytes, peer.Connection.Reserve.Bytes));
    }

    [Fact]
    public async Task Reading_CancelledWhileItIsStopped_LetsItGoOn()
    {
        await using var peer = new RpcRawPeer(Narrow);
        using var cancellation = new CancellationTokenSource();
        Task reading = Task.Run(async () =>
        {
            await foreach (RpcValue item in peer.Connection.Source("items").WithCancellation(cancellation.Token))
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation.Token);
        });
        _ = await peer.ReceiveAsync();
        await SendItemsAsync(peer, 1, 0, 10);
        await UntilAsync(() => peer.Connection.IsStopped);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.Guarded());
        Task<RpcValue> call = peer.Connection.CallAsync("question");
        await peer.SendAsync(2, -2, "1");
        await call.Guarded();
    }

    [Fact]
    public async Task Connection_DisposedWhileStopped_Ends()
    {
        await using var scene = new RpcScene(new RpcApi().Source("flood", (_, _) => RpcStreamTests.CountTo(1_000)), client: o => o with { WindowFrames = 2 });
        RpcSource source = scene.Client.Source("flood");
        await UntilAsync(() => scene.Client.IsStopped);
        await scene.Client.DisposeAsync().Guarded(); // time stands still: the goodbye behind the flood is read
        Assert.Equal(RpcEndReason.Closed, (await scene.Client.Completion).Reason);
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await TakeAsync(source, 1_000));
        Assert.Equal(RpcError.ConnectionClosed, e.Error);
    }

    [Fact]
    public async Task Goodbye_BehindItemsInReserve_EndsAfterTheyWereRead()
    {
        await using var peer = new RpcRawPeer(Narrow);
        await using RpcSource source = peer.Connection.Source("items");
        await SendItemsAsync(peer, 1, 0, 10);
        await peer.SendAsync(Item | 4, -1, "true");
        await peer.SendAsync(0, 0, "");
        peer.Stream.Dispose();
        await UntilAsync(() => peer.Connection.IsStopped);
        await AdvanceUntilAsync(() => peer.Connection.Completion.IsCompleted);
        Assert.Equal(RpcEndReason.Goodbye, (await peer.Connection.Completion).Reason);
        Assert.Equal(Enumerable.Range(0, 10), await RpcStreamTests.NumbersOf(source).Guarded());
    }

    [Fact]
    public async Task Idle_WhileStopped_IsNoSilence()
    {
        RpcOptions options = Narrow with { ReserveBytes = 0, SlowReaderDeadline = TimeSpan.FromMinutes(1), IdleTimeout = TimeSpan.FromSeconds(4) };
        await using var peer = new RpcRawPeer(options);
        await using RpcSource source = peer.Connection.Source("items");
        await SendItemsAsync(peer, 1, 0, 10);
        await UntilAsync(() => peer.Connection.IsStopped);
        await AdvanceAsync(TimeSpan.FromSeconds(19));
        Assert.Equal(Enumerable.Range(0, 10), await TakeAsync(source, 10));
        await AdvanceAsync(TimeSpan.FromSeconds(3));
        Assert.False(peer.Connection.Completion.IsCompleted);
        await AdvanceUntilAsync(() => peer.Connection.Completion.IsCompleted);
        Assert.Equal(RpcEndReason.Idle, (await peer.Connection.Completion).Reason);
    }

    [Theory]
    [InlineData("sink"), InlineData("duplex"), InlineData("back")]
    public async Task Streams_OfEveryTypeReadSlowly_LoseNothing(string type)
    {
        const int Count = 200;
        var took = new TaskCompletionSource<List<int>>(TaskCreationOptions.RunContinuationsAsynchronously);
        var api = new RpcApi()
            .Sink("sink", async (_, items, _) => took.TrySetResult(await SlowlyAsync(items)))
            .Duplex("duplex", async (_, duplex, token) => took.TrySetResult(await SlowlyAsync(duplex.ReadAllAsync(token))))
            .Duplex("back", async (_, duplex, token) =>
            {
                for (int i = 0; i < Count; i++)
                    await duplex.WriteAsync(i, token);
            });
        Func<RpcOptions, RpcOptions> narrow = o => o with { WindowFrames = 2, TimeProvider = _time };
        await using var scene = new RpcScene(api, narrow, narrow, capacity: 300);
        switch (type)
        {
            case "sink":
                await scene.Client.SinkAsync("sink", [], RpcStreamTests.CountTo(Count)).Guarded();
                break;
            case "duplex":
                await using (RpcDuplex duplex = scene.Client.Duplex("duplex"))
                {
                    for (int i = 0; i < Count; i++)
                        await duplex.WriteAsync(i);
                    duplex.Complete();
                    await took.Task.Guarded();
                }

                break;
            default:
                await using (RpcDuplex duplex = scene.Client.Duplex("back"))
                    took.TrySetResult(await SlowlyAsync(duplex.ReadAllAsync()));
                break;
        }

        Assert.Equal(Enumerable.Range(0, Count), await took.Task.Guarded());
        Assert.Empty(scene.Events);
        Assert.Empty(scene.ClientEvents);

        async Task<List<int>> SlowlyAsync(IAsyncEnumerable<RpcValue> items)
        {
            var seen = new List<int>();
            await foreach (RpcValue item in items)
            {
                seen.Add(item.AsJson().GetInt32());
                await Task.Yield();
                if (seen.Count % 50 == 0)
                    _time.Advance(TimeSpan.FromSeconds(5));
            }

            return seen;
        }
    }

    [Fact]
    public async Task Calls_OneForEachItem_LoseNothingAndKeepTheOrder()
    {
        const int Count = 3_000;
        var api = new RpcApi().Source("count", (_, _) => RpcStreamTests.CountTo(Count)).Sync("echo", call => call.Arguments[0]);
        await using var scene = new RpcScene(api, client: o => o with { WindowFrames = 4 }, capacity: 2_000);
        var seen = new List<int>();
        await foreach (RpcValue item in scene.Client.Source("count"))
        {
            seen.Add((await scene.Client.CallAsync("echo", [item.AsJson().GetInt32()]).Guarded()).AsJson().GetInt32());
            Assert.InRange(scene.Client.Reserve.Bytes, 0, new RpcOptions().ReserveBytes);
        }

        Assert.Equal(Enumerable.Range(0, Count), seen);
        Assert.Equal((0, 0), (scene.Client.Held.Bytes, scene.Client.Reserve.Bytes));
        Assert.Empty(scene.ClientEvents);
    }

    [Fact]
    public async Task ReserveFile_MoreThanMemoryHolds_KeepsTheOrder()
    {
        using var folder = new Folder();
        var space = new RpcReserveSpace(1_000_000, leastFree: 0);
        await using var peer = new RpcRawPeer(Narrow with { ReserveBytes = 10_000, ReserveFolder = folder.Path, ReserveSpace = space });
        await using RpcSource source = peer.Connection.Source("items");
        for (int round = 0; round < 3; round++)
        {
            await SendItemsAsync(peer, 1, 0, 5_000); // each costs 65 bytes or more in memory, but nothing there in the file
            await AskAsync(peer, round); // time stands still
            Assert.InRange(peer.Connection.Reserve.Bytes, 4_900, 5_100);
            Assert.InRange(peer.Connection.Reserve.FileBytes, 5 * 4_900, 10 * 5_000);
            Assert.Equal(peer.Connection.Reserve.FileBytes, space.Bytes);
            Assert.InRange(Directory.GetFiles(folder.Path).Length, 0, OperatingSystem.IsWindows() ? 1 : 0);
            Assert.Equal(Enumerable.Range(0, 5_000), await TakeAsync(source, 5_000));
            AssertNothingHeld(peer, space);
        }

        Assert.Empty(_events);
    }

    [Fact]
    public async Task ReserveFile_FilledWhileItIsRead_KeepsTheOrder()
    {
        using var folder = new Folder();
        await using var peer = new RpcRawPeer(Narrow with { ReserveBytes = 2_000, ReserveFolder = folder.Path });
        await using RpcSource source = peer.Connection.Source("items");
        var seen = new List<int>();
        for (int round = 0; round < 30; round++)
        {
            // The memory has room again each time, but what is in the file comes first.
            await SendItemsAsync(peer, 1, round * 40, 40);
            await AskAsync(peer, round);
            seen.AddRange(await TakeAsync(source, round % 3 == 2 ? 60 : 30));
        }

        Assert.Equal(Enumerable.Range(0, 1_200), seen);
        AssertNothingHeld(peer);
    }

    [Theory]
    [InlineData("full"), InlineData("missing"), InlineData("nearly full disk"), InlineData("others have it"), InlineData("a file"), InlineData("none")]
    [InlineData("no descriptors"), InlineData("none for callers")]
    public async Task ReserveFile_CannotBeHad_IsAFullReserve(string why)
    {
        Assert.SkipWhen((why is "no descriptors" or "none for callers") && OperatingSystem.IsWindows(), "Windows has no limit of descriptors.");
        using var folder = new Folder();
        string file = Path.Combine(folder.Path, "file");
        await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
        var told = new ConcurrentQueue<RpcEvent>();
        await using var peer = new RpcRawPeer(Narrow with
        {
            ReserveBytes = 1_000,
            ReserveFolder = why switch { "missing" => Path.Combine(folder.Path, "missing"), "a file" => file, "none" => null, _ => folder.Path },
            ReserveFileBytes = why == "full" ? 3 : 1_000_000,
            ReserveSpace = new RpcReserveSpace(why == "others have it" ? 3 : 1_000_000, why == "nearly full disk" ? long.MaxValue : 0),
            Descriptors = new Descriptors(why switch { "no descriptors" => int.MaxValue, "none for callers" => KeepingCallersOut(), _ => null }),
            OnEvent = e => (e.Kind == RpcEventKind.NoReserveFile ? told : _events).Enqueue(e),
        });
        await using RpcSource source = peer.Connection.Source("items");
        Task<RpcValue> call = peer.Connection.CallAsync("question");
        await SendItemsAsync(peer, 1, 0, 100);
        await UntilAsync(() => peer.Connection.IsStopped);
        await AdvanceAsync(TimeSpan.FromSeconds(9.5));
        Assert.Empty(_events);
        if (why is "full" or "others have it" or "none" or "no descriptors" or "none for callers")
        {
            Assert.Empty(told);
        }
        else
        {
            RpcEvent once = Assert.Single(told);
            Assert.Equal("items", once.Procedure);
            Assert.True(once.Error is IOException or UnauthorizedAccessException, once.ToString());
        }

        await AdvanceUntilAsync(() => !_events.IsEmpty);
        await peer.SendAsync(2, -2, "1");
        await call.Guarded();
    }

    // A reserve that leaves something to programs of our own user, and nothing to callers: half of it is kept from these in addition.
    private static int KeepingCallersOut() => (int)Math.Min(Descriptors.Limit * 0.8, int.MaxValue);

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task ReserveFile_StreamOfThePeer_OnlyForWhoMayDoEverything(bool mayAll)
    {
        using var folder = new Folder();
        var took = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        RpcApi api = new RpcApi().Duplex("give", async (_, given, token) =>
        {
            await took.Task.WaitAsync(token);
            await foreach (RpcValue item in given.ReadAllAsync(token))
                GC.KeepAlive(item.Bytes);
        });
        await using var peer = new RpcRawPeer(Narrow with
        {
            Api = api,
            Permissions = mayAll ? RpcPermissions.All : new RpcPermissions(["give"]),
            ReserveBytes = 2_000,
            ReserveFolder = folder.Path,
        });
        await peer.SendAsync(Item, 1, """{"name":["give"],"type":"duplex","args":[]}""");
        await UntilAsync(() => peer.Connection.RunningProcedures == 1);
        Task<RpcValue> call = peer.Connection.CallAsync("question");
        _ = call.ContinueWith(static ended => ended.Exception, TaskScheduler.Default); // without an answer it ends with the connection
        for (int i = 0; i < 100; i++)
            await peer.SendAsync(Item, 1, "7");
        if (mayAll)
        {
            await peer.SendAsync(2, -1, "42");
            await call.Guarded();
            Assert.InRange(peer.Connection.Reserve.FileBytes, 6 * 50, 6 * 100);
        }
        else
        {
            await UntilAsync(() => peer.Connection.IsStopped);
            Assert.Equal(0, peer.Connection.Reserve.FileBytes);
            Assert.InRange(peer.Connection.Reserve.Bytes, 1_900, 2_000); // all of the memory
        }

        took.SetResult();
        await UntilAsync(() => peer.Connection.Reserve.Bytes == 0);
    }

    [Fact]
    public async Task ReserveFile_StreamIsLeft_GivesItsRoomBack()
    {
        using var folder = new Folder();
        var space = new RpcReserveSpace(1_000_000, leastFree: 0);
        await using var peer = new RpcRawPeer(Narrow with { ReserveBytes = 1_000, ReserveFolder = folder.Path, ReserveSpace = space });
        await using (RpcSource source = peer.Connection.Source("items"))
        {
            await SendItemsAsync(peer, 1, 0, 1_000);
            await AskAsync(peer, 0);
            Assert.InRange(space.Bytes, 1, 1_000_000);
        }

        AssertNothingHeld(peer, space);
    }

    [Fact]
    public void ReserveFile_OfNobody_GivesItsRoomBack()
    {
        using var folder = new Folder();
        var space = new RpcReserveSpace(1_000_000, leastFree: 0);
        Write();
        for (int i = 0; i < 100 && space.Bytes > 0; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Equal(0, space.Bytes);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        void Write()
        {
            var file = new RpcReserveFile(new RpcReserve(new RpcOptions { ReserveFolder = folder.Path, ReserveSpace = space }), folder.Path);
            Assert.True(file.TryWrite(RpcValue.True));
            Assert.Equal(9, space.Bytes);
        }
    }

    [Fact]
    public void ReserveSpace_Full_TakesNothing()
    {
        var space = new RpcReserveSpace(10, leastFree: 0);
        Assert.True(space.TryTake(10));
        Assert.False(space.HasRoomFor(1));
        Assert.False(space.TryTake(1));
        space.Give(4);
        Assert.True(space.TryTake(4));
        Assert.Equal(10, space.Bytes);
    }

    [Fact]
    public void ReserveFolder_ByDefault_IsThatOfTheSystemOnDisk()
    {
        string folder = new RpcOptions().ReserveFolder!;
        if (!string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable("TMPDIR")) || OperatingSystem.IsWindows())
            Assert.Equal(Path.GetTempPath(), folder);
        else
            Assert.Equal(Directory.Exists("/var/tmp") ? "/var/tmp" : Path.GetTempPath(), folder);
        Assert.Same(RpcReserveSpace.OfProcess, new RpcOptions().ReserveSpace);
    }

    [Fact]
    public async Task ReserveFile_IsForThisUserAlone()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only there is the file seen that has no name.");
        using var folder = new Folder();
        await using var peer = new RpcRawPeer(Narrow with { ReserveBytes = 1_000, ReserveFolder = folder.Path });
        await using RpcSource source = peer.Connection.Source("items");
        await SendItemsAsync(peer, 1, 0, 100);
        await AskAsync(peer, 0);
        string[] open = [.. Directory.GetFiles("/proc/self/fd").Where(fd => new FileInfo(fd).LinkTarget?.StartsWith(folder.Path, StringComparison.Ordinal) == true)];
        string file = Assert.Single(open);
        Assert.EndsWith(" (deleted)", new FileInfo(file).LinkTarget, StringComparison.Ordinal);
        using var handle = new Microsoft.Win32.SafeHandles.SafeFileHandle(nint.Parse(Path.GetFileName(file), System.Globalization.CultureInfo.InvariantCulture), ownsHandle: false);
        if (!OperatingSystem.IsWindows()) // it is Linux, which the analyzer does not see
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(handle));
    }

    [Fact]
    public async Task ReserveFile_CutShort_EndsTheStreamWhereAnItemIsLost()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only there can the file be opened that has no name.");
        using var folder = new Folder();
        await using var peer = new RpcRawPeer(Narrow with { ReserveBytes = 10_000, ReserveFolder = folder.Path });
        await using RpcSource source = peer.Connection.Source("items");
        await SendItemsAsync(peer, 1, 100, 100);
        await AskAsync(peer, 0);
        string file = Directory.GetFiles("/proc/self/fd").Single(fd => new FileInfo(fd).LinkTarget?.StartsWith(folder.Path, StringComparison.Ordinal) == true);
        using (var handle = new Microsoft.Win32.SafeHandles.SafeFileHandle(nint.Parse(Path.GetFileName(file), System.Globalization.CultureInfo.InvariantCulture), ownsHandle: false))
            RandomAccess.SetLength(handle, 28); // three items and a part of one

        var seen = new List<int>();
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            await foreach (RpcValue value in source)
                seen.Add(value.AsJson().GetInt32());
        });
        Assert.IsType<EndOfStreamException>(e.InnerException);
        Assert.InRange(seen.Count, 50, 99);
        Assert.Equal(Enumerable.Range(100, seen.Count), seen);
        await UntilAsync(() => !_events.IsEmpty);
        AssertNothingHeld(peer);
    }

    private static async Task AskAsync(RpcRawPeer peer, int earlier)
    {
        Task<RpcValue> call = peer.Connection.CallAsync("question");
        await peer.SendAsync(2, -2 - earlier, "42");
        await call.Guarded();
    }

    private static void AssertNothingHeld(RpcRawPeer peer, RpcReserveSpace? space = null) =>
        Assert.Equal((0, 0, 0, 0), (peer.Connection.Held.Bytes, peer.Connection.Reserve.Bytes, peer.Connection.Reserve.FileBytes, space?.Bytes ?? 0));

    private sealed class Folder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("ssb-reserve").FullName;

        public void Dispose() => TestFolder.Delete(Path);
    }

    private static async Task SendItemsAsync(RpcRawPeer peer, int stream, int from, int count)
    {
        for (int i = from; i < from + count; i++)
            await peer.SendAsync(Item, -stream, i.ToString(System.Globalization.CultureInfo.InvariantCulture));
    }

    // Of one source several times: its enumerator is kept, as leaving an enumeration ends the stream.
    private readonly ConcurrentDictionary<RpcSource, IAsyncEnumerator<RpcValue>> _reading = [];

    private async Task<List<int>> TakeAsync(RpcSource source, int count)
    {
        IAsyncEnumerator<RpcValue> items = _reading.GetOrAdd(source, static s => s.GetAsyncEnumerator(CancellationToken.None));
        var taken = new List<int>();
        while (taken.Count < count && await items.MoveNextAsync().Guarded())
            taken.Add(items.Current.AsJson().GetInt32());
        return taken;
    }

    // For what has to happen at some time: what waits for the clock may begin to wait a little late.
    private async Task AdvanceUntilAsync(Func<bool> condition)
    {
        using var guard = new CancellationTokenSource(Wait.Guard, TimeProvider.System);
        while (!condition())
        {
            _time.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, guard.Token);
        }
    }

    // For what must not happen in that time. In small steps, so that whatever waits for the clock wakes up and waits again.
    private async Task AdvanceAsync(TimeSpan time)
    {
        for (TimeSpan step = TimeSpan.FromMilliseconds(100); time > TimeSpan.Zero; time -= step)
        {
            _time.Advance(step < time ? step : time);
            for (int i = 0; i < 3; i++)
                await Task.Yield();
        }

        await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var guard = new CancellationTokenSource(Wait.Guard, TimeProvider.System);
        while (!condition())
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, guard.Token);
    }
}
