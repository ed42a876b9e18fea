using System.Buffers.Binary;

namespace Ssb.Conn.Benchmarks;

/// <summary>Addresses of 82 characters, the same as npm-side.js makes.</summary>
internal static class Addresses
{
    public static string Make(int i)
    {
        Span<byte> key = stackalloc byte[32];
        BinaryPrimitives.WriteInt32LittleEndian(key, i);
        BinaryPrimitives.WriteUInt32LittleEndian(key[4..], (uint)(i * 2654435761L % 4294967296L));
        return $"net:p{i:0000000}.lan.example.me:{10000 + (i % 50000)}~shs:{Convert.ToBase64String(key)}";
    }

    /// <summary>Of the same length, and of four kinds in turn.</summary>
    public static string MakeMixed(int i)
    {
        string usual = Make(i);
        string host = (i % 4) switch
        {
            0 => $"net:p{i:0000000}.lan.example.me:{10000 + i}",
            1 => $"net:192.168.{i % 256}.{i % 100}:{10000 + i}".PadRight(33, '0'),
            2 => $"ws://p{i}.example.com:{10000 + i}".PadRight(33, '0'),
            _ => $"onion:{i:aaaaaaaaaa000000}.onion:{10000 + i}".PadRight(33, '0'),
        };
        return host + usual[33..];
    }

    public static string[] Make(int start, int count) => [.. Enumerable.Range(start, count).Select(i => Make(i))];

    /// <summary>Equal strings that are other objects, in another order: what a caller has who looks something up.</summary>
    public static string[] Shuffled(string[] addresses)
    {
        string[] copies = [.. addresses.Select(a => new string(a.AsSpan()))];
        new Random(1).Shuffle(copies);
        return copies;
    }
}
