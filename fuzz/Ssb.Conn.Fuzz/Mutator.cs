namespace Ssb.Conn.Fuzz;

/// <summary>Changes inputs at random: bits, bytes, pieces, and the tokens that the formats are made of.</summary>
internal sealed class Mutator(Random random)
{
    private const int MaxLength = 4_200; // a little over every limit there is

    private static readonly byte[][] s_tokens =
    [
        [.. "\""u8], [.. "\\"u8], [.. "{"u8], [.. "}"u8], [.. ","u8], [.. ":"u8], [.. ";"u8], [.. "~"u8], [.. "!"u8], [.. "\\u0000"u8], [.. "\\ud800"u8],
        [.. "null"u8], [.. "shs:"u8], [.. "net:"u8], [.. "ws://"u8], [.. "tunnel:@"u8], [.. ".ed25519"u8], [.. "\"address\":"u8], [.. "[[[["u8], [.. "65536"u8],
        [.. "\"name\":["u8], [.. "\"args\":[]"u8], [.. "\"type\":\"source\""u8], [.. "true"u8], [0x0A], [0x0E, 0xFF], [0xFF, 0xFF], new byte[9],
        [.. "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w="u8], [0], [0x7F], [0xC3], [0xFF], [0xF0, 0x9F, 0x98, 0x80],
    ];

    public byte[] Mutate(byte[] input, byte[] other)
    {
        var bytes = new List<byte>(input);
        for (int i = random.Next(4); i >= 0; i--)
        {
            int at = random.Next(bytes.Count + 1);
            int length = Math.Min(random.Next(1, 32), bytes.Count - at);
            switch (random.Next(8))
            {
                case 0 when at < bytes.Count:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when at < bytes.Count:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, length);
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(at, length));
                    break;
                case 4 when other.Length > 0:
                    int from = random.Next(other.Length);
                    bytes.InsertRange(at, other[from..Math.Min(other.Length, from + random.Next(1, 64))]);
                    break;
                case 5 when random.Next(16) == 0:
                    bytes.InsertRange(at, Enumerable.Repeat((byte)random.Next(256), random.Next(MaxLength)));
                    break;
                default:
                    bytes.InsertRange(at, s_tokens[random.Next(s_tokens.Length)]);
                    break;
            }
        }

        return bytes.Count <= MaxLength ? [.. bytes] : [.. bytes[..MaxLength]];
    }
}
