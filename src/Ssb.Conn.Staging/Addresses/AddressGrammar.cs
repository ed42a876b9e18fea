using System.Buffers;

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
    // Data characters that mean themselves, plus ':', since a data field may be empty and another may always follow.
    private static readonly SearchValues<char> s_plain = SearchValues.Create(Enumerable.Range('"', ':' - '"' + 1)
        .Concat(Enumerable.Range('<', '}' - '<' + 1)).Select(c => (char)c).ToArray());

    /// <returns>-1 for a valid address, else the position of the first character that cannot stand there
    /// (the length of the text when it ends too early).</returns>
    public static int FirstError(ReadOnlySpan<char> text)
    {
        int i = 0;
        while (true)
        {
            if (i >= text.Length || !char.IsAsciiLetterLower(text[i]))
                return i;
            int name = i++;
            while (i < text.Length && (char.IsAsciiLetterLower(text[i]) || char.IsAsciiDigit(text[i]) || text[i] == '-'))
                i++;
            if (i - name < 2)
                return i;
            if (i < text.Length && text[i] == ':')
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
            int plain = text[i..].IndexOfAnyExcept(s_plain);
            if (plain < 0)
                return text.Length;
            i += plain;
            switch (text[i])
            {
                case '~' or ';':
                    return i;
                case '!' when i + 1 < text.Length && text[i + 1] is '!' or ':' or ';' or '~':
                    i += 2;
                    break;
                case '!':
                    return ~(i + 1);
                default:
                    return ~i;
            }
        }
    }
}
