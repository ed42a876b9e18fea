using System.Buffers;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Unicode;

namespace Ssb.Conn;

/// <summary>What is known of a peer on the bench, in the hub and in the address book: a JSON object, with ssb-conn's documented fields as
/// properties.</summary>
/// <remarks>
/// <para>Immutable and thread-safe. Fields keep their order and their text, those that nobody here knows included. A property is a view of
/// the field of its name: it is null if there is no such field, or if the field has another JSON type, and is then kept all the same. Setting a
/// property to null takes its field out.</para>
/// <para>A text, and the name of a field, may hold half a surrogate pair, as in JavaScript. It is written as <c>\ud800</c>; to read one out of
/// <see cref="Fields"/>, use <see cref="JsonGate.TextOf(JsonElement)"/>, as <see cref="JsonElement.GetString"/> throws.</para>
/// <para>Equal when the JSON values are; the order of fields does not matter.</para>
/// </remarks>
[DebuggerDisplay("{ToString(),nq}")]
[JsonConverter(typeof(PeerDataJsonConverter))]
public sealed record PeerData
{
    /// <summary>How deep the object may be nested, 60: with what stands around it in answers and files it stays within
    /// <see cref="JsonGate.MaxDepth"/>.</summary>
    public const int MaxDepth = JsonGate.MaxDepth - 4;

    /// <summary>How many bytes of JSON the data of one peer may have in the bench, the hub and the address book unless their options say something
    /// else: 65,536.</summary>
    public const int DefaultMaxLength = 65_536;

    private const int LongestName = 12; // of those that are properties
    private const int MostBytesOfChar = 6; // \ud800

    private string? _key;
    private string? _type;
    private bool? _verified;
    private PeerDetails _details = PeerDetails.None;

    // Never changed. Null: made of the text when somebody asks; or, where there is no text, of the three above each time, for most peers
    // of the bench have no more, and are many.
    private PeerField[]? _fields;

    /// <summary>Initialises data without a field, to be filled by an object initialiser.</summary>
    public PeerData()
    {
    }

    internal PeerData(PeerField[] fields) => Become(fields);

    private PeerData(PeerDetails details) => _details = details;

    /// <summary>Nothing is known.</summary>
    public static PeerData Empty { get; } = new();

    /// <summary>The peer's feed id, <c>@...=.ed25519</c>: the field <c>key</c>. It is not needed where the address names the
    /// peer.</summary>
    public string? Key
    {
        get => _key;
        init
        {
            if (!IsShort || (_key is null && (_type is not null || _verified is not null)))
                Put("key", value);
            _key = value; // the string of the caller, who may have it many times
        }
    }

    /// <summary>How the peer was met: <c>lan</c>, <c>bt</c>, <c>internet</c>, <c>pub</c>, <c>room</c>, <c>room-attendant</c>, <c>dht</c> or
    /// another word.</summary>
    public string? Type
    {
        get => _type;
        init
        {
            if (IsShort && (_type is not null || _verified is null))
                _type = value is null ? null : PeerField.Word(value);
            else
                Put("type", value);
        }
    }

    /// <summary>Whether the peer has proved that it owns its key. Once true on the bench, an update does not make it false.</summary>
    public bool? Verified
    {
        get => _verified;
        init
        {
            if (IsShort)
                _verified = value;
            else
                Put("verified", value);
        }
    }

    /// <summary>Who told, in the words of the old gossip plugin: <c>stored</c>, <c>manual</c>, <c>local</c>, <c>pub</c>, <c>friends</c>
    /// ...</summary>
    public string? Source
    {
        get => _details.Source;
        init => Put("source", value);
    }

    /// <summary>false: the peer is not dialled by itself, a person decides.</summary>
    public bool? Autoconnect
    {
        get => _details.Autoconnect;
        init => Put("autoconnect", value);
    }

    /// <summary>What the hub took the peer for when nobody told its type.</summary>
    public string? InferredType => _details.InferredType;

    /// <summary>Failed dials since the last connection.</summary>
    public int Failure => _details.Failure;

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

    internal double? BirthMs => PeerDetails.Given(_details.BirthMs);

    internal double? StateChangeMs => PeerDetails.Given(_details.StateChangeMs);

    internal double? RetryAtMs => PeerDetails.Given(_details.RetryAtMs);

    /// <summary>0 when no connection has ever lasted.</summary>
    internal double MeanDurationMs => _details.MeanDurationMs;

    internal string? Host => _details.Host;

    internal bool IsDefunct => _details.IsDefunct;

    internal bool HasAlias => _details.HasAlias;

