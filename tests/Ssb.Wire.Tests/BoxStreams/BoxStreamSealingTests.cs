using System.Security.Cryptography;

namespace Ssb.Wire.Tests;

/// <summary>The sealed bytes themselves, as pull-box-stream 1.0.13 makes them.</summary>
public class BoxStreamSealingTests
{
    private static readonly byte[] s_ones = [.. Enumerable.Repeat((byte)0xFF, BoxStreamKeys.NonceSize)];

    // Key 0 to 31; one write each of "hello" and "box stream", then the goodbye.
    [Theory]
    [InlineData(
        "000000000000000000000000000000000000000000000000",
        "d8e03d13cc1adb32d4a370b9fbb1d8264a0b38408c61a15ae7287d99ddf830a09854f2b6d740adfac0f654395aea4c1b4101a997d7abf42525c6dcc4280aaa0efcdad4ca0774f9bbdacf02bb68f2561ea7c9c0d3e6d1d66f9cbe512e155dcdeb9fa977a166214bd898a3b6e8e7d3c05dcbf63fa2c5")]
    [InlineData( // the first increment carries through all bytes but the first
        "00ffffffffffffffffffffffffffffffffffffffffffffff",
        "2aa5c74e95cb136e65984cf0a98335bfcb0e741f7647fce126688eb97b34b59f8524aa5ee64c9d209f75d3c0a2f34a6622c5a9a7845e37e15708280daa329f02a8d83d485337a23e1f8a36e3f5cec766b56107ebe9b78dbd1a6bd96dd4c523e323e55b753e6475371ca6f2658bde0dcdd3840d3164")]
    [InlineData( // and through all of them
        "ffffffffffffffffffffffffffffffffffffffffffffffff",
        "040f614d0417424d493c6c5fbe49c6cc4cd17ba87e5f94a6faecce7585e86c43e79a226b9c2df7a167fe7c0de6791c551c9b0c07dbb6999ad955f12ddb7e265cf889c705158881ec6a474003b6d14a06cdd4d4ffebab0aad34f2d99cb7d3463ae10d6fad6dc34881226cc2a8ad5ccdde40a7129974")]
    public async Task Seal_TwoWrites_BytesOfPullBoxStream(string nonce, string bytes)
    {
        var inner = new MemoryStream();
        await using BoxStream box = Sealed.Over(inner, Convert.FromHexString(nonce));
        await box.WriteAsync("hello"u8.ToArray());
        await box.WriteAsync("box stream"u8.ToArray());
        await box.ShutdownAsync();
        Assert.Equal(bytes, Convert.ToHexStringLower(inner.ToArray()));

        await using BoxStream open = Sealed.Over(Convert.FromHexString(bytes), Convert.FromHexString(nonce));
        (byte[] delivered, BoxStreamException? fault) = await Sealed.ReadAllAsync(open);
        Assert.Null(fault);
        Assert.Equal("hellobox stream"u8.ToArray(), delivered);
    }

    // One write of this many bytes of 0, 7, 14 ... and the goodbye; SHA-256 of what pull-box-stream makes of it.
    [Theory]
    [InlineData(0, 34, "c45071d83470b0bba3f7197e66baa754c5a5ca5ad5491aabe165a2395838d5a4")]
    [InlineData(1, 69, "41ba46b256b65dd31f08037b2eded71c788309b2e4971f3d7969c270eee444f5")]
    [InlineData(4095, 4163, "5573ba151424557ff65934422e781cc45a8bf9d398bc7f609a7d20149c13483f")]
    [InlineData(4096, 4164, "34e5b9490e2648e1d26f5805cda5f6605aee68b18feb2881b4cf2d29c3c33099")]
    [InlineData(4097, 4199, "a6f08bd22d63f3fdc6466068da6307ca19734b0c3aae2a75a8018f2fe6979bd6")]
    [InlineData(8192, 8294, "b143b5cd62f0fe0a598385b9defcb5bc08cd1e2d39d3fdcefece0e9d3633d0d4")]
    [InlineData(61440, 61984, "2adc840ab8ebbc72edd8985c86a6c0e93eac352b66857c5114287c13895e0b05")]
    [InlineData(61441, 62019, "b64a101f07ddd2889f5527797ab62a48f0b8606fe3eb027cc63f06515ee919dc")]
    [InlineData(1048576, 1057314, "f806c3d0b577288ec168f702bb68b2c03bfd0ddaf9ed36b08b56275e527f5f8d")]
    public async Task Seal_OneWrite_IsSplitAsByPullBoxStream(int length, int sealedLength, string sha256)
    {
        byte[] plain = Sealed.Pattern(length);
        var inner = new MemoryStream();
        await using BoxStream box = Sealed.Over(inner);
        await box.WriteAsync(plain);
        await box.ShutdownAsync();
        byte[] bytes = inner.ToArray();
        Assert.Equal(sealedLength, bytes.Length);
        Assert.Equal(sha256, Convert.ToHexStringLower(SHA256.HashData(bytes)));

        await using BoxStream open = Sealed.Over(bytes);
        (byte[] delivered, BoxStreamException? fault) = await Sealed.ReadAllAsync(open);
        Assert.Null(fault);
        Assert.Equal(plain, delivered);
    }

