using System.Text;
using System.Text.Json;

namespace Ssb.Conn.Staging.Tests.Json;

/// <summary>Data as JSON: what is given, what is not, and what is refused.</summary>
public class DataJsonTests
{
    public static TheoryData<string> LoneSurrogates =>
        ["\"\\ud800\"", "\"a\\udc00b\"", "[\"\\udfff\"]", "{\"\\ud800\":1}", "{\"a\":[{\"b\":\"\\ud83d\"}]}", "\"\\ude00\\ud83d\""];

    [Fact]
    public void Parse_NullField_IsAValueAndNotNothing()
    {
        StagedData data = StagedData.Parse("""{"key":null,"type":null,"verified":null,"name":null}""");
        Assert.Null(data.Key);
        Assert.Null(data.Type);
        Assert.Null(data.Verified);
        Assert.Equal(["key", "type", "verified", "name"], data.Fields.Keys);
        Assert.All(data.Fields.Values, value => Assert.Equal(JsonValueKind.Null, value.ValueKind));
        Assert.NotEqual(StagedData.Empty, data);
    }

    [Fact]
    public void Stage_JsonNull_ReplacesAndNothingGivenDoesNot()
    {
        using var bench = new ConnStaging();
        bench.Stage("net:a:1", new StagedData { Key = "@a", Type = "lan", Verified = false });
        bench.Stage("net:a:1", new StagedData { Key = null, Type = null, Verified = null });
        Assert.Equal(("@a", "lan", false), Told());
        bench.Stage("net:a:1", StagedData.Parse("""{"key":null,"type":null,"verified":null}"""));
        Assert.Equal((null, null, null), Told());
        Assert.Equal(3, bench.Get("net:a:1")!.Data.Fields.Count);
        bench.Stage("net:a:1", new StagedData { Key = "@b", Type = "bt", Verified = true });
        Assert.Equal(("@b", "bt", true), Told());
        Assert.Empty(bench.Get("net:a:1")!.Data.Fields);

        (string?, string?, bool?) Told() => (bench.Get("net:a:1")!.Key, bench.Get("net:a:1")!.Type, bench.Get("net:a:1")!.Verified);
    }

    [Fact]
    public void Parse_TypedFieldOfAnotherKind_IsKeptAsAField()
    {
        StagedData data = StagedData.Parse("""{"key":5,"type":["lan"],"verified":"yes"}""");
        Assert.Equal((null, null, null), (data.Key, data.Type, data.Verified));
        Assert.Equal("""{"key":5,"type":["lan"],"verified":"yes"}""", JsonSerializer.Serialize(data, StagingJsonContext.Default.StagedData));
    }

    [Fact]
    public void Parse_ReservedNames_AreIgnored()
    {
        Assert.Equal(StagedData.Empty, StagedData.Parse("""{"stagingBirth":1,"stagingUpdated":null}"""));
        Assert.Equal(StagedData.Empty, StagedData.Empty.With("stagingBirth", 1));
    }

    [Fact]
    public void Parse_RepeatedName_TheLastCounts() =>
        Assert.Equal(StagedData.Parse("""{"a":2,"type":"bt"}"""), StagedData.Parse("""{"a":1,"type":"lan","a":2,"type":"bt"}"""));

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("1")]
    [InlineData("\"a\"")]
    [InlineData("{")]
    [InlineData("")]
    [InlineData("{}{}")]
    public void Parse_NoObject_ThrowsJsonException(string json) => Assert.ThrowsAny<JsonException>(() => StagedData.Parse(json));

    [Theory, MemberData(nameof(LoneSurrogates))]
    public void Parse_LoneSurrogate_IsRefused(string value)
    {
        Assert.ThrowsAny<JsonException>(() => StagedData.Parse($$"""{"a":{{value}}}"""));
        using var document = JsonDocument.Parse(value);
        Assert.Throws<ArgumentException>(() => StagedData.Empty.With("a", document.RootElement));
        Assert.Throws<ArgumentException>(() => new StagedData { Fields = new Dictionary<string, JsonElement> { ["a"] = document.RootElement } });
    }

    [Fact]
    public void Parse_LoneSurrogateInAName_IsRefused()
    {
        Assert.ThrowsAny<JsonException>(() => StagedData.Parse("""{"\ud800":1}"""));
        Assert.Throws<ArgumentException>(() => StagedData.Empty.With("a\ud800", 1));
        Assert.Throws<ArgumentException>(() => StagedData.Empty.With("\udc00\ud800", 1));
    }

    [Fact]
    public void Properties_LoneSurrogate_AreRefused()
    {
        foreach (string text in new[] { "\ud800", "a\udc00", "\ud83da\ude00", "\ude00\ud83d" })
        {
            Assert.Throws<ArgumentException>(() => new StagedData { Key = text });
            Assert.Throws<ArgumentException>(() => new StagedData { Type = text });
            Assert.Throws<ArgumentException>(() => StagedData.Empty.With("a", text));
        }

        Assert.Equal("😀", new StagedData { Type = "😀" }.Type);
    }

    [Fact]
    public void Parse_BytesThatAreNoUtf8_AreRefused()
    {
        byte[] value = [.. "{\"a\":\"x"u8, 0xFF, .. "\"}"u8], name = [.. "{\"a"u8, 0xC3, .. "\":1}"u8], inner = [.. "{\"a\":[{\"b"u8, 0xED, 0xA0, 0x80, .. "\":1}]}"u8];
        foreach (byte[] bytes in new[] { value, name, inner })
            Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(bytes, StagingJsonContext.Default.StagedData));
    }

    [Fact]
    public void Fields_DocumentDisposed_AreKept()
    {
        StagedData data;
        using (var document = JsonDocument.Parse("""{"a":[1]}"""))
            data = StagedData.Empty.With("a", document.RootElement.GetProperty("a"));
        Assert.Equal("[1]", data.Fields["a"].GetRawText());
    }

    [Fact]
    public void Equals_SameValuesInOtherOrder_IsTrue()
    {
        StagedData one = StagedData.Parse("""{"a":{"x":1,"y":[1.0,"A"]},"b":1000,"type":"lan"}""");
        StagedData two = StagedData.Parse("""{"type":"lan","b":1e3,"a":{"y":[1,"\u0041"],"x":1}}""");
        Assert.Equal(one, two);
        Assert.Equal(one.GetHashCode(), two.GetHashCode());
        Assert.NotEqual(one, StagedData.Parse("""{"type":"lan","b":1e3,"a":{"y":["A",1],"x":1}}"""));
        Assert.NotEqual(one, one with { Type = "bt" });
        Assert.NotEqual(one, one.With("c", true));
        Assert.NotEqual(one, one with { Verified = false });
    }

    [Fact]
    public void Fields_GivenBesideAProperty_ThePropertyCounts()
    {
        var data = new StagedData { Type = "lan", Fields = StagedData.Parse("""{"a":1}""").With("type", JsonSerializer.SerializeToElement(5)).Fields };
        Assert.Equal("lan", data.Type);
        Assert.Equal(["a"], data.Fields.Keys);
        StagedData later = data with { Fields = new Dictionary<string, JsonElement>(), Key = "@a" };
        Assert.Equal(("lan", "@a"), (later.Type, later.Key));
    }

    [Fact]
    public void Serialize_Data_HasNoTimes() =>
        Assert.Equal(
            Encoding.UTF8.GetBytes("""{"key":"@+/","type":"lan","verified":true,"a":"+"}"""),
            JsonSerializer.SerializeToUtf8Bytes(new StagedData { Key = "@+/", Type = "lan", Verified = true }.With("a", "+"), JsonSerializerOptions.Default));
}
