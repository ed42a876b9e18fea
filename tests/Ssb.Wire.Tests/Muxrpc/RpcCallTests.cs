using System.Text;
using System.Text.Json;

namespace Ssb.Wire.Tests.Muxrpc;

/// <summary>Calls that have one answer.</summary>
public class RpcCallTests
{
    [Fact]
    public async Task CallAsync_SyncAndAsync_GiveTheResult()
    {
        await using var scene = new RpcScene(new RpcApi()
            .Sync("whoami", call => call.Caller!.Value.ToString())
            .Async("math.add", async (call, _) =>
            {
                await Task.Yield();
                return call.Arguments[0].GetInt64() + call.Argument(1)!.Value.GetInt64();
            }));

        Assert.Equal(RpcScene.ClientId.ToString(), (await scene.Client.CallAsync("whoami").Guarded()).AsText());
        Assert.Equal(7, (await scene.Client.CallAsync("math.add", [3, 4]).Guarded()).AsJson().GetInt32());
    }

    [Fact]
    public async Task CallAsync_EveryKindOfValue_ArrivesAsItWasSent()
    {
        await using var scene = new RpcScene(new RpcApi()
            .Sync("args", call => RpcValue.Json(call.Arguments))
            .Sync("text", _ => "é\u2028😀 \"quoted\"")
            .Sync("empty", _ => "")
            .Sync("bytes", _ => RpcValue.Binary(new byte[] { 0, 255, 10 }))
            .Sync("null", _ => RpcValue.Null));

        JsonElement json = JsonElement.Parse("""{"a":[1,2.5,{"b":null}]}""");
        RpcValue back = await scene.Client.CallAsync("args", ["text \" \n", "", true, -5, json, RpcValue.Null]).Guarded();
        Assert.Equal("""["text \" \n","",true,-5,{"a":[1,2.5,{"b":null}]},null]""", Encoding.UTF8.GetString(back.Bytes.Span));
        Assert.Equal("é\u2028😀 \"quoted\"", (await scene.Client.CallAsync("text").Guarded()).AsText());
        Assert.Equal("", (await scene.Client.CallAsync("empty").Guarded()).AsText());
        Assert.Equal([0, 255, 10], (await scene.Client.CallAsync("bytes").Guarded()).Bytes.ToArray());
        Assert.Equal(JsonValueKind.Null, (await scene.Client.CallAsync("null").Guarded()).AsJson().ValueKind);
    }

