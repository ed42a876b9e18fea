// npm ssb-lan 1.2.3: lan.start, lan.stop and lan.discoveredPeers.
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>Serves LAN discovery over muxrpc: <c>lan.*</c> as npm ssb-lan 1.2.3 has it.</summary>
internal static class LanApi
{
    /// <summary>Adds <c>lan.start</c>, <c>lan.stop</c> and <c>lan.discoveredPeers</c>, which are for masters alone.</summary>
    /// <param name="api">Where they are added.</param>
    /// <param name="start">Begins to announce and to listen; does nothing if that is done already.</param>
    /// <param name="stop">Ends both; does nothing if they have ended.</param>
    /// <param name="discoveredPeers">The announcements from this call on; bounded, whatever the reader does.</param>
    /// <exception cref="ArgumentException">One of them is there already.</exception>
    public static RpcApi AddTo(RpcApi api, Action start, Action stop, Func<CancellationToken, IAsyncEnumerable<LanAnnouncement>> discoveredPeers)
    {
        ArgumentNullException.ThrowIfNull(api);
        ArgumentNullException.ThrowIfNull(start);
        ArgumentNullException.ThrowIfNull(stop);
        ArgumentNullException.ThrowIfNull(discoveredPeers);
        return api
            .Sync("lan.start", _ => Done(start))
            .Sync("lan.stop", _ => Done(stop))
            .Source("lan.discoveredPeers", (_, cancellationToken) => discoveredPeers(cancellationToken).Select(heard => ConnBodies.Object(writer =>
            {
                writer.WriteString("address", heard.Address.Text);
                writer.WriteBoolean("verified", heard.Verified);
            })));
    }

    private static RpcValue Done(Action act)
    {
        try
        {
            act();
            return RpcValue.False; // undefined
        }
        catch (Exception e) when (ConnErrors.IsTold(e))
        {
            throw ConnErrors.Of(e, null);
        }
    }
}
