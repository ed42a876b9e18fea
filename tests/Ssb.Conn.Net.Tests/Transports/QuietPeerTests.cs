using Ssb.Conn.Net.Tests.Rooms;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>A peer that answers our pings and says nothing of itself is not idle.</summary>
public sealed class QuietPeerTests : RoomPeers
{
    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(16);

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task Dialled_PeerOnlyAnswers_ConnectionStays(bool endsTheGame)
    {
        int answers = 0;
        PeerNetwork peer = Own(PeerNetwork.Open(Unhurried.Network(NewKeys()) with
        {
            NetworkKey = Network,
            Listen = ["net:127.0.0.1:0~shs"],
            Access = new RpcAccess(RpcPermissions.All),
            Limits = Unhurried.Limits with { Rpc = new RpcOptions() },
            Api = new RpcApi().Duplex("gossip.ping", async (call, duplex, token) =>
            {
                await foreach (RpcValue _ in duplex.ReadAllAsync(token))
                {
                    await duplex.WriteAsync(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(), token);
                    Interlocked.Increment(ref answers);
                    if (endsTheGame)
                        return;
                }
            }),
        }));
        _ = Accept();
        SsbPeer alice = await StartPeer(options => options with { Limits = options.Limits with { Rpc = options.Limits.Rpc with { IdleTimeout = s_idle } } });
        PeerConnection connection = await Connect(alice, peer.Addresses[0]);
        Until(() => Volatile.Read(ref answers) >= 3 || connection.Closed.IsCompleted); // 8 to 12 s apart: the first is at the beginning
        Assert.False(connection.Closed.IsCompleted, connection.EndReason);
        Assert.Equal(HubState.Connected, alice.Conn.Hub.GetState(peer.Addresses[0]));

        async Task Accept()
        {
            await foreach (IPeerConnection _ in peer.AcceptAsync(_ => true, CancellationToken.None))
            {
                // Ends with the network.
            }
        }
    }
}
