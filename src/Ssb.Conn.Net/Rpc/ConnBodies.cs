using System.Buffers;
using System.Text;
using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>Answers and items, as JSON.</summary>
internal static class ConnBodies
{
    /// <summary>The largest body that connections take unless they are told otherwise (<see cref="RpcOptions.MaxBodySize"/>).</summary>
    public const int MaxBody = 8 * 1024 * 1024;

    private static readonly JsonWriterOptions s_writing = new() { Encoder = ExactJson.Encoder, SkipValidation = true };

    public static RpcValue EmptyObject { get; } = RpcValue.RawJson("{}"u8.ToArray());

    /// <summary>A list of entries. Those that do not fit are left out: strangers fill bench and hub, and must not be able to end the streams that
    /// show them.</summary>
    public static RpcValue Entries<T>(IEnumerable<T> entries, Func<T, string> toJson) => List(entries, toJson, out _);

    /// <summary>The address book, whole.</summary>
    /// <exception cref="RpcException">It does not fit.</exception>
    public static RpcValue AddressBook(IReadOnlyList<DbPeer> peers)
    {
        RpcValue all = List(peers, static peer => peer.ToJson(), out bool isWhole);
        return isWhole ? all : throw new RpcException($"The address book has {peers.Count} peers, more than fit into one answer ({MaxBody / 1024 / 1024} MiB)");
    }

    public static RpcValue Text(string json) => RpcValue.RawJson(Encoding.UTF8.GetBytes(json));

    public static RpcValue Object(Action<Utf8JsonWriter> write) => Of(writer =>
    {
        writer.WriteStartObject();
        write(writer);
        writer.WriteEndObject();
    });

    public static RpcValue Rules(IReadOnlyList<PeerRule> rules) => Of(writer =>
    {
        writer.WriteStartArray();
        foreach (PeerRule rule in rules)
            writer.WriteRawValue(rule.ToJson(), skipInputValidation: true);
        writer.WriteEndArray();
    });

    public static RpcValue Suggestions(IReadOnlyList<Suggestion> suggestions) => Entries(suggestions, static suggestion =>
    {
        string key = suggestion.FeedId is { } id ? $"\"key\":\"{id}\"," : ""; // a feed id in its one spelling needs no escape
        return $"{{{key}\"routes\":[{string.Join(',', suggestion.Routes.Select(route => route.ToJson()))}]}}";
    });

    private static RpcValue Of(Action<Utf8JsonWriter> write)
    {
        var body = new ArrayBufferWriter<byte>(128);
        using (var writer = new Utf8JsonWriter(body, s_writing))
            write(writer);
        return RpcValue.RawJson(body.WrittenMemory);
    }

    private static RpcValue List<T>(IEnumerable<T> entries, Func<T, string> toJson, out bool isWhole)
    {
        var body = new ArrayBufferWriter<byte>(1024);
        isWhole = true;
        body.Write("["u8);
        foreach (T entry in entries)
        {
            string json = toJson(entry);
            if (body.WrittenCount + Encoding.UTF8.GetByteCount(json) + ",]".Length > MaxBody)
            {
                isWhole = false;
                break;
            }

            if (body.WrittenCount > 1)
                body.Write(","u8);
            Encoding.UTF8.GetBytes(json, body);
        }

        body.Write("]"u8);
        return RpcValue.RawJson(body.WrittenMemory);
    }
}

/// <summary>The body of the newest state, written once for all readers of it.</summary>
/// <param name="write">Writes the body of a state.</param>
internal sealed class LatestBody<T>(Func<T, RpcValue> write)
    where T : class
{
    private Written? _latest;

    public RpcValue Of(T state)
    {
        if (Volatile.Read(ref _latest) is not { } latest || !ReferenceEquals(latest.State, state))
            Volatile.Write(ref _latest, latest = new Written(state, write(state))); // who of two readers writes last is all one
        return latest.Body;
    }

    private sealed record Written(T State, RpcValue Body);
}
