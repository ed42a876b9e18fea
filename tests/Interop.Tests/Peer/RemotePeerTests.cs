using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Conn;
using Ssb.Conn.Net;
using Ssb.Conn.Net.Tests;
using Ssb.Wire;

namespace Interop.Tests.Peer;

/// <summary>A peer of ours and one with ssb-conn 6.0.4 as each other's remote, over TCP and over WebSockets.</summary>
public sealed class RemotePeerTests : IAsyncDisposable
{
    private const int Theirs = 11, Own = 12;

    private static readonly TimeSpan s_patience = Patience.Guard;

    private readonly TemporaryFolder _theirs = new(), _own = new();
    private readonly KeyPair _keys = JavaScriptPeer.KeysOf(Own), _theirKeys = JavaScriptPeer.KeysOf(Theirs);
    private readonly List<IAsyncDisposable> _open = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("net", true), InlineData("net", false), InlineData("ws", true), InlineData("ws", false)]
    public async Task Connect_EitherDials_EachPingsAndSeesTheOther(string transport, bool weDial)
    {
        JavaScriptPeer there = await StartThere();
        SsbPeer ours = await StartOurs();
        RpcConnection control = await Control(there);
        string address = weDial ? (transport == "net" ? there.Address : there.WebSocketAddress) : ours.Addresses[transport == "net" ? 0 : 1].Text;
        if (weDial)
        {
            await ours.Conn.ConnectAsync(MultiserverAddress.Parse(address), cancellationToken: Cancellation).WaitAsync(s_patience, Cancellation);
        }
        else
        {
            await control.CallAsync("conn.remember", [address], Cancellation);
            await control.CallAsync("conn.connect", [address], Cancellation).WaitAsync(s_patience, Cancellation);
        }

        JsonElement seen = await Until(control, "conn.peers", peers => Data(peers, ours.Id) is not null);
        JsonElement own = await Until(await ControlOurs(ours), "conn.peers", peers => Data(peers, there.Id) is not null);
        Assert.Equal(Shape(seen), Shape(own));
        JsonElement dialled = weDial ? own : seen;
        Assert.Equal(address, dialled[0][0].GetString());

        // They can ping us, and we them, whoever dialled.
        PeerConnection connection = ours.Network.Find(there.Id)!; // it is connected
        Assert.Equal(weDial, connection.IsClient);
        Assert.True((await GossipPing.MeasureAsync(connection.Rpc, Cancellation).WaitAsync(s_patience, Cancellation)).RoundTrip >= TimeSpan.Zero);
        if (weDial)
            Patience.Until(() => connection.Ping?.Rtt is not null);
        else
            await Poll(control, "conn.dbPeers", book => Data(book, ours.Id, address)?.GetProperty("ping").GetProperty("rtt").GetProperty("count").GetInt32() == 1);

        // They let us call no more than a stranger.
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => connection.Rpc.CallAsync("conn.dbPeers", cancellationToken: Cancellation));
        Assert.Equal("method:conn,dbPeers is not in list of allowed methods", e.Message);

        // They hang up.
        string known = seen[0][0].GetString()!;
        Assert.Equal("true", (await control.CallAsync("conn.disconnect", [known], Cancellation)).AsJson().GetRawText());
        Patience.Until(() => ours.Conn.Hub.Count == 0);
    }

    [Fact]
    public async Task Connection_PeerIsKilledAndComesBack_IsStagedAgain_AndDialledAgain()
    {
        JavaScriptPeer there = await StartThere();
        SsbPeer ours = await StartOurs();
        var address = MultiserverAddress.Parse(there.Address);
        ours.Conn.Stage(address, new PeerData { Type = "lan", Verified = true });
        ours.Conn.Start();
        Patience.Until(() => ours.Conn.Hub.GetState(address) == HubState.Connected);
        Assert.Null(ours.Conn.Staging.Get(address));
        IAsyncEnumerable<StagingEvent> bench = ours.Conn.Staging.Listen(Cancellation);

        _open.Remove(there);
        await there.DisposeAsync();
        StagingEvent back = await bench.FirstAsync(e => e.Type == StagingEventType.Staged, Cancellation).AsTask().WaitAsync(s_patience, Cancellation);
        Assert.Equal(address, back.Address);
        await ours.Conn.StopAsync(); // else each dial in vain makes it wait longer for the next

        await using JavaScriptPeer again = await JavaScriptPeer.StartAsync(_theirs.Path, Theirs, there.Port);
        ours.Conn.Stage(address, new PeerData { Type = "lan", Verified = true }); // as when it announces itself again
        ours.Conn.Start();
        Patience.Until(() => ours.Conn.Hub.GetState(address) == HubState.Connected);
    }

    [Fact]
    public async Task Block_PeerIsDisconnected_AndRefusedInTheHandshake()
    {
        JavaScriptPeer there = await StartThere();
        SsbPeer ours = await StartOurs();
        RpcConnection control = await Control(there);
        await control.CallAsync("conn.connect", [ours.Addresses[0].Text], Cancellation).WaitAsync(s_patience, Cancellation);
        Patience.Until(() => ours.Conn.Hub.Count == 1);

        ours.Conn.Block(PeerTarget.From(there.Id));
        await Until(control, "conn.peers", peers => peers.GetArrayLength() == 0);
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => control.CallAsync("conn.connect", [ours.Addresses[0].Text], Cancellation).WaitAsync(s_patience, Cancellation));
        Assert.Contains("does not wish to talk to us", e.Message, StringComparison.Ordinal);
        Assert.Equal((0, 1), (ours.Conn.Hub.Count, (int)ours.Network.Counters.Unwelcome));

        ours.Conn.Undo(PeerTarget.From(there.Id));
        await control.CallAsync("conn.connect", [ours.Addresses[0].Text], Cancellation).WaitAsync(s_patience, Cancellation);
        Patience.Until(() => ours.Conn.Hub.Count == 1);
    }

    public async ValueTask DisposeAsync()
    {
        await Disposal.AllAsync(_open);
        _keys.Dispose();
        _theirKeys.Dispose();
        _theirs.Dispose();
        _own.Dispose();
    }

    private async Task<JavaScriptPeer> StartThere() => Keep(await JavaScriptPeer.StartAsync(_theirs.Path, Theirs));

    private async Task<SsbPeer> StartOurs() => Keep(await OurPeer.StartAsync(_own.Path, _keys));

    private T Keep<T>(T open)
        where T : IAsyncDisposable
    {
        _open.Insert(0, open);
        return open;
    }

    // Calls a peer as itself, as its own programs do.
    private async Task<RpcConnection> Control(JavaScriptPeer peer) => (await Keep(PeerNetwork.Open(Unhurried.Network(_theirKeys)))
        .ConnectAsync(MultiserverAddress.Parse(peer.Address), Cancellation).WaitAsync(s_patience, Cancellation)).Rpc;

    private async Task<RpcConnection> ControlOurs(SsbPeer peer) => (await Keep(PeerNetwork.Open(Unhurried.Network(_keys)))
        .ConnectAsync(peer.Addresses[0], Cancellation).WaitAsync(s_patience, Cancellation)).Rpc;

    private static async Task<JsonElement> Until(RpcConnection control, string source, Func<JsonElement, bool> wanted) => (await control.Source(source)
        .FirstAsync(item => wanted(item.AsJson()), Cancellation).AsTask().WaitAsync(s_patience, Cancellation)).AsJson();

    private static async Task Poll(RpcConnection control, string call, Func<JsonElement, bool> wanted)
    {
        using var guard = new CancellationTokenSource(s_patience, TimeProvider.System);
        while (!wanted((await control.CallAsync(call, cancellationToken: guard.Token)).AsJson()))
            await Task.Yield();
    }

    // Of a connected peer, by its key, or of an entry, by its address.
    private static JsonElement? Data(JsonElement entries, FeedId id, string? address = null) => entries.EnumerateArray()
        .Where(entry => address is null
            ? entry[1].TryGetProperty("key", out JsonElement key) && key.GetString() == id.ToString() && entry[1].GetProperty("state").GetString() == "connected"
            : entry[0].GetString() == address)
        .Select(entry => (JsonElement?)entry[1]).FirstOrDefault();

    // The names of the only entry's fields but those that the address book adds, and what does not depend on who looks.
    private static string Shape(JsonElement entries) => string.Join(' ', Assert.Single(entries.EnumerateArray())[1].EnumerateObject()
        .Where(p => p.Name is not ("birth" or "stateChange" or "failure" or "ping" or "inferredType" or "hubStateSince"))
        .Select(p => p.Name is "state" ? $"{p.Name}:{p.Value}" : p.Name).Order(StringComparer.Ordinal));
}
