using System.Text;
using System.Text.Json;
using Ssb.Conn.Staging.Tests;

namespace Ssb.Conn.Tests.Db;

/// <summary>What stands in the file and what nobody here knows: kept as it is.</summary>
public class FidelityTests
{
    private const string Known = "net:known.example:8008~noauth";

    [Theory]
    [InlineData("""{}""")]
    [InlineData("""{"net:a.example:1~noauth":{}}""")]
    [InlineData("""{"net:a.example:1~noauth":{},"net:b.example:1~noauth":{"birth":1}}""")]
    [InlineData("""{"net:a.example:1~noauth":{"a":[],"b":{},"c":[1,[2,{"d":[null,true,false]}]],"e":{"f":{"g":"h"}}}}""")]
    [InlineData("""{"net:a.example:1~noauth":{"key":7,"type":null,"birth":"then","failure":[],"duration":"long","ping":1,"autoconnect":"?"}}""")]
    [InlineData("""{"net:a.example:1~noauth":{"mean":6.166666666666667,"e":1e+21,"s":1e-7,"n":-0.5,"i":9007199254740993,"b":1700000000000}}""")]
    [InlineData("""{"net:a.example:1~noauth":{"name":"é😀\u2028+<>&'/","q":"\"\\\b\f\n\r\t\u0000\u001f","":"no name","a b":1,"é":2,"\n":3,"\"":4}}""")]
    [InlineData("""{"net:a.example:1~noauth":{"half":"\ud83d","other":"a\udc00b"}}""")] // JSON.stringify writes it, and UTF-8 has no other way
    [InlineData("""{"net:\"quoted\"\\:1~noauth":{"a":1}}""")]
    [InlineData("""{"net:a.example:1~noauth":{"a":1},"no address":{"b":{"c":2}},"net:a.example:~":{},"":[],"é":null,"net:b.example:1~noauth":null,"net:c.example:1~noauth":[1],"net:d.example:1~noauth":"text"}""")]
    public async Task Write_FileOfJsonStringify_IsWrittenBackTheSameBytes(string compact)
    {
        string text = Stringify(compact);
        using var folder = new DbFolder();
        await File.WriteAllTextAsync(folder.Conn, text, new UTF8Encoding(false));
        await using ConnDb db = await folder.OpenAsync();
        Assert.Null(db.DamagedFile);
        await RewriteAsync(db);
        Assert.Equal(text, folder.Text);
    }

    [Fact]
    public async Task Set_OneField_LeavesTheBytesOfTheRest()
    {
        using var folder = new DbFolder(Stringify("""{"net:known.example:8008~noauth":{"birth":5,"one":{"a":[1,2]},"two":"\u00e9","failure":1,"three":[]},"x":{"y":1}}"""));
        await using ConnDb db = await folder.OpenAsync();
        string expected = folder.Text.Replace("\"failure\": 1", "\"failure\": 2", StringComparison.Ordinal);
        db.Set(Known, PeerData.Parse("""{"failure":2}"""));
        await db.FlushAsync();
        Assert.Equal(expected, folder.Text);
    }

    [Fact] // as another program spells it, numbers and all; npm would write it anew
    public async Task Write_ValuesOfAnotherSpelling_KeepIt()
    {
        using var folder = new DbFolder("""{"net:known.example:8008~noauth":{"birth":1.0,"n":1E2,"big":12345678901234567890123,"o":{"a":[1,2]},"t":"\u0041"}}""");
        await using ConnDb db = await folder.OpenAsync();
        await RewriteAsync(db);
        Assert.Equal("""
            {
              "net:known.example:8008~noauth": {
                "birth": 1.0,
                "n": 1E2,
                "big": 12345678901234567890123,
                "o": {"a":[1,2]},
                "t": "\u0041"
              }
            }
            """.ReplaceLineEndings("\n"), folder.Text);
    }

    [Fact]
    public async Task Write_EntriesThatAreNone_StandBehindThePeers()
    {
        using var folder = new DbFolder(Stringify("""{"first":1,"net:a.example:1~noauth":{},"Second":{"a":2},"net:b.example:1~noauth":{}}"""));
        await using ConnDb db = await folder.OpenAsync();
        Assert.Equal(["net:a.example:1~noauth", "net:b.example:1~noauth"], db.Addresses());
        await RewriteAsync(db);
        Assert.Equal(Stringify("""{"net:a.example:1~noauth":{},"net:b.example:1~noauth":{},"first":1,"Second":{"a":2}}"""), folder.Text);
    }

