namespace Ssb.Conn.Tests.Admission;

/// <summary>What a person decided holds until it ends or is undone: nobody who was dismissed comes back by calling, and nobody who was disconnected is
/// dialled again at once.</summary>
public class PersonsWordTests : PluginTestBase
{
    private static readonly ConnPluginOptions s_on = new();
    private static readonly PeerData s_pub = new() { Type = "pub" };

    [Theory]
    [InlineData("dismiss"), InlineData("snooze"), InlineData("block")]
    public async Task Decision_ConnectedPeer_IsDisconnectedAndItsCallsRefused(string how)
    {
        Reachable();
        ConnPlugin conn = await Open();
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        Network.Call(2);
        Assert.Equal(2, conn.Hub.Count);
        await using Reading<HubEvent> events = conn.Hub.Listen().Read();
        string reason = how == "block" ? ConnReason.Blocked : ConnReason.Dismissed;
        foreach (PeerTarget target in (PeerTarget[])[Given.Peer(1), Given.Peer(2)])
        {
            Decide(conn, how, target);
            Assert.Equal((HubEventType.Disconnecting, reason), ((await events.Next()).Type, events.Current.Reason));
            Assert.Equal((HubEventType.Disconnected, reason), ((await events.Next()).Type, events.Current.Reason));
        }

        Assert.Equal(0, conn.Hub.Count);
        Assert.Null(Network.Call(1));
        Assert.Null(Network.Call(2));
        Assert.Equal(2, conn.AdmissionCounters.RefusedCallers);
        PeerNote note = conn.Why(Given.Peer(1)).History[^1];
        Assert.Equal(("refused", reason), (note.What, note.Reason));
        Assert.NotNull(Network.Call(3)); // others come in
        Assert.Equal(2, conn.AdmissionCounters.RefusedCallers);
        Assert.True(conn.Undo(Given.Peer(1)));
        Assert.NotNull(Network.Call(1));
        Assert.Equal(HubState.Connected, conn.Hub.Get(Given.FeedId(1))!.State);
    }

