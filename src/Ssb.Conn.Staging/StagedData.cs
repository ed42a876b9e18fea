using System.Buffers;
using System.Collections.ObjectModel;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Unicode;

namespace Ssb.Conn;

/// <summary>What is told about a peer as it is staged: <c>key</c>, <c>type</c>, <c>verified</c> and any further JSON field.</summary>
/// <remarks>Immutable and thread-safe. A typed property that is null means "not given"; a JSON null is a value, and stands
/// in <see cref="Fields"/>. Equal when the JSON values are; the order of fields does not matter. The fields
/// <c>stagingBirth</c> and <c>stagingUpdated</c> are the pool's to write: given here, they are ignored.</remarks>
[JsonConverter(typeof(StagedDataJsonConverter))]
public sealed record StagedData
{
    private static readonly ReadOnlyDictionary<string, JsonElement> s_none = ReadOnlyDictionary<string, JsonElement>.Empty;

    private readonly ReadOnlyDictionary<string, JsonElement> _fields = s_none;

    /// <summary>Initialises an empty one, to be filled by an object initialiser.</summary>
    public StagedData()
    {
    }

    private StagedData(string? key, string? type, bool? verified, ReadOnlyDictionary<string, JsonElement> fields) =>
        (Key, Type, Verified, _fields) = (key, type, verified, fields);

    /// <summary>Nothing is told.</summary>
    public static StagedData Empty { get; } = new();

    /// <summary>The peer's feed id, <c>@...=.ed25519</c>. Not needed when the address names it.</summary>
    /// <exception cref="ArgumentException">It holds a lone surrogate.</exception>
    public string? Key
    {
        get;
        init => (field, _fields) = (CheckText(value), value is null ? _fields : Without("key"));
    }

    /// <summary>How the peer was met: <c>lan</c>, <c>bt</c>, <c>internet</c>, <c>pub</c>, <c>room</c>,
    /// <c>room-attendant</c>, <c>dht</c> or another word.</summary>
    /// <exception cref="ArgumentException">It holds a lone surrogate.</exception>
    public string? Type
    {
        get;
        init => (field, _fields) = (CheckText(value), value is null ? _fields : Without("type"));
    }

    /// <summary>Has the peer proved that it owns its key? Once true on the bench, an update does not make it false.</summary>
    public bool? Verified
    {
        get;
        init => (field, _fields) = (value, value is null ? _fields : Without("verified"));
    }

