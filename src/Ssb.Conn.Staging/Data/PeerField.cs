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

    // What JSON.stringify escapes, and both halves of surrogate pairs, which it escapes when they are alone.
    private static readonly SearchValues<char> s_escaped =
        SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(c => (char)c), '"', '\\', .. Enumerable.Range(0xD800, 0x800).Select(c => (char)c)]);

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
            JsonElement value = JsonElement.Parse(compact.AsSpan(0, Compact(Json.Span, compact)));
            ArrayPool<byte>.Shared.Return(compact);
            return value;
        }
    }

    private bool IsContainer => Json.Span is [(byte)'{' or (byte)'[', ..];

    /// <summary>A field from a value: written anew, as <c>JSON.stringify</c> would, and indented for the place it has in the file. A
    /// number keeps its text.</summary>
    /// <exception cref="ArgumentException">The value is undefined, no text in UTF-8, or nested too deep for an object that may be
    /// <see cref="PeerData.MaxDepth"/> deep.</exception>
    public static PeerField Of(string name, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Undefined)
            throw new ArgumentException($"The field '{StrangerText.Show(name)}' has no value.", nameof(value));
        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8Value(value);
        if (!Utf8.IsValid(raw))
            throw new ArgumentException($"The field '{StrangerText.Show(name)}' is not UTF-8.", nameof(value));
        if (value.ValueKind is JsonValueKind.Object or JsonValueKind.Array && JsonGate.IsDeep(raw, PeerData.MaxDepth - 1))
            throw new ArgumentException($"The data of a peer are nested {PeerData.MaxDepth} levels deep at most; the field '{StrangerText.Show(name)}' is nested deeper.", nameof(value));
        return new PeerField(Word(name), value.ValueKind switch
        {
            JsonValueKind.True => s_true,
            JsonValueKind.False => s_false,
            JsonValueKind.Null => s_null,
            JsonValueKind.Number => raw.ToArray(),
            JsonValueKind.String when !raw.Contains((byte)'\\') => KnownWord(raw[1..^1])?.Json ?? raw.ToArray(),
            JsonValueKind.String => Quoted(JsonGate.TextOf(value)!), // a string has a text
            _ => Indented(value),
        });
    }

    /// <summary>A field from a text.</summary>
    public static PeerField Of(string name, string value) =>
        new(Word(name), s_words.TryGetValue(value, out (string, byte[] Json) word) ? word.Json : Quoted(value));

    public static PeerField Of(string name, double value) => new(Word(name), Encoding.ASCII.GetBytes(JavaScriptJson.Format(value)));

    public static PeerField Of(string name, bool value) => new(Word(name), value ? s_true : s_false);

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

    /// <summary>The text of a string value; null for any other.</summary>
    public static string? TextOf(ReadOnlySpan<byte> json)
    {
        if (json is not [(byte)'"', .. var text, (byte)'"'])
            return null;
        return text.Contains((byte)'\\') ? JsonGate.TextOf(JsonElement.Parse(json)) : Word(text);
    }

    public static double? NumberOf(ReadOnlySpan<byte> json) => json.Length > 0 && (char.IsAsciiDigit((char)json[0]) || json[0] == '-')
        && Utf8Parser.TryParse(json, out double value, out int read) && read == json.Length && double.IsFinite(value) ? value : null;

    public static bool? FlagOf(ReadOnlySpan<byte> json) => json.SequenceEqual("true"u8) ? true : json.SequenceEqual("false"u8) ? false : null;

    /// <summary>The shared string of a word, or the string itself.</summary>
    public static string Word(string text) => s_words.TryGetValue(text, out (string Text, byte[]) word) ? word.Text : text;

    /// <summary>The length of a text as a value, in UTF-8 bytes of JSON.</summary>
    public static int LengthOf(string text) =>
        text.AsSpan().IndexOfAny(s_escaped) >= 0 ? Quoted(text).Length : Encoding.UTF8.GetByteCount(text) + 2;

    /// <summary>The name at which a reader stands.</summary>
    public static string NameOf(ref Utf8JsonReader reader) => reader.ValueIsEscaped ? JsonGate.TextOf(reader) : Word(reader.ValueSpan);

    /// <summary>Whether the value of another field has the very same text.</summary>
    public bool HasTextOf(in PeerField other) => Json.Equals(other.Json) || Json.Span.SequenceEqual(other.Json.Span);

    /// <summary>Whether another field has the same value, in whatever text.</summary>
    public bool HasValueOf(in PeerField other) => HasTextOf(other) || JsonGate.AreEqual(Value, other.Value);

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

    // The text without the blanks between its tokens.
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

    private static byte[] Quoted(string text)
    {
        if (text.AsSpan().IndexOfAny(s_escaped) >= 0)
        {
            var escaped = new ArrayBufferWriter<byte>(text.Length + 8);
            JavaScriptJson.WriteString(text, escaped);
            return escaped.WrittenSpan.ToArray();
        }

        byte[] quoted = new byte[Encoding.UTF8.GetByteCount(text) + 2];
        quoted[0] = quoted[^1] = (byte)'"';
        Encoding.UTF8.GetBytes(text, quoted.AsSpan(1));
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
        Write(value, writer);
        writer.Flush();
        return bytes.WrittenSpan[start..].TrimStart((byte)' ').ToArray();
    }

    private static void Write(JsonElement value, Utf8JsonWriter writer)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object when JsonMarshal.GetRawUtf8Value(value).Contains((byte)'\\'):
                writer.WriteStartObject();
                foreach (JsonProperty member in value.EnumerateObject())
                {
                    writer.WritePropertyName(JsonGate.NameOf(member));
                    Write(member.Value, writer);
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array when JsonMarshal.GetRawUtf8Value(value).Contains((byte)'\\'):
                writer.WriteStartArray();
                foreach (JsonElement item in value.EnumerateArray())
                    Write(item, writer);
                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                writer.WriteStringValue(JsonGate.TextOf(value));
                break;
            default:
                value.WriteTo(writer);
                break;
        }
    }

    private static (string Text, byte[] Json)? KnownWord(ReadOnlySpan<byte> utf8)
    {
        Span<char> text = stackalloc char[16];
        return utf8.Length <= text.Length && Ascii.ToUtf16(utf8, text, out int length) == OperationStatus.Done
            && s_byText.TryGetValue(text[..length], out (string, byte[]) word) ? word : null;
    }

    /// <summary>The shared string of a word, or a new one.</summary>
    private static string Word(ReadOnlySpan<byte> utf8) => KnownWord(utf8)?.Text ?? Encoding.UTF8.GetString(utf8);
}
