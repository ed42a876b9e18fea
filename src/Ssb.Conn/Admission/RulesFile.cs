// conn-rules.json, ours alone: {"version":1,"rules":[{"target":"@...","kind":"dismiss","since":MS,"until":MS}, ...]}
// What is not understood, fields and rules, stays in its place when the file is written again, byte for byte.
using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Ssb.Conn;

/// <summary>One element of the file.</summary>
/// <param name="Rules">What it decides: nothing if it names nobody, several rules if it names several.</param>
/// <param name="Json">Its text.</param>
/// <param name="IsUnderstood">Else it stays in the file when its rules have ended.</param>
internal sealed record RuleItem(IReadOnlyList<PeerRule> Rules, ReadOnlyMemory<byte> Json, bool IsUnderstood);

/// <summary>What was read of a file.</summary>
/// <param name="Items">The elements of <c>rules</c>, in their order.</param>
/// <param name="Before">The fields before <c>rules</c>, each as <c>"name": value</c>.</param>
/// <param name="After">The fields behind it.</param>
/// <param name="IsDamaged">Was something lost, or in a place where it does not belong?</param>
internal sealed record RulesContent(IReadOnlyList<RuleItem> Items, IReadOnlyList<ReadOnlyMemory<byte>> Before, IReadOnlyList<ReadOnlyMemory<byte>> After, bool IsDamaged)
{
    public static readonly RulesContent Empty = new([], ["\"version\": 1"u8.ToArray()], [], IsDamaged: false);
}

/// <summary>Reads and writes the text of <c>conn-rules.json</c>.</summary>
/// <remarks>It fails closed: a rule whose kind is not known or was lost is a block of whom it names, and an end that cannot be read is
/// none.</remarks>
internal static class RulesFile
{
    private const int LongestKey = 45; // an '@' and 32 bytes in base64, before ".ed25519"
    private const int MostFailures = 100_000; // places that look like the beginning of a rule and are none; each takes some microseconds

    private static readonly JsonReaderOptions s_whole = new() { MaxDepth = ConnFile.KeptDepth }; // beyond it, as beyond a damage, the rules are searched one by one
    private static readonly JsonReaderOptions s_healing = new() { MaxDepth = JsonGate.MaxDepth };
    private static readonly JsonWriterOptions s_writing = new() { Indented = true, NewLine = "\n", Encoder = ExactJson.Encoder };