    /// <summary>All other fields, kept as given. Setting it copies the values, and moves <c>key</c>, <c>type</c> and
    /// <c>verified</c> of the right JSON type to their properties unless those are set.</summary>
    /// <exception cref="ArgumentException">A name or a value holds a lone surrogate, which UTF-8 cannot carry, or a value is
    /// <see cref="JsonValueKind.Undefined"/>.</exception>
    public IReadOnlyDictionary<string, JsonElement> Fields
    {
        get => _fields;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            var kept = new Dictionary<string, JsonElement>(value.Count);
            foreach ((string name, JsonElement element) in value)
            {
                switch (name)
                {
                    case "stagingBirth" or "stagingUpdated":
                    case "key" when Key is not null:
                    case "type" when Type is not null:
                    case "verified" when Verified is not null:
                        break;
                    case "key" when element.ValueKind == JsonValueKind.String:
                        Key = TextOf(name, element);
                        break;
                    case "type" when element.ValueKind == JsonValueKind.String:
                        Type = TextOf(name, element);
                        break;
                    case "verified" when element.ValueKind is JsonValueKind.True or JsonValueKind.False:
                        Verified = element.GetBoolean();
                        break;
                    default:
                        CheckText(name, element);
                        kept.Add(name, element.Clone());
                        break;
                }
            }

            _fields = kept.Count == 0 ? s_none : kept.AsReadOnly();
        }
    }

    /// <summary>Reads a JSON object.</summary>
    /// <exception cref="JsonException"><paramref name="json"/> is not a JSON object.</exception>
    public static StagedData Parse(string json) =>
        JsonSerializer.Deserialize(json, StagingJsonContext.Default.StagedData) ?? throw new JsonException("Expected a JSON object, found null.");

    /// <summary>This data with one field replaced, or added.</summary>
    /// <exception cref="ArgumentException">As for <see cref="Fields"/>; or <paramref name="name"/> or <paramref name="value"/> is
    /// null.</exception>
    public StagedData With(string name, JsonElement value)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Merge(new StagedData { Fields = new Dictionary<string, JsonElement> { [name] = value } }, keepVerified: false);
    }

    /// <inheritdoc cref="With(string, JsonElement)"/>
    public StagedData With(string name, string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        CheckText(value);
        return With(name, JsonElement.Parse($"\"{JsonEncodedText.Encode(value)}\""));
    }

    /// <inheritdoc cref="With(string, JsonElement)"/>
    /// <remarks>The number is written as <c>JSON.stringify</c> writes it.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite, which JSON cannot tell.</exception>
    public StagedData With(string name, double value) => With(name, JsonElement.Parse(JavaScriptJson.Format(value)));

    /// <inheritdoc cref="With(string, JsonElement)"/>
    public StagedData With(string name, bool value) => With(name, JsonElement.Parse(value ? "true" : "false"));

    /// <inheritdoc/>
    public bool Equals(StagedData? other) => other is not null
        && Key == other.Key && Type == other.Type && Verified == other.Verified && FieldsEqual(_fields, other._fields);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Key, Type, Verified, _fields.Count);

    /// <summary>Key and type, and of the further fields the names alone: a value may be an address that carries a secret seed.
    /// The whole, as JSON, is what a serialiser writes.</summary>
    public override string ToString() => $"key {(Key is null ? "none" : FeedId.ReadLenient(Key)?.ToString() ?? "no feed id")}, type {StrangerText.Show(Type ?? "none")}"
        + (Verified is { } verified ? verified ? ", verified" : ", not verified" : "")
        + (_fields.Count == 0 ? "" : $", with {StrangerText.Show(string.Join(", ", _fields.Keys))}");

    /// <summary>Shallow merge, as the original does: fields given replace, fields not given stay.</summary>
    internal StagedData Merge(StagedData given, bool keepVerified = true)
    {
        if (ReferenceEquals(this, given))
            return this;

        string? key = given.Key ?? (given._fields.ContainsKey("key") ? null : Key);
        string? type = given.Type ?? (given._fields.ContainsKey("type") ? null : Type);
        bool isSettled = keepVerified && Verified == true;
        bool? verified = isSettled ? true : given.Verified ?? (given._fields.ContainsKey("verified") ? null : Verified);
        ReadOnlyDictionary<string, JsonElement> fields = _fields;
        if (given._fields.Count > 0 || fields.Count > 0)
        {
            var merged = new Dictionary<string, JsonElement>(_fields);
            foreach ((string name, JsonElement value) in given._fields)
                merged[name] = value;
            if (key is not null)
                merged.Remove("key");
            if (type is not null)
                merged.Remove("type");
            if (verified is not null)
                merged.Remove("verified");
            fields = IsSameText(merged, _fields) ? _fields : merged.AsReadOnly();
        }

        // A refresh that says nothing new, the common case, keeps what is there.
        return key == Key && type == Type && verified == Verified && ReferenceEquals(fields, _fields)
            ? this
            : new StagedData(key, type, verified, fields);
    }

    /// <summary>The length of all further fields in UTF-8 bytes of JSON, and of key and type.</summary>
    internal int Length
    {
        get
        {
            int length = Encoding.UTF8.GetByteCount(Key ?? "") + Encoding.UTF8.GetByteCount(Type ?? "");
            if (_fields.Count == 0)
                return length;
            foreach ((string name, JsonElement value) in _fields)
                length += Encoding.UTF8.GetByteCount(name) + JsonMarshal.GetRawUtf8Value(value).Length;
            return length;
        }
    }

    internal static bool FieldsEqual(IReadOnlyDictionary<string, JsonElement> x, IReadOnlyDictionary<string, JsonElement> y)
    {
        if (ReferenceEquals(x, y))
            return true;
        if (x.Count != y.Count)
            return false;
        foreach ((string name, JsonElement value) in x)
        {
            if (!y.TryGetValue(name, out JsonElement other) || !JsonElement.DeepEquals(value, other))
                return false;
        }

        return true;
    }

    // Equal values in other text (1000, 1e3) replace each other: fields are kept as given.
    private static bool IsSameText(Dictionary<string, JsonElement> x, ReadOnlyDictionary<string, JsonElement> y) => x.Count == y.Count
        && x.All(f => y.TryGetValue(f.Key, out JsonElement other) && JsonMarshal.GetRawUtf8Value(f.Value).SequenceEqual(JsonMarshal.GetRawUtf8Value(other)));

    // A field stands either in its property or among the fields, never in both.
    private ReadOnlyDictionary<string, JsonElement> Without(string name)
    {
        if (!_fields.ContainsKey(name))
            return _fields;
        var rest = new Dictionary<string, JsonElement>(_fields);
        rest.Remove(name);
        return rest.AsReadOnly();
    }

    private static string TextOf(string name, JsonElement element)
    {
        CheckText(name, element);
        return element.GetString()!; // its kind was checked
    }

    private static void CheckText(string name, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Undefined)
            throw new ArgumentException($"The field '{StrangerText.Show(name)}' has no value.");
        try
        {
            // Writing meets every string; only text with an escape can hide a lone surrogate in good UTF-8.
            ReadOnlySpan<byte> text = JsonMarshal.GetRawUtf8Value(value);
            if (!Utf8.IsValid(text))
                throw new ArgumentException($"The field '{StrangerText.Show(name)}' is not UTF-8.");
            if (text.IndexOf("\\u"u8) >= 0)
            {
                using var writer = new Utf8JsonWriter(Stream.Null);
                value.WriteTo(writer);
            }
        }
        catch (InvalidOperationException e)
        {
            throw new ArgumentException($"The field '{StrangerText.Show(name)}' holds a lone surrogate, which is no text.", e);
        }

        CheckText(name);
    }

    private static string? CheckText(string? text)
    {
        for (int i = text.AsSpan().IndexOfAnyInRange('\ud800', '\udfff'); i >= 0 && i < text!.Length; i++)
        {
            if (Rune.DecodeFromUtf16(text.AsSpan(i), out _, out int consumed) != OperationStatus.Done)
                throw new ArgumentException("A text holds a lone surrogate, which UTF-8 cannot carry.");
            i += consumed - 1;
        }

        return text;
    }
}
