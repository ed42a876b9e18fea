using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Ssb.Conn.Cli.Commands;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Cli.Watching;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Tests;

/// <summary>Watching a peer in this process; its pauses are in virtual time.</summary>
public class WatchSessionTests
{
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Run_PeerWhosePoolsChange_TellsOfEach(bool ours)
    {
        await using var peer = new PeerStandIn(ours);
        peer.Set("db", """[["net:book:1",{}]]""");
        await using Reader events = Watch(peer);

        Assert.IsType<WatchEvent.Attached>(await events.NextAsync());
        var first = new Dictionary<Pool, WatchEvent.Entries>();
        while (first.Count < 3)
        {
            var entries = (WatchEvent.Entries)await events.NextAsync();
            first.Add(entries.Pool, entries);
        }

        Assert.Equal("net:book:1", Assert.Single(first[Pool.Book].Peers).Address);
        peer.Set("staged", """[["net:bench:1",{}]]""");
        Assert.Equal((Pool.Bench, "net:bench:1"), await NextAsync(events));
        peer.Set("peers", """[["net:hub:1",{}]]""");
        Assert.Equal((Pool.Hub, "net:hub:1"), await NextAsync(events));
        peer.Set("db", """[["net:book:2",{}]]""");
        if (!ours)
            _time.Advance(WatchSession.PollEvery); // such a peer must be asked
        Assert.Equal((Pool.Book, "net:book:2"), await NextAsync(events));
    }

    [Fact]
    public async Task Run_PeerGoesAwayAndComesBack_SaysSoAndAttachesAgain()
    {
        await using var peer = new PeerStandIn();
        await using Reader events = Watch(peer);
        await events.UntilAsync(e => e is WatchEvent.Entries { Pool: Pool.Book });

        await peer.DropAsync();
        var gone = (WatchEvent.Gone)await events.UntilAsync(e => e is WatchEvent.Gone);
        Assert.Equal(("it said goodbye", TimeSpan.FromSeconds(1)), (gone.Reason, gone.Pause));
        peer.Set("staged", """[["net:bench:1",{}]]""");
        Task<WatchEvent> next = events.NextAsync();
        _time.Advance(gone.Pause);
        Assert.IsType<WatchEvent.Attached>(await next);
        Assert.Equal("net:bench:1", ((WatchEvent.Entries)await events.UntilAsync(e => e is WatchEvent.Entries { Pool: Pool.Bench, Peers.Count: 1 })).Peers[0].Address);
    }

    [Fact]
    public async Task Run_PeerStaysAway_PausesLongerAndLonger()
    {
        int attempts = 0;
        await using var peer = new PeerStandIn();
        await using Reader events = Watch(peer, () => attempts++ > 0);
        await events.UntilAsync(e => e is WatchEvent.Attached);
        await peer.DropAsync();

        var pauses = new List<double>();
        while (pauses.Count < 7)
        {
            var gone = (WatchEvent.Gone)await events.UntilAsync(e => e is WatchEvent.Gone);
            pauses.Add(gone.Pause.TotalSeconds);
            Task<WatchEvent> next = events.NextAsync();
            events.Push(next);
            _time.Advance(gone.Pause);
        }

        Assert.Equal([1, 2, 4, 8, 15, 15, 15], pauses);
    }

    [Fact]
    public async Task Run_NobodyThereAtFirst_Fails()
    {
        await using var peer = new PeerStandIn();
        await using Reader events = Watch(peer, () => true);
        await Assert.ThrowsAsync<FailedException>(events.NextAsync);
    }

