using System.Net;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests;

/// <summary>What a host tells of itself, and where: by the cards that it has.</summary>
public class LanSubnetTests
{
    private static readonly FeedId s_own = FeedId.Parse(Recorded.Id);
    private static readonly NetworkCard s_lo = Cards.Up("lo", 1, "127.0.0.1/8", "::1/128") with { IsLoopback = true };
    private static readonly NetworkCard s_eth = Cards.Up("eth0", 2, "10.77.0.1/24", "fe80::1/64");

    [Fact]
    public void Announced_BothFamiliesOnOneCard_AreRoutesOfOneAddressAndIPv4IsFirst() => AssertAnnounced(
        [s_lo, Cards.Up("eth0", 2, "fe80::1/64", "2001:db8::1/64", "fd00::1/64", "10.77.0.1/24")],
        ["net:0.0.0.0:8008", "net:[::]:8009"],
        ("10.77.0.0/24", "net:10.77.0.1:8008;net:fd00::1:8009;net:2001:db8::1:8009"));

    [Fact]
    public void Announced_ListenerForBothFamilies_HasOnePort() => AssertAnnounced(
        [Cards.Up("eth0", 2, "10.77.0.1/24", "fd00::1/64")], ["net:[::]:8008"], ("10.77.0.0/24", "net:10.77.0.1:8008;net:fd00::1:8008"));

    [Fact]
    public void Announced_ListenerForIPv4_HasNoIPv6() => AssertAnnounced(
        [Cards.Up("eth0", 2, "10.77.0.1/24", "fd00::1/64")], ["net:0.0.0.0:8008"], ("10.77.0.0/24", "net:10.77.0.1:8008"));

    [Fact]
    public void Announced_TwoCardsInTwoSubnets_HaveTheirOwnAddressEach() => AssertAnnounced(
        [s_eth, Cards.Up("docker0", 3, "172.17.0.1/16")], ["net:[::]:8008"],
        ("10.77.0.0/24", "net:10.77.0.1:8008"), ("172.17.0.0/16", "net:172.17.0.1:8008"));

    [Fact]
    public void Announced_TwoCardsInOneSubnet_AreOneWhicheverIsReadFirst()
    {
        NetworkCard other = Cards.Up("wlan0", 3, "10.77.0.9/24", "fd00::9/64");
        foreach (NetworkCard[] cards in (NetworkCard[][])[[s_eth, other], [other, s_eth]])
            AssertAnnounced(cards, ["net:[::]:8008"], ("10.77.0.0/24", "net:10.77.0.1:8008;net:fd00::9:8008"));
    }

    [Fact]
    public void Announced_SecondAddressInTheSubnet_DoesNotReplaceTheFirst() => AssertAnnounced(
        [Cards.Up("eth0", 2, "10.77.0.7/24", "10.77.0.1/24")], ["net:[::]:8008"], ("10.77.0.0/24", "net:10.77.0.7:8008"));

    [Fact]
    public void Announced_ManyIPv6Addresses_AreOneForEachPrefixAndAtMostThree() => AssertAnnounced(
        [Cards.Up("eth0", 2, "10.77.0.1/24", "fd00::1/64", "fd00::2/64", "2001:db8:1::1/64", "2001:db8:1::2/128", "2001:db8:2::1/64",
            "2001:db8:3::1/64")],
        ["net:[::]:8008"], ("10.77.0.0/24", "net:10.77.0.1:8008;net:fd00::1:8008;net:2001:db8:1::1:8008;net:2001:db8:2::1:8008"));

    [Fact]
    public void Announced_ListenerAtOneAddress_IsAnnouncedInItsSubnetOnly()
    {
        NetworkCard docker = Cards.Up("docker0", 3, "172.17.0.1/16");
        NetworkCard two = Cards.Up("eth0", 2, "10.77.0.1/24", "10.77.0.9/24", "fd00::1/64");
        AssertAnnounced([two, docker], ["net:10.77.0.9:8008"], ("10.77.0.0/24", "net:10.77.0.9:8008"));
        AssertAnnounced([two, docker], ["net:[fd00::1]:8008"], ("10.77.0.0/24", "net:fd00::1:8008"));
        AssertAnnounced([two, docker], ["net:10.99.0.1:8008"]); // a lease that has gone
        AssertAnnounced([two, docker], ["net:127.0.0.1:8008"]);
    }

    [Fact]
    public void Announced_SeveralListeners_OneRouteForEachFamilyAndNothingButNet() => AssertAnnounced(
        [Cards.Up("eth0", 2, "10.77.0.1/24", "fd00::1/64")], ["ws:[::]:8989", "net:[::]:8008", "net:[::]:8010", "net:127.0.0.1:8011"],
        ("10.77.0.0/24", "net:10.77.0.1:8008;net:fd00::1:8008"));

