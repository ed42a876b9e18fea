// conn.json of npm ssb-conn-db 1.0.5: JSON.stringify(entries, null, 2) of an object { address: { ...data } }.
using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Ssb.Conn;

/// <summary>What was read of a file, and what could not be.</summary>
/// <param name="Peers">The peers.</param>
/// <param name="Others">What is no peer, and stays in the file.</param>
/// <param name="IsDamaged">Was something lost, or in a place where it does not belong?</param>
/// <param name="TooDeep">How many of the others would be peers if they were not nested deeper than <see cref="PeerData.MaxDepth"/>.</param>
internal sealed record ConnFileContent(OrderedTable<DbPeer> Peers, List<PeerField> Others, bool IsDamaged, int TooDeep = 0);

/// <summary>Reads and writes the text of <c>conn.json</c>.</summary>
internal static class ConnFile
{
    /// <summary>How deep anything may be nested that stays in a file as it is, and goes nowhere else. Beyond that is damage.</summary>
    public const int KeptDepth = 10_000;

    private static readonly JsonReaderOptions s_data = new() { MaxDepth = PeerData.MaxDepth + 1 }; // they stand in one object more
    private static readonly JsonReaderOptions s_any = new() { MaxDepth = KeptDepth };

    // How an entry begins in a file that a program wrote.
    private static ReadOnlySpan<byte> EntryLine => "\n  \""u8;

