namespace Ssb.Wire.Tests;

public class BoxStreamWriteTests
{
    [Fact]
    public async Task Write_Nothing_WritesNothing()
    {
        var inner = new MemoryStream();
        await using BoxStream box = Sealed.Over(inner);
        await box.WriteAsync(Memory<byte>.Empty);
        Assert.Equal(0, inner.Length);
    }

    [Fact]
    public async Task Write_AfterShutdown_Throws()
    {
        var inner = new MemoryStream();
        await using BoxStream box = Sealed.Over(inner);
        await box.ShutdownAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => box.WriteAsync(new byte[1]).Guarded());
        await Assert.ThrowsAsync<InvalidOperationException>(() => box.WriteAsync(Memory<byte>.Empty).Guarded());
        await Assert.ThrowsAsync<InvalidOperationException>(() => box.ShutdownAsync().Guarded());
        Assert.Equal(BoxStream.HeaderSize, inner.Length);
    }

    [Fact]
    public async Task Write_AfterAFailedOne_Throws()
    {
        using var pair = new DuplexPair(capacity: 50);
        await using BoxStream box = Sealed.Over(pair.A);
        Task writing = box.WriteAsync(Sealed.Pattern(100)).AsTask();
        await pair.A.WroteAsync(50);
        pair.B.Dispose(); // part of the packet went out
        await Assert.ThrowsAsync<IOException>(() => writing.Guarded());
        await AssertNoMoreAsync(box, pair);
    }

    [Fact]
    public async Task Write_AfterACancelledOne_Throws()
    {
        using var pair = new DuplexPair(capacity: 50);
        await using BoxStream box = Sealed.Over(pair.A);
        using var cancellation = new CancellationTokenSource();
        Task writing = box.WriteAsync(Sealed.Pattern(100), cancellation.Token).AsTask();
        await pair.A.WroteAsync(50);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing.Guarded());
        await pair.B.ReadExactlyAsync(new byte[50]); // there would be room again
        await AssertNoMoreAsync(box, pair);
    }

    [Fact]
    public async Task Write_CancelledBefore_WritesNothingAndLaterOnesThrow()
    {
        using var pair = new DuplexPair();
        await using BoxStream box = Sealed.Over(pair.A);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => box.WriteAsync(new byte[1], new CancellationToken(canceled: true)).Guarded());
        Assert.Empty(pair.A.Written);
        await AssertNoMoreAsync(box, pair); // a packet was numbered that the other side will never see
    }

    [Fact]
    public async Task Write_FailedInItsSecondPart_Throws()
    {
        // A large write goes out in parts; each has to be remembered as the one that may be missing.
        using var pair = new DuplexPair(capacity: 70_000);
        await using BoxStream box = Sealed.Over(pair.A);
        Task writing = box.WriteAsync(Sealed.Pattern(200_000)).AsTask();
        await pair.A.WroteAsync(70_000);
        pair.B.Dispose();
        await Assert.ThrowsAsync<IOException>(() => writing.Guarded());
        await AssertNoMoreAsync(box, pair);
    }

    [Fact]
    public async Task Shutdown_Failed_NothingCanBeWritten()
    {
        using var pair = new DuplexPair();
        await using BoxStream box = Sealed.Over(pair.A);
        pair.B.Dispose();
        await Assert.ThrowsAsync<IOException>(() => box.ShutdownAsync().Guarded());
        await Assert.ThrowsAsync<InvalidOperationException>(() => box.WriteAsync(new byte[1]).Guarded());
    }

    [Fact]
    public async Task Read_AfterAFailedWrite_GoesOn()
    {
        using var pair = new DuplexPair();
        await using BoxStream one = Sealed.Over(pair.A), other = Sealed.Over(pair.B);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one.WriteAsync(new byte[1], new CancellationToken(canceled: true)).Guarded());
        await other.WriteAsync("still"u8.ToArray());
        Assert.Equal(5, await one.ReadAsync(new byte[9]).Guarded());
    }

    [Fact]
    public async Task Write_TwoAtOnce_TheSecondThrowsAndTheFirstGoesOn()
    {
        using var pair = new DuplexPair(capacity: 50);
        await using BoxStream one = Sealed.Over(pair.A), other = Sealed.Over(pair.B);
        Task first = one.WriteAsync(Sealed.Pattern(1_000)).AsTask();
        await Assert.ThrowsAsync<InvalidOperationException>(() => one.WriteAsync(new byte[1]).Guarded());
        await Assert.ThrowsAsync<InvalidOperationException>(() => one.ShutdownAsync().Guarded());
        byte[] read = new byte[1_000];
        await other.ReadExactlyAsync(read).Guarded();
        await first.Guarded();
        Assert.Equal(Sealed.Pattern(1_000), read);
        Task shutdown = one.ShutdownAsync().AsTask();
        Assert.Equal(0, await other.ReadAsync(read).Guarded());
        await shutdown.Guarded();
    }

    private static async Task AssertNoMoreAsync(BoxStream box, DuplexPair pair)
    {
        int written = pair.A.Written.Length;
        for (int i = 0; i < 2; i++)
        {
            Exception error = await Assert.ThrowsAsync<IOException>(() => box.WriteAsync(new byte[1]).Guarded());
            Assert.Contains("earlier write", error.Message, StringComparison.Ordinal);
            await Assert.ThrowsAsync<IOException>(() => box.ShutdownAsync().Guarded());
        }

        Assert.Equal(written, pair.A.Written.Length);
    }
}