    [Fact] // an object with one name twice is read by JavaScript as if the second stood alone
    public async Task Set_AddressWhoseEntryIsNoObject_TakesItsPlace()
    {
        using var folder = new DbFolder(Stringify($$"""{"{{Known}}":null,"other":1}"""));
        await using (ConnDb db = await folder.OpenAsync())
        {
            Assert.False(db.Has(Known));
            Assert.True(db.Set(Known, PeerData.Parse("""{"type":"pub"}""")));
        }

        Assert.Equal(Stringify($$"""{"{{Known}}":{"birth":1700000000000,"type":"pub"},"other":1}"""), folder.Text);
    }

    [Fact]
    public async Task Open_ManyEntriesThatAreNone_KeepsOneOfEachName()
    {
        string entries = string.Join(",\n", Enumerable.Range(0, 100_000).Select(i => $"  \"e{i % 60_000}\": {i}"));
        ConnFileContent content = await Task.Run(() => ConnFile.Read(Encoding.UTF8.GetBytes($"{{\n{entries}\n}}"))).Guarded();
        Assert.Equal(60_000, content.Others.Count);
        Assert.Equal("60000"u8.ToArray(), content.Others[0].Json.ToArray()); // the last one, in the first place
        Assert.False(content.IsDamaged);
    }

    [Fact]
    public async Task Open_OneAddressTwice_TheLastCountsInTheFirstPlace()
    {
        using var folder = new DbFolder("""{"net:a.example:1~noauth":{"failure":1,"type":"pub"},"net:b.example:1~noauth":{},"net:a.example:1~noauth":{"failure":2}}""");
        await using ConnDb db = await folder.OpenAsync();
        Assert.Equal("""["net:a.example:1~noauth",{"failure":2}],["net:b.example:1~noauth",{}]""", db.Json());
    }

    [Fact]
    public async Task Open_MoreThanTheCapacity_ReadsAll_AndAddsNone()
    {
        using var folder = new DbFolder(Stringify("""{"net:a.example:1~noauth":{},"net:b.example:1~noauth":{},"net:c.example:1~noauth":{}}"""));
        await using ConnDb db = await folder.OpenAsync(folder.Options with { Capacity = 2 });
        Assert.Equal(3, db.Count);
        Assert.Throws<InvalidOperationException>(() => db.Set(Known));
        Assert.False(db.Set("net:a.example:1~noauth", PeerData.Parse("""{"failure":1}"""))); // who is there can change
        db.Delete("net:a.example:1~noauth");
        db.Delete("net:b.example:1~noauth");
        Assert.True(db.Set(Known));
    }

    [Fact]
    public async Task Set_MoreDataThanAllowed_ThrowsAndChangesNothing()
    {
        using var folder = new DbFolder();
        await using ConnDb db = await folder.OpenAsync(folder.Options with { MaxDataLength = 100 });
        db.Set(Known, PeerData.Parse("""{"note":"short"}"""));
        PeerData known = db.Get(Known)!;
        var large = PeerData.Parse($$"""{"more":"{{new string('x', 80)}}"}""");
        Assert.Throws<ArgumentException>(() => db.Set(Known, large));
        Assert.Throws<ArgumentException>(() => db.Update(Known, large));
        Assert.Throws<ArgumentException>(() => db.Replace("net:other.example:1~noauth", large.With("and", "more")));
        Assert.Equal(known, db.Get(Known));
        Assert.Equal([Known], db.Addresses());
    }

    [Theory] // a host of an old entry is put into an address, of which it must not be more than the host
    [InlineData("a.example", "net:a.example:8008"), InlineData("fe80::1", "net:fe80::1:8008"), InlineData("ws://a.example", "ws://a.example:8008")]
    [InlineData("a.example:1~noauth;net:b.example", null), InlineData("a.example:1~shs2", null), InlineData("First Last", null), InlineData("a!;b", null)]
    public async Task Open_GossipOfAnyHost_TakesHostsOver(string host, string? route)
    {
        using var folder = new DbFolder(gossip: $$"""[{"host":"{{host}}","port":8008,"key":"{{Given.FeedId(1)}}"}]""");
        await using ConnDb db = await folder.OpenAsync();
        Assert.Equal(route is null ? [] : [$"{route}~shs:{Given.Base64(1)}"], db.Addresses());
    }

