using System.Text;
using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rpc;

/// <summary>Data that JSON can tell and that do harm where they are not read with care, all the way: told by a peer, served, written, and read when the
/// peer starts again. What is refused is refused at the door.</summary>
public sealed class NastyJsonTests : IAsyncDisposable
{
    private const string Key = "pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";
    private const string Remembered = $"net:127.0.0.1:9751~shs:{Key}", Staged = "net:127.0.0.1:9752~shs:mUIhsJF1M+lOnqZTgdPbBCeri1YjXubZXX8/yuROOXQ=";

    private readonly string _folder = SocketFolder.Create("ssb-conn-");
    private readonly List<IAsyncDisposable> _open = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(NastyJson.All), MemberType = typeof(NastyJson))]
    public async Task Told_NastyData_AreServedWrittenAndReadAgain_OrRefusedAtOnce(string what, string json, string? kept)
    {
        Assert.SkipUnless(NastyJson.IsJson(json), $"{what} is no frame of muxrpc, which ends the connection.");
        (SsbPeer peer, RpcConnection owner) = await StartAsync();
        foreach ((string call, string address) in new[] { ("conn.remember", Remembered), ("conn.stage", Staged) })
        {
            if (kept is null)
                Assert.Contains("nested", (await Assert.ThrowsAsync<RpcException>(() => CallAsync(owner, call, address, json))).Message, StringComparison.Ordinal);
            else
                await CallAsync(owner, call, address, json);
        }

        RpcException notDialled = await Assert.ThrowsAsync<RpcException>(() => CallAsync(owner, "conn.connect", "net:127.0.0.1:1~shs:" + Key, json));
        Assert.Equal(kept is null, notDialled.Message.Contains("nested", StringComparison.Ordinal));
        string[] before = await ServedAsync(owner, kept);
        await CallAsync(owner, "conn.remember", "net:127.0.0.1:9753~shs:" + Key, "{}"); // else nothing would have to be written
        await StopAsync();

        (peer, owner) = await StartAsync();
        Assert.Equal(kept is null ? 1 : 2, peer.Conn.Db.Count);
        string[] after = await ServedAsync(owner, kept, isStaged: false);
        Assert.StartsWith(before[0][..^1], after[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(65_536 - 200, true), InlineData(65_536, false), InlineData(1_000_000, false)]
    public async Task Told_LongData_AreRefusedBeyondOneLimit(int length, bool isTaken)
    {
        (_, RpcConnection owner) = await StartAsync();
        string json = $$"""{"x":"{{new string('x', length)}}"}""";
        foreach ((string call, string address) in new[] { ("conn.remember", Remembered), ("conn.stage", Staged), ("conn.connect", "net:127.0.0.1:1~shs:" + Key) })
        {
            if (isTaken && call != "conn.connect")
                await CallAsync(owner, call, address, json);
            else
                Assert.Equal(isTaken, !(await Assert.ThrowsAsync<RpcException>(() => CallAsync(owner, call, address, json))).Message.Contains("at most 65,536", StringComparison.Ordinal));
        }

        Assert.Equal(PeerData.DefaultMaxLength, new StagingOptions().MaxDataLength);
        Assert.Equal(PeerData.DefaultMaxLength, new ConnDbOptions().MaxDataLength);
        Assert.Equal(PeerData.DefaultMaxLength, new HubOptions().MaxDataLength);
    }

    [Theory]
    [InlineData("\"\\ud800\"", "not a valid multiserver-address"), InlineData("\"net:\\ud800:1\"", "not a valid multiserver-address")]
    public async Task Told_LoneSurrogateAsAnAddress_IsNoAddress(string address, string refusal)
    {
        (_, RpcConnection owner) = await StartAsync();
        foreach (string call in new[] { "conn.stage", "conn.remember", "conn.connect" })
        {
            RpcException e = await Assert.ThrowsAsync<RpcException>(() => owner.CallAsync(call, [Raw(address), Raw("{}")], Token).WaitAsync(Patience.Guard, Token));
            Assert.Contains(refusal, e.Message, StringComparison.Ordinal);
        }

        await Assert.ThrowsAsync<RpcException>(() => owner.CallAsync("conn.dismiss", [Raw(address)], Token).WaitAsync(Patience.Guard, Token));
        await owner.CallAsync("conn.forget", [Raw(address)], Token).WaitAsync(Patience.Guard, Token);
        await using IAsyncEnumerator<RpcValue> events = owner.Source("conn.events", [Raw("""{"\ud800":1,"old\udc00":2}""")]).GetAsyncEnumerator(Token);
        await CallAsync(owner, "conn.stage", Staged, "{}");
        Assert.True(await events.MoveNextAsync().AsTask().WaitAsync(Patience.Guard, Token));
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        TestFolder.Delete(_folder);
    }

    private async Task StopAsync()
    {
        await Disposal.AllAsync(_open);
        _open.Clear();
    }

    // Starts with a scheduler, which looks at all of them.
    private async Task<(SsbPeer Peer, RpcConnection Owner)> StartAsync()
    {
        SsbPeer peer = await SsbPeer.StartAsync(Unhurried.Peer with { Folder = _folder, Listen = ["net:127.0.0.1:0~shs"], Conn = Unhurried.Conn with { HasNetwork = () => false } }, Token);
        _open.Insert(0, peer);
        PeerNetwork client = PeerNetwork.Open(Unhurried.Network(SecretFile.Load(Path.Combine(_folder, "secret"))));
        _open.Insert(0, client);
        return (peer, (await client.ConnectAsync(peer.Addresses[0], Token).WaitAsync(Patience.Guard, Token)).Rpc);
    }

    /// <summary>Whatever is served can be read, and tells what was told.</summary>
    private static async Task<string[]> ServedAsync(RpcConnection owner, string? kept, bool isStaged = true)
    {
        var served = new List<RpcValue> { await owner.CallAsync("conn.dbPeers", [], Token).WaitAsync(Patience.Guard, Token) };
        foreach (string stream in new[] { "conn.dbPeersLive", "conn.stagedPeers", "conn.peers" })
        {
            await using RpcSource source = owner.Source(stream);
            await foreach (RpcValue first in source)
            {
                served.Add(first);
                break;
            }
        }

        served.Add(await owner.CallAsync("conn.suggestions", [], Token).WaitAsync(Patience.Guard, Token));
        served.Add(await owner.CallAsync("conn.why", [Remembered], Token).WaitAsync(Patience.Guard, Token));
        served.Add(await owner.CallAsync("conn.why", [Staged], Token).WaitAsync(Patience.Guard, Token));
        foreach (RpcValue value in served)
        {
            _ = JavaScriptJson.Compact(value.Bytes.Span);
            Assert.DoesNotContain('\ufffd', Encoding.UTF8.GetString(value.Bytes.Span));
        }

        AssertTells(served[0], Remembered, kept);
        AssertTells(served[1], Remembered, kept);
        if (isStaged)
            AssertTells(served[2], Staged, kept);
        return [.. served.Select(value => Encoding.UTF8.GetString(value.Bytes.Span))];
    }

    private static void AssertTells(RpcValue list, string address, string? kept)
    {
        JsonElement[] entries = [.. list.AsJson().EnumerateArray().Where(entry => entry[0].GetString() == address)];
        if (kept is null)
        {
            Assert.Empty(entries);
            return;
        }

        PeerData served = PeerData.Of(Assert.Single(entries)[1]);
        Assert.All(PeerData.Parse(kept).Fields, field => Assert.True(served.TryGet(field.Key, out JsonElement value) && JsonGate.AreEqual(field.Value, value), field.Key));
    }

    private static RpcValue Raw(string json) => RpcValue.RawJson(Encoding.UTF8.GetBytes(json));

    private static Task<RpcValue> CallAsync(RpcConnection owner, string name, string address, string json) =>
        owner.CallAsync(name, [address, Raw(json)], Token).WaitAsync(Patience.Guard, Token);
}
