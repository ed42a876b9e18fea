using System.Buffers;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ssb.Conn;

/// <summary>What is known of a peer in the address book or the hub: a JSON object, with ssb-conn's documented fields as properties.</summary>
/// <remarks>Immutable and thread-safe. Fields keep their order and their text, those that nobody here knows included. A field of the
/// wrong JSON type is kept, and its property is null. Equal when the JSON values are; the order of fields does not matter.</remarks>
[DebuggerDisplay("{ToString(),nq}")]
[JsonConverter(typeof(PeerDataJsonConverter))]
public sealed class PeerData : IEquatable<PeerData>
{
    private const int LongestName = 12; // of those that are properties

    private ReadOnlyMemory<byte> _text; // the object, as Read has found it
    private PeerField[]? _fields; // made of the text when somebody asks; never changed

    internal PeerData(PeerField[] fields)
    {
        _fields = fields;
        foreach (ref readonly PeerField field in fields.AsSpan())
            Take(field.Name, field.Json.Span);
    }

    private PeerData()
    {
    }

    /// <summary>Nothing is known.</summary>
    public static PeerData Empty { get; } = new([]);

    /// <summary>The peer's feed id, <c>@...=.ed25519</c>: the field <c>key</c>.</summary>
    public string? Key { get; private set; }

    /// <summary>How the peer was met: <c>lan</c>, <c>bt</c>, <c>internet</c>, <c>pub</c>, <c>room</c>, <c>room-attendant</c>, <c>dht</c> or
    /// another word.</summary>
    public string? Type { get; private set; }

    /// <summary>Who told, in the words of the old gossip plugin: <c>stored</c>, <c>manual</c>, <c>local</c>, <c>pub</c>, <c>friends</c> ...</summary>
    public string? Source { get; private set; }

    /// <summary>What the hub took the peer for when nobody told its type.</summary>
    public string? InferredType { get; private set; }

    /// <summary>false: not to be dialled by itself, a person decides.</summary>
    public bool? Autoconnect { get; private set; }

    /// <summary>Has it proved that it owns its key?</summary>
    public bool? Verified { get; private set; }

    /// <summary>Failed dials since the last connection.</summary>
    public int Failure { get; private set; }

    /// <summary>When it came into the address book.</summary>
    public DateTimeOffset? Birth => Time(BirthMs);

    /// <summary>When the state of its connection last changed.</summary>
    public DateTimeOffset? StateChange => Time(StateChangeMs);

    /// <summary>How long its connections lasted, in milliseconds.</summary>
    public PeerStatistics? Duration => TryGet("duration", out JsonElement json) ? PeerStatistics.Read(json) : null;

    /// <summary>What pinging it has shown.</summary>
    public PeerPing? Ping => TryGet("ping", out JsonElement json) ? PeerPing.Read(json) : null;

    /// <summary>All fields, in their order.</summary>
    public IEnumerable<KeyValuePair<string, JsonElement>> Fields => All.Select(f => KeyValuePair.Create(f.Name, f.Value));

    internal double? BirthMs { get; private set; }

    internal double? StateChangeMs { get; private set; }

    internal double? HubUpdatedMs { get; private set; }

    /// <summary>0 when no connection has ever lasted.</summary>
    internal double MeanDurationMs { get; private set; }

    internal string? Host { get; private set; }

    internal bool IsDefunct { get; private set; }

    internal bool HasAlias { get; private set; }

    internal ReadOnlySpan<PeerField> Raw => All;

    /// <summary>The object as <c>JSON.stringify(..., null, 2)</c> writes it in <c>conn.json</c>, if that is at hand; else empty.</summary>
    internal ReadOnlySpan<byte> Text => _text.Span;

    // Two threads may make the same list; which of them stays is all one.
    private PeerField[] All => _fields ??= FieldList.Of(_text).ToArray();

    /// <summary>The length of all fields, in UTF-8 bytes of JSON.</summary>
    internal int Length => All.Sum(f => Encoding.UTF8.GetByteCount(f.Name) + f.Json.Length);

    /// <summary>Reads a JSON object.</summary>
    /// <exception cref="JsonException"><paramref name="json"/> is not a JSON object.</exception>
    public static PeerData Parse(string json) =>
        JsonSerializer.Deserialize(json, ConnJsonContext.Default.PeerData) ?? throw new JsonException("Expected a JSON object, found null.");

