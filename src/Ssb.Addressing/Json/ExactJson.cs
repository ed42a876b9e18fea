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

    // ECMA-262, QuoteJSONString: only '"', '\' and what is below U+0020 are escaped. (Lone surrogates, which JavaScript
    // escapes too, are refused where data enters.)
    private sealed unsafe class StringifyEncoder : JavaScriptEncoder
    {
        public static readonly StringifyEncoder Instance = new();

        private static readonly SearchValues<char> s_escaped =
            SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(c => (char)c), '"', '\\']);

        public override int MaxOutputCharactersPerInputCharacter => 6;

        public override bool WillEncode(int unicodeScalar) => unicodeScalar is < 0x20 or '"' or '\\';

        public override int FindFirstCharacterToEncode(char* text, int textLength) =>
            new ReadOnlySpan<char>(text, textLength).IndexOfAny(s_escaped);

        public override bool TryEncodeUnicodeScalar(int unicodeScalar, char* buffer, int bufferLength, out int numberOfCharactersWritten)
        {
            string escape = unicodeScalar switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\b' => "\\b",
                '\f' => "\\f",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                _ => $"\\u{unicodeScalar:x4}",
            };
            bool fits = escape.TryCopyTo(new Span<char>(buffer, bufferLength));
            numberOfCharactersWritten = fits ? escape.Length : 0;
            return fits;
        }
    }
}
