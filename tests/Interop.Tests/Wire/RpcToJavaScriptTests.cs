using System.Runtime.CompilerServices;
using System.Text.Json;
using Ssb.Wire;

namespace Interop.Tests.Wire;

/// <summary>We call, and secret-stack 6.4.2 over muxrpc 6.7.3 serves.</summary>
public class RpcToJavaScriptTests
{
    private const string Failure = "failed on purpose ☃";

    private static readonly TimeSpan s_patience = Patience.Guard;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Call_ResultsOfEveryKind_ComeAsTheyWereMeant()
    {
        await using Pair pair = await Pair.StartAsync();
        await Within(Task.WhenAll(RpcSpecs.Kinds.SelectMany(kind => (Task[])[CompareAsync("test.give", kind), CompareAsync("test.later", kind)])));

        async Task CompareAsync(string procedure, (string Spec, string Told) kind) =>
            RpcSpecs.AssertTold(kind.Told, RpcSpecs.Tell(await pair.Rpc.CallAsync(procedure, [JsonElement.Parse(kind.Spec)], Cancellation)));
    }

    [Fact]
    public async Task Streams_ItemsOfEveryKind_ComeAsTheyWereMeantInOrder()
    {
        await using Pair pair = await Pair.StartAsync();
        string specs = $"[{string.Join(",", RpcSpecs.Kinds.Select(kind => kind.Spec))}]";
        var items = new List<RpcValue>();
        await Within(CollectAsync(pair.Rpc.Source("test.items", [JsonElement.Parse(specs)]), items));
        AssertAll(RpcSpecs.Kinds.Select(kind => kind.Told), items);

        RpcValue[] ours = [.. RpcSpecs.Kinds.Select(kind => RpcSpecs.Make(kind.Spec))];
        await Within(pair.Rpc.SinkAsync("test.take", [], AllAsync(ours), Cancellation));
        JsonElement took = await pair.Peer.FindAsync(line => line.TryGetProperty("took", out _));
        Assert.True(took.GetProperty("end").ValueKind == JsonValueKind.False, "a plain end, which pull.collect gives as null");
        Assert.Equal(RpcSpecs.Kinds.Count, took.GetProperty("took").GetArrayLength());
        foreach ((JsonElement told, (string Spec, string Told) kind) in took.GetProperty("took").EnumerateArray().Zip(RpcSpecs.Kinds))
            RpcSpecs.AssertTold(kind.Told, told.GetRawText());

        items.Clear();
        await using (RpcDuplex duplex = pair.Rpc.Duplex("test.swap"))
        {
            Task reading = CollectAsync(duplex.ReadAllAsync(Cancellation), items);
            foreach (RpcValue item in ours)
                await duplex.WriteAsync(item, Cancellation);
            duplex.Complete();
            await Within(reading);
        }

        AssertAll(RpcSpecs.Kinds.Select(kind => kind.Told), items);
    }

    [Fact]
    public async Task Values_WithoutABody_ComeFromThePeerAndAreSentWithOne()
    {
        await using Pair pair = await Pair.StartAsync();
        RpcValue text = await Within(pair.Rpc.CallAsync("test.give", [""], Cancellation));
        Assert.Equal("", text.AsText());
        RpcValue bytes = await Within(pair.Rpc.CallAsync("test.give", [JsonElement.Parse("""{"$bytes":""}""")], Cancellation));
        Assert.Equal((RpcValueKind.Binary, 0), (bytes.Kind, bytes.Bytes.Length));

        // What a peer takes for a goodbye is not sent: an empty text goes as JSON, the one that came too; for bytes there is no other way.
        await Within(pair.Rpc.SinkAsync("test.take", [], AllAsync([text, "", 1]), Cancellation));
        Assert.Equal("""["","",1]""", (await pair.Peer.FindAsync("took")).GetRawText());
        await Assert.ThrowsAsync<ArgumentException>(() => Within(pair.Rpc.SinkAsync("test.take", [], AllAsync([bytes]), Cancellation)));
        await pair.AssertUsableAsync();
    }