    /// <summary>Takes over a JSON object. Of fields with one name, the last counts.</summary>
    /// <exception cref="JsonException"><paramref name="json"/> is not a JSON object.</exception>
    public static PeerData Of(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object)
            throw new JsonException("Expected a JSON object.");
        var fields = new FieldList();
        try
        {
            foreach (JsonProperty property in json.EnumerateObject())
                fields.Set(PeerField.Of(property.Name, property.Value));
        }
        catch (InvalidOperationException e) // a lone surrogate, in a name or a value
        {
            throw new JsonException(e.Message, e);
        }

        return fields.ToData();
    }

    /// <summary>What is known of a peer on the bench.</summary>
    public static PeerData Of(StagedPeer peer)
    {
        ArgumentNullException.ThrowIfNull(peer);
        FieldList fields = FieldsOf(peer.Key, peer.Data);
        fields.Set(PeerField.Of("stagingBirth", peer.Birth));
        fields.Set(PeerField.Of("stagingUpdated", peer.Updated));
        return fields.ToData();
    }

    /// <summary>The same as was told to the bench.</summary>
    public static PeerData Of(StagedData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return FieldsOf(data.Key, data).ToData();
    }

    /// <summary>The value of a field.</summary>
    /// <returns>false if there is no such field.</returns>
    public bool TryGet(string name, out JsonElement value)
    {
        ArgumentNullException.ThrowIfNull(name);
        foreach (ref readonly PeerField field in All.AsSpan())
        {
            if (field.Name == name)
            {
                value = field.Value;
                return true;
            }
        }

        value = default;
        return false;
    }

    /// <summary>This data with one field replaced, in its place, or added at the end.</summary>
    /// <exception cref="ArgumentException">The value is undefined or holds a lone surrogate, which UTF-8 cannot carry.</exception>
    public PeerData With(string name, JsonElement value)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (value.ValueKind == JsonValueKind.Undefined)
            throw new ArgumentException($"The field '{StrangerText.Show(name)}' has no value.", nameof(value));
        try
        {
            return With(PeerField.Of(name, value));
        }
        catch (InvalidOperationException e)
        {
            throw new ArgumentException($"The field '{StrangerText.Show(name)}' holds a lone surrogate, which is no text.", nameof(value), e);
        }
    }

    /// <inheritdoc cref="With(string, JsonElement)"/>
    public PeerData With(string name, string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return With(name, JsonElement.Parse($"\"{JsonEncodedText.Encode(value)}\""));
    }

    /// <inheritdoc cref="With(string, JsonElement)"/>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite, which JSON cannot tell.</exception>
    public PeerData With(string name, double value)
    {
        ArgumentNullException.ThrowIfNull(name);
        return double.IsFinite(value)
            ? With(PeerField.Of(name, value))
            : throw new ArgumentOutOfRangeException(nameof(value), value, "JSON has finite numbers only.");
    }

    /// <inheritdoc cref="With(string, JsonElement)"/>
    public PeerData With(string name, bool value) => With(name, JsonElement.Parse(value ? "true" : "false"));

    /// <summary>This data without a field.</summary>
    public PeerData Without(string name) =>
        Array.Exists(All, f => f.Name == name) ? new PeerData(Array.FindAll(All, f => f.Name != name)) : this;

    /// <summary>Shallow merge: fields given replace, fields not given stay.</summary>
    public PeerData Merge(PeerData given)
    {
        ArgumentNullException.ThrowIfNull(given);
        if (All.Length == 0 || given.All.Length == 0 || ReferenceEquals(given, this))
            return given.All.Length == 0 ? this : given;
        var fields = new FieldList(All, given.All.Length);
        foreach (ref readonly PeerField field in given.All.AsSpan())
            fields.Set(field);
        return fields.ToData();
    }

    /// <summary>The same as data for the bench. What the bench cannot carry is left out: a field whose text is none.</summary>
    public StagedData ToStagedData()
    {
        var fields = new Dictionary<string, JsonElement>(All.Length);
        foreach (ref readonly PeerField field in All.AsSpan())
            fields[field.Name] = field.Value;
        try
        {
            return new StagedData { Fields = fields };
        }
        catch (ArgumentException)
        {
            var good = new StagedData();
            foreach ((string name, JsonElement value) in fields)
            {
                try
                {
                    good = good.With(name, value);
                }
                catch (ArgumentException)
                {
                    // Left out, as said above: from a file that another program wrote.
                }
            }

            return good;
        }
    }

    /// <summary>The object as compact JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ConnJsonContext.Default.PeerData);

    /// <inheritdoc/>
    public bool Equals(PeerData? other)
    {
        if (ReferenceEquals(this, other))
            return true;
        if (other is null || other.All.Length != All.Length)
            return false;
        foreach (ref readonly PeerField field in All.AsSpan())
        {
            if (!other.TryGet(field.Name, out JsonElement value) || !JsonElement.DeepEquals(field.Value, value))
                return false;
        }

        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as PeerData);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Key, Type);

    /// <summary>Key and type, and of the further fields the names alone: a value may be an address that carries a secret seed.</summary>
    public override string ToString() =>
        $"key {(Key is null ? "none" : FeedId.ReadLenient(Key)?.ToString() ?? "no feed id")}, type {StrangerText.Show(Type ?? "none")}"
        + StrangerText.Show(string.Concat(All.Where(f => f.Name is not ("key" or "type")).Select(f => $", {f.Name}")));

    internal PeerData With(in PeerField field)
    {
        var fields = new FieldList(All, 1);
        fields.Set(field);
        return fields.ToData();
    }

    /// <summary>Reads the object at which <paramref name="reader"/> stands, to its end. Where it has the very text that
    /// <c>JSON.stringify(..., null, 2)</c> gives an entry of <c>conn.json</c>, that is kept, and no field is made.</summary>
    /// <param name="reader">A reader of <paramref name="file"/>.</param>
    /// <param name="file">What is read; the data keep parts of it.</param>
    internal static PeerData Read(ref Utf8JsonReader reader, ReadOnlyMemory<byte> file)
    {
        ReadOnlySpan<byte> text = file.Span;
        int start = (int)reader.TokenStartIndex, end = start + 1, count = 0;
        var data = new PeerData();
        Span<uint> hashes = stackalloc uint[FieldList.FewFields]; // of names
        bool isPlain = true;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            ReadOnlySpan<byte> name = reader.ValueSpan;
            int at = (int)reader.TokenStartIndex;
            isPlain = isPlain && !reader.ValueIsEscaped && text[end..at].SequenceEqual(count == 0 ? "\n    "u8 : ",\n    "u8)
                && IsNew(name, hashes, count++);
            reader.Read();
            int value = (int)reader.TokenStartIndex;
            isPlain = isPlain && value == at + name.Length + "\"\": ".Length && text[value - 1] == ' ';
            reader.Skip();
            end = (int)reader.BytesConsumed;
            if (isPlain)
                data.Take(name, text[value..end]);
        }

        int behind = (int)reader.BytesConsumed;
        if (!isPlain || !text[end..behind].SequenceEqual("\n  }"u8))
            return FieldList.Of(file[start..behind]).ToData();
        data._text = file[start..behind];
        return data;
    }

    private static FieldList FieldsOf(string? key, StagedData data)
    {
        var fields = new FieldList([], data.Fields.Count + 5);
        if (key is not null)
            fields.Set(PeerField.Of("key", JsonElement.Parse($"\"{JsonEncodedText.Encode(key)}\"")));
        if (data.Type is { } type)
            fields.Set(PeerField.Of("type", JsonElement.Parse($"\"{JsonEncodedText.Encode(type)}\"")));
        if (data.Verified is { } verified)
            fields.Set(PeerField.Of("verified", JsonElement.Parse(verified ? "true" : "false")));
        foreach ((string name, JsonElement value) in data.Fields)
            fields.Set(PeerField.Of(name, value));
        return fields;
    }

    private static DateTimeOffset? Time(double? ms) => ms is { } value && Math.Abs(value) <= StagingJson.LatestTime
        ? DateTimeOffset.FromUnixTimeMilliseconds((long)value)
        : null;

    // Few names, and a hash for each: two names with one hash are taken for the same, and the object is read as one that is not plain.
    private static bool IsNew(ReadOnlySpan<byte> name, Span<uint> hashes, int count)
    {
        if (count >= hashes.Length)
            return false;
        uint hash = 2_166_136_261; // FNV-1a
        foreach (byte b in name)
            hash = (hash ^ b) * 16_777_619;
        if (hashes[..count].Contains(hash))
            return false;
        hashes[count] = hash;
        return true;
    }

    private void Take(ReadOnlySpan<byte> name, ReadOnlySpan<byte> json)
    {
        Span<char> word = stackalloc char[LongestName];
        if (name.Length <= word.Length && Ascii.ToUtf16(name, word, out int length) == OperationStatus.Done)
            Take(word[..length], json);
    }

    private void Take(ReadOnlySpan<char> name, ReadOnlySpan<byte> json)
    {
        switch (name)
        {
            case "key": Key = PeerField.TextOf(json); break;
            case "type": Type = PeerField.TextOf(json); break;
            case "source": Source = PeerField.TextOf(json); break;
            case "inferredType": InferredType = PeerField.TextOf(json); break;
            case "birth": BirthMs = PeerField.NumberOf(json); break;
            case "stateChange": StateChangeMs = PeerField.NumberOf(json); break;
            case "hubUpdated": HubUpdatedMs = PeerField.NumberOf(json); break;
            case "failure": Failure = (int)Math.Clamp(PeerField.NumberOf(json) ?? 0, 0, int.MaxValue); break;
            case "autoconnect": Autoconnect = PeerField.FlagOf(json); break;
            case "host": Host = PeerField.TextOf(json); break;
            case "defunct": IsDefunct = PeerField.FlagOf(json) == true; break;
            case "verified": Verified = PeerField.FlagOf(json); break;
            case "alias": HasAlias = json is not ([(byte)'"', (byte)'"'] or [(byte)'n', ..] or [(byte)'f', ..] or [(byte)'0']); break;
            case "duration": MeanDurationMs = Mean(json); break;
        }
    }

    private static double Mean(ReadOnlySpan<byte> json)
    {
        if (json is not [(byte)'{', ..])
            return 0;
        var reader = new Utf8JsonReader(json);
        while (reader.Read())
        {
            if (reader.CurrentDepth == 1 && reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("mean"u8))
                return reader.Read() && reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out double mean) && double.IsFinite(mean) ? mean : 0;
        }

        return 0;
    }
}

