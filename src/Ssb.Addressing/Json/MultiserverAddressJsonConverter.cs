using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ssb;

/// <summary>A <see cref="MultiserverAddress"/> as a JSON string, whole and unescaped as <c>JSON.stringify</c> writes it.</summary>
public sealed class MultiserverAddressJsonConverter : JsonConverter<MultiserverAddress>
{
    /// <inheritdoc/>
    public override MultiserverAddress Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String)
            throw new JsonException("Expected a multiserver address as a JSON string.");
        try
        {
            return MultiserverAddress.Parse(reader.GetString()!); // a String token is never null
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException) // the latter: a lone surrogate
        {
            throw new JsonException(e.Message, e);
        }
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, MultiserverAddress value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        ExactJson.Write(writer, value, static (exact, address) => exact.WriteStringValue(address.Text));
    }
}
