namespace Ssb.Wire.Tests.Muxrpc;

/// <summary>Who may call what, in the words of npm muxrpc 6.7.3.</summary>
public class RpcPermissionTests
{
    private static RpcApi Api => new RpcApi()
        .Sync("conn.stage", _ => true)
        .Async("conn.connect", (_, _) => ValueTask.FromResult(RpcValue.True))
        .Sync("whoami", _ => "me")
        .Source("conn.stagedPeers", (_, _) => AsyncEnumerable.Empty<RpcValue>())
        .Sink("take", (_, _, _) => Task.CompletedTask)
        .Duplex("talk", (_, _, _) => Task.CompletedTask);

    [Fact]
    public async Task Anonymous_MayReadTheManifestAlone()
    {
        await using var scene = new RpcScene(Api, server: options => options with { Permissions = RpcPermissions.Anonymous });
        Assert.NotEmpty((await scene.Client.GetManifestAsync().Guarded()).Procedures);
        await AssertErrorAsync("method:conn,stage is not in list of allowed methods", () => scene.Client.CallAsync("conn.stage"));
        await AssertErrorAsync("method:nope,x is not in list of allowed methods", () => scene.Client.CallAsync("nope.x"));
        await AssertErrorAsync("method:conn,stagedPeers is not in list of allowed methods", () => RpcStreamTests.NumbersOf(scene.Client.Source("conn.stagedPeers")));
        await AssertErrorAsync("method:take is not in list of allowed methods", () => scene.Client.SinkAsync("take", [], RpcStreamTests.CountTo(10_000)));
        await AssertErrorAsync("method:talk is not in list of allowed methods", () => RpcStreamTests.NumbersOf(scene.Client.Duplex("talk").ReadAllAsync()));
        Assert.Equal(["conn.stage", "nope.x", "conn.stagedPeers", "take", "talk"], scene.Events.Select(e => e.Procedure.Replace(',', '.')));
        Assert.All(scene.Events, e => Assert.Equal(RpcEventKind.Refused, e.Kind));
    }

    [Fact]
    public async Task Default_OfOptions_IsAnonymous()
    {
        Assert.Same(RpcPermissions.Anonymous, new RpcOptions().Permissions);
        await using var scene = new RpcScene(Api, server: options => options with { Permissions = new RpcOptions().Permissions });
        await AssertErrorAsync("method:whoami is not in list of allowed methods", () => scene.Client.CallAsync("whoami"));
    }

