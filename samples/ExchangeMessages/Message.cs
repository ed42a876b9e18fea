// Messages of classic feeds: https://ssbc.github.io/scuttlebutt-protocol-guide/#feeds
// {previous, author, sequence, timestamp, hash: "sha256", content, signature}; its id is % and the SHA-256 of JSON.stringify(message, null, 2)
using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Ssb;
using Ssb.Wire;

namespace ExchangeMessages;

/// <summary>A message that its author signed. Immutable.</summary>
internal sealed class Message
{
    private const int MaxLength = 8_192; // UTF-16 code units of the text that is hashed

    private Message(JsonElement value)
    {
        var indented = new ArrayBufferWriter<byte>();
        JavaScriptJson.Write(value, indented, indented: true);
        string text = Encoding.UTF8.GetString(indented.WrittenSpan);
        Value = value;
        Json = RpcValue.Json(value).Bytes;
        Length = text.Length;
        // What ssb-keys hashes is the lower byte of each code unit, "binary" to Node.
        Key = $"%{Convert.ToBase64String(SHA256.HashData([.. text.Select(c => (byte)c)]))}.sha256";
    }

    /// <summary>Its id.</summary>
    public string Key { get; }

    /// <summary>What was signed, and the signature.</summary>
    public JsonElement Value { get; }

    /// <summary>The same as it was sent.</summary>
    public ReadOnlyMemory<byte> Json { get; }

    private int Length { get; }

    /// <summary>The next message of our own feed.</summary>
    /// <exception cref="FormatException">It is too long.</exception>
    public static Message Sign(KeyPair keys, int sequence, Message? previous, string text)
    {
        var unsigned = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(unsigned))
        {
            writer.WriteStartObject();
            writer.WriteString("previous", previous?.Key); // null for the first
            writer.WriteString("author", keys.Id.ToString());
            writer.WriteNumber("sequence", sequence);
            writer.WriteNumber("timestamp", TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
            writer.WriteString("hash", "sha256");
            writer.WriteStartObject("content");
            writer.WriteString("type", "post");
            writer.WriteString("text", text);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        var message = new Message(JsonGate.Parse(SignedObject.Sign(keys, unsigned.WrittenSpan)));
        return message.Length <= MaxLength ? message : throw new FormatException($"A message has at most {MaxLength:N0} characters, not {message.Length:N0}.");
    }

    /// <summary>Takes a message from a stranger.</summary>
    /// <exception cref="FormatException">It is not the next one of this feed, or not signed by its author.</exception>
    public static Message Verify(FeedId author, int sequence, Message? previous, JsonElement value)
    {
        Check(value.ValueKind == JsonValueKind.Object, "It is no object.");
        string names = string.Join(' ', value.EnumerateObject().Select(p => p.Name));
        Check(names is "previous author sequence timestamp hash content signature" or "previous sequence author timestamp hash content signature", "It has other members than a message.");
        Check(Text(value, "author") == author.ToString(), "It is somebody else's.");
        Check(value.GetProperty("sequence") is { ValueKind: JsonValueKind.Number } n && n.TryGetInt32(out int found) && found == sequence, "It is not the next one.");
        Check(Text(value, "previous") == previous?.Key, "It does not follow the one before.");
        Check(value.GetProperty("timestamp").ValueKind == JsonValueKind.Number && Text(value, "hash") == "sha256", "It has no time, or another hash.");
        Check(value.GetProperty("content") is var content && (IsPlain(content) || IsEncrypted(content)), "Its content has no type.");
        Check(SignedObject.Verify(author, value), "Its author has not signed it.");
        var message = new Message(value);
        Check(message.Length <= MaxLength, "It is too long.");
        return message;
    }

    /// <summary><c>{key, value}</c>.</summary>
    public ReadOnlyMemory<byte> WithKey() => (byte[])[.. "{\"key\":\""u8, .. Encoding.ASCII.GetBytes(Key), .. "\",\"value\":"u8, .. Json.Span, .. "}"u8];

    /// <summary>The same, for people.</summary>
    public override string ToString() => Encoding.UTF8.GetString(WithKey().Span);

    private static bool IsPlain(JsonElement content) =>
        content.ValueKind == JsonValueKind.Object && content.TryGetProperty("type", out _) && Text(content, "type") is { Length: >= 3 and <= 52 };

    private static bool IsEncrypted(JsonElement content) => content.ValueKind == JsonValueKind.String && content.GetString()!.Contains(".box", StringComparison.Ordinal); // it is a string

    private static string? Text(JsonElement value, string name) => value.GetProperty(name) switch
    {
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        { ValueKind: JsonValueKind.Null } => null,
        _ => "",
    };

    private static void Check(bool isTrue, string complaint)
    {
        if (!isTrue)
            throw new FormatException(complaint);
    }
}
