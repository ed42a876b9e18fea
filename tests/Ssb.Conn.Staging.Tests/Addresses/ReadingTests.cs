namespace Ssb.Conn.Staging.Tests.Addresses;

/// <summary>What a valid address means: protocols, host, port, key, tunnel; and why some mean nothing.</summary>
public class ReadingTests
{
    [Theory]
    [InlineData("net:192.168.1.4:8008", "192.168.1.4", MultiserverHostKind.IPv4, 8008)]
    [InlineData("net:fe80::1:8008", "fe80::1", MultiserverHostKind.IPv6, 8008)]
    [InlineData("net:::1:8008", "::1", MultiserverHostKind.IPv6, 8008)]
    [InlineData("net::::8008", "::", MultiserverHostKind.IPv6, 8008)]
    [InlineData("net:2001:db8::8a2e:370:7334:1", "2001:db8::8a2e:370:7334", MultiserverHostKind.IPv6, 1)]
    [InlineData("net:::ffff:10.0.0.1:8008", "::ffff:10.0.0.1", MultiserverHostKind.IPv6, 8008)]
    [InlineData("net:fe80::1%eth0:8008", "fe80::1%eth0", MultiserverHostKind.IPv6, 8008)]
    [InlineData("net:fe80::1%12:8008", "fe80::1%12", MultiserverHostKind.IPv6, 8008)]
    [InlineData("net:fe80::1%no-such-interface:8008", "fe80::1%no-such-interface", MultiserverHostKind.IPv6, 8008)]
    [InlineData("net:example.com:65535", "example.com", MultiserverHostKind.Dns, 65_535)]
    [InlineData("net:my_box.local.:1", "my_box.local.", MultiserverHostKind.Dns, 1)]
    [InlineData("net:localhost:8008", "localhost", MultiserverHostKind.Dns, 8008)]
    [InlineData("net::8008", "localhost", MultiserverHostKind.Dns, 8008)]
    [InlineData("net:abcdefghijklmnop.onion:8008", "abcdefghijklmnop.onion", MultiserverHostKind.Onion, 8008)]
    [InlineData("onion:abcdefghijklmnop.onion:8008", "abcdefghijklmnop.onion", MultiserverHostKind.Onion, 8008)]
    [InlineData("ws://example.com:8989", "example.com", MultiserverHostKind.Dns, 8989)]
    [InlineData("ws:example.com:8989", "example.com", MultiserverHostKind.Dns, 8989)]
    [InlineData("ws://example.com", "example.com", MultiserverHostKind.Dns, 80)]
    [InlineData("wss://example.com", "example.com", MultiserverHostKind.Dns, 443)]
    [InlineData("wss://example.com/path/to", "example.com", MultiserverHostKind.Dns, 443)]
    [InlineData("wss://10.0.0.1:8989/path", "10.0.0.1", MultiserverHostKind.IPv4, 8989)]
    [InlineData("ws://[::1]:8989", "::1", MultiserverHostKind.IPv6, 8989)]
    [InlineData("ws://[fe80::1]", "fe80::1", MultiserverHostKind.IPv6, 80)]
    public void Routes_WithAHost_AreRead(string text, string host, MultiserverHostKind kind, int port)
    {
        MultiserverRoute route = MultiserverAddress.Parse(text).Routes.Single();
        Assert.Equal(host, route.Host);
        Assert.Equal(kind, route.HostKind);
        Assert.Equal(port, route.Port);
        Assert.Null(route.Problem);
        Assert.Null(MultiserverAddress.Parse(text).Problem);
    }

    [Theory]
    [InlineData("net:host:99999")]
    [InlineData("net:host:0")]
    [InlineData("net:host:-1")]
    [InlineData("net:host:+1")]
    [InlineData("net:host:80a")]
    [InlineData("net:host:")]
    [InlineData("net:host:4294975304")] // 8008 modulo 2^32
    public void Problem_PortOutOfRange_IsNamed(string text)
    {
        MultiserverRoute route = MultiserverAddress.Parse(text).Routes.Single();
        Assert.Null(route.Port);
        Assert.Equal("host", route.Host);
        Assert.Contains("port", route.Problem, StringComparison.Ordinal);
        Assert.Equal(route.Problem, MultiserverAddress.Parse(text).Problem);
    }

