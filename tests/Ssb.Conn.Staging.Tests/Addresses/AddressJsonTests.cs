using System.Text;
using System.Text.Json;

namespace Ssb.Conn.Staging.Tests.Addresses;

/// <summary>An address as JSON: the whole text, in the bytes of <c>JSON.stringify</c>.</summary>
public class AddressJsonTests
{
    // The key has both characters that System.Text.Json would escape.
    private const string Text = "net:10.0.0.1:8008~shs:+/+/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:<&'\"\\`>";

    private const string Json = "\"net:10.0.0.1:8008~shs:+/+/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:<&'\\\"\\\\`>\"";

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    public static TheoryData<JsonSerializerOptions> Options =>
        new(JsonSerializerOptions.Default, JsonSerializerOptions.Web, s_indented);

    [Theory, MemberData(nameof(Options))]
    public void Serialize_AnyOptions_WritesExactBytes(JsonSerializerOptions options)
    {
        MultiserverAddress address = MultiserverAddress.Parse(Text);
        Assert.Equal(Json, JsonSerializer.Serialize(address, options));
        Assert.Equal(Encoding.UTF8.GetBytes(Json), JsonSerializer.SerializeToUtf8Bytes(address, options));
        Assert.Equal(address, JsonSerializer.Deserialize<MultiserverAddress>(Json, options));
    }

    [Fact]
    public void Serialize_WithTheContext_WritesExactBytes() =>
        Assert.Equal(Json, JsonSerializer.Serialize(MultiserverAddress.Parse(Text), StagingJsonContext.Default.MultiserverAddress));

    [Theory]
    [InlineData("\"net:host:8008~\"")]
    [InlineData("\"\"")]
    [InlineData("\"\\ud800\"")]
    [InlineData("5")]
    [InlineData("{}")]
    [InlineData("[\"net:host:8008\"]")]
    public void Deserialize_NoAddress_ThrowsJsonException(string json) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<MultiserverAddress>(json, JsonSerializerOptions.Default));

    [Fact]
    public void Deserialize_EscapedText_IsUnescaped() =>
        Assert.Equal("net:a:1", JsonSerializer.Deserialize<MultiserverAddress>("\"\\u006eet:a:1\"", JsonSerializerOptions.Default)!.Text);
}
