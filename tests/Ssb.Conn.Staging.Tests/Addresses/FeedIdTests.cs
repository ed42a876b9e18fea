using System.ComponentModel;
using System.Text.Json;
using CsCheck;

namespace Ssb.Conn.Staging.Tests.Addresses;

/// <summary>A feed id as text, in JSON and in configuration.</summary>
public class FeedIdTests
{
    private static readonly TypeConverter s_converter = TypeDescriptor.GetConverter(typeof(FeedId));

    /// <summary>Texts that are no feed id, in the one spelling that <see cref="FeedId.Parse(ReadOnlySpan{char})"/> takes.</summary>
    public static TheoryData<string> BadTexts =>
    [
        "", "@", "@abc.ed25519", "net:host:8008", Given.Base64(1), Given.FeedId(1)[1..], Given.FeedId(1) + "\n", " " + Given.FeedId(1), Given.FeedId(1).ToUpperInvariant(),
        $"@{Given.Base64(1)[..43]}.ed25519", $"@{Given.Base64(1)}.sha256", $"@{Given.Base64(1)[..40]}\n\n\n=.ed25519", $"@{new string('A', 44)}.ed25519",
        $"@{new string('A', 42)}B=.ed25519", // two bits too many
        $"@{new string('-', 43)}=.ed25519",
    ];

    [Fact]
    public void Json_AnyBytes_AreReadBack() =>
        Gen.Byte.Array[32].Sample(
            key =>
            {
                var id = new FeedId(key);
                string json = JsonSerializer.Serialize(id);
                Assert.Equal($"\"@{Convert.ToBase64String(key)}.ed25519\"", json); // '+' and '/' are not escaped
                Assert.Equal(id, JsonSerializer.Deserialize<FeedId>(json));
                byte[] again = new byte[FeedId.Size];
                JsonSerializer.Deserialize<FeedId>(json).CopyTo(again);
                Assert.Equal(key, again);
            },
            iter: 1_000);

    [Fact]
    public void Json_InsideARecord_IsItsText()
    {
        var friend = new Friend("ann", Given.Id(1), null);
        string json = JsonSerializer.Serialize(friend);
        Assert.Equal($$"""{"Name":"ann","Who":"{{Given.FeedId(1)}}","Portal":null}""", json);
        Assert.Equal(friend, JsonSerializer.Deserialize<Friend>(json));
    }

    [Fact]
    public void Json_KeyOfADictionary_IsThePropertyName()
    {
        var key = new FeedId([.. Enumerable.Repeat((byte)0xFF, FeedId.Size)]); // a text of '/' alone
        var hops = new Dictionary<FeedId, int> { [Given.Id(1)] = 1, [key] = 2 };
        string json = JsonSerializer.Serialize(hops);
        Assert.Equal($$"""{"{{Given.FeedId(1)}}":1,"{{key}}":2}""", json);
        Assert.Equal(hops, JsonSerializer.Deserialize<Dictionary<FeedId, int>>(json));
    }

    [Theory, MemberData(nameof(BadTexts))]
    public void Json_BadText_ThrowsJsonException(string text)
    {
        string quoted = JsonSerializer.Serialize(text);
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<FeedId>(quoted));
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<Dictionary<FeedId, int>>($$"""{{{quoted}}:1}"""));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("5")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("true")]
    [InlineData("\"\\ud800\"")]
    public void Json_NoText_ThrowsJsonException(string json)
    {
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<FeedId>(json));
        if (json == "null")
            Assert.Null(JsonSerializer.Deserialize<FeedId?>(json));
    }

    [Fact]
    public void Converter_Text_IsTheFeedId()
    {
        Assert.True(s_converter.CanConvertFrom(typeof(string)));
        Assert.False(s_converter.CanConvertFrom(typeof(int)));
        Assert.Equal(Given.Id(1), s_converter.ConvertFromInvariantString(Given.FeedId(1)));
        Assert.Equal(Given.FeedId(1), s_converter.ConvertToInvariantString(Given.Id(1)));
    }

    [Theory, MemberData(nameof(BadTexts))]
    public void ConverterAndParse_BadText_ThrowFormatException(string text)
    {
        Assert.Throws<FormatException>(() => s_converter.ConvertFromInvariantString(text));
        Assert.Throws<FormatException>(() => FeedId.Parse(text));
        Assert.False(FeedId.TryParse(text, out FeedId id));
        Assert.Equal(default, id);
    }

    [Fact]
    public void Parse_BadText_DoesNotRepeatIt()
    {
        string secret = $"@{Given.Base64(9)}{Given.Base64(8)}.ed25519";
        FormatException error = Assert.Throws<FormatException>(() => FeedId.Parse(secret));
        Assert.DoesNotContain(Given.Base64(9)[..8], error.ToString(), StringComparison.Ordinal);
    }

    private sealed record Friend(string Name, FeedId Who, FeedId? Portal);
}
