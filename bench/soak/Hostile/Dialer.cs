using System.Net;
using System.Net.Sockets;
using Ssb.Wire;

namespace Ssb.Conn.Soak.Hostile;

/// <summary>Calls a peer from an address of this machine.</summary>
internal static class Dialer
{
    public static async Task<Socket> DialAsync(MultiserverAddress target, IPAddress from, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, LingerState = new LingerOption(true, 0) }; // no port is kept busy afterwards
        try
        {
            socket.Bind(new IPEndPoint(from, 0));
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, target.Routes[0].Port!.Value), cancellationToken); // a net route has one
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public static async Task<BoxStream> ShakeAsync(MultiserverAddress target, IPAddress from, KeyPair keys, NetworkKey network, CancellationToken cancellationToken, Func<Stream, Stream>? over = null)
    {
        Stream raw = new NetworkStream(await DialAsync(target, from, cancellationToken), ownsSocket: true);
        return await SecretHandshake.ConnectAsync(over?.Invoke(raw) ?? raw, keys, target.FeedId!.Value, new HandshakeOptions { Network = network }, cancellationToken); // it has a key
    }
}