    [Fact]
    public async Task Run_PeerThatDoesNotLetUsWatch_Fails()
    {
        await using var peer = new PeerStandIn(strangers: RpcPermissions.Anonymous);
        await using var other = new PeerStandIn();
        await using Reader events = Watch(peer, keys: other);

        var e = await Assert.ThrowsAsync<FailedException>(() => events.UntilAsync(_ => false));
        Assert.Contains("does not let us call", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lines_OfASession_AreChangesWithWholeEntries()
    {
        using var output = new StringWriter { NewLine = "\n" };
        var lines = new WatchLines(output, new FakeTimeProvider(DateTimeOffset.FromUnixTimeMilliseconds(5)));
        await lines.WriteAsync(new WatchEvent.Attached("unix:/s~noauth", name => name != "conn.why", (_, _, _) => Task.FromResult(RpcValue.True)));
        await lines.WriteAsync(Bench("""[["net:a:1",{}],["net:b:1",{"x":1}]]"""));
        await lines.WriteAsync(Bench("""[["net:b:1",{"x":2}],["net:c:1",{}]]"""));
        await lines.WriteAsync(Bench("""[["net:b:1",{"x":2}],["net:c:1",{}]]"""));
        await lines.WriteAsync(new WatchEvent.Gone("a \"reason\"", TimeSpan.FromSeconds(1)));
        await lines.WriteAsync(new WatchEvent.Attached("unix:/s~noauth", _ => true, (_, _, _) => Task.FromResult(RpcValue.True)));
        await lines.WriteAsync(Bench("[]"));

        Assert.Equal(
            """
            {"change":"attached","at":5,"peer":"unix:/s~noauth","lacks":["conn.why"]}
            {"change":"snapshot","at":5,"pool":"staging","entries":[["net:a:1",{}],["net:b:1",{"x":1}]]}
            {"change":"removed","at":5,"pool":"staging","entry":["net:a:1",{}]}
            {"change":"updated","at":5,"pool":"staging","entry":["net:b:1",{"x":2}]}
            {"change":"added","at":5,"pool":"staging","entry":["net:c:1",{}]}
            {"change":"gone","at":5,"reason":"a \"reason\"","retryIn":1000}
            {"change":"attached","at":5,"peer":"unix:/s~noauth","lacks":[]}
            {"change":"snapshot","at":5,"pool":"staging","entries":[]}

            """.ReplaceLineEndings("\n"),
            output.ToString());
    }

    [Fact]
    public async Task Lines_OfAService_HoldNothingThatMayBeSecret()
    {
        const string Key = "mUIhsJF1M+lOnqZTgdPbBCeri1YjXubZXX8/yuROOXQ=", Seed = "c2VlZHNlZWRzZWVkc2VlZHNlZWRzZWVkc2VlZHNlZWQ=";
        string entry = $$$$"""["net:a:1~shs:{{{{Key}}}}:{{{{Seed}}}}",{"key":"@{{{{Key}}}}.ed25519","type":"pub","address":"net:a:1~shs:{{{{Key}}}}:{{{{Seed}}}}","source":"room:@{{{{Key}}}}.ed25519","lastError":"no {{{{Seed}}}}","invite":"a:1:@{{{{Key}}}}.ed25519~{{{{Seed}}}}","name":"{{{{Seed}}}}","more":{"seed":["{{{{Seed}}}}",1]},"failure":2,"ping":{"rtt":{"mean":1.5}}}]""";
        async Task<string> Lines(bool isMasked)
        {
            using var output = new StringWriter { NewLine = "\n" };
            await new WatchLines(output, new FakeTimeProvider(DateTimeOffset.FromUnixTimeMilliseconds(5)), isMasked).WriteAsync(Bench($"[{entry}]"));
            return output.ToString();
        }

        string expected = $$$$"""["net:a:1~shs:{{{{Key}}}}:***",{"key":"@{{{{Key}}}}.ed25519","type":"pub","address":"net:a:1~shs:{{{{Key}}}}:***","source":"room:@{{{{Key}}}}.ed25519","lastError":"no ***","invite":"***","name":"***","more":{"seed":["***",1]},"failure":2,"ping":{"rtt":{"mean":1.5}}}]""";
        Assert.Equal($$"""{"change":"snapshot","at":5,"pool":"staging","entries":[{{expected}}]}""" + "\n", await Lines(isMasked: true));
        Assert.Contains(entry, await Lines(isMasked: false), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""["net:a:1~shs:KEY:SEED",{"seeds":{"SEED":true,"@KEY.ed25519":1}}]""", """["net:a:1~shs:KEY:***",{"seeds":{"***":true,"@KEY.ed25519":1}}]""")]
    [InlineData("""["a:1:@KEY.ed25519~SEED",{"lastError":"no a:1:@KEY.ed25519~SEED"}]""", """["not an address",{"lastError":"***"}]""")]
    [InlineData("""["net:a:1~shs:KEY",{"host":"ws://us:pass@a:1~shs:KEY","name":"\ud800"}]""", """["net:a:1~shs:KEY",{"host":"ws://***@a:1~shs:KEY","name":"\ud800"}]""")]
    [InlineData("""["net:a:1~shs:KEY",{"lastError":"net:a:1~shs:KEY: the room net:b:1~shs:KEY:SEED, with 'SEED', is gone."}]""", """["net:a:1~shs:KEY",{"lastError":"net:a:1~shs:KEY: the room net:b:1~shs:KEY:***, with '***', is gone."}]""")]
    [InlineData("""["ws://a:1/?token=hush~shs:KEY",{"error":"403 at /?token=hush: hush is over"}]""", """["ws://a:1/***~shs:KEY",{"error":"403 at ***: *** is over"}]""")]
    [InlineData("""["net:a:1~shs:KEY",{"invite":"hush","code":"hush:hush","more":["hush~hush",""],"at":"net:b:1~shs:KEY:hush"}]""", """["net:a:1~shs:KEY",{"invite":"***","code":"***","more":["***","***"],"at":"net:b:1~shs:KEY:***"}]""")]
    public void MaskedJson_SecretsInOddPlaces_AreMasked(string entry, string expected)
    {
        const string Key = "mUIhsJF1M+lOnqZTgdPbBCeri1YjXubZXX8/yuROOXQ=", Seed = "c2VlZHNlZWRzZWVkc2VlZHNlZWRzZWVkc2VlZHNlZWQ=";
        string Whole(string text) => text.Replace("KEY", Key, StringComparison.Ordinal).Replace("SEED", Seed, StringComparison.Ordinal);
        Assert.Equal(Whole(expected), Assert.Single(RemoteEntry.ReadAll(JsonElement.Parse($"[{Whole(entry)}]"))).MaskedJson());
    }

    private static WatchEvent.Entries Bench(string json) => new(Pool.Bench, RemoteEntry.ReadAll(JsonElement.Parse(json)));

    private static async Task<(Pool Pool, string Address)> NextAsync(Reader events)
    {
        var entries = (WatchEvent.Entries)await events.NextAsync();
        return (entries.Pool, Assert.Single(entries.Peers).Address);
    }

    private Reader Watch(PeerStandIn peer, Func<bool>? isAway = null, PeerStandIn? keys = null)
    {
        RemoteTarget target = RemoteTarget.At(
            MultiserverAddress.Parse(peer.Address), "/nonesuch", Path.Combine((keys ?? peer).Folder, "secret"), NetworkKey.Main, Cli.Patience);
        var session = new WatchSession(
            cancellationToken => isAway?.Invoke() == true ? throw new FailedException("nobody is there") : RemotePeer.AttachAsync(target, cancellationToken),
            Cli.Patience,
            _time);
        return new Reader(session, target);
    }

    /// <summary>Reads a session's events one by one, with a guard.</summary>
    private sealed class Reader : IAsyncDisposable
    {
        private readonly CancellationTokenSource _over = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        private readonly IAsyncEnumerator<WatchEvent> _events;
        private readonly RemoteTarget _target;
        private Task<WatchEvent>? _pushed;

        public Reader(WatchSession session, RemoteTarget target) =>
            (_events, _target) = (session.RunAsync(_over.Token).GetAsyncEnumerator(_over.Token), target);

        /// <summary>The next event.</summary>
        public async Task<WatchEvent> NextAsync()
        {
            if (_pushed is { } pushed)
            {
                _pushed = null;
                return await pushed;
            }

            Assert.True(await _events.MoveNextAsync().AsTask().WaitAsync(Cli.Patience, TimeProvider.System));
            return _events.Current;
        }

        /// <summary>Gives an event back that was waited for too early.</summary>
        public void Push(Task<WatchEvent> next) => _pushed = next;

        /// <summary>The first event that is as expected.</summary>
        public async Task<WatchEvent> UntilAsync(Func<WatchEvent, bool> isExpected)
        {
            while (true)
            {
                if (await NextAsync() is var e && isExpected(e))
                    return e;
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _over.CancelAsync();
            await _events.DisposeAsync();
            _over.Dispose();
            _target.Dispose();
        }
    }
}
