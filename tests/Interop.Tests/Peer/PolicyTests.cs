using System.Collections.Concurrent;
using Interop.Tests.Harness;
using Ssb;
using Ssb.Conn;
using Ssb.Conn.Net;
using Ssb.Conn.Net.Tests;
using Ssb.Wire;

namespace Interop.Tests.Peer;

/// <summary>The host's policy about connections (<see cref="SsbPeerOptions.MayConnect"/>), with a JavaScript peer at the other end.</summary>
public class PolicyTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task MayConnect_OfAJavaScriptPeer_IsAskedBothWays_AndLetsItInOnceItMay()
    {
        using TemporaryFolder theirs = new(), ours = new();
        await using JavaScriptPeer there = await JavaScriptPeer.StartAsync(theirs.Path);
        bool mayConnect = false;
        var asked = new ConcurrentQueue<ConnectionDirection>();
        await using SsbPeer peer = await OurPeer.StartAsync(ours.Path, with: options => options with
        {
            MayConnect = async (attempt, _) =>
            {
                await Task.Yield();
                asked.Enqueue(attempt.Direction);
                return Volatile.Read(ref mayConnect) && attempt.FeedId == there.Id;
            },
        });
        using KeyPair keys = SecretFile.Load(Path.Combine(theirs.Path, "secret"));
        await using PeerNetwork control = PeerNetwork.Open(Unhurried.Network(keys));
        RpcConnection steering = (await control.ConnectAsync(MultiserverAddress.Parse(there.Address), Token)).Rpc;

        await Assert.ThrowsAsync<RpcException>(() => CallAsync(peer.Addresses[0].Text)); // the handshake ends before we have proved who we are
        await Assert.ThrowsAsync<ConnectFailedException>(() => peer.Conn.ConnectAsync(there.Address, cancellationToken: Token));
        Assert.Equal([ConnectionDirection.Incoming, ConnectionDirection.Outgoing], asked);
        Assert.Equal((1, 1, 0), (peer.Network.Counters.RefusedIncoming, peer.Network.Counters.RefusedOutgoing, peer.Conn.Hub.Count));
        Assert.Equal(2, peer.Conn.Why(PeerTarget.From(there.Id)).History.Count(n => n.What == "refused"));

        Volatile.Write(ref mayConnect, true);
        await CallAsync(peer.Addresses[0].Text);
        Patience.Until(() => peer.Conn.Hub.Get(there.Id)?.State == HubState.Connected);

        async Task CallAsync(string address) => await steering.CallAsync("conn.connect", [address], Token).WaitAsync(Patience.Guard, Token);
    }
}
