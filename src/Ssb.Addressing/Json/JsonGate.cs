using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Ssb;

/// <summary>The gate by which JSON text comes in, whoever wrote it: a peer, a file, a room, a person. What is said here holds at every entrance.</summary>
/// <remarks>
/// <para>Stateless and thread-safe. Three rules: JSON is nested <see cref="MaxDepth"/> deep at most. Half a surrogate pair is kept, as JavaScript
/// keeps it, and is written as <c>\ud800</c> again; the means of System.Text.Json throw on one, and so texts, names and members are read by
/// those here. Numbers keep their spelling.</para>
/// <para>How long it may be is said where it comes from: a frame by the options of its connection, what is known of a peer by
/// <c>PeerData.DefaultMaxLength</c>.</para>
/// </remarks>
public static class JsonGate
{
    /// <summary>How deep arrays and objects may be nested, 64, which is what System.Text.Json reads unless it is told otherwise. JavaScript has
    /// no such limit.</summary>
    public const int MaxDepth = 64;

    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = MaxDepth };
    private static readonly SearchValues<byte> s_structure = SearchValues.Create("\"[]{}"u8);

    /// <summary>Reads JSON text as <c>JSON.parse</c> does.</summary>
    /// <exception cref="FormatException">It is not JSON, not UTF-8, or nested too deep; the message says which, and repeats nothing of it.</exception>
    public static JsonElement Parse(ReadOnlySpan<byte> utf8Json)
    {
        if (!Utf8.IsValid(utf8Json))
            throw new FormatException("Not JSON: the bytes are not UTF-8.");

        try
        {
            return JsonElement.Parse(utf8Json, s_options);
        }
        catch (JsonException) when (IsDeep(utf8Json, MaxDepth))
        {
            throw TooDeep();
        }
        catch (JsonException e)
        {
#pragma warning disable MA0054 // inside, the exception would show the text of a stranger as it is
            throw new FormatException("Not JSON: " + StrangerText.Show(e.Message));
#pragma warning restore MA0054
        }
    }

    /// <summary>Are arrays and objects nested deeper than so?</summary>
    /// <param name="utf8Json">JSON text; of other text the brackets outside quotation marks are counted.</param>
    /// <param name="depth">How deep they may be nested; each bracket counts.</param>
    public static bool IsDeep(ReadOnlySpan<byte> utf8Json, int depth)
    {
        int now = 0;
        while (utf8Json.IndexOfAny(s_structure) is var at and >= 0)
        {
            byte b = utf8Json[at];
            utf8Json = utf8Json[(at + 1)..];
            switch (b)
            {
                case (byte)'"':
                    utf8Json = utf8Json[EndOfText(utf8Json)..];
                    break;
                case (byte)'[' or (byte)'{':
                    if (++now > depth)
                        return true;
                    break;
                default:
                    now--;
                    break;
            }
        }

        return false;
    }

    /// <summary>A text; null for any other value.</summary>
    public static string? TextOf(JsonElement value) =>
        value.ValueKind == JsonValueKind.String ? JavaScriptString.Unescape(JsonMarshal.GetRawUtf8Value(value)[1..^1]) : null;

    /// <summary>The text, or the name, at which a reader of one piece stands.</summary>
    public static string TextOf(in Utf8JsonReader reader) =>
        reader.ValueIsEscaped ? JavaScriptString.Unescape(reader.ValueSpan) : Encoding.UTF8.GetString(reader.ValueSpan);

    /// <summary>The name of a member.</summary>
    public static string NameOf(JsonProperty member) => JavaScriptString.Unescape(JsonMarshal.GetRawUtf8PropertyName(member));

    /// <summary>Does a reader of one piece stand at this name?</summary>
    /// <param name="reader">The reader.</param>
    /// <param name="name">The name, in which nothing needs an escape.</param>
    public static bool IsNamed(in Utf8JsonReader reader, ReadOnlySpan<byte> name) => IsText(reader.ValueSpan, name);

    /// <summary>A member of an object, the last of those that have the name.</summary>
    /// <param name="value">Any value.</param>
    /// <param name="name">The name, in which nothing needs an escape.</param>
    /// <param name="member">The value of the member.</param>
    /// <returns>false if it is no object, or has no such member.</returns>
    public static bool TryGetMember(JsonElement value, ReadOnlySpan<byte> name, out JsonElement member)
    {
        member = default;
        if (value.ValueKind != JsonValueKind.Object)
            return false;
        bool isThere = false;
        foreach (JsonProperty one in value.EnumerateObject())
        {
            if (IsText(JsonMarshal.GetRawUtf8PropertyName(one), name))
                (isThere, member) = (true, one.Value);
        }

        return isThere;
    }

    /// <summary>Are two values the same to JavaScript, whatever the order of members and the spelling of texts and numbers? Of members of one name the
    /// last counts.</summary>
    public static bool AreEqual(JsonElement one, JsonElement other)
    {
        if (one.ValueKind != other.ValueKind)
            return false;
        switch (one.ValueKind)
        {
            case JsonValueKind.Object:
                Dictionary<string, JsonElement> members = Members(one), others = Members(other);
                return members.Count == others.Count
                    && members.All(member => others.TryGetValue(member.Key, out JsonElement value) && AreEqual(member.Value, value));
            case JsonValueKind.Array:
                return one.GetArrayLength() == other.GetArrayLength() && one.EnumerateArray().Zip(other.EnumerateArray()).All(pair => AreEqual(pair.First, pair.Second));
            case JsonValueKind.String:
                return TextOf(one) == TextOf(other);
            case JsonValueKind.Number:
                return NumberOf(one) == NumberOf(other); // of which -0 is 0, too
            default:
                return true; // true, false and null have one value each
        }
    }

    /// <summary>A number as <c>JSON.parse</c> reads it: the nearest one that there is, and an infinite one beyond all.</summary>
    internal static double NumberOf(JsonElement number) => double.Parse(JsonMarshal.GetRawUtf8Value(number), NumberStyles.Float, CultureInfo.InvariantCulture);

    internal static FormatException TooDeep() => new($"The JSON is nested deeper than {MaxDepth} levels.");

    private static Dictionary<string, JsonElement> Members(JsonElement value)
    {
        var members = new Dictionary<string, JsonElement>();
        foreach (JsonProperty member in value.EnumerateObject())
            members[NameOf(member)] = member.Value;
        return members;
    }

    // Of what is longer than each character escaped, nothing is made.
    private static bool IsText(ReadOnlySpan<byte> raw, ReadOnlySpan<byte> text) => raw.SequenceEqual(text)
        || (raw.Length <= 6 * text.Length && raw.Contains((byte)'\\') && JavaScriptString.Unescape(raw) == Encoding.UTF8.GetString(text));

    /// <returns>Where the text goes on behind the quotation mark that ends it.</returns>
    private static int EndOfText(ReadOnlySpan<byte> text)
    {
        for (int at = 0; text[at..].IndexOfAny((byte)'"', (byte)'\\') is var next and >= 0;)
        {
            at += next;
            if (text[at] == '"')
                return at + 1;
            if ((at += 2) > text.Length)
                break;
        }

        return text.Length;
    }
}
