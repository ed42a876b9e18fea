using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ssb.Conn;

/// <summary><see cref="PeerData"/> as a JSON object.</summary>
public sealed class PeerDataJsonConverter : JsonConverter<PeerData>
{
    /// <inheritdoc/>
    public override PeerData Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        PeerData.Of(JsonElement.ParseValue(ref reader));

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, PeerData value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        ExactJson.Write(writer, value, static (exact, data) =>
        {
            exact.WriteStartObject();
            data.WriteFields(exact);
            exact.WriteEndObject();
        });
    }
}

/// <summary>A <see cref="StagedPeer"/> as <c>[address, {key, type, stagingBirth, stagingUpdated, ...}]</c>.</summary>
public sealed class StagedPeerJsonConverter : JsonConverter<StagedPeer>
{
    /// <inheritdoc/>
    public override StagedPeer Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        JsonElement entry = JsonElement.ParseValue(ref reader);
        if (entry.ValueKind != JsonValueKind.Array || entry.GetArrayLength() != 2)
            throw new JsonException("Expected an entry, [address, {...}].");
        JsonElement data = entry[1];
        MultiserverAddress? address = entry[0].Deserialize(StagingJsonContext.Default.MultiserverAddress);
        if (address is null)
            throw new JsonException("Expected a multiserver address as a JSON string.");
        return new StagedPeer(address, PeerData.Of(data).Without(StagedPeer.BenchFields), share: null, Time("stagingBirth"), Time("stagingUpdated"));

        long Time(string name) =>
            JsonGate.TryGetMember(data, Encoding.ASCII.GetBytes(name), out JsonElement time) && time.ValueKind == JsonValueKind.Number && time.TryGetDouble(out double value)
                && Math.Abs(value) <= StagingJson.LatestTime
                ? (long)value
                : throw new JsonException($"Expected '{name}' in Unix milliseconds.");
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, StagedPeer value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        ExactJson.Write(writer, value, static (exact, peer) =>
        {
            exact.WriteStartArray();
            exact.WriteStringValue(peer.Text);
            exact.WriteStartObject();
            if (peer.Key is { } key)
                exact.WriteString("key", key);
            if (peer.Type is { } type)
                exact.WriteString("type", type);
            exact.WriteNumber("stagingBirth", peer.Birth);
            exact.WriteNumber("stagingUpdated", peer.Updated);
            if (peer.Verified is { } verified)
                exact.WriteBoolean("verified", verified);
            foreach (ref readonly PeerField field in peer.Data.Raw)
            {
                if (!IsWritten(peer.Data, field.Name))
                    field.WriteTo(exact);
            }

            exact.WriteEndObject();
            exact.WriteEndArray();
        });
    }

    // A field of the wrong JSON type stands among the others.
    private static bool IsWritten(PeerData data, string name) => name switch
    {
        "key" => data.Key is not null,
        "type" => data.Type is not null,
        "verified" => data.Verified is not null,
        _ => false,
    };
}

/// <summary>A <see cref="StagingEvent"/> as <c>{type, address}</c>, with <c>reason</c> or <c>missed</c> where there is one.
/// Events are not read back.</summary>
public sealed class StagingEventJsonConverter : JsonConverter<StagingEvent>
{
    /// <inheritdoc/>
    public override StagingEvent Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Events are written, not read.");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, StagingEvent value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        ExactJson.Write(writer, value, static (exact, e) =>
        {
            exact.WriteStartObject();
            exact.WriteString("type", e.Type switch { StagingEventType.Staged => "staged", StagingEventType.Unstaged => "unstaged", _ => "missed" });
            if (e.Peer is { } peer)
                exact.WriteString("address", peer.Text);
            if (e.Reason is { } reason)
                exact.WriteString("reason", StagingJson.NameOf(reason));
            if (e.Type == StagingEventType.Missed)
                exact.WriteNumber("missed", e.Missed);
            exact.WriteEndObject();
        });
    }
}

internal static class StagingJson
{
    /// <summary>How far from 1970 a time may be: a DateTimeOffset can tell no earlier one (nor one after the year 3938, then).</summary>
    public const double LatestTime = 62_135_596_800_000;

    public static string NameOf(UnstageReason reason) => reason switch
    {
        UnstageReason.Requested => "requested",
        UnstageReason.Expired => "expired",
        UnstageReason.Evicted => "evicted",
        UnstageReason.Promoted => "promoted",
        UnstageReason.Blocked => "blocked",
        _ => "dismissed",
    };
}
