using System.Text.Json;

namespace Ssb.Conn.Staging.Tests.Json;

/// <summary>The fields of data: their order, their text, and what the properties make of them.</summary>
public class PeerDataTests
{
    [Fact]
    public void Merge_FieldsGiven_ReplaceInTheirPlace_AndOthersStay()
    {
        PeerData data = PeerData.Parse("""{"birth":1,"key":"@a","failure":2}""").Merge(PeerData.Parse("""{"failure":3,"extra":[1,{"b":null}]}"""));
        Assert.Equal("""{"birth":1,"key":"@a","failure":3,"extra":[1,{"b":null}]}""", data.ToJson());
        Assert.Equal(3, data.Failure);
    }

    [Fact]
    public void Parse_OneNameTwice_TheLastCountsInTheFirstPlace() =>
        Assert.Equal("""{"a":2,"b":1}""", PeerData.Parse("""{"a":1,"b":1,"a":2}""").ToJson());

    [Fact]
    public void Parse_ManyFields_KeepsOneOfEachName()
    {
        string json = "{" + string.Join(',', Enumerable.Range(0, 200).Select(i => $"\"f{i % 100}\":{i}")) + "}";
        PeerData data = PeerData.Parse(json);
        Assert.Equal(100, data.Fields.Count());
        Assert.True(data.TryGet("f7", out JsonElement value));
        Assert.Equal(107, value.GetInt32());
    }

    [Fact]
    public void ToJson_Texts_AreAsJavaScriptWritesThem() =>
        Assert.Equal("""{"name":"é+😀\u0001"}""", PeerData.Parse("""{"name":"\u00e9\u002b\ud83d\ude00\u0001"}""").ToJson());

    [Fact]
    public void Properties_OfTheWrongType_AreNullAndKept()
    {
        PeerData data = PeerData.Parse("""{"key":5,"type":null,"autoconnect":"no","failure":"3","stateChange":true,"duration":7,"birth":-1e400}"""
            .Replace("-1e400", "\"x\"", StringComparison.Ordinal));
        Assert.Equal((null, null, null, 0, null, null, null), (data.Key, data.Type, data.Autoconnect, data.Failure, data.StateChange, data.Duration, data.Birth));
        Assert.Equal(7, data.Fields.Count());
    }

    [Fact]
    public void Statistics_OfValues_AreThoseOfNpm()
    {
        // node -e "var s=require('statistics');console.log(JSON.stringify([5,9,4.5].reduce((a,v)=>s(a,v),null)))"
        PeerStatistics statistics = PeerStatistics.Of(5).Add(9).Add(4.5);
        Assert.Equal("""{"duration":{"mean":6.166666666666667,"stdev":2.0138409955990957,"count":3,"sum":18.5,"sqsum":126.25}}""",
            PeerData.Empty.With("duration", statistics.ToElement()).ToJson());
    }

    [Theory]
    [InlineData("\"bob\"", true), InlineData("\"\"", false), InlineData("null", false), InlineData("false", false), InlineData("true", true)]
    [InlineData("0", false), InlineData("1", true), InlineData("{}", true)]
    public void HasAlias_OfAnyValue_IsWhatJavaScriptTakesForTrue(string alias, bool expected) =>
        Assert.Equal(expected, PeerData.Parse($$"""{"alias":{{alias}}}""").HasAlias);
}
