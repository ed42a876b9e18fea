using System.Text;
using System.Text.Json;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace Ssb.Conn.Staging.Tests.Json;

/// <summary>An entry as JSON: <c>[address, {key, type, stagingBirth, stagingUpdated, ...}]</c> in the bytes of JSON.stringify.</summary>
public sealed class EntryJsonTests : IDisposable
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    private readonly FakeTimeProvider _clock = Given.Clock();
    private readonly ConnStaging _bench;

    public EntryJsonTests() => _bench = new ConnStaging(new StagingOptions { TimeProvider = _clock });

    // Each as JSON.stringify writes it, or in another way that is kept as given.
    public static TheoryData<string> Values =>
    [
        "null", "true", "false", "0", "-0", "1e3", "1E+3", "1.50", "123456789012345678901234567890", "\"\"", "[]", "{}",
        "[1,[2,[3,{\"a\":[]}]]]", "{\"a\":{\"b\":{\"c\":null}}}", "{\"b\":1,\"a\":2}",
        "\"+/=<>&'`\"", "\"\\\"\\\\/\"", "\"é\"", "\"日本語\"", "\"😀🏳️‍🌈\"", "\"\u2028\u2029\"", "\"\u007f\u0080\u009f\"", "\"\uFEFF\uFFFD\uFFFF\"",
        "\"\\b\\f\\n\\r\\t\"", "\"\\u0000\\u0001\\u000b\\u001f\"", "{\"+😀\u2028\u007f\\n\\u0001\\\"\":\"+😀\u2028\u007f\\n\\u0001\\\"\"}",
    ];

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void ToJson_OfAnEntry_HasTheFieldsInTheOriginalsOrder()
    {
        _bench.Stage(Given.Address(1), PeerData.Parse("""{"name":"ann","verified":true,"type":"lan","zeta":1,"alpha":2}"""));
        _clock.Advance(TimeSpan.FromMilliseconds(5));
        _bench.Stage(Given.Address(1));
        Assert.Equal(
            $$"""["{{Given.Address(1)}}",{"key":"{{Given.FeedId(1)}}","type":"lan","stagingBirth":1700000000000,"stagingUpdated":1700000000005,"verified":true,"name":"ann","zeta":1,"alpha":2}]""",
            _bench.Get(Given.Address(1))!.ToJson());
    }

    [Fact]
    public void ToJson_NothingTold_HasTheTimesAlone()
    {
        _bench.Stage("net:a:1");
        Assert.Equal("""["net:a:1",{"stagingBirth":1700000000000,"stagingUpdated":1700000000000}]""", _bench.Get("net:a:1")!.ToJson());
    }

    [Theory, MemberData(nameof(Values))]
    public void ToJson_AnyValue_IsKeptAsGivenAndReadBack(string value)
    {
        _bench.Stage("net:a:1", PeerData.Parse($$"""{"field":{{value}}}"""));
        StagedPeer peer = _bench.Get("net:a:1")!;
        string expected = $$"""["net:a:1",{"stagingBirth":1700000000000,"stagingUpdated":1700000000000,"field":{{value}}}]""";
        Assert.Equal(expected, peer.ToJson());
        Assert.Equal(expected, JsonSerializer.Serialize(peer, JsonSerializerOptions.Default));
        Assert.Equal(expected, JsonSerializer.Serialize(peer, s_indented));
        Assert.Equal(Encoding.UTF8.GetBytes(expected), JsonSerializer.SerializeToUtf8Bytes(peer, StagingJsonContext.Default.StagedPeer));
        StagedPeer again = JsonSerializer.Deserialize(expected, StagingJsonContext.Default.StagedPeer)!;
        Assert.Equal(peer, again);
        Assert.Equal(peer.GetHashCode(), again.GetHashCode());
        Assert.Equal(expected, again.ToJson());
    }

    [Fact]
    public void ToJson_EscapesThatNeedNotBe_AreWrittenAsStringifyDoes()
    {
        _bench.Stage("net:a:1", PeerData.Parse("""{"a\u002b":"\u0041\u002B\ud83d\ude00\/"}"""));
        Assert.Equal("""["net:a:1",{"stagingBirth":1700000000000,"stagingUpdated":1700000000000,"a+":"A+😀/"}]""", _bench.Get("net:a:1")!.ToJson());
    }

    [Theory]
    [InlineData(0.1, "0.1")]
    [InlineData(100, "100")]
    [InlineData(-12.25, "-12.25")]
    [InlineData(1e15, "1000000000000000")]
    [InlineData(999999999999999900000d, "999999999999999900000")]
    [InlineData(1.25e-7, "1.25e-7")]
    [InlineData(0.00000123, "0.00000123")]
    [InlineData(1.7976931348623157e308, "1.7976931348623157e+308")]
    [InlineData(1e21, "1e+21")]
    [InlineData(123456789012345680000d, "123456789012345680000")]
    [InlineData(1e-7, "1e-7")]
    [InlineData(0.000001, "0.000001")]
    [InlineData(-0.0, "0")]
    [InlineData(-1.5e300, "-1.5e+300")]
    [InlineData(5e-324, "5e-324")]
    [InlineData(1700000000000d, "1700000000000")]
    public void With_Number_IsWrittenAsStringifyDoes(double value, string expected) =>
        Assert.Equal(expected, PeerData.Empty.With("n", value).Field("n").GetRawText());

    [Fact]
    public void With_TextAndTruth_AreReadBack()
    {
        PeerData data = PeerData.Empty.With("text", "+😀\u2028\n").With("truth", true).With("type", "lan").With("verified", false);
        Assert.Equal(("lan", false), (data.Type, data.Verified));
        Assert.Equal(["text", "truth", "type", "verified"], data.Names());
        Assert.Equal("{\"text\":\"+😀\u2028\\n\",\"truth\":true,\"type\":\"lan\",\"verified\":false}", JsonSerializer.Serialize(data, JsonSerializerOptions.Default));
    }

    [Fact]
    public void ToJson_KeyWithPlusAndSlash_IsNotEscaped()
    {
        const string Address = "net:a:1~shs:+/+/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        _bench.Stage(Address);
        Assert.Equal(
            $$"""["{{Address}}",{"key":"@+/+/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=.ed25519","stagingBirth":1700000000000,"stagingUpdated":1700000000000}]""",
            _bench.Get(Address)!.ToJson());
    }

    [Fact]
    public void Serialize_Indented_DoesNotDependOnTheSystem()
    {
        _bench.Stage("net:a:1", PeerData.Parse("""{"a":[1,2]}"""));
        string json = JsonSerializer.Serialize(_bench.Entries().ToArray(), s_indented);
        Assert.Contains("""["net:a:1",{"stagingBirth":1700000000000,"stagingUpdated":1700000000000,"a":[1,2]}]""", json, StringComparison.Ordinal);
    }

    [Fact]
    public void Serialize_ASnapshot_IsAnArrayOfEntries()
    {
        _bench.Stage("net:a:1");
        _bench.Stage("net:b:1");
        string json = JsonSerializer.Serialize(_bench.Entries(), StagingJsonContext.Default.StagingSnapshot);
        Assert.Equal($"[{_bench.Get("net:a:1")!.ToJson()},{_bench.Get("net:b:1")!.ToJson()}]", json);
        Assert.Equal(_bench.Entries().ToArray(), JsonSerializer.Deserialize(json, StagingJsonContext.Default.StagedPeerArray)!);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""["net:a:1"]""")]
    [InlineData("""["net:a:1",{"stagingBirth":1,"stagingUpdated":1},1]""")]
    [InlineData("""["net:a:1",null]""")]
    [InlineData("""["net:a:1",[]]""")]
    [InlineData("""["net:a:1",{}]""")]
    [InlineData("""["net:a:1",{"stagingBirth":"1","stagingUpdated":1}]""")]
    [InlineData("""["net:a:1",{"stagingBirth":1e300,"stagingUpdated":1}]""")]
    [InlineData("""[null,{"stagingBirth":1,"stagingUpdated":1}]""")]
    [InlineData("""["A",{"stagingBirth":1,"stagingUpdated":1}]""")]
    [InlineData("""["net:\ud800:1",{"stagingBirth":1,"stagingUpdated":1}]""")]
    public void Deserialize_NoEntry_ThrowsJsonException(string json)
    {
        if (json == "null")
            Assert.Null(JsonSerializer.Deserialize(json, StagingJsonContext.Default.StagedPeer));
        else
            Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(json, StagingJsonContext.Default.StagedPeer));
    }

    [Fact]
    public void ToJson_GeneratedData_IsReadBackEqual() =>
        Gen.Select(GenJson.Object, Gen.Int[0, 2]).Sample(
            (json, type) =>
            {
                using var bench = new ConnStaging(new StagingOptions { TimeProvider = _clock });
                PeerData data = PeerData.Parse(json) with { Type = type == 0 ? null : $"type{type}" };
                bench.Stage(Given.Address(1), data);
                StagedPeer peer = bench.Get(Given.Address(1))!;
                string text = peer.ToJson();
                StagedPeer again = JsonSerializer.Deserialize(text, StagingJsonContext.Default.StagedPeer)!;
                Assert.Equal(peer, again);
                Assert.Equal(text, again.ToJson());
                Assert.Equal(json, JsonSerializer.Serialize(data with { Type = null }, JsonSerializerOptions.Default));
            },
            iter: Rounds.Of(1_000));
}
