using System.Runtime.InteropServices;
using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Remote;

/// <summary>One peer in a pool of a running peer: <c>[address, data]</c>, as it came. All of it is a stranger's text.</summary>
internal sealed class RemoteEntry
{
    private const string NoAddress = "not an address"; // nothing in it is known to be public

    private readonly JsonElement _item; // [address, data]
    private readonly JsonElement _data;

    // Of tens of thousands few are shown: what is made of one is made when it is asked for. Two who ask at once make the same twice.
    private bool _isParsed;
    private MultiserverAddress? _parsed; // null if it is not a valid address
    private string? _json, _shown;

    private RemoteEntry(string address, JsonElement item) => (Address, _item, _data) = (address, item, item[1]);

    /// <summary>The whole address; it may hold the seed of an invite.</summary>
    public string Address { get; }

    /// <summary>The address for people, masked.</summary>
    public string Shown => _shown ??= Parsed?.ToString() ?? NoAddress;

    /// <summary>The peer's feed id, if the data or the address has one.</summary>
    public string? Key => Text("key") ?? Parsed?.FeedId?.ToString();

    /// <summary>Does its address name this peer?</summary>
    public bool Names(FeedId id) => Parsed?.FeedId == id;

    /// <summary>The entry as JSON, on one line, nothing left out.</summary>
    public string Json => _json ??= JsonText.OneLine(_item);

    /// <summary>Is the other one the same, to the letter?</summary>
    public bool IsLike(RemoteEntry other) => JsonMarshal.GetRawUtf8Value(_item).SequenceEqual(JsonMarshal.GetRawUtf8Value(other._item));

    private MultiserverAddress? Parsed
    {
        get
        {
            if (!Volatile.Read(ref _isParsed))
            {
                _ = MultiserverAddress.TryParse(Address, out _parsed);
                Volatile.Write(ref _isParsed, true); // after what it is about
            }

            return _parsed;
        }
    }

    /// <summary>A text about the entry, without what its address hides: it may repeat a seed.</summary>
    public string Hide(string text)
    {
        text = text.Replace(Address, Shown, StringComparison.Ordinal);
        return Parsed?.Hide(text) ?? text;
    }

    /// <summary>The entry as JSON, on one line, for logs: what is not known to be public is masked.</summary>
    public string MaskedJson() => MaskedEntry.Json(Parsed, Shown, _data);

    /// <summary>Reads a list of entries; what is none is left out.</summary>
    /// <exception cref="FormatException">It is no list.</exception>
    public static IReadOnlyList<RemoteEntry> ReadAll(RpcValue value)
    {
        JsonElement list = value.AsJson();
        if (list.ValueKind != JsonValueKind.Array)
            throw new FormatException("expected a list of entries");
        var entries = new List<RemoteEntry>(list.GetArrayLength());
        foreach (JsonElement item in list.EnumerateArray())
        {
            if (item.ValueKind == JsonValueKind.Array && item.GetArrayLength() == 2
                && JsonText.Of(item[0]) is { } address && item[1].ValueKind == JsonValueKind.Object)
            {
                entries.Add(new RemoteEntry(address, item));
            }
        }

        return entries;
    }

    /// <summary>A field that is a text.</summary>
    public string? Text(string name) => JsonText.Of(_data, name);

    /// <summary>A field that is a number.</summary>
    public double? Number(string name) => JsonText.Number(_data, name);

    /// <summary>A field that is a time in Unix milliseconds.</summary>
    public DateTimeOffset? Time(string name) => JsonText.Time(Number(name));
}
