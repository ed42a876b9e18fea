using System.Buffers;
using System.Buffers.Text;
using System.Collections.Frozen;
using System.Text;
using System.Text.Json;

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

    // Names and words that nearly every entry has; the same string each time, so that thousands of entries share it.
    private static readonly FrozenSet<string> s_words = FrozenSet.Create(
        "key", "type", "source", "inferredType", "birth", "stateChange", "failure", "duration", "ping", "autoconnect", "defunct", "alias",
        "roomAddress", "membership", "room", "roomName", "name", "note", "host", "port", "announcers", "verified", "pool", "state",
        "hubBirth", "hubUpdated", "stagingBirth", "stagingUpdated", "onlineCount", "lan", "bt", "internet", "dht", "pub", "room-attendant",
        "room-endpoint", "tunnel", "stored", "manual", "friends", "local", "lastError", "retryAt");

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> s_byText = s_words.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>A field from a value: written anew, as <c>JSON.stringify</c> would, and indented for the place it has in the file.</summary>
    public static PeerField Of(string name, JsonElement value)
    {
        var bytes = new ArrayBufferWriter<byte>(32);
        using var writer = new Utf8JsonWriter(bytes, s_indented);
        if (value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array))
        {
            value.WriteTo(writer);
            writer.Flush();
            return new PeerField(Word(name), bytes.WrittenSpan.ToArray());
        }

        writer.WriteStartObject();
        writer.WriteStartObject("-");
        writer.WritePropertyName("-");
        writer.Flush();
        int start = bytes.WrittenCount;
        value.WriteTo(writer);
        writer.Flush();
        return new PeerField(Word(name), bytes.WrittenSpan[start..].TrimStart((byte)' ').ToArray());
    }

    public static PeerField Of(string name, double value) => new(Word(name), Encoding.ASCII.GetBytes(JavaScriptJson.Format(value)));

    public JsonElement Value => JsonElement.Parse(Json.Span);

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

    /// <summary>The name at which a reader stands; null if it holds a lone surrogate, which is no text that could be written again.</summary>
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

    /// <summary>The shared string of a word, or a new one.</summary>
    public static string Word(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length <= 16 && Ascii.IsValid(utf8))
        {
            Span<char> text = stackalloc char[16];
            int length = Encoding.ASCII.GetChars(utf8, text);
            return s_byText.TryGetValue(text[..length], out string? word) ? word : new string(text[..length]);
        }

        return Encoding.UTF8.GetString(utf8);
    }

    private static string Word(string text) => s_words.TryGetValue(text, out string? word) ? word : text;
}