    [Theory]
    [InlineData("dismiss"), InlineData("block")]
    public async Task Decision_EndLiesInThePast_IsAnErrorAndDecidesNothing(string how)
    {
        ConnPlugin conn = await Open();
        DateTimeOffset past = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000); // seconds, taken for milliseconds
        Action<PeerTarget, DateTimeOffset?> decide = how == "dismiss" ? conn.Dismiss : conn.Block;
        Assert.Throws<ArgumentOutOfRangeException>(() => decide(Given.Peer(1), past));
        Assert.Empty(conn.Rules);
    }

    [Fact]
    public async Task Snooze_ItsEnd_LetsThePeerCall()
    {
        ConnPlugin conn = await Open();
        conn.Snooze(Given.Peer(1), TimeSpan.FromMinutes(5));
        Seconds(299);
        Assert.Null(Network.Call(1));
        Seconds(1);
        Assert.NotNull(Network.Call(1));
    }

    [Fact]
    public async Task Dismissed_AfterARestart_StillMayNotCall()
    {
        string folder = NewFolder();
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false, Folder = folder });
        conn.Dismiss(Given.Peer(1));
        await conn.DisposeAsync();
        await Open(new ConnPluginOptions { Autostart = false, Folder = folder });
        Assert.Null(Network.Call(1));
    }

    [Fact]
    public async Task Dismissed_CallsWhileItIsBeingDecided_IsNotTakenIn()
    {
        ConnPlugin conn = await Open();
        var late = new TestConnection(Given.FeedId(1), Given.Address(1)); // welcome in its handshake
        conn.Dismiss(Given.Peer(1));
        Assert.False(conn.Hub.Accept(late));
        Guards.Until(() => late.HasCloseBeenCalled);
        Assert.Equal(1, conn.AdmissionCounters.RefusedCallers);
    }

    [Fact]
    public async Task Option_DismissedMayCall_LetsItIn()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on with { Autostart = false, Admission = new AdmissionOptions { DismissedMayCall = true } });
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        conn.Dismiss(Given.Peer(1));
        Assert.Equal(0, conn.Hub.Count);
        Assert.NotNull(Network.Call(1));
        Assert.Equal((1, 0), (conn.Hub.Count, conn.AdmissionCounters.RefusedCallers));
    }

    [Fact]
    public async Task Dismiss_OneAddress_EndsThatConnectionAlone()
    {
        Reachable();
        ConnPlugin conn = await Open();
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        conn.Dismiss(PeerTarget.From(Given.Address(1, "11")));
        Assert.Equal(1, conn.Hub.Count);
        conn.Dismiss(PeerTarget.From(Given.Address(1)));
        Assert.Equal(0, conn.Hub.Count);
        Assert.NotNull(Network.Call(1)); // the peer by another way
    }

    [Fact]
    public async Task Dismissed_Peer_IsConnectedToByAPerson_AndNotByAnAddressThatHidesIt()
    {
        ConnPlugin conn = await Open();
        conn.Dismiss(Given.Peer(1));
        Task<IPeerConnection> asked = conn.ConnectAsync(Given.Address(1));
        Network.Dials[0].Succeed();
        await asked.Guarded();
        Assert.Equal(1, conn.Hub.Count);
        await conn.DisconnectAsync(Given.Address(1)).Guarded();

        var hidden = MultiserverAddress.Parse("net:10.0.0.9:8008");
        Assert.True(conn.Hub.TryDial(hidden, PeerData.Empty, ConnReason.FreeSlot));
        TestConnection found = Network.Dials[1].Succeed(Given.FeedId(1));
        Guards.Until(() => found.HasCloseBeenCalled);
        Assert.Equal(0, conn.Hub.Count);
        Assert.Contains("dismissed", conn.Why(PeerTarget.From(hidden)).History[^1].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Disconnect_ByAPerson_IsLeftAloneForTenMinutes()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), s_pub);
        Seconds(10);
        Assert.Single(Network.Dials);
        DateTimeOffset now = Time.GetUtcNow(), end = now.AddMinutes(10);
        Assert.True(await conn.DisconnectAsync(Given.Address(1)).Guarded());

        var rule = new PeerRule(Given.Peer(1), PeerRuleKind.Disconnect, now, end);
        Assert.Equal([rule], conn.Rules);
        Assert.Equal($"disconnected until {end:u}", rule.ToString());
        Assert.Equal($$"""{"target":"{{Given.FeedId(1)}}","kind":"disconnect","since":{{now.ToUnixTimeMilliseconds()}},"until":{{end.ToUnixTimeMilliseconds()}}}""", rule.ToJson());
        WhyReport why = conn.Why(Given.Peer(1));
        Assert.Equal(rule, why.Rule);
        Assert.Equal($"You disconnected it; it is not dialled until about {end:u}", Assert.Single(why.Routes).Outlook);
        Seconds(599);
        Assert.Single(Network.Dials);
        Seconds(1);
        Assert.Empty(conn.Rules);
        Seconds(60);
        Assert.Equal(2, Network.Dials.Count);
    }

    [Fact]
    public async Task Disconnect_HoldOfAnotherRoute_HoldsForThePeer()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        conn.Stage(Given.Address(1, "11"), s_pub);
        conn.Remember(Given.Address(1, "12"), s_pub);
        await conn.DisconnectAsync(Given.Address(1)).Guarded();
        conn.Stage(Given.Address(1, "13"), s_pub);
        Assert.True(conn.Staging.Count > 0); // it may be suggested, and a person may connect to it
        Seconds(500);
        Assert.Single(Network.Dials);
    }

    [Fact]
    public async Task Disconnect_PeerCalls_ComesInAndIsStillNotDialled()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), s_pub);
        Seconds(10);
        await conn.DisconnectAsync(Given.Address(1)).Guarded();
        TestConnection call = Network.Call(1)!;
        Assert.Equal(HubState.Connected, conn.Hub.Get(Given.FeedId(1))!.State);
        call.End();
        Seconds(300);
        Assert.Single(Network.Dials);
    }

    [Theory]
    [InlineData("connect"), InlineData("another route"), InlineData("nameless route"), InlineData("undo"), InlineData("undo address")]
    public async Task Disconnect_PersonConnectsOrUndoes_EndsTheHold(string how)
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), s_pub);
        Seconds(10);
        await conn.DisconnectAsync(Given.Address(1)).Guarded();
        await using Reading<PeerRuleEvent> rules = conn.ListenRules().Read();
        PeerRule rule = Assert.Single(conn.Rules);
        switch (how)
        {
            case "undo":
                Assert.True(conn.Undo(Given.Peer(1)));
                Assert.False(conn.Undo(Given.Peer(1)));
                break;
            case "undo address":
                Assert.True(conn.Undo(PeerTarget.From(Given.Address(1))));
                break;
            case "nameless route":
                Network.Answer = address => new TestConnection(Given.FeedId(1), address);
                await conn.ConnectAsync("net:10.0.0.9:8008~noauth").Guarded();
                Network.Connections[^1].End();
                break;
            default:
                await conn.ConnectAsync(Given.Address(1, how == "connect" ? "10" : "12")).Guarded();
                Network.Connections[^1].End();
                break;
        }

        Assert.Equal(new PeerRuleEvent(PeerRuleEventType.Undone, rule), await rules.Next());
        Assert.Empty(conn.Rules);
        int before = Network.Dials.Count;
        Seconds(120);
        Assert.True(Network.Dials.Count > before);
    }

    [Fact]
    public async Task Option_DisconnectHoldZero_DialsAgainSoon()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on with { DisconnectHold = TimeSpan.Zero });
        conn.Remember(Given.Address(1), s_pub);
        Seconds(10);
        await conn.DisconnectAsync(Given.Address(1)).Guarded();
        Assert.Empty(conn.Rules);
        Seconds(120);
        Assert.Equal(2, Network.Dials.Count);
    }

    [Theory]
    [InlineData(-1), InlineData(366)]
    public async Task Option_DisconnectHoldOutOfRange_Throws(int days)
    {
        ArgumentException error = await Assert.ThrowsAnyAsync<ArgumentException>(() => Open(s_on with { DisconnectHold = TimeSpan.FromDays(days) }));
        Assert.Equal(nameof(ConnPluginOptions.DisconnectHold), error.ParamName);
    }

    [Fact]
    public async Task Disconnect_CannotBeEnded_HoldsNothing()
    {
        Reachable();
        ConnPlugin conn = await Open();
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        Network.Connections[0].CloseError = new IOException("stuck");
        await Assert.ThrowsAsync<IOException>(() => conn.DisconnectAsync(Given.Address(1)).Guarded());
        Assert.Empty(conn.Rules);
        Assert.False(await conn.DisconnectAsync(Given.Address(2)).Guarded()); // nor does one that was not there
        Assert.Empty(conn.Rules);
    }

    [Fact]
    public async Task Disconnect_ByTheSchedulerOrTheStop_HoldsNothing()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        conn.Remember(Given.Address(1), s_pub);
        Seconds(10);
        await conn.StopAsync();
        conn.Start();
        Assert.Empty(conn.Rules);
        Seconds(120);
        Assert.Equal(2, Network.Dials.Count);
    }

    [Fact]
    public async Task Disconnect_VeryManyPeers_KeepsTheLastHolds()
    {
        Reachable();
        ConnPlugin conn = await Open();
        for (int i = 1; i <= DisconnectHolds.Capacity + 5; i++)
        {
            await conn.ConnectAsync(Given.Address(i)).Guarded();
            await conn.DisconnectAsync(Given.Address(i)).Guarded();
        }

        Assert.Equal(DisconnectHolds.Capacity, conn.Rules.Count);
        Assert.Equal(Given.Peer(6), conn.Rules[0].Target);
        Seconds(600);
        Assert.Empty(conn.Rules);
    }

    [Fact]
    public async Task Disconnect_ClockIsSetBack_HoldLastsAsLongAsItWasToLast()
    {
        Reachable();
        ConnPlugin conn = await Open();
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        await conn.DisconnectAsync(Given.Address(1)).Guarded();
        Time.Offset = TimeSpan.FromHours(-5);
        Seconds(599);
        Assert.Single(conn.Rules);
        Seconds(1);
        Assert.Empty(conn.Rules);
    }

    [Fact]
    public async Task ListenRules_TellsEachDecisionAndItsEnd_AndHowManyWereMissed()
    {
        Reachable();
        ConnPlugin conn = await Open();
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        await using Reading<PeerRuleEvent> slow = conn.ListenRules().Read();
        await using Reading<PeerRuleEvent> events = conn.ListenRules().Read();
        await conn.DisconnectAsync(Given.Address(1)).Guarded();
        conn.Dismiss(Given.Peer(1));
        conn.Undo(Given.Peer(1)); // undoes both
        conn.Undo(Given.Peer(1));
        conn.Block(Given.Peer(2));
        (PeerRuleEventType, PeerRuleKind, PeerTarget)[] told = [.. (await events.Next(5)).Select(e => (e.Type, e.Rule!.Kind, e.Rule.Target))];
        Assert.Equal(
            [
                (PeerRuleEventType.Decided, PeerRuleKind.Disconnect, Given.Peer(1)), (PeerRuleEventType.Decided, PeerRuleKind.Dismiss, Given.Peer(1)),
                (PeerRuleEventType.Undone, PeerRuleKind.Disconnect, Given.Peer(1)), (PeerRuleEventType.Undone, PeerRuleKind.Dismiss, Given.Peer(1)),
                (PeerRuleEventType.Decided, PeerRuleKind.Block, Given.Peer(2)),
            ],
            told);
        for (int i = 0; i < 1_024; i++)
            conn.Dismiss(Given.Peer(3));
        PeerRuleEvent missed = await slow.Next();
        Assert.Equal((PeerRuleEventType.Missed, null, 5L), (missed.Type, missed.Rule, missed.Missed));
        await conn.DisposeAsync();
        await slow.Next(1_024);
        await slow.Ends();
    }

    private static void Decide(ConnPlugin conn, string how, PeerTarget target)
    {
        if (how == "dismiss")
            conn.Dismiss(target);
        else if (how == "snooze")
            conn.Snooze(target, TimeSpan.FromHours(1));
        else
            conn.Block(target);
    }
}
