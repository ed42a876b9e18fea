using System.Text.Json;

namespace Ssb.Conn.Staging.Tests;

/// <summary>What is done better than in npm ssb-conn-staging 1.0.0, on purpose: the numbers are those of
/// docs/differences-from-js.md.</summary>
[Collection(nameof(Streams.Alone))]
public class ImprovementTests
{
    [Fact]
    public void Improvement01_ChangeOnABenchOfAnySize_CostsTheSame()
    {
        // Counted in bytes, not in time: there each change copies the whole map.
        Assert.Equal(BytesOfAChange(1_000), BytesOfAChange(50_000));
    }

    [Fact]
    public async Task Improvement02_FinishedReaders_AreFreed()
    {
        using var bench = new ConnStaging();
        WeakReference[] finished = [.. Enumerable.Range(0, 100).Select(_ => Finished(bench))];
        for (int i = 0; i < 1_000; i++)
            bench.Stage(Given.Anonymous(i));
        Assert.Equal(0, bench.Subscribers);
        Guards.Until(() =>
        {
            GC.Collect();
            return finished.All(f => !f.IsAlive);
        });
        await using Reading<StagingEvent> last = bench.Listen().Read();
        Assert.Equal(1, bench.Subscribers);
    }

    [Fact]
    public async Task Improvement03_StalledReader_IsBoundedAndToldSo()
    {
        using var bench = new ConnStaging(new StagingOptions { ChangeBuffer = 16 });
        await using Reading<StagingEvent> events = bench.Listen().Read();
        await using Reading<StagingSnapshot> live = bench.LiveEntries().Read();
        await using Reading<StagingChange> changes = bench.Changes().Read();
        await live.Next();
        await changes.Next();
        for (int i = 0; i < 3_000; i++)
            bench.Stage(Given.Anonymous(i));
        Assert.Equal(2_984, (await events.Next()).Missed);
        Assert.Equal(3_000, (await live.Next()).Count);
        Assert.Equal(3_000, Assert.IsType<StagingChange.Snapshot>(await changes.Next()).Entries.Count);
    }

    [Fact]
    public async Task Improvement04_Close_EndsLiveEntries()
    {
        using var bench = new ConnStaging();
        await using Reading<StagingSnapshot> live = bench.LiveEntries().Read();
        await live.Next();
        Task<bool> waiting = live.Wait();
        bench.Close();
        Assert.False(await waiting.Guarded());
    }

    [Fact]
    public void Improvement05_TimesOfTheCaller_AreIgnored()
    {
        using var bench = new ConnStaging(new StagingOptions { TimeProvider = Given.Clock() });
        bench.Stage("net:a:1", PeerData.Parse("""{"stagingBirth":5,"stagingUpdated":null,"name":"ann"}"""));
        bench.Stage("net:a:1", PeerData.Parse("""{"stagingBirth":null,"stagingUpdated":"x"}"""));
        Assert.Equal("""["net:a:1",{"stagingBirth":1700000000000,"stagingUpdated":1700000000000,"name":"ann"}]""", bench.Get("net:a:1")!.ToJson());
    }

    [Fact]
    public void Improvement06_WhatIsHandedOut_NeverChanges()
    {
        using var bench = new ConnStaging();
        bench.Stage("net:a:1", PeerData.Parse("""{"name":"ann"}"""));
        StagedPeer peer = bench.Get("net:a:1")!;
        StagingSnapshot entries = bench.Entries();
        bench.Stage("net:a:1", PeerData.Parse("""{"name":"bob"}"""));
        bench.Stage("net:b:1");
        bench.Unstage("net:a:1");
        Assert.Equal("ann", peer.Data.Field("name").GetString());
        Assert.Same(peer, Assert.Single(entries));
        Assert.Single(entries);
        Assert.False(peer.Data.Fields is ICollection<KeyValuePair<string, JsonElement>> { IsReadOnly: false } or System.Collections.IList);
    }

