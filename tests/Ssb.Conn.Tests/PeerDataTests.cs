using System.Text.Json;
using Ssb.Conn.Tests.Db;

namespace Ssb.Conn.Tests;

/// <summary>What is known of a peer, as it is read of a file and goes to the bench.</summary>
public class PeerDataTests : PluginTestBase
{
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
    public async Task LoneSurrogates_OfAFile_AreKeptAndServed()
    {
        string json = $$$$"""{"{{{{Given.Address(1).Text}}}}":{"note":"\ud800","nested":{"a":["\udc00", 1]},"type":"pub","birth":1}}""";
        using var folder = new DbFolder(json);
        await using ConnDb db = await ConnDb.OpenAsync(folder.Path, folder.Options, TestContext.Current.CancellationToken);
        DbPeer peer = Assert.Single(db.Entries());
        Assert.Equal($$$$"""["{{{{Given.Address(1).Text}}}}",{"note":"\ud800","nested":{"a":["\udc00",1]},"type":"pub","birth":1}]""", peer.ToJson());
        Assert.Equal(peer.ToJson(), JsonSerializer.Serialize(peer));
    }

    [Fact]
    public async Task Staged_FromTheAddressBook_KeepsALoneSurrogate()
    {
        string folder = NewFolder();
        await File.WriteAllTextAsync(Path.Combine(folder, "conn.json"),
            $$$$"""{"{{{{Given.Address(1).Text}}}}":{"birth":1,"type":"pub","autoconnect":false,"note":"\ud800","name":"ann","failure":2}}""",
            TestContext.Current.CancellationToken);
        ConnPlugin conn = await Open(new ConnPluginOptions { Folder = folder });
        Seconds(5);
        StagedPeer staged = Assert.Single(conn.Staging.Entries());
        Assert.Equal("""{"birth":1,"type":"pub","autoconnect":false,"note":"\ud800","name":"ann","failure":2}""", staged.Data.ToJson());
        Assert.Equal("\ud800", JsonGate.TextOf(Assert.Single(conn.Db.Entries()).Data.Field("note")));
    }
}
