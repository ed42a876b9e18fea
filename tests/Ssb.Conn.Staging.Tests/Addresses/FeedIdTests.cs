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

    [Theory]
    [InlineData("ssb:feed/ed25519/{0}", true), InlineData("ssb://feed/ed25519/{0}", true), InlineData("ssb:feed:ed25519:{0}", true), InlineData("SSB:feed/classic/{0}", true)]
    [InlineData("ssb:feed/ed25519/{1}", false), InlineData("ssb:feed/ed25519/{1}%3D", false), InlineData("ssb:feed/ed25519/{0}/", false), InlineData("ssb:feed/ed25519/{2}", false)]
    public void Parse_SsbUri_IsTheFeedIdInOneSpelling_AndTheLenientOneReadsTheOthers(string format, bool isCanonical)
    {
        for (int n = 1; n <= 50; n++)
        {
            string key = Given.Base64(n).Replace('+', '-').Replace('/', '_');
            string uri = string.Format(System.Globalization.CultureInfo.InvariantCulture, format, key, key[..43], Given.Base64(n));
            bool isRead = isCanonical || (format.EndsWith("{2}", StringComparison.Ordinal) && key == Given.Base64(n));
            Assert.Equal(isRead, FeedId.TryParse(uri, out FeedId id));
            Assert.Equal(isRead ? Given.Id(n) : default, id);
            Assert.Equal(Given.Id(n), FeedId.ReadLenient(uri));
            Assert.Equal(PeerTarget.From(Given.Id(n)), PeerTarget.Parse(uri));
        }
    }

    [Theory]
    [InlineData("ssb:message/sha256/{0}"), InlineData("ssb:blob/sha256/{0}"), InlineData("ssb:feed/bendybutt-v1/{0}"), InlineData("ssb:feed/ed25519/{1}"), InlineData("ssb:feed/ed25519/{0}{0}")]
    [InlineData("ssb:feed/{0}"), InlineData("ssb:{0}"), InlineData("ssb:@{0}.ed25519"), InlineData("sbs:feed/ed25519/{0}"), InlineData("feed/ed25519/{0}")]
    public void Read_SsbUriOfAnotherKind_IsNoFeedId(string format)
    {
        string key = Given.Base64(1).Replace('+', '-').Replace('/', '_');
        string uri = string.Format(System.Globalization.CultureInfo.InvariantCulture, format, key, key[..40]);
        Assert.False(FeedId.TryParse(uri, out _));
        Assert.Null(FeedId.ReadLenient(uri));
        Assert.Throws<FormatException>(() => FeedId.Parse(uri));
        Assert.False(PeerTarget.TryParse(uri, out _));
        Assert.DoesNotContain(key[..20], Assert.Throws<FormatException>(() => PeerTarget.Parse(uri)).Message, StringComparison.Ordinal);
    }

    // A URI is read at the door, and stands in no address, where npm's grammar decides.
    [Fact]
    public void Grammar_OfAddresses_KnowsNoUris()
    {
        string key = Given.Base64(1).Replace('+', '-').Replace('/', '_');
        var address = MultiserverAddress.Parse($"ssb:feed/ed25519/{key}");
        Assert.Equal(("ssb", null), (address.Routes[0].Transport, address.FeedId));
        var inside = MultiserverAddress.Parse($"net:a:1~shs:ssb!:feed/ed25519/{key}");
        Assert.Null(inside.FeedId);
        Assert.Null(inside.Routes[0].FeedId);
        Assert.Throws<FormatException>(() => MultiserverAddress.ReadLenient(address.Text));
        Assert.Equal("net:a:1", MultiserverAddress.ReadLenient("net:a:1").Text);
        Assert.Throws<FormatException>(() => MultiserverAddress.ReadLenient("ssb:address/multiserver?multiserverAddress=net:abc:1", maxLength: 8));
        Assert.Equal("net:abc:1", MultiserverAddress.ReadLenient("ssb:address/multiserver?multiserverAddress=net%3Aabc%3A1", maxLength: 9).Text);
    }

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
