using System.Runtime.InteropServices;
using System.Text.Json;

namespace Ssb.Conn;

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

    /// <summary>Whether a field was added, or got another text.</summary>
    public bool HasChanged { get; private set; }

    /// <summary>Those of the text of an object.</summary>
    public static FieldList Of(ReadOnlyMemory<byte> text)
    {
        var fields = new FieldList();
        var reader = new Utf8JsonReader(text.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = PeerField.NameOf(ref reader);
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            reader.Skip();
            fields.Set(new PeerField(name, text[start..(int)reader.BytesConsumed]));
        }

        return fields;
    }

    public void Set(in PeerField field)
    {
        int place = PlaceOf(field.Name);
        if (place >= 0 && _fields[place].HasTextOf(field))
            return;
        HasChanged = true;
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

    public int PlaceOf(string name)
    {
        if (_fields.Count <= FewFields)
            return PeerField.PlaceOf(CollectionsMarshal.AsSpan(_fields), name);
        _places ??= _fields.Select((f, i) => (f.Name, i)).ToDictionary(f => f.Name, f => f.i);
        return _places.GetValueOrDefault(name, -1);
    }
}
