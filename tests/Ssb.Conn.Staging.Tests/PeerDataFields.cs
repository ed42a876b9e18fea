using System.Text.Json;

namespace Ssb.Conn;

/// <summary>The fields of data by name, as tests ask for them.</summary>
internal static class PeerDataFields
{
    /// <summary>The value of a field that is there.</summary>
    public static JsonElement Field(this PeerData data, string name) => data.TryGet(name, out JsonElement value) ? value : throw new KeyNotFoundException(name);

    public static bool HasField(this PeerData data, string name) => data.TryGet(name, out _);

    /// <summary>The names of all fields, in their order.</summary>
    public static IEnumerable<string> Names(this PeerData data) => data.Fields.Select(f => f.Key);
}