    [Fact]
    public void Increment_Nonce_IsABigEndianNumber()
    {
        byte[] nonce = new byte[BoxStreamKeys.NonceSize];
        for (int expected = 1; expected <= 70_000; expected++)
        {
            BoxStreamKeys.Increment(nonce);
            Assert.Equal(expected, (nonce[^3] << 16) | (nonce[^2] << 8) | nonce[^1]);
        }

        Assert.All(nonce[..^3], b => Assert.Equal(0, b));
    }

    [Fact]
    public void Increment_Carry_GoesAsFarAsItHasTo()
    {
        for (int ones = 0; ones < BoxStreamKeys.NonceSize; ones++)
        {
            byte[] nonce = [.. Enumerable.Repeat((byte)7, BoxStreamKeys.NonceSize - ones), .. s_ones.Take(ones)];
            BoxStreamKeys.Increment(nonce);
            byte[] expected = [.. Enumerable.Repeat((byte)7, BoxStreamKeys.NonceSize - ones - 1), 8, .. new byte[ones]];
            Assert.Equal(expected, nonce);
        }

        byte[] last = [.. s_ones];
        BoxStreamKeys.Increment(last);
        Assert.Equal(new byte[BoxStreamKeys.NonceSize], last);
    }

    [Fact]
    public void Keys_WrongLengths_Throw()
    {
        byte[] key = new byte[32], nonce = new byte[24];
        Assert.Throws<ArgumentException>(() => new BoxStreamKeys(new byte[31], nonce, key, nonce));
        Assert.Throws<ArgumentException>(() => new BoxStreamKeys(key, new byte[25], key, nonce));
        Assert.Throws<ArgumentException>(() => new BoxStreamKeys(key, nonce, new byte[33], nonce));
        Assert.Throws<ArgumentException>(() => new BoxStreamKeys(key, nonce, key, new byte[23]));
    }

    [Fact]
    public async Task Keys_GivenToAStream_SealAndOpenEachTheirOwn()
    {
        byte[] sealKey = RandomNumberGenerator.GetBytes(32), sealNonce = RandomNumberGenerator.GetBytes(24);
        byte[] openKey = RandomNumberGenerator.GetBytes(32), openNonce = RandomNumberGenerator.GetBytes(24);
        using var pair = new DuplexPair();
        await using var one = new BoxStream(pair.A, new BoxStreamKeys(sealKey, sealNonce, openKey, openNonce), default);
        await using var other = new BoxStream(pair.B, new BoxStreamKeys(openKey, openNonce, sealKey, sealNonce), default);
        byte[] read = new byte[2];
        await one.WriteAsync("to"u8.ToArray());
        await other.ReadExactlyAsync(read).Guarded();
        Assert.Equal("to"u8.ToArray(), read);
        await other.WriteAsync("fr"u8.ToArray());
        await one.ReadExactlyAsync(read).Guarded();
        Assert.Equal("fr"u8.ToArray(), read);
    }

    [Fact]
    public void Constructor_Nulls_Throw()
    {
        using BoxStreamKeys keys = Sealed.Keys();
        Assert.Throws<ArgumentNullException>("inner", () => new BoxStream(null!, keys, default));
        Assert.Throws<ArgumentNullException>("keys", () => new BoxStream(Stream.Null, null!, default));
    }
}
