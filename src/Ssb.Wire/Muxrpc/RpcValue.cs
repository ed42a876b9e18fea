using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;

namespace Ssb.Wire;

/// <summary>The three kinds of body that muxrpc has.</summary>
public enum RpcValueKind
{
    /// <summary>A JSON value.</summary>
    Json,

    /// <summary>A string. JavaScript sends every string this way; it is the same as a JSON string.</summary>
    Text,

    /// <summary>Bytes.</summary>
    Binary,
}

/// <summary>What travels over muxrpc: an argument, a result, or an item of a stream.</summary>
/// <remarks>Immutable, as long as nobody changes the bytes that <see cref="Binary"/> was given. <c>default</c> is JSON's null.</remarks>
public readonly struct RpcValue : IEquatable<RpcValue>
{
    private static readonly JsonWriterOptions s_writing = new() { Encoder = ExactJson.Encoder };
    private static readonly byte[] s_null = [.. "null"u8];

    private readonly ReadOnlyMemory<byte> _bytes;

    internal RpcValue(RpcValueKind kind, ReadOnlyMemory<byte> bytes)
    {
        Kind = kind;
        _bytes = bytes;
    }

    /// <summary>JSON's null.</summary>
    public static RpcValue Null => default;

    /// <summary>JSON's true.</summary>
    public static RpcValue True { get; } = new(RpcValueKind.Json, "true"u8.ToArray());

    /// <summary>JSON's false; also what JavaScript's undefined becomes on the way.</summary>
    public static RpcValue False { get; } = new(RpcValueKind.Json, "false"u8.ToArray());

    /// <summary>How it is sent.</summary>
    public RpcValueKind Kind { get; }

    /// <summary>The body itself: JSON text, UTF-8, or plain bytes.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes.IsEmpty && Kind == RpcValueKind.Json ? s_null : _bytes;

    /// <summary>An object as JSON, by source-generated metadata.</summary>
    public static RpcValue Json<T>(T value, JsonTypeInfo<T> type)
    {
        ArgumentNullException.ThrowIfNull(type);
        if (value is string text)
            return Text(text);

        var output = new ArrayBufferWriter<byte>(128);
        using (var writer = new Utf8JsonWriter(output, s_writing))
            JsonSerializer.Serialize(writer, value, type);
        return new(RpcValueKind.Json, output.WrittenMemory);
    }

    /// <summary>A JSON value as it was spelled.</summary>
    public static RpcValue Json(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Undefined => throw new ArgumentException("An undefined value cannot be sent.", nameof(value)),
        JsonValueKind.String => Text(JsonGate.TextOf(value)!), // it is a text
        _ => new(RpcValueKind.Json, JsonMarshal.GetRawUtf8Value(value).ToArray()),
    };

    /// <summary>JSON text as it stands; nobody checks that it is JSON.</summary>
    public static RpcValue RawJson(ReadOnlyMemory<byte> utf8Json) => new(RpcValueKind.Json, utf8Json);

    /// <summary>A string.</summary>
    public static RpcValue Text(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        // A body without bytes would be a goodbye to JavaScript peers.
        return text.Length == 0 ? new(RpcValueKind.Json, "\"\""u8.ToArray()) : new(RpcValueKind.Text, Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Bytes, at least one. They are not copied.</summary>
    /// <exception cref="ArgumentException">There are none: JavaScript peers would take that for the end of the connection.</exception>
    public static RpcValue Binary(ReadOnlyMemory<byte> bytes) =>
        bytes.IsEmpty
            ? throw new ArgumentException("Bytes to be sent are at least one: without a body a frame is a goodbye.", nameof(bytes))
            : new(RpcValueKind.Binary, bytes);

    /// <summary>The JSON value, strings included.</summary>
    /// <exception cref="FormatException">It is binary, or what a peer sent as JSON is not JSON, or is nested deeper than
    /// <see cref="JsonGate.MaxDepth"/>.</exception>
    public JsonElement AsJson() =>
        Kind == RpcValueKind.Binary ? throw new FormatException("Not JSON, but binary.") : JsonGate.Parse(JsonText().Span);

    /// <summary>The value as an object, by source-generated metadata.</summary>
    /// <exception cref="FormatException">It is binary, no JSON, or not of this type.</exception>
    public T? As<T>(JsonTypeInfo<T> type)
    {
        ArgumentNullException.ThrowIfNull(type);
        if (Kind == RpcValueKind.Binary)
            throw new FormatException($"Not JSON of {typeof(T).Name}, but binary.");

        try
        {
            return JsonSerializer.Deserialize(JsonText().Span, type);
        }
        catch (JsonException e)
        {
#pragma warning disable MA0054 // inside, the exception would show the text of the peer as it is
            throw new FormatException($"Not JSON of {typeof(T).Name}: {StrangerText.Show(e.Message)}");
#pragma warning restore MA0054
        }
    }

    /// <summary>The string, however it was sent.</summary>
    /// <exception cref="FormatException">It is no string.</exception>
    public string AsText()
    {
        if (Kind == RpcValueKind.Text)
            return Encoding.UTF8.GetString(Bytes.Span);

        JsonElement json = AsJson();
        return JsonGate.TextOf(json) ?? throw new FormatException($"Not a string, but {json.ValueKind}.");
    }

    /// <summary>A string as a value.</summary>
    public static implicit operator RpcValue(string text) => Text(text);

    /// <summary>A truth value as a value.</summary>
    public static implicit operator RpcValue(bool value) => value ? True : False;

    /// <summary>A whole number as a value.</summary>
    public static implicit operator RpcValue(long number) =>
        new(RpcValueKind.Json, Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)));

    /// <summary>A JSON value as a value.</summary>
    public static implicit operator RpcValue(JsonElement json) => Json(json);

    /// <summary>Are they the same kind and the same bytes? Two spellings of one JSON value are not equal.</summary>
    public static bool operator ==(RpcValue left, RpcValue right) => left.Equals(right);

    /// <inheritdoc cref="op_Equality"/>
    public static bool operator !=(RpcValue left, RpcValue right) => !left.Equals(right);

    /// <inheritdoc cref="op_Equality"/>
    public bool Equals(RpcValue other) => Kind == other.Kind && Bytes.Span.SequenceEqual(other.Bytes.Span);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is RpcValue other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Kind);
        hash.AddBytes(Bytes.Span);
        return hash.ToHashCode();
    }

    /// <summary>Kind and length, not the content, which may be private.</summary>
    public override string ToString() => $"{Kind}, {Bytes.Length} bytes";

    /// <summary>The body of a frame that came, copied out of the receive buffer. A string of no bytes becomes what we send for one, so
    /// that it can be sent on.</summary>
    internal static RpcValue Received(RpcValueKind kind, ReadOnlySpan<byte> body) =>
        body.IsEmpty && kind == RpcValueKind.Text ? Text("") : new(kind, body.ToArray());

    /// <summary>Writes it as part of a JSON text.</summary>
    /// <exception cref="ArgumentException">It is binary.</exception>
    internal void WriteJson(IBufferWriter<byte> output)
    {
        if (Kind == RpcValueKind.Binary)
            throw new ArgumentException("Bytes cannot be an argument: arguments are JSON.");
        output.Write((Kind == RpcValueKind.Text ? Quoted() : Bytes).Span);
    }

    // As JavaScript reads a body: what is not UTF-8 in it becomes U+FFFD.
    private ReadOnlyMemory<byte> JsonText() => Kind == RpcValueKind.Text ? Quoted()
        : Utf8.IsValid(Bytes.Span) ? Bytes
        : Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(Bytes.Span));

    private ReadOnlyMemory<byte> Quoted()
    {
        var output = new ArrayBufferWriter<byte>(_bytes.Length + 2);
        JavaScriptJson.WriteString(Encoding.UTF8.GetString(_bytes.Span), output);
        return output.WrittenMemory;
    }
}