    [Fact]
    public async Task Duplex_WeEnd_PeerEndsBothWays()
    {
        await using Pair pair = await Pair.StartAsync();
        await using RpcDuplex duplex = pair.Rpc.Duplex("test.half");
        await duplex.WriteAsync(1, Cancellation);
        await duplex.WriteAsync(2, Cancellation);
        duplex.Complete();

        // muxrpc 6.7.3 aborts what a duplex still has to say as soon as the other side has ended; a peer of ours would send the count.
        var items = new List<RpcValue>();
        await Within(CollectAsync(duplex.ReadAllAsync(Cancellation), items));
        Assert.Empty(items);
        JsonElement half = await pair.Peer.FindAsync(line => line.TryGetProperty("half", out _));
        Assert.Equal(2, half.GetProperty("half").GetInt32());
        await pair.AssertUsableAsync();
    }

    [Fact]
    public async Task Call_LargestBody_ComesAndOneByteMoreCutsTheConnectionOff()
    {
        const int Most = 8 * 1024 * 1024;
        await using Pair pair = await Pair.StartAsync();
        Assert.Equal(Most, new RpcOptions().MaxBodySize);
        RpcValue largest = await Within(pair.Rpc.CallAsync("test.give", [JsonElement.Parse($$"""{"$fill":{{Most}}}""")], Cancellation));
        Assert.Equal(RpcSpecs.Tell(RpcSpecs.Make($$"""{"$fill":{{Most}}}""")), RpcSpecs.Tell(largest));

        await using (RpcDuplex duplex = pair.Rpc.Duplex("test.swap"))
        {
            await duplex.WriteAsync(largest, Cancellation);
            IAsyncEnumerator<RpcValue> back = duplex.ReadAllAsync(Cancellation).GetAsyncEnumerator(Cancellation);
            Assert.True(await Within(back.MoveNextAsync().AsTask()));
            Assert.True(back.Current.Bytes.Span.SequenceEqual(largest.Bytes.Span));
            await Assert.ThrowsAsync<ArgumentException>(() => duplex.WriteAsync(RpcValue.Binary(new byte[Most + 1]), Cancellation).AsTask());
        }

        RpcException cut = await Assert.ThrowsAsync<RpcException>(
            () => Within(pair.Rpc.CallAsync("test.give", [JsonElement.Parse($$"""{"$fill":{{Most + 1}}}""")], Cancellation)));
        Assert.Equal(RpcError.ConnectionClosed, cut.Error);
        RpcEnd end = await Within(pair.Rpc.Completion);
        Assert.Equal(RpcEndReason.Violation, end.Reason);
        Assert.Equal(RpcViolation.BodyTooLarge, Assert.IsType<RpcProtocolException>(end.Error).Violation);
        await pair.AssertPeerIsWellAsync();
    }

    [Theory]
    [InlineData("test.fail", "error", Failure, "TypeError")]
    [InlineData("test.boom", null, Failure, "TypeError")]
    [InlineData("test.boomLater", null, Failure, "TypeError")]
    [InlineData("test.fail", "object", "no Error", "Custom")]
    [InlineData("test.fail", "text", "The peer sent an error without a message.", null)] // JavaScript sends {} for it
    [InlineData("test.fail", "empty", "The peer sent an error without a message.", null)]
    [InlineData("test.nothing", null, "no async:test,nothing", "Error")]
    [InlineData("test", null, "no async:test", "Error")]
    [InlineData("test.count", null, "no async:test,count", "Error")]
    public async Task Call_Failing_ThrowsWhatThePeerSaid(string procedure, string? argument, string message, string? name)
    {
        await using Pair pair = await Pair.StartAsync();
        RpcException error = await Assert.ThrowsAsync<RpcException>(
            () => Within(pair.Rpc.CallAsync(procedure, argument is null ? [] : [argument], Cancellation)));
        AssertRemote(error, message, name);
        await pair.AssertUsableAsync();
    }

