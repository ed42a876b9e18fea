// ECMA-262, QuoteJSONString: https://tc39.es/ecma262/#sec-quotejsonstring
using System.Buffers;
using System.Globalization;
using System.Text;

namespace Ssb;

/// <summary>Reads the strings of JSON text and writes them as <c>JSON.stringify</c> does.</summary>
internal static class JavaScriptString
{
    /// <summary>Everything that is written as it is, as long as no surrogate is involved.</summary>
    private static readonly SearchValues<char> s_special =
        SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(c => (char)c), '"', '\\', .. Enumerable.Range(0xD800, 0x800).Select(c => (char)c)]);

    /// <summary>
    /// The string between the quotes of valid JSON text. Unlike those of System.Text.Json it may hold half a surrogate
    /// pair, which JavaScript allows.
    /// </summary>
    internal static string Unescape(ReadOnlySpan<byte> raw)
    {
        if (!raw.Contains((byte)'\\'))
            return Encoding.UTF8.GetString(raw);

        var text = new StringBuilder(raw.Length);
        while (raw.IndexOf((byte)'\\') is var escape and >= 0)
        {
            text.Append(Encoding.UTF8.GetString(raw[..escape]));
            byte kind = raw[escape + 1];
            int length = kind == (byte)'u' ? 6 : 2;
            text.Append(kind switch
            {
                (byte)'b' => '\b',
                (byte)'f' => '\f',
                (byte)'n' => '\n',
                (byte)'r' => '\r',
                (byte)'t' => '\t',
                (byte)'u' => (char)ushort.Parse(raw.Slice(escape + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture),
                _ => (char)kind, // " \ /
            });
            raw = raw[(escape + length)..];
        }

        return text.Append(Encoding.UTF8.GetString(raw)).ToString();
    }

    /// <summary>Writes the string with its quotes.</summary>
    internal static void Write(ReadOnlySpan<char> text, IBufferWriter<byte> output)
    {
        output.Write("\""u8);
        while (text.IndexOfAny(s_special) is var special and >= 0)
        {
            Encoding.UTF8.GetBytes(text[..special], output);
            char c = text[special];
            int length = 1;
            switch (c)
            {
                case '"': output.Write("\\\""u8); break;
                case '\\': output.Write("\\\\"u8); break;
                case '\b': output.Write("\\b"u8); break;
                case '\f': output.Write("\\f"u8); break;
                case '\n': output.Write("\\n"u8); break;
                case '\r': output.Write("\\r"u8); break;
                case '\t': output.Write("\\t"u8); break;
                case var _ when char.IsHighSurrogate(c) && special + 1 < text.Length && char.IsLowSurrogate(text[special + 1]):
                    length = 2;
                    Encoding.UTF8.GetBytes(text.Slice(special, length), output);
                    break;
                default: // a control character, or half a surrogate pair
                    WriteEscaped(c, output);
                    break;
            }

            text = text[(special + length)..];
        }

        Encoding.UTF8.GetBytes(text, output);
        output.Write("\""u8);
    }

    private static void WriteEscaped(char c, IBufferWriter<byte> output)
    {
        Span<byte> escaped = output.GetSpan(6);
        "\\u"u8.CopyTo(escaped);
        _ = ((ushort)c).TryFormat(escaped[2..], out _, "x4", CultureInfo.InvariantCulture);
        output.Advance(6);
    }
}