    /// <summary>Reads as much as can be read.</summary>
    /// <param name="file">The text, of which the result keeps parts.</param>
    /// <param name="now">When a rule began that does not say it.</param>
    public static RulesContent Read(ReadOnlyMemory<byte> file, DateTimeOffset now)
    {
        if (file.Span.StartsWith("\uFEFF"u8))
            file = file[3..];
        else if (file.Span is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..]) // UTF-16, as editors of Windows write it
            file = Encoding.UTF8.GetBytes((file.Span[0] == 0xFF ? Encoding.Unicode : Encoding.BigEndianUnicode).GetString(file.Span[2..]));
        bool isText = Utf8.IsValid(file.Span);
        if (!isText)
            file = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(file.Span));
        RulesContent content = TryReadWhole(file, now) ?? Heal(file, now);
        return content with { IsDamaged = content.IsDamaged || !isText };
    }

    /// <summary>Writes a file.</summary>
    public static void Write(IBufferWriter<byte> to, RulesContent content)
    {
        ReadOnlySpan<byte> separator = "{\n  "u8;
        foreach (ReadOnlyMemory<byte> field in content.Before)
        {
            to.Write(separator);
            to.Write(field.Span);
            separator = ",\n  "u8;
        }

        to.Write(separator);
        to.Write("\"rules\": ["u8);
        separator = "\n    "u8;
        foreach (RuleItem item in content.Items)
        {
            to.Write(separator);
            to.Write(item.Json.Span);
            separator = ",\n    "u8;
        }

        to.Write(content.Items.Count == 0 ? "]"u8 : "\n  ]"u8);
        foreach (ReadOnlyMemory<byte> field in content.After)
        {
            to.Write(",\n  "u8);
            to.Write(field.Span);
        }

        to.Write("\n}"u8);
    }

    /// <summary>An element with one rule.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="former">The element in whose place it stands; of that it keeps the fields that are not understood.</param>
    public static RuleItem ItemOf(PeerRule rule, RuleItem? former = null)
    {
        var text = new ArrayBufferWriter<byte>(128);
        using (var writer = new Utf8JsonWriter(text, s_writing))
            rule.WriteTo(writer);
        var json = new StringBuilder(Encoding.UTF8.GetString(text.WrittenSpan[..^2])); // less the line with the brace
        foreach (ReadOnlyMemory<byte> field in former is null ? [] : UnknownFields(former.Json))
            json.Append(",\n  ").Append(Encoding.UTF8.GetString(field.Span));
        return new RuleItem([rule], Encoding.UTF8.GetBytes(json.Append("\n}").Replace("\n", "\n    ").ToString()), IsUnderstood: true);
    }

    private static RulesContent? TryReadWhole(ReadOnlyMemory<byte> text, DateTimeOffset now)
    {
        var items = new List<RuleItem>();
        var before = new List<ReadOnlyMemory<byte>>();
        var after = new List<ReadOnlyMemory<byte>>();
        bool hasRules = false, isDamaged = false;
        var reader = new Utf8JsonReader(text.Span, s_whole);
        try
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.StartArray) // the rules alone, without the object around them
            {
                _ = ReadItems(ref reader, text, items, now);
                (hasRules, isDamaged) = (true, true);
            }
            else if (reader.TokenType == JsonTokenType.StartObject)
            {
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    int start = (int)reader.TokenStartIndex;
                    bool isRules = PeerField.NameOf(ref reader) == "rules";
                    reader.Read();
                    int value = (int)reader.TokenStartIndex;
                    if (isRules && reader.TokenType == JsonTokenType.StartArray)
                        isDamaged |= !ReadItems(ref reader, text, items, now);
                    else
                        reader.Skip();
                    if (!isRules)
                        (hasRules ? after : before).Add(text[start..(int)reader.BytesConsumed]);
                    else if (text.Span[value] != '[') // whatever it is, it is one rule
                        (isDamaged, _) = (true, TryAdd(items, text[value..(int)reader.BytesConsumed], now));
                    hasRules |= isRules;
                }
            }

            while (reader.Read())
            {
                // What stands behind is damage, and throws.
            }
        }
        catch (JsonException)
        {
            return null;
        }

        return hasRules ? new RulesContent(items, before.Count + after.Count == 0 ? RulesContent.Empty.Before : before, after, isDamaged) : null;
    }

    /// <returns>false if one of them was no rule.</returns>
    private static bool ReadItems(ref Utf8JsonReader reader, ReadOnlyMemory<byte> text, List<RuleItem> items, DateTimeOffset now)
    {
        bool areAllRules = true;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            int start = (int)reader.TokenStartIndex;
            reader.Skip();
            areAllRules &= TryAdd(items, text[start..(int)reader.BytesConsumed], now);
        }

        return areAllRules;
    }

    // A rule of a kind that is known but about nobody is a damage. Of another kind, it may mean something to another program.
    private static bool TryAdd(List<RuleItem> items, ReadOnlyMemory<byte> json, DateTimeOffset now)
    {
        RuleItem item = ReadItem(json, now, out bool isKnown);
        if (isKnown && item.Rules.Count == 0)
            return false;
        items.Add(item);
        return true;
    }

    // Every object that names a target is a rule, whatever is around it; of one that ends in a damage that which stands before it. Whom
    // the rest names, a rule was about whose beginning is damaged: what it said is lost, and so it is a block.
    private static RulesContent Heal(ReadOnlyMemory<byte> text, DateTimeOffset now)
    {
        var items = new List<RuleItem>();
        int failures = 0, rest = 0;
        for (int at = Next(0); at >= 0;)
        {
            ReadOnlyMemory<byte> json = ReadObject(text[at..], out bool hasTarget, out int end);
            RuleItem? item = hasTarget || (end > 0 && !json.Span[1..].Contains((byte)'{')) ? ReadItem(json, now, out _) : null;
            bool isRule = item is { Rules.Count: > 0 };
            if (isRule)
            {
                AddNamed(items, text.Span[rest..at], now);
                items.Add(item!); // it is not null then
                rest = at + (end > 0 ? end : json.Length - 1);
            }
            else if (end == 0 && ++failures > MostFailures)
                throw new IOException("The file has more damage than can be searched for rules.");
            at = Next(isRule ? at + Math.Max(json.Length - 1, 1) : at + 1);
        }

        AddNamed(items, text.Span[rest..], now);
        HashSet<PeerTarget> blocked = [.. items
            .Where(item => !IsRest(item))
            .SelectMany(item => item.Rules)
            .Where(rule => rule.Kind == PeerRuleKind.Block && rule.Until is null)
            .Select(rule => rule.Target)];
        items.RemoveAll(item => IsRest(item) && !blocked.Add(item.Rules[0].Target));
        return RulesContent.Empty with { Items = items, IsDamaged = true };

        static bool IsRest(RuleItem item) => item.Rules is [{ UnknownKind: "" }];

        int Next(int from) => NextObject(text.Span, from);
    }

    private static void AddNamed(List<RuleItem> items, ReadOnlySpan<byte> rest, DateTimeOffset now)
    {
        foreach (PeerTarget name in NamesInText(rest))
        {
            string json = $$"""{ "target": "{{JsonEncodedText.Encode(name.Text, ExactJson.Encoder)}}", "since": {{now.ToUnixTimeMilliseconds()}} }""";
            items.Add(ReadItem(Encoding.UTF8.GetBytes(json), now, out _));
        }
    }

    /// <summary>The feed ids of a text that is no JSON, and the addresses between quotation marks in it.</summary>
    private static List<PeerTarget> NamesInText(ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> suffix = ".ed25519"u8;
        var names = new List<PeerTarget>();
        while (!text.IsEmpty)
        {
            int quote = text.IndexOf((byte)'"');
            ReadOnlySpan<byte> piece = quote < 0 ? text : text[..quote];
            text = quote < 0 ? [] : text[(quote + 1)..];
            bool isQuoted = quote >= 0 && piece.Length <= MultiserverAddress.DefaultMaxLength && (piece.Contains((byte)'~') || piece.StartsWith("ssb:"u8));
            if (isQuoted && NameOf(Encoding.UTF8.GetString(piece)) is { } address)
            {
                names.Add(address);
                continue;
            }

            for (int at; (at = piece.IndexOf(suffix)) >= 0; piece = piece[(at + suffix.Length)..])
            {
                int start = piece[..at].LastIndexOf((byte)'@');
                if (start >= 0 && at - start <= LongestKey && NameOf(Encoding.UTF8.GetString(piece[start..(at + suffix.Length)])) is { } id)
                    names.Add(id);
            }
        }

        return names;
    }

    // A brace with the quotation mark of a field behind it: of what begins in no way like that, no exception needs to tell.
    private static int NextObject(ReadOnlySpan<byte> text, int from)
    {
        int brace = -1;
        for (int i = from; i < text.Length; i++)
        {
            switch (text[i])
            {
                case (byte)'{':
                    brace = i;
                    break;
                case (byte)'"' when brace >= 0:
                    return brace;
                case (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n':
                    break;
                default:
                    brace = -1;
                    break;
            }
        }

        return -1;
    }

    /// <summary>The object with which a text begins. If it does not end well, the fields before the damage, as an object.</summary>
    /// <param name="text">The text.</param>
    /// <param name="hasTarget">Does it have the field?</param>
    /// <param name="end">Where it ends; 0 if it does not end well.</param>
    private static ReadOnlyMemory<byte> ReadObject(ReadOnlyMemory<byte> text, out bool hasTarget, out int end)
    {
        var reader = new Utf8JsonReader(text.Span, s_healing);
        (hasTarget, end) = (false, 0);
        int read = 1; // behind the last field that is whole
        try
        {
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isTarget = PeerField.NameOf(ref reader) == "target";
                reader.Read();
                reader.Skip();
                int behind = (int)reader.BytesConsumed;
                // A number that is cut off looks like a smaller one, and an end like one that is over: what stands behind it must be
                // read, too.
                if (reader.TokenType == JsonTokenType.Number && text.Span[behind..].TrimStart(" \t\r\n"u8) is not [(byte)',' or (byte)'}', ..])
                    break;
                read = behind;
                hasTarget |= isTarget;
            }

            end = reader.TokenType == JsonTokenType.EndObject ? (int)reader.BytesConsumed : 0;
        }
        catch (JsonException)
        {
            // What was read counts.
        }

        return end > 0 ? text[..end] : (byte[])[.. text.Span[..read], (byte)'}'];
    }

    private static RuleItem ReadItem(ReadOnlyMemory<byte> json, DateTimeOffset now, out bool isKnown)
    {
        var targets = new List<PeerTarget>();
        ReadOnlySpan<byte> kind = [];
        DateTimeOffset? since = null, until = null;
        int plain = 0;
        bool hasTarget = false, namesOther = false; // such as a URI that another program knows
        foreach ((string? field, ReadOnlyMemory<byte> value) in Fields(json))
        {
            switch (field)
            {
                case "target" when PeerField.TextOf(value.Span) is { } target:
                    PeerTarget? name = NameOf(target);
                    List<PeerTarget> within = name is null ? NamesInText(Encoding.UTF8.GetBytes(target)) : [];
                    targets.AddRange(name is { } one ? [one] : within);
                    plain += name is null ? 0 : 1; // with something else around it, it is not understood
                    namesOther |= name is null && within.Count == 0 && target.Length > 0;
                    hasTarget = true;
                    break;
                case "target":
                    targets.AddRange(NamesIn(value));
                    hasTarget = true;
                    break;
                case "kind":
                    kind = value.Span;
                    break;
                case "since":
                    since = TimeOf(value.Span);
                    break;
                case "until":
                    until = TimeOf(value.Span);
                    break;
                default:
                    break;
            }
        }

        if (!hasTarget)
            targets.AddRange(NamesIn(json));
        PeerRuleKind? known = PeerField.TextOf(kind) switch
        {
            "block" => PeerRuleKind.Block,
            "dismiss" => PeerRuleKind.Dismiss,
            _ => null,
        };
        isKnown = known is not null && !namesOther;
        string? unknown = known is null ? PeerField.TextOf(kind) ?? Encoding.UTF8.GetString(kind) : null;
        PeerRule[] rules = [.. targets.Distinct().Select(t => new PeerRule(t, known ?? PeerRuleKind.Block, since ?? now, until) { UnknownKind = unknown })];
        return new RuleItem(rules, json, known is not null && plain == 1 && targets.Count == 1);
    }

    private static List<(string? Name, ReadOnlyMemory<byte> Value)> Fields(ReadOnlyMemory<byte> json)
    {
        var fields = new List<(string?, ReadOnlyMemory<byte>)>(4);
        var reader = new Utf8JsonReader(json.Span, s_whole);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            return fields;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string? name = PeerField.NameOf(ref reader);
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            reader.Skip();
            fields.Add((name, json[start..(int)reader.BytesConsumed]));
        }

        return fields;
    }

    private static List<ReadOnlyMemory<byte>> UnknownFields(ReadOnlyMemory<byte> json)
    {
        var fields = new List<ReadOnlyMemory<byte>>();
        var reader = new Utf8JsonReader(json.Span, s_whole);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            return fields;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            int start = (int)reader.TokenStartIndex;
            string? name = PeerField.NameOf(ref reader);
            reader.Read();
            reader.Skip();
            if (name is not ("target" or "kind" or "since" or "until" or "unknownKind"))
                fields.Add(json[start..(int)reader.BytesConsumed]);
        }

        return fields;
    }

    // Feed ids and addresses, wherever they stand; an address is more than a word that could be one by its letters.
    private static List<PeerTarget> NamesIn(ReadOnlyMemory<byte> json)
    {
        var names = new List<PeerTarget>();
        var reader = new Utf8JsonReader(json.Span, s_whole);
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && PeerField.NameOf(ref reader) is { } text
                && (text.StartsWith('@') || text.StartsWith("ssb:", StringComparison.OrdinalIgnoreCase) || text.Contains('~', StringComparison.Ordinal)) && NameOf(text) is { } name)
                names.Add(name);
        }

        return names;
    }

    // What a file has is kept: every address, whether it names somebody or not. The URI of a feed, which was taken for an address once, is the peer.
    private static PeerTarget? NameOf(string text) =>
        FeedId.ReadLenient(text) is { } feedId ? PeerTarget.From(feedId)
        : MultiserverAddress.TryReadLenient(text, out MultiserverAddress? address) || MultiserverAddress.TryParse(text, out address) ? PeerTarget.From(address)
        : null;

    private static DateTimeOffset? TimeOf(ReadOnlySpan<byte> json) =>
        PeerField.NumberOf(json) is { } ms && Math.Abs(ms) <= StagingJson.LatestTime ? DateTimeOffset.FromUnixTimeMilliseconds((long)ms) : null;
}