    [Fact]
    public async Task Improvement07_ReaderThatThrowsOrCallsBack_DisturbsNobody()
    {
        using var bench = new ConnStaging();
        IAsyncEnumerable<StagingEvent> thrown = bench.Listen(), calling = bench.Listen();
        await using Reading<StagingEvent> later = bench.Listen().Read();
        Task thrower = Task.Run(async () =>
        {
            await foreach (StagingEvent _ in thrown)
                throw new TimeZoneNotFoundException();
        });
        Task caller = Task.Run(async () =>
        {
            await foreach (StagingEvent e in calling)
            {
                bench.Unstage(e.Address!);
                return;
            }
        });
        Assert.True(bench.Stage("net:a:1"));
        await Assert.ThrowsAsync<TimeZoneNotFoundException>(() => thrower.Guarded());
        await caller.Guarded();
        Assert.Equal([StagingEventType.Staged, StagingEventType.Unstaged], (await later.Next(2)).Select(e => e.Type));
    }

    [Fact]
    public void Improvement08_ForgedPeers_AreBounded()
    {
        using var bench = new ConnStaging();
        for (int i = 0; i < 15_407; i++)
            bench.Stage(Given.Anonymous(i), Given.OfType("lan"), "the forger");
        Assert.Equal(1_000, bench.Count);
        for (int i = 0; i < 15_407; i++)
            bench.Stage(Given.Anonymous(i), Given.OfType("lan"), $"forger {i}");
        Assert.Equal(10_000, bench.Count);
        Assert.Equal(new StageResult(StageOutcome.Refused, RefusalReason.BenchFull), bench.TryStage("net:a:1"));
    }

    [Fact]
    public async Task Improvement09_DuePeer_LeavesByItself()
    {
        var clock = Given.Clock();
        using var bench = new ConnStaging(new StagingOptions { TimeProvider = clock, TimeToLive = StagingOptions.SsbTimeToLive });
        await using Reading<StagingEvent> events = bench.Listen().Read();
        bench.Stage("net:a:1", Given.OfType("lan"));
        await events.Next();
        Task<bool> waiting = events.Wait();
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.True(await waiting.Guarded());
        Assert.Equal(UnstageReason.Expired, events.Current.Reason);
    }

    [Theory]
    [InlineData(UnstageReason.Requested, "requested")]
    [InlineData(UnstageReason.Promoted, "promoted")]
    [InlineData(UnstageReason.Blocked, "blocked")]
    [InlineData(UnstageReason.Dismissed, "dismissed")]
    public async Task Improvement10_UpdatesAndReasons_AreTold(UnstageReason reason, string name)
    {
        using var bench = new ConnStaging();
        bench.Stage("net:a:1");
        await using Reading<StagingChange> changes = bench.Changes().Read();
        await using Reading<StagingEvent> events = bench.Listen().Read();
        Assert.Equal(1, Assert.IsType<StagingChange.Snapshot>(await changes.Next()).Sequence);
        bench.Stage("net:a:1", Given.OfType("pub"));
        bench.Unstage("net:a:1", reason);
        StagingChange.Updated updated = Assert.IsType<StagingChange.Updated>(await changes.Next());
        Assert.Equal((2, null, "pub"), (updated.Sequence, updated.Previous.Type, updated.Peer.Type));
        StagingChange.Removed removed = Assert.IsType<StagingChange.Removed>(await changes.Next());
        Assert.Equal((3, reason, "pub"), (removed.Sequence, removed.Reason, removed.Peer.Type));
        Assert.Equal(
            $$"""{"type":"unstaged","address":"net:a:1","reason":"{{name}}"}""",
            JsonSerializer.Serialize(await events.Next(), StagingJsonContext.Default.StagingEvent));
    }