    [Fact]
    public void Announced_AddressThatTheCardGaveItself_OnlyWhereThereIsNoOther()
    {
        AssertAnnounced([Cards.Up("eth0", 2, "169.254.3.4/16", "10.77.0.1/24")], ["net:[::]:8008"], ("10.77.0.0/24", "net:10.77.0.1:8008"));
        AssertAnnounced([Cards.Up("eth0", 2, "169.254.3.4/16")], ["net:[::]:8008"], ("169.254.0.0/16", "net:169.254.3.4:8008"));
    }

    [Fact]
    public void Announced_OverLoopback_IsLoopback()
    {
        LanSubnet loopback = LanSubnet.Of(LanInterfaces.Of(new HostNetwork(s_lo, s_eth), new LanOptions { Loopback = true }))
            .Single().Subnet;
        Assert.Equal(Text("net:127.0.0.1:8008;net:::1:8008"), ListeningPlace.AddressIn(loopback, Places("net:[::]:8008"), s_own)?.Text);
        Assert.Equal(Text("net:127.0.0.1:8008"), ListeningPlace.AddressIn(loopback, Places("net:127.0.0.1:8008"), s_own)?.Text);
        Assert.Equal(Text("net:127.0.0.2:8008"), ListeningPlace.AddressIn(loopback, Places("net:127.0.0.2:8008"), s_own)?.Text);
        Assert.Equal(Text("net:::1:8008"), ListeningPlace.AddressIn(loopback, Places("net:[::1]:8008"), s_own)?.Text);
        Assert.Null(ListeningPlace.AddressIn(loopback, Places("net:10.77.0.1:8008"), s_own));
    }

    [Fact]
    public void Addresses_OfAListenerForAll_AreOneForEachSubnet()
    {
        var network = new HostNetwork(
            s_lo, Cards.Up("eth0", 2, "10.77.0.1/24", "fd00::1/64"), Cards.Up("eth1", 3, "10.77.0.9/24"),
            Cards.Up("tun0", 4, "10.44.0.2/32"), Cards.Up("six0", 5, "2001:db8::5/64", "fe80::5/64"),
            Cards.Up("gone0", 6, "10.66.0.1/24") with { IsUp = false }, Cards.Up("veth7", 7, "fe80::7/64"));
        Assert.Equal(
            Texts("net:10.77.0.1:8008;net:fd00::1:8008", "net:10.44.0.2:8008", "net:2001:db8::5:8008"),
            Places("net:[::]:8008")[0].AddressesOf(s_own, LanSubnet.All(network)).Select(a => a.Text));
        Assert.Equal(
            Texts("net:10.77.0.1:8008", "net:10.44.0.2:8008"),
            Places("net:0.0.0.0:8008")[0].AddressesOf(s_own, LanSubnet.All(network)).Select(a => a.Text));
        Assert.Equal(
            Texts("ws://10.77.0.1:8989;ws://[fd00::1]:8989", "ws://10.44.0.2:8989", "ws://[2001:db8::5]:8989"),
            Places("ws:[::]:8989")[0].AddressesOf(s_own, LanSubnet.All(network)).Select(a => a.Text));
        Assert.Equal(
            Texts("net:127.0.0.1:8008"),
            Places("net:[::]:8008")[0].AddressesOf(s_own, LanSubnet.All(new HostNetwork(s_lo))).Select(a => a.Text));
        Assert.Equal(Texts("net:::1:8008"), Places("net:[::1]:8008")[0].AddressesOf(s_own, LanSubnet.All(network)).Select(a => a.Text));
    }

    [Fact]
    public void Addresses_OfACaller_AreWrittenAsJavaScriptDoes()
    {
        Assert.Equal(Text("net:::1:1234"), Caller("::1"));
        Assert.Equal(Text("net:10.77.0.3:1234"), Caller("::ffff:10.77.0.3"));
        Assert.Equal(Text("net:fe80::3:1234"), Caller("fe80::3%2")); // a zone is ours alone

        static string Caller(string host) => Places("net:[::]:8008")[0].AddressOf(new IPEndPoint(IPAddress.Parse(host), 1234), s_own).Text;
    }

    private static void AssertAnnounced(NetworkCard[] cards, string[] listen, params (string Subnet, string Address)[] expected)
    {
        ListeningPlace[] places = Places(listen);
        var announced = LanSubnet.Of(LanInterfaces.Of(new HostNetwork(cards), new LanOptions()))
            .Select(found => (Subnet: $"{found.Subnet}", Address: ListeningPlace.AddressIn(found.Subnet, places, s_own)?.Text))
            .Where(found => found.Address is not null);
        Assert.Equal(expected.Select(e => (e.Subnet, (string?)Texts(e.Address)[0])), announced);
    }

    private static ListeningPlace[] Places(params string[] listen) =>
        [.. listen.Select(text => text.Split(':', 2)).Select(parts => new ListeningPlace(parts[0], IPEndPoint.Parse(parts[1])))];

    private static string Text(string address) => Texts(address)[0];

    private static string[] Texts(params string[] addresses) =>
        [.. addresses.Select(address => string.Join(';', address.Split(';').Select(route => $"{route}~shs:{Recorded.Key}")))];
}
