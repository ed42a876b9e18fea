using System.Net;
using System.Net.Sockets;

namespace Interop.Tests.Harness;

internal static class Loopback
{
    // Below the ports that Linux gives to outgoing connections: one of those would take a free port before the peer listens there.
    private const int First = 12_000, Count = 20_000;

    private static int s_last = Random.Shared.Next(Count);

    /// <summary>A TCP port that is free, and that this process has not handed out a moment ago. A foreign program may take it before the peer
    /// does.</summary>
    public static int FreePort()
    {
        while (true)
        {
            int port = First + (int)((uint)Interlocked.Increment(ref s_last) % Count);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // It is taken.
            }
        }
    }
}
