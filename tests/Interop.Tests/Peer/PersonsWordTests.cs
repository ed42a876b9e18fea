using System.Text.Json;
using Interop.Tests.Harness;
using Interop.Tests.Wire;
using Ssb.Conn;
using Ssb.Conn.Net;
using Ssb.Conn.Net.Tests;
using Ssb.Wire;

namespace Interop.Tests.Peer;

/// <summary>A person's word, with real JavaScript peers: whoever was dismissed cannot call in, whoever was disconnected is left alone, and nobody else
/// notices.</summary>
public sealed class PersonsWordTests : IAsyncDisposable
{
    private const int Theirs = 21, Own = 22, Client = 23, Quiet = 24;

    private readonly TemporaryFolder _theirs = new(), _own = new();
    private readonly KeyPair _keys = JavaScriptPeer.KeysOf(Own), _theirKeys = JavaScriptPeer.KeysOf(Theirs), _clientKeys = JavaScriptPeer.KeysOf(Client);
    private readonly List<IAsyncDisposable> _open = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("dismiss"), InlineData("snooze")]
    public async Task Dismissed_JavaScriptPeer_CannotCallInUntilItIsUndone(string how)
    {
        JavaScriptPeer there = Keep(await JavaScriptPeer.StartAsync(_theirs.Path, Theirs));
        SsbPeer ours = Keep(await OurPeer.StartAsync(_own.Path, _keys));
        RpcConnection control = await Control(there);
        await CallIn(control, ours); // by default
        Patience.Until(() => ours.Conn.Hub.Count == 1);

        var target = PeerTarget.From(there.Id);
        if (how == "dismiss")
            ours.Conn.Dismiss(target);
        else
            ours.Conn.Snooze(target, TimeSpan.FromHours(1));
        Patience.Until(() => ours.Conn.Hub.Count == 0);
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => CallIn(control, ours));
        Assert.Contains("does not wish to talk to us", e.Message, StringComparison.Ordinal);
        Assert.Equal((0, 1L), (ours.Conn.Hub.Count, ours.Conn.AdmissionCounters.RefusedCallers));
        PeerNote note = ours.Conn.Why(target).History[^1];
        Assert.Equal(("refused", ConnReason.Dismissed), (note.What, note.Reason));

        Assert.True(ours.Conn.Undo(target));
        await CallIn(control, ours);
        Patience.Until(() => ours.Conn.Hub.Count == 1);
    }

    [Fact]
    public async Task Disconnect_ByAJavaScriptClient_IsHeldAndShown_AndThePeerMayCall()
    {
        TimeSpan hold = TimeSpan.FromSeconds(15);
        JavaScriptPeer there = Keep(await JavaScriptPeer.StartAsync(_theirs.Path, Theirs));
        SsbPeer ours = Keep(await OurPeer.StartAsync(_own.Path, _keys, options => options with
        {
            Masters = [_clientKeys.Id],
            Conn = options.Conn with { DisconnectHold = hold, Staging = new StagingOptions(), Scheduler = new SchedulerOptions { Interval = TimeSpan.FromMilliseconds(200) } },
        }));
        RpcPeer client = Keep(await RpcPeer.StartAsync(Client));
        await client.DoAsync("client", new { @as = "ours", address = ours.Addresses[0].Text });
        var address = MultiserverAddress.Parse(there.Address);
        ours.Conn.Stage(address, new PeerData { Type = "lan", Verified = true });
        ours.Conn.Start();
        Patience.Until(() => ours.Conn.Hub.GetState(address) == HubState.Connected);

        await using IAsyncEnumerator<HubEvent> events = ours.Conn.Hub.Listen(Cancellation).GetAsyncEnumerator(Cancellation);
        JsonElement answer = await client.DoAsync("call", new { on = "ours", type = "async", name = "conn.disconnect", args = new[] { there.Address }, raw = true });
        Assert.Equal("true", answer.GetProperty("value").GetRawText());
        PeerRule rule = Assert.Single(ours.Conn.Rules);
        Assert.Equal((PeerTarget.From(there.Id), PeerRuleKind.Disconnect), (rule.Target, rule.Kind));
        JsonElement rules = (await client.DoAsync("call", new { on = "ours", type = "async", name = "conn.rules", raw = true })).GetProperty("value");
        Assert.Equal("disconnect", rules[0].GetProperty("kind").GetString());
        Assert.Contains("You disconnected it; it is not dialled until about", ours.Conn.Why(rule.Target).ToString(), StringComparison.Ordinal);

        // It may call. When that connection has ended, too, the scheduler still waits.
        RpcConnection control = await Control(there);
        await CallIn(control, ours);
        Patience.Until(() => ours.Conn.Hub.Get(there.Id)?.State == HubState.Connected);
        await control.CallAsync("conn.disconnect", [ours.Addresses[0].Text], Cancellation);
        while (await events.MoveNextAsync().AsTask().WaitAsync(Patience.Guard, Cancellation) && events.Current.Type != HubEventType.Connecting)
            Assert.True(events.Current.Type is not HubEventType.ConnectingFailed);
        Assert.True(TimeProvider.System.GetUtcNow() >= rule.Until, "It was dialled although it was to be left alone.");
    }

    [Fact]
    public async Task Idle_JavaScriptPeerOnlyAnswersPings_ConnectionStays()
    {
        RpcPeer quiet = Keep(await RpcPeer.StartQuietAsync(Quiet, _keys.Id));
        SsbPeer ours = Keep(await OurPeer.StartAsync(_own.Path, _keys, options => options with
        {
            Limits = options.Limits with { Rpc = options.Limits.Rpc with { IdleTimeout = TimeSpan.FromSeconds(8) } },
        }));
        var connection = (PeerConnection)await ours.Conn.ConnectAsync(
            MultiserverAddress.Parse($"net:127.0.0.1:{quiet.Port}~shs:{quiet.Id.ToBase64()}"), cancellationToken: Cancellation).WaitAsync(Patience.Guard, Cancellation);
        // 6 s apart, the first at once.
        Patience.Until(() => connection.Ping?.Rtt is { Count: >= 4 } || connection.Closed.IsCompleted);
        Assert.False(connection.Closed.IsCompleted, connection.EndReason);
    }

    public async ValueTask DisposeAsync()
    {
        await Disposal.AllAsync(_open);
        _keys.Dispose();
        _theirKeys.Dispose();
        _clientKeys.Dispose();
        _theirs.Dispose();
        _own.Dispose();
    }

    private static Task<RpcValue> CallIn(RpcConnection control, SsbPeer ours) =>
        control.CallAsync("conn.connect", [ours.Addresses[0].Text], Cancellation).WaitAsync(Patience.Guard, Cancellation);

    // Calls a peer as itself, as its own programs do.
    private async Task<RpcConnection> Control(JavaScriptPeer peer) => (await Keep(PeerNetwork.Open(Unhurried.Network(_theirKeys)))
        .ConnectAsync(MultiserverAddress.Parse(peer.Address), Cancellation).WaitAsync(Patience.Guard, Cancellation)).Rpc;

    private T Keep<T>(T open)
        where T : IAsyncDisposable
    {
        _open.Insert(0, open);
        return open;
    }
}
