using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Ssb;

/// <summary>
/// JSON text with exactly the bytes that JavaScript gives: <c>JSON.stringify(JSON.parse(text))</c>, and the same with
/// an indentation of two spaces, which is what SSB signs.
/// </summary>
/// <remarks>
/// Stateless and thread-safe. System.Text.Json reads; the writing is done here, because its writer escapes what JavaScript does
/// not (<c>+</c>, emoji, U+2028), keeps numbers as they were spelled, and keeps the order of keys that look like array indices.
/// </remarks>
public static class JavaScriptJson
{
    private const long NoIndex = uint.MaxValue;

    /// <summary>The same JSON as <c>JSON.stringify(JSON.parse(text))</c> writes it.</summary>
    /// <exception cref="FormatException">It is not JSON, not UTF-8, or too deep.</exception>
    public static byte[] Compact(ReadOnlySpan<byte> utf8Json) => ToArray(JsonGate.Parse(utf8Json), indented: false);

    /// <summary>The same JSON as <c>JSON.stringify(JSON.parse(text), null, 2)</c> writes it.</summary>
    /// <exception cref="FormatException">It is not JSON, not UTF-8, or too deep.</exception>
    public static byte[] Indented(ReadOnlySpan<byte> utf8Json) => ToArray(JsonGate.Parse(utf8Json), indented: true);

    /// <summary>Writes a value as <c>JSON.stringify</c> does.</summary>
    /// <param name="value">A value that was read by System.Text.Json.</param>
    /// <param name="output">Where the UTF-8 bytes go.</param>
    /// <param name="indented">true for an indentation of two spaces and <c>\n</c>, on every system.</param>
    /// <exception cref="ArgumentException">The value is <see cref="JsonValueKind.Undefined"/>.</exception>
    /// <exception cref="FormatException">The value is too deep, or its strings are not UTF-8.</exception>
    public static void Write(JsonElement value, IBufferWriter<byte> output, bool indented)
    {
        ArgumentNullException.ThrowIfNull(output);
        if (value.ValueKind == JsonValueKind.Undefined)
            throw new ArgumentException("There is no value.", nameof(value));
        if (!Utf8.IsValid(JsonMarshal.GetRawUtf8Value(value)))
            throw new FormatException("Not JSON: the bytes are not UTF-8.");

        WriteValue(value, output, indented, depth: 0);
    }

    /// <summary>Writes a string, with its quotes, as <c>JSON.stringify</c> does.</summary>
    public static void WriteString(ReadOnlySpan<char> value, IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        JavaScriptString.Write(value, output);
    }

    /// <summary>The text of a finite number, as <c>JSON.stringify</c> writes it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite, which JSON cannot tell.</exception>
    public static string Format(double value) => double.IsFinite(value)
        ? JavaScriptNumber.Format(value)
        : throw new ArgumentOutOfRangeException(nameof(value), value, "JSON has finite numbers only.");

    /// <summary>
    /// The members of an object in JavaScript's order: keys that are array indices first, ascending, then the others as
    /// they came. Of a key that comes twice the last value counts, in the place of the first.
    /// </summary>
    /// <exception cref="InvalidOperationException">The value is not an object.</exception>
    public static IReadOnlyList<KeyValuePair<string, JsonElement>> Members(JsonElement value)
    {
        var members = new List<KeyValuePair<string, JsonElement>>();
        var places = new Dictionary<string, int>();
        bool sort = false;
        foreach (JsonProperty property in value.EnumerateObject())
        {
            string name = JsonGate.NameOf(property);
            ref int place = ref CollectionsMarshal.GetValueRefOrAddDefault(places, name, out bool exists);
            if (exists)
            {
                members[place] = new(name, property.Value);
            }
            else
            {
                place = members.Count;
                members.Add(new(name, property.Value));
                sort |= ArrayIndex(name) != NoIndex;
            }
        }

        return sort ? [.. members.OrderBy(member => ArrayIndex(member.Key))] : members; // OrderBy is stable
    }

