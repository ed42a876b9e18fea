using System.Text.Json;

namespace Ssb.Conn.Tests.Why;

/// <summary>Where a peer is and why, in words and as data.</summary>
public class WhyTests : PluginTestBase
{
    private static readonly ConnPluginOptions s_on = new();

    [Fact]
    public async Task Why_Unknown_SaysSo()
    {
        ConnPlugin conn = await Open();
        WhyReport why = conn.Why(Given.Peer(1));
        Assert.Equal((Given.FeedId(1), null), (why.FeedId, why.Hops));
        Assert.Empty(why.Routes);
        Assert.Empty(why.History);
        Assert.Contains("Nothing is known of it now", why.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Why_StagedAndFailing_TellsWhoToldWhatFailedAndWhenItIsTriedAgain()
    {
        Unreachable();
        ConnPlugin conn = await Open(s_on);
        conn.Stage(Given.Address(1), Lan(), "lan:eth0/10.0.0.7");
        Seconds(1);
        WhyReport why = conn.Why(Given.Peer(1));
        WhyRoute route = Assert.Single(why.Routes);
        Assert.Equal(("staged", "lan:eth0/10.0.0.7", 1, "connection refused"), (route.Where, route.Source, route.Failures, route.LastError));
        Assert.True(route.RetryAt > Time.GetUtcNow());
        Assert.Equal(["staged", "connecting", "connecting-failed", "returned"], why.History.Select(n => n.What));
        Assert.Equal(ConnReason.FreeSlot, why.History.Single(n => n.What == "connecting").Reason);
        string words = why.ToString();
        foreach (string word in (string[])["staged", "lan:eth0/10.0.0.7", "connection refused", "(about ", " at the latest)", "free slot"])
            Assert.Contains(word, words, StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(why.ToJson());
        Assert.Equal(1, json.RootElement.GetProperty("routes")[0].GetProperty("failures").GetInt32());
    }

    [Theory]
    [InlineData("""{"type":"pub","autoconnect":false}""", "autoconnect is false"), InlineData("""{"type":"pub","host":"localhost"}""", "on this machine")]
    [InlineData("""{"type":"pub"}""", "To be dialled next")]
    public async Task Why_Remembered_TellsWhatTheSchedulerMakesOfIt(string data, string outlook)
    {
        ConnPlugin conn = await Open(s_on with { Autostart = false });
        conn.Remember(Given.Address(1), PeerData.Parse(data));
        Assert.Contains("stopped", Assert.Single(conn.Why(Given.Address(1).Text).Routes).Outlook, StringComparison.Ordinal);
        conn.Start();
        Assert.Contains(outlook, Assert.Single(conn.Why(Given.Address(1).Text).Routes).Outlook, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Why_ConnectedAtAnotherAddress_IsNotSaidToBeNext()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        conn.Remember(Given.Address(1, "11"), PeerData.Parse("""{"type":"pub"}"""));
        WhyRoute other = conn.Why(Given.Peer(1)).Routes.Single(r => r.Address == Given.Address(1, "11"));
        Assert.Equal("It is connected by another route; this one is not dialled until that has ended", other.Outlook);
        Seconds(60);
        Assert.Single(Network.Dials);
        Network.Connections[0].End();
        Seconds(60);
        Assert.Equal(2, Network.Dials.Count);
    }

    [Fact]
    public async Task Why_Obstacles_EachHasItsWords()
    {
        Graph.Hops[Given.FeedId(1)] = -1;
        Graph.Hops[Given.FeedId(2)] = 2;
        ConnPlugin conn = await Open(s_on with { SocialGraph = Graph });
        foreach (int i in (int[])[1, 2, 3])
            conn.Remember(Given.Address(i), PeerData.Parse("""{"type":"pub"}"""));
        conn.Stage(Given.Address(4), Lan(verified: false));
        conn.Dismiss(Given.Peer(2), Given.Start.AddDays(1));
        AssertOutlook(1, "blocked in the social graph");
        AssertOutlook(2, "dismissed until 2023-11-15");
        AssertOutlook(3, "not known in the social graph");
        AssertOutlook(4, "not proved");
        conn.Undo(Given.Peer(2));
        conn.NotifyDownload();
        AssertOutlook(2, "download");
        Graph.IsLoaded = false;
        Seconds(1);
        AssertOutlook(2, "waits for the social graph");

        void AssertOutlook(int peer, string words) => Assert.Contains(words, Assert.Single(conn.Why(Given.Peer(peer)).Routes).Outlook, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Why_RefusedAndRemoved_NamesTheRule()
    {
        ConnPlugin conn = await Open();
        for (int i = 1; i <= 51; i++)
            conn.Stage(Given.Address(i), Lan(), "lan:eth0/10.0.0.7");
        Assert.Contains(conn.Why(Given.Peer(51)).History, n => n.What == "refused" && n.Reason.Contains("source", StringComparison.Ordinal) && n.Source == "lan:eth0/10.0.0.7");
        Seconds(11);
        Assert.Contains(conn.Why(Given.Peer(1)).History, n => n is { What: "unstaged", Reason: "expired" });
        conn.Block(Given.Peer(1));
        Assert.Null(Network.Call(1));
        WhyReport why = conn.Why(Given.Peer(1));
        Assert.Equal(PeerRuleKind.Block, why.Rule!.Kind);
        Assert.Contains(why.History, n => n is { What: "refused", Reason: ConnReason.Blocked });
        conn.Undo(Given.Peer(1));
        Assert.Equal("undone", conn.Why(Given.Peer(1)).History[^1].What);
    }

    [Fact]
    public async Task Why_InTheHub_TellsHowItCameThere()
    {
        Reachable();
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1), OfType("room-attendant"), "room:x");
        await conn.ConnectAsync(Given.Address(1)).Guarded();
        WhyRoute route = Assert.Single(conn.Why(Given.Peer(1)).Routes);
        Assert.Equal(("connected", "room:x", "We dialled it"), (route.Where, route.Source, route.Outlook));
        Network.Call(2);
        Guards.Until(() => conn.Hub.Count == 2);
        Assert.Equal("It called us", Assert.Single(conn.Why(Given.Peer(2)).Routes).Outlook);
    }

    [Fact]
    public async Task History_IsBounded_PerPeerAndInAll_AndRepetitionsAreOneNote()
    {
        ConnPlugin conn = await Open(s_on with { Autostart = false, HistoryPeers = 10, HistoryNotes = 4 });
        conn.Dismiss(Given.Peer(1));
        for (int i = 0; i < 100; i++)
        {
            Seconds(2);
            conn.Stage(Given.Address(1), Lan());
        }

        WhyReport why = conn.Why(Given.Peer(1));
        Assert.Equal(["dismissed", "refused"], why.History.Select(n => n.What));
        Assert.Equal(Time.GetUtcNow(), why.History[^1].At);
        for (int i = 0; i < 10; i++)
        {
            conn.Stage(Given.Address(2));
            conn.Unstage(Given.Address(2));
        }

        Assert.Equal(4, conn.Why(Given.Peer(2)).History.Count);
        for (int i = 3; i <= 12; i++)
            conn.Stage(Given.Address(i));
        Assert.Empty(conn.Why(Given.Peer(1)).History);
        Assert.Empty(conn.Why(Given.Peer(2)).History);
        Assert.Single(conn.Why(Given.Peer(3)).History);
    }

    [Fact]
    public async Task Why_TrapSeedOfAnInvite_IsMaskedInWords()
    {
        ConnPlugin conn = await Open();
        string seed = Convert.ToBase64String(Given.KeyBytes(99));
        string address = $"{Given.Address(1).Text}:{seed}";
        conn.Stage(address);
        conn.Dismiss(address);
        Assert.DoesNotContain(seed, conn.Why(address).ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(seed, conn.Why(Given.Peer(1)).ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(seed, conn.Rules[0].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Why_ErrorOfAStranger_CannotBeginALineOrSteerATerminal()
    {
        Unreachable("gone\u001b[2J\r\nwarn: all is well\u202e" + new string('x', 9_000));
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1));
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Given.Address(1)));
        Assert.StartsWith("gone?[2J??warn: all is well?xxx", e.Message, StringComparison.Ordinal);
        Assert.True(e.Message.Length <= 2_000);
        WhyReport why = conn.Why(Given.Peer(1));
        string[] lines = why.ToString().Split(Environment.NewLine);
        Assert.All(lines, line => Assert.DoesNotContain(line, char.IsControl));
        Assert.DoesNotContain(lines, line => line.StartsWith("warn", StringComparison.Ordinal));
        Assert.DoesNotContain('\u202e', why.ToString());
    }

    [Fact]
    public void Why_MadeByAHost_IsShownSafelyToo()
    {
        var route = new WhyRoute(Given.Address(1), "staged", "evil\nsource", 1, "a\u001b]0;x\u0007", "soon\u2028now", null);
        var report = new WhyReport(Given.Peer(1), null, null, null, [route], [new PeerNote(Given.Start, "what\n", "why\u0085", null, "who\u200f")]);
        string[] lines = report.ToString().Split(Environment.NewLine);
        Assert.Equal(4, lines.Length); // the subject, the route, the note, and the end of the last line
        Assert.All(lines, line => Assert.DoesNotContain(line, c => char.IsControl(c) || c is '\u2028' or '\u200f'));
    }

    [Fact]
    public void Why_PartsOfAReport_AreShownSafelyToo()
    {
        const string Evil = "eth0\e[2J\nforged: \u202E";
        MultiserverAddress invite = MultiserverAddress.Parse($"{Given.Address(1).Text}:c2VlZHNlZWRzZWVk");
        string note = new PeerNote(Given.Start, "staged", Evil + invite.Text, invite, $"lan:{Evil}/10.0.0.1").ToString();
        string route = new WhyRoute(invite, "staged", $"lan:{Evil}/10.0.0.1", 1, Evil + invite.Text, Evil, null).ToString();
        string rule = new PeerRule(PeerTarget.From(invite), PeerRuleKind.Block, Given.Start, null) { UnknownKind = Evil }.ToString();
        foreach (string shown in (string[])[note, route, rule])
        {
            Assert.DoesNotContain(shown, c => char.IsControl(c) || c == '\u202E');
            Assert.DoesNotContain("c2VlZHNlZWRzZWVk", shown, StringComparison.Ordinal);
            Assert.Contains("eth0?[2J?forged: ?", shown, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Why_ErrorThatRepeatsTheAddress_MasksItsSecrets()
    {
        string seed = Convert.ToBase64String(Given.KeyBytes(99)), text = $"{Given.Address(1).Text}:{seed}~token:{seed}";
        Unreachable($"no way to {text}, nor with {seed}");
        ConnPlugin conn = await Open();
        await using Reading<HubEvent> hub = conn.Hub.Listen().Read();
        await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(MultiserverAddress.Parse(text)));
        conn.Stage(text);
        Assert.DoesNotContain(seed, conn.Why(text).ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(seed, $"{await hub.Next()} {await hub.Next()}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Events_CarryTheirReason()
    {
        Reachable();
        ConnPlugin conn = await Open(s_on);
        await using Reading<HubEvent> hub = conn.Hub.Listen().Read();
        await using Reading<StagingEvent> bench = conn.Staging.Listen().Read();
        conn.Stage(Given.Address(1), OfType("internet"));
        Seconds(3);
        conn.Block(Given.Peer(1));
        Assert.Equal([(HubEventType.Connecting, ConnReason.FreeSlot), (HubEventType.Connected, ConnReason.FreeSlot), (HubEventType.Disconnecting, ConnReason.Blocked), (HubEventType.Disconnected, ConnReason.Blocked)],
            (await hub.Next(4)).Select(e => (e.Type, e.Reason)));
        Assert.Equal([null, UnstageReason.Promoted], (await bench.Next(2)).Select(e => e.Reason));
    }

    [Fact]
    public async Task Batch_LiveReadersOfAllPools_SeeOneChange()
    {
        ConnPlugin conn = await Open();
        await using Reading<StagingSnapshot> bench = conn.StagedPeers().Read();
        await using Reading<IReadOnlyList<HubPeer>> hub = conn.Peers().Read();
        await using Reading<IReadOnlyList<DbPeer>> book = conn.Db.LiveEntries().Read();
        await using Reading<DbEvent> events = conn.Db.Listen().Read();
        Assert.Equal((0, 0, 0), ((await bench.Next()).Count, (await hub.Next()).Count, (await book.Next()).Count));
        using (conn.Batch())
        {
            for (int i = 1; i <= 5; i++)
            {
                conn.Stage(Given.Address(i));
                conn.Remember(Given.Address(i));
                conn.ConnectAsync(Given.Address(100 + i)).Forget();
            }

            Assert.Equal((5, 5, 5), (conn.Staging.Count, conn.Hub.Count, conn.Db.Count));
        }

        Assert.Equal((5, 5, 5), ((await bench.Next()).Count, (await hub.Next()).Count, (await book.Next()).Count));
        Assert.Equal(5, (await events.Next(5)).Length);
    }
}
