using System.Text.Json;

namespace Ssb.Conn.Tests;

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

    // What is read of a file makes its fields when somebody first asks.
    [Fact]
    public async Task Fields_FirstAskedForByManyThreads_AreTheSameForAll()
    {
        string folder = Directory.CreateTempSubdirectory("ssb-conn-").FullName;
        try
        {
            await using (ConnDb written = await ConnDb.OpenAsync(folder, cancellationToken: TestContext.Current.CancellationToken))
            {
                for (int i = 1; i <= 200; i++)
                    written.Set(Given.Address(i), PeerData.Parse($$$"""{"type":"pub","failure":{{{i}}},"note":{"n":{{{i}}}},"birth":1}"""));
            }

            await using ConnDb db = await ConnDb.OpenAsync(folder, cancellationToken: TestContext.Current.CancellationToken);
            using var together = new Barrier(4);
            string[][] seen = new string[4][];
            Thread[] threads = [.. Enumerable.Range(0, 4).Select(t => new Thread(() =>
            {
                IReadOnlyList<DbPeer> peers = db.Entries();
                seen[t] = new string[peers.Count];
                for (int i = 0; i < peers.Count; i++)
                {
                    together.SignalAndWait(); // all of them ask the same peer at once
                    PeerData data = peers[i].Data;
                    seen[t][i] = $"{data.Failure} {string.Join(',', data.Fields.Select(f => f.Key + f.Value.GetRawText()))} {data.Merge(PeerData.Empty).ToJson()}";
                }
            }))];
            Array.ForEach(threads, t => t.Start());
            Array.ForEach(threads, t => t.Join());
            Assert.Equal(200, seen[0].Length);
            Assert.All(seen, all => Assert.Equal(seen[0], all));
            Assert.Equal(Enumerable.Range(1, 200).Select(i => $"{i} "), seen[0].Select(text => text[..(text.IndexOf(' ', StringComparison.Ordinal) + 1)]));
        }
        finally
        {
            TestFolder.Delete(folder);
        }
    }

    [Fact]
    public void Properties_OfTheWrongType_AreNullAndKept()
    {
        PeerData data = PeerData.Parse("""{"key":5,"type":null,"autoconnect":"no","failure":"3","stateChange":true,"duration":7,"birth":-1e400}"""
            .Replace("-1e400", "\"x\"", StringComparison.Ordinal));
        Assert.Equal((null, null, null, 0, null, null, null), (data.Key, data.Type, data.Autoconnect, data.Failure, data.StateChange, data.Duration, data.Birth));
        Assert.Equal(7, data.Fields.Count());
    }

    [Theory]
    [InlineData("[]"), InlineData("null"), InlineData("1"), InlineData("""{"a":"\ud800"}"""), InlineData("""{"\ud800":1}""")]
    public void Parse_NoObjectOfText_Throws(string json) => Assert.Throws<JsonException>(() => PeerData.Parse(json));

    [Fact]
    public void Statistics_OfValues_AreThoseOfNpm()
    {
        // node -e "var s=require('statistics');console.log(JSON.stringify([5,9,4.5].reduce((a,v)=>s(a,v),null)))"
        PeerStatistics statistics = PeerStatistics.Of(5).Add(9).Add(4.5);
        Assert.Equal("""{"duration":{"mean":6.166666666666667,"stdev":2.0138409955990957,"count":3,"sum":18.5,"sqsum":126.25}}""",
            PeerData.Empty.With("duration", statistics.ToElement()).ToJson());
    }

    [Fact]
    public void ToStagedData_AndBack_IsTheSame()
    {
        PeerData data = PeerData.Parse($$$"""{"key":"{{{Given.FeedId(1)}}}","type":"pub","failure":1,"extra":{"a":[1,2]}}""");
        Assert.Equal(data, PeerData.Of(data.ToStagedData()));
    }
}
