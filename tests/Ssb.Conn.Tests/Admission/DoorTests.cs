namespace Ssb.Conn.Tests.Admission;

/// <summary>What can never be dialled is let in nowhere, and is kept and not dialled where the address book has it already.</summary>
public class DoorTests : PluginTestBase
{
    private const string Reason = "nobody here knows the way";
    private const string Kept = """
        {
          "bt:AA.BB~shs:KEY1": {
            "key": "@KEY1.ed25519",
            "type": "internet",
            "zz": 1e21
          },
          "dht:seed:x": {
            "autoconnect": false,
            "key": "@KEY2.ed25519"
          },
          "garbage": {
            "failure": 3,
            "stateChange": 1
          },
          "https://example.org": {}
        }
        """;

    private static readonly MultiserverAddress s_never = Never(1);

    [Fact]
    public async Task Stage_NeverDialled_IsRefused_Counted_AndExplained()
    {
        ConnPlugin conn = await OpenWithDoor();
        Assert.False(conn.Stage(s_never));
        Assert.Equal(new StageResult(StageOutcome.Refused, RefusalReason.Undiallable), conn.TryStage(s_never, Lan(), "lan:eth0/192.168.1.4"));
        Assert.Equal(0, conn.Staging.Count);
        Assert.Equal(2, conn.AdmissionCounters.Refused[RefusalReason.Undiallable]);
        Assert.All(conn.Why(Given.Peer(1)).History, note => Assert.Equal(("refused", $"can never be dialled here: {Reason}"), (note.What, note.Reason)));
    }

    [Fact]
    public async Task Remember_NeverDialled_ThrowsTheReason_AndCountsIt()
    {
        ConnPlugin conn = await OpenWithDoor();
        ArgumentException e = Assert.Throws<ArgumentException>(() => conn.Remember(s_never, OfType("pub")));
        Assert.StartsWith($"{s_never} can never be dialled here: {Reason}.", e.Message, StringComparison.Ordinal);
        Assert.Equal((0, 1), (conn.Db.Count, conn.AdmissionCounters.Refused[RefusalReason.Undiallable]));
    }

