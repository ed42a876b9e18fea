using System.Diagnostics;
using System.Reflection;

namespace Ssb.Wire.Tests;

public class KeyTests
{
    private static readonly byte[] s_seed = [.. Enumerable.Repeat((byte)1, 32)];

    [Fact]
    public void FromSeed_SeedOfOnes_IsTheIdentityOfSsbKeys()
    {
        using KeyPair keys = KeyPair.FromSeed(s_seed);
        Assert.Equal(FeedIdTests.SeedOnes, keys.Id.ToString());
    }

    [Fact]
    public void Sign_AfterDispose_Throws()
    {
        KeyPair keys = KeyPair.Generate();
        keys.Dispose();
        keys.Dispose();
        Assert.Throws<ObjectDisposedException>(() => keys.Sign("x"u8));
        Assert.NotEqual(default, keys.Id);
    }

    [Fact]
    public void Dispose_Secret_IsWiped()
    {
        KeyPair keys = KeyPair.FromSeed(s_seed);
        byte[] secret = SecretOf(keys);
        Assert.Contains((byte)1, secret);
        keys.Dispose();
        Assert.All(secret, b => Assert.Equal(0, b));
    }

    [Fact]
    public void ArgumentErrors_WrongLengths_Throw()
    {
        using KeyPair keys = KeyPair.Generate();
        Assert.Throws<ArgumentException>(() => KeyPair.FromSeed(new byte[31]));
        Assert.Throws<ArgumentException>(() => keys.Sign("x"u8, new byte[63]));
        Assert.Throws<ArgumentException>(() => NetworkKey.FromBytes(new byte[33]));
    }

    [Fact]
    public void ToString_OfKeyPair_HoldsNoSecret()
    {
        using KeyPair keys = KeyPair.FromSeed(s_seed);
        Assert.Equal(FeedIdTests.SeedOnes, keys.ToString());
        AssertNoSecret(keys, keys.ToString());

        // What a debugger or a logger that walks properties can see.
        Assert.Equal("{Id}", typeof(KeyPair).GetCustomAttribute<DebuggerDisplayAttribute>()?.Value);
        Assert.Equal([nameof(KeyPair.Id)], typeof(KeyPair).GetProperties().Select(property => property.Name));
        Assert.All(
            typeof(KeyPair).GetFields(BindingFlags.NonPublic | BindingFlags.Instance).Where(field => field.FieldType == typeof(byte[])),
            field => Assert.Equal(DebuggerBrowsableState.Never, field.GetCustomAttribute<DebuggerBrowsableAttribute>()?.State));
    }

    [Fact]
    public void ToString_OfNetworkKey_HoldsNoKey()
    {
        NetworkKey own = NetworkKey.FromBytes(s_seed);
        Assert.Equal("main network key", NetworkKey.Main.ToString());
        Assert.Equal("private network key", own.ToString());
        Assert.Equal("{ToString(),nq}", typeof(NetworkKey).GetCustomAttribute<DebuggerDisplayAttribute>()?.Value);
        Assert.DoesNotContain("AQEB", $"{own}", StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_OfNetworkKey_RoundTripsAndDoesNotRepeatBadText()
    {
        Assert.Equal(NetworkKey.Main, NetworkKey.Parse("1KHLiKZvAvjbY1ziZEHMXawbCEIM6qwjCDm3VYRan/s="));
        Assert.Equal("1KHLiKZvAvjbY1ziZEHMXawbCEIM6qwjCDm3VYRan/s=", NetworkKey.Main.ToBase64());
        foreach (string bad in (string[])["", "1KHLiKZvAvjbY1ziZEHMXawbCEIM6qwjCDm3VYRan/s", "1KHLiKZvAvjbY1ziZEHMXawbCEIM6qwjCDm3VYRan/t=", "KHLiKZvAvjbY1ziZEHMXawbCEIM6qwjCDm3VYRan/s= "])
        {
            FormatException error = Assert.Throws<FormatException>(() => NetworkKey.Parse(bad));
            Assert.DoesNotContain("KHLiKZ", error.ToString(), StringComparison.Ordinal);
        }
    }

    internal static byte[] SecretOf(KeyPair keys) =>
        (byte[])typeof(KeyPair).GetField("_secret", BindingFlags.NonPublic | BindingFlags.Instance)!.GetValue(keys)!; // the field above

    /// <summary>No eight bytes of the seed in base64 or hex, at any of base64's three alignments.</summary>
    internal static void AssertNoSecret(KeyPair keys, string text)
    {
        byte[] seed = SecretOf(keys)[..32];
        for (int at = 0; at + 9 <= seed.Length; at++)
        {
            Assert.DoesNotContain(Convert.ToBase64String(seed, at, 9), text, StringComparison.Ordinal);
            Assert.DoesNotContain(Convert.ToHexString(seed, at, 8), text, StringComparison.OrdinalIgnoreCase);
        }
    }
}
