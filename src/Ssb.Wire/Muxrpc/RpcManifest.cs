using System.Buffers;
using System.Collections.Frozen;
using System.Text.Json;

namespace Ssb.Wire;

/// <summary>How a procedure is called.</summary>
public enum RpcProcedureType
{
    /// <summary>One result, computed at once. Called like <see cref="Async"/>.</summary>
    Sync,

    /// <summary>One result.</summary>
    Async,

    /// <summary>A stream of items to the caller.</summary>
    Source,

    /// <summary>A stream of items from the caller.</summary>
    Sink,

    /// <summary>A stream each way.</summary>
    Duplex,
}

/// <summary>Which procedures a peer has: dotted names such as <c>conn.stage</c> and their types.</summary>
/// <remarks>Immutable. On the wire it is an object of objects: <c>{"manifest":"sync","conn":{"stage":"sync"}}</c>.</remarks>
public sealed class RpcManifest
{
    // Each name repeats those of the objects that it is in, so that without bounds a peer's few megabytes could become terabytes.
    private const int MaxName = 256;
    private const int MaxProcedures = 10_000;

    private static readonly string[] s_names = ["sync", "async", "source", "sink", "duplex"];

    private readonly FrozenDictionary<string, RpcProcedureType> _types;

    internal RpcManifest(IEnumerable<KeyValuePair<string, RpcProcedureType>> procedures) => _types = procedures.ToFrozenDictionary();

    /// <summary>All procedures, by dotted name.</summary>
    public IReadOnlyDictionary<string, RpcProcedureType> Procedures => _types;

    /// <summary>Reads a manifest as a peer sent it. What is no type that we know is left out, and what has a name of more than 256
    /// characters.</summary>
    /// <exception cref="FormatException">It is no object, or has more than 10,000 procedures.</exception>
    public static RpcManifest Read(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object)
            throw new FormatException($"A manifest is an object, not {json.ValueKind}.");

        var types = new Dictionary<string, RpcProcedureType>();
        Collect(json, "", types);
        return new RpcManifest(types);
    }

    /// <summary>The manifest as it is sent.</summary>
    public byte[] ToJson()
    {
        var output = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(output))
            WriteLevel(writer, [.. _types.OrderBy(t => t.Key, StringComparer.Ordinal).Select(t => (t.Key.Split('.'), t.Value))], depth: 0);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Is that the name of a procedure, or the beginning of one?</summary>
    internal bool Has(string name) => _types.ContainsKey(name) || _types.Keys.Any(p => p.Length > name.Length && p[name.Length] == '.' && p.StartsWith(name, StringComparison.Ordinal));

    internal static string NameOf(RpcProcedureType type) => s_names[(int)type];

    private static void Collect(JsonElement level, string prefix, Dictionary<string, RpcProcedureType> types)
    {
        foreach (JsonProperty member in level.EnumerateObject())
        {
            string name = JsonGate.NameOf(member);
            if (prefix.Length + name.Length > MaxName)
                continue;
            if (member.Value.ValueKind == JsonValueKind.Object)
                Collect(member.Value, prefix + name + ".", types);
            else if (JsonGate.TextOf(member.Value) is { } text && Array.IndexOf(s_names, text) is var type and >= 0)
                types[prefix + name] = (RpcProcedureType)type;
            if (types.Count > MaxProcedures)
                throw new FormatException($"A manifest has {MaxProcedures:N0} procedures at most.");
        }
    }

    private static void WriteLevel(Utf8JsonWriter writer, IReadOnlyList<(string[] Path, RpcProcedureType Type)> procedures, int depth)
    {
        writer.WriteStartObject();
        foreach (IGrouping<string, (string[] Path, RpcProcedureType Type)> group in procedures.GroupBy(p => p.Path[depth]))
        {
            (string[] path, RpcProcedureType type) = group.First();
            writer.WritePropertyName(group.Key);
            if (path.Length == depth + 1)
                writer.WriteStringValue(NameOf(type));
            else
                WriteLevel(writer, [.. group], depth + 1);
        }

        writer.WriteEndObject();
    }
}
