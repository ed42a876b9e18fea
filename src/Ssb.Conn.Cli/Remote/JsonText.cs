using System.Buffers;
using System.Text;
using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Remote;

/// <summary>Reads values of a stranger's JSON without an exception for what is none of the kind.</summary>
internal static class JsonText
{
    /// <summary>Is it <c>true</c>?</summary>
    public static bool IsTrue(RpcValue value) => value == RpcValue.True;

    /// <summary>Is it <c>false</c>?</summary>
    public static bool IsFalse(RpcValue value) => value == RpcValue.False;

    /// <summary>A text; null for anything else.</summary>
    public static string? Of(JsonElement value) => JsonGate.TextOf(value);

    /// <summary>A member of an object; null if there is none.</summary>
    public static JsonElement? Member(JsonElement value, string name) =>
        JsonGate.TryGetMember(value, Encoding.ASCII.GetBytes(name), out JsonElement member) ? member : null;

    /// <summary>A member that is a text.</summary>
    public static string? Of(JsonElement value, string name) => Member(value, name) is { } member ? Of(member) : null;

    /// <summary>A member that is a number.</summary>
    public static double? Number(JsonElement value, string name) =>
        Member(value, name) is { ValueKind: JsonValueKind.Number } member && member.TryGetDouble(out double number) ? number : null;

    /// <summary>A member that is a list; empty if there is none.</summary>
    public static IEnumerable<JsonElement> List(JsonElement value, string name) =>
        Member(value, name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : [];

    /// <summary>A time in Unix milliseconds, if that is one.</summary>
    public static DateTimeOffset? Time(double? milliseconds) =>
        milliseconds is { } ms && ms >= 0 && ms <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds((long)ms)
            : null;

    /// <summary>The same value on one line, as <c>JSON.stringify</c> writes it but for escapes that a terminal is safe from.</summary>
    public static string OneLine(JsonElement value)
    {
        var text = new ArrayBufferWriter<byte>();
        JavaScriptJson.Write(value, text, indented: false);
        return Harmless(text);
    }

    /// <summary>A text as JSON.</summary>
    public static string Quoted(string value)
    {
        var text = new ArrayBufferWriter<byte>();
        JavaScriptJson.WriteString(value, text);
        return Harmless(text);
    }

    /// <summary>The same JSON, in which nothing is left that a terminal takes for a command: JavaScript escapes the control characters below space, not those
    /// from U+007F to U+009F.</summary>
    private static string Harmless(ArrayBufferWriter<byte> json)
    {
        string text = Encoding.UTF8.GetString(json.WrittenSpan);
        if (!text.AsSpan().ContainsAnyInRange('\u007F', '\u009F'))
            return text;
        var harmless = new StringBuilder(text.Length + 64);
        foreach (char c in text)
            _ = c is >= '\u007F' and <= '\u009F' ? harmless.Append($"\\u00{(int)c:x2}") : harmless.Append(c);
        return harmless.ToString();
    }
}
