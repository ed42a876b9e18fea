using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;

namespace Ssb.Conn.Staging.Tests;

/// <summary>Each trap that the design of the bench names, under its name.</summary>
public sealed class TrapTests : IDisposable
{
    private readonly ConnStaging _bench = new(new StagingOptions { TimeProvider = Given.Clock() });

    public void Dispose() => _bench.Dispose();

    [Theory]
    [InlineData("::1", "net:::1:8008", "ws://[::1]:8008")]
    [InlineData("fe80::1", "net:fe80::1:8008", "ws://[fe80::1]:8008")]
    public void Format_TrapIPv6EscapedOrBracketed_IsWrittenPlain(string host, string net, string ws)
    {
        Assert.Equal(net, MultiserverAddress.Format(new MultiserverRoute(MultiserverProtocol.FromHost("net", host, 8008))).Text);
        Assert.Equal(ws, MultiserverAddress.Format(new MultiserverRoute(MultiserverProtocol.FromHost("ws", host, 8008))).Text);
    }

    [Fact]
    public void Host_TrapIPv6Unescaped_IsAllFieldsButTheLast() =>
        Assert.Equal(("fe80::1", (int?)8008), MultiserverAddress.Parse("net:fe80::1:8008").Routes[0] is var route ? (route.Host, route.Port) : default);

    [Fact]
    public void Text_TrapSpellings_StayAsTheyAreGiven()
    {
        // The bench is keyed by the text: what a person or a file wrote is found again under it.
        string[] spellings = ["net:::1:8008~shs:K", "net:!:!:1:8008~shs:K", "net:[::1]:8008~shs:K"];
        foreach (string text in spellings)
            Assert.True(_bench.Stage(text.Replace("K", Given.Base64(1), StringComparison.Ordinal)));
        Assert.Equal(spellings.Select(text => text.Replace("K", Given.Base64(1), StringComparison.Ordinal)), _bench.Entries().Texts());
        Assert.Equal(3, _bench.RoutesTo(Given.Id(1)).Count);
    }

    [Fact]
    public void ToString_TrapSeedOfAnInvite_IsMaskedAndKeptForDialling()
    {
        string seed = Given.Base64(9), text = $"{Given.Address(1)}:{seed}";
        _bench.Stage(text);
        StagedPeer peer = _bench.Get(text)!;
        Assert.Equal(text, peer.Address.Text);
        Assert.DoesNotContain(seed, $"{peer} {peer.Address} {peer.Address.Routes[0]} {peer.Data}", StringComparison.Ordinal);
    }

