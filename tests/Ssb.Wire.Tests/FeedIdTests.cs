using System.Numerics;
using CsCheck;

namespace Ssb.Wire.Tests;

public class FeedIdTests
{
    // ssb-keys 8.5.0: generate('ed25519', Buffer.alloc(32, 1)).id
    internal const string SeedOnes = "@iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=.ed25519";

    private static readonly Gen<byte[]> s_keys = Gen.Byte.Array[FeedId.Size];

    [Fact]
    public void Parse_Text_GivesTheSameTextBack() => Assert.Equal(SeedOnes, FeedId.Parse(SeedOnes).ToString());

    [Fact]
    public void ToBase64_IsTheTextWithoutSigilAndTag() => Assert.Equal(SeedOnes, $"@{FeedId.Parse(SeedOnes).ToBase64()}.ed25519");

    [Fact]
    public void Parse_AnyKey_RoundTrips() => s_keys.Sample(key =>
    {
        var id = new FeedId(key);
        string text = id.ToString();
        byte[] bytes = new byte[FeedId.Size];
        FeedId.Parse(text).CopyTo(bytes);
        return text == $"@{Convert.ToBase64String(key)}.ed25519" && bytes.SequenceEqual(key);
    });

    [Fact]
    public void CanBeHeld_KeyOfAPair_Yes() => Gen.Byte.Array[32].Sample(
        seed =>
        {
            using KeyPair keys = KeyPair.FromSeed(seed);
            return keys.Id.CanBeHeld();
        },
        iter: 100);

    // The points of low order, as libsodium 1.0.20 lists them (ge25519_has_small_order), the last bit being the sign of x.
    [Theory]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000080")]
    [InlineData("0100000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")]
    [InlineData("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85")]
    [InlineData("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")]
    [InlineData("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa")]
    [InlineData("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    [InlineData("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    [InlineData("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    public void CanBeHeld_PointOfLowOrder_No(string key) => Assert.False(new FeedId(Convert.FromHexString(key)).CanBeHeld());

    // RFC 8032, 5.1.3: x^2 = (y^2 - 1) / (d y^2 + 1) has no root.
    [Fact]
    public void CanBeHeld_NoPointOfTheCurve_No()
    {
        BigInteger p = BigInteger.Pow(2, 255) - 19, d = -121_665 * Inverse(121_666);
        int none = 0;
        for (int y = 2; y < 100; y++)
        {
            BigInteger square = (BigInteger.Pow(y, 2) - 1) * Inverse((d * y * y) + 1);
            if (BigInteger.ModPow(((square % p) + p) % p, (p - 1) / 2, p).IsOne)
                continue;
            none++;
            byte[] key = new byte[FeedId.Size];
            key[0] = (byte)y;
            Assert.False(new FeedId(key).CanBeHeld());
        }

        Assert.InRange(none, 30, 70);

        BigInteger Inverse(BigInteger number) => BigInteger.ModPow(((number % p) + p) % p, p - 2, p);
    }

    [Theory]
    [InlineData("")]
    [InlineData("@")]
    [InlineData("iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=.ed25519")]
    [InlineData("@iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=")]
    [InlineData("@iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w.ed25519")] // no padding
    [InlineData("@iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1x=.ed25519")] // loose bits in the last character
    [InlineData("@iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=.sha256x")]
    [InlineData("@iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=.ed25519 ")]
    [InlineData("@ojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w= .ed25519")] // a blank that .NET's decoder skips
    [InlineData("@iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1wA.ed25519")] // 33 bytes
    [InlineData("@iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb-w=.ed25519")]
    public void Parse_AnythingElse_IsRefused(string text)
    {
        Assert.False(FeedId.TryParse(text, out FeedId id));
        Assert.Equal(default, id);
        FormatException error = Assert.Throws<FormatException>(() => FeedId.Parse(text));
        Assert.True(text.Length < 12 || !error.Message.Contains(text[..12], StringComparison.Ordinal), "It may be a secret key.");
    }

    [Fact]
    public void Equals_EveryByteCounts() => Gen.Select(s_keys, Gen.Int[0, FeedId.Size - 1], Gen.Byte[1, 255]).Sample((key, at, flip) =>
    {
        var one = new FeedId(key);
        byte[] changed = [.. key];
        changed[at] ^= flip;
        var other = new FeedId(changed);
        var same = new FeedId([.. key]);
        return one != other && !one.Equals(other) && !one.Equals((object)other)
            && one == same && one.Equals((object)same) && one.GetHashCode() == same.GetHashCode();
    });

    [Fact]
    public void Equals_Comparing_DoesNotAllocate()
    {
        FeedId left = FeedId.Parse(SeedOnes), right = FeedId.Parse(SeedOnes);
        int equal = 0;
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
            equal += left.Equals(right) && left.GetHashCode() == right.GetHashCode() ? 1 : 0;

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(1000, equal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(31)]
    [InlineData(33)]
    public void Constructor_WrongLength_Throws(int length) => Assert.Throws<ArgumentException>(() => new FeedId(new byte[length]));

    [Fact]
    public void CopyTo_TooShort_Throws() => Assert.Throws<ArgumentException>(() => default(FeedId).CopyTo(new byte[31]));
}
