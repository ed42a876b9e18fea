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
        PeerData data = PeerData.Parse("""{"key":null,"type":null,"verified":null,"name":null}""");
        Assert.Null(data.Key);
        Assert.Null(data.Type);
        Assert.Null(data.Verified);
        Assert.Equal(["key", "type", "verified", "name"], data.Names());
        Assert.All(data.Fields, field => Assert.Equal(JsonValueKind.Null, field.Value.ValueKind));
        Assert.NotEqual(PeerData.Empty, data);
    }

    [Fact]
    public void Stage_JsonNull_ReplacesAndNothingGivenDoesNot()
    {
        using var bench = new ConnStaging();
        bench.Stage("net:a:1", new PeerData { Key = "@a", Type = "lan", Verified = false });
        bench.Stage("net:a:1", new PeerData { Key = null, Type = null, Verified = null });
        Assert.Equal(("@a", "lan", false), Told());
        bench.Stage("net:a:1", PeerData.Parse("""{"key":null,"type":null,"verified":null}"""));
        Assert.Equal((null, null, null), Told());
        Assert.Equal("""{"key":null,"type":null,"verified":null}""", bench.Get("net:a:1")!.Data.ToJson());
        bench.Stage("net:a:1", new PeerData { Key = "@b", Type = "bt", Verified = true });
        Assert.Equal(("@b", "bt", true), Told());
        Assert.Equal("""{"key":"@b","type":"bt","verified":true}""", bench.Get("net:a:1")!.Data.ToJson());

        (string?, string?, bool?) Told() => (bench.Get("net:a:1")!.Key, bench.Get("net:a:1")!.Type, bench.Get("net:a:1")!.Verified);
    }

    [Fact]
    public void Parse_TypedFieldOfAnotherKind_IsKeptAsAField()
    {
        PeerData data = PeerData.Parse("""{"key":5,"type":["lan"],"verified":"yes"}""");
        Assert.Equal((null, null, null), (data.Key, data.Type, data.Verified));
        Assert.Equal("""{"key":5,"type":["lan"],"verified":"yes"}""", JsonSerializer.Serialize(data, StagingJsonContext.Default.PeerData));
    }

    [Theory]
    [InlineData("""{"stagingBirth":1,"stagingUpdated":null}""", "{}")]
    [InlineData("""{"stagingUpdated":5,"a":1}""", """{"a":1}""")]
    public void Stage_ReservedNames_AreIgnored(string given, string kept)
    {
        using var bench = new ConnStaging();
        bench.Stage("net:a:1", PeerData.Parse(given));
        Assert.Equal(kept, bench.Get("net:a:1")!.Data.ToJson());
        bench.Stage("net:a:1", PeerData.Parse(given));
        Assert.Equal(kept, bench.Get("net:a:1")!.Data.ToJson());
    }

    [Fact]
    public void Parse_RepeatedName_TheLastCounts() =>
        Assert.Equal(PeerData.Parse("""{"a":2,"type":"bt"}"""), PeerData.Parse("""{"a":1,"type":"lan","a":2,"type":"bt"}"""));

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("1")]
    [InlineData("\"a\"")]
    [InlineData("{")]
    [InlineData("")]
    [InlineData("{}{}")]
    public void Parse_NoObject_ThrowsJsonException(string json) => Assert.ThrowsAny<JsonException>(() => PeerData.Parse(json));

    [Theory, MemberData(nameof(LoneSurrogates))]
    public void Parse_LoneSurrogate_IsKept(string value)
    {
        string json = $$"""{"a":{{value}}}""";
        PeerData data = PeerData.Parse(json);
        Assert.Equal(json, data.ToJson());
        Assert.Equal(value, data.Field("a").GetRawText());
        using var document = JsonDocument.Parse(value);
        Assert.Equal(json, PeerData.Empty.With("a", document.RootElement).ToJson());
        using var whole = JsonDocument.Parse(json);
        Assert.Equal(data, PeerData.Of(whole.RootElement));
        Assert.Equal(data, PeerData.Parse(json.Replace("ud", "uD", StringComparison.Ordinal)));
        Assert.NotEqual(data, PeerData.Parse(json.Replace("\\ud", "\\ud8", StringComparison.Ordinal)));
    }

    [Fact]
    public void Parse_LoneSurrogateInAName_IsKept()
    {
        Assert.Equal("""{"\ud800":1}""", PeerData.Parse("""{"\uD800":1}""").ToJson());
        Assert.Equal("""{"a\ud800":1}""", PeerData.Empty.With("a\ud800", 1).ToJson());
        Assert.Equal("""{"\udc00\ud800":1}""", PeerData.Empty.With("\udc00\ud800", 1).ToJson());
        Assert.Equal("""{"\ud800":2,"\ud801":3}""", PeerData.Parse("""{"\ud800":1,"\ud801":3,"\ud800":2}""").ToJson());
    }

    [Fact]
    public void Properties_LoneSurrogate_IsKept()
    {
        foreach (string text in new[] { "\ud800", "a\udc00", "\ud83da\ude00", "\ude00\ud83d" })
        {
            PeerData data = new PeerData { Key = text, Type = text, Source = text }.With("a", text), again = PeerData.Parse(data.ToJson());
            Assert.Equal((text, text, text, text), (again.Key, again.Type, again.Source, JsonGate.TextOf(again.Field("a"))));
            Assert.Equal(data, again);
            Assert.DoesNotContain(text, data.ToString(), StringComparison.Ordinal); // which is for people
        }

        Assert.Equal("😀", new PeerData { Type = "😀" }.Type);
    }

    [Fact]
    public void Parse_BytesThatAreNoUtf8_AreRefused()
    {
        byte[] value = [.. "{\"a\":\"x"u8, 0xFF, .. "\"}"u8], name = [.. "{\"a"u8, 0xC3, .. "\":1}"u8], inner = [.. "{\"a\":[{\"b"u8, 0xED, 0xA0, 0x80, .. "\":1}]}"u8];
        foreach (byte[] bytes in new[] { value, name, inner })
            Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(bytes, StagingJsonContext.Default.PeerData));
    }

    [Fact]
    public void Fields_DocumentDisposed_AreKept()
    {
        PeerData data;
        using (var document = JsonDocument.Parse("""{"a":[1]}"""))
            data = PeerData.Empty.With("a", document.RootElement.GetProperty("a"));
        Assert.Equal("[1]", data.Field("a").GetRawText());
    }

    [Fact]
    public void Equals_SameValuesInOtherOrder_IsTrue()
    {
        PeerData one = PeerData.Parse("""{"a":{"x":1,"y":[1.0,"A"]},"b":1000,"type":"lan"}""");
        PeerData two = PeerData.Parse("""{"type":"lan","b":1e3,"a":{"y":[1,"\u0041"],"x":1}}""");
        Assert.Equal(one, two);
        Assert.Equal(one.GetHashCode(), two.GetHashCode());
        Assert.NotEqual(one, PeerData.Parse("""{"type":"lan","b":1e3,"a":{"y":["A",1],"x":1}}"""));
        Assert.NotEqual(one, one with { Type = "bt" });
        Assert.NotEqual(one, one.With("c", true));
        Assert.NotEqual(one, one with { Verified = false });
    }

    [Fact]
    public void Property_Set_IsItsFieldInItsPlace()
    {
        PeerData data = PeerData.Parse("""{"a":1,"type":5,"b":2}""");
        Assert.Null(data.Type);
        PeerData later = data with { Type = "lan", Key = "@a" };
        Assert.Equal(("lan", "@a"), (later.Type, later.Key));
        Assert.Equal("""{"a":1,"type":"lan","b":2,"key":"@a"}""", later.ToJson());
        Assert.Equal("""{"a":1,"type":5,"b":2}""", data.ToJson());
        Assert.Equal("""{"a":1,"b":2,"key":"@a"}""", (later with { Type = null }).ToJson());
        Assert.Equal(later, later with { Source = null });
    }

    [Fact]
    public void Properties_OfAnInitialiser_AreReadBack()
    {
        var data = new PeerData { Key = "@a", Type = "pub", Source = "stored", Autoconnect = false, Verified = true };
        Assert.Equal("""{"key":"@a","type":"pub","source":"stored","autoconnect":false,"verified":true}""", data.ToJson());
        Assert.Equal(("@a", "pub", "stored", false, true), (data.Key, data.Type, data.Source, data.Autoconnect, data.Verified));
        Assert.Equal(data, PeerData.Parse(data.ToJson()));
        Assert.Equal(("stored", false), ((data with { Type = "lan" }).Source, (data with { Type = "lan" }).Autoconnect));
        Assert.Null((data with { Source = null }).Source);
        Assert.Equal("stored", data.Source);
    }

    [Fact]
    public void Merge_NothingNew_IsTheSameObject()
    {
        PeerData data = PeerData.Parse("""{"type":"lan","n":1000,"list":[1,{"a":2}]}""");
        Assert.Same(data, data.Merge(data));
        Assert.Same(data, data.Merge(PeerData.Empty));
        Assert.Same(data, data.Merge(PeerData.Parse("""{"list":[1, {"a":2}],"type":"lan"}""")));
        Assert.Same(data, data.With("type", "lan"));
        Assert.Same(data, data.Without("key"));
        Assert.NotSame(data, data.Merge(PeerData.Parse("""{"n":1e3}"""))); // another text
        Assert.Same(PeerData.Empty, PeerData.Empty.Merge(PeerData.Empty));
    }

    [Fact]
    public void Merge_ManyFieldsInAnotherOrder_IsTheSameObjectOrTheRightOne()
    {
        PeerData many = PeerData.Parse("{" + string.Join(',', Enumerable.Range(0, 200).Select(i => $"\"f{i}\":{i}")) + "}");
        PeerData reversed = PeerData.Parse("{" + string.Join(',', Enumerable.Range(0, 200).Reverse().Select(i => $"\"f{i}\":{i}")) + "}");
        Assert.Same(many, many.Merge(reversed));
        Assert.Equal(many, reversed);
        PeerData changed = many.Merge(reversed.With("f7", true).With("more", 1));
        Assert.Equal([.. many.Names(), "more"], changed.Names());
        Assert.True(changed.Field("f7").GetBoolean());
        Assert.NotEqual(many, reversed.With("f7", true));
    }

    [Fact]
    public void Without_SomeNames_LeavesTheOthersInOrder()
    {
        PeerData data = PeerData.Parse("""{"a":1,"type":"lan","b":2,"verified":true}""");
        Assert.Equal("""{"type":"lan","b":2}""", data.Without("verified", "a", "none").ToJson());
        Assert.Null(data.Without("type").Type);
        Assert.Equal(PeerData.Empty, data.Without("a", "b", "type", "verified"));
    }

    [Fact]
    public void Value_Nested_HasNoBlanks() =>
        Assert.Equal("""{"a b":[1,{"c":" \"}, "}]}""", PeerData.Parse("""{"x": { "a b" : [ 1 , {"c": " \"}, "} ] } }""").Field("x").GetRawText());

    [Fact]
    public void With_NestedAsDeepAsMayBe_IsReadBack_AndDeeperIsRefused()
    {
        string deep = NastyJson.Nested(PeerData.MaxDepth - 1);
        PeerData data = PeerData.Empty.With("a", JsonElement.Parse(deep));
        Assert.Equal(deep, data.Field("a").GetRawText());
        Assert.Equal($$"""{"a":{{deep}}}""", data.ToJson());
        ArgumentException e = Assert.Throws<ArgumentException>(() => data.With("a", JsonElement.Parse(NastyJson.Nested(PeerData.MaxDepth))));
        Assert.Contains("60 levels", e.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(NastyJson.All), MemberType = typeof(NastyJson))]
    public void Parse_NastyJson_IsKeptOrRefused(string what, string json, string? kept)
    {
        Assert.NotEmpty(what);
        if (kept is null)
        {
            JsonException e = Assert.ThrowsAny<JsonException>(() => PeerData.Parse(json));
            Assert.DoesNotContain("Parameter", e.Message, StringComparison.Ordinal);
            return;
        }

        PeerData data = PeerData.Parse(json);
        Assert.Equal(kept, data.ToJson());
        Assert.Equal(data, PeerData.Parse(kept));
        Assert.Equal(data, PeerData.Of(JsonGate.Parse(Encoding.UTF8.GetBytes(json))));
        Assert.NotEqual(data, data.With("x", "else"));
        Assert.Equal(data, PeerData.Parse(kept.Replace(",", " , ", StringComparison.Ordinal).Replace("1e", "1.0e", StringComparison.Ordinal)));
        _ = (data.Duration, data.Ping, data.Failure, data.Birth, data.ToString());
    }

    [Fact]
    public void Serialize_Data_HasNoTimes() =>
        Assert.Equal(
            Encoding.UTF8.GetBytes("""{"key":"@+/","type":"lan","verified":true,"a":"+"}"""),
            JsonSerializer.SerializeToUtf8Bytes(new PeerData { Key = "@+/", Type = "lan", Verified = true }.With("a", "+"), JsonSerializerOptions.Default));
}
