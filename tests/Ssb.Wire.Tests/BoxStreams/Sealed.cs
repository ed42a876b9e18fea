using System.Buffers.Binary;
using System.Reflection;
using Ssb.Wire.Sodium;

namespace Ssb.Wire.Tests;

/// <summary>Sealed bytes, and streams that open them: one key and one nonce for both directions, so that a stream opens what its twin seals.</summary>
internal static class Sealed
{
    /// <summary>The bytes 0 to 31.</summary>
    public static readonly byte[] Key = [.. Enumerable.Range(0, BoxStreamKeys.KeySize).Select(i => (byte)i)];

    public static BoxStreamKeys Keys(byte[]? nonce = null) =>
        new(Key, nonce ?? new byte[BoxStreamKeys.NonceSize], Key, nonce ?? new byte[BoxStreamKeys.NonceSize]);

    public static BoxStream Over(Stream inner, byte[]? nonce = null) => new(inner, Keys(nonce), default);

    public static BoxStream Over(byte[] bytes, byte[]? nonce = null) => Over(new MemoryStream(bytes), nonce);

    /// <summary>Bytes of which neighbours differ.</summary>
    public static byte[] Pattern(int length)
    {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++)
            bytes[i] = (byte)(i * 7);
        return bytes;
    }

    /// <summary>The packets of these writes, of at most 4,096 bytes each, and last the goodbye.</summary>
    public static async Task<byte[][]> PacketsAsync(params byte[][] writes)
    {
        var packets = new List<byte[]>();
        var inner = new MemoryStream();
        await using BoxStream box = Over(inner);
        foreach (byte[] write in writes)
        {
            await box.WriteAsync(write);
            Take();
        }

        await box.ShutdownAsync();
        Take();
        return [.. packets];

        void Take()
        {
            packets.Add(inner.ToArray());
            inner.SetLength(0);
        }
    }

    /// <summary>The first packet of a stream, rightly sealed, whose header says what it likes.</summary>
    public static byte[] Packet(int length, byte[] body)
    {
        byte[] nonce = new byte[SecretBox.NonceSize], header = new byte[2 + SecretBox.MacSize], packet = new byte[BoxStream.HeaderSize + body.Length];
        BoxStreamKeys.Increment(nonce);
        SecretBox.SealDetached(body, nonce, Key, packet.AsSpan(BoxStream.HeaderSize), header.AsSpan(2));
        BinaryPrimitives.WriteUInt16BigEndian(header, (ushort)length);
        SecretBox.Seal(header, new byte[SecretBox.NonceSize], Key, packet.AsSpan(0, BoxStream.HeaderSize));
        return packet;
    }

    /// <summary>Reads to the end, in pieces of at most this many bytes.</summary>
    /// <returns>All that was delivered, and how it ended: null after a goodbye.</returns>
    public static async Task<(byte[] Delivered, BoxStreamException? Fault)> ReadAllAsync(BoxStream box, int pieces = 5_000)
    {
        var all = new List<byte>();
        byte[] buffer = new byte[pieces];
        try
        {
            while (await box.ReadAsync(buffer).Guarded() is > 0 and var count)
                all.AddRange(buffer.AsSpan(0, count));
            return ([.. all], null);
        }
        catch (BoxStreamException e)
        {
            return ([.. all], e);
        }
    }

    /// <summary>Where the keys of a stream lie.</summary>
    public static byte[] MemoryOf(BoxStream box) => (byte[])Field(Field(box, "_keys")!, "_memory")!; // both are there from the constructor on

    /// <summary>Whether the stream holds an array for what it received.</summary>
    public static bool HoldsBuffer(BoxStream box) => Field(Field(box, "_received")!, "_array") is not null; // _received is there from the start

    private static object? Field(object of, string name) =>
        of.GetType().GetField(name, BindingFlags.NonPublic | BindingFlags.Instance)!.GetValue(of); // the types are ours
}
