using System.Text;
using System.Text.Json;

namespace Ssb.Conn.Tests;

/// <summary>Entries of address book, hub and query, and reports, as a serialiser writes them: the bytes of their <c>ToJson()</c>, whatever the
/// serialiser is set to.</summary>
public class EntryJsonTests : PluginTestBase
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    [Fact]
    public async Task Serialize_DbPeer_IsItsJsonAndReadBack()
    {
        ConnPlugin conn = await Open();
        conn.Remember(Given.Address(1), PeerData.Parse("""{"type":"pub","name":"Ann + 😀","extra":{"b":[1,{"a":null}]},"failure":1e0}"""));
        DbPeer peer = Assert.Single(conn.Db.Entries());
        string json = $$$"""["{{{Given.Address(1).Text}}}",{"birth":1700000000000,"type":"pub","name":"Ann + 😀","extra":{"b":[1,{"a":null}]},"failure":1e0}]""";
        Assert.Equal(json, peer.ToJson());
        AssertWrites(json, peer);
        Assert.Equal(json, JsonSerializer.Serialize(peer, ConnJsonContext.Default.DbPeer));
        DbPeer again = JsonSerializer.Deserialize<DbPeer>(json)!;
        Assert.Equal(peer, again);
        Assert.Equal(json, again.ToJson());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""["net:a:1"]""")]
    [InlineData("""["net:a:1",[]]""")]
    [InlineData("""["A",{}]""")]
    [InlineData("""[null,{}]""")]
    [InlineData("""["net:\ud800:1",{}]""")]
    public void Deserialize_NoDbPeer_ThrowsJsonException(string json) => Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<DbPeer>(json));

    [Fact]
    public void Serialize_DbEvent_IsThatOfTheOriginal()
    {
        var peer = new DbPeer(Given.Address(1), PeerData.Empty);
        AssertWrites($$"""{"type":"insert","address":"{{Given.Address(1).Text}}"}""", new DbEvent(DbEventType.Insert, peer));
        AssertWrites($$"""{"type":"update","address":"{{Given.Address(1).Text}}"}""", new DbEvent(DbEventType.Update, peer));
        AssertWrites($$"""{"type":"delete","address":"{{Given.Address(1).Text}}"}""", new DbEvent(DbEventType.Delete, peer));
        AssertWrites("""{"type":"missed","missed":7}""", new DbEvent(DbEventType.Missed, null, 7));
        Assert.Throws<NotSupportedException>(() => JsonSerializer.Deserialize<DbEvent>("{}"));
    }

    [Fact]
    public async Task Serialize_HubPeer_IsItsJson()
    {
        Reachable();
        ConnPlugin conn = await Open();
        await conn.ConnectAsync(Given.Address(1), PeerData.Parse("""{"type":"lan","note":"+"}"""));
        HubPeer peer = Assert.Single(conn.Hub.Entries());
        Assert.StartsWith($$"""["{{Given.Address(1).Text}}",{"type":"lan","note":"+",""", peer.ToJson(), StringComparison.Ordinal);
        AssertWrites(peer.ToJson(), peer);
        Assert.Equal(peer.ToJson(), JsonSerializer.Serialize(peer, ConnJsonContext.Default.HubPeer));
        Assert.Throws<NotSupportedException>(() => JsonSerializer.Deserialize<HubPeer>("[]"));
    }

    [Fact]
    public async Task Serialize_ConnPeer_OfEachPoolIsItsJson()
    {
        Reachable();
        ConnPlugin conn = await Open();
        conn.Remember(Given.Address(1), PeerData.Parse("""{"type":"pub"}"""));
        conn.Stage(Given.Address(2), PeerData.Parse("""{"name":"bob","type":"lan","verified":true}"""));
        await conn.Hub.ConnectAsync(Given.Address(3));
        ConnPeer[] peers = [.. conn.Query.PeersAll()];
        Assert.Equal([PeerPool.Hub, PeerPool.Db, PeerPool.Staging], peers.Select(p => p.Pool).OrderBy(p => p == PeerPool.Hub ? 0 : 1).ThenBy(p => p));
        Assert.All(peers, peer =>
        {
            AssertWrites(peer.ToJson(), peer);
            Assert.Equal(peer.ToJson(), JsonSerializer.Serialize(peer, ConnJsonContext.Default.ConnPeer));
        });
        string staged = peers.Single(p => p.Pool == PeerPool.Staging).ToJson();
        Assert.Equal(
            $$"""["{{Given.Address(2).Text}}",{"pool":"staging","key":"{{Given.FeedId(2)}}","type":"lan","verified":true,"name":"bob","stagingBirth":1700000000000,"stagingUpdated":1700000000000}]""",
            staged);
        Assert.Throws<NotSupportedException>(() => JsonSerializer.Deserialize<ConnPeer>("[]"));
    }

    [Fact]
    public async Task Serialize_WhyReport_IsItsJson()
    {
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1), PeerData.Parse("""{"type":"lan"}"""), "lan:wlan0/192.168.1.4");
        WhyReport why = conn.Why(Given.Peer(1));
        Assert.Contains("\"routes\":[{", why.ToJson(), StringComparison.Ordinal);
        AssertWrites(why.ToJson(), why);
        Assert.Equal(why.ToJson(), JsonSerializer.Serialize(why, ConnJsonContext.Default.WhyReport));
        Assert.Throws<NotSupportedException>(() => JsonSerializer.Deserialize<WhyReport>("{}"));
    }

    // What bench, address book and hub make of one field: `alias: ""` is no alias, anywhere.
    [Theory]
    [InlineData("\"\"", PeerKind.RoomAttendant), InlineData("null", PeerKind.RoomAttendant), InlineData("\"bob\"", PeerKind.RoomAttendantAlias), InlineData("1", PeerKind.RoomAttendantAlias)]
    internal async Task Kind_OfOneAlias_IsTheSameInEveryPool(string alias, PeerKind expected)
    {
        ConnPlugin conn = await Open();
        PeerData data = PeerData.Parse($$"""{"type":"room-attendant","alias":{{alias}}}""");
        conn.Remember(Given.Address(1), data);
        conn.Stage(Given.Address(2), data);
        _ = conn.Hub.ConnectAsync(Given.Address(3), data);
        ConnPeer[] peers = [.. conn.Query.PeersAll()];
        Assert.Equal(3, peers.Select(p => p.Pool).Distinct().Count());
        Assert.All(peers, peer => Assert.Equal(expected, peer.Kind));
    }

    private static void AssertWrites<T>(string json, T value)
    {
        Assert.Equal(json, JsonSerializer.Serialize(value));
        Assert.Equal(json, JsonSerializer.Serialize(value, s_indented));
        Assert.Equal(json, Encoding.UTF8.GetString(JsonSerializer.SerializeToUtf8Bytes(value)));
    }
}
