using System.Numerics;
using System.Security.Cryptography;
using Ssb.Wire.Sodium;

namespace Ssb.Wire.Tests;

/// <summary>Keys that are no keys.</summary>
internal static class WeakKeys
{
    /// <summary>All X25519 points of small order, as https://cr.yp.to/ecdh.html lists them, with the ways to write them below 2^255.</summary>
    public static readonly string[] Ephemeral =
    [
        "0000000000000000000000000000000000000000000000000000000000000000", // 0, of order 4
        "0100000000000000000000000000000000000000000000000000000000000000", // 1, of order 1 on the curve or its twist
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", // of order 8
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157", // of order 8
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p - 1, of order 2
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p = 0
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p + 1 = 1
    ];

    /// <summary>Ed25519 points of small order, with the ways to write them that are not canonical, and texts that are no point at all.</summary>
    public static readonly string[] LongTerm =
    [
        "0100000000000000000000000000000000000000000000000000000000000000", // (0, 1), of order 1
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // (0, -1), of order 2
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0000000000000000000000000000000000000000000000000000000000000000", // of order 4
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // of order 8
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p = 0
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p + 1 = 1
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0200000000000000000000000000000000000000000000000000000000000000", // y = 2 is not on the curve
        "0700000000000000000000000000000000000000000000000000000000000000", // nor is y = 7
    ];

    private static readonly BigInteger s_prime = BigInteger.Pow(2, 255) - 19;
    private static readonly BigInteger s_order = BigInteger.Pow(2, 252) + BigInteger.Parse("27742317777372353535851937790883648493");

    /// <summary>The public key of this seed plus the point of order 2: outside the main subgroup, and yet it can sign.</summary>
    /// <remarks>(x, y) + (0, -1) = (-x, -y).</remarks>
    public static byte[] MixedOrder(byte[] seed)
    {
        byte[] key = Public(seed);
        bool odd = (key[31] & 0x80) != 0;
        key[31] &= 0x7f;
        byte[] mixed = Bytes(s_prime - Number(key));
        mixed[31] |= (byte)(odd ? 0 : 0x80);
        return mixed;
    }

    /// <summary>A signature that holds under <see cref="MixedOrder"/>: when the hash is even, the point of order 2 vanishes.</summary>
    public static byte[] SignMixed(byte[] seed, ReadOnlySpan<byte> message)
    {
        byte[] key = MixedOrder(seed);
        for (byte attempt = 0; ; attempt++)
        {
            byte[] nonceSeed = [.. seed.AsSpan(1), attempt];
            byte[] commitment = Public(nonceSeed);
            BigInteger hash = Number(SHA512.HashData([.. commitment, .. key, .. message])) % s_order;
            if (hash.IsEven)
                return [.. commitment, .. Bytes((Scalar(nonceSeed) + hash * Scalar(seed)) % s_order)];
        }
    }

    private static byte[] Public(byte[] seed)
    {
        byte[] key = new byte[32];
        Ed25519.KeyPairFromSeed(seed, key, new byte[64]);
        return key;
    }

    private static BigInteger Scalar(byte[] seed)
    {
        byte[] scalar = SHA512.HashData(seed)[..32];
        scalar[0] &= 248;
        scalar[31] = (byte)((scalar[31] & 127) | 64);
        return Number(scalar);
    }

    private static BigInteger Number(byte[] bytes) => new(bytes, isUnsigned: true);

    private static byte[] Bytes(BigInteger number)
    {
        byte[] bytes = new byte[32];
        Assert.True(number.TryWriteBytes(bytes, out _, isUnsigned: true));
        return bytes;
    }
}