    [Fact]
    public async Task Connect_NeverDialled_FailsWithTheReason_CountsIt_AndDoesNotDial()
    {
        ConnPlugin conn = await OpenWithDoor();
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(s_never).Guarded());
        Assert.Equal($"{s_never} can never be dialled here: {Reason}.", e.Message);
        Assert.Equal((0, 0, 1), (Network.Dials.Count, conn.Hub.Count, conn.AdmissionCounters.Refused[RefusalReason.Undiallable]));
        Assert.Equal(0, conn.Why(Given.Peer(1)).Routes.Sum(r => r.Failures));
    }

    [Fact]
    public async Task Option_AllowUndiallable_LetsAllInAndDialsIt()
    {
        ConnPlugin conn = await OpenWithDoor(new ConnPluginOptions { Admission = new AdmissionOptions { AllowUndiallable = true } });
        Unreachable();
        Assert.True(conn.Stage(s_never));
        conn.Remember(Never(2));
        await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Never(3)).Guarded());
        Seconds(600);
        Assert.Equal([1, 2, 3], Enumerable.Range(1, 3).Where(n => Network.Dials.Any(d => d.Address == Never(n))));
        Assert.Empty(conn.AdmissionCounters.Refused);
    }

    [Fact]
    public async Task Stage_NetworkIsTold_WhetherAnOwnerNamedTheAddress()
    {
        ConnPlugin conn = await Open();
        var asked = new List<bool>();
        Network.Problem = (_, isFromOwner) =>
        {
            asked.Add(isFromOwner);
            return isFromOwner ? null : Reason;
        };
        foreach (string? source in (string?[])[null, "db", "lan:eth0/192.168.1.4", $"room:{Given.FeedId(9)}", $"peer:{Given.FeedId(9)}"])
            conn.TryStage(Given.Address(asked.Count + 1), Lan(), source);
        Assert.Equal([true, true, false, false, false], asked);
        Assert.Equal(2, conn.Staging.Count);

        Assert.Throws<ArgumentException>(() => conn.Remember(Given.Address(20), null, $"peer:{Given.FeedId(9)}"));
        await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Given.Address(20), null, $"peer:{Given.FeedId(9)}", default).Guarded());
        conn.Remember(Given.Address(20));
        Assert.Equal([false, false, true], asked[5..]);
    }

    [Fact]
    public async Task Stage_OnTheBenchAlready_IsNotAskedAgain()
    {
        ConnPlugin conn = await Open();
        int asked = 0;
        Network.Problem = (_, _) => asked++ > 0 ? Reason : null;
        Assert.True(conn.Stage(Given.Address(1)));
        Assert.Equal(StageOutcome.Updated, conn.TryStage(Given.Address(1)).Outcome);
        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task InTheHub_ByAnAddressThatIsDialled_IsSaidFirst()
    {
        Reachable();
        ConnPlugin conn = await OpenWithDoor();
        IPeerConnection standing = await conn.ConnectAsync(Given.Address(1)).Guarded();
        Assert.Equal(RefusalReason.InHub, conn.TryStage(s_never).Reason);
        Assert.Same(standing, await conn.ConnectAsync(s_never).Guarded());
        Assert.DoesNotContain(RefusalReason.Undiallable, conn.AdmissionCounters.Refused.Keys);
    }

    [Fact]
    public async Task Blocked_IsSaidFirst()
    {
        ConnPlugin conn = await OpenWithDoor();
        conn.Block(Given.Peer(1));
        Assert.Equal(RefusalReason.Blocked, conn.TryStage(s_never).Reason);
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(s_never).Guarded());
        Assert.EndsWith("is blocked.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AddressBook_EntriesThatAreNeverDialled_StayByteForByte()
    {
        string folder = NewFolder(), file = Path.Combine(folder, "conn.json");
        await File.WriteAllTextAsync(file, Text(), TestContext.Current.CancellationToken);
        byte[] before = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        for (int start = 0; start < 2; start++)
        {
            ConnPlugin conn = await OpenWithDoor(new ConnPluginOptions { Folder = folder });
            Unreachable();
            Seconds(86_400);
            Assert.Equal(4, conn.Db.Count);
            Assert.Empty(Network.Dials);
            Assert.Equal((0, 0), (conn.Staging.Count, conn.AdmissionCounters.Refused.Count));
            await conn.DisposeAsync();
            Assert.Equal(before, await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken));
        }

        // In the way that an address book is written: an entry that is forgotten again has it written anew.
        await using ConnPlugin last = await OpenWithDoor(new ConnPluginOptions { Folder = folder });
        last.Remember(Given.Address(9));
        last.Forget(Given.Address(9));
        await last.DisposeAsync();
        Assert.Equal(before, await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Scheduler_EntriesThatAreNeverDialled_TakeNoSlot()
    {
        string folder = NewFolder();
        await File.WriteAllTextAsync(Path.Combine(folder, "conn.json"), Text(), TestContext.Current.CancellationToken);
        ConnPlugin conn = await OpenWithDoor(new ConnPluginOptions { Folder = folder, Scheduler = new SchedulerOptions { PeerQuota = 1 } });
        Reachable();
        conn.Stage(Given.Address(7), OfType("pub"));
        Seconds(60);
        Assert.Equal(Given.Address(7), Assert.Single(Network.Dials).Address);
        Assert.Equal(HubState.Connected, conn.Hub.GetState(Given.Address(7)));
        Seconds(86_400);
        Assert.Single(Network.Dials);
    }

    [Fact]
    public async Task Option_AllowUndiallable_DialsWhatTheAddressBookHas()
    {
        string folder = NewFolder();
        await File.WriteAllTextAsync(Path.Combine(folder, "conn.json"), Text(), TestContext.Current.CancellationToken);
        await OpenWithDoor(new ConnPluginOptions { Folder = folder, Admission = new AdmissionOptions { AllowUndiallable = true } });
        Unreachable();
        Seconds(86_400);
        Assert.Equal(3, Network.Dials.Select(d => d.Address).Distinct().Count()); // one has autoconnect: false
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task Why_EntryThatIsKept_SaysThatAndWhy(bool isRunning)
    {
        string folder = NewFolder();
        await File.WriteAllTextAsync(Path.Combine(folder, "conn.json"), Text(), TestContext.Current.CancellationToken);
        ConnPlugin conn = await OpenWithDoor(new ConnPluginOptions { Folder = folder, Autostart = isRunning });
        foreach (string kept in (string[])[$"bt:AA.BB~shs:{Given.Base64(1)}", "garbage"])
        {
            WhyRoute route = Assert.Single(conn.Why(kept).Routes);
            Assert.Equal(("remembered", $"It is kept and not dialled: it can never be dialled here: {Reason}", null), (route.Where, route.Outlook, route.RetryAt));
        }

        Assert.Contains($"never be dialled here: {Reason}.", conn.Why(Given.Peer(1)).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Why_AddressThatAPersonTyped_SaysTheReason()
    {
        ConnPlugin conn = await OpenWithDoor();
        conn.Stage(Given.Address(1));
        foreach (string typed in (string[])["net:HOST:PORT", s_never.Text])
        {
            WhyRoute route = Assert.Single(conn.Why(typed).Routes, r => r.Address.Text == typed);
            Assert.Equal(
                ("nowhere", $"It is neither on the bench nor in the address book, and can never be dialled here: {Reason}"), (route.Where, route.Outlook));
        }
    }

    [Fact]
    public async Task Remember_EntryThatIsKept_TakesWhatIsNew()
    {
        string folder = NewFolder();
        await File.WriteAllTextAsync(Path.Combine(folder, "conn.json"), Text(), TestContext.Current.CancellationToken);
        ConnPlugin conn = await OpenWithDoor(new ConnPluginOptions { Folder = folder });
        conn.Remember("garbage", Data("""{"note":"mine"}"""));
        Assert.Equal("""{"failure":3,"stateChange":1,"note":"mine"}""", conn.Db.Get("garbage")!.WithoutBirth());
        conn.Forget("garbage");
        Assert.Throws<ArgumentException>(() => conn.Remember("garbage"));
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task ConnectForTunnel_RoomThatIsNeverDialled_IsNotDialled(bool isRequested)
    {
        ConnPlugin conn = await Open(new ConnPluginOptions { Scheduler = new SchedulerOptions { DialsAnyRoomForTunnels = true } });
        conn.Remember(s_never, OfType("room"));
        Network.Problem = NeverHere;
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectForTunnelAsync(s_never, isRequested).Guarded());
        Assert.Equal($"it can never be dialled here: {Reason}.", e.Message);
        Assert.Empty(Network.Dials);
    }

    private Task<ConnPlugin> OpenWithDoor(ConnPluginOptions? options = null)
    {
        Network.Problem = NeverHere;
        return Open(options);
    }

    private static string? NeverHere(MultiserverAddress address, bool isFromOwner) =>
        address.Text.StartsWith("net:10.", StringComparison.Ordinal) ? null : Reason;

    private static MultiserverAddress Never(int peer) => MultiserverAddress.Parse($"never:{peer}~shs:{Given.Base64(peer)}");

    private static string Text() => Kept.ReplaceLineEndings("\n")
        .Replace("KEY1", Given.Base64(1), StringComparison.Ordinal).Replace("KEY2", Given.Base64(2), StringComparison.Ordinal);
}

file static class PeerDataExtensions
{
    public static string WithoutBirth(this PeerData data) => data.Without("birth").ToJson();
}