    internal ReadOnlySpan<PeerField> Raw => All;

    // Key, type and verified, in this order, are all there is.
    private bool IsShort => _fields is null && ReferenceEquals(_details, PeerDetails.None);

    /// <summary>The object as <c>JSON.stringify(..., null, 2)</c> writes it in <c>conn.json</c>, if that is at hand; else empty.</summary>
    internal ReadOnlySpan<byte> Text => _details.Text.Span;

    /// <summary>The length of all fields, in UTF-8 bytes of JSON as it stands in <c>conn.json</c>, which is as they are kept.</summary>
    internal int Length
    {
        get
        {
            int length = 0;
            if (IsShort)
            {
                if (_key is not null)
                    length += "key".Length + PeerField.LengthOf(_key);
                if (_type is not null)
                    length += "type".Length + PeerField.LengthOf(_type);
                if (_verified is { } verified)
                    length += "verified".Length + (verified ? "true".Length : "false".Length);
                return length;
            }

            foreach (ref readonly PeerField one in All.AsSpan())
                length += Encoding.UTF8.GetByteCount(one.Name) + one.Json.Length;
            return length;
        }
    }

    private int CountOfShort => (_key is null ? 0 : 1) + (_type is null ? 0 : 1) + (_verified is null ? 0 : 1);

    // Two threads may make the same list; which of them stays is all one.
    private PeerField[] All => IsShort ? OfShort() : _fields ??= FieldList.Of(_details.Text).ToArray();

    /// <summary>Reads a JSON object.</summary>
    /// <exception cref="JsonException"><paramref name="json"/> is not a JSON object, is not UTF-8, or is nested deeper than <see cref="MaxDepth"/>.</exception>
    public static PeerData Parse(string json) =>
        JsonSerializer.Deserialize(json, StagingJsonContext.Default.PeerData)
            ?? throw new JsonException("Expected a JSON object, found null.");

    /// <summary>Takes over a JSON object. Of fields with one name, the last counts.</summary>
    /// <exception cref="JsonException"><paramref name="json"/> is not a JSON object, is not UTF-8, or is nested deeper than <see cref="MaxDepth"/>.</exception>
    public static PeerData Of(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object)
            throw new JsonException("Expected a JSON object.");
        var fields = new FieldList();
        try
        {
            foreach (JsonProperty property in json.EnumerateObject())
            {
                if (!Utf8.IsValid(JsonMarshal.GetRawUtf8PropertyName(property)))
                    throw new JsonException("The name of a field is not UTF-8.");
                fields.Set(PeerField.Of(JsonGate.NameOf(property), property.Value));
            }
        }
        catch (ArgumentException e)
        {
            throw new JsonException(WithoutParameter(e), e);
        }