    [Fact]
    public void Metrics_TrapSeedOfAnInvite_IsNoTag()
    {
        string seed = Given.Base64(9);
        var tags = new ConcurrentBag<string>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, on) =>
        {
            if (instrument.Meter.Name == ConnStaging.MeterName)
                on.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, _, measured, _) =>
        {
            tags.Add(instrument.Name);
            foreach ((string key, object? value) in measured)
                tags.Add($"{key}={value}");
        });
        listener.Start();
        _bench.Stage($"{Given.Address(1)}:{seed}", Given.OfType("pub"), $"{Given.Address(2)}:{seed}");
        listener.RecordObservableInstruments();
        _bench.Unstage($"{Given.Address(1)}:{seed}");
        Assert.Superset(new HashSet<string> { "ssb.conn.staging.staged", "ssb.conn.staging.unstaged", "type=pub" }, tags.ToHashSet());
        Assert.DoesNotContain(tags, tag => tag.Contains(seed, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("K=")]
    [InlineData("K")]
    [InlineData("K=.ed25519")]
    [InlineData("@K=.ed25519")]
    public void Key_TrapSpellingsOfAKey_NameTheSame32Bytes(string spelling)
    {
        string text = $"net:a:1~shs:{spelling.Replace("K", Given.Base64(1)[..43], StringComparison.Ordinal)}";
        _bench.Stage(text);
        Assert.Equal(Given.FeedId(1), _bench.Get(text)!.Key);
        Assert.Equal([text], _bench.RoutesTo(Given.Id(1)).Texts());
    }

    [Fact]
    public void Stage_TrapShsThatDoesNotDecode_HasNoIdentity()
    {
        Assert.True(_bench.Stage("net:a:1~shs:abc"));
        Assert.Null(_bench.Get("net:a:1~shs:abc")!.Key);
    }

    [Fact]
    public void Format_TrapFeedIdsInATunnel_NeedNoEscape()
    {
        string text = $"tunnel:{Given.FeedId(1)}:{Given.FeedId(2)}~shs:{Given.Base64(2)}";
        var route = new MultiserverRoute(new MultiserverProtocol("tunnel", [Given.FeedId(1), Given.FeedId(2)]), new MultiserverProtocol("shs", [Given.Base64(2)]));
        Assert.Equal(text, MultiserverAddress.Format(route).Text);
        Assert.Equal("ab:!;!~", MultiserverAddress.Format(new MultiserverRoute(new MultiserverProtocol("ab", [";~"]))).Text); // these two do
    }

    [Theory]
    [InlineData("a+b")]
    [InlineData("😀")]
    [InlineData("a\u2028b\u2029c")]
    [InlineData("<&'>/é")]
    public void ToJson_TrapEscapesOfSystemTextJson_AreNotWritten(string value)
    {
        _bench.Stage("net:a:1", PeerData.Empty.With("text", value));
        Assert.Equal($$"""["net:a:1",{"stagingBirth":1700000000000,"stagingUpdated":1700000000000,"text":"{{value}}"}]""", _bench.Get("net:a:1")!.ToJson());
    }

    [Fact]
    public void Equals_TrapOrderOfFields_DoesNotMatter()
    {
        PeerData one = PeerData.Parse("""{"a":{"x":1,"y":[1,2]},"b":"2"}"""), other = PeerData.Parse("""{"b":"2","a":{"y":[1,2],"x":1}}""");
        Assert.Equal(one, other);
        Assert.NotEqual(one, PeerData.Parse("""{"b":"2","a":{"y":[2,1],"x":1}}"""));
        Assert.NotEqual(JsonSerializer.Serialize(one, StagingJsonContext.Default.PeerData), JsonSerializer.Serialize(other, StagingJsonContext.Default.PeerData));
        using var otherBench = new ConnStaging(new StagingOptions { TimeProvider = Given.Clock() });
        Assert.True(_bench.Stage("net:a:1", one) && otherBench.Stage("net:a:1", other));
        Assert.Equal(_bench.Get("net:a:1"), otherBench.Get("net:a:1"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stream_TrapIteratorThatSubscribesAtItsFirstRead_LosesNothing(bool hasReaderBefore)
    {
        await using Reading<StagingEvent>? before = hasReaderBefore ? _bench.Listen().Read() : null;
        IAsyncEnumerable<StagingEvent> listen = _bench.Listen();
        IAsyncEnumerable<StagingChange> changes = _bench.Changes();
        _bench.Stage("net:a:1");
        _bench.Unstage("net:a:1");
        await using Reading<StagingEvent> events = listen.Read();
        await using Reading<StagingChange> changed = changes.Read();
        Assert.Equal([StagingEventType.Staged, StagingEventType.Unstaged], (await events.Next(2)).Select(e => e.Type));
        // A snapshot is of the first read; none of what came before it is told again.
        Assert.Equal((2, 0), Assert.IsType<StagingChange.Snapshot>(await changed.Next()) is var first ? (first.Sequence, first.Entries.Count) : default);
    }

    [Fact]
    public async Task Stage_TrapEntryBeforeWhatThrows_LeavesNoTrace()
    {
        var clock = new BrokenClock();
        using var bench = new ConnStaging(new StagingOptions { TimeProvider = clock, MaxAddressLength = 100, MaxDataLength = 100 });
        await using Reading<StagingEvent> events = bench.Listen().Read();
        Assert.Empty(bench.RoutesTo(Given.Id(1))); // the index by feed id is there
        MultiserverAddress address = MultiserverAddress.Parse(Given.Address(1)), tooLong = MultiserverAddress.Parse($"net:{new string('a', 100)}:1");
        clock.IsBroken = true;
        Assert.Throws<TimeZoneNotFoundException>(() => bench.Stage(address, null, "lan:eth0/1"));
        clock.IsBroken = false;
        Assert.Throws<ArgumentException>(() => bench.Stage(address, new PeerData { Key = Given.FeedId(2) }, "lan:eth0/1"));
        Assert.Throws<ArgumentException>(() => bench.Stage(address, PeerData.Empty.With("text", new string('a', 100)), "lan:eth0/1"));
        Assert.Throws<ArgumentException>(() => bench.Stage(tooLong, null, "lan:eth0/1"));
        Assert.Equal((0, 0, 0, null, 0), (bench.Count, bench.CountOf("lan:eth0"), bench.RoutesTo(Given.Id(1)).Count, bench.Get(address), bench.Entries().Count));
        Assert.True(bench.Stage(address, null, "lan:eth0/1"));
        Assert.Throws<ArgumentException>(() => bench.Stage(address, new PeerData { Key = Given.FeedId(2), Type = "lan" }));
        Assert.Null(bench.Get(address)!.Type);
        Assert.True(bench.Unstage(address));
        Assert.Equal([StagingEventType.Staged, StagingEventType.Unstaged], (await events.Next(2)).Select(e => e.Type));
    }

    [Fact]
    public async Task Stage_TrapClockThatStepsBack_KeepsTheOrderOfAges()
    {
        var clock = new BrokenClock();
        using var bench = new ConnStaging(new StagingOptions { TimeProvider = clock, TimeToLive = StagingOptions.SsbTimeToLive });
        await using Reading<StagingEvent> events = bench.Listen().Read();
        clock.Inner.Advance(TimeSpan.FromSeconds(6));
        bench.Stage("net:a:1", Given.OfType("lan"));
        clock.Error = TimeSpan.FromSeconds(-5);
        bench.Stage("net:b:1", Given.OfType("lan"));
        Assert.Equal((2, TimeSpan.Zero, TimeSpan.Zero), (bench.Count, bench.AgeOf(MultiserverAddress.Parse("net:a:1")), bench.AgeOf(MultiserverAddress.Parse("net:b:1"))));
        clock.Inner.Advance(TimeSpan.FromSeconds(12)); // the second, by the clock as it was, would be due and stand behind the first
        bench.Stage("net:a:1");
        Assert.Equal(2, bench.Count);
        clock.Inner.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(["net:a:1"], bench.Entries().Texts());
        clock.Inner.Advance(TimeSpan.FromSeconds(7));
        Assert.Equal(0, bench.Count);
        Assert.Equal(["net:a:1", "net:b:1", "net:b:1", "net:a:1"], (await events.Next(4)).Select(e => e.Address!.Text));
    }

    [Fact]
    public async Task Wake_TrapContinuationsUnderTheLock_RunApartFromStageAndEachOther()
    {
        await using IAsyncEnumerator<StagingEvent> one = _bench.Listen().GetAsyncEnumerator(), other = _bench.Listen().GetAsyncEnumerator();
        var held = new ConcurrentBag<bool>();
        var threads = new ConcurrentBag<int>();
        using var both = new Barrier(2);
        // Each goes on only when the other does too: if one ran the other, or Stage ran them, that would hang.
        Task[] reading = [Reading(one), Reading(other)];
        Assert.True(_bench.Stage("net:a:1"));
        await Task.WhenAll(reading).Guarded();
        Assert.Equal([false, false], held);
        Assert.Equal(2, threads.Distinct().Count());

        Task Reading(IAsyncEnumerator<StagingEvent> reader)
        {
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            // Without the context of the test, which would run it elsewhere whatever the bench did.
#pragma warning disable CA2012 // awaited below, in its own way
            ConfiguredValueTaskAwaitable<bool>.ConfiguredValueTaskAwaiter moved = reader.MoveNextAsync().ConfigureAwait(false).GetAwaiter();
#pragma warning restore CA2012
            Assert.False(moved.IsCompleted);
            moved.OnCompleted(() =>
            {
                held.Add(_bench.Gate.IsHeldByCurrentThread);
                threads.Add(Environment.CurrentManagedThreadId);
                bool met = both.SignalAndWait(Patience.Guard);
                if (met && moved.GetResult())
                    done.SetResult();
                else
                    done.SetException(new TimeoutException("The other reader did not go on."));
            });
            return done.Task;
        }
    }

    /// <summary>A clock whose timestamps may be wrong, and that may throw. Its timers are right.</summary>
    private sealed class BrokenClock : TimeProvider
    {
        public FakeTimeProvider Inner { get; } = Given.Clock();

        public TimeSpan Error { get; set; }

        public bool IsBroken { get; set; }

        public override long TimestampFrequency => Inner.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => IsBroken ? throw new TimeZoneNotFoundException() : Inner.GetUtcNow();

        public override long GetTimestamp() => Inner.GetTimestamp() + (long)(Error.TotalSeconds * TimestampFrequency);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            Inner.CreateTimer(callback, state, dueTime, period);
    }
}
