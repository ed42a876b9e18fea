namespace Ssb.Wire.Tests;

public class HandshakeOptionsTests : HandshakeScene
{
    [Fact]
    public void Defaults_AreThoseOfPullHandshake()
    {
        var options = new HandshakeOptions();
        Assert.Equal(NetworkKey.Main, options.Network);
        Assert.Equal(TimeSpan.FromSeconds(5), options.Deadline);
        Assert.Same(TimeProvider.System, options.TimeProvider);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-2)]
    [InlineData(50L * 24 * 60 * 60 * 1_000)] // more than a timer can count
    public void Deadline_OutOfRange_ThrowsAtOnceAndLeavesTheStreamAlone(long milliseconds)
    {
        HandshakeOptions wrong = Options with { Deadline = TimeSpan.FromMilliseconds(milliseconds) };
        ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(
            () => { _ = SecretHandshake.ConnectAsync(ClientEnd, Client, Server.Id, wrong); });
        Assert.Equal("Deadline", error.ParamName);
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = SecretHandshake.AcceptAsync(ServerEnd, Server, Yes, wrong); });
        Assert.False(ClientEnd.IsDisposed || ServerEnd.IsDisposed);
    }

    [Fact]
    public void Null_Anywhere_ThrowsAtOnce()
    {
        Assert.Throws<ArgumentNullException>("stream", () => { _ = SecretHandshake.ConnectAsync(null!, Client, Server.Id); });
        Assert.Throws<ArgumentNullException>("keys", () => { _ = SecretHandshake.ConnectAsync(ClientEnd, null!, Server.Id); });
        Assert.Throws<ArgumentNullException>("stream", () => { _ = SecretHandshake.AcceptAsync(null!, Server, Yes); });
        Assert.Throws<ArgumentNullException>("keys", () => { _ = SecretHandshake.AcceptAsync(ServerEnd, null!, Yes); });
        Assert.Throws<ArgumentNullException>("authorize", () => { _ = SecretHandshake.AcceptAsync(ServerEnd, Server, null!); });
        Assert.Throws<ArgumentNullException>("Network", () => { _ = SecretHandshake.ConnectAsync(ClientEnd, Client, Server.Id, Options with { Network = null! }); });
        Assert.Throws<ArgumentNullException>("TimeProvider", () => { _ = SecretHandshake.ConnectAsync(ClientEnd, Client, Server.Id, Options with { TimeProvider = null! }); });
        Assert.False(ClientEnd.IsDisposed || ServerEnd.IsDisposed);
    }

    [Fact]
    public void ToString_HoldsNoNetworkKey() => AssertTellsNoSecret(Options.ToString());
}
