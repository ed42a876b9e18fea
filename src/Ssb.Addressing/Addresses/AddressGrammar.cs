using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ssb;

// The grammar of npm multiserver-address 1.0.1 (its `check`), as one pass over the text:
//
//   name      = [a-z] [a-z0-9-]+               at least two characters
//   data      = ( ["-9] | [<-}] | ![!:;~] )*   printable ASCII; ! : ; ~ only escaped by !
//   protocol  = name ( ":" data )*
//   address   = protocol ( "~" protocol )*
//   multi     = address ( ";" address )*
internal static class AddressGrammar
{
    private const int Block = 32; // characters, in a vector that processors without AVX-512 make of smaller ones

    /// <returns>-1 for a valid address, else the position of the first character that cannot stand there
    /// (the length of the text when it ends too early).</returns>
    public static int FirstError(ReadOnlySpan<char> text)
    {
        int i = 0;
        while (true)
        {
            int name = i;
            if ((uint)i >= (uint)text.Length || !char.IsAsciiLetterLower(text[i]))
                return i;
            do
            {
                i++;
            }
            while ((uint)i < (uint)text.Length && (char.IsAsciiLetterLower(text[i]) || char.IsAsciiDigit(text[i]) || text[i] == '-'));
            if (i - name < 2)
                return i;
            if ((uint)i < (uint)text.Length && text[i] == ':')
            {
                while (true)
                {
                    i = SkipPlain(text, i);
                    if ((uint)i >= (uint)text.Length)
                        return -1;
                    if (text[i] is '~' or ';')
                        break;
                    if (text[i] != '!')
                        return i;
                    if ((uint)(i + 1) >= (uint)text.Length || text[i + 1] is not ('!' or ':' or ';' or '~'))
                        return i + 1;
                    i += 2;
                }
            }
            else if (i == text.Length)
            {
                return -1;
            }
            else if (text[i] is not ('~' or ';'))
            {
                return i;
            }

            i++;
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
                Vector512<ushort> block = Vector512.LoadUnsafe(ref start, (nuint)i);
                ulong stops = (Vector512.GreaterThan(block - Vector512.Create((ushort)'"'), Vector512.Create((ushort)('}' - '"')))
                    | Vector512.Equals(block, Vector512.Create((ushort)';'))).ExtractMostSignificantBits();
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
}
