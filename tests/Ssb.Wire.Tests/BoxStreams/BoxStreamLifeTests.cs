namespace Ssb.Wire.Tests;

/// <summary>What a box stream holds, and how it ends.</summary>
public class BoxStreamLifeTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Dispose_Idle_ClosesTheInnerStreamAndWipesTheKeys(bool async)
    {
        using var pair = new DuplexPair();
        BoxStream box = Sealed.Over(pair.A);
        byte[] memory = Sealed.MemoryOf(box);
        Assert.True(memory.AsSpan().IndexOf(Sealed.Key) >= 0);
        for (int i = 0; i < 2; i++)
        {
            if (async)
                await box.DisposeAsync();
            else
#pragma warning disable CA1849, MA0042 // the other way to dispose
                box.Dispose();
#pragma warning restore CA1849, MA0042
            Assert.True(pair.A.IsDisposed);
            Assert.All(memory, b => Assert.Equal(0, b));
        }

        Assert.Empty(pair.A.Written); // without a goodbye
        await Assert.ThrowsAsync<ObjectDisposedException>(() => box.ReadAsync(new byte[1]).Guarded());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => box.WriteAsync(new byte[1]).Guarded());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => box.ShutdownAsync().Guarded());
    }

    [Fact]
    public async Task Dispose_WithoutGoodbye_TheOtherSideReadsTruncated()
    {
        using var pair = new DuplexPair();
        await using BoxStream one = Sealed.Over(pair.A), other = Sealed.Over(pair.B);
        await one.WriteAsync("all"u8.ToArray());
        await one.DisposeAsync();
        (byte[] delivered, BoxStreamException? fault) = await Sealed.ReadAllAsync(other);
        Assert.Equal("all"u8.ToArray(), delivered);
        Assert.Equal(BoxStreamFailure.Truncated, fault?.Failure);
    }

    [Fact]
    public async Task Dispose_WhileReadingAndWriting_EndsBothAndWipesTheKeys()
    {
        using var pair = new DuplexPair(capacity: 50);
        BoxStream box = Sealed.Over(pair.A);
        byte[] memory = Sealed.MemoryOf(box);
        Task<int> reading = box.ReadAsync(new byte[9]).AsTask();
        Task writing = box.WriteAsync(new byte[1_000]).AsTask();
        await pair.A.WroteAsync(50);
        Assert.False(reading.IsCompleted || writing.IsCompleted);

        await box.DisposeAsync();
        Assert.True(await Assert.ThrowsAnyAsync<Exception>(() => reading.Guarded()) is ObjectDisposedException or IOException);
        Assert.True(await Assert.ThrowsAnyAsync<Exception>(() => writing.Guarded()) is ObjectDisposedException or IOException);
        Assert.All(memory, b => Assert.Equal(0, b));
        Assert.False(Sealed.HoldsBuffer(box));
    }

    // Some streams end their reads late. Until then the keys and the buffer are in use.
    [Fact]
    public async Task Dispose_ReadThatEndsLate_WipesWhenItHasEnded()
    {
        byte[] packet = (await Sealed.PacketsAsync("late"u8.ToArray()))[0];
        var inner = new LateStream();
        BoxStream box = Sealed.Over(inner);
        byte[] memory = Sealed.MemoryOf(box), read = new byte[9];
        Task<int> reading = box.ReadAsync(read).AsTask();
        await box.DisposeAsync();
        Assert.Contains(memory, b => b != 0);

        inner.Arrived.SetResult(packet);
        Assert.Equal(4, await reading.Guarded());
        Assert.Equal("late"u8.ToArray(), read[..4]);
        Assert.All(memory, b => Assert.Equal(0, b));
        Assert.False(Sealed.HoldsBuffer(box));
    }

    [Fact]
    public async Task Idle_InEveryWay_HoldsNoBuffer()
    {
        using var pair = new DuplexPair();
        await using BoxStream one = Sealed.Over(pair.A), other = Sealed.Over(pair.B);
        byte[] read = new byte[10_000];
        Assert.False(Sealed.HoldsBuffer(other));
        Task<int> waiting = other.ReadAsync(read).AsTask();
        Assert.False(Sealed.HoldsBuffer(other)); // while a read waits

        await one.WriteAsync(Sealed.Pattern(3_000));
        Assert.Equal(3_000, await waiting.Guarded());
        Assert.False(Sealed.HoldsBuffer(other)); // when all was read

        await one.WriteAsync(Sealed.Pattern(3_000));
        Assert.Equal(2_999, await other.ReadAsync(read.AsMemory(0, 2_999)).Guarded());
        Assert.True(Sealed.HoldsBuffer(other)); // one byte is still here
        Assert.Equal(1, await other.ReadAsync(read).Guarded());
        waiting = other.ReadAsync(read).AsTask();
        Assert.False(Sealed.HoldsBuffer(other));

        await one.ShutdownAsync();
        Assert.Equal(0, await waiting.Guarded());
        Assert.False(Sealed.HoldsBuffer(other)); // after the goodbye
    }

    [Fact]
    public async Task Faulted_HoldsNoBuffer()
    {
        await using BoxStream box = Sealed.Over(new byte[1_000]);
        await Assert.ThrowsAsync<BoxStreamException>(() => box.ReadAsync(new byte[9]).Guarded());
        Assert.False(Sealed.HoldsBuffer(box));
    }

    /// <summary>Reads that end when they like, not when the stream is disposed.</summary>
    private sealed class LateStream : MemoryStream
    {
        public TaskCompletionSource<byte[]> Arrived { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.IsEmpty)
                return 0;
            byte[] bytes = await Arrived.Task;
            bytes.CopyTo(buffer);
            return bytes.Length;
        }
    }
}
