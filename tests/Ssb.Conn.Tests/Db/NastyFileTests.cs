using System.Text;
using Ssb.Conn.Staging.Tests;

namespace Ssb.Conn.Tests.Db;

/// <summary>Whatever JSON another program has put into the files of a folder: what can be used is used, and nothing is lost.</summary>
public class NastyFileTests : PluginTestBase
{
    [Theory, MemberData(nameof(NastyJson.All), MemberType = typeof(NastyJson))]
    public async Task Open_NastyEntry_IsAPeer_OrStaysInTheFile(string what, string json, string? kept)
    {
        Assert.SkipUnless(NastyJson.IsJson(json), $"{what} is damage, of which HealingTests tells.");
        string text = $$$"""{"{{{Given.Address(1).Text}}}":{"a":1},"{{{Given.Address(2).Text}}}":{{{json}}},"{{{Given.Address(3).Text}}}":{"b":2}}""";
        using var folder = new DbFolder(text);
        var log = new LogLines();
        for (int i = 0; i < 3; i++) // as it is found, and as it was written
        {
            await using ConnDb db = await folder.OpenAsync(folder.Options with { Logger = log });
            Assert.Null(db.DamagedFile);
            Assert.Equal("[1,2]", $"[{db.Get(Given.Address(1))!.Field("a")},{db.Get(Given.Address(3))!.Field("b")}]");
            Assert.Equal(kept is null ? null : PeerData.Parse(kept), db.Get(Given.Address(2)));
            Assert.All(db.Entries(), peer => JsonGate.Parse(Encoding.UTF8.GetBytes(peer.ToJson())));
            db.Set(Given.Address(4), PeerData.Empty.With("round", i));
            await db.FlushAsync().Guarded();
            if (kept is null)
                Assert.Contains($"\"{Given.Address(2).Text}\": {json}", folder.Text, StringComparison.Ordinal);
        }

        Assert.Equal(kept is null ? 3 : 0, log.All.Count(line => line.Contains("nested deeper than 60 levels", StringComparison.Ordinal)));
    }

    [Theory, MemberData(nameof(NastyJson.All), MemberType = typeof(NastyJson))]
    public async Task Open_NastyEntryOfGossip_IsTakenOver_OrPassedOver(string what, string json, string? kept)
    {
        Assert.SkipUnless(NastyJson.IsJson(json), $"{what} is no gossip, of which FidelityTests tells.");
        using var folder = new DbFolder(gossip: $$"""[{"address":"net:a.example:1~noauth",{{json[1..]}},{"address":"net:b.example:1~noauth"}]""");
        await using ConnDb db = await folder.OpenAsync();
        Assert.Equal(kept is null ? ["net:b.example:1~noauth"] : ["net:a.example:1~noauth", "net:b.example:1~noauth"], db.Addresses());
        if (kept is not null)
            Assert.Equal(PeerData.Parse(kept), db.Entries()[0].Data);
    }

    [Theory, MemberData(nameof(NastyJson.All), MemberType = typeof(NastyJson))]
    public async Task Manager_NastyDataOfAFile_IsStarted_Served_AndStartedAgain(string what, string json, string? kept)
    {
        Assert.SkipUnless(NastyJson.IsJson(json), $"{what} is damage, of which HealingTests tells.");
        string folder = NewFolder(), file = Path.Combine(folder, "conn.json");
        await File.WriteAllTextAsync(file, $$"""{"{{Given.Address(1).Text}}":{{json}}}""", TestContext.Current.CancellationToken);
        Unreachable();
        for (int i = 0; i < 2; i++)
        {
            ConnPlugin conn = await Open(new ConnPluginOptions { Folder = folder });
            Seconds(5);
            conn.Stage(Given.Address(10 + i), PeerData.Parse("{}"));
            Seconds(60);
            foreach (string served in conn.DbPeers().Select(p => p.ToJson()).Concat(conn.Staging.Entries().Select(p => p.ToJson()))
                .Concat(conn.Query.Suggestions().SelectMany(s => s.Routes).Select(r => r.ToJson())).Append(conn.Why(Given.Peer(1)).ToJson()))
                JsonGate.Parse(Encoding.UTF8.GetBytes(served));
            Assert.Equal(kept is null, conn.Db.Get(Given.Address(1)) is null);
            await conn.DisposeAsync();
            Assert.True(kept is not null || (await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).Contains(json, StringComparison.Ordinal));
        }
    }
}
