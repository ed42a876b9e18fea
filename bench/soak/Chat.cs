using Ssb.Wire;

namespace Ssb.Conn.Soak;

/// <summary>What a peer asks of the one under measurement while they are connected.</summary>
internal static class Chat
{
    private static readonly string[] s_live = ["conn.stagedPeers", "conn.peers", "conn.events", "conn.dbPeersLive"];

    /// <exception cref="RpcException">The connection has ended.</exception>
    /// <exception cref="OperationCanceledException">It is over.</exception>
    public static async Task RunAsync(Crowd crowd, RpcConnection rpc, bool isMaster, Random random, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await AskAsync(rpc, isMaster, random, cancellationToken);
                crowd.Count("questions answered");
            }
            catch (RpcException e) when (e.Error == RpcError.Remote)
            {
                crowd.Count("questions refused");
            }

            await Crowd.Wait(random.NextDouble() * 2, cancellationToken);
        }
    }

    private static async Task AskAsync(RpcConnection rpc, bool isMaster, Random random, CancellationToken cancellationToken)
    {
        switch (random.Next(isMaster ? 8 : 6))
        {
            case 0:
                await rpc.GetManifestAsync(cancellationToken);
                break;
            case 1:
                await GossipPing.MeasureAsync(rpc, cancellationToken);
                break;
            case 2:
                await using (RpcDuplex ping = rpc.Duplex("conn.ping", [60_000]))
                {
                    await ping.WriteAsync(1, cancellationToken);
                    await foreach (RpcValue _ in ping.ReadAllAsync(cancellationToken))
                        break;
                }

                break;
            case 3:
                await rpc.CallAsync("soak.echo", [new string('x', random.Next(1, 20_000))], cancellationToken);
                break;
            case 4:
                await rpc.CallAsync("conn.stage", ["net:127.0.0.1:1~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0="], cancellationToken); // strangers may not
                break;
            case 5:
                await ReadAsync(rpc, "soak.ticks", random.Next(1, 50), cancellationToken);
                break;
            default:
                await ReadAsync(rpc, s_live[random.Next(s_live.Length)], random.Next(1, 20), cancellationToken);
                break;
        }
    }

    // Some items, or for some seconds, and no more.
    private static async Task ReadAsync(RpcConnection rpc, string procedure, int items, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(5), TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            await using RpcSource source = rpc.Source(procedure);
            await foreach (RpcValue _ in source.WithCancellation(either.Token))
            {
                if (--items == 0)
                    return;
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Enough.
        }
    }
}
