namespace Ssb.Conn.Net.Tests;

/// <summary>Changes bytes at random, as fuzzers do.</summary>
internal static class Mutation
{
    private static readonly byte[][] s_tokens =
    [
        [.. "\""u8], [.. "\\"u8], [.. "{"u8], [.. "}"u8], [.. ","u8], [.. ":"u8], [.. ";"u8], [.. "~"u8], [.. "!"u8], [.. "\\u0000"u8],
        [.. "\\ud800"u8], [.. "null"u8], [.. "shs:"u8], [.. "net:"u8], [.. "\"address\":"u8], [.. "[[[["u8], [0], [0xFF], [0xC3], [0xF0, 0x9F, 0x98, 0x80],
    ];

    public static byte[] Of(byte[] bytes, Random random)
    {
        var result = new List<byte>(bytes);
        for (int i = random.Next(4); i >= 0; i--)
        {
            int at = random.Next(result.Count + 1);
            int length = Math.Min(random.Next(1, 40), result.Count - at);
            switch (random.Next(9))
            {
                case 0 when at < result.Count:
                    result[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when at < result.Count:
                    result[at] = (byte)random.Next(256);
                    break;
                case 2:
                    result.RemoveRange(at, length);
                    break;
                case 3:
                    result.InsertRange(at, result.GetRange(at, length));
                    break;
                case 4 when random.Next(4) == 0:
                    result.RemoveRange(at, result.Count - at);
                    break;
                case 5 when random.Next(8) == 0:
                    result.InsertRange(at, Enumerable.Repeat((byte)'a', random.Next(2000)));
                    break;
                default:
                    result.InsertRange(at, s_tokens[random.Next(s_tokens.Length)]);
                    break;
            }
        }

        return [.. result];
    }
}
