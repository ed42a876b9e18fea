using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ssb.Conn;

/// <summary>A <see cref="DbPeer"/> as <c>[address, {...}]</c>.</summary>
public sealed class DbPeerJsonConverter : JsonConverter<DbPeer>
{
    /// <inheritdoc/>
    public override DbPeer Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        JsonElement entry = JsonElement.ParseValue(ref reader);
        if (entry.ValueKind != JsonValueKind.Array || entry.GetArrayLength() != 2)
            throw new JsonException("Expected an entry, [address, {...}].");
        MultiserverAddress? address = entry[0].Deserialize(StagingJsonContext.Default.MultiserverAddress);
        if (address is null)
            throw new JsonException("Expected a multiserver address as a JSON string.");
        return new DbPeer(address, PeerData.Of(entry[1]));
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, DbPeer value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        ExactJson.Write(writer, value, static (exact, peer) => peer.WriteTo(exact));
    }
}

/// <summary>A <see cref="DbEvent"/> as <c>{type, address}</c>, or <c>{type, missed}</c> for a reader that lagged. Events are not read
/// back.</summary>
public sealed class DbEventJsonConverter : JsonConverter<DbEvent>
{
    /// <inheritdoc/>
    public override DbEvent Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Events are written, not read.");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, DbEvent value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        ExactJson.Write(writer, value, static (exact, e) => e.WriteTo(exact));
    }
}

/// <summary>A <see cref="HubPeer"/> as <c>[address, {...data, key, state, hubBirth, hubUpdated, hubStateSince}]</c>. It is not read back.</summary>
public sealed class HubPeerJsonConverter : JsonConverter<HubPeer>
{
    /// <inheritdoc/>
    public override HubPeer Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Entries of the hub are written, not read.");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, HubPeer value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        ExactJson.Write(writer, value, static (exact, peer) => peer.WriteTo(exact));
    }
}

/// <summary>A <see cref="ConnPeer"/> as <c>[address, {pool, ...data}]</c>. It is not read back.</summary>
public sealed class ConnPeerJsonConverter : JsonConverter<ConnPeer>
{
    /// <inheritdoc/>
    public override ConnPeer Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Answers of a query are written, not read.");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, ConnPeer value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ExactJson.Write(writer, value, static (exact, peer) => peer.WriteTo(exact));
    }
}

/// <summary>A <see cref="WhyReport"/> as <see cref="WhyReport.ToJson"/> gives it. It is not read back.</summary>
public sealed class WhyReportJsonConverter : JsonConverter<WhyReport>
{
    /// <inheritdoc/>
    public override WhyReport Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Reports are written, not read.");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, WhyReport value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        ExactJson.Write(writer, value, static (exact, report) => report.WriteTo(exact));
    }
}
