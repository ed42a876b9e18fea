using System.ComponentModel;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ssb;

/// <summary>A <see cref="FeedId"/> as a JSON string, or as the name of a JSON property: <c>@BASE64=.ed25519</c>.</summary>
public sealed class FeedIdJsonConverter : JsonConverter<FeedId>
{
    /// <inheritdoc/>
    public override FeedId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String ? ReadText(ref reader) : throw new JsonException("Expected a feed id as a JSON string.");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, FeedId value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ExactJson.Write(writer, value, static (exact, id) => exact.WriteStringValue(id.ToString()));
    }

    /// <inheritdoc/>
    public override FeedId ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => ReadText(ref reader);

    /// <inheritdoc/>
    public override void WriteAsPropertyName(Utf8JsonWriter writer, FeedId value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WritePropertyName(JsonEncodedText.Encode(value.ToString(), ExactJson.Encoder));
    }

    private static FeedId ReadText(ref Utf8JsonReader reader)
    {
        try
        {
            return FeedId.Parse(reader.GetString());
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException) // the latter: half a surrogate pair
        {
            throw new JsonException(e.Message, e);
        }
    }
}

/// <summary>A <see cref="FeedId"/> from its text, as configuration and designers ask for it.</summary>
public sealed class FeedIdTypeConverter : TypeConverter
{
    /// <inheritdoc/>
    public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) =>
        sourceType == typeof(string) || base.CanConvertFrom(context, sourceType);

    /// <inheritdoc/>
    /// <exception cref="FormatException"><paramref name="value"/> is text, but not a feed id.</exception>
    public override object? ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) =>
        value is string text ? FeedId.Parse(text) : base.ConvertFrom(context, culture, value);
}
