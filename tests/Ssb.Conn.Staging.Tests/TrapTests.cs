using System.Text.Json;

namespace Ssb.Conn.Staging.Tests;

/// <summary>Each trap that the design of the bench names, under its name.</summary>
public sealed class TrapTests : IDisposable
{
    private readonly ConnStaging _bench = new(new StagingOptions { TimeProvider = Given.Clock() });

    public void Dispose() => _bench.Dispose();

    [Theory]
    [InlineData("::1", "net:::1:8008", "ws://[::1]:8008")]
    [InlineData("fe80::1", "net:fe80::1:8008", "ws://[fe80::1]:8008")]
    public void Format_TrapIPv6EscapedOrBracketed_IsWrittenPlain(string host, string net, string ws)
    {
        Assert.Equal(net, MultiserverAddress.Format(new MultiserverRoute(MultiserverProtocol.FromHost("net", host, 8008))).Text);
        Assert.Equal(ws, MultiserverAddress.Format(new MultiserverRoute(MultiserverProtocol.FromHost("ws", host, 8008))).Text);
    }

    [Fact]
    public void Host_TrapIPv6Unescaped_IsAllFieldsButTheLast() =>
        Assert.Equal(("fe80::1", (int?)8008), MultiserverAddress.Parse("net:fe80::1:8008").Routes[0] is var route ? (route.Host, route.Port) : default);

    [Fact]
    public void Text_TrapSpellings_StayAsTheyAreGiven()
    {
        // The bench is keyed by the text: what a person or a file wrote is found again under it.
        string[] spellings = ["net:::1:8008~shs:K", "net:!:!:1:8008~shs:K", "net:[::1]:8008~shs:K"];
        foreach (string text in spellings)
            Assert.True(_bench.Stage(text.Replace("K", Given.Base64(1), StringComparison.Ordinal)));
        Assert.Equal(spellings.Select(text => text.Replace("K", Given.Base64(1), StringComparison.Ordinal)), _bench.Entries().Texts());
        Assert.Equal(3, _bench.RoutesTo(Given.Id(1)).Count);
    }

    [Fact]
    public void ToString_TrapSeedOfAnInvite_IsMaskedAndKeptForDialling()
    {
        string seed = Given.Base64(9), text = $"{Given.Address(1)}:{seed}";
        _bench.Stage(text);
        StagedPeer peer = _bench.Get(text)!;
        Assert.Equal(text, peer.Address.Text);
        Assert.DoesNotContain(seed, $"{peer} {peer.Address} {peer.Address.Routes[0]} {peer.Data}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("K=")]
    [InlineData("K")]
    [InlineData("K=.ed25519")]
    [InlineData("@K=.ed25519")]
    public void Key_TrapSpellingsOfAKey_NameTheSame32Bytes(string spelling)
    {
        string text = $"net:a:1~shs:{spelling.Replace("K", Given.Base64(1)[..43], StringComparison.Ordinal)}";
        _bench.Stage(text);
        Assert.Equal(Given.FeedId(1), _bench.Get(text)!.Key);
        Assert.Equal([text], _bench.RoutesTo(Given.Id(1)).Texts());
    }

    [Fact]
    public void Stage_TrapShsThatDoesNotDecode_HasNoIdentity()
    {
        Assert.True(_bench.Stage("net:a:1~shs:abc"));
        Assert.Null(_bench.Get("net:a:1~shs:abc")!.Key);
    }

    [Fact]
    public void Format_TrapFeedIdsInATunnel_NeedNoEscape()
    {
        string text = $"tunnel:{Given.FeedId(1)}:{Given.FeedId(2)}~shs:{Given.Base64(2)}";
        var route = new MultiserverRoute(new MultiserverProtocol("tunnel", [Given.FeedId(1), Given.FeedId(2)]), new MultiserverProtocol("shs", [Given.Base64(2)]));
        Assert.Equal(text, MultiserverAddress.Format(route).Text);
        Assert.Equal("ab:!;!~", MultiserverAddress.Format(new MultiserverRoute(new MultiserverProtocol("ab", [";~"]))).Text); // these two do
    }

    [Theory]
    [InlineData("a+b")]
    [InlineData("😀")]
    [InlineData("a\u2028b\u2029c")]
    [InlineData("<&'>/é")]
    public void ToJson_TrapEscapesOfSystemTextJson_AreNotWritten(string value)
    {
        _bench.Stage("net:a:1", PeerData.Empty.With("text", value));
        Assert.Equal($$"""["net:a:1",{"stagingBirth":1700000000000,"stagingUpdated":1700000000000,"text":"{{value}}"}]""", _bench.Get("net:a:1")!.ToJson());
    }

    [Fact]
    public void Equals_TrapOrderOfFields_DoesNotMatter()
    {
        PeerData one = PeerData.Parse("""{"a":{"x":1,"y":[1,2]},"b":"2"}"""), other = PeerData.Parse("""{"b":"2","a":{"y":[1,2],"x":1}}""");
        Assert.Equal(one, other);
        Assert.NotEqual(one, PeerData.Parse("""{"b":"2","a":{"y":[2,1],"x":1}}"""));
        Assert.NotEqual(JsonSerializer.Serialize(one, StagingJsonContext.Default.PeerData), JsonSerializer.Serialize(other, StagingJsonContext.Default.PeerData));
    }
}
