using System.Net.Sockets;

namespace Ssb.Conn.Cli.Remote;

/// <summary>Opens the raw stream of a route, without a handshake.</summary>
internal static class Dialling
{
    /// <summary>Opens it.</summary>
    /// <exception cref="ConnectFailedException">Nobody is there, or this cannot dial there.</exception>
    public static async Task<Stream> OpenAsync(MultiserverRoute route, CancellationToken cancellationToken)
    {
        Socket? socket = null;
        try
        {
            if (route is { Transport: "net", Host: { } host, Port: { } port })
            {
                socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(host, port, cancellationToken);
            }
            else if (route is { Transport: "unix", Path: { } path })
            {
                socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
            }
            else
            {
                throw new ConnectFailedException($"'{route.Transport}' is no transport that can be dialled from here");
            }

            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (Exception e)
        {
            socket?.Dispose();
            if (e is SocketException or ArgumentException) // a path that is too long for a socket
                throw new ConnectFailedException(e.Message, e);
            throw;
        }
    }
}
