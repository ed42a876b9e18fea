namespace Ssb.Conn.Tests.Db.Upstream;

/// <summary>What <c>test/init.js</c> of npm ssb-conn-db 1.0.5 shows, test by test. (There is no <c>loaded()</c>: who has an instance has
/// it loaded.)</summary>
public class InitTests
{
    private const string Named = "net:pub.example:8008~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";
    private const string Fields = """
        "host": "pub.example", "port": 8008, "key": "@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519", "source": "stored",
        "announcers": 5, "duration": { "mean": 0, "stdev": 0, "count": 440, "sum": 0, "sqsum": 0 }, "stateChange": 1551706983825, "failure": 440
        """;

    private static readonly string s_withAddress = $"[ {{ {Fields}, \"address\": \"{Named}\" }} ]";
    private static readonly string s_conn = $"{{ \"{Named}\": {{ {Fields} }} }}";

    [Fact]
    public async Task Open_NeitherFile_MakesAnEmptyConnJson()
    {
        using var folder = new DbFolder();
        await using ConnDb db = await folder.OpenAsync();
        Assert.Null(db.LastWriteError);
        Assert.Equal("{}", folder.Text);
        Assert.False(File.Exists(folder.Gossip));
        Assert.Empty(db.Entries());
    }

    [Fact]
    public async Task Open_OnlyGossip_TakesItsAddressesOver_AndLeavesItAsItIs()
    {
        using var folder = new DbFolder(gossip: s_withAddress);
        await using ConnDb db = await folder.OpenAsync();
        Assert.Equal(s_withAddress, await File.ReadAllTextAsync(folder.Gossip));
        Assert.Equal([Named], db.Addresses());
        Assert.Equal(440, db.Get(Named)!.Failure);
        Assert.False(db.Get(Named)!.TryGet("address", out _));
        // The file that ssb-conn-db makes of it:
        Assert.Equal($$"""
            {
              "{{Named}}": {
                "host": "pub.example",
                "port": 8008,
                "key": "@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519",
                "source": "stored",
                "announcers": 5,
                "duration": {
                  "mean": 0,
                  "stdev": 0,
                  "count": 440,
                  "sum": 0,
                  "sqsum": 0
                },
                "stateChange": 1551706983825,
                "failure": 440
              }
            }
            """.ReplaceLineEndings("\n"), folder.Text);
    }

    [Fact]
    public async Task Open_OnlyConn_ReadsIt_AndMakesNoGossip()
    {
        using var folder = new DbFolder(s_conn);
        await using ConnDb db = await folder.OpenAsync();
        Assert.Equal([Named], db.Addresses());
        Assert.Equal(s_conn, folder.Text);
        Assert.False(File.Exists(folder.Gossip));
    }

    [Fact]
    public async Task Open_BothFiles_ReadsConnAlone()
    {
        using var folder = new DbFolder(s_conn, gossip: """[ { "address": "net:old.example:8008~noauth" } ]""");
        await using ConnDb db = await folder.OpenAsync();
        Assert.Equal([Named], db.Addresses());
        Assert.Equal("""[ { "address": "net:old.example:8008~noauth" } ]""", await File.ReadAllTextAsync(folder.Gossip));
    }

    [Fact]
    public async Task Open_GossipWithHostPortAndKey_MakesTheAddressOfThem()
    {
        using var folder = new DbFolder(gossip: $"[ {{ {Fields} }} ]");
        await using ConnDb db = await folder.OpenAsync();
        Assert.Equal([Named], db.Addresses());
        Assert.Equal("pub.example", JsonElementOf(db.Get(Named)!, "host"));
    }

    [Fact] // the corrupted file there: a whole object, and brackets of a longer one behind it
    public async Task Open_BracketsBehindTheObject_ReadsTheObject()
    {
        using var folder = new DbFolder("""
            {
              "net:known.example:8008~noauth": {
                "source": "stored",
                "key": "@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519"
              }
            },
            }
            },
            """);
        await using ConnDb db = await folder.OpenAsync();
        DbPeer only = Assert.Single(db.Entries());
        Assert.Equal(("net:known.example:8008~noauth", "stored"), (only.Address.Text, only.Data.Source));
    }

    [Fact] // the irrecoverable file there: words, and brackets here and there
    public async Task Open_NothingThatCouldBeRead_IsEmpty()
    {
        using var folder = new DbFolder("nothing here\n7 of it is JSON ====\n}\n}\n}\nat all####");
        await using ConnDb db = await folder.OpenAsync();
        Assert.Empty(db.Entries());
        Assert.Equal("{}", folder.Text);
    }

    private static string? JsonElementOf(PeerData data, string name) => data.TryGet(name, out System.Text.Json.JsonElement value) ? value.GetString() : null;
}
