using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Ssb.Wire;

namespace Ssb.Conn.Fuzz;

/// <summary>muxrpc: what a peer sends to a connection that serves procedures of every type, and has calls and streams of its own open.</summary>
/// <remarks>
/// Input: choices 1 | bytes. Bit 0 of the choices says what the bytes are: 0, what comes; 1, frames with a short head (flags 1, request 1,
/// length 1), so that a change seldom loses the beginning of the next. Bit 1: three bytes come at a time. Bit 2: the bounds are narrow.
/// Bit 3: the peer is gone after it took 1,000 bytes. Bit 4: nothing is permitted.
/// </remarks>
internal static class FramesTarget
{
    private static readonly TimeSpan s_guard = TimeSpan.FromSeconds(60);

    private static int s_runs;
    private static Exception? s_unobserved;

    // Made at its first use: instrumented code must not run before somebody gave it its map of branches.
    private static RpcApi Api => field ??= MakeApi();

    public static void Run(byte[] input)
    {
        if (input.Length == 0)
            return;

        if (s_runs == 0)
            TaskScheduler.UnobservedTaskException += (_, e) => s_unobserved = e.Exception;
        // On the thread pool, so that with one thread there is one order in which things happen.
        Targets.Require(Task.Run(() => RunAsync(input)).Wait(s_guard), "It hangs.");
        if (++s_runs % 512 == 0)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            if (s_unobserved is { } exception)
                throw new InvalidDataException("One of the last 512 inputs left an exception that nobody observed.", exception);
        }
    }

    private static async Task RunAsync(byte[] input)
    {
        byte choices = input[0];
        var once = new Queue<byte[]>([(choices & 1) == 0 ? input[1..] : WithWholeHeads(input.AsSpan(1))]);
        using var stream = new ScriptedStream(
            () => once.TryDequeue(out byte[]? all) ? all : default,
            chunk: (choices & 2) != 0 ? 3 : int.MaxValue,
            writable: (choices & 8) != 0 ? 1000 : int.MaxValue);
        bool narrow = (choices & 4) != 0;
        int events = 0;
        RpcConnection connection = RpcConnection.Start(stream, new RpcOptions
        {
            Api = Api,
            Permissions = (choices & 16) != 0 ? RpcPermissions.Anonymous : new RpcPermissions(deny: ["secret"]),
            MaxBodySize = narrow ? 200 : 8192,
            MaxOpenRequests = narrow ? 2 : 100,
            MaxFramesPerSecond = narrow ? 30 : 100_000,
            WindowFrames = narrow ? 2 : 100,
            WindowBytes = narrow ? 20 : 10_000,
            ReserveBytes = narrow ? 100 : 20_000,
            ReserveFolder = null,
            SlowReaderDeadline = TimeSpan.FromSeconds(1), // longer waits never end by this clock
            IdleTimeout = Timeout.InfiniteTimeSpan,
            SendTimeout = Timeout.InfiniteTimeSpan,
            CloseTimeout = TimeSpan.FromSeconds(1), // a peer that goes on after its goodbye is left unread for as long
            TimeProvider = new ImpatientClock(),
            OnEvent = _ => events++,
        });

        Task[] ours =
        [
            EndAsync(() => connection.CallAsync("ask")),
            EndAsync(() => ReadAsync(connection.Source("source"), most: int.MaxValue)),
            EndAsync(() => TalkAsync(connection.Duplex("duplex"))),
            EndAsync(() => connection.SinkAsync("sink", [], CountAsync(3))),
            EndAsync(() => ReadAsync(connection.Source("stopped"), most: 1)),
            EndAsync(() => connection.GetManifestAsync()),
            EndAsync(() => GossipPing.MeasureAsync(connection)),
        ];
        RpcEnd end = await connection.Completion;
        bool typed = end.Reason switch
        {
            RpcEndReason.Goodbye => end.Error is null,
            RpcEndReason.Lost => end.Error is IOException and not RpcProtocolException,
            RpcEndReason.Violation => end.Error is RpcProtocolException,
            _ => false, // we do not close it, and nothing is idle
        };
        Targets.Require(typed, $"It ended with {end}.");
        Targets.Require(stream.IsDisposed, "The stream was left open.");
        Targets.Require(connection.Exchanges.Count == 0, "Something is open after the end.");
        Targets.Require(connection.RunningProcedures == 0, "Procedures run after the end.");
        await Task.WhenAll(ours);
        await connection.DisposeAsync();
    }

    private static byte[] WithWholeHeads(ReadOnlySpan<byte> shortened)
    {
        var wire = new List<byte>();
        Span<byte> head = stackalloc byte[9];
        while (shortened.Length >= 3)
        {
            ReadOnlySpan<byte> body = shortened[3..][..Math.Min(shortened[2], shortened.Length - 3)];
            head[0] = shortened[0];
            BinaryPrimitives.WriteInt32BigEndian(head[1..], body.Length);
            BinaryPrimitives.WriteInt32BigEndian(head[5..], (sbyte)shortened[1]);
            wire.AddRange(head);
            wire.AddRange(body);
            shortened = shortened[(3 + body.Length)..];
        }

        return [.. wire];
    }

    private static RpcApi MakeApi() => new RpcApi()
        .Sync("sync", call => call.Arguments.GetRawText().Length)
        .Sync("crash", _ => throw new InvalidOperationException("A fault of the host's."))
        .Sync("secret", _ => throw new InvalidDataException("This is not permitted."))
        .Async("async", async (call, _) =>
        {
            await Task.Yield();
            return call.Argument(0) is { } first ? first.GetRawText() : throw new RpcException("There is no argument.");
        })
        .Async("waiting", async (_, cancellationToken) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
            return true;
        })
        .Source("source", (_, cancellationToken) => CountAsync(40, cancellationToken))
        .Source("endless", (_, cancellationToken) => CountAsync(int.MaxValue, cancellationToken))
        .Sink("sink", async (_, items, cancellationToken) =>
        {
            int left = 3;
            await foreach (RpcValue item in items.WithCancellation(cancellationToken))
            {
                if (--left == 0)
                    return;
            }
        })
        .Sink("unread", (_, _, cancellationToken) => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken))
        .Duplex("duplex", async (_, stream, cancellationToken) =>
        {
            await foreach (RpcValue item in stream.ReadAllAsync(cancellationToken))
                await stream.WriteAsync(item, cancellationToken);
        });

    private static async IAsyncEnumerable<RpcValue> CountAsync(int count, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        for (int i = 0; i < count; i++)
        {
            if (count == int.MaxValue)
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken); // endless, but not busy
            else if (i % 8 == 7)
                await Task.Yield();
            yield return i;
        }
    }

    private static async Task ReadAsync(RpcSource source, int most)
    {
        await foreach (RpcValue item in source)
        {
            if (--most == 0)
                return;
        }
    }

    private static async Task TalkAsync(RpcDuplex duplex)
    {
        await using (duplex)
        {
            await duplex.WriteAsync("hello");
            await foreach (RpcValue item in duplex.ReadAllAsync())
            {
                if (!item.Bytes.IsEmpty) // no bytes are not sent, and only binary can be that
                    await duplex.WriteAsync(item);
            }

            duplex.Complete();
        }
    }

    private static async Task EndAsync(Func<Task> ours)
    {
        try
        {
            await ours();
        }
        catch (RpcException)
        {
            // The one way in which a call of ours may fail.
        }
    }

    /// <summary>Waits of up to a second are over at once; longer ones never end.</summary>
    private sealed class ImpatientClock : TimeProvider
    {
        private static readonly TimeSpan s_most = TimeSpan.FromSeconds(1);

        private long _now = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref _now);

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddTicks(GetTimestamp());

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new Timer(callback, state);
            if (dueTime >= TimeSpan.Zero && dueTime <= s_most)
            {
                Interlocked.Add(ref _now, dueTime.Ticks);
                ThreadPool.UnsafeQueueUserWorkItem(static timer => timer.Fire(), timer, preferLocal: false);
            }

            return timer;
        }

        private sealed class Timer(TimerCallback callback, object? state) : ITimer
        {
            private volatile bool _disposed;

            public void Fire()
            {
                if (!_disposed)
                    callback(state);
            }

            public bool Change(TimeSpan dueTime, TimeSpan period) => !_disposed;

            public void Dispose() => _disposed = true;

            public ValueTask DisposeAsync()
            {
                _disposed = true;
                return default;
            }
        }
    }
}
