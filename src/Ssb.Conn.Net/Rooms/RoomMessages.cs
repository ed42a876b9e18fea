// What rooms say: room.metadata and room.attendants of https://github.com/ssbc/rooms2, tunnel.isRoom and tunnel.endpoints of npm ssb-room 1.3.0.
using System.Runtime.InteropServices;
using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>What a room tells of itself.</summary>
/// <param name="Name">Its name, cut to 300 characters; null if it has none.</param>
/// <param name="Data">What hub and address book are told of it.</param>
internal sealed record RoomMetadata(string? Name, PeerData Data)
{
    // The names of features, and the fields that ssb-room-client 2.0.2 makes of them.
    private static readonly (string Feature, string Field)[] s_features =
    [
        ("room1", "openInvites"), ("room2", "supportsRoom2"), ("alias", "supportsAliases"), ("httpAuth", "supportsHttpAuth"), ("httpInvite", "supportsHttpInvite"),
    ];

    /// <summary>Reads the answer to <c>room.metadata</c> or <c>tunnel.isRoom</c>.</summary>
    /// <returns>null if the answer is that this is no room.</returns>
    public static RoomMetadata? Read(RpcValue answer, bool isRoom1)
    {
        if (RoomNews.Json(answer) is not { } json)
            return null;
        if (json.ValueKind == JsonValueKind.True)
            return new RoomMetadata(null, PeerData.Empty); // a room without a configuration
        if (json.ValueKind != JsonValueKind.Object)
            return null;
        if (!json.EnumerateObject().MoveNext())
            return new RoomMetadata(null, PeerData.Empty);

        PeerData data = PeerData.Empty.With("type", "room");
        string? name = JsonGate.TryGetMember(json, "name"u8, out JsonElement given) && JsonGate.TextOf(given) is { Length: > 0 } text
            ? StrangerText.Shorten(text) : null;
        if (name is not null)
            data = data.With("name", name);
        if (JsonGate.TryGetMember(json, "membership"u8, out JsonElement membership) && membership.ValueKind == JsonValueKind.True)
            data = data.With("membership", true);
        if (isRoom1)
            data = data.With("openInvites", true);
        if (JsonGate.TryGetMember(json, "features"u8, out JsonElement features) && features.ValueKind == JsonValueKind.Array)
        {
            foreach ((string feature, string field) in s_features)
            {
                if (features.EnumerateArray().Any(f => JsonGate.TextOf(f) == feature))
                    data = data.With(field, true);
            }
        }

        return new RoomMetadata(name, data);
    }
}

/// <summary>What a room tells of its attendants: all of them, or one who came or left.</summary>
/// <param name="All">Those who are there; null if it tells of one.</param>
/// <param name="Joined">Who came.</param>
/// <param name="Left">Who left.</param>
internal readonly record struct RoomNews(IReadOnlyCollection<FeedId>? All, FeedId? Joined, FeedId? Left)
{
    private const int LongestId = 6 * FeedId.TextLength + 2; // each character escaped, between quotes

    /// <summary>Reads an item of <c>room.attendants</c>, or of <c>tunnel.endpoints</c>, which are lists.</summary>
    /// <param name="item">What came.</param>
    /// <param name="most">How many ids of a list count; the others are not read.</param>
    /// <returns>null if it is none of these.</returns>
    public static RoomNews? Read(RpcValue item, int most)
    {
        if (Json(item) is not { } json)
            return null;
        if (json.ValueKind == JsonValueKind.Array)
            return new RoomNews(Ids(json, most), null, null);
        if (!JsonGate.TryGetMember(json, "type"u8, out JsonElement given) || JsonGate.TextOf(given) is not { } type)
            return null;
        if (type == "state")
            return JsonGate.TryGetMember(json, "ids"u8, out JsonElement ids) && ids.ValueKind == JsonValueKind.Array ? new RoomNews(Ids(ids, most), null, null) : null;
        if (!JsonGate.TryGetMember(json, "id"u8, out JsonElement told) || Id(told) is not { } id)
            return null;
        return type == "joined" ? new RoomNews(null, id, null) : type == "left" ? new RoomNews(null, null, id) : null;
    }

    /// <summary>What a room sent as JSON; null if it is something else.</summary>
    public static JsonElement? Json(RpcValue value)
    {
        try
        {
            return value.AsJson();
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>A feed id; null if it is none.</summary>
    public static FeedId? Id(JsonElement json) => json.ValueKind == JsonValueKind.String && JsonMarshal.GetRawUtf8Value(json).Length <= LongestId
        && FeedId.TryParse(JsonGate.TextOf(json), out FeedId id) ? id : null;

    private static HashSet<FeedId> Ids(JsonElement list, int most)
    {
        var ids = new HashSet<FeedId>();
        foreach (JsonElement element in list.EnumerateArray())
        {
            if (ids.Count == most)
                break;
            if (Id(element) is { } id)
                ids.Add(id);
        }

        return ids;
    }
}
