using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Lan;

/// <summary>What is not known to be public is not announced to everybody on the LAN.</summary>
public class LanSecretTests
{
    [Theory]
    [InlineData("net:127.0.0.1:8008~shs:K:c2VlZA==")]
    [InlineData("net:127.0.0.1:8008~shs:K~invite:c2VlZA==")]
    [InlineData("net:127.0.0.1:8008~shs2:c2VlZA==;net:127.0.0.1:8008~shs:K")]
    [InlineData("ws://127.0.0.1:8008/c2VlZA==~shs:K")]
    public void Announcer_AddressThatHidesSomething_IsRefusedWithoutRepeatingIt(string text)
    {
        using KeyPair keys = KeyPair.Generate();
        MultiserverAddress address = MultiserverAddress.Parse(text.Replace(":K", ":" + keys.Id.ToBase64(), StringComparison.Ordinal));
        ArgumentException e = Assert.ThrowsAny<ArgumentException>(() => new LanAnnouncer(new LanOptions { Loopback = true }, keys, address));
        Assert.DoesNotContain("c2VlZA", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ToString_InterfaceThatSteersATerminal_IsText()
    {
        const string Evil = "eth0\e[2J\nforged";
        var address = MultiserverAddress.Parse("net:127.0.0.1:8008~foo:c2VlZA==");
        var announcement = new LanAnnouncement(address, default, true, true, System.Net.IPAddress.Loopback, Evil, LanFormat.Normal);
        Assert.Equal("net:127.0.0.1:8008~foo:*** from 127.0.0.1 by eth0?[2J?forged (signed)", announcement.ToString());
        Assert.Equal("Announcing by eth0?[2J?forged failed.", new LanProblem(Evil, $"Announcing by {Evil} failed.", DateTimeOffset.UnixEpoch).ToString());
    }
}
