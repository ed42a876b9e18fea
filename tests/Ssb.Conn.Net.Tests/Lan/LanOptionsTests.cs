using System.Net;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests;

public class LanOptionsTests
{
    [Fact]
    public void Defaults_AreThoseOfSsbLan()
    {
        var options = new LanOptions();
        Assert.Equal((26830, 8008, true, TimeSpan.FromSeconds(2)), (options.NormalPort, options.LegacyPort, options.Legacy, options.AnnounceInterval));
        Assert.Equal(NetworkKey.Main, options.NetworkKey);
        Assert.Same(options, LanOptions.Checked(options));
    }

    [Fact]
    public void ToString_PrivateNetworkKey_IsNotShown()
    {
        var options = new LanOptions { NetworkKey = NetworkKey.Generate() };
        Assert.DoesNotContain(options.NetworkKey.ToBase64(), options.ToString(), StringComparison.Ordinal);
    }

    public static TheoryData<string, LanOptions> OutOfRange => new()
    {
        { "NormalPort", new LanOptions { NormalPort = 0 } },
        { "NormalPort", new LanOptions { NormalPort = 65_536 } },
        { "LegacyPort", new LanOptions { LegacyPort = -1 } },
        { "differ", new LanOptions { LegacyPort = 26_830 } },
        { "AnnounceInterval", new LanOptions { AnnounceInterval = TimeSpan.FromMilliseconds(99) } },
        { "AnnounceInterval", new LanOptions { AnnounceInterval = TimeSpan.FromHours(2) } },
        { "Interface", new LanOptions { Interface = "" } },
        { "exclude", new LanOptions { Interface = "eth0", Loopback = true } },
        { "NetworkKey", new LanOptions { NetworkKey = null! } }, // what a caller without nullable checks can do
        { "SenderRate", new LanOptions { Limits = new LanLimits { SenderRate = 0 } } },
        { "SenderBurst", new LanOptions { Limits = new LanLimits { SenderBurst = 0 } } },
        { "LaneRate", new LanOptions { Limits = new LanLimits { LaneRate = 100_001 } } },
        { "RememberedPerSender", new LanOptions { Limits = new LanLimits { RememberedPerSender = 0 } } },
        { "Remembered", new LanOptions { Limits = new LanLimits { Remembered = 1 } } },
        { "Senders", new LanOptions { Limits = new LanLimits { Senders = 1 } } },
        { "ReadsPerSlice", new LanOptions { Limits = new LanLimits { ReadsPerSlice = 0 } } },
        { "Queue", new LanOptions { Limits = new LanLimits { Queue = 0 } } },
    };

    [Theory]
    [MemberData(nameof(OutOfRange))]
    public void Constructors_OptionOutOfRange_ThrowAndNameIt(string name, LanOptions options)
    {
        using KeyPair keys = KeyPair.Generate();
        Assert.Contains(name, Assert.Throws<ArgumentOutOfRangeException>(() => new LanDiscovery(options)).Message, StringComparison.Ordinal);
        Assert.Contains(
            name, Assert.Throws<ArgumentOutOfRangeException>(() => new LanAnnouncer(options, keys, Recorded.AddressOf(keys))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("192.168.1.2/24", "192.168.1.255")]
    [InlineData("10.77.3.1/16", "10.77.255.255")]
    [InlineData("172.16.5.9/30", "172.16.5.11")]
    [InlineData("172.16.5.9/31", null)]
    [InlineData("172.16.5.9/32", null)]
    [InlineData("172.16.5.9/0", null)]
    public void Broadcast_OfASubnet_IsItsLastAddress(string address, string? broadcast)
    {
        NetworkCard card = Cards.Up("x", 1, address);
        Assert.Equal(broadcast, new LanInterface(card, card.Addresses[0]).Broadcast?.ToString());
    }

    [Fact]
    public void Read_ThisMachine_GivesNoLoopbackUnlessAsked()
    {
        HostNetwork here = HostNetwork.Read();
        Assert.DoesNotContain(LanInterfaces.Of(here, new LanOptions()), card => IPAddress.IsLoopback(card.Address));
        Assert.Equal(IPAddress.Loopback, Assert.Single(LanInterfaces.Of(here, new LanOptions { Loopback = true })).Address);
        Assert.Equal(IPAddress.Loopback, Assert.Single(LanInterfaces.Of(here, new LanOptions { Interface = "127.0.0.1" })).Address);
        Assert.Empty(LanInterfaces.Of(here, new LanOptions { Interface = "no such card" }));
        Assert.True(here.IsOwn(IPAddress.Loopback));
        Assert.All(here.Cards.SelectMany(card => card.Addresses), own => Assert.True(here.IsOwn(own.Address)));
    }

    [Fact]
    public void Of_CardThatIsDown_IsNotUsed()
    {
        var network = new HostNetwork(Cards.Up("eth0", 2, "10.0.0.1/24") with { IsUp = false }, Cards.Up("eth1", 3, "10.0.1.1/24"));
        Assert.Equal("eth1", Assert.Single(LanInterfaces.Of(network, new LanOptions())).Name);
    }
}
