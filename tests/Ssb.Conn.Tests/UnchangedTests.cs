namespace Ssb.Conn.Tests;

/// <summary>What did not change is not published.</summary>
public class UnchangedTests : PluginTestBase
{
    private static readonly MultiserverAddress s_one = Given.Address(1), s_two = Given.Address(2);

    [Fact]
    public async Task Hub_UpdateWithNothingNew_TellsNobodyAndStampsUpdated()
    {
        Reachable();
        ConnPlugin conn = await Open();
        await conn.ConnectAsync(s_one).Guarded();
        await using Reading<IReadOnlyList<HubPeer>> live = conn.Peers().Read();
        await live.Next();
        conn.Hub.Update(s_one, PeerData.Empty.With("onlineCount", 3));
        await live.Next();
        long version = conn.Hub.Version;
        Task<bool> waiting = live.Wait();
        for (int i = 0; i < 6; i++) // as a room does that tells its attendants again
        {
            Seconds(10);
            Assert.True(conn.Hub.Update(s_one, PeerData.Empty.With("onlineCount", 3)));
            Assert.True(conn.Hub.TryUpdate(s_one, PeerData.Empty));
            using (conn.Batch())
                conn.Hub.Update(s_one, PeerData.Empty.With("onlineCount", 3));
        }

        Assert.Equal((Given.Start.AddMinutes(1), Given.Start), (conn.Hub.Get(s_one)!.HubUpdated, conn.Hub.Get(s_one)!.StateSince));
        Assert.Equal(Given.Start.AddMinutes(1), Assert.Single(conn.Hub.Entries()).HubUpdated);
        Assert.Equal(version, conn.Hub.Version);
        Assert.False(waiting.IsCompleted);
        conn.Hub.Update(s_one, PeerData.Empty.With("onlineCount", 4));
        Assert.True(await waiting.Guarded());
        Assert.Equal(Given.Start.AddMinutes(1), Assert.Single(live.Current).HubUpdated);
    }

    [Fact]
    public async Task Hub_StateSince_IsOfTheState_WhateverIsToldOfThePeer()
    {
        ConnPlugin conn = await Open();
        conn.ConnectAsync(s_one).Forget();
        Seconds(2);
        Assert.Equal(Given.Start, conn.Hub.Get(s_one)!.StateSince);
        Network.Dials[0].Succeed();
        for (int i = 0; i < 78; i++)
        {
            Seconds(10);
            conn.Hub.Update(s_one, PeerData.Empty.With("onlineCount", i));
        }

        HubPeer peer = conn.Hub.Get(s_one)!;
        Assert.Equal((Given.Start, Given.Start.AddSeconds(2), Given.Start.AddSeconds(782)), (peer.HubBirth, peer.StateSince, peer.HubUpdated));
        Assert.EndsWith($"\"hubUpdated\":{Given.Start.AddSeconds(782).ToUnixTimeMilliseconds()},\"hubStateSince\":{Given.Start.AddSeconds(2).ToUnixTimeMilliseconds()}}}]", peer.ToJson(), StringComparison.Ordinal);
        Network.Call(1); // a second connection is no other state
        Seconds(1);
        Assert.Equal(Given.Start.AddSeconds(2), conn.Hub.Get(s_one)!.StateSince);
    }

    [Theory]
    [InlineData("set"), InlineData("replace"), InlineData("update"), InlineData("function"), InlineData("remember")]
    public async Task Db_ChangeWithNothingNew_TellsNobodyAndWritesNothing(string how)
    {
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false, Folder = NewFolder() });
        PeerData data = Data("""{"type":"pub","note":"a","failure":0}""");
        conn.Remember(s_one, data);
        await conn.Db.FlushAsync();
        long version = conn.Db.Version;
        await using Reading<IReadOnlyList<DbPeer>> live = conn.Db.LiveEntries().Read();
        await using Reading<DbEvent> events = conn.Db.Listen().Read();
        await live.Next();
        Task<bool> waiting = live.Wait();
        Change();
        using (conn.Batch())
            Change();
        Assert.Equal(version, conn.Db.Version);
        Assert.False(waiting.IsCompleted);
        conn.Db.Set(s_two);
        Assert.True(await waiting.Guarded());
        Assert.Equal((DbEventType.Insert, s_two), ((await events.Next()).Type, events.Current.Address));

        void Change()
        {
            Seconds(5);
            switch (how)
            {
                case "set":
                    Assert.False(conn.Db.Set(s_one, Data("""{"note":"a"}""")));
                    break;
                case "replace":
                    Assert.False(conn.Db.Replace(s_one, data));
                    break;
                case "update":
                    Assert.True(conn.Db.Update(s_one, Data("""{"failure":0,"type":"pub"}""")));
                    break;
                case "function":
                    Assert.True(conn.Db.Update(s_one, known => known.With("note", "b").With("note", "a")));
                    break;
                default:
                    conn.Remember(s_one, data);
                    break;
            }
        }
    }

    [Fact]
    public async Task Db_EntryWhoseBirthIsNotFirst_StaysUntilSomethingChanges()
    {
        string folder = NewFolder();
        File.WriteAllText(Path.Combine(folder, "conn.json"), $"{{\"{s_one.Text}\":{{\"type\":\"pub\",\"birth\":5}}}}");
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false, Folder = folder });
        long version = conn.Db.Version;
        conn.Db.Update(s_one, OfType("pub"));
        Assert.Equal(version, conn.Db.Version);
        conn.Db.Update(s_one, OfType("room"));
        Assert.Equal("""{"birth":5,"type":"room"}""", conn.Db.Get(s_one)!.ToJson());
    }

    [Fact]
    public async Task Batch_WithoutAChange_TellsNobody()
    {
        ConnPlugin conn = await Open();
        await using Reading<IReadOnlyList<HubPeer>> hub = conn.Peers().Read();
        await using Reading<IReadOnlyList<DbPeer>> db = conn.Db.LiveEntries().Read();
        await using Reading<StagingSnapshot> bench = conn.StagedPeers().Read();
        await hub.Next();
        await db.Next();
        await bench.Next();
        Task<bool>[] waiting = [hub.Wait(), db.Wait(), bench.Wait()];
        conn.Batch().Dispose();
        Assert.All(waiting, task => Assert.False(task.IsCompleted));
        using (conn.Batch())
        {
            conn.Stage(s_two);
            conn.Db.Set(s_two);
            conn.ConnectAsync(s_one).Forget();
        }

        await Task.WhenAll(waiting).Guarded();
    }

    [Fact]
    public async Task LiveEntries_ManyThreads_NoStateComesTwice()
    {
        await using ConnDb db = ConnDb.InMemory();
        using var source = new CancellationTokenSource();
        Task writing = Task.Run(() =>
        {
            for (int i = 1; i <= 5_000; i++)
                db.Set(s_one, PeerData.Empty.With("failure", i));
            db.Set(s_one, PeerData.Empty.With("last", true));
        });
        double seen = -1;
        await foreach (IReadOnlyList<DbPeer> peers in db.LiveEntries(source.Token))
        {
            if (peers.Count == 0)
                continue;
            PeerData data = peers[0].Data;
            Assert.True(data.Failure > seen || data.TryGet("last", out _), "A state came twice.");
            seen = data.Failure;
            if (data.TryGet("last", out _))
                break;
        }

        await writing.Guarded();
    }
}