    [Fact]
    public void Improvement11_SpellingsOfOnePeer_AreItsRoutes()
    {
        using var bench = new ConnStaging();
        string[] routes =
        [
            $"net:a:1~shs:{Given.Base64(1)}", $"net:a:1~shs:{Given.Base64(1)[..43]}", $"net:a:1~shs:{Given.Base64(1)}.ed25519", $"ws://a~shs:{Given.Base64(1)}",
        ];
        foreach (string route in routes)
            Assert.True(bench.Stage(route));
        bench.Stage("net:told:1", new PeerData { Key = Given.FeedId(1) });
        bench.Stage(Given.Address(2));
        bench.Stage("net:a:1~shs:abc");
        Assert.Equal([.. routes, "net:told:1"], bench.RoutesTo(Given.Id(1)).Texts());
        Assert.Equal([.. routes, "net:told:1"], bench.RoutesTo(FeedId.ReadLenient(Given.Base64(1).AsSpan(0, 43))!.Value).Texts());
        bench.Unstage(routes[0]);
        bench.Stage("net:told:1", new PeerData { Key = Given.FeedId(2) });
        Assert.Equal(routes[1..], bench.RoutesTo(Given.Id(1)).Texts());
        Assert.Equal(["net:told:1", Given.Address(2)], bench.RoutesTo(Given.Id(2)).Texts());
        Assert.Empty(bench.RoutesTo(Given.Id(3)));
    }

    [Fact]
    public void Improvement12_KeyThatContradictsTheAddress_IsAnError()
    {
        using var bench = new ConnStaging();
        Assert.Throws<ArgumentException>(() => bench.Stage(Given.Address(1), new PeerData { Key = Given.FeedId(2) }));
        Assert.Throws<ArgumentException>(() => bench.Stage(Given.Address(1), new PeerData { Key = "no key" }));
        Assert.Equal(0, bench.Count);
        Assert.True(bench.Stage(Given.Address(1)));
        Assert.Equal(Given.FeedId(1), bench.Get(Given.Address(1))!.Key);
        Assert.Throws<ArgumentException>(() => bench.Stage(Given.Address(1), new PeerData { Key = Given.FeedId(2), Type = "lan" }));
        Assert.Null(bench.Get(Given.Address(1))!.Type);
        Assert.False(bench.Stage(Given.Address(1), new PeerData { Key = Given.FeedId(1) }));
        Assert.True(bench.Stage("net:a:1~shs:abc", new PeerData { Key = "as given" })); // the address names nobody
    }

    [Fact]
    public void Verified_OnceTrue_IsNotUndone()
    {
        using var bench = new ConnStaging();
        bench.Stage("net:a:1", new PeerData { Verified = false });
        Assert.False(bench.Get("net:a:1")!.Verified);
        bench.Stage("net:a:1", new PeerData { Verified = true });
        bench.Stage("net:a:1", new PeerData { Verified = false });
        bench.Stage("net:a:1", PeerData.Parse("""{"verified":null}"""));
        bench.Stage("net:a:1", PeerData.Parse("""{"verified":"no"}"""));
        Assert.True(bench.Get("net:a:1")!.Verified);
        Assert.Equal(["verified"], bench.Get("net:a:1")!.Data.Names());
    }

    private static long BytesOfAChange(int size)
    {
        // A standing clock: a reading of the system's, once a tick, has its bytes too.
        using var bench = new ConnStaging(new StagingOptions { Capacity = size, SourceCapacity = size, TimeProvider = Given.Clock() });
        for (int i = 0; i < size; i++)
            bench.Stage(Given.Anonymous(i), null, "source");
        var one = MultiserverAddress.Parse(Given.Anonymous(1));
        bench.Stage(one);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            bench.Stage(one);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static WeakReference Finished(ConnStaging bench)
    {
        IAsyncEnumerator<StagingEvent> reader = bench.Listen().GetAsyncEnumerator();
        Assert.True(reader.DisposeAsync().AsTask().IsCompletedSuccessfully);
        return new WeakReference(reader);
    }
}
