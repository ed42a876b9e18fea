using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ssb.Conn;

/// <summary>Source-generated JSON of the types of this package, for AOT and trimmed programs. The bytes are those of
/// <c>JSON.stringify</c> whatever encoder the caller's writer has.</summary>
[JsonSerializable(typeof(PeerData))]
public sealed partial class ConnJsonContext : JsonSerializerContext;

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
            ConnJson.WriteFields(exact, data);
            exact.WriteEndObject();
        });
    }
}

internal static class ConnJson
{
    public static void WriteFields(Utf8JsonWriter writer, PeerData data)
    {
        foreach (ref readonly PeerField field in data.Raw)
        {
            writer.WritePropertyName(field.Name);
            // A value that spans lines is written anew; a scalar is its own text.
            if (field.Json.Span is [(byte)'{' or (byte)'[', ..])
                field.Value.WriteTo(writer);
            else
                writer.WriteRawValue(field.Json.Span, skipInputValidation: true);
        }
    }
}
