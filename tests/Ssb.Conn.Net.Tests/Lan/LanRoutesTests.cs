using System.Net;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests;

/// <summary>Where whoever announces may make us connect to. We are on two LANs, with both families on the first.</summary>
public sealed class LanRoutesTests : IDisposable
{
    private const string Sender = "192.168.1.23", K = Recorded.Key;

    private readonly FakeTimeProvider _time = new();
    private readonly KeyPair _keys = Recorded.NewKeys();
    private readonly List<NetworkCard> _cards =
    [
        new NetworkCard("lo", 1, IsUp: true, IsLoopback: true, [Cards.Address("127.0.0.1/8"), Cards.Address("::1/128")]),
        Cards.Up("eth0", 3, "192.168.1.2/24", "fd00:1::2/64", "2001:db8:1::2/64", "fe80::2/64"),
        Cards.Up("eth1", 5, "10.9.0.2/16", "fd00:9::2/64"),
        Cards.Up("tun0", 6, "10.44.0.2/32") with { IsUp = false },
    ];

    public void Dispose() => _keys.Dispose();

    [Theory]
    [InlineData("net:192.168.1.23:8008", "the sender")]
    [InlineData("net:192.168.1.23:22", "any port of its own")]
    [InlineData("net:192.168.1.77:8008", "another host of the subnet")]
    [InlineData("net:::ffff:192.168.1.23:8008", "mapped")]
    [InlineData("net:!:!:ffff!:192.168.1.23:8008", "mapped and escaped")]
    [InlineData("net:fd00:1::23:8008", "the card's IPv6 subnet")]
    [InlineData("net:fd00!:1!:!:23:8008", "escaped")]
    [InlineData("net:2001:db8:1::23:8008", "a global one")]
    [InlineData("net:[fd00:1::23]:8008", "in brackets")]
    [InlineData("net:[::ffff:192.168.1.23]:8008", "mapped and in brackets")]
    public void Receive_RouteOnTheCardsSubnets_IsKept(string route, string what) => Assert.True(IsKept(route), what);

    [Theory]
    [InlineData("net:127.0.0.1:6379", "loopback")]
    [InlineData("net:127.9.9.9:6379", "loopback")]
    [InlineData("net::6379", "an empty host is loopback")]
    [InlineData("net:localhost:6379", "a name")]
    [InlineData("net:::1:6379", "loopback")]
    [InlineData("net:!:!:1:6379", "loopback, escaped")]
    [InlineData("net:[::1]:6379", "loopback, in brackets")]
    [InlineData("net:::ffff:127.0.0.1:6379", "loopback, mapped")]
    [InlineData("net:[::ffff:127.0.0.1]:6379", "loopback, mapped and in brackets")]
    [InlineData("net:[fd00:1::2]:22", "our own address, in brackets")]
    [InlineData("net:!:!:ffff!:127.0.0.1:6379", "loopback, mapped and escaped")]
    [InlineData("net:0.0.0.0:6379", "unspecified, which is loopback")]
    [InlineData("net:0.0.0.7:6379", "of this network")]
    [InlineData("net::::6379", "unspecified")]
    [InlineData("net:2130706433:6379", "127.0.0.1 as a number")]
    [InlineData("net:0x7f.1:6379", "127.0.0.1 in another base")]
    [InlineData("net:192.168.1.2:22", "our own address")]
    [InlineData("net:::ffff:192.168.1.2:22", "our own address, mapped")]
    [InlineData("net:fd00:1::2:22", "our own address, IPv6")]
    [InlineData("net:fd00:1:0:0:0:0:0:2:22", "our own address, spelled out")]
    [InlineData("net:10.9.0.2:22", "our own address on another card")]
    [InlineData("net:10.44.0.2:22", "our own address on a card that is down")]
    [InlineData("net:10.9.0.7:22", "the subnet of another card")]
    [InlineData("net:fd00:9::7:22", "the IPv6 subnet of another card")]
    [InlineData("net:192.168.1.0:22", "the subnet itself")]
    [InlineData("net:192.168.1.255:22", "its broadcast address")]
    [InlineData("net:255.255.255.255:22", "everybody")]
    [InlineData("net:224.0.0.1:22", "a group")]
    [InlineData("net:ff02::1:22", "a group")]
    [InlineData("net:169.254.169.254:80", "elsewhere")]
    [InlineData("net:8.8.8.8:53", "the internet")]
    [InlineData("net:2001:db8:2::1:53", "the internet")]
    [InlineData("net:fe80::23:8008", "link-local")]
    [InlineData("net:fe80::23%eth1:8008", "link-local by a zone")]
    [InlineData("net:fd00:1::23%5:8008", "by a zone")]
    [InlineData("net:::192.168.1.23:8008", "compatible IPv6")]
    [InlineData("net:64:ff9b::192.168.1.23:8008", "translated")]
    [InlineData("net:router:80", "a name")]
    [InlineData("net:example.org:8008", "a name")]
    [InlineData("net:192.168.1.23:99999", "no port")]
    [InlineData("ws://192.168.1.23:8989", "WebSocket")]
    [InlineData("ws://192.168.1.23:8989/admin/reset?confirm=yes", "WebSocket")]
    [InlineData("wss://192.168.1.23", "WebSocket")]
    [InlineData("onion:expyuzz4wqqyqhjn.onion:8008", "onion")]
    [InlineData("unix:/run/docker.sock", "a socket")]
    [InlineData("tunnel:@" + K + ".ed25519:@" + K + ".ed25519", "a tunnel")]
    [InlineData("bt:1234", "not known")]
    public void Receive_RouteElsewhere_IsDropped(string route, string what) => Assert.False(IsKept(route), what);