    /// <summary>Reads as much as can be read: where the text is damaged, it goes on at the next line that begins an entry.</summary>
    /// <remarks>The peers keep parts of <paramref name="file"/>.</remarks>
    public static ConnFileContent Read(ReadOnlyMemory<byte> file)
    {
        if (file.Span.StartsWith("\uFEFF"u8))
            file = file[3..];
        bool isText = Utf8.IsValid(file.Span);
        if (!isText)
            file = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(file.Span));
        if (file.Span.IndexOfAnyExcept(" \t\r\n\0"u8) < 0)
            return new EntryList(isHealing: false).ToContent(); // nothing was ever written, as far as one can see
        if (isText && HoldsNothing(file.Span))
            return new EntryList(isHealing: false).ToContent();
        ConnFileContent content = TryReadWhole(file, s_data) ?? TryReadWhole(file, s_any) ?? Heal(file.ToArray());
        return content with { IsDamaged = content.IsDamaged || !isText };
    }

    /// <summary>Is it JSON that holds no peers: null, a number, a text, or a list of such? As in JavaScript, such a file is empty. A list of
    /// objects may be peers that stand in the wrong place, and is read as damage.</summary>
    private static bool HoldsNothing(ReadOnlySpan<byte> file)
    {
        var reader = new Utf8JsonReader(file, s_any);
        try
        {
            if (!reader.Read() || reader.TokenType == JsonTokenType.StartObject)
                return false;
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.StartObject)
                    return false;
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static ConnFileContent? TryReadWhole(ReadOnlyMemory<byte> file, JsonReaderOptions options)
    {
        var entries = new EntryList(isHealing: false);
        entries.EnsureCapacity(file.Span.Count(EntryLine));
        return TryReadObject(file, 0, entries, options) ? entries.ToContent() : null;
    }

    // Of entries that come twice the first counts: what stands behind a whole object is the end of an older one.
    private static ConnFileContent Heal(byte[] text)
    {
        var entries = new EntryList(isHealing: true);
        TryReadObject(text, 0, entries, s_any);
        for (int at = NextEntry(text, entries.End); at >= 0; at = NextEntry(text, Math.Max(at, entries.End)))
        {
            text[at - 1] = (byte)'{'; // a space: the rest is an object that begins with this entry
            if (TryReadObject(text, at - 1, entries, s_any))
                break;
        }

        return entries.ToContent();
    }

    public static void Write(IBufferWriter<byte> to, IReadOnlyCollection<DbPeer> peers, IReadOnlyCollection<PeerField> others)
    {
        if (peers.Count + others.Count == 0)
        {
            to.Write("{}"u8);
            return;
        }

        ReadOnlySpan<byte> separator = "{\n"u8;
        foreach (DbPeer peer in peers)
        {
            to.Write(separator);
            to.Write("  "u8);
            WriteString(to, peer.Address.Text);
            separator = ",\n"u8;
            if (peer.Data.Text is { IsEmpty: false } text)
            {
                to.Write(": "u8);
                to.Write(text);
                continue;
            }

            ReadOnlySpan<byte> inner = ": {\n"u8;
            foreach (ref readonly PeerField field in peer.Data.Raw)
            {
                to.Write(inner);
                to.Write("    "u8);
                WriteString(to, field.Name);
                to.Write(": "u8);
                to.Write(field.Json.Span);
                inner = ",\n"u8;
            }

            to.Write(peer.Data.Raw.Length == 0 ? ": {}"u8 : "\n  }"u8);
        }

        foreach (PeerField other in others)
        {
            to.Write(separator);
            to.Write("  "u8);
            WriteString(to, other.Name);
            to.Write(": "u8);
            to.Write(other.Json.Span);
            separator = ",\n"u8;
        }

        to.Write("\n}"u8);
    }

    /// <summary>The entries of <c>gossip.json</c>, the file before <c>conn.json</c>: an array of objects with an address, or with a host, a
    /// port and a key.</summary>
    /// <exception cref="JsonException">It is not JSON.</exception>
    public static OrderedTable<DbPeer> ReadGossip(ReadOnlyMemory<byte> file)
    {
        var peers = new OrderedTable<DbPeer>();
        if (file.Span.StartsWith("\uFEFF"u8))
            file = file[3..];
        using var document = JsonDocument.Parse(file, new JsonDocumentOptions { MaxDepth = KeptDepth });
        if (document.RootElement.ValueKind != JsonValueKind.Array)
            return peers;
        foreach (JsonElement old in document.RootElement.EnumerateArray())
        {
            try
            {
                PeerData data = PeerData.Of(old);
                if (AddressOf(data) is { } address)
                    peers.Set(address, new DbPeer(address, data.Without("address")));
            }
            catch (JsonException)
            {
                // No object, not UTF-8 or too deep; the file stays as it is, for who wants to look.
            }
        }

        return peers;
    }

    private static MultiserverAddress? AddressOf(PeerData old)
    {
        if (Text("address") is { } written && MultiserverAddress.TryParse(written, out MultiserverAddress? address))
            return address;
        if (old.Key is not { } key || FeedId.ReadLenient(key) is not { } feedId || Text("host") is not { Length: > 0 } host
            || !old.TryGet("port", out JsonElement port) || port.ValueKind != JsonValueKind.Number
            || !port.TryGetDouble(out double value) || value is not (>= 0 and <= ushort.MaxValue) || Math.Floor(value) != value)
            return null; // 8008.0 and 8.008e3 are 8008, as in JavaScript
        int number = (int)value;
        string transport = host.StartsWith("ws:", StringComparison.Ordinal) || host.StartsWith("wss:", StringComparison.Ordinal) ? host
            : host.EndsWith(".onion", StringComparison.Ordinal) ? "onion:" + host : "net:" + host;
        return MultiserverAddress.TryParse($"{transport}:{number}~shs:{feedId.ToBase64()}", out address)
            && address.Problem is null && address.Routes is [{ Protocols.Count: 2 }] // a host that holds '~' or ';' is none
            ? address
            : null;

        string? Text(string name) => old.TryGet(name, out JsonElement value) ? JsonGate.TextOf(value) : null;
    }

    private static int NextEntry(ReadOnlySpan<byte> text, int from)
    {
        int found = text[from..].IndexOf(EntryLine);
        return found < 0 ? -1 : from + found + 3;
    }

    /// <returns>false if it ended early; what came before is in the list, and <see cref="EntryList.End"/> tells how far it was read.</returns>
    private static bool TryReadObject(ReadOnlyMemory<byte> text, int from, EntryList entries, JsonReaderOptions options)
    {
        text = text[from..];
        var reader = new Utf8JsonReader(text.Span, options);
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                return false;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string name = PeerField.NameOf(ref reader);
                bool isLine = entries.IsHealing && (reader.TokenStartIndex == 1 || IsEntryLine(text.Span, reader.TokenStartIndex));
                reader.Read();
                int start = (int)reader.TokenStartIndex;
                bool isObject = reader.TokenType == JsonTokenType.StartObject;
                PeerData? data = isObject ? ReadData(ref reader, text, isLine, mayBeDeep: options.MaxDepth > s_data.MaxDepth) : null;
                if (data is null)
                    reader.Skip();
                entries.End = from + (int)reader.BytesConsumed;
                if (isObject && MultiserverAddress.TryParse(name, out MultiserverAddress? address))
                {
                    if (data is not null)
                    {
                        entries.Add(new DbPeer(address, data));
                        continue;
                    }

                    entries.TooDeep++;
                }

                entries.Add(new PeerField(name, text[start..(int)reader.BytesConsumed]));
            }

            bool isWhole = reader.TokenType == JsonTokenType.EndObject;
            while (reader.Read())
            {
                // What stands behind the object is damage, and throws.
            }

            return isWhole;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    // Where a brace is lost, entries would be taken for fields of the one before. What is too deep for data is null.
    private static PeerData? ReadData(ref Utf8JsonReader reader, ReadOnlyMemory<byte> text, bool endsAtNextEntry, bool mayBeDeep)
    {
        if (endsAtNextEntry)
        {
            Utf8JsonReader ahead = reader;
            while (ahead.Read() && ahead.TokenType == JsonTokenType.PropertyName)
            {
                if (IsEntryLine(text.Span, ahead.TokenStartIndex))
                    throw new JsonException();
                ahead.Skip();
            }
        }

        if (mayBeDeep)
        {
            Utf8JsonReader end = reader;
            end.Skip();
            if (JsonGate.IsDeep(text.Span[(int)reader.TokenStartIndex..(int)end.BytesConsumed], PeerData.MaxDepth))
                return null;
        }

        return PeerData.Read(ref reader, text);
    }

    private static bool IsEntryLine(ReadOnlySpan<byte> text, long name) => text[..(int)name].EndsWith("\n  "u8);

    private static void WriteString(IBufferWriter<byte> to, string text)
    {
        if (Ascii.IsValid(text) && !text.AsSpan().ContainsAny('"', '\\') && !text.AsSpan().ContainsAnyInRange('\0', '\u001f'))
        {
            Span<byte> quoted = to.GetSpan(text.Length + 2);
            quoted[0] = quoted[text.Length + 1] = (byte)'"';
            Encoding.UTF8.GetBytes(text, quoted[1..]);
            to.Advance(text.Length + 2);
        }
        else
        {
            JavaScriptJson.WriteString(text, to);
        }
    }

    private sealed class EntryList(bool isHealing)
    {
        private readonly OrderedTable<DbPeer> _peers = new();
        private readonly FieldList _others = new();

        public bool IsHealing => isHealing;

        /// <summary>Up to where the text was read well.</summary>
        public int End { get; set; }

        /// <summary>How many of the entries that are no peers are too deep.</summary>
        public int TooDeep { get; set; }

        public void EnsureCapacity(int count) => _peers.EnsureCapacity(count);

        public void Add(DbPeer peer)
        {
            if (!isHealing || !_peers.TryGet(peer.Address, out _))
                _peers.Set(peer.Address, peer);
        }

        public void Add(in PeerField other) => _others.Set(other);

        public ConnFileContent ToContent() => new(_peers, _others.ToList(), isHealing, TooDeep);
    }
}