        return fields.ToData();
    }

    /// <summary>What is known of a peer on the bench, its times there included: the object of its JSON.</summary>
    public static PeerData Of(StagedPeer peer)
    {
        ArgumentNullException.ThrowIfNull(peer);
        PeerData data = peer.Data;
        var fields = new FieldList([], data.All.Length + 3);
        if (peer.Key is { } key)
            fields.Set(PeerField.Of("key", key));
        if (data.Type is { } type)
            fields.Set(PeerField.Of("type", type));
        if (data.Verified is { } verified)
            fields.Set(PeerField.Of("verified", verified));
        foreach (ref readonly PeerField field in data.All.AsSpan())
            fields.Set(field);
        fields.Set(PeerField.Of("stagingBirth", peer.Birth));
        fields.Set(PeerField.Of("stagingUpdated", peer.Updated));
        return fields.ToData();
    }

    /// <summary>The value of a field.</summary>
    /// <returns>false if there is no such field.</returns>
    public bool TryGet(string name, out JsonElement value)
    {
        ArgumentNullException.ThrowIfNull(name);
        PeerField[] fields = All;
        int place = PeerField.PlaceOf(fields, name);
        value = place < 0 ? default : fields[place].Value;
        return place >= 0;
    }

    /// <summary>This data with one field replaced, in its place, or added at the end.</summary>
    /// <exception cref="ArgumentException">The value is undefined, not UTF-8, or nested too deep, see <see cref="MaxDepth"/>.</exception>
    public PeerData With(string name, JsonElement value)
    {
        ArgumentNullException.ThrowIfNull(name);
        return With(PeerField.Of(name, value));
    }

    /// <summary>This data with one field replaced, in its place, or added at the end.</summary>
    public PeerData With(string name, string value)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(value);
        return With(PeerField.Of(name, value));
    }

    /// <inheritdoc cref="With(string, string)"/>
    /// <remarks>The number is written as <c>JSON.stringify</c> writes it.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite, which JSON cannot tell.</exception>
    public PeerData With(string name, double value)
    {
        ArgumentNullException.ThrowIfNull(name);
        return With(PeerField.Of(name, value));
    }

    /// <inheritdoc cref="With(string, string)"/>
    public PeerData With(string name, bool value)
    {
        ArgumentNullException.ThrowIfNull(name);
        return With(PeerField.Of(name, value));
    }

    /// <summary>This data without some fields; this object itself if it has none of them.</summary>
    public PeerData Without(params ReadOnlySpan<string> names)
    {
        PeerField[] all = All;
        int kept = 0;
        foreach (ref readonly PeerField field in all.AsSpan())
            kept += names.Contains(field.Name) ? 0 : 1;
        if (kept == all.Length)
            return this;
        if (kept == 0)
            return Empty;
        var fields = new PeerField[kept];
        kept = 0;
        foreach (ref readonly PeerField field in all.AsSpan())
        {
            if (!names.Contains(field.Name))
                fields[kept++] = field;
        }

        return new PeerData(fields);
    }

    /// <summary>Shallow merge: fields given replace those that are here, in their place; fields not given stay.</summary>
    /// <returns>This object itself if the given data say nothing new: equal values in another text (<c>1000</c>, <c>1e3</c>) are
    /// new.</returns>
    public PeerData Merge(PeerData given)
    {
        ArgumentNullException.ThrowIfNull(given);
        if (ReferenceEquals(given, this) || (IsShort && given.IsShort ? SaysShort(given) : Says(given.All)))
            return this;
        PeerField[] mine = All, told = given.All;
        if (mine.Length == 0)
            return given;
        var fields = new FieldList(mine, told.Length);
        foreach (ref readonly PeerField field in told.AsSpan())
            fields.Set(field);
        return fields.HasChanged ? fields.ToData() : this;
    }

    /// <summary>The object as compact JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, StagingJsonContext.Default.PeerData);

    /// <inheritdoc/>
    public bool Equals(PeerData? other)
    {
        if (ReferenceEquals(this, other))
            return true;
        if (other is null)
            return false;
        if (IsShort && other.IsShort)
            return _key == other._key && _type == other._type && _verified == other._verified;
        PeerField[] mine = All, theirs = other.All;
        if (mine.Length != theirs.Length)
            return false;
        FieldList? inOtherOrder = null;
        for (int i = 0; i < mine.Length; i++)
        {
            int place = theirs[i].Name == mine[i].Name ? i : (inOtherOrder ??= new FieldList(theirs, 0)).PlaceOf(mine[i].Name);
            if (place < 0 || !mine[i].HasValueOf(theirs[place]))
                return false;
        }

        return true;
    }

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Key, Type);

    /// <summary>Key and type, and of the further fields the names alone: a value may be an address that carries a secret seed.
    /// The whole, as JSON, is what <see cref="ToJson"/> gives.</summary>
    public override string ToString() =>
        $"key {(Key is null ? "none" : FeedId.ReadLenient(Key)?.ToString() ?? "no feed id")}, type {StrangerText.Show(Type ?? "none")}"
        + StrangerText.Show(string.Concat(All.Where(f => f.Name is not ("key" or "type")).Select(f => $", {f.Name}")));

    /// <summary>This data without the fields that the bench alone writes.</summary>
    internal PeerData WithoutBenchFields() => IsShort ? this : Without(StagedPeer.BenchFields);

    /// <summary>Whether <see cref="Length"/> is more than that: counted only where it is near.</summary>
    internal bool IsLongerThan(int bytes) =>
        !(IsShort && ((_key?.Length ?? 0) + (_type?.Length ?? 0) + 8) * MostBytesOfChar <= bytes) && Length > bytes;

    /// <summary>Does the other one have the same fields, in whatever order, with values of the same text?</summary>
    internal bool HasFieldsOf(PeerData other) => ReferenceEquals(this, other)
        || (All.Length == other.All.Length && ReferenceEquals(Merge(other), this));

    internal bool Has(string name) => IsShort
        ? name switch { "key" => _key is not null, "type" => _type is not null, "verified" => _verified is not null, _ => false }
        : PeerField.PlaceOf(All, name) >= 0;

    internal PeerData With(in PeerField field)
    {
        PeerField[] fields = All;
        int place = PeerField.PlaceOf(fields, field.Name);
        return place >= 0 && fields[place].HasTextOf(field) ? this : new PeerData(Changed(fields, place, field));
    }

    /// <summary>Writes all fields into the object that is being written.</summary>
    internal void WriteFields(Utf8JsonWriter writer)
    {
        foreach (ref readonly PeerField field in All.AsSpan())
            field.WriteTo(writer);
    }

    /// <summary>Reads the object at which <paramref name="reader"/> stands, to its end. Where it has the very text that
    /// <c>JSON.stringify(..., null, 2)</c> gives an entry of <c>conn.json</c>, that is kept, and no field is made.</summary>
    /// <param name="reader">A reader of <paramref name="file"/>.</param>
    /// <param name="file">What is read; the data keep parts of it.</param>
    internal static PeerData Read(ref Utf8JsonReader reader, ReadOnlyMemory<byte> file)
    {
        ReadOnlySpan<byte> text = file.Span;
        int start = (int)reader.TokenStartIndex, end = start + 1, count = 0;
        var data = new PeerData(new PeerDetails());
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
        data._details.Text = file[start..behind];
        return data;
    }

    // Names of our parameters mean nothing to whoever wrote the JSON.
    private static string WithoutParameter(ArgumentException e) => e.Message.Replace($" (Parameter '{e.ParamName}')", "", StringComparison.Ordinal);

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

    // Compared by text, and without allocating: a peer that is told of again is the common case, and says nothing new.
    private bool Says(PeerField[] told)
    {
        PeerField[] mine = All;
        int place = -1;
        foreach (ref readonly PeerField field in told.AsSpan())
        {
            bool isNext = ++place < mine.Length && mine[place].Name == field.Name;
            if (!isNext && mine.Length > FieldList.FewFields)
                return false; // in another order, or new: Merge finds out by an index
            place = isNext ? place : PeerField.PlaceOf(mine, field.Name);
            if (place < 0 || !mine[place].HasTextOf(field))
                return false;
        }

        return true;
    }

    private bool SaysShort(PeerData told) => (told._key is null || told._key == _key) && (told._type is null || told._type == _type)
        && (told._verified is null || told._verified == _verified);

    private void Put(string name, string? value) => Put(name, value is null ? null : PeerField.Of(name, value));

    private void Put(string name, bool? value) => Put(name, value is { } flag ? PeerField.Of(name, flag) : null);

    // By an initialiser: nobody else has this object yet, but others may have its list of fields.
    private void Put(string name, PeerField? field)
    {
        PeerField[] fields = All;
        int place = PeerField.PlaceOf(fields, name);
        if (field is null && place < 0)
            return;
        fields = field is { } put ? Changed(fields, place, put) : [.. fields.AsSpan(0, place), .. fields.AsSpan(place + 1)];
        if (ReferenceEquals(_details, PeerDetails.None))
        {
            _fields = fields;
            Take(name, field is { } taken ? taken.Json.Span : "null"u8);
        }
        else
        {
            Become(fields);
        }
    }

    private static PeerField[] Changed(PeerField[] fields, int place, in PeerField field)
    {
        if (place < 0)
            return [.. fields, field];
        fields = [.. fields];
        fields[place] = field;
        return fields;
    }

    private void Become(PeerField[] fields)
    {
        (_fields, _key, _type, _verified, _details) = (fields, null, null, null, PeerDetails.None);
        bool isOrdered = true;
        string before = "";
        foreach (ref readonly PeerField field in fields.AsSpan())
        {
            Take(field.Name, field.Json.Span);
            isOrdered = isOrdered && string.CompareOrdinal(before, field.Name) < 0;
            before = field.Name;
        }

        // Their order is that of the alphabet; a field of one of these names with another type of value is none of them.
        if (isOrdered && fields.Length == CountOfShort && ReferenceEquals(_details, PeerDetails.None))
            _fields = null;
    }

    private PeerField[] OfShort()
    {
        var fields = new PeerField[CountOfShort];
        int count = 0;
        if (_key is not null)
            fields[count++] = PeerField.Of("key", _key);
        if (_type is not null)
            fields[count++] = PeerField.Of("type", _type);
        if (_verified is { } verified)
            fields[count] = PeerField.Of("verified", verified);
        return fields;
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
            case "key":
                _key = PeerField.TextOf(json);
                break;
            case "type":
                _type = PeerField.TextOf(json);
                break;
            case "verified":
                _verified = PeerField.FlagOf(json);
                break;
            case var _ when PeerDetails.IsOne(name):
                if (ReferenceEquals(_details, PeerDetails.None))
                    _details = new PeerDetails();
                _details.Take(name, json);
                break;
        }
    }
}