    [Theory]
    [InlineData("net:192.168.1.23:8008")]
    [InlineData("net:192.168.1.23:8008~noauth")]
    [InlineData("net:192.168.1.23:8008~shs:" + K + ":c2VlZA==")]
    [InlineData("net:192.168.1.23:8008~shs2:" + K)]
    [InlineData("net:192.168.1.23:8008~shs2:gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=")]
    [InlineData("net:192.168.1.23:8008~shs2:short")]
    [InlineData("net:192.168.1.23:8008~shs")]
    [InlineData("net:192.168.1.23:8008~shs:short")]
    [InlineData("net:192.168.1.23:8008~shs:" + K + "~more")]
    [InlineData("net:192.168.1.23:8008~more~shs:" + K)]
    public void Receive_RouteWithAnotherTransform_IsDropped(string route)
    {
        LanReceiver receiver = NewReceiver();
        string good = $"net:192.168.1.24:8008~shs:{K}";
        Assert.Equal(good, Hear(receiver, $"{good};{route}", Sender, 3)?.Address.Text);
        LanAnnouncement? told = Hear(receiver, $"{route};{good}", Sender, 3); // JavaScript takes the first that it can parse
        Assert.Equal((good, FeedId.Parse($"@{K}.ed25519")), (told?.Address.Text, told?.FeedId));
    }

    [Theory]
    [InlineData("shs2:gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=")]
    [InlineData("shs2:short")]
    public void Receive_SignedAnnouncementBeginsWithAnUnknownPart_TheRestIsVerified(string part)
    {
        string good = $"net:192.168.1.23:8008~shs:{_keys.Id.ToBase64()}";
        byte[] packet = LanDatagram.EncodeNormal(MultiserverAddress.Parse($"net:192.168.1.23:8008~{part};{good}"), _keys, NetworkKey.Main);
        LanAnnouncement? told = NewReceiver().Receive(packet, IPAddress.Parse(Sender), 3, LanFormat.Normal);
        Assert.Equal((good, _keys.Id, true), (told?.Address.Text, told?.FeedId, told?.Verified));
    }

    [Theory]
    [InlineData("shs2:gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=")]
    [InlineData("shs2:short")]
    public void TryStage_AnyRouteAccepted_AddressIsStagedByTheKeyThatSigned(string part)
    {
        LanReceiver receiver = NewReceiver(new LanOptions { AcceptAnyRoute = true });
        string good = $"net:192.168.1.23:8008~shs:{K}";
        LanAnnouncement? told = Hear(receiver, $"net:192.168.1.23:8008~{part};{good}", Sender, 3);
        using var bench = new ConnStaging();
        Assert.Equal(StageOutcome.Inserted, bench.TryStage(told!)?.Outcome); // it was heard
        StagedPeer peer = Assert.Single(bench.Entries());
        Assert.Equal((good, told!.FeedId), (peer.Address.Text, peer.Address.FeedId));
    }

    [Fact]
    public void Receive_RoutesThatAreDropped_DoNotLoseTheOthers()
    {
        LanReceiver receiver = NewReceiver();
        string good = $"net:192.168.1.23:8008~shs:{K}", six = $"net:fd00:1::23:8008~shs:{K}";
        string announced = $"unix:/run/docker.sock~noauth;net:127.0.0.1:6379~shs:{K};{good};"
            + $"ws://192.168.1.23:8989~shs:{K};{six};net:example.org:8008~shs:{K}";
        LanAnnouncement? told = Hear(receiver, announced, Sender, 3);
        Assert.Equal(($"{good};{six}", true), (told?.Address.Text, told?.SenderMatches));
        Assert.Equal((1, 4), (receiver.Counters.Accepted, receiver.Counters.DroppedRoutes));

        _time.Advance(TimeSpan.FromSeconds(2)); // and its repetition, which is known by its bytes
        Assert.Equal(told, Hear(receiver, announced, Sender, 3));
    }

