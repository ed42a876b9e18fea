using System.Diagnostics;
using System.Reflection;
using CsCheck;

namespace Ssb.Conn.Staging.Tests.Addresses;

/// <summary>The seed of an invite is kept for dialling and shown nowhere.</summary>
public class SecretTests
{
    private const string Seed = "c2VlZHNlZWRzZWVkc2VlZHNlZWRzZWVkc2VlZHNlZWQ";

    private static string Invite => $"net:pub.example.com:8008~shs:{Given.Base64(1)}:{Seed}";

    [Fact]
    public void ToString_WithSeed_MasksItAndNothingElse()
    {
        Assert.Equal($"net:pub.example.com:8008~shs:{Given.Base64(1)}:***", MultiserverAddress.Parse(Invite).ToString());
        Assert.Equal(Invite, MultiserverAddress.Parse(Invite).Text);
        Assert.Equal(Given.Address(1), MultiserverAddress.Parse(Given.Address(1)).ToString());
    }

    // KEY is a key, SEED a seed.
    [Theory]
    [InlineData("net:a:1~shs:KEY:SEED~gzip;ws://b:2~shs:KEY:SEED:SEED;net:c:3", "net:a:1~shs:KEY:***~gzip;ws://b:2~shs:KEY:***;net:c:3")]
    [InlineData("shs:KEY:SEED", "shs:KEY:***")]
    [InlineData("shs::SEED", "shs::***")]
    [InlineData("shs:SEEDSEED", "shs:***")] // not 32 bytes, so not a key
    [InlineData("shs:KEY!~SEED", "shs:***")]
    [InlineData("shs2:KEY:SEED", "shs2:***")]
    [InlineData("net:a!~shs:b:1~shs:K!~EY:SE!~ED;net:c:1", "net:***:1~shs:***;net:c:1")]
    [InlineData("net:a:1~shs:KEY~invite:SEED", "net:a:1~shs:KEY~invite:***")]
    [InlineData("net:a:1~seed:SEED~shs:KEY", "net:a:1~seed:***~shs:KEY")]
    [InlineData("net:a:1:SEED~shs:KEY", "net:***:***~shs:KEY")]
    [InlineData("net:SEED:a:1~shs:KEY", "net:***:1~shs:KEY")]
    [InlineData("net:a:1~shs:KEY~noauth:SEED", "net:a:1~shs:KEY~noauth:***")]
    [InlineData("net:a:1~shs:KEY~c2vlzhnlzwrzzwvkc2vlzhnlzwrzzwvk", "net:a:1~shs:KEY~***")] // has the syntax of a name
    [InlineData("net:a:1~c2vlzhnlzwrzzwvkc2vlzhnlzwrzzwvk:SEED", "net:a:1~***:***")]
    [InlineData("onion:a.onion:1:SEED~shs:KEY", "onion:***:***~shs:KEY")]
    [InlineData("ws://SEED@a:1~shs:KEY", "ws://***@a:1~shs:KEY")]
    [InlineData("ws://user:SEED@[::1]:1~shs:KEY", "ws://***@[::1]:1~shs:KEY")]
    [InlineData("wss://a?seed=SEED~shs:KEY", "wss://a?***~shs:KEY")]
    [InlineData("wss://a/SEED/~shs:KEY", "wss://a/***~shs:KEY")]
    [InlineData("wss://a:1#SEED~shs:KEY", "wss://a:1#***~shs:KEY")]
    [InlineData("ws:a:SEED~shs:KEY", "ws:a:***~shs:KEY")]
    [InlineData("unix:/a/socket:SEED~noauth", "unix:/a/socket:***~noauth")]
    [InlineData("tunnel:@KEY.ed25519:@KEY.ed25519:SEED~shs:KEY", "tunnel:@KEY.ed25519:@KEY.ed25519:***~shs:KEY")]
    [InlineData("tunnel:SEED:@KEY.ed25519~shs:KEY", "tunnel:***~shs:KEY")]
    [InlineData("dht:SEED:@KEY.ed25519", "dht:***")]
    [InlineData("bt:SEED~shs:KEY", "bt:***~shs:KEY")]
    public void ToString_SecretAnywhere_IsMasked(string text, string shown)
    {
        MultiserverAddress address = MultiserverAddress.Parse(With(text));
        Assert.Equal(With(shown), address.ToString());
        Assert.Equal(With(shown), string.Join(';', address.Routes));
        Assert.DoesNotContain(Seed, string.Join(' ', address.Problem, string.Join(' ', address.Routes.Select(route => route.Problem))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("net:192.168.1.4:8008~shs:KEY")]
    [InlineData("net:fe80::1%eth0:8008~shs:KEY;net:!:!:1:8008~shs:KEY;net:[::1]:8008~shs:KEY")]
    [InlineData("net::8008~shs:KEY.ed25519")]
    [InlineData("net:host:99999~shs:@KEY.ed25519")] // whoever mistyped it sees it
    [InlineData("net")]
    [InlineData("net:")]
    [InlineData("net::")]
    [InlineData("ws:")]
    [InlineData("ws://[!:!:1]:8989/~shs:KEY")]
    [InlineData("wss:example.com~shs:KEY~gzip")]
    [InlineData("onion:abcdefghijklmnop.onion:8008~shs:KEY")]
    [InlineData("unix:/home/ann!:/socket~noauth")]
    [InlineData("unix:/home/ann/socket~noauth:@KEY.ed25519")]
    [InlineData("tunnel:@KEY.ed25519:@KEY.ed25519~shs:KEY")]
    [InlineData("shs:~shs::~ab::")]
    [InlineData("net:h:1~shs:x")] // too short to be a secret
    public void ToString_AllIsPublic_IsTheText(string text) => Assert.Equal(With(text), MultiserverAddress.Parse(With(text)).ToString());

    [Fact]
    public void ToString_GeneratedText_IsAValidAddressThatShowsNoMore() =>
        Gen.OneOf("net", "ws", "wss", "onion", "unix", "tunnel", "shs", "shs2", "noauth", "dht").Select(
            Gen.String[Gen.Char["a1:!~;/@?#[.="], 0, 14], (name, rest) => name + ":" + rest).Where(text => MultiserverAddress.IsValid(text)).Sample(
            text =>
            {
                MultiserverAddress address = MultiserverAddress.Parse(text);
                MultiserverAddress shown = MultiserverAddress.Parse(address.ToString());
                Assert.Equal(shown.Text, shown.ToString());
                Assert.All(address.Routes.Zip(shown.Routes), pair => Assert.Equal(pair.First.Host, pair.Second.Host));
            },
            iter: Rounds.Of(5_000));

    [Theory]
    [InlineData("dial of ADDRESS failed", "dial of SHOWN failed")]
    [InlineData("the seed SEED is wrong", "the seed *** is wrong")]
    [InlineData("GET /token/SEED?x", "GET /***/***?x")]
    [InlineData("nothing", "nothing")]
    public void Hide_TextThatRepeatsTheAddress_LosesWhatItHides(string text, string expected)
    {
        MultiserverAddress address = MultiserverAddress.Parse(With("net:a.example:1~shs:KEY:SEED;ws://b:2/token/SEED~shs:KEY"));
        string Filled(string t) => With(t).Replace("ADDRESS", address.Text, StringComparison.Ordinal).Replace("SHOWN", address.ToString(), StringComparison.Ordinal);
        Assert.Equal(Filled(expected), AddressMask.Hide(Filled(text), address));
        Assert.Equal(text, AddressMask.Hide(text, MultiserverAddress.Parse(Given.Address(1))));
    }

    [Fact]
    public void Everything_ThatShowsAnAddress_MasksTheSeed()
    {
        using var bench = new ConnStaging();
        bench.Stage(Invite);
        StagedPeer peer = bench.Get(Invite)!;
        MultiserverRoute route = peer.Address.Routes.Single();
        Assert.True(route.HasSeed);
        string?[] shown =
        [
            peer.Address.ToString(), $"{peer.Address}", peer.ToString(), route.ToString(), route.Problem, peer.Address.Problem,
            string.Join(' ', route.Protocols), new StagingChange.Inserted(1, peer).ToString(),
            new StagingChange.Snapshot(1, bench.Entries()).ToString(), peer.Key, Shown(peer.Address), Shown(peer),
            Assert.ThrowsAny<ArgumentException>(() => bench.Stage(Invite, new PeerData { Key = Given.FeedId(2) })).ToString(),
        ];
        Assert.All(shown, text => Assert.DoesNotContain(Seed[..8], text ?? "", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Events_ShownAsText_MaskTheSeed()
    {
        using var bench = new ConnStaging();
        await using Reading<StagingEvent> events = bench.Listen().Read();
        bench.Stage(Invite);
        StagingEvent staged = await events.Next();
        Assert.Equal(Invite, staged.Address!.Text);
        Assert.DoesNotContain(Seed[..8], staged.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void DataToString_WithTheAddressAsAField_MasksTheSeed()
    {
        // The users of the npm module put the address among the data.
        PeerData data = PeerData.Empty.With("address", Invite);
        Assert.DoesNotContain(Seed[..8], data.ToString(), StringComparison.Ordinal);
    }

    private static string With(string text) => text.Replace("KEY.ed25519", Given.FeedId(1)[1..], StringComparison.Ordinal)
        .Replace("KEY", Given.Base64(1), StringComparison.Ordinal).Replace("SEED", Seed, StringComparison.Ordinal);

    // What a debugger shows: the parts of [DebuggerDisplay].
    private static string Shown(object value)
    {
        string format = value.GetType().GetCustomAttribute<DebuggerDisplayAttribute>()!.Value;
        IEnumerable<string> parts = format.Split('{').Skip(1).Select(p => p[..p.IndexOfAny([',', '}'])]);
        return string.Join(' ', parts.Select(p => p == "ToString()" ? value.ToString() : value.GetType().GetProperty(p)!.GetValue(value)?.ToString()));
    }
}
