using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ssb.Conn;

/// <summary><see cref="StagedData"/> as a JSON object.</summary>
public sealed class StagedDataJsonConverter : JsonConverter<StagedData>
{
    /// <inheritdoc/>
    public override StagedData Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        StagingJson.ReadData(JsonElement.ParseValue(ref reader));

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, StagedData value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        ExactJson.Write(writer, value, static (exact, data) => StagingJson.Write(exact, data.Key, data, times: null));
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
        return new StagedPeer(address, StagingJson.ReadData(data), share: null, Time("stagingBirth"), Time("stagingUpdated"));

        long Time(string name) =>
            data.TryGetProperty(name, out JsonElement time) && time.ValueKind == JsonValueKind.Number && time.TryGetDouble(out double value)
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
            exact.WriteStringValue(peer.Address.Text);
            StagingJson.Write(exact, peer.Key, peer.Data, (peer.Birth, peer.Updated));
            exact.WriteEndArray();
        });
    }
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
            if (e.Address is { } address)
                exact.WriteString("address", address.Text);
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
    /// <summary>The latest moment a DateTimeOffset can tell, in Unix milliseconds; the earliest is nearer.</summary>
    public const double LatestTime = 62_135_596_800_000;

    public static StagedData ReadData(JsonElement data)
    {
        if (data.ValueKind != JsonValueKind.Object)
            throw new JsonException("Expected a JSON object.");
        var fields = new Dictionary<string, JsonElement>();
        try
        {
            foreach (JsonProperty property in data.EnumerateObject())
                fields[property.Name] = property.Value;
            return fields.Count == 0 ? StagedData.Empty : new StagedData { Fields = fields };
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException) // a lone surrogate, in a value or a name
        {
            throw new JsonException(e.Message, e);
        }
    }

    public static void Write(Utf8JsonWriter writer, string? key, StagedData data, (long Birth, long Updated)? times)
    {
        writer.WriteStartObject();
        if (key is not null)
            writer.WriteString("key", key);
        if (data.Type is { } type)
            writer.WriteString("type", type);
        if (times is { } t)
        {
            writer.WriteNumber("stagingBirth", t.Birth);
            writer.WriteNumber("stagingUpdated", t.Updated);
        }

        if (data.Verified is { } verified)
            writer.WriteBoolean("verified", verified);
        foreach ((string name, JsonElement value) in data.Fields)
        {
            writer.WritePropertyName(name);
            value.WriteTo(writer);
        }

        writer.WriteEndObject();
    }

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