    [Fact]
    public void Receive_NoRouteThatMayBeDialled_IsRefusedCountedAndTold()
    {
        LanReceiver receiver = NewReceiver();
        byte[] packet = LanDatagram.EncodeNormal(MultiserverAddress.Parse($"net:127.0.0.1:6379~shs:{_keys.Id.ToBase64()}"),
            _keys, NetworkKey.Main);
        Assert.Null(receiver.Receive(packet, IPAddress.Parse(Sender), 3, LanFormat.Normal, out LanAnnouncement? refused));
        Assert.Equal(
            ($"net:127.0.0.1:6379~shs:{_keys.Id.ToBase64()}", false, "eth0"), (refused?.Address.Text, refused?.SenderMatches, refused?.Interface));
        LanCounters counters = receiver.Counters;
        Assert.Equal((1, 0, 1), (counters.Rejected[LanReject.NoRoute], counters.Accepted, counters.DroppedRoutes));
    }

    [Theory]
    [InlineData("192.168.1.23", true)]
    [InlineData("192.168.1.24", false)]
    public void Receive_SenderMatches_IsOfTheRoutesThatAreKept(string sender, bool matches) => Assert.Equal(
        matches, Hear(NewReceiver(), $"net:192.168.1.23:8008~shs:{K};ws://192.168.1.24:8989~shs:{K}", sender, 3)?.SenderMatches);

    [Theory]
    [InlineData("127.0.0.1", "net:127.0.0.1:8008", true)]
    [InlineData("127.0.0.5", "net:127.0.0.1:8008", true)]
    [InlineData("127.0.0.1", "net:::1:8008", true)]
    [InlineData("127.0.0.1", "net:192.168.1.2:8008", false)] // our own all the same
    [InlineData("127.0.0.1", "net:192.168.1.23:8008", false)]
    [InlineData("127.0.0.1", "net:0.0.0.0:8008", false)]
    public void Receive_OverLoopback_KeepsLoopbackOnly(string sender, string route, bool isKept)
    {
        foreach (LanOptions options in (LanOptions[])[new LanOptions { Loopback = true }, new LanOptions { Interface = "lo" }])
            Assert.Equal(isKept, Hear(NewReceiver(options), $"{route}~shs:{K}", sender, 1) is not null);
    }

    [Fact]
    public void Receive_OnTheOtherCard_IsJudgedByThatCard()
    {
        LanReceiver receiver = NewReceiver();
        string one = $"net:192.168.1.23:8008~shs:{K}", two = $"net:10.9.3.4:8008~shs:{K}";
        Assert.Equal(one, Hear(receiver, $"{one};{two}", Sender, 3)?.Address.Text);
        Assert.Equal(two, Hear(receiver, $"{one};{two}", "10.9.3.4", 5)?.Address.Text);
    }

    [Fact]
    public void Receive_AddressThatBecomesOurs_IsJudgedAnew()
    {
        LanReceiver receiver = NewReceiver();
        string address = $"net:192.168.1.77:22~shs:{K}";
        Assert.NotNull(Hear(receiver, address, Sender, 3));
        _cards[1] = Cards.Up("eth0", 3, "192.168.1.77/24");
        receiver.ForgetNetwork(); // as it is told when the system reports a change
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Null(Hear(receiver, address, Sender, 3));
        Assert.Equal((0, 1), (receiver.Held.Announcements, receiver.Counters.Rejected[LanReject.NoRoute]));
    }

    [Fact]
    public void Receive_AcceptAnyRoute_TakesWhatIsAnnounced()
    {
        LanReceiver receiver = NewReceiver(new LanOptions { AcceptAnyRoute = true });
        string announced = $"net:127.0.0.1:6379~shs:{K};ws://example.org~shs:{K}";
        Assert.Equal(announced, Hear(receiver, announced, Sender, 3)?.Address.Text);
        Assert.Equal(0, receiver.Counters.DroppedRoutes);
    }

    private bool IsKept(string route)
    {
        LanReceiver receiver = NewReceiver();
        LanAnnouncement? told = Hear(receiver, $"{route}~shs:{K}", Sender, 3);
        Assert.Equal(told is null ? 1 : 0, receiver.Counters.Rejected[LanReject.NoRoute]);
        return told is not null;
    }

    private LanReceiver NewReceiver(LanOptions? options = null) =>
        new((options ?? new LanOptions()) with { TimeProvider = _time }, () => new HostNetwork(_cards));

    private static LanAnnouncement? Hear(LanReceiver receiver, string address, string sender, int card) =>
        receiver.Receive(Encoding.ASCII.GetBytes(address), IPAddress.Parse(sender), card, LanFormat.Legacy);
}