    [Fact]
    public async Task Streams_Failing_EndWithWhatThePeerSaid()
    {
        await using Pair pair = await Pair.StartAsync();
        var items = new List<RpcValue>();
        AssertRemote(await FailAsync(CollectAsync(pair.Rpc.Source("test.failing", [3]), items)), Failure, "TypeError");
        AssertAll(["0", "1", "2"], items);

        AssertRemote(await FailAsync(CollectAsync(pair.Rpc.Source("test.broken"), items)), Failure, "TypeError");
        AssertRemote(await FailAsync(CollectAsync(pair.Rpc.Source("test.nothing"), items)), "no source:test,nothing", "Error");
        AssertRemote(await FailAsync(CollectAsync(pair.Rpc.Source("test.take"), items)), "no source:test,take", "Error");
        AssertRemote(await FailAsync(CollectAsync(pair.Rpc.Source("test.give"), items)), "no source:test,give", "Error");
        await using RpcDuplex duplex = pair.Rpc.Duplex("test.count");
        AssertRemote(await FailAsync(CollectAsync(duplex.ReadAllAsync(Cancellation), items)), "no duplex:test,count", "Error");
        AssertRemote(await FailAsync(pair.Rpc.SinkAsync("test.swap", [], AllAsync([1]), Cancellation)), "no sink:test,swap", "Error");
        Assert.Equal(3, items.Count);
        await pair.AssertUsableAsync();
    }

    [Fact]
    public async Task Sink_PeerAbortsEarly_SenderStopsAndLearnsWhy()
    {
        await using Pair pair = await Pair.StartAsync();
        var stopped = new TaskCompletionSource();
        AssertRemote(await FailAsync(pair.Rpc.SinkAsync("test.refuse", [5], EndlessAsync(stopped, Cancellation), Cancellation)), Failure, "TypeError");
        await Within(stopped.Task);
        Assert.Equal(5, (await pair.Peer.FindAsync("refused")).GetInt32());
        await pair.AssertUsableAsync();
    }

    [Fact]
    public async Task Sink_OurItemsFail_PeerLearnsThatTheyDid()
    {
        await using Pair pair = await Pair.StartAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => Within(pair.Rpc.SinkAsync("test.take", [], AllAsync([1, 2], new InvalidOperationException("our business")), Cancellation)));
        JsonElement took = await pair.Peer.FindAsync(line => line.TryGetProperty("took", out _));
        Assert.Equal("The sender stopped.", took.GetProperty("end").GetProperty("message").GetString());