    [Fact]
    public async Task CallAsync_Typed_ReadsTheResultOrSaysThatItIsAnother()
    {
        await using var scene = new RpcScene(new RpcApi()
            .Sync("point", _ => RpcValue.Json(new Point(1, 2), TestJson.Default.Point))
            .Sync("text", _ => "no point"));

        Assert.Equal(new Point(1, 2), await scene.Client.CallAsync("point", [], TestJson.Default.Point).Guarded());
        Assert.Equal("no point", await scene.Client.CallAsync("text", [], TestJson.Default.String).Guarded());
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => scene.Client.CallAsync("text", [], TestJson.Default.Point).Guarded());
        Assert.Equal(RpcError.Malformed, e.Error);
    }

    [Fact]
    public async Task CallAsync_RpcExceptionInProcedure_IsSentAsItIs()
    {
        await using var scene = new RpcScene(new RpcApi()
            .Sync("now", _ => throw new RpcException("there is no such blob"))
            .Async("later", async (_, _) =>
            {
                await Task.Yield();
                throw new RpcException("nor later") { RemoteName = "TypeError" };
            }));

        RpcException now = await Assert.ThrowsAsync<RpcException>(() => scene.Client.CallAsync("now").Guarded());
        Assert.Equal((RpcError.Remote, "there is no such blob"), (now.Error, now.Message));
        Assert.Equal(("Error", "Error: there is no such blob"), (now.RemoteName, now.RemoteStack));
        RpcException later = await Assert.ThrowsAsync<RpcException>(() => scene.Client.CallAsync("later").Guarded());
        Assert.Equal(("nor later", "TypeError"), (later.Message, later.RemoteName));
        Assert.Empty(scene.Events);
    }

    [Fact]
    public async Task CallAsync_OtherExceptionInProcedure_IsKeptFromThePeerAndReported()
    {
        var now = new InvalidOperationException("the password is 1234");
        var later = new InvalidOperationException("the password is 5678");
        await using var scene = new RpcScene(new RpcApi()
            .Sync("now", _ => throw now)
            .Async("later", async (_, _) =>
            {
                await Task.Yield();
                throw later;
            }));

        RpcException e = await Assert.ThrowsAsync<RpcException>(() => scene.Client.CallAsync("now").Guarded());
        Assert.Equal("internal error in now", e.Message);
        e = await Assert.ThrowsAsync<RpcException>(() => scene.Client.CallAsync("later").Guarded());
        Assert.Equal("internal error in later", e.Message);
        Assert.Equal([new RpcEvent(RpcEventKind.Failed, "now", now), new RpcEvent(RpcEventKind.Failed, "later", later)], scene.Events);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".a")]
    [InlineData("a.")]
    [InlineData("a..b")]
    [InlineData("a b")]
    [InlineData("a\"b")]
    [InlineData("ä")]
    public async Task CallAsync_NameThatIsNone_Throws(string name)
    {
        await using var scene = new RpcScene();
        await Assert.ThrowsAnyAsync<ArgumentException>(() => scene.Client.CallAsync(name));
        Assert.ThrowsAny<ArgumentException>(() => new RpcApi().Sync(name, _ => default));
    }

    [Fact]
    public async Task CallAsync_BytesAsArgument_Throws()
    {
        await using var scene = new RpcScene();
        await Assert.ThrowsAsync<ArgumentException>(() => scene.Client.CallAsync("a", [RpcValue.Binary(new byte[1])]));
    }

    [Fact]
    public async Task CallAsync_SentWithoutWaiting_StartInTheirOrder()
    {
        var order = new List<int>();
        await using var scene = new RpcScene(new RpcApi()
            .Async("a", async (call, _) =>
            {
                order.Add(call.Arguments[0].GetInt32()); // without a lock: one reader starts them
                await Task.Yield();
                return true;
            })
            .Sync("b", call =>
            {
                order.Add(call.Arguments[0].GetInt32());
                return true;
            }));

        await Task.WhenAll(Enumerable.Range(0, 1_000).Select(i => scene.Client.CallAsync(i % 2 == 0 ? "a" : "b", [i]))).Guarded();
        Assert.Equal(Enumerable.Range(0, 1_000), order);
    }

    [Fact]
    public async Task CallAsync_ManyAtOnce_EachHasItsOwnAnswer()
    {
        await using var scene = new RpcScene(new RpcApi().Async("echo", async (call, _) =>
        {
            if (call.Arguments[0].GetInt32() % 3 == 0)
                await Task.Yield();
            return call.Arguments[0];
        }));

        await Parallel.ForAsync(0, 2_000, async (i, token) =>
            Assert.Equal(i, (await scene.Client.CallAsync("echo", [i], token).Guarded()).AsJson().GetInt32()));
    }

    [Fact]
    public async Task CallAsync_Cancelled_CancelsTheProcedure()
    {
        var started = new TaskCompletionSource();
        var cancelled = new TaskCompletionSource();
        await using var scene = new RpcScene(new RpcApi().Async("slow", async (_, token) =>
        {
            started.SetResult();
            await using CancellationTokenRegistration registration = token.Register(cancelled.SetResult);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token);
            return true;
        }));

        using var cancelling = new CancellationTokenSource();
        Task<RpcValue> call = scene.Client.CallAsync("slow", [], cancelling.Token);
        await started.Task.Guarded();
        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.Guarded());
        await cancelled.Task.Guarded();
        await AssertUsableAsync(scene);
    }

    [Fact]
    public async Task CallAsync_CancelledBefore_SendsNothing()
    {
        await using var scene = new RpcScene();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => scene.Client.CallAsync("manifest", [], new CancellationToken(true)));
        Assert.Empty(scene.ClientStream.Written);
    }

    [Fact]
    public async Task CallAsync_BothWaysOnOneConnection_AndFromInsideAProcedure()
    {
        await using var scene = new RpcScene(
            new RpcApi().Async("ask.back", async (call, token) => await call.Connection.CallAsync("mine", [1], token)),
            client: options => options with { Api = new RpcApi().Sync("mine", call => RpcValue.Json(call.Arguments)) });

        Assert.Equal("[1]", (await scene.Client.CallAsync("ask.back").Guarded()).AsJson().GetRawText());
        Assert.Equal("[2]", (await scene.Server.CallAsync("mine", [2]).Guarded()).AsJson().GetRawText());
    }

    [Fact]
    public async Task GetManifestAsync_OfAnApi_NamesEveryProcedure()
    {
        RpcApi api = new RpcApi()
            .Sync("conn.stage", _ => default)
            .Source("conn.stagedPeers", (_, _) => AsyncEnumerable.Empty<RpcValue>())
            .Sink("blobs.add", (_, _, _) => Task.CompletedTask)
            .Duplex("gossip.ping", (_, _, _) => Task.CompletedTask)
            .Async("publish", (_, _) => default);
        await using var scene = new RpcScene(api);

        RpcManifest manifest = await scene.Client.GetManifestAsync().Guarded();
        Assert.Equal(api.Manifest.Procedures.OrderBy(p => p.Key), manifest.Procedures.OrderBy(p => p.Key));
        Assert.Equal(RpcProcedureType.Source, manifest.Procedures["conn.stagedPeers"]);
        Assert.Equal(
            """{"blobs":{"add":"sink"},"conn":{"stage":"sync","stagedPeers":"source"},"gossip":{"ping":"duplex"},"manifest":"sync","publish":"async"}""",
            Encoding.UTF8.GetString(api.Manifest.ToJson()));
    }

    [Fact]
    public void Api_NamesThatCannotStandTogether_Throw()
    {
        RpcApi api = new RpcApi().Sync("conn.stage", _ => default);
        Assert.Throws<ArgumentException>(() => api.Sync("conn", _ => default));
        Assert.Throws<ArgumentException>(() => api.Sync("conn.stage", _ => default));
        Assert.Throws<ArgumentException>(() => api.Sync("conn.stage.x", _ => default));
        Assert.Throws<ArgumentException>(() => api.Sync("manifest", _ => default));
        api.Sync("conn2", _ => default);
    }

    [Fact]
    public async Task Api_InUse_TakesNoMore()
    {
        var api = new RpcApi();
        await using var scene = new RpcScene(api);
        await scene.Client.GetManifestAsync().Guarded();
        Assert.Throws<InvalidOperationException>(() => api.Sync("late", _ => default));
    }

    internal static async Task AssertUsableAsync(RpcScene scene) => Assert.NotEmpty((await scene.Client.GetManifestAsync().Guarded()).Procedures);
}
