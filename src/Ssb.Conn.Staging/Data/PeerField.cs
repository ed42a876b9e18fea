using System.Buffers;
using System.Buffers.Text;
using System.Collections.Frozen;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Ssb.Conn;

/// <summary>One field of a peer's data: its name, and its value as JSON text, indented as it stands in <c>conn.json</c>.</summary>
internal readonly record struct PeerField(string Name, ReadOnlyMemory<byte> Json)
{
    private static readonly JsonWriterOptions s_indented = new()
    {
        Encoder = ExactJson.Encoder,
        Indented = true,
        IndentSize = 2,
        NewLine = "\n",
        SkipValidation = true,
    };

    private static readonly JsonDocumentOptions s_reading = new() { MaxDepth = JavaScriptJson.MaxDepth };

    // What JSON.stringify escapes.
    private static readonly SearchValues<char> s_escaped = SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(c => (char)c), '"', '\\']);

    private static readonly byte[] s_true = [.. "true"u8], s_false = [.. "false"u8], s_null = [.. "null"u8];

    // Names and words that nearly every entry has; the same string and the same JSON text each time, so that thousands of entries share it.
    private static readonly FrozenDictionary<string, (string Text, byte[] Json)> s_words = new[]
    {
        "key", "type", "source", "inferredType", "birth", "stateChange", "failure", "duration", "ping", "autoconnect", "defunct", "alias",
        "roomAddress", "membership", "room", "roomName", "name", "note", "host", "port", "announcers", "verified", "pool", "state",
        "hubBirth", "hubUpdated", "stagingBirth", "stagingUpdated", "onlineCount", "lan", "bt", "internet", "dht", "pub", "room-attendant",
        "room-endpoint", "tunnel", "stored", "manual", "friends", "local", "lastError", "retryAt", "senderMatches",
    }.ToFrozenDictionary(word => word, word => (word, Encoding.ASCII.GetBytes($"\"{word}\"")));

    private static readonly FrozenDictionary<string, (string Text, byte[] Json)>.AlternateLookup<ReadOnlySpan<char>> s_byText =
        s_words.GetAlternateLookup<ReadOnlySpan<char>>();

    public JsonElement Value
    {
        get
        {
            if (!IsContainer)
                return JsonElement.Parse(Json.Span);
            byte[] compact = ArrayPool<byte>.Shared.Rent(Json.Length);
            JsonElement value = JsonElement.Parse(compact.AsSpan(0, Compact(Json.Span, compact)), s_reading);
            ArrayPool<byte>.Shared.Return(compact);
            return value;
        }
    }

    /// <summary>Whether the value holds no lone surrogate. Only what was read of a file can hold one.</summary>
    public bool IsText
    {
        get
        {
            if (Json.Span.IndexOf("\\u"u8) < 0)
                return true;
            try
            {
                using var writer = new Utf8JsonWriter(Stream.Null);
                Value.WriteTo(writer);
                return true;
            }
            catch (InvalidOperationException)
            {
                return false;
            }
        }
    }

    private bool IsContainer => Json.Span is [(byte)'{' or (byte)'[', ..];

    /// <summary>A field from a value: written anew, as <c>JSON.stringify</c> would, and indented for the place it has in the file. A
    /// number keeps its text.</summary>
    /// <exception cref="ArgumentException">The value is undefined, or no text in UTF-8.</exception>
    public static PeerField Of(string name, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Undefined)
            throw new ArgumentException($"The field '{StrangerText.Show(name)}' has no value.", nameof(value));
        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8Value(value);
        if (!Utf8.IsValid(raw))
            throw new ArgumentException($"The field '{StrangerText.Show(name)}' is not UTF-8.", nameof(value));
        try
        {
            return new PeerField(Word(name), value.ValueKind switch
            {
                JsonValueKind.True => s_true,
                JsonValueKind.False => s_false,
                JsonValueKind.Null => s_null,
                JsonValueKind.Number => raw.ToArray(),
                JsonValueKind.String when !raw.Contains((byte)'\\') => KnownWord(raw[1..^1])?.Json ?? raw.ToArray(),
                JsonValueKind.String => Quoted(value.GetString()!), // a string has a text
                _ => Indented(value),
            });
        }
        catch (InvalidOperationException e)
        {
            throw new ArgumentException($"The field '{StrangerText.Show(name)}' holds a lone surrogate, which is no text.", nameof(value), e);
        }
    }

    /// <inheritdoc cref="Of(string, JsonElement)"/>
    public static PeerField Of(string name, string value) => new(Word(name), s_words.TryGetValue(value, out (string, byte[] Json) word)
        ? word.Json
        : IsUtf16(value)
            ? Quoted(value)
            : throw new ArgumentException($"The field '{StrangerText.Show(name)}' holds a lone surrogate, which is no text.", nameof(value)));

    public static PeerField Of(string name, double value) => new(Word(name), Encoding.ASCII.GetBytes(JavaScriptJson.Format(value)));

    public static PeerField Of(string name, bool value) => new(Word(name), value ? s_true : s_false);

    /// <returns>The name.</returns>
    /// <exception cref="ArgumentException">It is null, or holds a lone surrogate.</exception>
    public static string CheckName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return IsUtf16(name) ? name : throw new ArgumentException("The name of a field holds a lone surrogate, which UTF-8 cannot carry.", nameof(name));
    }

    /// <returns>The place of the field of that name; -1 if there is none.</returns>
    public static int PlaceOf(ReadOnlySpan<PeerField> fields, string name)
    {
        for (int i = 0; i < fields.Length; i++)
        {
            if (fields[i].Name == name)
                return i;
        }

        return -1;
    }

    /// <summary>The text of a string value; null for any other, and for one that is no text (a lone surrogate).</summary>
    public static string? TextOf(ReadOnlySpan<byte> json)
    {
        if (json is not [(byte)'"', .. var text, (byte)'"'])
            return null;
        if (!text.Contains((byte)'\\'))
            return Word(text);
        try
        {
            return JsonElement.Parse(json).GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    public static double? NumberOf(ReadOnlySpan<byte> json) => json.Length > 0 && (char.IsAsciiDigit((char)json[0]) || json[0] == '-')
        && Utf8Parser.TryParse(json, out double value, out int read) && read == json.Length && double.IsFinite(value) ? value : null;

    public static bool? FlagOf(ReadOnlySpan<byte> json) => json.SequenceEqual("true"u8) ? true : json.SequenceEqual("false"u8) ? false : null;

    /// <summary>The name at which a reader stands; null if it holds a lone surrogate, which is no text that could be written
    /// again.</summary>
    public static string? NameOf(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.ValueIsEscaped ? reader.GetString() : Word(reader.ValueSpan);
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Whether the value of another field has the very same text.</summary>
    public bool HasTextOf(in PeerField other) => Json.Equals(other.Json) || Json.Span.SequenceEqual(other.Json.Span);

    /// <summary>Whether another field has the same value, in whatever text.</summary>
    public bool HasValueOf(in PeerField other) => HasTextOf(other) || JsonElement.DeepEquals(Value, other.Value);

    /// <summary>Writes name and value, without line breaks and indentation.</summary>
    public void WriteTo(Utf8JsonWriter writer)
    {
        writer.WritePropertyName(Name);
        if (!IsContainer)
        {
            writer.WriteRawValue(Json.Span, skipInputValidation: true);
            return;
        }

        byte[] compact = ArrayPool<byte>.Shared.Rent(Json.Length);
        writer.WriteRawValue(compact.AsSpan(0, Compact(Json.Span, compact)), skipInputValidation: true);
        ArrayPool<byte>.Shared.Return(compact);
    }

    // The text without the blanks between its tokens. Read and written anew it would be the same, but for text that another program has
    // put into a file: a lone surrogate can be copied, and cannot be written.
    private static int Compact(ReadOnlySpan<byte> json, Span<byte> compact)
    {
        int length = 0;
        bool isInText = false;
        for (int i = 0; i < json.Length; i++)
        {
            byte b = json[i];
            if (!isInText && b is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
                continue;
            compact[length++] = b;
            if (b == '"')
                isInText = !isInText;
            else if (b == '\\')
                compact[length++] = json[++i]; // whatever is escaped ends no text
        }

        return length;
    }

    private static bool IsUtf16(ReadOnlySpan<char> text)
    {
        for (int i = text.IndexOfAnyInRange('\ud800', '\udfff'); i >= 0 && i < text.Length; i++)
        {
            if (Rune.DecodeFromUtf16(text[i..], out _, out int consumed) != OperationStatus.Done)
                return false;
            i += consumed - 1;
        }

        return true;
    }

    private static byte[] Quoted(string text)
    {
        ReadOnlySpan<byte> inner = text.AsSpan().IndexOfAny(s_escaped) < 0 ? default : JsonEncodedText.Encode(text, ExactJson.Encoder).EncodedUtf8Bytes;
        byte[] quoted = new byte[(inner.IsEmpty ? Encoding.UTF8.GetByteCount(text) : inner.Length) + 2];
        quoted[0] = quoted[^1] = (byte)'"';
        if (inner.IsEmpty)
            Encoding.UTF8.GetBytes(text, quoted.AsSpan(1));
        else
            inner.CopyTo(quoted.AsSpan(1));
        return quoted;
    }

    // Written where it stands in the file, two levels deep.
    private static byte[] Indented(JsonElement value)
    {
        var bytes = new ArrayBufferWriter<byte>(64);
        using var writer = new Utf8JsonWriter(bytes, s_indented);
        writer.WriteStartObject();
        writer.WriteStartObject("-");
        writer.WritePropertyName("-");
        writer.Flush();
        int start = bytes.WrittenCount;
        value.WriteTo(writer);
        writer.Flush();
        return bytes.WrittenSpan[start..].TrimStart((byte)' ').ToArray();
    }

    private static (string Text, byte[] Json)? KnownWord(ReadOnlySpan<byte> utf8)
    {
        Span<char> text = stackalloc char[16];
        return utf8.Length <= text.Length && Ascii.ToUtf16(utf8, text, out int length) == OperationStatus.Done
            && s_byText.TryGetValue(text[..length], out (string, byte[]) word) ? word : null;
    }

    /// <summary>The shared string of a word, or a new one.</summary>
    private static string Word(ReadOnlySpan<byte> utf8) => KnownWord(utf8)?.Text ?? Encoding.UTF8.GetString(utf8);

    private static string Word(string text) => s_words.TryGetValue(text, out (string Text, byte[]) word) ? word.Text : text;
}
