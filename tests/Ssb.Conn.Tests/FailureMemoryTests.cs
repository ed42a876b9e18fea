using System.Text.Json;

namespace Ssb.Conn.Tests;

/// <summary>A staged peer whose dial fails returns to the bench, and remembers the failure.</summary>
public class FailureMemoryTests : PluginTestBase
{
    private static readonly MultiserverAddress s_peer = Given.Address(1);

    [Fact]
    public async Task Dial_Fails_PeerReturns_WithErrorCountAndRetryTime_AndKeepsItsBirthAndSource()
    {
        ConnPlugin conn = await Open();
        conn.Stage(s_peer, OfType("internet"), "room:x");
        Seconds(7);
        Task connecting = conn.ConnectAsync(s_peer);
        Assert.Empty(conn.Staging.Entries());
        Seconds(1);
        Network.Dials[0].Fail("connection refused");
        await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
        StagedPeer back = Assert.Single(conn.Staging.Entries());
        Assert.Equal((Given.Start, Given.Start, "room:x", "internet"), (back.StagingBirth, back.StagingUpdated, back.Source, back.Type));
        Assert.Equal(1, back.Data.Field("failure").GetInt32());
        Assert.Equal("connection refused", back.Data.Field("lastError").GetString());
        Assert.Equal(Given.Start.AddSeconds(8).ToUnixTimeMilliseconds(), back.Data.Field("stateChange").GetInt64());
        Assert.True(back.Data.Field("retryAt").GetInt64() > Given.Start.AddSeconds(8).ToUnixTimeMilliseconds());
        Assert.Empty(conn.Db.Entries());
    }

    [Fact]
    public async Task Dial_FailsAgain_CountsOn_AndConnectionForgetsIt()
    {
        ConnPlugin conn = await Open();
        conn.Stage(s_peer, OfType("internet"));
        for (int i = 1; i <= 3; i++)
        {
            Task connecting = conn.ConnectAsync(s_peer);
            Network.Dials[^1].Fail("no");
            await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
            Assert.Equal(i, Assert.Single(conn.Staging.Entries()).Data.Field("failure").GetInt32());
        }

        Task<IPeerConnection> works = conn.ConnectAsync(s_peer);
        TestConnection connection = Network.Dials[^1].Succeed();
        await works.Guarded();
        connection.End();
        conn.Unstage(s_peer);
        conn.Stage(s_peer, OfType("internet"));
        Assert.False(Assert.Single(conn.Staging.Entries()).Data.HasField("failure"));
    }

