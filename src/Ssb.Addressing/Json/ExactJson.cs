using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Ssb;

/// <summary>JSON whose bytes are those of <c>JSON.stringify</c>, whatever the caller's writer is set to.</summary>
/// <remarks>System.Text.Json writes <c>+</c> as <c>\u002B</c> by default and escapes emoji and U+2028 even when relaxed;
/// other SSB programs read, sign and compare these bytes.</remarks>
public static class ExactJson
{
    private static readonly JsonWriterOptions s_options = new() { Encoder = StringifyEncoder.Instance, SkipValidation = true };

    /// <summary>Escapes what <c>JSON.stringify</c> does, and nothing else.</summary>
    public static JavaScriptEncoder Encoder => StringifyEncoder.Instance;

    /// <summary>Writes a value by a writer of its own, and passes its bytes on as they are.</summary>
    /// <param name="writer">Where the bytes go; its encoder and its indentation are not used.</param>
    /// <param name="value">The value.</param>
    /// <param name="write">What writes it.</param>
    public static void Write<T>(Utf8JsonWriter writer, T value, Action<Utf8JsonWriter, T> write)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(write);
        var bytes = new ArrayBufferWriter<byte>();
        using (var exact = new Utf8JsonWriter(bytes, s_options))
            write(exact, value);
        writer.WriteRawValue(bytes.WrittenSpan, skipInputValidation: true);
    }

    /// <summary>The text of what is written.</summary>
    /// <param name="value">The value.</param>
    /// <param name="write">What writes it.</param>
    public static string ToText<T>(T value, Action<Utf8JsonWriter, T> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        var bytes = new ArrayBufferWriter<byte>();
        using (var exact = new Utf8JsonWriter(bytes, s_options))
            write(exact, value);
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    // ECMA-262, QuoteJSONString: '"', '\\' and what is below U+0020 are escaped, and half a surrogate pair.
    private sealed unsafe class StringifyEncoder : JavaScriptEncoder
    {
        public static readonly StringifyEncoder Instance = new();

        private static readonly SearchValues<char> s_escaped =
            SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(c => (char)c), '"', '\\', .. Enumerable.Range(0xD800, 0x800).Select(c => (char)c)]);

        public override int MaxOutputCharactersPerInputCharacter => 6;

        public override bool WillEncode(int unicodeScalar) => unicodeScalar is < 0x20 or '"' or '\\';

        public override int FindFirstCharacterToEncode(char* text, int textLength) => First(new ReadOnlySpan<char>(text, textLength));

        // The base class makes U+FFFD of half a pair before anybody is asked.
        public override OperationStatus Encode(ReadOnlySpan<char> source, Span<char> destination, out int charsConsumed, out int charsWritten, bool isFinalBlock = true)
        {
            (charsConsumed, charsWritten) = (0, 0);
            while (charsConsumed < source.Length)
            {
                ReadOnlySpan<char> rest = source[charsConsumed..];
                int plain = First(rest) is var first and >= 0 ? first : rest.Length;
                if (!isFinalBlock && plain == rest.Length - 1 && char.IsHighSurrogate(rest[plain]))
                    return OperationStatus.NeedMoreData;
                if (!rest[..plain].TryCopyTo(destination[charsWritten..]))
                    return OperationStatus.DestinationTooSmall;
                (charsConsumed, charsWritten) = (charsConsumed + plain, charsWritten + plain);
                if (plain == rest.Length)
                    break;
                if (!EscapeOf(rest[plain]).TryCopyTo(destination[charsWritten..]))
                    return OperationStatus.DestinationTooSmall;
                (charsConsumed, charsWritten) = (charsConsumed + 1, charsWritten + EscapeOf(rest[plain]).Length);
            }

            return OperationStatus.Done;
        }

        public override bool TryEncodeUnicodeScalar(int unicodeScalar, char* buffer, int bufferLength, out int numberOfCharactersWritten)
        {
            string escape = EscapeOf((char)unicodeScalar); // WillEncode names none beyond U+FFFF
            bool fits = escape.TryCopyTo(new Span<char>(buffer, bufferLength));
            numberOfCharactersWritten = fits ? escape.Length : 0;
            return fits;
        }

        private static int First(ReadOnlySpan<char> text)
        {
            for (int at = 0; text[at..].IndexOfAny(s_escaped) is var next and >= 0; at += 2)
            {
                at += next;
                bool isPair = char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]);
                if (!isPair)
                    return at;
            }

            return -1;
        }

        private static string EscapeOf(char c) => c switch
        {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\b' => "\\b",
            '\f' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            _ => $"\\u{(int)c:x4}",
        };
    }
}
