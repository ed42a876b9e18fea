using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Conn;
using Ssb.Conn.Net;
using Ssb.Conn.Net.Tests;
using Ssb.Wire;

namespace Interop.Tests.Peer;

/// <summary>A peer of ours and one with ssb-conn 6.0.4 that dial each other at the same moment: they keep both connections, as two JavaScript peers do.</summary>
public sealed class CrossDialTests : IAsyncDisposable
{
    // SSB_CONN_WATCH_SECONDS makes it longer.
    private static readonly TimeSpan s_watched = TimeSpan.FromSeconds(double.TryParse(Environment.GetEnvironmentVariable("SSB_CONN_WATCH_SECONDS"), out double seconds) ? seconds : 10);

    private readonly TemporaryFolder _theirs = new(), _own = new();
    private readonly List<IAsyncDisposable> _open = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(11, 12), InlineData(12, 11)] // the greater feed id is once theirs, once ours
    public async Task Connect_BothAtOnce_EachHubHasOneEntry_AndNothingFlaps(int theirSeed, int ownSeed)
    {
        using KeyPair keys = JavaScriptPeer.KeysOf(ownSeed), theirKeys = JavaScriptPeer.KeysOf(theirSeed);
        JavaScriptPeer there = Keep(await JavaScriptPeer.StartAsync(_theirs.Path, theirSeed));
        SsbPeer ours = Keep(await OurPeer.StartAsync(_own.Path, keys));
        RpcConnection control = (await Keep(PeerNetwork.Open(Unhurried.Network(theirKeys)))
            .ConnectAsync(MultiserverAddress.Parse(there.Address), Cancellation).WaitAsync(Patience.Guard, Cancellation)).Rpc;
        using var watching = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        IAsyncEnumerable<HubEvent> events = ours.Conn.Hub.Listen(watching.Token);
        await using IAsyncEnumerator<RpcValue> seen = control.Source("conn.peers").GetAsyncEnumerator(watching.Token);

        Task<RpcValue> theirDial = control.CallAsync("conn.connect", [ours.Addresses[0].Text], Cancellation);
        Task<IPeerConnection> ownDial = ours.Conn.ConnectAsync(MultiserverAddress.Parse(there.Address), cancellationToken: Cancellation);
        await theirDial.WaitAsync(Patience.Guard, Cancellation);
        await ownDial.WaitAsync(Patience.Guard, Cancellation);

        watching.CancelAfter(s_watched);
        List<HubEventType> told = [];
        Task listening = Task.Run(async () =>
        {
            await foreach (HubEvent e in events)
                told.Add(e.Type);
        }, Cancellation);
        JsonElement last = default;
        try
        {
            while (await seen.MoveNextAsync())
                last = seen.Current.AsJson();
        }
        catch (OperationCanceledException) when (!Cancellation.IsCancellationRequested)
        {
            // It was watched for long enough.
        }

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => listening);
        Assert.DoesNotContain(told, t => t is HubEventType.Disconnecting or HubEventType.Disconnected or HubEventType.ConnectingFailed);
        Assert.Single(told, t => t == HubEventType.Connected);
        Assert.Equal(HubState.Connected, Assert.Single(ours.Conn.Hub.Entries()).State);
        Assert.Single(last.EnumerateArray(), entry => entry[1].GetProperty("key").GetString() == $"{ours.Id}" && entry[1].GetProperty("state").GetString() == "connected");
        Assert.Empty(ours.Conn.Staging.Entries());
    }

    public async ValueTask DisposeAsync()
    {
        await Disposal.AllAsync(_open);
        _theirs.Dispose();
        _own.Dispose();
    }

    private T Keep<T>(T open)
        where T : IAsyncDisposable
    {
        _open.Insert(0, open);
        return open;
    }
}
