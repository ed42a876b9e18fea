// createHistoryStream as ssb-db and ssb-db2 have it: {id, sequence or seq, live, keys, limit} -> {key, value}, or the value alone where keys is false
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Ssb;
using Ssb.Wire;

namespace ExchangeMessages;

/// <summary>The procedure by which SSB apps fetch feeds from each other.</summary>
internal static class HistoryStream
{
    /// <summary>Asks for a feed from a sequence number on, and for what its author will add to it.</summary>
    public static RpcValue Request(FeedId id, int sequence) =>
        RpcValue.Json(new HistoryRequest { Id = id.ToString(), Seq = sequence, Live = true, Keys = false }, HistoryJson.Default.HistoryRequest);

    /// <summary>Answers a stranger.</summary>
    public static async IAsyncEnumerable<RpcValue> Serve(Feeds feeds, RpcCall call, [EnumeratorCancellation] CancellationToken ended)
    {
        HistoryRequest request = Read(call);
        if (!FeedId.TryParse(request.Id, out FeedId id))
            throw new RpcException($"{request.Id} is not a feed");
        await foreach (Message message in feeds.ReadAsync(id, request.Sequence ?? request.Seq ?? 1, request.Live, ended).Take(request.Limit ?? int.MaxValue))
            yield return RpcValue.RawJson(request.Keys == false ? message.Json : message.WithKey());
    }

    private static HistoryRequest Read(RpcCall call)
    {
        try
        {
            return call.Argument(0)?.Deserialize(HistoryJson.Default.HistoryRequest) ?? new HistoryRequest();
        }
        catch (JsonException e)
        {
            throw new RpcException($"createHistoryStream takes an object of options: {e.Message}");
        }
    }
}

internal sealed record HistoryRequest
{
    public string? Id { get; init; }

    public int? Sequence { get; init; }

    public int? Seq { get; init; }

    public bool Live { get; init; }

    public bool? Keys { get; init; }

    public int? Limit { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(HistoryRequest))]
internal sealed partial class HistoryJson : JsonSerializerContext;
