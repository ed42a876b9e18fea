using System.Runtime.InteropServices;

namespace Ssb.Conn;

/// <summary>The hash of an address, the same for its text and its value.</summary>
/// <remarks>Strangers choose the texts, so it is seeded at random in each process; folding 128-bit products takes a third of
/// the time of the randomised hash of <see cref="string"/> for the usual 80 characters.</remarks>
internal static class AddressHash
{
    private static readonly ulong s_seed = (ulong)Random.Shared.NextInt64() << 1 | 1;
    private static readonly ulong s_fold = (ulong)Random.Shared.NextInt64() << 1 | 1;

    public static int Of(ReadOnlySpan<char> text)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(text);
        ulong even = s_seed ^ (uint)bytes.Length, odd = s_seed;
        if (bytes.Length < 32)
        {
            Span<byte> padded = stackalloc byte[32];
            bytes.CopyTo(padded);
            return Finish(Fold(even, padded), Fold(odd, padded[16..]));
        }

        // Two lanes, which the processor works on at the same time.
        ReadOnlySpan<byte> last = bytes[^32..];
        for (; bytes.Length > 32; bytes = bytes[32..])
            (even, odd) = (Fold(even, bytes), Fold(odd, bytes[16..]));
        // The last 32 bytes, which may overlap those before.
        return Finish(Fold(even, last), Fold(odd, last[16..]));
    }

    private static ulong Fold(ulong hash, ReadOnlySpan<byte> bytes)
    {
        ulong high = Math.BigMul(
            MemoryMarshal.Read<ulong>(bytes) ^ s_fold,
            MemoryMarshal.Read<ulong>(bytes[8..]) ^ hash,
            out ulong low);
        return high ^ low;
    }

    private static int Finish(ulong even, ulong odd)
    {
        ulong hash = even ^ ulong.RotateLeft(odd, 23);
        return (int)(hash ^ (hash >> 32));
    }
}
