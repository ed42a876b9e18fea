using System.Text.Json;
using Interop.Tests.Harness;
using Interop.Tests.Lan;
using Ssb.Conn;
using Ssb.Conn.Net;
using Ssb.Conn.Net.Tests;
using Ssb.Wire;

namespace Interop.Tests.Peer;

/// <summary>JavaScript peers by WebSocket, as programs and as web pages, and ours with its defaults unless a test says so.</summary>
public sealed class BrowserTests : IAsyncDisposable
{
    private const int Page = 31, Theirs = 32;

    private static readonly JsonSerializerOptions s_withoutNull = new() { DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull };

    private readonly TemporaryFolder _page = new(), _own = new(), _theirs = new();
    private readonly List<IAsyncDisposable> _open = [];

    [Fact]
    public async Task WebSocket_ProgramCallsFromThisMachine_IsLetIn()
    {
        SsbPeer ours = await Own(OurPeer.StartAsync(_own.Path));
        await AssertReaches(await StartPage(null), ours.Addresses[1].Text, ours.Id);
    }

    [Theory]
    [InlineData("http://localhost:3000"), InlineData("null")]
    public async Task WebSocket_AllowedPageCallsFromThisMachine_IsLetIn(string origin)
    {
        SsbPeer ours = await Own(OurPeer.StartAsync(_own.Path, with: o => o with { Limits = o.Limits with { LocalOrigins = ["http://localhost:3000", "null"] } }));
        await AssertReaches(await StartPage(origin), ours.Addresses[1].Text, ours.Id);
    }

    [Fact]
    public async Task WebSocket_ForeignPageCallsFromThisMachine_IsRefused_AndAProgramIsNot()
    {
        SsbPeer ours = await Own(OurPeer.StartAsync(_own.Path));
        PeerProcess page = await StartPage("http://evil.example");
        JsonElement reached = await page.AskAsync(new { @do = "reach", address = ours.Addresses[1].Text }, "reached");
        Assert.Contains("403", reached.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Equal(1, ours.Network.Counters.RefusedOrigins);
        await AssertReaches(await StartPage(null), ours.Addresses[1].Text, ours.Id);
    }

    [Fact]
    public async Task WebSocket_PageOfAnotherHost_IsLetIn()
    {
        await using LanHosts hosts = await LanHosts.CreateAsync(1, 2);
        await hosts.StartToolAsync(1, "--no-lan", "--ws-port", "8989");
        PeerProcess page = await hosts.StartPageAsync(2, "http://evil.example");
        await AssertReaches(page, $"ws://{NetworkNamespaces.Address(1)}:8989~shs:{LanHosts.Id(1)[1..45]}", FeedId.Parse(LanHosts.Id(1)));
    }

    [Fact]
    public async Task WebSocket_RememberedJavaScriptPeer_IsDialledByTheScheduler()
    {
        var there = await Own(JavaScriptPeer.StartAsync(_theirs.Path, Theirs));
        SsbPeer ours = await Own(OurPeer.StartAsync(_own.Path, with: o => o with { Conn = Unhurried.Conn }));
        var address = MultiserverAddress.Parse(there.WebSocketAddress);
        ours.Conn.Remember(address, PeerData.Parse("""{"type":"pub"}"""));
        Patience.Until(() => ours.Conn.Hub.GetState(address) == HubState.Connected);
        PeerConnection connection = ours.Network.Find(there.Id)!; // it is connected
        await connection.Rpc.GetManifestAsync(TestContext.Current.CancellationToken).WaitAsync(Patience.Guard, TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await Disposal.AllAsync(_open);
        _page.Dispose();
        _own.Dispose();
        _theirs.Dispose();
    }

    private static async Task AssertReaches(PeerProcess page, string address, FeedId who)
    {
        JsonElement reached = await page.AskAsync(new { @do = "reach", address }, "reached");
        Assert.False(reached.TryGetProperty("error", out JsonElement error), error.ToString());
        Assert.Equal(who.ToString(), reached.GetProperty("id").GetString());
        Assert.True(reached.GetProperty("manifest").TryGetProperty("gossip", out _));
    }

    private async Task<PeerProcess> StartPage(string? origin)
    {
        string modules = await NodeModules.GetAsync();
        var page = new PeerProcess(
            LineProcess.Start(["node", "browser.js", JsonSerializer.Serialize(new { path = _page.Path, seed = Page, origin }, s_withoutNull)], NodeModules.Scripts, ("NODE_PATH", modules)),
            TestContext.Current.CancellationToken);
        _open.Insert(0, page);
        await page.FindAsync(line => line.TryGetProperty("ready", out _));
        return page;
    }

    private async Task<T> Own<T>(Task<T> starting)
        where T : IAsyncDisposable
    {
        T open = await starting;
        _open.Insert(0, open);
        return open;
    }
}
