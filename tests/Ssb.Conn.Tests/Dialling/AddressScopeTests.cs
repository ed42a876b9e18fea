using System.Net;

namespace Ssb.Conn.Tests.Dialling;

public sealed class AddressScopeTests
{
    [Theory]
    [InlineData("127.0.0.1", AddressScope.Loopback)]
    [InlineData("127.255.255.254", AddressScope.Loopback)]
    [InlineData("0.0.0.0", AddressScope.Loopback)]
    [InlineData("0.1.2.3", AddressScope.Loopback)]
    [InlineData("::1", AddressScope.Loopback)]
    [InlineData("::", AddressScope.Loopback)]
    [InlineData("::ffff:127.0.0.1", AddressScope.Loopback)]
    [InlineData("::ffff:0.0.0.0", AddressScope.Loopback)]
    [InlineData("::127.0.0.1", AddressScope.Loopback)]
    [InlineData("::ffff:0:127.0.0.1", AddressScope.Loopback)]
    [InlineData("64:ff9b::127.0.0.1", AddressScope.Loopback)]
    [InlineData("64:ff9b:1::127.0.0.1", AddressScope.Loopback)]
    [InlineData("2002:7f00:1::", AddressScope.Loopback)]
    [InlineData("169.254.169.254", AddressScope.LinkLocal)]
    [InlineData("::ffff:169.254.169.254", AddressScope.LinkLocal)]
    [InlineData("fe80::1", AddressScope.LinkLocal)]
    [InlineData("febf::1", AddressScope.LinkLocal)]
    [InlineData("ff02::1", AddressScope.LinkLocal)]
    [InlineData("224.0.0.1", AddressScope.LinkLocal)]
    [InlineData("255.255.255.255", AddressScope.LinkLocal)]
    [InlineData("10.0.0.1", AddressScope.Private)]
    [InlineData("172.16.0.1", AddressScope.Private)]
    [InlineData("172.31.255.255", AddressScope.Private)]
    [InlineData("192.168.1.4", AddressScope.Private)]
    [InlineData("100.64.0.1", AddressScope.Private)]
    [InlineData("100.127.255.255", AddressScope.Private)]
    [InlineData("192.0.0.8", AddressScope.Private)]
    [InlineData("198.19.0.1", AddressScope.Private)]
    [InlineData("240.0.0.1", AddressScope.Private)]
    [InlineData("::ffff:10.0.0.1", AddressScope.Private)]
    [InlineData("64:ff9b::10.0.0.1", AddressScope.Private)]
    [InlineData("64:ff9b:1::1.1.1.1", AddressScope.Private)]
    [InlineData("2002:c0a8:104::1", AddressScope.Private)]
    [InlineData("fc00::1", AddressScope.Private)]
    [InlineData("fd12::1", AddressScope.Private)]
    [InlineData("fec0::1", AddressScope.Private)]
    [InlineData("172.15.0.1", AddressScope.Public)]
    [InlineData("172.32.0.1", AddressScope.Public)]
    [InlineData("100.63.0.1", AddressScope.Public)]
    [InlineData("100.128.0.1", AddressScope.Public)]
    [InlineData("1.1.1.1", AddressScope.Public)]
    [InlineData("::ffff:1.1.1.1", AddressScope.Public)]
    [InlineData("64:ff9b::1.1.1.1", AddressScope.Public)]
    [InlineData("2002:101:101::1", AddressScope.Public)]
    [InlineData("2606:4700::1111", AddressScope.Public)]
    public void Of_Address_IsWhereItEnds(string address, AddressScope scope)
    {
        Assert.Equal(scope, AddressScopes.Of(IPAddress.Parse(address)));
        Assert.Equal(scope, AddressScopes.Of(address));
    }

    [Theory]
    [InlineData("localhost", AddressScope.Loopback)]
    [InlineData("LOCALHOST.", AddressScope.Loopback)]
    [InlineData("a.localhost", AddressScope.Loopback)]
    [InlineData("127.1", AddressScope.Loopback)]
    [InlineData("2130706433", AddressScope.Loopback)]
    [InlineData("0x7f000001", AddressScope.Loopback)]
    [InlineData("fe80::1%2", AddressScope.LinkLocal)]
    [InlineData("mylocalhost", null)]
    [InlineData("example.org", null)]
    public void Of_Host_NamesHaveNoneButLocalhost(string host, AddressScope? scope) => Assert.Equal(scope, AddressScopes.Of(host));

    [Fact]
    public void Values_AreInOrder() =>
        Assert.Equal([AddressScope.Loopback, AddressScope.LinkLocal, AddressScope.Private, AddressScope.Public], Enum.GetValues<AddressScope>().Order());
}
