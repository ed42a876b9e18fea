namespace Ssb.Wire.Tests;

/// <summary>Whatever happens to the sealed bytes on their way, what is delivered is a beginning of what was sent, and the end is told.</summary>
public class BoxStreamTamperingTests
{
    private static readonly byte[][] s_writes = [Sealed.Pattern(1), Sealed.Pattern(40), "the third"u8.ToArray(), Sealed.Pattern(7)];

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(5_000)]
    public async Task Read_TruncatedAnywhere_DeliversTheWholePacketsAndSaysSo(int pieces)
    {
        byte[][] packets = await Sealed.PacketsAsync(s_writes);
        byte[] bytes = Join(packets);
        for (int length = 0; length < bytes.Length; length++)
            await AssertAsync(bytes[..length], BoxStreamFailure.Truncated, WholePackets(packets, length), pieces);
        await AssertAsync(bytes, null, 4, pieces);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(5_000)]
    public async Task Read_AnyByteChanged_DeliversThePacketsBeforeItAndSaysSo(int pieces)
    {
        byte[][] packets = await Sealed.PacketsAsync(s_writes);
        byte[] bytes = Join(packets);
        for (int at = 0; at < bytes.Length; at++)
        {
            byte[] changed = [.. bytes];
            changed[at] ^= (byte)(1 << (at % 8));
            await AssertAsync(changed, BoxStreamFailure.Tampered, WholePackets(packets, at), pieces);
        }
    }

    [Fact]
    public async Task Read_AFullPacketChangedAnywhere_DeliversNothingOfIt()
    {
        byte[] packet = (await Sealed.PacketsAsync(Sealed.Pattern(BoxStream.MaxPacketSize)))[0];
        byte[] buffer = new byte[BoxStream.MaxPacketSize];
        for (int at = 0; at < packet.Length; at += 3)
        {
            byte[] changed = [.. packet];
            changed[at] ^= 1;
            await using BoxStream box = Sealed.Over(changed);
            BoxStreamException error = await Assert.ThrowsAsync<BoxStreamException>(() => box.ReadAsync(buffer).Guarded());
            Assert.Equal(BoxStreamFailure.Tampered, error.Failure);
            Assert.False(buffer.AsSpan().ContainsAnyExcept((byte)0)); // not even in the caller's memory
        }
    }

    [Fact]
    public async Task Read_PacketsSwapped_IsTampered()
    {
        byte[][] packets = await Sealed.PacketsAsync(s_writes);
        for (int i = 0; i < packets.Length; i++)
        {
            for (int j = i + 1; j < packets.Length; j++)
            {
                byte[][] swapped = [.. packets];
                (swapped[i], swapped[j]) = (swapped[j], swapped[i]);
                await AssertAsync(Join(swapped), BoxStreamFailure.Tampered, i);
            }
        }
    }

    [Fact]
    public async Task Read_PacketReplayed_IsTampered()
    {
        byte[][] packets = await Sealed.PacketsAsync(s_writes);
        for (int i = 0; i < s_writes.Length; i++)
        {
            for (int again = i + 1; again < packets.Length; again++)
                await AssertAsync(Join([.. packets[..again], packets[i], .. packets[again..]]), BoxStreamFailure.Tampered, again);
        }
    }

    [Fact]
    public async Task Read_PacketLeftOut_IsTampered()
    {
        byte[][] packets = await Sealed.PacketsAsync(s_writes);
        for (int i = 0; i < s_writes.Length; i++)
            await AssertAsync(Join([.. packets[..i], .. packets[(i + 1)..]]), BoxStreamFailure.Tampered, i);
        await AssertAsync(Join(packets[..^1]), BoxStreamFailure.Truncated, 4); // the goodbye
    }

    [Fact]
    public async Task Read_HeaderWithTheBodyOfAnother_IsTampered()
    {
        byte[][] packets = await Sealed.PacketsAsync("abc"u8.ToArray(), "xyz"u8.ToArray());
        await AssertAsync([.. packets[0][..BoxStream.HeaderSize], .. packets[1][BoxStream.HeaderSize..]], BoxStreamFailure.Tampered, 0);
    }

    [Fact]
    public async Task Read_KeysOfAnother_IsTampered()
    {
        byte[] bytes = Join(await Sealed.PacketsAsync(s_writes));
        byte[] nonce = new byte[BoxStreamKeys.NonceSize], wrongKey = [.. Sealed.Key];
        wrongKey[0] ^= 1;
        await using var key = new BoxStream(new MemoryStream(bytes), new BoxStreamKeys(Sealed.Key, nonce, wrongKey, nonce), default);
        Assert.Equal(BoxStreamFailure.Tampered, (await Sealed.ReadAllAsync(key)).Fault?.Failure);
        nonce[23] = 1;
        await using BoxStream later = Sealed.Over(bytes, nonce);
        Assert.Equal(BoxStreamFailure.Tampered, (await Sealed.ReadAllAsync(later)).Fault?.Failure);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4_097)]
    [InlineData(65_535)]
    public async Task Read_LengthThatIsNotAllowed_IsInvalid(int length)
    {
        await using BoxStream box = Sealed.Over(Sealed.Packet(length, Sealed.Pattern(length)));
        (byte[] delivered, BoxStreamException? fault) = await Sealed.ReadAllAsync(box);
        Assert.Empty(delivered);
        Assert.Equal(BoxStreamFailure.InvalidLength, fault?.Failure);
        Assert.Contains($"not {length}", fault?.Message, StringComparison.Ordinal);
    }

    // So that the test above fails for the length alone.
    [Theory]
    [InlineData(1)]
    [InlineData(4_096)]
    public async Task Read_LengthThatIsAllowed_IsDelivered(int length)
    {
        await using BoxStream box = Sealed.Over(Sealed.Packet(length, Sealed.Pattern(length)));
        (byte[] delivered, BoxStreamException? fault) = await Sealed.ReadAllAsync(box);
        Assert.Equal(Sealed.Pattern(length), delivered);
        Assert.Equal(BoxStreamFailure.Truncated, fault?.Failure);
    }

    [Fact]
    public async Task Read_AfterAFault_ThrowsItForever()
    {
        byte[][] packets = await Sealed.PacketsAsync(s_writes);
        packets[1][5] ^= 1;
        await using BoxStream box = Sealed.Over(Join(packets));
        Assert.Equal(1, await box.ReadAsync(new byte[100]).Guarded()); // first what came before it
        BoxStreamException first = await Assert.ThrowsAsync<BoxStreamException>(() => box.ReadAsync(new byte[100]).Guarded());
        Assert.Equal(0, await box.ReadAsync(Memory<byte>.Empty).Guarded()); // there is something to be told
        BoxStreamException second = await Assert.ThrowsAsync<BoxStreamException>(() => box.ReadAsync(new byte[100]).Guarded());
        Assert.Equal((BoxStreamFailure.Tampered, BoxStreamFailure.Tampered), (first.Failure, second.Failure));
    }

    [Fact]
    public async Task Read_AfterTruncation_ThrowsItForever()
    {
        // A stream that ends and then goes on, as a file that grows: the end was told, and stays.
        byte[] bytes = Join(await Sealed.PacketsAsync(s_writes));
        var inner = new MemoryStream();
        inner.Write(bytes.AsSpan(0, 10));
        inner.Position = 0;
        await using BoxStream box = Sealed.Over(inner);
        Assert.Equal(BoxStreamFailure.Truncated, (await Sealed.ReadAllAsync(box)).Fault?.Failure);
        inner.Write(bytes.AsSpan(10));
        inner.Position = 10;
        Assert.Equal(BoxStreamFailure.Truncated, (await Sealed.ReadAllAsync(box)).Fault?.Failure);
    }

    [Fact]
    public async Task Write_AfterAReadFault_GoesOn()
    {
        using var pair = new DuplexPair();
        await using BoxStream one = Sealed.Over(pair.A), other = Sealed.Over(pair.B);
        await pair.B.WriteAsync(new byte[BoxStream.HeaderSize]);
        await Assert.ThrowsAsync<BoxStreamException>(() => one.ReadAsync(new byte[9]).Guarded());
        await one.WriteAsync("still"u8.ToArray());
        Assert.Equal(5, await other.ReadAsync(new byte[9]).Guarded());
    }

    private static async Task AssertAsync(byte[] bytes, BoxStreamFailure? failure, int packets, int pieces = 5_000)
    {
        await using BoxStream box = Sealed.Over(bytes);
        (byte[] delivered, BoxStreamException? fault) = await Sealed.ReadAllAsync(box, pieces);
        Assert.Equal(failure, fault?.Failure);
        Assert.Equal(s_writes.Take(packets).SelectMany(w => w), delivered);
    }

    private static byte[] Join(IEnumerable<byte[]> packets) => [.. packets.SelectMany(p => p)];

    private static int WholePackets(byte[][] packets, int length)
    {
        int whole = 0;
        while (whole < packets.Length && packets[whole].Length <= length)
            length -= packets[whole++].Length;
        return whole;
    }
}