    [Fact]
    public async Task Peer_ThatExpiredAndIsMetAgain_IsStillKnownToFail()
    {
        ConnPlugin conn = await Open();
        conn.Stage(s_peer, Lan());
        Unreachable();
        await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(s_peer).Guarded());
        Seconds(11);
        Assert.Empty(conn.Staging.Entries());
        conn.Stage(s_peer, Lan());
        Assert.Equal(1, Assert.Single(conn.Staging.Entries()).Data.Field("failure").GetInt32());
    }

    [Fact]
    public async Task LanPeer_NotHeardOfDuringItsDial_DoesNotReturn()
    {
        ConnPlugin conn = await Open();
        conn.Stage(s_peer, Lan());
        Task connecting = conn.ConnectAsync(s_peer, PeerData.Empty.With("type", "lan"));
        Seconds(29);
        Network.Dials[0].Fail("no");
        await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
        Assert.Empty(conn.Staging.Entries());
    }

    [Fact]
    public async Task LanPeer_HeardOfDuringItsDial_Returns_AndNeverIsInTwoPlaces()
    {
        ConnPlugin conn = await Open();
        conn.Stage(s_peer, Lan());
        Task connecting = conn.ConnectAsync(s_peer, PeerData.Empty.With("type", "lan"));
        for (int i = 0; i < 14; i++)
        {
            Seconds(2);
            Assert.Equal(new StageResult(StageOutcome.Refused, RefusalReason.InHub), conn.TryStage(s_peer, Lan().With("note", "news")));
            Assert.Empty(conn.Staging.Entries());
        }

        Network.Dials[0].Fail("no");
        await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
        Assert.Equal("news", Assert.Single(conn.Staging.Entries()).Data.Field("note").GetString());
    }

    [Fact]
    public async Task AllRoutes_LeaveTogether_AndReturnTogether_AsOneChange()
    {
        ConnPlugin conn = await Open();
        conn.Stage(s_peer, OfType("internet"));
        conn.Stage(Given.Address(1, "11"), OfType("internet"));
        conn.Stage(Given.Address(2), OfType("internet"));
        await using Reading<StagingSnapshot> bench = conn.StagedPeers().Read();
        Assert.Equal(3, (await bench.Next()).Count);
        Task connecting = conn.ConnectAsync(s_peer);
        Assert.Equal(Given.Address(2), Assert.Single(await bench.Next()).Address);
        Network.Dials[0].Fail("no");
        await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
        Assert.Equal(3, (await bench.Next()).Count);
        Assert.False(conn.Staging.Get(Given.Address(1, "11"))!.Data.HasField("failure"));
    }

    [Fact]
    public async Task Connection_Ends_PeerReturns_UnlessItWasUnstagedMeanwhile()
    {
        Reachable();
        ConnPlugin conn = await Open();
        foreach (int i in (int[])[1, 2])
        {
            conn.Stage(Given.Address(i), OfType("room-attendant"), "room:x");
            await conn.ConnectAsync(Given.Address(i)).Guarded();
        }

        Assert.False(conn.Unstage(Given.Address(2))); // it left the room
        foreach (TestConnection connection in Network.Connections)
            connection.End();
        Assert.Equal(Given.Address(1), Assert.Single(conn.Staging.Entries()).Address);
    }

    [Fact]
    public async Task Scheduler_FailingPeer_IsNotHammered()
    {
        Unreachable();
        ConnPlugin conn = await Open(new ConnPluginOptions());
        conn.Stage(s_peer, OfType("internet"));
        Seconds(3_600);
        // ssb-conn's cooldown grows with the cube of the failures; without memory this would be 1,800 dials.
        Assert.InRange(Network.Dials.Count, 3, 12);
        Assert.Equal(Network.Dials.Count, Assert.Single(conn.Staging.Entries()).Data.Field("failure").GetInt32());
    }

    [Fact]
    public async Task Memory_IsBounded_TheOldestGoesFirst()
    {
        Unreachable();
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false, FailuresRemembered = 10 });
        for (int i = 1; i <= 11; i++)
            await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(Given.Address(i)).Guarded());
        conn.Stage(Given.Address(1));
        conn.Stage(Given.Address(11));
        Assert.Equal([false, true], conn.Staging.Entries().Select(p => p.Data.HasField("failure")));
    }

    [Fact]
    public async Task Dial_OfARememberedPeer_KeepsItsStatisticsInTheAddressBook()
    {
        ConnPlugin conn = await Open();
        conn.Remember(s_peer, PeerData.Parse("""{"type":"pub"}"""));
        Task connecting = conn.ConnectAsync(s_peer);
        Seconds(2);
        Network.Dials[0].Fail("no");
        await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
        PeerData data = conn.Db.Get(s_peer)!;
        Assert.Equal((1, Given.Start.AddSeconds(2), 0.0), (data.Failure, data.StateChange, data.Duration!.Mean));
        Task<IPeerConnection> works = conn.ConnectAsync(s_peer);
        TestConnection connection = Network.Dials[1].Succeed();
        await works.Guarded();
        Assert.Equal(0, conn.Db.Get(s_peer)!.Failure);
        connection.Ping = new PeerPing(PeerStatistics.Of(20), PeerStatistics.Of(3));
        Seconds(60);
        Assert.Equal(20, conn.Db.Get(s_peer)!.Ping!.Rtt!.Mean);
        Assert.Equal(20, conn.Ping(s_peer)!.Rtt!.Mean);
        connection.End();
        Assert.Equal((2.0, 60_000.0), (conn.Db.Get(s_peer)!.Duration!.Count, conn.Db.Get(s_peer)!.Duration!.Sum));
        Assert.Null(conn.Ping(s_peer));
    }

    [Fact]
    public async Task Hub_ShowsWhatBenchAndBookKnow()
    {
        ConnPlugin conn = await Open();
        conn.Remember(s_peer, PeerData.Parse("""{"name":"Bob"}"""));
        conn.Stage(s_peer, Data("""{"type":"lan","note":"kitchen"}"""));
        _ = conn.ConnectAsync(s_peer);
        PeerData data = Assert.Single(conn.Hub.Entries()).Data;
        Assert.Equal(("lan", "Bob", "kitchen"), (data.Type, Text(data, "name"), Text(data, "note")));

        static string? Text(PeerData data, string name) => data.TryGet(name, out JsonElement value) ? value.GetString() : null;
    }

    [Fact]
    public async Task Data_ThatTogetherAreTooMuch_DoNotKeepThePeerFromConnecting()
    {
        Reachable();
        ConnPlugin conn = await Open();
        string much = new('x', 40_000);
        conn.Remember(s_peer, PeerData.Empty.With("a", much));
        conn.Stage(s_peer, new PeerData { Type = "lan" }.With("b", much));
        await conn.ConnectAsync(s_peer).Guarded();
        Assert.Equal(HubState.Connected, conn.Hub.GetState(s_peer));
        Network.Connections[0].End();
        Assert.Empty(conn.Hub.Entries());
        Assert.Single(conn.Staging.Entries());
    }

    [Fact]
    public async Task Entry_AtItsLimit_KeepsItsStatistics_AndThePeerConnects()
    {
        Reachable();
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false, Db = new ConnDbOptions { MaxDataLength = 60 } });
        conn.Remember(s_peer, PeerData.Empty.With("a", new string('x', 35)));
        await conn.ConnectAsync(s_peer).Guarded();
        Network.Connections[0].End();
        Assert.Empty(conn.Hub.Entries());
        Assert.Null(conn.Db.Get(s_peer)!.StateChange);
    }

    [Fact]
    public async Task Error_OfAStranger_IsCutAndMadeText()
    {
        Unreachable($"no \ud800 {new string('x', 100_000)}");
        ConnPlugin conn = await Open();
        conn.Stage(s_peer, OfType("internet"));
        await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(s_peer).Guarded());
        string error = Assert.Single(conn.Staging.Entries()).Data.Field("lastError").GetString()!;
        Assert.StartsWith("no \ufffd x", error, StringComparison.Ordinal);
        Assert.True(error.Length < 400);
        Assert.Contains("no \ufffd", conn.Why(Given.Peer(1)).ToJson(), StringComparison.Ordinal);
    }
}
