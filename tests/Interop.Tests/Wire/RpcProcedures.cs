using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Threading.Channels;
using Ssb.Wire;

namespace Interop.Tests.Wire;

/// <summary>The procedures of js/rpc-plugin.js, served by us: <c>test.give</c> and so on, and <c>gossip.ping</c>.</summary>
internal sealed class RpcProcedures
{
    private static readonly TimeSpan s_patience = Patience.Guard;

    // Unbounded: a test takes what it expects.
    private readonly Channel<string> _events = Channel.CreateUnbounded<string>();

    private int _given;

    public RpcProcedures()
    {
        Api = new RpcApi()
            .Sync("test.give", call =>
            {
                Interlocked.Increment(ref _given);
                return RpcSpecs.Make(call.Arguments[0]);
            })
            .Async("test.later", async (call, _) =>
            {
                await Task.Yield();
                return RpcSpecs.Make(call.Arguments[0]);
            })
            .Async("test.fail", async (call, _) =>
            {
                await Task.Yield();
                throw call.Arguments[0].GetString() == "secret" ? new InvalidOperationException("the host's business") : Failure();
            })
            .Sync("test.boom", _ => throw Failure())
            .Async("test.boomLater", (_, _) => throw Failure())
            .Async("test.never", async (_, cancellationToken) =>
            {
                Say("never was called");
                try
                {
                    await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
                }
                finally
                {
                    Say("never ended");
                }

                return default;
            })
            .Sync("test.order", call =>
            {
                Ordered.Enqueue(call.Arguments[0].GetInt32());
                return call.Arguments[0];
            })
            .Source("test.items", (call, _) => All([.. call.Arguments[0].EnumerateArray().Select(RpcSpecs.Make)]))
            .Source("test.count", (call, _) => All(
                Enumerable.Range(call.Arguments[0].GetInt32(), call.Arguments[1].GetInt32() - call.Arguments[0].GetInt32()).Select(RpcSpecs.Counted)))
            .Source("test.bytes", (call, _) => All(
                Enumerable.Range(0, call.Arguments[0].GetInt32()).Select(i => RpcValue.Binary(Filled(i % 251, call.Arguments[1].GetInt32())))))
            .Source("test.failing", (call, _) => All([.. Enumerable.Range(0, call.Arguments[0].GetInt32()).Select(i => (RpcValue)i)], Failure()))
            .Source("test.broken", (_, _) => throw Failure())
            .Source("test.flood", (_, _) => FloodAsync())
            .Source("test.forever", (_, cancellationToken) => ForeverAsync(cancellationToken))
            .Sink("test.take", TakeAsync)
            .Sink("test.refuse", async (call, items, cancellationToken) =>
            {
                int taken = 0;
                await foreach (RpcValue item in items.WithCancellation(cancellationToken))
                {
                    if (++taken == call.Arguments[0].GetInt32())
                        throw Failure();
                }
            })
            .Duplex("test.swap", async (_, stream, cancellationToken) =>
            {
                await foreach (RpcValue item in stream.ReadAllAsync(cancellationToken))
                    await stream.WriteAsync(item, cancellationToken);
            })
            .Duplex("test.half", async (call, stream, cancellationToken) =>
            {
                int count = 0;
                await foreach (RpcValue _ in stream.ReadAllAsync(cancellationToken))
                    count++;
                await stream.WriteAsync(count, cancellationToken);
            });
        GossipPing.AddTo(Api);
    }

    public RpcApi Api { get; }

    /// <summary>How often <c>test.give</c> was called, and how many items <c>test.flood</c> gave.</summary>
    public int Given => Volatile.Read(ref _given);

    /// <summary>What <c>test.order</c> was called with.</summary>
    public ConcurrentQueue<int> Ordered { get; } = new();

    public static RpcException Failure() => new("failed on purpose ☃") { RemoteName = "TypeError" };

    /// <summary>Waits for an event of a procedure; others before it are left out.</summary>
    public async Task ExpectAsync(string happening)
    {
        using var guard = new CancellationTokenSource(s_patience, TimeProvider.System);
        var seen = new List<string>();
        try
        {
            do
                seen.Add(await _events.Reader.ReadAsync(guard.Token));
            while (seen[^1] != happening);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"'{happening}' did not happen, but: {string.Join(", ", seen)}");
        }
    }

    private void Say(string happening) => _events.Writer.TryWrite(happening);

    private async Task TakeAsync(RpcCall call, IAsyncEnumerable<RpcValue> items, CancellationToken cancellationToken)
    {
        var taken = new List<string>();
        try
        {
            await foreach (RpcValue item in items.WithCancellation(cancellationToken))
                taken.Add(RpcSpecs.Tell(item));
            Say($"took {string.Join(" ", taken)}");
        }
        catch (RpcException e)
        {
            Say($"took {string.Join(" ", taken)}, then {e.RemoteName}: {e.Message}");
        }
    }

    private static byte[] Filled(int with, int length)
    {
        byte[] bytes = new byte[length];
        bytes.AsSpan().Fill((byte)with);
        return bytes;
    }

    private static async IAsyncEnumerable<RpcValue> All(IEnumerable<RpcValue> values, RpcException? error = null)
    {
        foreach (RpcValue value in values)
        {
            await Task.Yield();
            yield return value;
        }

        if (error is not null)
            throw error;
    }

    // Not in rpc-plugin.js: 64 KiB again and again, as fast as they are taken.
    private async IAsyncEnumerable<RpcValue> FloodAsync()
    {
        RpcValue item = RpcValue.Binary(new byte[64 * 1024]);
        while (true)
        {
            await Task.Yield();
            Interlocked.Increment(ref _given);
            yield return item;
        }
    }

    private async IAsyncEnumerable<RpcValue> ForeverAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            for (int i = 0; ; i++)
            {
                await Task.Yield();
                cancellationToken.ThrowIfCancellationRequested();
                yield return RpcSpecs.Counted(i);
            }
        }
        finally
        {
            Say("forever ended");
        }
    }
}
