using System.Diagnostics;
using System.Net;
using Ssb.Wire;

namespace Ssb.Conn.Soak.Hostile;

/// <summary>What those who mean well notice: the owner's calls, and newcomers.</summary>
internal sealed class WellMeaning(Cast cast, MultiserverAddress target)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Calls of the owner, one after another, until the token ends it.</summary>
    /// <returns>Milliseconds of each.</returns>
    public static async Task<List<double>> AskAsync(RpcConnection owner, CancellationToken cancellationToken)
    {
        var latencies = new List<double>();
        while (!cancellationToken.IsCancellationRequested)
        {
            long began = Stopwatch.GetTimestamp();
            await owner.CallAsync("conn.isRunning", cancellationToken: CancellationToken.None);
            latencies.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            await Task.Delay(s_pause, TimeProvider.System, CancellationToken.None);
        }

        return latencies;
    }

    /// <summary>Somebody new tries to get in, and to be answered, up to 10 times, half a second apart, before the token ends it.</summary>
    /// <returns>At which try, and how many milliseconds that one took; 0: it did not.</returns>
    public async Task<(int Try, double Milliseconds)> ComeAsync(IPAddress from, CancellationToken cancellationToken)
    {
        for (int i = 1; i <= 10 && !cancellationToken.IsCancellationRequested; i++)
        {
            long began = Stopwatch.GetTimestamp();
            try
            {
                using KeyPair keys = KeyPair.Generate();
                await using RpcConnection rpc = await ConnectAsync(from, keys, cancellationToken);
                await rpc.GetManifestAsync(cancellationToken);
                return (i, Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            }
            catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or RpcException or OperationCanceledException)
            {
                await Crowd.Wait(0.5, CancellationToken.None);
            }
        }

        return (0, 0);
    }

    public async Task<RpcConnection> ConnectAsync(IPAddress from, KeyPair keys, CancellationToken cancellationToken) => RpcConnection.Start(
        await Dialer.ShakeAsync(target, from, keys, cast.Network, cancellationToken),
        new RpcOptions { Api = GossipPing.AddTo(new RpcApi()), Permissions = RpcPermissions.All, CloseTimeout = TimeSpan.FromMilliseconds(100) });
}
