using CsCheck;

namespace Ssb.Wire.Tests;

public class BoxStreamReadTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(33)]
    [InlineData(34)]
    [InlineData(35)]
    [InlineData(4_095)]
    [InlineData(4_096)]
    [InlineData(4_097)]
    [InlineData(8_192)]
    [InlineData(65_536)]
    [InlineData(200_000)]
    public async Task Read_PiecesOfAnySize_GivesAll(int pieces)
    {
        byte[][] writes = [Sealed.Pattern(1), Sealed.Pattern(5_000), Sealed.Pattern(4_096), Sealed.Pattern(30), Sealed.Pattern(90_000)];
        byte[] bytes = [.. (await Sealed.PacketsAsync(writes)).SelectMany(p => p)];
        await using BoxStream box = Sealed.Over(bytes);
        (byte[] delivered, BoxStreamException? fault) = await Sealed.ReadAllAsync(box, pieces);
        Assert.Null(fault);
        Assert.Equal(writes.SelectMany(w => w), delivered);

        await using BoxStream split = Sealed.Over(new SingleByteStream(new MemoryStream(bytes)));
        (delivered, fault) = await Sealed.ReadAllAsync(split, pieces);
        Assert.Null(fault);
        Assert.Equal(writes.SelectMany(w => w), delivered);
    }

    [Fact]
    public async Task Read_SeveralPacketsHere_FillsTheBufferAtOnce()
    {
        byte[] bytes = [.. (await Sealed.PacketsAsync(Sealed.Pattern(10), Sealed.Pattern(20), Sealed.Pattern(30))).SelectMany(p => p)];
        await using BoxStream box = Sealed.Over(bytes);
        Assert.Equal(45, await box.ReadAsync(new byte[45]).Guarded());
        Assert.Equal(15, await box.ReadAsync(new byte[45]).Guarded());
        Assert.Equal(0, await box.ReadAsync(new byte[45]).Guarded());
    }

    [Fact]
    public void WritesAndReads_OfAnySizes_BothWaysAtOnce_GiveAll() => Gen.Select(
        Gen.Int[0, 10_000].Array[1, 12], Gen.Int[0, 10_000].Array[1, 12], Gen.Int[1, 9_000], Gen.Int[40, 9_000]).Sample((there, back, pieces, capacity) =>
    {
        using var pair = new DuplexPair(capacity);
        using BoxStream one = Sealed.Over(pair.A), other = Sealed.Over(pair.B);
        Task<byte[]> readThere = ReadAsync(other, pieces), readBack = ReadAsync(one, pieces);
        Task writing = Task.WhenAll(WriteAsync(one, there), WriteAsync(other, back));
        Task.WhenAll(writing, readThere, readBack).Guarded().GetAwaiter().GetResult();
        Assert.Equal(there.SelectMany(Sealed.Pattern), readThere.Result);
        Assert.Equal(back.SelectMany(Sealed.Pattern), readBack.Result);
    }, iter: Rounds.Of(60), threads: 1);

    [Fact]
    public async Task Read_AfterGoodbye_IsZeroForever()
    {
        byte[][] packets = await Sealed.PacketsAsync("end"u8.ToArray());
        await using BoxStream box = Sealed.Over([.. packets[0], .. packets[1], 1, 2, 3]); // what comes after it is nobody's business
        Assert.Equal(3, await box.ReadAsync(new byte[9]).Guarded());
        for (int i = 0; i < 3; i++)
            Assert.Equal(0, await box.ReadAsync(new byte[9]).Guarded());
    }

    [Fact]
    public async Task Read_GoodbyeWhileTheStreamStaysOpen_IsZero()
    {
        using var pair = new DuplexPair();
        await using BoxStream one = Sealed.Over(pair.A), other = Sealed.Over(pair.B);
        await one.ShutdownAsync();
        Assert.Equal(0, await other.ReadAsync(new byte[9]).Guarded());

        // The other direction goes on.
        await other.WriteAsync("still"u8.ToArray());
        Assert.Equal(5, await one.ReadAsync(new byte[9]).Guarded());
    }

    [Fact]
    public async Task Read_EmptyBuffer_WaitsUntilThereIsSomethingAndTakesNothing()
    {
        using var pair = new DuplexPair();
        await using BoxStream one = Sealed.Over(pair.A), other = Sealed.Over(pair.B);
        Task<int> waiting = other.ReadAsync(Memory<byte>.Empty).AsTask();
        Assert.False(waiting.IsCompleted);
        await one.WriteAsync("abc"u8.ToArray());
        Assert.Equal(0, await waiting.Guarded());

        byte[] read = new byte[2];
        Assert.Equal(2, await other.ReadAsync(read).Guarded());
        Assert.Equal("ab"u8.ToArray(), read);
        Assert.Equal(0, await other.ReadAsync(Memory<byte>.Empty).Guarded()); // "c" is here
        Assert.Equal(1, await other.ReadAsync(read).Guarded());

        waiting = other.ReadAsync(Memory<byte>.Empty).AsTask();
        Assert.False(waiting.IsCompleted);
        await one.ShutdownAsync();
        Assert.Equal(0, await waiting.Guarded());
    }

    [Fact]
    public async Task Read_EmptyBuffer_HalfAPacketIsNotEnough()
    {
        byte[] packet = (await Sealed.PacketsAsync("abc"u8.ToArray()))[0];
        using var pair = new DuplexPair();
        await using BoxStream box = Sealed.Over(pair.B);
        await pair.A.WriteAsync(packet.AsMemory(0, packet.Length - 1));
        Task<int> waiting = box.ReadAsync(Memory<byte>.Empty).AsTask();
        Assert.False(waiting.IsCompleted);
        await pair.A.WriteAsync(packet.AsMemory(packet.Length - 1));
        Assert.Equal(0, await waiting.Guarded());
        Assert.Equal(3, await box.ReadAsync(new byte[9]).Guarded());
    }

    [Fact]
    public async Task Read_CancelledAtEveryByte_LosesNothing()
    {
        byte[] bytes = [.. (await Sealed.PacketsAsync(Sealed.Pattern(50), Sealed.Pattern(3))).SelectMany(p => p)];
        using var pair = new DuplexPair();
        await using BoxStream box = Sealed.Over(pair.B);
        var delivered = new List<byte>();
        byte[] buffer = new byte[100];
        for (int at = 0; at < bytes.Length; at++)
        {
            using var cancellation = new CancellationTokenSource();
            Task<int> read = box.ReadAsync(buffer, cancellation.Token).AsTask();
            Assert.False(read.IsCompleted);
            await cancellation.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read.Guarded());

            await pair.A.WriteAsync(bytes.AsMemory(at, 1));
            if (at is 83 or 120)
                delivered.AddRange(buffer.AsSpan(0, await box.ReadAsync(buffer).Guarded()));
        }

        Assert.Equal(0, await box.ReadAsync(buffer).Guarded());
        Assert.Equal([.. Sealed.Pattern(50), .. Sealed.Pattern(3)], delivered);
    }

    [Fact]
    public async Task Read_TwoAtOnce_TheSecondThrowsAndTheFirstGoesOn()
    {
        using var pair = new DuplexPair();
        await using BoxStream one = Sealed.Over(pair.A), other = Sealed.Over(pair.B);
        Task<int> first = other.ReadAsync(new byte[9]).AsTask();
        await Assert.ThrowsAsync<InvalidOperationException>(() => other.ReadAsync(new byte[9]).Guarded());
        await one.WriteAsync("x"u8.ToArray());
        Assert.Equal(1, await first.Guarded());
    }

    [Fact]
    public async Task StreamMembers_OfTheBaseClass_DoTheSame()
    {
        using var pair = new DuplexPair();
        await using BoxStream one = Sealed.Over(pair.A), other = Sealed.Over(pair.B);
        Assert.True(one.CanRead && one.CanWrite && !one.CanSeek);
        Assert.Throws<NotSupportedException>(() => one.Length);
        Assert.Throws<NotSupportedException>(() => one.Position);
        Assert.Throws<NotSupportedException>(() => one.Position = 1);
        Assert.Throws<NotSupportedException>(() => one.Seek(0, SeekOrigin.Begin));
        Assert.Throws<NotSupportedException>(() => one.SetLength(0));

        byte[] read = new byte[9];
#pragma warning disable CA1835, CA1849, MA0042, MA0045 // the old members are what is under test
        one.Write([0, 1, 2, 3], 1, 2);
        one.Flush();
        Assert.Equal(2, other.Read(read, 3, 6));
        Assert.Equal([0, 0, 0, 1, 2, 0], read[..6]);
        await one.WriteAsync([7, 8, 9], 2, 1);
        await one.FlushAsync();
        Assert.Equal(1, await other.ReadAsync(read, 8, 1));
#pragma warning restore CA1835, CA1849, MA0042, MA0045
        Assert.Equal(9, read[8]);
    }

    private static async Task WriteAsync(BoxStream box, int[] lengths)
    {
        foreach (int length in lengths)
            await box.WriteAsync(Sealed.Pattern(length));
        await box.ShutdownAsync();
    }

    private static async Task<byte[]> ReadAsync(BoxStream box, int pieces)
    {
        (byte[] delivered, BoxStreamException? fault) = await Sealed.ReadAllAsync(box, pieces);
        Assert.Null(fault);
        return delivered;
    }
}
