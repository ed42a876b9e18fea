namespace Ssb.Conn.Tests.Hub;

/// <summary>What is said of a connection that ended, and of a dial that failed, is so; and a peer that comes back has its old connection looked
/// at.</summary>
public class EndingTests : PluginTestBase
{
    [Theory]
    [InlineData(ConnReason.Silent, "the other side went silent"), InlineData(null, "ended by the other side"), InlineData("out of coffee", "out of coffee")]
    public async Task Disconnected_OfItself_TellsTheReasonOfTheConnection(string? given, string expected)
    {
        Reachable();
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1), Lan());
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        await using Reading<HubEvent> events = conn.Hub.Listen().Read();
        Network.Connections[0].EndReason = given;
        Network.Connections[0].End();
        HubEvent e = await events.Next();
        Assert.Equal((HubEventType.Disconnected, expected), (e.Type, e.Reason));
        IReadOnlyList<PeerNote> history = conn.Why(Given.Peer(1)).History;
        Assert.Equal(expected, history.Single(n => n.What == "disconnected").Reason);
        Assert.Equal($"its connection ended: {expected}", history.Single(n => n.What == "returned").Reason);
    }

    [Fact]
    public async Task Disconnected_ByUs_TellsOurReason()
    {
        Reachable();
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1), Lan());
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        Network.Connections[0].EndReason = ConnReason.EndedHere;
        await conn.DisconnectAsync(Given.Address(1)).Guarded();
        Assert.Equal("its connection ended: requested", conn.Why(Given.Peer(1)).History.Single(n => n.What == "returned").Reason);
    }

    [Fact]
    public async Task Returned_AfterADialThatFailed_TellsThatAndHow()
    {
        Unreachable("nobody listens there");
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1), Lan());
        await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Given.Address(1)).Guarded());
        Assert.Equal("its dial failed: nobody listens there", conn.Why(Given.Peer(1)).History.Single(n => n.What == "returned").Reason);
        Assert.DoesNotContain("connection ended", conn.Why(Given.Peer(1)).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Returned_AfterADialThatWasGivenUp_TellsThat()
    {
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1), Lan());
        conn.ConnectAsync(Given.Address(1)).Forget();
        await conn.DisconnectAsync(Given.Address(1)).Guarded();
        Assert.Equal("its dial was given up: requested", conn.Why(Given.Peer(1)).History.Single(n => n.What == "returned").Reason);
    }

    [Fact]
    public async Task Accept_PeerThatIsConnected_HasItsOldConnectionProbed()
    {
        Reachable();
        ConnPlugin conn = await Open();
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        await conn.ConnectAsync(Given.Address(2)).Guarded();
        TestConnection first = Network.Call(1)!;
        Until(() => Network.Connections[0].Probes == 1);
        Assert.Equal((0, 0), (Network.Connections[1].Probes, first.Probes)); // nobody else's, and not the new one

        // In the same direction the new one takes the place of the old one.
        TestConnection second = Network.Call(1)!;
        Until(() => first.HasCloseBeenCalled);
        Assert.False(second.HasCloseBeenCalled);
        Network.Connections[0].End();
        Assert.Equal(HubState.Connected, conn.Hub.GetState(Given.Address(1)));
        Assert.Same(second, conn.Hub.GetConnection(Given.Address(1)));
    }

    [Fact]
    public async Task Connect_ByAnotherAddress_HasTheOldConnectionProbed()
    {
        Reachable();
        ConnPlugin conn = await Open();
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        Network.Answer = address => new TestConnection(Given.FeedId(1), address);
        await conn.ConnectAsync(MultiserverAddress.Parse("net:10.0.0.9:8008~noauth")).Guarded(); // only its handshake tells who it is
        Until(() => Network.Connections[1].HasCloseBeenCalled);
        Assert.Equal((1, 0), (Network.Connections[0].Probes, Network.Connections[1].Probes));
    }

    private static void Until(Func<bool> isSo) => Guards.Until(isSo);
}