    /// <summary>Writes an object of these members, in this order, as <c>JSON.stringify</c> does.</summary>
    /// <param name="members">Its members, each name once.</param>
    /// <param name="output">Where the UTF-8 bytes go.</param>
    /// <param name="indented">true for an indentation of two spaces and <c>\n</c>, on every system.</param>
    /// <exception cref="FormatException">A value is too deep, or its strings are not UTF-8.</exception>
    public static void WriteObject(IEnumerable<KeyValuePair<string, JsonElement>> members, IBufferWriter<byte> output, bool indented)
    {
        ArgumentNullException.ThrowIfNull(members);
        ArgumentNullException.ThrowIfNull(output);
        WriteObject([.. members], output, indented, depth: 0);
    }

    private static void WriteObject(
        IReadOnlyList<KeyValuePair<string, JsonElement>> members, IBufferWriter<byte> output, bool indented, int depth)
    {
        if (members.Count == 0)
        {
            output.Write("{}"u8);
            return;
        }

        CheckDepth(depth);
        bool first = true;
        output.Write("{"u8);
        foreach ((string name, JsonElement value) in members)
        {
            WriteSeparator(output, indented, depth + 1, ref first);
            JavaScriptString.Write(name, output);
            output.Write(indented ? ": "u8 : ":"u8);
            WriteValue(value, output, indented, depth + 1);
        }

        WriteEnd("}"u8, output, indented, depth);
    }

    private static void WriteValue(JsonElement value, IBufferWriter<byte> output, bool indented, int depth)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                WriteObject(Members(value), output, indented, depth);
                break;
            case JsonValueKind.Array:
                WriteArray(value, output, indented, depth);
                break;
            case JsonValueKind.String:
                JavaScriptString.Write(JavaScriptString.Unescape(JsonMarshal.GetRawUtf8Value(value)[1..^1]), output);
                break;
            case JsonValueKind.Number:
                WriteNumber(value, output);
                break;
            default: // true, false, null
                output.Write(JsonMarshal.GetRawUtf8Value(value));
                break;
        }
    }

    private static void WriteArray(JsonElement value, IBufferWriter<byte> output, bool indented, int depth)
    {
        if (value.GetArrayLength() == 0)
        {
            output.Write("[]"u8);
            return;
        }

        CheckDepth(depth);
        bool first = true;
        output.Write("["u8);
        foreach (JsonElement item in value.EnumerateArray())
        {
            WriteSeparator(output, indented, depth + 1, ref first);
            WriteValue(item, output, indented, depth + 1);
        }

        WriteEnd("]"u8, output, indented, depth);
    }

    private static void WriteNumber(JsonElement value, IBufferWriter<byte> output)
    {
        double number = JsonGate.NumberOf(value);
        if (!double.IsFinite(number))
        {
            output.Write("null"u8); // 1e999 is Infinity to JSON.parse, and Infinity is null to JSON.stringify
            return;
        }

        Encoding.ASCII.GetBytes(JavaScriptNumber.Format(number), output);
    }

    private static void WriteSeparator(IBufferWriter<byte> output, bool indented, int depth, ref bool first)
    {
        if (!first)
            output.Write(","u8);
        first = false;
        if (indented)
            WriteNewLine(output, depth);
    }

    private static void WriteEnd(ReadOnlySpan<byte> bracket, IBufferWriter<byte> output, bool indented, int depth)
    {
        if (indented)
            WriteNewLine(output, depth);
        output.Write(bracket);
    }

    private static void WriteNewLine(IBufferWriter<byte> output, int depth)
    {
        int length = 1 + 2 * depth;
        Span<byte> line = output.GetSpan(length)[..length];
        line.Fill((byte)' ');
        line[0] = (byte)'\n';
        output.Advance(length);
    }

    private static void CheckDepth(int depth)
    {
        // A JsonElement may come from a document that was read with another limit.
        if (depth >= JsonGate.MaxDepth)
            throw JsonGate.TooDeep();
    }

    /// <summary>"0", "1" ... "4294967294" as a number; any other key gives <see cref="NoIndex"/>.</summary>
    private static long ArrayIndex(string name) =>
        name.Length is > 0 and <= 10
        && (name[0] != '0' || name.Length == 1)
        && uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out uint index)
            ? index // 4294967295 is no array index, and equals NoIndex
            : NoIndex;

    private static byte[] ToArray(JsonElement value, bool indented)
    {
        var output = new ArrayBufferWriter<byte>();
        WriteValue(value, output, indented, depth: 0);
        return output.WrittenSpan.ToArray();
    }
}
