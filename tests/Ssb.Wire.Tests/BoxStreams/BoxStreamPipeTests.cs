using System.Buffers;
using System.IO.Pipelines;

namespace Ssb.Wire.Tests;

public class BoxStreamPipeTests : IAsyncDisposable
{
    private readonly DuplexPair _pair = new();
    private readonly BoxStream _one;
    private readonly BoxStream _other;

    public BoxStreamPipeTests() => (_one, _other) = (Sealed.Over(_pair.A), Sealed.Over(_pair.B));

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _other.DisposeAsync();
        _pair.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Pipes_BothWays_CarryAllAndEndWithGoodbye()
    {
        IDuplexPipe one = _one.AsDuplexPipe(), other = _other.AsDuplexPipe();
        await one.Output.WriteAsync(Sealed.Pattern(100_000));
        await one.Output.CompleteAsync();
        Assert.Equal(Sealed.Pattern(100_000), await ReadAllAsync(other.Input));

        // The other direction goes on.
        await other.Output.WriteAsync(Sealed.Pattern(10));
        await other.Output.CompleteAsync();
        Assert.Equal(Sealed.Pattern(10), await ReadAllAsync(one.Input));

        await one.Input.CompleteAsync();
        Assert.False(_pair.A.IsDisposed); // pipes do not own the stream
    }

    [Fact]
    public async Task Complete_WhatWasNotFlushed_ComesBeforeTheGoodbye()
    {
        IDuplexPipe one = _one.AsDuplexPipe();
        "unflushed"u8.CopyTo(one.Output.GetSpan(9));
        one.Output.Advance(9);
        Assert.Empty(_pair.A.Written);
        await one.Output.CompleteAsync();
        await one.Output.CompleteAsync(); // once only
        Assert.Equal("unflushed"u8.ToArray(), await ReadAllAsync(_other.AsDuplexPipe().Input));
        Assert.Equal(BoxStream.HeaderSize + 9 + BoxStream.HeaderSize, _pair.A.Written.Length);
    }

    [Fact]
    public async Task Complete_Synchronously_SaysGoodbye()
    {
        IDuplexPipe one = _one.AsDuplexPipe();
#pragma warning disable CA1849, MA0042 // the synchronous member is what is under test
        one.Output.Complete();
#pragma warning restore CA1849, MA0042
        Assert.Equal(0, await _other.ReadAsync(new byte[1]).Guarded());
    }

    // Who breaks off in the middle must not look like one who said all.
    [Fact]
    public async Task Complete_WithAnError_SaysNoGoodbye()
    {
        IDuplexPipe one = _one.AsDuplexPipe();
        await one.Output.WriteAsync("half"u8.ToArray());
        await one.Output.CompleteAsync(new InvalidOperationException("broken off"));
        await _one.DisposeAsync();
        (byte[] delivered, BoxStreamException? fault) = await Sealed.ReadAllAsync(_other);
        Assert.Equal("half"u8.ToArray(), delivered);
        Assert.Equal(BoxStreamFailure.Truncated, fault?.Failure);
    }

    [Fact]
    public async Task Input_Fault_Throws()
    {
        await _pair.A.WriteAsync(new byte[BoxStream.HeaderSize]);
        await Assert.ThrowsAsync<BoxStreamException>(() => _other.AsDuplexPipe().Input.ReadAsync().Guarded());
    }

    [Fact]
    public async Task Input_CancelledRead_GoesOnLater()
    {
        PipeReader input = _other.AsDuplexPipe().Input;
        Task<ReadResult> waiting = input.ReadAsync().AsTask();
        input.CancelPendingRead();
        Assert.True((await waiting.Guarded()).IsCanceled);
        await _one.WriteAsync("x"u8.ToArray());
        ReadResult result = await input.ReadAsync().Guarded();
        Assert.Equal("x"u8.ToArray(), result.Buffer.ToArray());
    }

    [Fact]
    public async Task Input_Idle_HoldsNoBuffer()
    {
        PipeReader input = _other.AsDuplexPipe().Input;
        Task<ReadResult> waiting = input.ReadAsync().AsTask();
        Assert.False(waiting.IsCompleted);
        Assert.False(Sealed.HoldsBuffer(_other));
        await _one.WriteAsync("x"u8.ToArray());
        Assert.Equal(1, (await waiting.Guarded()).Buffer.Length);
    }

    private static async Task<byte[]> ReadAllAsync(PipeReader reader)
    {
        using var all = new MemoryStream();
        await reader.CopyToAsync(all).Guarded();
        return all.ToArray();
    }
}
