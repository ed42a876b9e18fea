using System.Text;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Soak;

/// <summary>The peer under measurement, as an app would host it: it serves procedures of its own, and uses the connections that it gets.</summary>
internal sealed class Host(Cast cast, string folder, int lanPort, Leaks leaks) : IAsyncDisposable
{
    /// <summary>More than come at a time from the one address that all have here; the default is 40.</summary>
    private static readonly PeerNetworkLimits s_limits = new() { MaxCallersPerSource = 60 };

    private long _asked;

    public SsbPeer Peer { get; private set; } = null!; // Start gives it

    /// <summary>How often it asked a peer something and was answered.</summary>
    public long Asked => Interlocked.Read(ref _asked);

    public MultiserverAddress Address => Peer.Addresses[0];

    public async Task StartAsync() => Peer = await SsbPeer.StartAsync(new SsbPeerOptions
    {
        Folder = folder,
        NetworkKey = cast.Network,
        Listen = ["net:127.0.0.1:0~shs"],
        Lan = new LanOptions { NormalPort = lanPort, Legacy = false, Loopback = true },
        Masters = cast.MasterIds,
        Api = new RpcApi().Async("soak.echo", static (call, _) => new ValueTask<RpcValue>(call.Arguments[0])).Source("soak.ticks", static (_, token) => TicksAsync(token)),
        AllowStrangers = ["soak"],
        Limits = s_limits,
        OnConnected = UseAsync,
        Conn = new ConnPluginOptions
        {
            // Turns of seconds rather than of hours, and as many dials as it takes; and what is remembered of failures is full before the warm-up is over.
            Scheduler = new SchedulerOptions { PeerQuota = 12, PeerRotation = TimeSpan.FromSeconds(40), DialsPerMinute = 300 },
            FailuresRemembered = 500,
            HistoryPeers = 300,
            Staging = new StagingOptions { TimeToLive = StagingOptions.SsbTimeToLive, Capacity = 300 },
        },
    });

    public async ValueTask DisposeAsync() => await Peer.DisposeAsync();

    private async Task UseAsync(PeerConnection connection, CancellationToken cancellationToken)
    {
        leaks.OnConnected(Peer);
        while (true)
        {
            await connection.Rpc.GetManifestAsync(cancellationToken);
            await GossipPing.MeasureAsync(connection.Rpc, cancellationToken);
            Interlocked.Increment(ref _asked);
            await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System, cancellationToken);
        }
    }

    private static async IAsyncEnumerable<RpcValue> TicksAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (int i = 0; ; i++)
        {
            yield return RpcValue.RawJson(Encoding.UTF8.GetBytes($"{{\"tick\":{i}}}"));
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancellationToken);
        }
    }
}