    [Theory]
    [InlineData("net")]
    [InlineData("net:")]
    [InlineData("net:8008")]
    [InlineData("net:[::1]:8008")] // IPv6 is written without brackets
    [InlineData("net:[::1]:80:8008")]
    [InlineData("net:[::1:8008")]
    [InlineData("net:fe80::1::2:8008")]
    [InlineData("net:fe80::1/64:8008")]
    [InlineData("net:a..b:8008")]
    [InlineData("net:a/b:8008")]
    [InlineData("net:<>:8008")]
    [InlineData("net:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:8008")]
    [InlineData("ws:")]
    [InlineData("ws://")]
    [InlineData("ws:///path")]
    [InlineData("wss://:8989")]
    public void Problem_NoHostToGoTo_IsNamed(string text)
    {
        MultiserverRoute route = MultiserverAddress.Parse(text).Routes.Single();
        Assert.Null(route.Host);
        Assert.Equal(MultiserverHostKind.None, route.HostKind);
        Assert.NotNull(route.Problem);
    }

    [Theory]
    [InlineData("net:host:8008~shs")]
    [InlineData("net:host:8008~shs:")]
    [InlineData("net:host:8008~shs:abc")]
    [InlineData("net:host:8008~shs:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA!!=")]
    [InlineData("net:host:8008~shs:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==")]
    [InlineData("net:host:8008~shs:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==")]
    [InlineData("net:host:8008~shs:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("net:host:8008~shs:_-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    public void Problem_KeyThatIsNot32Bytes_IsNamed(string text)
    {
        MultiserverAddress address = MultiserverAddress.Parse(text);
        Assert.Null(address.Key);
        Assert.Null(address.Routes.Single().Key);
        Assert.Contains("32 bytes", address.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Problem_RoutesNameDifferentKeys_IsNamed()
    {
        Assert.Contains("different keys", MultiserverAddress.Parse($"{Given.Address(1)};{Given.Address(2)}").Problem, StringComparison.Ordinal);
        Assert.Null(MultiserverAddress.Parse($"{Given.Address(1)};ws://host:80~shs:{Given.Base64(1)[..43]}").Problem);
    }

    [Theory]
    [InlineData("dht:seed:@abc.ed25519")]
    [InlineData("bt:aa.bb.cc")]
    [InlineData("ab")]
    public void Problem_UnknownProtocol_IsNone(string text)
    {
        MultiserverRoute route = MultiserverAddress.Parse(text).Routes.Single();
        Assert.Null(route.Problem);
        Assert.Null(route.Host);
        Assert.Null(route.Port);
    }

    [Fact]
    public void Routes_Several_AreReadInOrder()
    {
        MultiserverAddress address = MultiserverAddress.Parse(
            $"wss://example.com~shs:{Given.Base64(1)};net:10.0.0.1:8008~shs:{Given.Base64(1)}~gzip");
        Assert.Equal(["wss", "net"], address.Routes.Select(r => r.Transport));
        Assert.Equal(["net", "shs", "gzip"], address.Routes[1].Protocols.Select(p => p.Name));
        Assert.All(address.Routes, r => Assert.Equal(Given.FeedId(1), r.Key));
        Assert.Equal(Given.FeedId(1), address.Key);
        Assert.Null(address.Problem);
    }

    [Fact]
    public void Routes_Unix_HasAPath()
    {
        MultiserverRoute route = MultiserverAddress.Parse($"unix:/home/ann/.ssb/socket~noauth:{Given.Base64(1)}").Routes.Single();
        Assert.Equal("/home/ann/.ssb/socket", route.Path);
        Assert.Null(route.Host);
        Assert.Null(route.Problem);
        Assert.NotNull(MultiserverAddress.Parse("unix:").Problem);
    }

    [Fact]
    public void Routes_Tunnel_HasPortalAndTarget()
    {
        MultiserverAddress address = MultiserverAddress.Parse($"tunnel:{Given.FeedId(1)}:{Given.FeedId(2)}~shs:{Given.Base64(2)}");
        MultiserverRoute route = address.Routes.Single();
        Assert.Equal(Given.FeedId(1), route.TunnelPortal);
        Assert.Equal(Given.FeedId(2), route.TunnelTarget);
        Assert.Equal(Given.FeedId(2), route.Key);
        Assert.Null(route.Host);
        Assert.Null(address.Problem);
    }

    [Theory]
    [InlineData("tunnel")]
    [InlineData("tunnel:@abc.ed25519:@def.ed25519")]
    public void Problem_TunnelWithoutFeedIds_IsNamed(string text)
    {
        MultiserverRoute route = MultiserverAddress.Parse(text).Routes.Single();
        Assert.Null(route.TunnelPortal);
        Assert.Null(route.TunnelTarget);
        Assert.Contains("tunnel", route.Problem, StringComparison.Ordinal);
    }
}