        await Assert.ThrowsAsync<RpcException>(
            () => Within(pair.Rpc.SinkAsync("test.take", [], AllAsync([1, 2], new RpcException("for you") { RemoteName = "Told" }), Cancellation)));
        took = await pair.Peer.FindAsync(line => line.TryGetProperty("took", out _), pair.Peer.Told.Count);
        Assert.Equal("Told", took.GetProperty("end").GetProperty("name").GetString());
        Assert.Equal("Told: for you", took.GetProperty("end").GetProperty("stack").GetString());
        await pair.AssertUsableAsync();
    }

    [Fact]
    public async Task Source_LeftEarly_PeerSeesTheAbort()
    {
        await using Pair pair = await Pair.StartAsync();
        await Within(ReadTenAsync());
        JsonElement aborted = await pair.Peer.FindAsync(line => line.TryGetProperty("aborted", out _));
        Assert.Equal("forever", aborted.GetProperty("aborted").GetString());
        Assert.Equal(JsonValueKind.True, aborted.GetProperty("end").ValueKind); // a plain abort, no error

        int told = pair.Peer.Told.Count;
        await pair.Rpc.Source("test.forever").DisposeAsync();
        await pair.Peer.FindAsync(line => line.TryGetProperty("aborted", out _), told);
        await pair.AssertUsableAsync();

        async Task ReadTenAsync()
        {
            int count = 0;
            await foreach (RpcValue item in pair.Rpc.Source("test.forever").WithCancellation(Cancellation))
            {
                RpcSpecs.AssertTold($$"""{"i":{{count}}}""", RpcSpecs.Tell(item));
                if (++count == 10)
                    return;
            }
        }
    }

    [Fact]
    public async Task Call_Cancelled_ThrowsAndPeerIsUnharmed()
    {
        await using Pair pair = await Pair.StartAsync();
        using var cancelling = new CancellationTokenSource();
        Task<RpcValue> call = pair.Rpc.CallAsync("test.never", [], cancelling.Token);
        await pair.Peer.FindAsync("called");
        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within(call));

        // Cancelled when the answer is on its way.
        for (int i = 0; i < 20; i++)
        {
            using var soon = new CancellationTokenSource();
            Task<RpcValue> answered = pair.Rpc.CallAsync("test.later", [i], soon.Token);
            await soon.CancelAsync();
            Exception? e = await Record.ExceptionAsync(() => Within(answered));
            Assert.True(e is null or OperationCanceledException); // the answer may have been quicker
        }

        await pair.AssertUsableAsync();
    }

    [Fact]
    public async Task Call_Anonymous_IsRefusedInTheWordsOfMuxrpc()
    {
        await using var host = new RpcHost(new RpcOptions());
        await using RpcPeer peer = await RpcPeer.StartAsync(1);
        RpcConnection rpc = await host.ConnectAsync(peer);
        AssertRemote(await FailAsync(rpc.CallAsync("test.give", [1], Cancellation)), "method:test,give is not in list of allowed methods", "Error");
        AssertRemote(await FailAsync(rpc.CallAsync("x.y", [], Cancellation)), "method:x,y is not in list of allowed methods", "Error");
        AssertRemote(await FailAsync(rpc.CallAsync("whoami", [], Cancellation)), "method:whoami is not in list of allowed methods", "Error");
        var items = new List<RpcValue>();
        AssertRemote(
            await FailAsync(CollectAsync(rpc.Source("test.count", [0, 1]), items)),
            "method:test,count is not in list of allowed methods",
            "Error");
        AssertRemote(
            await FailAsync(rpc.SinkAsync("test.take", [], AllAsync([1]), Cancellation)),
            "method:test,take is not in list of allowed methods",
            "Error");
        await using RpcDuplex duplex = rpc.Duplex("gossip.ping");
        AssertRemote(
            await FailAsync(CollectAsync(duplex.ReadAllAsync(Cancellation), items)),
            "method:gossip,ping is not in list of allowed methods",
            "Error");

        RpcManifest manifest = await Within(rpc.GetManifestAsync(Cancellation));
        Assert.Equal(RpcProcedureType.Source, manifest.Procedures["test.count"]);
        Assert.Equal(RpcProcedureType.Sync, manifest.Procedures["multiserver.address"]);
    }

    [Fact]
    public async Task GetManifest_OfSecretStack_HasAllNamesAndTypes()
    {
        await using Pair pair = await Pair.StartAsync();
        RpcManifest manifest = await Within(pair.Rpc.GetManifestAsync(Cancellation));
        string[] expected =
        [
            "address:Sync", "auth:Async", "gossip.ping:Duplex", "manifest:Sync", "multiserver.address:Sync", "multiserver.parse:Sync",
            .. new RpcProcedures().Api.Manifest.Procedures
                .Where(p => p.Key.StartsWith("test.", StringComparison.Ordinal) && p.Key != "test.flood")
                .Select(p => $"{p.Key}:{p.Value}"),
        ];
        Assert.Equal(expected.Order(StringComparer.Ordinal), manifest.Procedures.Select(p => $"{p.Key}:{p.Value}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Completion_PeerCloses_IsAGoodbye()
    {
        await using Pair pair = await Pair.StartAsync();
        await pair.Peer.FindAsync("connected");
        Task<RpcValue> open = pair.Rpc.CallAsync("test.never", [], Cancellation);
        await pair.Peer.FindAsync("called");
        await pair.Peer.DoAsync("close", new { on = "in", now = true });
        Assert.Equal(new RpcEnd(RpcEndReason.Goodbye), await Within(pair.Rpc.Completion));
        Assert.Equal(RpcError.ConnectionClosed, (await FailAsync(open)).Error);
        await pair.AssertPeerIsWellAsync();
    }

    [Fact]
    public async Task Completion_PeerIsKilled_IsLost()
    {
        await using Pair pair = await Pair.StartAsync();
        Task<RpcValue> open = pair.Rpc.CallAsync("test.never", [], Cancellation);
        await pair.Peer.FindAsync("called");
        await pair.Peer.BeginAsync("die");
        RpcEnd end = await Within(pair.Rpc.Completion);
        Assert.Equal(RpcEndReason.Lost, end.Reason);
        Assert.IsAssignableFrom<IOException>(end.Error);
        Assert.Equal(RpcError.ConnectionClosed, (await FailAsync(open)).Error);
    }

    private static void AssertRemote(RpcException error, string message, string? name)
    {
        Assert.Equal(RpcError.Remote, error.Error);
        Assert.Equal((message, name), (error.Message, error.RemoteName));
        if (name is not null)
            Assert.StartsWith($"{name}: {message}", error.RemoteStack, StringComparison.Ordinal);
    }

    private static void AssertAll(IEnumerable<string> told, IEnumerable<RpcValue> items)
    {
        string[] expected = [.. told], actual = [.. items.Select(RpcSpecs.Tell)];
        Assert.Equal(expected.Length, actual.Length);
        foreach ((string e, string a) in expected.Zip(actual))
            RpcSpecs.AssertTold(e, a);
    }

    private static Task<RpcException> FailAsync(Task task) => Assert.ThrowsAsync<RpcException>(() => Within(task));

    private static Task Within(Task task) => task.WaitAsync(s_patience, TimeProvider.System, Cancellation);

    private static Task<T> Within<T>(Task<T> task) => task.WaitAsync(s_patience, TimeProvider.System, Cancellation);

    private static async Task CollectAsync(IAsyncEnumerable<RpcValue> source, List<RpcValue> items)
    {
        await foreach (RpcValue item in source.WithCancellation(Cancellation))
            items.Add(item);
    }

    private static async IAsyncEnumerable<RpcValue> AllAsync(IEnumerable<RpcValue> items, Exception? error = null)
    {
        foreach (RpcValue item in items)
            yield return item;
        await Task.Yield();
        if (error is not null)
            throw error;
    }

    private static async IAsyncEnumerable<RpcValue> EndlessAsync(
        TaskCompletionSource stopped, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            for (int i = 0; ; i++)
            {
                await Task.Yield();
                cancellationToken.ThrowIfCancellationRequested();
                yield return i;
            }
        }
        finally
        {
            stopped.TrySetResult();
        }
    }

    /// <summary>A JavaScript peer that lets us do everything, and a connection to it.</summary>
    private sealed class Pair(RpcHost host, RpcPeer peer, RpcConnection rpc) : IAsyncDisposable
    {
        public RpcPeer Peer => peer;

        public RpcConnection Rpc => rpc;

        public static async Task<Pair> StartAsync()
        {
            var host = new RpcHost(new RpcOptions());
            RpcPeer peer = await RpcPeer.StartAsync(1, host.Keys.Id);
            return new Pair(host, peer, await host.ConnectAsync(peer));
        }

        /// <summary>The connection can be used, and the peer has nothing open on it.</summary>
        public async Task AssertUsableAsync()
        {
            Assert.Equal("still here", (await Within(rpc.CallAsync("test.give", ["still here"], Cancellation))).AsText());
            await AssertPeerIsWellAsync();
        }

        public async Task AssertPeerIsWellAsync() => await peer.DoAsync("nothing");

        public async ValueTask DisposeAsync()
        {
            await Disposal.AllAsync([host, peer]);
        }
    }
}
