using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Remote;

/// <summary>One peer in a pool of a running peer: <c>[address, data]</c>, as it came. All of it is a stranger's text.</summary>
internal sealed class RemoteEntry
{
    private const string NoAddress = "not an address"; // nothing in it is known to be public

    private readonly JsonElement _data;

    private readonly MultiserverAddress? _parsed; // null if it is not a valid address

    private RemoteEntry(string address, JsonElement data, string json)
    {
        (Address, _data, Json) = (address, data, json);
        _ = MultiserverAddress.TryParse(address, out _parsed);
        Shown = _parsed?.ToString() ?? NoAddress;
        Key = Text("key") ?? _parsed?.Key;
    }

    /// <summary>The whole address; it may hold the seed of an invite.</summary>
    public string Address { get; }

    /// <summary>The address for people, masked.</summary>
    public string Shown { get; }

    /// <summary>The peer's feed id, if the data or the address has one.</summary>
    public string? Key { get; }

    /// <summary>The entry as JSON, on one line, nothing left out.</summary>
    public string Json { get; }

    /// <summary>A text about the entry, without what its address hides: it may repeat a seed.</summary>
    public string Hide(string text) => AddressMask.Hide(text.Replace(Address, Shown, StringComparison.Ordinal), _parsed);

    /// <summary>The entry as JSON, on one line, for logs: what is not known to be public is masked.</summary>
    public string MaskedJson() => MaskedEntry.Json(_parsed, Shown, _data);

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
                entries.Add(new RemoteEntry(address, item[1], JsonText.OneLine(item)));
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
