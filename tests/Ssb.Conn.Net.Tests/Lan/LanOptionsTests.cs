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
    [InlineData("192.168.1.2", "255.255.255.0", "192.168.1.255")]
    [InlineData("10.77.3.1", "255.255.0.0", "10.77.255.255")]
    [InlineData("172.16.5.9", "255.255.255.252", "172.16.5.11")]
    [InlineData("172.16.5.9", "255.255.255.254", null)]
    [InlineData("172.16.5.9", "255.255.255.255", null)]
    [InlineData("172.16.5.9", "0.0.0.0", null)]
    public void Broadcast_OfASubnet_IsItsLastAddress(string address, string mask, string? broadcast) =>
        Assert.Equal(broadcast, new LanInterface("x", 1, IPAddress.Parse(address), IPAddress.Parse(mask)).Broadcast?.ToString());

    [Fact]
    public void Read_ThisMachine_GivesNoLoopbackUnlessAsked()
    {
        Assert.DoesNotContain(LanInterfaces.Read(new LanOptions()), card => IPAddress.IsLoopback(card.Address));
        Assert.Equal(IPAddress.Loopback, Assert.Single(LanInterfaces.Read(new LanOptions { Loopback = true })).Address);
        Assert.Equal(IPAddress.Loopback, Assert.Single(LanInterfaces.Read(new LanOptions { Interface = "127.0.0.1" })).Address);
        Assert.Empty(LanInterfaces.Read(new LanOptions { Interface = "no such card" }));
    }
}
