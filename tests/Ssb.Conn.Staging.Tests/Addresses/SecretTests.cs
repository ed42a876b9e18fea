using System.Diagnostics;
using System.Reflection;

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

    [Theory]
    [InlineData("net:a:1~shs:KEY:SEED~gzip;ws://b:2~shs:KEY:SEED:SEED;net:c:3", "net:a:1~shs:KEY:***~gzip;ws://b:2~shs:KEY:***;net:c:3")]
    [InlineData("shs:KEY:SEED", "shs:KEY:***")]
    [InlineData("shs::SEED", "shs::***")]
    [InlineData("shs2:KEY:SEED", "shs2:KEY:***")]
    [InlineData("shs:KEY", "shs:KEY")]
    [InlineData("net:shs:KEY:1", "net:shs:KEY:1")]
    [InlineData("net:a!~shs:b:1~shs:K!~EY:SE!~ED;net:c:1", "net:a!~shs:b:1~shs:K!~EY:***;net:c:1")]
    public void ToString_SeedAnywhere_IsMasked(string text, string shown) =>
        Assert.Equal(shown, MultiserverAddress.Parse(text).ToString());

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
            Assert.ThrowsAny<ArgumentException>(() => bench.Stage(Invite, new StagedData { Key = Given.FeedId(2) })).ToString(),
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
        StagedData data = StagedData.Empty.With("address", Invite);
        Assert.DoesNotContain(Seed[..8], data.ToString(), StringComparison.Ordinal);
    }

    // What a debugger shows: the parts of [DebuggerDisplay].
    private static string Shown(object value)
    {
        string format = value.GetType().GetCustomAttribute<DebuggerDisplayAttribute>()!.Value;
        IEnumerable<string> parts = format.Split('{').Skip(1).Select(p => p[..p.IndexOfAny([',', '}'])]);
        return string.Join(' ', parts.Select(p => p == "ToString()" ? value.ToString() : value.GetType().GetProperty(p)!.GetValue(value)?.ToString()));
    }
}
