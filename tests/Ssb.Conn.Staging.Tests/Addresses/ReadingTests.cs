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
    [InlineData("::1", MultiserverHostKind.IPv6)]
    [InlineData("::", MultiserverHostKind.IPv6)]
    [InlineData("fe80::1", MultiserverHostKind.IPv6)]
    [InlineData("fe80::1%eth0", MultiserverHostKind.IPv6)]
    [InlineData("2001:db8::8a2e:370:7334", MultiserverHostKind.IPv6)]
    [InlineData("::ffff:127.0.0.1", MultiserverHostKind.IPv6)]
    public void Host_TrapUnescapedIPv6InAllSpellings_IsTheSame(string host, MultiserverHostKind kind)
    {
        string escaped = host.Replace(":", "!:", StringComparison.Ordinal);
        string[] spellings =
        [
            $"net:{host}:8008", $"net:{escaped}:8008", $"net:[{host}]:8008", $"net:[{escaped}]:8008", $"onion:{host}:8008", $"onion:[{host}]:8008",
            $"ws://[{host}]:8008", $"ws://[{escaped}]:8008", $"ws:[{host}]:8008", $"wss://[{host}]:8008/path", $"ws://user@[{host}]:8008?query",
        ];
        Assert.All(spellings, text =>
        {
            MultiserverAddress address = MultiserverAddress.Parse($"{text}~shs:{Given.Base64(1)}");
            MultiserverRoute route = address.Routes.Single();
            Assert.Equal((host, kind, 8008, null), (route.Host, route.HostKind, route.Port, route.Problem));
            Assert.Null(address.Problem);
            Assert.Equal(address.Text, MultiserverAddress.Format(address.Routes).Text); // each spelling stays as it is
        });
    }

    [Theory]
    [InlineData("net", "::1", 8008, "net:::1:8008")]
    [InlineData("net", "fe80::1%eth0", 8008, "net:fe80::1%eth0:8008")]
    [InlineData("net", "10.0.0.1", 1, "net:10.0.0.1:1")]
    [InlineData("net", "example.com", 65_535, "net:example.com:65535")]
    [InlineData("onion", "abcdefghijklmnop.onion", 8008, "onion:abcdefghijklmnop.onion:8008")]
    [InlineData("ws", "::1", 8989, "ws://[::1]:8989")]
    [InlineData("wss", "example.com", 443, "wss://example.com:443")]
    public void FromHost_AnyHost_GivesThePlainForm(string transport, string host, int port, string text)
    {
        var route = new MultiserverRoute(MultiserverProtocol.FromHost(transport, host, port));
        Assert.Equal(text, MultiserverAddress.Format(route).Text);
        MultiserverRoute read = MultiserverAddress.Parse(text).Routes.Single();
        Assert.Equal((host, (int?)port), (read.Host, read.Port));
        Assert.Equal(route.Protocols, read.Protocols);
    }

    [Theory]
    [InlineData("unix", "host", 1)]
    [InlineData("net", "", 1)]
    [InlineData("net", "[::1]", 1)] // would be read back as "::1"
    [InlineData("net", "a:b", 1)]
    [InlineData("net", "host", 0)]
    [InlineData("net", "host", 65_536)]
    [InlineData("ws", "user@host", 1)]
    [InlineData("ws", "host/path", 1)]
    public void FromHost_NotReadBackAsItIs_Throws(string transport, string host, int port) =>
        Assert.ThrowsAny<ArgumentException>(() => MultiserverProtocol.FromHost(transport, host, port));

    [Theory]
    [InlineData("net:host:8008", null)]
    [InlineData("net:host:8008~shs:K", "shs")]
    [InlineData("net:host:8008~shs2:K", "shs2")]
    [InlineData("net:host:8008~shs-:K", "shs-")]
    [InlineData("net:host:8008~noauth", "noauth")]
    [InlineData("net:host:8008~foo~shs:K", null)]
    [InlineData("net:host:8008~shs:K~bar", null)]
    public void Transform_OnePartAfterTheTransport_IsItsExactName(string text, string? transform) =>
        Assert.Equal(transform, MultiserverAddress.Parse(text.Replace("K", Given.Base64(1), StringComparison.Ordinal)).Routes.Single().Transform);

    [Theory]
    [InlineData("shs2:K")]
    [InlineData("shs-:K")]
    [InlineData("shsx:K")]
    [InlineData("shs2:K:c2VlZA==")]
    public void Key_NameThatOnlyBeginsWithShs_IsAnIdentityAndNotExpected(string part)
    {
        MultiserverAddress address = MultiserverAddress.Parse($"net:host:8008~{part.Replace("K", Given.Base64(1), StringComparison.Ordinal)}");
        Assert.Equal(Given.Id(1), address.FeedId); // as npm ssb-ref reads it
        Assert.Null(address.Routes.Single().FeedId);
        Assert.False(address.Routes.Single().HasSeed);
        Assert.Null(address.Problem); // the set of protocols is open
    }

    [Fact]
    public void Problem_PrefixedPartNamesAnotherKey_IsNamed() => Assert.Contains(
        "different keys",
        MultiserverAddress.Parse($"net:host:1~shs2:{Given.Base64(1)};net:host:2~shs:{Given.Base64(2)}").Problem,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("net:host:8008:c2VlZA")]
    [InlineData("net:c2VlZA:host:8008")]
    [InlineData("net:[c2VlZA]:8008")]
    [InlineData("ws://host:c2VlZA")]
    [InlineData("ws://c2Vl+ZA:80")]
    [InlineData("net:host:1~shs:c2VlZA")]
    [InlineData("tunnel:c2VlZA:c2VlZA")]
    [InlineData("ws://user:c2VlZA@host:0")]
    public void Problem_TextThatMayBeASecret_IsNotRepeated(string text)
    {
        string problem = MultiserverAddress.Parse(text).Problem!; // asserted next
        Assert.NotNull(problem);
        Assert.DoesNotContain("c2Vl", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ws://user:word@example.com:8989/path?query#part", "example.com", 8989)]
    [InlineData("wss://a@b@example.com", "example.com", 443)]
    [InlineData("ws://example.com?query", "example.com", 80)]
    [InlineData("ws://example.com:81#part/@x", "example.com", 81)]
    [InlineData("ws://[fe80::1%25eth0]:81", "fe80::1%eth0", 81)]
    public void Routes_UrlWithAllItsParts_AreRead(string text, string host, int port)
    {
        MultiserverRoute route = MultiserverAddress.Parse(text).Routes.Single();
        Assert.Equal((host, (int?)port, null), (route.Host, route.Port, route.Problem));
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
    [InlineData("net:[127.0.0.1]:8008")] // only IPv6 stands in brackets
    [InlineData("net:[example.com]:8008")]
    [InlineData("net:[[::1]]:8008")]
    [InlineData("net:[]:8008")]
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
        Assert.Null(address.FeedId);
        Assert.Null(address.Routes.Single().FeedId);
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
        Assert.All(address.Routes, r => Assert.Equal(Given.Id(1), r.FeedId));
        Assert.Equal(Given.Id(1), address.FeedId);
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
        Assert.NotNull(MultiserverAddress.Parse("unix::~noauth").Problem);
    }

    [Fact]
    public void Routes_Tunnel_HasPortalAndTarget()
    {
        MultiserverAddress address = MultiserverAddress.Parse($"tunnel:{Given.FeedId(1)}:{Given.FeedId(2)}~shs:{Given.Base64(2)}");
        MultiserverRoute route = address.Routes.Single();
        Assert.Equal(Given.Id(1), route.TunnelPortal);
        Assert.Equal(Given.Id(2), route.TunnelTarget);
        Assert.Equal(Given.Id(2), route.FeedId);
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

    [Theory]
    [InlineData("unix:/home/ann/.ssb/socket:~noauth", "/home/ann/.ssb/socket")] // npm ssb-unix-socket
    [InlineData("unix:/home/ann/.ssb/socket~noauth", "/home/ann/.ssb/socket")]
    [InlineData("unix:/a!:b/socket~noauth", "/a:b/socket"), InlineData("unix:/a:b/socket~noauth", "/a:b/socket"), InlineData("unix:/a/b!:~noauth", "/a/b:")]
    [InlineData("unix:C!:\\Users\\ANN!~1\\socket~noauth", "C:\\Users\\ANN~1\\socket"), InlineData("unix:/a!!b!;c/socket:~noauth", "/a!b;c/socket")]
    public void Path_OfEachSpelling_IsThePath(string address, string path) =>
        Assert.Equal(path, MultiserverAddress.Parse(address).Routes.Single().Path);
}
