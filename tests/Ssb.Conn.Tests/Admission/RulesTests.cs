namespace Ssb.Conn.Tests.Admission;

/// <summary>Dismiss, snooze and block: by key or address, with undo and an optional end, and kept.</summary>
public class RulesTests : PluginTestBase
{
    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task Dismiss_LeavesTheBench_AndRediscoveryDoesNotBringItBack(bool byKey)
    {
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1), Lan());
        await using Reading<StagingEvent> events = conn.Staging.Listen().Read();
        PeerTarget target = byKey ? Given.Peer(1) : PeerTarget.From(Given.Address(1));
        conn.Dismiss(target);
        Assert.Empty(conn.Staging.Entries());
        Assert.Equal(UnstageReason.Dismissed, (await events.Next()).Reason);
        Assert.Equal(new StageResult(StageOutcome.Refused, RefusalReason.Dismissed), conn.TryStage(Given.Address(1), Lan()));
        Assert.Equal(byKey ? StageOutcome.Refused : StageOutcome.Inserted, conn.TryStage(Given.Address(1, "11"), Lan()).Outcome);
        Assert.True(conn.Undo(target));
        Assert.False(conn.Undo(target));
        Assert.Equal(StageOutcome.Inserted, conn.TryStage(Given.Address(1), Lan()).Outcome);
    }

    [Fact]
    public async Task Snooze_EndsByItself()
    {
        ConnPlugin conn = await Open();
        conn.Snooze(Given.Peer(1), TimeSpan.FromHours(1));
        Seconds(3_599);
        Assert.Equal(RefusalReason.Dismissed, conn.TryStage(Given.Address(1)).Reason);
        Assert.Single(conn.Rules);
        Seconds(1);
        Assert.True(conn.Stage(Given.Address(1)));
        Assert.Empty(conn.Rules);
        Assert.False(conn.Undo(Given.Peer(1)));
    }

    [Fact]
    public async Task Dismissed_Peer_MayBeDialledByAPerson_AndIsNotDialledAutomatically()
    {
        Reachable();
        ConnPlugin conn = await Open(new ConnPluginOptions());
        conn.Remember(Given.Address(1), PeerData.Parse("""{"type":"pub"}"""));
        conn.Dismiss(Given.Peer(1));
        Seconds(600);
        Assert.Empty(Network.Dials);
        conn.Dismiss(Given.Peer(2));
        await conn.ConnectAsync(Given.Address(2)).Guarded();
        Assert.Contains(conn.Hub.Entries(), p => p.Address == Given.Address(2) && p.State == HubState.Connected);
        Network.Connections[^1].End();
        Assert.Empty(conn.Staging.Entries()); // nor does it come back from the hub
    }

    [Fact]
    public async Task Blocked_Peer_IsDisconnected_Refused_AndNotDialled()
    {
        Reachable();
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false });
        conn.Stage(Given.Address(1, "11"), Lan());
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        conn.Block(Given.Peer(1));
        Assert.True(Network.Connections[0].HasCloseBeenCalled);
        Assert.Empty(conn.Hub.Entries());
        Assert.Empty(conn.Staging.Entries());
        Assert.Null(Network.Call(1));
        ConnectFailedException error = await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Given.Address(1)).Guarded());
        Assert.Contains("blocked", error.Message, StringComparison.Ordinal);
        conn.Undo(Given.Peer(1));
        Assert.NotNull(Network.Call(1));
    }

    [Fact]
    public async Task Rules_AreKept_AndTheBenchIsNot()
    {
        string folder = NewFolder();
        DateTimeOffset end = Given.Start.AddDays(1);
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false, Folder = folder });
        conn.Stage(Given.Address(5));
        conn.Dismiss(Given.Peer(1), end);
        conn.Block(Given.Address(2).Text);
        conn.Dismiss(Given.Peer(3));
        conn.Undo(Given.Peer(3));
        await conn.DisposeAsync();
        Assert.Equal(["conn-rules.json", "conn.json", "conn.lock"], Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        conn = await Open(new ConnPluginOptions { Autostart = false, Folder = folder });
        Assert.Equal(
            [new PeerRule(Given.Peer(1), PeerRuleKind.Dismiss, Given.Start, end), new PeerRule(PeerTarget.From(Given.Address(2)), PeerRuleKind.Block, Given.Start, null)],
            conn.Rules);
        Assert.Empty(conn.Staging.Entries());
    }

    [Fact]
    public async Task Rules_DamagedFile_IsKeptBeside_AndWorkGoesOn()
    {
        string folder = NewFolder();
        string path = Path.Combine(folder, "conn-rules.json");
        File.WriteAllText(path, """{"version":1,"rules":[{"target":"@x","kind":"dismiss","since":1},{"target":""");
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false, Folder = folder });
        Assert.True(File.Exists(path + ".damaged"));
        conn.Dismiss(Given.Peer(1));
        Assert.Contains($"{Given.FeedId(1)}", File.ReadAllText(path), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("No sense"), InlineData(""), InlineData("@short.ed25519")]
    public async Task Dismiss_NeitherKeyNorAddress_Throws(string target)
    {
        ConnPlugin conn = await Open();
        Assert.Throws<FormatException>(() => conn.Dismiss(target));
        Assert.Throws<FormatException>(() => conn.Undo(target));
        Assert.Throws<FormatException>(() => conn.Why(target));
    }

    [Fact]
    public async Task Block_WhileSomebodyWaitsToDialAgain_IsNotDialled()
    {
        ConnPlugin conn = await Open();
        Task<IPeerConnection> connecting = conn.ConnectAsync(Given.Address(1));
        TestConnection connection = Network.Dials[0].Succeed();
        await connecting.Guarded();
        var closing = new TaskCompletionSource();
        connection.CloseTakes = closing.Task;
        conn.DisconnectAsync(Given.Address(1)).Forget();
        Task<IPeerConnection> again = conn.ConnectAsync(Given.Address(1));
        conn.Block(Given.Peer(1));
        closing.SetResult();
        await Assert.ThrowsAsync<ConnectFailedException>(() => again.Guarded());
        Assert.Single(Network.Dials);
    }

    [Fact]
    public async Task Blocked_Peer_BehindAnAddressWithoutKey_IsNotKept()
    {
        ConnPlugin conn = await Open();
        conn.Block(Given.Peer(1));
        Task<IPeerConnection> connecting = conn.ConnectAsync("net:localhost:1~noauth");
        TestConnection connection = Network.Dials[0].Succeed(Given.FeedId(1));
        await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
        Guards.Until(() => connection.HasCloseBeenCalled);
        Assert.Empty(conn.Hub.Entries());
    }

    [Fact]
    public async Task Blocked_BetweenHandshakeAndHub_IsNotLetIn()
    {
        ConnPlugin conn = await Open();
        conn.Block(Given.Peer(1));
        Assert.False(conn.Hub.Accept(new TestConnection(Given.FeedId(1), Given.Address(1))));
        Assert.Empty(conn.Hub.Entries());
    }

    [Theory]
    [InlineData("{}"), InlineData("""{"version":1,"rules":[{"kind":"block"}]}"""), InlineData("[]"), InlineData("nonsense")]
    public void Open_DamagedFile_IsKeptBeside_AndThereAreNoRules(string text)
    {
        string folder = NewFolder();
        string file = Path.Combine(folder, "conn-rules.json");
        File.WriteAllText(file, text);
        Assert.Empty(PeerRules.Open(folder, Time, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance).All);
        Assert.Equal(text, File.ReadAllText(file + ".damaged"));
    }

    [Fact]
    public async Task Target_MistypedAddressWithASeed_IsNotRepeated()
    {
        ConnPlugin conn = await Open();
        string seed = Given.Base64(7);
        string mistyped = $"net:10.0.0.1:8008~shs:{Given.Base64(1)}:{seed}~";
        foreach (Action call in (Action[])[() => conn.Dismiss(mistyped), () => conn.Block(mistyped), () => conn.Undo(mistyped), () => conn.Why(mistyped)])
            Assert.DoesNotContain(seed, Assert.Throws<FormatException>(call).ToString(), StringComparison.Ordinal);
    }
}