    [Theory]
    [InlineData("conn", "", "conn.stage", null)]
    [InlineData("conn", "", "conn", null)]
    [InlineData("conn", "", "connect", "method:connect is not in list of allowed methods")]
    [InlineData("conn.stage", "", "conn", "method:conn is not in list of allowed methods")]
    [InlineData("conn.stage", "", "conn.stage.deep", null)]
    [InlineData("conn.stage", "", "conn.stagedPeers", "method:conn,stagedPeers is not in list of allowed methods")]
    [InlineData(null, "conn.stage", "conn.stage", "method:conn,stage is on list of disallowed methods")]
    [InlineData(null, "conn.stage", "conn.connect", null)]
    [InlineData(null, "conn", "conn.connect", "method:conn,connect is on list of disallowed methods")]
    [InlineData("conn", "conn.stage", "conn.stage", "method:conn,stage is on list of disallowed methods")]
    [InlineData("", "", "manifest", "method:manifest is not in list of allowed methods")]
    public void Refusal_ByLists_IsThatOfMuxrpc(string? allow, string deny, string procedure, string? refusal)
    {
        var permissions = new RpcPermissions(allow?.Split(' ', StringSplitOptions.RemoveEmptyEntries), deny.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(refusal, permissions.Refusal(procedure, procedure.Replace('.', ',')));
    }

    [Theory]
    [InlineData("conn.stage whoami", "", null), InlineData("conn", "take", null), InlineData(null, "conn.connect", null), InlineData("manifest", "", null)]
    [InlineData("conn.stages", "", "conn.stages"), InlineData("con", "", "con"), InlineData("conn.", "", "conn."), InlineData(null, "whoareyou", "whoareyou")]
    [InlineData("conn.stage.deep", "", "conn.stage.deep"), InlineData("", "b a", "a")]
    public void Start_NameThatNoProcedureHas_IsAnErrorThatNamesIt(string? allow, string deny, string? unknown)
    {
        RpcApi api = Api;
        var permissions = new RpcPermissions(allow?.Split(' ', StringSplitOptions.RemoveEmptyEntries), deny.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(unknown, permissions.GetUnknownNames(api.Manifest) is [var first, ..] ? first : null);
        var options = new RpcOptions { Api = api, Permissions = permissions };
        for (int i = 0; i < 2; i++) // what was found is remembered
        {
            ArgumentException? e = Record.Exception(options.Validate) as ArgumentException;
            Assert.Equal(unknown is null ? null : $"Permissions has '{unknown}', which is the name of no procedure of Api, and the beginning of none. (Parameter 'Permissions')", e?.Message);
        }

        Assert.Throws<ArgumentException>((options with { Permissions = new RpcPermissions(["whoami"]), Api = new RpcApi() }).Validate); // of another api
    }

    [Fact]
    public void Copy_OfAnApi_HasItsProcedures_AndAManifestOfItsOwn()
    {
        RpcApi api = Api;
        _ = api.Manifest; // in use
        RpcApi copy = new RpcApi(api).Sync("more", _ => "more");
        Assert.Equal(api.Manifest.Procedures.Keys.Append("more").Order(), copy.Manifest.Procedures.Keys.Order());
        Assert.Throws<InvalidOperationException>(() => api.Sync("more", _ => "more"));
        Assert.DoesNotContain("more", api.Manifest.Procedures.Keys);
        Assert.Throws<ArgumentException>(() => new RpcApi(api).Sync("whoami", _ => "me"));
        Assert.Throws<InvalidOperationException>(() => new RpcOptions().Api.Sync("more", _ => "more")); // that of all who have none
    }

    [Fact]
    public async Task AllowedButUnknownOrOfAnotherType_IsNotThere()
    {
        await using var scene = new RpcScene(Api);
        await AssertErrorAsync("no async:nope,x", () => scene.Client.CallAsync("nope.x"));
        await AssertErrorAsync("no async:conn", () => scene.Client.CallAsync("conn"));
        await AssertErrorAsync("no async:conn,stagedPeers", () => scene.Client.CallAsync("conn.stagedPeers"));
        await AssertErrorAsync("no source:conn,stage", () => RpcStreamTests.NumbersOf(scene.Client.Source("conn.stage")));
        await AssertErrorAsync("no duplex:take", () => RpcStreamTests.NumbersOf(scene.Client.Duplex("take").ReadAllAsync()));
        await AssertErrorAsync("no sink:talk", () => scene.Client.SinkAsync("talk", [], RpcStreamTests.CountTo(3)));
        Assert.All(scene.Events, e => Assert.Equal(RpcEventKind.Unknown, e.Kind));
        await RpcCallTests.AssertUsableAsync(scene);
    }

    [Fact]
    public async Task NameWithADotInOnePart_DoesNotPassForTwoParts()
    {
        await using var peer = new RpcRawPeer(new RpcOptions { Api = Api, Permissions = new RpcPermissions(allow: ["whoami"], deny: []) });
        await peer.SendAsync(2, 1, """{"name":["conn.stage"],"args":[]}""");
        Assert.Contains("method:conn.stage is not in list", (await peer.ReceiveAsync()).Body, StringComparison.Ordinal);

        await using var denied = new RpcRawPeer(new RpcOptions { Api = Api, Permissions = new RpcPermissions(deny: ["conn.stage"]) });
        await denied.SendAsync(2, 1, """{"name":["conn.stage"],"args":[]}""");
        Assert.Contains("no async:conn.stage", (await denied.ReceiveAsync()).Body, StringComparison.Ordinal);
    }

    [Fact]
    public void Access_ByCaller_GivesItsOwnPermissionsAndOthersTheAnonymous()
    {
        FeedId master = RpcScene.ClientId;
        FeedId other = new(new byte[32]);
        RpcAccess access = RpcAccess.Default.With(master, RpcPermissions.All);
        Assert.Same(RpcPermissions.All, access.For(master));
        Assert.Same(RpcPermissions.Anonymous, access.For(other));
        Assert.Same(RpcPermissions.Anonymous, access.For(null));
        Assert.Same(RpcPermissions.Anonymous, RpcAccess.Default.For(master));
    }

    private static async Task AssertErrorAsync(string message, Func<Task> call)
    {
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => call().Guarded());
        Assert.Equal((RpcError.Remote, message), (e.Error, e.Message));
    }
}
