// The body that opens a request: {"name":["conn","stage"],"args":[...]} and, for streams, "type":"source" | "sink" | "duplex".
using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Ssb.Wire;

/// <summary>Reads and writes what opens a request.</summary>
internal readonly ref struct RpcRequest
{
    private const string ValidInNames = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$-.";
    private static readonly SearchValues<char> s_validInNames = SearchValues.Create(ValidInNames);

    // However deep it is: it has a number that an answer can name, and the answer says that it is too deep.
    private static readonly JsonReaderOptions s_reading = new() { MaxDepth = int.MaxValue };

    /// <summary>The dotted name; null if there is none, or if one of its parts is no name that a procedure can have.</summary>
    public string? Procedure { get; private init; }

    /// <summary>The name for an error message, its parts joined as JavaScript joins an array.</summary>
    public string Shown { get; private init; }

    public string? Type { get; private init; }

    /// <summary>The JSON array, <c>[]</c> for null; empty if the request names no list.</summary>
    public ReadOnlySpan<byte> Arguments { get; private init; }

    /// <exception cref="ArgumentException">No procedure can have that name.</exception>
    public static void CheckName(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name.AsSpan().ContainsAnyExcept(s_validInNames) || name[0] == '.' || name[^1] == '.' || name.Contains("..", StringComparison.Ordinal))
            throw new ArgumentException($"'{name}' is no name of a procedure: expected letters, digits, _, $ or -, in parts between dots.", nameof(name));
    }

    public static void Write(IBufferWriter<byte> output, string procedure, string? type, ReadOnlySpan<RpcValue> arguments)
    {
        output.Write("{\"name\":[\""u8);
        // No character of a name needs an escape.
        foreach (char c in procedure)
        {
            if (c == '.')
                output.Write("\",\""u8);
            else
                output.Write([(byte)c]);
        }

        output.Write("\"],\"args\":["u8);
        for (int i = 0; i < arguments.Length; i++)
        {
            if (i > 0)
                output.Write(","u8);
            arguments[i].WriteJson(output);
        }

        output.Write("]"u8);
        if (type is not null)
        {
            output.Write(",\"type\":\""u8);
            Encoding.ASCII.GetBytes(type, output);
            output.Write("\""u8);
        }

        output.Write("}"u8);
    }

    /// <returns>false if the JSON is a value of another kind than an object.</returns>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static bool TryRead(ReadOnlySpan<byte> json, out RpcRequest request)
    {
        request = default;
        var reader = new Utf8JsonReader(json, s_reading);
        reader.Read();
        bool isObject = reader.TokenType == JsonTokenType.StartObject;
        if (!isObject)
        {
            reader.Skip();
            ReadToEnd(ref reader);
            return false;
        }

        var name = (Procedure: (string?)null, Shown: "");
        string? type = null;
        ReadOnlySpan<byte> arguments = default;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (JsonGate.IsNamed(reader, "name"u8))
            {
                reader.Read();
                name = ReadName(ref reader);
            }
            else if (JsonGate.IsNamed(reader, "type"u8))
            {
                reader.Read();
                type = reader.TokenType == JsonTokenType.String ? Text(reader) : null;
                reader.Skip();
            }
            else if (JsonGate.IsNamed(reader, "args"u8))
            {
                reader.Read();
                bool isArray = reader.TokenType == JsonTokenType.StartArray, isNull = reader.TokenType == JsonTokenType.Null;
                int start = (int)reader.TokenStartIndex;
                reader.Skip();
                arguments = isArray ? json[start..(int)reader.BytesConsumed] : isNull ? "[]"u8 : default; // null is none, for calls and streams alike
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        ReadToEnd(ref reader);
        request = new RpcRequest { Procedure = name.Procedure, Shown = name.Shown, Type = type, Arguments = arguments };
        return true;
    }

    private static void ReadToEnd(ref Utf8JsonReader reader)
    {
        while (reader.Read())
        {
            // Something behind the value makes the reader throw.
        }
    }

    private static (string? Procedure, string Shown) ReadName(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            string single = Text(reader);
            return (IsPart(single) ? single : null, single);
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return (null, "");
        }

        var parts = new List<string>();
        bool valid = true;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType == JsonTokenType.String && parts.Count < 16)
                parts.Add(Text(reader));
            else
                valid = false;
            reader.Skip();
        }

        valid &= parts.Count > 0 && parts.TrueForAll(IsPart);
        return (valid ? parts.Count == 1 ? parts[0] : string.Join('.', parts) : null, string.Join(',', parts));
    }

    // A part with a dot in it must not pass for two parts.
    private static bool IsPart(string text) => text.Length > 0 && !text.AsSpan().ContainsAnyExcept(s_validInNames) && !text.Contains('.');

    private static string Text(in Utf8JsonReader reader) =>
        reader.ValueSpan.Length <= 256 ? JsonGate.TextOf(reader) : "";
}
