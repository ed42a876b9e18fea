using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Ssb.Wire.Tests.Muxrpc;

namespace Ssb.Wire.Tests.Faults;

/// <summary>What a peer that has shaken hands may try. It writes its frames by hand.</summary>
public sealed class HostilePeerTests
{
    private const int Mebibyte = 1024 * 1024;
    private const byte Json = 2;
    private const byte Stream = 8;

    [Fact]
    public async Task Read_ALargeItemAfterASmallOneWasTaken_IsNotLost()
    {
        // 10 + 80 of 100 bytes are held when 80 more come. Taking the 10 makes room, but not enough.
        var clock = new CountingClock();
        await using var peer = new Peer(new RpcOptions { WindowBytes = 100, TimeProvider = clock, IdleTimeout = Timeout.InfiniteTimeSpan, SendTimeout = Timeout.InfiniteTimeSpan });
        await using RpcSource source = peer.Connection.Source("items");
        await using IAsyncEnumerator<RpcValue> items = source.GetAsyncEnumerator(CancellationToken.None);
        int[] lengths = [10, 80, 80, 1];
        foreach (int length in lengths)
            await peer.SendAsync(Stream, -1, new byte[length]);

        await UntilAsync(() => clock.Timers > 0); // the third one waits for room

        for (int i = 0; i < lengths.Length; i++)
        {
            Assert.True(await items.MoveNextAsync().Guarded());
            Assert.Equal(lengths[i], items.Current.Bytes.Length);
            // Until the reader has seen that there is room, and not enough, and waits again. One that would not wait again has its time, too.
            for (int wait = 0; i == 0 && clock.Timers == 1 && wait < 100; wait++)
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System);
        }
    }

    [Theory]
    [InlineData("""{"a\ud800":1,"name":["echo"],"args":["x"]}""")]
    [InlineData("""{"\udfff":1,"name":["echo"],"args":["x"]}""")]
    [InlineData("""{"\u006eame":["echo"],"args":["x"]}""")]
    public async Task Serve_ARequestWithOddMembers_IsAnswered(string request)
    {
        await using var peer = new Peer(Serving(new RpcApi().Sync("echo", call => call.Arguments[0])));
        await peer.SendAsync(Json, 1, request);

        (byte flags, int number, byte[] body) = await peer.ReadAsync();
        Assert.Equal((1, -1, "x"), (flags, number, Encoding.UTF8.GetString(body)));
    }

    [Theory]
    [InlineData("""{"name":["\ud800"],"args":[]}""", "no async:\\ud800")]
    [InlineData("""{"name":"a.b","args":[]}""", "no async:a.b")]
    public async Task Serve_ANameThatNoProcedureHas_IsRefused(string request, string message)
    {
        await using var peer = new Peer(Serving(new RpcApi()));
        await peer.SendAsync(Json, 1, request);

        (_, _, byte[] body) = await peer.ReadAsync();
        Assert.StartsWith($$"""{"message":"{{message}}",""", Encoding.UTF8.GetString(body), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_AStringOfNoBytes_CanBeSentOn()
    {
        await using var peer = new Peer(new RpcOptions());
        await using RpcDuplex duplex = peer.Connection.Duplex("echo");
        _ = await peer.ReadAsync(); // our request
        await peer.SendAsync(Stream | 1, -1, "");
        await foreach (RpcValue item in duplex.ReadAllAsync())
        {
            Assert.Equal("", item.AsText());
            await duplex.WriteAsync(item);
            break;
        }

        (byte flags, _, byte[] body) = await peer.ReadAsync();
        Assert.Equal((Stream | Json, "\"\""), (flags, Encoding.UTF8.GetString(body)));
    }

    [Fact]
    public async Task Write_AfterTheStreamWasReadTooSlowly_SaysThat()
    {
        var clock = new FakeTimeProvider();
        bool tooSlow = false;
        await using var peer = new Peer(new RpcOptions
        {
            WindowFrames = 1,
            IdleTimeout = Timeout.InfiniteTimeSpan,
            TimeProvider = clock,
            OnEvent = _ => Volatile.Write(ref tooSlow, true),
        });
        await using RpcDuplex duplex = peer.Connection.Duplex("chat");
        await peer.SendAsync(Stream | Json, -1, "1");
        await peer.SendAsync(Stream | Json, -1, "2");
        await UntilAsync(() =>
        {
            clock.Advance(TimeSpan.FromMilliseconds(100));
            return Volatile.Read(ref tooSlow);
        });

        // It was not the caller who ended it.
        RpcException error = await Assert.ThrowsAsync<RpcException>(() => duplex.WriteAsync("hello").AsTask());
        Assert.Equal(RpcError.SlowConsumer, error.Error);
    }

    [Fact]
    public async Task GetManifestAsync_HalfASurrogatePair_IsANameLikeAnother()
    {
        await using var peer = new Peer(new RpcOptions());
        Task<RpcManifest> asking = peer.Connection.GetManifestAsync();
        await peer.SendAsync(Json, -1, """{"\ud800":"sync","a":"\ud800","b":{"c\ud800":"async","d":"source"}}""");
        Assert.Equal(["b.c\ud800", "b.d", "\ud800"], (await asking.Guarded()).Procedures.Keys.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(64, null)]
    [InlineData(65, "invalid request, args are nested deeper than 64 levels")]
    [InlineData(100_000, "invalid request, args are nested deeper than 64 levels")]
    public async Task Serve_ArgumentsNestedDeeply_AreRefusedWithTheReason_AndTheConnectionStands(int depth, string? refusal)
    {
        await using var peer = new Peer(Serving(new RpcApi().Sync("echo", call => call.Arguments[0]).Source("one", (call, _) => One(call.Arguments[0]))));
        string arguments = new string('[', depth) + "1" + new string(']', depth);
        await peer.SendAsync(Json, 1, $$"""{"name":["echo"],"args":{{arguments}}}""");
        (byte flags, int number, byte[] body) = await peer.ReadAsync();
        Assert.Equal((refusal is null ? Json : 4 | Json, -1), (flags, number));
        if (refusal is null)
            Assert.Equal(arguments[1..^1], Encoding.UTF8.GetString(body));
        else
            Assert.StartsWith($$"""{"message":"{{refusal}}",""", Encoding.UTF8.GetString(body), StringComparison.Ordinal);

        await peer.SendAsync(Stream | Json, 2, $$"""{"name":["one"],"args":{{arguments}},"type":"source"}""");
        (_, number, body) = await peer.ReadAsync();
        Assert.Equal(-2, number);
        Assert.Equal(refusal is null, Encoding.UTF8.GetString(body) == arguments[1..^1]);

        await peer.SendAsync(Json, 3, """{"name":["no"],"args":[]}""");
        do
            (_, number, body) = await peer.ReadAsync();
        while (number != -3);
        Assert.StartsWith("""{"message":"no async:no",""", Encoding.UTF8.GetString(body), StringComparison.Ordinal);

        static async IAsyncEnumerable<RpcValue> One(System.Text.Json.JsonElement value)
        {
            await Task.Yield();
            yield return value;
        }
    }

    [Theory]
    [InlineData(64), InlineData(65), InlineData(100_000)]
    public async Task Call_AnAnswerNestedDeeply_IsNoJsonWithTheReason(int depth)
    {
        await using var peer = new Peer(new RpcOptions());
        Task<RpcValue> asking = peer.Connection.CallAsync("ask");
        await peer.SendAsync(Json, -1, new string('[', depth) + new string(']', depth));
        RpcValue answer = await asking.Guarded();
        if (depth == 64)
            Assert.Equal(System.Text.Json.JsonValueKind.Array, answer.AsJson().ValueKind);
        else
            Assert.Contains("deeper than 64 levels", Assert.Throws<FormatException>(() => answer.AsJson()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AsJson_BytesThatAreNotUtf8_AreReadAsJavaScriptReadsThem() =>
        Assert.Equal("a\ufffdb", RpcValue.RawJson(new byte[] { (byte)'"', (byte)'a', 0xFF, (byte)'b', (byte)'"' }).AsText());

    [Fact]
    public void ReadManifest_ALongNameBeforeMany_IsLeftOut()
    {
        // Each name would repeat the 100,000 characters: 2 GB in all.
        string many = string.Join(',', Enumerable.Range(0, 9_000).Select(i => $"\"p{i}\":\"sync\""));
        var manifest = RpcManifest.Read(RpcValue.RawJson(Encoding.UTF8.GetBytes($$"""{"{{new string('x', 100_000)}}":{{{many}}},"whoami":"sync"}""")).AsJson());
        Assert.Equal(["whoami"], manifest.Procedures.Keys);
    }

    [Fact]
    public void ReadManifest_MoreThanTenThousandProcedures_Throws()
    {
        string many = string.Join(',', Enumerable.Range(0, 10_001).Select(i => $"\"p{i}\":\"sync\""));
        Assert.Throws<FormatException>(() => RpcManifest.Read(RpcValue.RawJson(Encoding.UTF8.GetBytes($"{{{many}}}")).AsJson()));
    }

    [Fact]
    public void AsText_HalfASurrogatePair_IsKept() =>
        Assert.Equal("a\ud800", RpcValue.RawJson("\"a\\ud800\""u8.ToArray()).AsText());

    [Theory]
    [InlineData("-9e13")]
    [InlineData("9e13")]
    [InlineData("NaN")]
    [InlineData("{}")]
    public async Task Measure_AClockThatCannotBe_ThrowsRpcException(string clock)
    {
        await using var peer = new Peer(new RpcOptions());
        Task<PingSample> measuring = GossipPing.MeasureAsync(peer.Connection);
        await peer.SendAsync(Stream | Json, -1, clock);
        Assert.Equal(RpcError.Malformed, (await Assert.ThrowsAsync<RpcException>(() => measuring.Guarded())).Error);
    }

    [Fact]
    public async Task ServedPing_ManyThatEnd_LeaveNoTimer()
    {
        var clock = new CountingClock();
        await using var peer = new Peer(Serving(GossipPing.AddTo(new RpcApi(), timeProvider: clock)));
        for (int i = 1; i <= 50; i++)
        {
            await peer.SendAsync(Stream | Json, i, """{"name":["gossip","ping"],"args":[{"timeout":2147483647}],"type":"duplex"}""");
            await peer.SendAsync(Stream | Json, i, "1700000000000");
            Assert.Equal(-i, (await peer.ReadAsync()).Number); // its clock
            await peer.SendAsync(Stream | Json | 4, i, "true");
            Assert.Equal(-i, (await peer.ReadAsync()).Number); // its end
        }

        Assert.Equal(0, clock.LiveTimers);
    }

    [Fact]
    public async Task Output_WhatThePeerDoesNotTake_CountsAsHeldWhileItIsWritten()
    {
        using var pair = new DuplexPair(capacity: 1000);
        var output = new RpcOutput(pair.A, TimeProvider.System, 16 * Mebibyte, _ => { });
        const int Frames = 17;
        for (int i = 0; i < Frames; i++)
            output.Add(Json, -1, new byte[Mebibyte]);
        output.Flush();
        Assert.True(output.IsOverfull); // the reader must not begin on the next 16 MiB

        Task written = output.CompleteAsync();
        await pair.B.ReadExactlyAsync(new byte[Frames * (9 + Mebibyte) + 9]).Guarded(); // and the goodbye
        await written.Guarded();
        Assert.False(output.IsOverfull);
    }

    [Theory]
    [InlineData(1, 1_000)]
    [InlineData(1_000, 20)]
    public async Task Read_APeerWhoseBytesNeverRunOut_DoesNotKeepTheThread(int framesPerRead, int reads)
    {
        int served = 0;
        await using var peer = new Peer(Serving(new RpcApi().Sync("count", _ => ++served)));
        var flood = new Flood(framesPerRead, reads);
        using var reader = new RpcReader(peer.Connection, flood, new RpcServer(peer.Connection));
        Task read = reader.ReadToEndAsync();
        int turn = await Task.Run(() =>
        {
            flood.Begin(); // the reader goes on within this, until it lets others have their turn
            return Volatile.Read(ref served);
        }).Guarded();
        Assert.InRange(turn, 1, 200);
        await read.Guarded();
        Assert.Equal(framesPerRead * reads, served);
    }

    [Fact]
    public void Output_WhatGrewLarge_IsNotKeptByThePool()
    {
        using var pair = new DuplexPair(capacity: 1000);
        var output = new RpcOutput(pair.A, TimeProvider.System, 16 * Mebibyte, _ => { });
        var grown = new List<byte[]>();
        for (int i = 0; i < 6; i++)
        {
            output.Add(Json, -1, new byte[Mebibyte]);
            grown.Add(UnsentOf(output)!);
        }

        output.Abandon();
        Assert.Null(UnsentOf(output));
        for (int size = Mebibyte; size <= 16 * Mebibyte; size *= 2)
        {
            byte[] next = System.Buffers.ArrayPool<byte>.Shared.Rent(size); // what this thread gave back last, if it did
            Assert.DoesNotContain(grown, array => ReferenceEquals(array, next));
        }
    }

    // The arrays themselves are compared: the pool's new arrays are not cleared, so what they hold tells nothing.
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_unsent")]
    private static extern ref byte[]? UnsentOf(RpcOutput output);

    [Fact]
    public async Task RunPing_Cancelled_ThrowsThat()
    {
        for (int i = 0; i < 20; i++)
        {
            await using var peer = new Peer(new RpcOptions { TimeProvider = new FakeTimeProvider() });
            using var cancellation = new CancellationTokenSource();
            var sampled = new TaskCompletionSource();
            Task running = GossipPing.RunAsync(peer.Connection, _ => sampled.TrySetResult(), cancellationToken: cancellation.Token);
            await peer.SendAsync(Stream | Json, -1, "1700000000000");
            await sampled.Task.Guarded();
            await peer.SendAsync(Stream | Json, -1, "1700000000000"); // the peer serves, so that a turn of ours is due
            for (int frame = 0; frame < 3; frame++)
                _ = await peer.ReadAsync(); // our request, our clock, and our clock again
            await YieldAsync();
            await cancellation.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.Guarded());
        }
    }

    [Fact]
    public async Task DisposeAsync_AStreamThatFailsInItsOwnWay_IsStillQuiet()
    {
        Exception? unobserved = null;
        EventHandler<UnobservedTaskExceptionEventArgs> observe = (_, e) => unobserved = e.Exception.InnerException as TimeoutException ?? unobserved;
        TaskScheduler.UnobservedTaskException += observe;
        await CloseAsync();
        for (int i = 0; i < 3; i++)
        {
            await Task.Yield();
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        TaskScheduler.UnobservedTaskException -= observe;
        Assert.Null(unobserved);

        static async Task CloseAsync()
        {
            var keys = new BoxStreamKeys(new byte[32], new byte[24], new byte[32], new byte[24]);
            var clock = new FakeTimeProvider();
            RpcConnection connection = RpcConnection.Start(new BoxStream(new FailingStream(), keys, default), new RpcOptions { TimeProvider = clock });
            Task closing = connection.DisposeAsync().AsTask();
            await YieldAsync();
            clock.Advance(TimeSpan.FromSeconds(3));
            await closing.Guarded();
        }
    }

    private static RpcOptions Serving(RpcApi api) => new() { Api = api, Permissions = RpcPermissions.All };

    private static byte[] Frame(int flags, int request, ReadOnlySpan<byte> body)
    {
        byte[] frame = new byte[9 + body.Length];
        frame[0] = (byte)flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), body.Length);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), request);
        body.CopyTo(frame.AsSpan(9));
        return frame;
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var guard = new CancellationTokenSource(Wait.Guard, TimeProvider.System);
        while (!condition())
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, guard.Token);
    }

    private static async Task YieldAsync()
    {
        for (int i = 0; i < 100; i++)
            await Task.Yield();
    }

    /// <summary>The peer of a connection, frame by frame.</summary>
    private sealed class Peer : IAsyncDisposable
    {
        private readonly DuplexPair _pair = new();

        public Peer(RpcOptions options) => Connection = RpcConnection.Start(_pair.A, options);

        public RpcConnection Connection { get; }

        public Task SendAsync(int flags, int request, string body) => SendAsync(flags, request, Encoding.UTF8.GetBytes(body));

        public Task SendAsync(int flags, int request, byte[] body) => _pair.B.WriteAsync(Frame(flags, request, body)).AsTask();

        public async Task<(byte Flags, int Number, byte[] Body)> ReadAsync()
        {
            byte[] head = new byte[9];
            await _pair.B.ReadExactlyAsync(head).Guarded();
            byte[] body = new byte[BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(1))];
            await _pair.B.ReadExactlyAsync(body).Guarded();
            return (head[0], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)), body);
        }

        public async ValueTask DisposeAsync()
        {
            _pair.B.Dispose();
            await Connection.DisposeAsync();
        }
    }

    /// <summary>Never gives a byte, and takes all until the goodbye of a box stream, for which it has an exception that no stream should have.</summary>
    private sealed class FailingStream : System.IO.Stream
    {
        private readonly TaskCompletionSource<int> _closed = new();

        public override bool CanRead => true;

        public override bool CanWrite => true;

        public override bool CanSeek => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            buffer.IsEmpty ? new ValueTask<int>(0) : new ValueTask<int>(_closed.Task);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            buffer.Length == BoxStream.HeaderSize ? throw new TimeoutException() : default;

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        protected override void Dispose(bool disposing)
        {
            _closed.TrySetResult(0);
            base.Dispose(disposing);
        }
    }

    /// <summary>Time stands still; it is counted what waits for it to go on.</summary>
    private sealed class CountingClock : TimeProvider
    {
        private int _live;
        private int _all;

        public int Timers => Volatile.Read(ref _all);

        public int LiveTimers => Volatile.Read(ref _live);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Interlocked.Increment(ref _live);
            Interlocked.Increment(ref _all);
            return new Timer(this);
        }

        private sealed class Timer(CountingClock clock) : ITimer
        {
            private int _disposed;

            public bool Change(TimeSpan dueTime, TimeSpan period) => _disposed == 0;

            public void Dispose()
            {
                if (Interlocked.Exchange(ref _disposed, 1) == 0)
                    Interlocked.Decrement(ref clock._live);
            }

            public ValueTask DisposeAsync()
            {
                Dispose();
                return default;
            }
        }
    }

    /// <summary>Requests that are always here already, until there were many.</summary>
    private sealed class Flood(int framesPerRead, int reads) : MemoryStream
    {
        private readonly byte[] _frames = [.. Enumerable.Repeat(RpcRawPeer.Frame(Json, 1, """{"name":["count"],"args":[]}"""u8), framesPerRead).SelectMany(f => f)];

        private readonly TaskCompletionSource<int> _first = new();

        private int _read;

        public void Begin() => _first.SetResult(_frames.Length);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.IsEmpty || ++_read > reads)
                return ValueTask.FromResult(0);
            _frames.CopyTo(buffer);
            return _read == 1 ? new ValueTask<int>(_first.Task) : ValueTask.FromResult(_frames.Length);
        }
    }
}
