// What ends a stream or answers a request with an error: true for a plain end, or {"message":...,"name":...,"stack":...}
using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Ssb.Wire;

/// <summary>Writes and reads the body of an end.</summary>
internal static class RpcErrorBody
{
    /// <summary>Longer texts of a peer are cut: an exception is not a place for a stranger's megabytes.</summary>
    private const int MaxText = 4096;

    private static readonly byte[] s_true = [.. "true"u8];

    public static byte[] Of(RpcException? error)
    {
        if (error is null)
            return s_true;

        var output = new ArrayBufferWriter<byte>(256);
        string name = error.RemoteName ?? "Error";
        string message = error.RemoteMessage ?? error.Message; // of another peer, who is passed on: as that one said it
        output.Write("{\"message\":"u8);
        JavaScriptJson.WriteString(message, output);
        output.Write(",\"name\":"u8);
        JavaScriptJson.WriteString(name, output);
        // JavaScript peers print the stack where there is an error. Ours is nobody's business; this is the first line of one.
        output.Write(",\"stack\":"u8);
        JavaScriptJson.WriteString($"{name}: {message}", output);
        output.Write("}"u8);
        return output.WrittenSpan.ToArray();
    }

    /// <returns>null for a plain end.</returns>
    public static RpcException? Read(RpcValueKind kind, ReadOnlySpan<byte> body)
    {
        if (kind == RpcValueKind.Json && body.SequenceEqual("true"u8))
            return null;

        RpcValue value = RpcValue.Received(kind, body);
        try
        {
            JsonElement json = value.AsJson();
            switch (json.ValueKind)
            {
                case JsonValueKind.Object:
                    return Of(json);
                case JsonValueKind.String:
                    string text = value.AsText();
                    return InText(text) ?? RpcException.FromRemote(Cut(text));
                default:
                    return RpcException.FromRemote(null);
            }
        }
        catch (FormatException)
        {
            return new RpcException(RpcError.Remote, "The peer sent an error that cannot be read.");
        }
    }

    private static RpcException Of(JsonElement json) =>
        RpcException.FromRemote(Text(json, "message"u8), Text(json, "name"u8), Text(json, "stack"u8));

    // Rust peers (kuska-ssb) send the object as a text.
    private static RpcException? InText(string text)
    {
        if (!text.AsSpan().TrimStart().StartsWith("{"))
            return null;
        try
        {
            JsonElement json = RpcValue.RawJson(Encoding.UTF8.GetBytes(text)).AsJson();
            return json.ValueKind == JsonValueKind.Object && Text(json, "message"u8) is not null ? Of(json) : null;
        }
        catch (FormatException)
        {
            return null; // it only looks like one
        }
    }

    private static string? Text(JsonElement json, ReadOnlySpan<byte> name) =>
        JsonGate.TryGetMember(json, name, out JsonElement member) && JsonGate.TextOf(member) is { } text ? Cut(text) : null;

    private static string Cut(string text) => text.Length <= MaxText ? text : text[..MaxText] + "...";
}