/// <summary>Fields that are being put together: one of each name, where the name first stood.</summary>
internal sealed class FieldList
{
    public const int FewFields = 32;

    private readonly List<PeerField> _fields;
    private Dictionary<string, int>? _places; // of many: else a hostile object would cost the square of its length

    public FieldList() => _fields = [];

    public FieldList(ReadOnlySpan<PeerField> fields, int more)
    {
        _fields = new List<PeerField>(fields.Length + more);
        _fields.AddRange(fields);
    }

    /// <summary>Those of the text of an object.</summary>
    public static FieldList Of(ReadOnlyMemory<byte> text)
    {
        var fields = new FieldList();
        var reader = new Utf8JsonReader(text.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string? name = PeerField.NameOf(ref reader);
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (name is not null)
                fields.Set(new PeerField(name, text[start..(int)reader.BytesConsumed]));
        }

        return fields;
    }

    public void Set(in PeerField field)
    {
        int place = PlaceOf(field.Name);
        if (place >= 0)
        {
            _fields[place] = field;
            return;
        }

        _places?.Add(field.Name, _fields.Count);
        _fields.Add(field);
    }

    public List<PeerField> ToList() => _fields;

    public PeerField[] ToArray() => [.. _fields];

    public PeerData ToData() => _fields.Count == 0 ? PeerData.Empty : new PeerData([.. _fields]);

    private int PlaceOf(string name)
    {
        if (_fields.Count > FewFields)
        {
            _places ??= _fields.Select((f, i) => (f.Name, i)).ToDictionary(f => f.Name, f => f.i);
            return _places.GetValueOrDefault(name, -1);
        }

        ReadOnlySpan<PeerField> fields = CollectionsMarshal.AsSpan(_fields);
        for (int i = 0; i < fields.Length; i++)
        {
            if (fields[i].Name == name)
                return i;
        }

        return -1;
    }
}