    [Theory] // as JavaScript spells numbers: one is a port if it is whole, however it is written
    [InlineData("8008", true), InlineData("8008.0", true), InlineData("8.008e3", true), InlineData("80080e-1", true)]
    [InlineData("8008.5", false), InlineData("-1", false), InlineData("65536", false), InlineData("1e400", false), InlineData("\"8008\"", false)]
    public async Task Open_GossipWithAPortOfAnySpelling_TakesItOver(string port, bool isPort)
    {
        using var folder = new DbFolder(gossip: $$"""[{"host":"a.example","port":{{port}},"key":"{{Given.FeedId(1)}}"}]""");
        await using ConnDb db = await folder.OpenAsync();
        Assert.Equal(isPort ? [$"net:a.example:8008~shs:{Given.Base64(1)}"] : [], db.Addresses());
    }

    [Theory]
    [InlineData("[{]"), InlineData("{}"), InlineData("null"), InlineData(""), InlineData("7"), InlineData("[7,null,[],{}]")]
    public async Task Open_GossipOfNothing_IsEmpty_AndStaysAsItIs(string gossip)
    {
        using var folder = new DbFolder(gossip: gossip);
        await using ConnDb db = await folder.OpenAsync();
        Assert.Equal("{}", folder.Text);
        Assert.Equal(gossip, await File.ReadAllTextAsync(folder.Gossip));
    }

    [Fact] // one that no address can be made of is passed over, as there; what is no text cannot keep the folder from opening
    public async Task Open_GossipWithEntriesThatAreNone_TakesTheOthersOver()
    {
        FeedId key = Given.FeedId(1);
        using var folder = new DbFolder();
        await File.WriteAllBytesAsync(folder.Gossip, [.. Encoding.UTF8.GetBytes($$"""
            [7, {"address":5}, {"address":"\ud800"}, {"address":"net:a.example:1~"}, {"host":"h","port":1}, {"host":"h","key":"{{key}}"},
             {"port":1,"key":"{{key}}"}, {"host":"","port":1,"key":"{{key}}"}, {"host":"h","port":"1","key":"{{key}}"}, {"host":"h","port":1,"key":"@x"},
             {"host":"h","port":99999,"key":"{{key}}"}, {"host":"h","port":1.5,"key":"{{key}}"}, {"address":"net:half.example:1~noauth","name":"\ud800"},
             {"address":"net:good.example:1~noauth"}, {"host":"good.example","port":1,"key":"{{key}}"},
             {"address":"net:bad.example:1~noauth#
            """), 0xFF, .. Encoding.UTF8.GetBytes("\"}, {\"address\":\"net:last.example:1~noauth\"}]")]);
        await using ConnDb db = await folder.OpenAsync();
        Assert.Equal(["net:half.example:1~noauth", "net:good.example:1~noauth", $"net:good.example:1~shs:{Given.Base64(1)}", "net:last.example:1~noauth"], db.Addresses());
    }

    private static async Task RewriteAsync(ConnDb db)
    {
        db.Set("net:brief.example:1~noauth");
        db.Delete("net:brief.example:1~noauth");
        await db.FlushAsync().Guarded();
    }

    /// <summary><c>JSON.stringify(JSON.parse(text), null, 2)</c>, for texts whose values are spelled as there.</summary>
    private static string Stringify(string compact)
    {
        var text = new StringBuilder();
        var depth = 0;
        bool isText = false;
        for (int i = 0; i < compact.Length; i++)
        {
            char c = compact[i];
            if (isText || c is '"')
            {
                text.Append(c);
                isText ^= c is '"';
                if (c is '\\')
                    text.Append(compact[++i]);
            }
            else if (c is '{' or '[' && compact[i + 1] is '}' or ']' && c is not ('}' or ']'))
            {
                text.Append(c).Append(compact[++i]);
            }
            else if (c is '{' or '[' or ',' or '}' or ']')
            {
                depth += c is '{' or '[' ? 1 : c is ',' ? 0 : -1;
                if (c is '{' or '[' or ',')
                    text.Append(c);
                text.Append('\n').Append(' ', 2 * depth);
                if (c is '}' or ']')
                    text.Append(c);
            }
            else
            {
                text.Append(c).Append(c is ':' ? " " : "");
            }
        }

        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(compact.Replace("\\ud83d", "", StringComparison.Ordinal).Replace("\\udc00", "", StringComparison.Ordinal)),
            JsonElement.Parse(text.ToString().Replace("\\ud83d", "", StringComparison.Ordinal).Replace("\\udc00", "", StringComparison.Ordinal))));
        return text.ToString();
    }
}
