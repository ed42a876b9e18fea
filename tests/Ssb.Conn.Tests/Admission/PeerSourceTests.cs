using System.Net;

namespace Ssb.Conn.Tests.Admission;

/// <summary>What is one source, in whatever spelling.</summary>
public class PeerSourceTests
{
    private static readonly string s_key = Given.Base64(1);

    [Theory]
    [InlineData("1.2.3.4", "net:1.2.3.4:8008", "net:1.2.3.4:50000", "ws://1.2.3.4:99", "ws:1.2.3.4:80", "wss://1.2.3.4/path",
        "net:::ffff:1.2.3.4:8008", "net:[::ffff:1.2.3.4]:8008")]
    [InlineData("fe80::/64", "net:fe80::1:8008", "net:fe80!:!:1:8008", "net:[fe80::1]:8008", "ws://[fe80::2]:99",
        "net:fe80::3%eth0:8008", "net:fe80::4%7:8008")]
    [InlineData("2001:db8:1:2::/64", "net:2001:db8:1:2::1:8008", "net:2001:DB8:1:2:3:4:5:6:8008", "ws://[2001:db8:1:2:ffff::]:1")]
    [InlineData("example.com", "net:example.com:8008", "ws://EXAMPLE.com.:99")]
    public void Of_AddressInAnySpelling_IsOneSource(string source, params string[] addresses) =>
        Assert.All(addresses, a => Assert.Equal(source, PeerSource.Of(MultiserverAddress.Parse($"{a}~shs:{s_key}")).Source));

    [Fact]
    public void Of_NeighbourSubnets_AreOneGroup()
    {
        (string Group, string Source)[] origins = [.. new[] { "2001:db8:1:1::1", "2001:db8:1:ff02::1", "2001:db8:2:1::1" }
            .Select(host => PeerSource.Of(MultiserverAddress.Parse($"net:{host}:8008~shs:{s_key}")))];
        Assert.Equal(3, origins.Select(o => o.Source).Distinct().Count());
        Assert.Equal(["2001:db8:1::/48", "2001:db8:1::/48", "2001:db8:2::/48"], origins.Select(o => o.Group));
    }

    [Fact]
    public void Of_Tunnel_IsTheRoom()
    {
        var tunnel = MultiserverAddress.Parse($"tunnel:{Given.FeedId(7)}:{Given.FeedId(1)}~shs:{s_key}");
        Assert.Equal($"room:{Given.FeedId(7)}", PeerSource.Of(tunnel).Source);
        Assert.Equal(Given.FeedId(7), PeerSource.TellerOf($"room:{Given.FeedId(7)}"));
    }

    [Theory]
    [InlineData("::ffff:10.0.0.1", "10.0.0.1"), InlineData("10.0.0.1", "10.0.0.1")]
    [InlineData("2001:db8::9:1", "2001:db8::/64"), InlineData("fe80::1%3", "fe80::/64")]
    public void Of_EndPoint_IsTheSourceOfItsAddress(string address, string source)
    {
        Assert.Equal(source, PeerSource.Of(new IPEndPoint(IPAddress.Parse(address), 50_000)));
        Assert.Equal(source, PeerSource.Of(MultiserverAddress.Parse($"net:{address}:50000~shs:{s_key}")).Source);
    }

    [Theory]
    [InlineData("lan:eth0/192.168.1.4", "lan:eth0/192.168.1.4"), InlineData("lan:eth0/fe80::1%eth0", "lan:eth0/fe80::/64")]
    [InlineData("lan:eth0/fe80::2", "lan:eth0/fe80::/64")]
    [InlineData("lan:eth0/::ffff:192.168.1.4", "lan:eth0/192.168.1.4"), InlineData("other", "other")]
    [InlineData("pub/author", "pub/author")]
    public void Normalize_Sender_IsCutAsACallerIs(string given, string source) => Assert.Equal(source, PeerSource.Normalize(given));

    // ID is a feed id with a slash.
    [Theory]
    [InlineData(null, "db"), InlineData("db", "db")]
    [InlineData("lan:eth0/10.0.0.1", "lan:eth0"), InlineData("lan:eth0/fe80::/64", "lan:eth0"), InlineData("lan:e@h0/10.0.0.1", "lan:e@h0")]
    [InlineData("room:ID", "room:ID"), InlineData("room:@ab/c=", "room:@ab/c="), InlineData("peer:ID", "peer:ID"), InlineData("ID", "ID")]
    [InlineData("pub/ID", "pub"), InlineData("dht:swarm/ID", "dht:swarm"), InlineData("other", "other")]
    [InlineData("friend:lan:eth0/10.0.0.1", "lan:eth0"), InlineData("friend:room:ID", "room:ID"), InlineData("friend:pub/ID", "pub")]
    public void Group_OfASource_IsTheSameForBenchAdmissionAndScheduler(string? name, string group)
    {
        string id = Enumerable.Range(1, 100).Select(n => Given.FeedId(n).ToString()).First(f => f.Contains('/'));
        string? source = name?.Replace("ID", id);
        group = group.Replace("ID", id);
        using var bench = new ConnStaging();
        Assert.True(bench.Stage(Given.Address(1), null, source));
        StagedPeer peer = bench.Get(Given.Address(1))!;
        Assert.Equal(source, peer.Source);
        // The bench counts friends apart from the other peers of their source, and knows no group of what nobody told.
        string? ofBench = peer.Share is { } share ? share.Group?.Name ?? share.Name : SourceName.Book;
        Assert.Equal(group, PeerSource.ToldBy(ofBench));
        Assert.Equal(source?.StartsWith("friend:", StringComparison.Ordinal) == true, ofBench.StartsWith("friend:", StringComparison.Ordinal));
        Assert.Equal(group, PeerSource.GroupOf(source)); // the admission, and who has too many
        var waiting = new Waiting(1, bySource: true, new Random(1));
        waiting.Offer(new ConnPeer(peer), 0, 0);
        Assert.Equal((source, group), waiting.Sources.Values.Select(w => (w.Source, w.Group)).Single());
        var turns = new DialTurns();
        turns.Begin([source], 0);
        Assert.Equal((1, 1), (turns.OfGroup(group), turns.OfSource(source)));
    }

    [Theory]
    [InlineData("lan:eth0/10.0.0.1", "lan"), InlineData("room:@ab/c=", "room"), InlineData("pub/@ab/c=", "pub"), InlineData("db", ""), InlineData(":x", "")]
    public void KindOf_Source_IsWhatQuotasName(string source, string kind) => Assert.Equal(kind, SourceName.KindOf(source).ToString());
}
