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
