using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Soak;

/// <summary>A life of a whole peer, from its start to its goodbye.</summary>
internal static class WholeLife
{
    /// <param name="crowd">Where it plays.</param>
    /// <param name="identity">Who it is.</param>
    /// <param name="lanPort">Where it announces itself; null: it is told of.</param>
    /// <param name="random">Decides.</param>
    /// <param name="cancellationToken">The end of the soak.</param>
    public static async Task RunAsync(Crowd crowd, int identity, int? lanPort, Random random, CancellationToken cancellationToken)
    {
        double life = 3 + (random.NextDouble() * 40);
        bool calls = random.NextDouble() < 0.5, saysGone = random.NextDouble() < 0.5;
        using KeyPair keys = crowd.Cast.KeysOf(identity);
        await using SsbPeer peer = await SsbPeer.StartAsync(new SsbPeerOptions
        {
            Keys = keys,
            NetworkKey = crowd.Cast.Network,
            Listen = ["net:127.0.0.1:0~shs"],
            Conn = new ConnPluginOptions { Autostart = false },
        }, cancellationToken);
        crowd.Count("whole lives");
        using var death = new CancellationTokenSource(TimeSpan.FromSeconds(life), TimeProvider.System);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(death.Token, cancellationToken);
        await using LanAnnouncer? announcer = lanPort is null ? null
            : new LanAnnouncer(new LanOptions { NetworkKey = crowd.Cast.Network, NormalPort = lanPort.Value, Legacy = false, Loopback = true }, keys, peer.Addresses);
        announcer?.Start();
        if (lanPort is null)
            Crowd.Say($"here {peer.Addresses[0].Text}");
        try
        {
            if (calls && crowd.Target is { } target)
            {
                var connection = (PeerConnection)await peer.Conn.ConnectAsync(target, cancellationToken: over.Token);
                crowd.Count("calls by whole peers");
                await Chat.RunAsync(crowd, connection.Rpc, identity < Cast.Masters, random, over.Token);
            }

            await Crowd.Wait(life, over.Token);
        }
        catch (Exception e) when (e is ConnectFailedException or RpcException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            crowd.Count(e is OperationCanceledException ? "ends in time" : e is RpcException ? "connections that the other side ended" : "dials that failed");
        }

        if (saysGone && lanPort is null)
            Crowd.Say($"gone {peer.Addresses[0].Text}");
    }
}
