using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Wire;

namespace Interop.Tests.Wire;

/// <summary>JavaScript calls, by secret-stack 6.4.2 and by ssb-client 4.9.0, and we serve.</summary>
[Collection(nameof(Alone))]
public class RpcFromJavaScriptTests
{
    private const string Failure = "failed on purpose ☃";

    private static readonly TimeSpan s_patience = Patience.Guard;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("connect")]
    [InlineData("client")]
    public async Task Call_ResultsOfEveryKind_ComeAsTheyWereMeant(string client)
    {
        await using Pair pair = await Pair.StartAsync(client);
        foreach ((string spec, string told) in RpcSpecs.Kinds)
        {
            foreach (string procedure in (string[])["test.give", "test.later"])
                RpcSpecs.AssertTold(told, (await pair.CallAsync("async", procedure, [JsonElement.Parse(spec)])).GetProperty("value").GetRawText());
        }
    }

    [Theory]
    [InlineData("connect")]
    [InlineData("client")]
    public async Task Streams_ItemsOfEveryKind_ComeAsTheyWereMeantInOrder(string client)
    {
        await using Pair pair = await Pair.StartAsync(client);
        JsonElement specs = JsonElement.Parse($"[{string.Join(",", RpcSpecs.Kinds.Select(kind => kind.Spec))}]");
        JsonElement read = await pair.CallAsync("source", "test.items", [specs]);
        AssertAll(read.GetProperty("items"));
        Assert.Equal(JsonValueKind.True, read.GetProperty("end").ValueKind);

        read = await pair.CallAsync("duplex", "test.swap", [], specs, take: RpcSpecs.Kinds.Count);
        AssertAll(read.GetProperty("items"));

        JsonElement sent = await pair.CallAsync(
            "sink", "test.take", [], JsonElement.Parse("""[{"i":1},"two ☃",null,{"$bytes":"AAEC"},{"$undefined":true}]"""));
        await pair.Procedures.ExpectAsync("""took {"i":1} "two ☃" null {"$bytes":"AAEC"} false""");
        Assert.Equal(JsonValueKind.True, sent.GetProperty("end").ValueKind);

        static void AssertAll(JsonElement items)
        {
            Assert.Equal(RpcSpecs.Kinds.Count, items.GetArrayLength());
            foreach ((JsonElement item, (string Spec, string Told) kind) in items.EnumerateArray().Zip(RpcSpecs.Kinds))
                RpcSpecs.AssertTold(kind.Told, item.GetRawText());
        }
    }

    [Theory]
    [InlineData("source"), InlineData("sink"), InlineData("duplex")]
    public async Task Stream_RefusedHundredsOfTimes_TheNextCallIsAnswered(string type)
    {
        await using Pair pair = await Pair.StartAsync();
        for (int i = 0; i < 300; i++)
        {
            JsonElement refused = await pair.Peer.DoAsync("call", new { on = pair.On, type, name = "test.nothing", raw = true, open = true });
            Assert.DoesNotContain("too many", refused.GetRawText(), StringComparison.Ordinal);
        }

        Assert.Equal(0, pair.Rpc.Exchanges.Count);
        RpcSpecs.AssertTold(RpcSpecs.Kinds[0].Told, (await pair.CallAsync("async", "test.give", [JsonElement.Parse(RpcSpecs.Kinds[0].Spec)])).GetProperty("value").GetRawText());
    }

    [Fact]
    public async Task Call_LargestBody_ComesAndOneByteMoreIsAnErrorOfThatCall()
    {
        const int Most = 8 * 1024 * 1024;
        await using Pair pair = await Pair.StartAsync();
        string largest = RpcSpecs.Tell(RpcSpecs.Make($$"""{"$fill":{{Most}}}"""));
        JsonElement given = await pair.CallAsync("async", "test.give", [JsonElement.Parse($$"""{"$fill":{{Most}}}""")]);
        RpcSpecs.AssertTold(largest, given.GetProperty("value").GetRawText());
        JsonElement back = await pair.CallAsync("duplex", "test.swap", [], JsonElement.Parse($$"""[{"$fill":{{Most}}}]"""), take: 1);
        RpcSpecs.AssertTold(largest, back.GetProperty("items")[0].GetRawText());

        AssertError(await pair.CallAsync("async", "test.give", [JsonElement.Parse($$"""{"$fill":{{Most + 1}}}""")]), "internal error in test.give", "Error");
        JsonElement tooMuch = JsonElement.Parse($$"""[{"$fill":{{Most + 1}}}]""");
        string cut = await pair.Peer.BeginAsync("call", new { on = pair.On, type = "duplex", name = "test.swap", items = tooMuch });
        RpcEnd end = await pair.Rpc.Completion.WaitAsync(s_patience, TimeProvider.System, Cancellation);
        Assert.Equal(RpcViolation.BodyTooLarge, Assert.IsType<RpcProtocolException>(end.Error).Violation);
        JsonElement ended = (await pair.Peer.FindAsync(cut)).GetProperty("end");
        Assert.NotEqual("unexpected end of parent stream", ended.GetProperty("message").GetString()); // as a goodbye would have it
        await pair.AssertPeerIsWellAsync();
    }

    [Theory]
    [InlineData("connect")]
    [InlineData("client")]
    public async Task Call_Failing_ErrorHasMessageNameAndStack(string client)
    {
        await using Pair pair = await Pair.StartAsync(client);
        AssertError(await pair.CallAsync("async", "test.fail", ["error"]), Failure, "TypeError");
        AssertError(await pair.CallAsync("async", "test.boom", []), Failure, "TypeError");
        AssertError(await pair.CallAsync("async", "test.boomLater", []), Failure, "TypeError");
        AssertError(await pair.CallAsync("async", "test.fail", ["secret"]), "internal error in test.fail", "Error");
        AssertError(await pair.CallAsync("async", "test.order", []), "internal error in test.order", "Error"); // it looks for an argument

        // By the way below the manifest: what there is not, and what is of another type.
        AssertError(await pair.CallAsync("async", "test.nothing", [], raw: true), "no async:test,nothing", "Error");
        AssertError(await pair.CallAsync("async", "test", [], raw: true), "no async:test", "Error");
        AssertError(await pair.CallAsync("async", "test.count", [0, 1], raw: true), "no async:test,count", "Error");

        JsonElement failed = await pair.CallAsync("source", "test.failing", [3]);
        Assert.Equal("[0,1,2]", failed.GetProperty("items").GetRawText());
        AssertEnd(failed, Failure, "TypeError");
        AssertEnd(await pair.CallAsync("source", "test.broken", []), Failure, "TypeError");
        AssertEnd(await pair.CallAsync("source", "test.nothing", [], raw: true), "no source:test,nothing", "Error");
        AssertEnd(await pair.CallAsync("source", "test.give", [1], raw: true), "no source:test,give", "Error");
        AssertEnd(await pair.CallAsync("source", "test.swap", [], raw: true), "no source:test,swap", "Error");
        AssertEnd(await pair.CallAsync("duplex", "test.take", [], JsonElement.Parse("[1]"), raw: true), "no duplex:test,take", "Error");
        AssertEnd(await pair.CallAsync("sink", "test.count", [], JsonElement.Parse("[1,2,3]"), raw: true, open: true), "no sink:test,count", "Error");
        AssertEnd(await pair.CallAsync("sink", "test.refuse", [2], JsonElement.Parse("[1,2,3]"), open: true), Failure, "TypeError");
        await pair.AssertUsableAsync();
    }

    [Fact]
    public async Task Call_Denied_IsRefusedInTheWordsOfMuxrpc()
    {
        await using Pair pair = await Pair.StartAsync(permissions: new RpcPermissions(allow: ["manifest", "test"], deny: ["test.boom", "test.count"]));
        AssertError(await pair.CallAsync("async", "gossip.ping", [], raw: true), "method:gossip,ping is not in list of allowed methods", "Error");
        AssertError(await pair.CallAsync("async", "x.y", [], raw: true), "method:x,y is not in list of allowed methods", "Error");
        AssertError(await pair.CallAsync("async", "whoami", [], raw: true), "method:whoami is not in list of allowed methods", "Error");
        AssertError(await pair.CallAsync("async", "test.boom", []), "method:test,boom is on list of disallowed methods", "Error");
        AssertEnd(await pair.CallAsync("source", "test.count", [0, 1]), "method:test,count is on list of disallowed methods", "Error");
        AssertEnd(await pair.CallAsync("source", "x.y", [], raw: true), "method:x,y is not in list of allowed methods", "Error");
        AssertEnd(await pair.CallAsync("duplex", "gossip.ping", []), "method:gossip,ping is not in list of allowed methods", "Error");
        AssertEnd(await pair.CallAsync("sink", "x", [], JsonElement.Parse("[1]"), raw: true, open: true), "method:x is not in list of allowed methods", "Error");
        await pair.AssertUsableAsync();
    }

    [Fact]
    public async Task Streams_PeerAborts_OursStop()
    {
        await using Pair pair = await Pair.StartAsync();
        JsonElement read = await pair.CallAsync("source", "test.forever", [], take: 5);
        Assert.Equal("""[{"i":0},{"i":1},{"i":2},{"i":3},{"i":4}]""", read.GetProperty("items").GetRawText());
        await pair.Procedures.ExpectAsync("forever ended");

        // A duplex, ended from its reading side.
        read = await pair.CallAsync("duplex", "test.swap", [], JsonElement.Parse("[1,2,3]"), take: 2);
        Assert.Equal("[1,2]", read.GetProperty("items").GetRawText());
        await pair.AssertUsableAsync();
    }

    [Fact]
    public async Task Client_WithoutManifest_AsksForItAndHasOurProcedures()
    {
        await using Pair pair = await Pair.StartAsync();
        JsonElement client = await pair.Peer.DoAsync("client", new { @as = "other", address = pair.Host.Address });
        await pair.Host.AcceptAsync();
        Assert.Equal(pair.Host.Keys.Id.ToString(), client.GetProperty("id").GetString());
        IEnumerable<string> ours = pair.Procedures.Api.Manifest.Procedures.Keys.Where(name => name.StartsWith("test.", StringComparison.Ordinal));
        IEnumerable<string> seen = client.GetProperty("test").EnumerateArray().Select(name => $"test.{name.GetString()}");
        Assert.Equal(ours.Order(StringComparer.Ordinal), seen.Order(StringComparer.Ordinal));
        JsonElement given = await pair.Peer.DoAsync("call", new { on = "other", name = "test.give", args = (int[])[7] });
        Assert.Equal("7", given.GetProperty("value").GetRawText());
        await pair.Peer.DoAsync("close", new { on = "other" });
    }

    [Fact]
    public async Task Calls_SentWithoutWaiting_StartInTheirOrder()
    {
        await using Pair pair = await Pair.StartAsync("in");
        int[] order = [.. Enumerable.Range(0, 2_000)];
        JsonElement answers = await pair.Peer.DoAsync("order", new { on = pair.On, count = order.Length });
        Assert.Equal(order, answers.EnumerateArray().Select(answer => answer.GetInt32()));
        Assert.Equal(order, pair.Procedures.Ordered);

        Task<RpcValue>[] ours = [.. order.Select(i => pair.Rpc.CallAsync("test.order", [i], Cancellation))];
        await Task.WhenAll(ours).WaitAsync(s_patience, TimeProvider.System, Cancellation);
        await pair.AssertPeerIsWellAsync();
        Assert.Equal(order, pair.Peer.Told.Where(line => line.TryGetProperty("ordered", out _)).Select(line => line.GetProperty("ordered").GetInt32()));
    }

    [Fact]
    public async Task Sources_TenThousandOnOneConnectionEachWay_EachHasItsItems()
    {
        const int Streams = 10_000, Each = 3;
        await using Pair pair = await Pair.StartAsync("in", most: Streams);
        string theirs = await pair.Peer.BeginAsync("sources", new { on = pair.On, count = Streams, each = Each });
        await Task.WhenAll(Enumerable.Range(0, Streams).Select(ReadAsync)).WaitAsync(s_patience, TimeProvider.System, Cancellation);
        JsonElement result = await pair.Peer.FindAsync(theirs);
        Assert.True(result.GetProperty("wrong").GetInt32() == 0, result.ToString());

        async Task ReadAsync(int stream)
        {
            int i = stream * Each;
            await foreach (RpcValue item in pair.Rpc.Source("test.count", [i, i + Each]).WithCancellation(Cancellation))
                Assert.Equal(i++, item.AsJson().GetProperty("i").GetInt32());
            Assert.Equal((stream + 1) * Each, i);
        }
    }

    [Fact]
    public async Task Sources_MoreThanMayBeOpen_FurtherOnesGetAnError()
    {
        await using Pair pair = await Pair.StartAsync(most: 2);
        await pair.Peer.BeginAsync("call", new { on = pair.On, name = "test.never" });
        await pair.Peer.BeginAsync("call", new { on = pair.On, name = "test.never" });
        AssertError(await pair.CallAsync("async", "test.give", [1]), "too many open requests", "Error");
        AssertEnd(await pair.CallAsync("source", "test.count", [0, 1]), "too many open requests", "Error");
        Assert.False(pair.Rpc.Completion.IsCompleted);
    }

    [Fact]
    public async Task Ping_BothWays_MeasuresWithPullPing()
    {
        await using Pair pair = await Pair.StartAsync("in");
        JsonElement ping = await pair.Peer.DoAsync("ping", new { on = pair.On, timeout = 1_000, times = 2 });
        Assert.InRange(ping.GetProperty("rtt").GetProperty("mean").GetDouble(), 0, 60_000);

        PingSample sample = await GossipPing.MeasureAsync(pair.Rpc, Cancellation).WaitAsync(s_patience, TimeProvider.System, Cancellation);
        Assert.InRange(sample.RoundTrip, TimeSpan.Zero, s_patience);
        Assert.InRange(sample.Skew.Duration(), TimeSpan.Zero, s_patience); // the same clock

        // They serve in turn: the second and third exchange come after a pause of theirs.
        int samples = 0;
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => GossipPing.RunAsync(
            pair.Rpc,
            s =>
            {
                Assert.InRange(s.Skew.Duration(), TimeSpan.Zero, s_patience);
                if (++samples == 2)
                    enough.Cancel();
            },
            TimeSpan.FromMilliseconds(50),
            enough.Token).WaitAsync(s_patience, TimeProvider.System, Cancellation));
        Assert.Equal(2, samples);
        await pair.AssertUsableAsync();
    }

    [Theory]
    [InlineData("connect", true)]
    [InlineData("client", true)]
    [InlineData("connect", false)]
    [InlineData("client", false)]
    public async Task Completion_PeerCloses_IsAGoodbye(string client, bool now)
    {
        await using Pair pair = await Pair.StartAsync(client);
        await pair.AssertUsableAsync();
        await pair.Peer.DoAsync("close", new { on = pair.On, now });
        Assert.Equal(new RpcEnd(RpcEndReason.Goodbye), await pair.Rpc.Completion.WaitAsync(s_patience, TimeProvider.System, Cancellation));
    }

    [Theory]
    [InlineData("connect")]
    [InlineData("client")]
    public async Task Close_Ours_IsSeenAsACleanEnd(string client)
    {
        await using Pair pair = await Pair.StartAsync(client);
        string call = await pair.Peer.BeginAsync("call", new { on = pair.On, name = "test.never" });
        string source = await pair.Peer.BeginAsync("call", new { on = pair.On, type = "source", name = "test.forever" });
        await pair.Procedures.ExpectAsync("never was called");
        await pair.Rpc.DisposeAsync().AsTask().WaitAsync(s_patience, TimeProvider.System, Cancellation);
        Assert.Equal(new RpcEnd(RpcEndReason.Closed), await pair.Rpc.Completion);
        await pair.Procedures.ExpectAsync("never ended");
        JsonElement error = (await pair.Peer.FindAsync(call)).GetProperty("error"), ended = (await pair.Peer.FindAsync(source)).GetProperty("end");
        Assert.Equal("unexpected end of parent stream", error.GetProperty("message").GetString());
        Assert.Equal("unexpected end of parent stream", ended.GetProperty("message").GetString());
        await pair.Peer.FindAsync("closed");
        await pair.AssertPeerIsWellAsync();
    }

    private static void AssertError(JsonElement answer, string message, string name)
    {
        Assert.True(answer.TryGetProperty("error", out JsonElement error), answer.ToString());
        AssertSame(error, message, name);
    }

    private static void AssertEnd(JsonElement answer, string message, string name)
    {
        JsonElement end = answer.GetProperty("end");
        Assert.True(end.ValueKind == JsonValueKind.Object, answer.ToString());
        AssertSame(end, message, name);
    }

    private static void AssertSame(JsonElement error, string message, string name) => Assert.Equal(
        (message, name, $"{name}: {message}"),
        (error.GetProperty("message").GetString(), error.GetProperty("name").GetString(), error.GetProperty("stack").GetString()));

    /// <summary>A JavaScript peer and its connection to us.</summary>
    private sealed class Pair(RpcHost host, RpcPeer peer, RpcConnection rpc, RpcProcedures procedures, string on) : IAsyncDisposable
    {
        private static readonly JsonElement s_none = JsonElement.Parse("[]");

        /// <summary>The peer's name of the connection.</summary>
        public string On => on;

        public RpcHost Host => host;

        public RpcPeer Peer => peer;

        public RpcConnection Rpc => rpc;

        public RpcProcedures Procedures => procedures;

        /// <param name="client">With what it connects: <c>connect</c> of secret-stack, or ssb-<c>client</c>; or <c>in</c>: we dial it, and may
        /// call all of it.</param>
        /// <param name="permissions">What it may call; null for everything.</param>
        /// <param name="most">How many requests it may have open.</param>
        public static async Task<Pair> StartAsync(string client = "connect", RpcPermissions? permissions = null, int most = 100)
        {
            var procedures = new RpcProcedures();
            var host = new RpcHost(new RpcOptions
            {
                Api = procedures.Api,
                Permissions = permissions ?? RpcPermissions.All,
                MaxOpenRequests = most,
            });
            RpcPeer peer = await RpcPeer.StartAsync(2, host.Keys.Id);
            if (client == "in")
            {
                RpcConnection dialled = await host.ConnectAsync(peer);
                await peer.FindAsync("connected");
                return new Pair(host, peer, dialled, procedures, "in");
            }

            Task<RpcConnection> accepted = host.AcceptAsync();
            await peer.DoAsync(client, new
            {
                @as = "rpc",
                address = host.Address,
                manifest = JsonElement.Parse(procedures.Api.Manifest.ToJson()),
            });
            return new Pair(host, peer, await accepted, procedures, "rpc");
        }

        public Task<JsonElement> CallAsync(
            string type, string name, object[] args, JsonElement? items = null, int? take = null, bool raw = false, bool open = false) =>
            peer.DoAsync("call", new { on, type, name, args, items = items ?? s_none, take, raw, open });

        /// <summary>The connection can be used, and nothing is open on it.</summary>
        public async Task AssertUsableAsync() =>
            Assert.Equal("still here", (await CallAsync("async", "test.give", ["still here"])).GetProperty("value").GetString());

        public async Task AssertPeerIsWellAsync() => await peer.DoAsync("nothing");

        public async ValueTask DisposeAsync()
        {
            await Disposal.AllAsync([host, peer]);
        }
    }
}
