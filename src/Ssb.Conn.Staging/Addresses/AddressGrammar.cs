using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ssb.Conn;

// The grammar of npm multiserver-address 1.0.1 (its `check`), as one pass over the text:
//
//   name      = [a-z] [a-z0-9-]+               at least two characters
//   data      = ( ["-9] | [<-}] | ![!:;~] )*   printable ASCII; ! : ; ~ only escaped by !
//   protocol  = name ( ":" data )*
//   address   = protocol ( "~" protocol )*
//   multi     = address ( ";" address )*
internal static class AddressGrammar
{
    private const int Block = 32;

    /// <returns>-1 for a valid address, else the position of the first character that cannot stand there
    /// (the length of the text when it ends too early).</returns>
    public static int FirstError(ReadOnlySpan<char> text)
    {
        int i = 0;
        while (true)
        {
            if (IsThreeLettersAndColon(text, i))
            {
                i += 3;
            }
            else
            {
                int name = i;
                if ((uint)i >= (uint)text.Length || !char.IsAsciiLetterLower(text[i]))
                    return i;
                do
                {
                    i++;
                }
                while ((uint)i < (uint)text.Length && IsInName(text[i]));
                if (i - name < 2)
                    return i;
            }

            if ((uint)i < (uint)text.Length && text[i] == ':')
            {
                i = SkipData(text, i);
                if (i < 0)
                    return ~i;
            }

            if (i == text.Length)
                return -1;
            if (text[i] is not ('~' or ';'))
                return i;
            i++;
        }
    }

    /// <returns>Where the data fields end: the position of '~', of ';' or of the end; the complement of the position
    /// of an error.</returns>
    private static int SkipData(ReadOnlySpan<char> text, int i)
    {
        while (true)
        {
            i = SkipPlain(text, i);
            if ((uint)i >= (uint)text.Length || text[i] is '~' or ';')
                return i;
            if (text[i] != '!')
                return ~i;
            if ((uint)(i + 1) >= (uint)text.Length || text[i + 1] is not ('!' or ':' or ';' or '~'))
                return ~(i + 1);
            i += 2;
        }
    }

    /// <summary>Skips characters of data that mean themselves, and ':', since a field may be empty and another may follow:
    /// all from '"' to '}' but ';'.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int SkipPlain(ReadOnlySpan<char> text, int i)
    {
        int lastBlock = text.Length - Block;
        if (i <= lastBlock)
        {
            ref ushort start = ref Unsafe.As<char, ushort>(ref MemoryMarshal.GetReference(text));
            while (true)
            {
                // A character beyond one byte becomes 255, which is not plain either.
                Vector256<byte> block = Vector256.NarrowWithSaturation(
                    Vector256.LoadUnsafe(ref start, (nuint)i), Vector256.LoadUnsafe(ref start, (nuint)(i + (Block / 2))));
                uint stops = (Vector256.GreaterThan(block - Vector256.Create((byte)'"'), Vector256.Create((byte)('}' - '"')))
                    | Vector256.Equals(block, Vector256.Create((byte)';'))).ExtractMostSignificantBits();
                if (stops != 0)
                    return i + BitOperations.TrailingZeroCount(stops);
                if (i == lastBlock)
                    return text.Length;
                i = Math.Min(i + Block, lastBlock); // the last block may overlap the one before
            }
        }

        while ((uint)i < (uint)text.Length && char.IsBetween(text[i], '"', '}') && text[i] != ';')
            i++;
        return i;
    }

    // Nearly every name is `net` or `shs`: four characters in one look. Three lanes of 16 bits must be 'a' to 'z', which is 0 to
    // 25 after a subtraction, which is less than 32 also when 6 are added; the fourth must be ':'.
    private static bool IsThreeLettersAndColon(ReadOnlySpan<char> text, int i)
    {
        const ulong A = 'a' * 0x0000_0001_0001_0001UL, Six = 6 * 0x0000_0001_0001_0001UL, Beyond31 = 0xFFFF_FFE0_FFE0_FFE0;
        if (!BitConverter.IsLittleEndian || text.Length - i < 4)
            return false;
        ulong letters = (MemoryMarshal.Read<ulong>(MemoryMarshal.AsBytes(text[i..])) ^ ((ulong)':' << 48)) - A;
        return ((letters | (letters + Six)) & Beyond31) == 0;
    }

    // 'a' to 'z', '0' to '9' and '-', as bits of the characters from ' ' to 127.
    private static bool IsInName(char c)
    {
        const ulong Low = ((1UL << ('9' + 1)) - (1UL << '0')) | (1UL << '-');
        const ulong High = (1UL << ('z' + 1 - 64)) - (1UL << ('a' - 64));
        return c < 128 && ((c < 64 ? Low : High) >> c & 1) != 0;
    }
}
