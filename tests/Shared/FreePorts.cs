using System.Net;
using System.Net.Sockets;

namespace Ssb.Conn.Tests.Shared;

/// <summary>Ports of loopback that are free, and that this process has not handed out a moment ago. A foreign program may take one before the test does.</summary>
internal static class FreePorts
{
    // Below the ports that Linux gives to outgoing connections: one of those would take a free port before the test does.
    private const int First = 12_000, Count = 20_000;

    private static int s_last = Random.Shared.Next(Count);

    public static int Tcp() => Next(SocketType.Stream, ProtocolType.Tcp);

    public static int Udp() => Next(SocketType.Dgram, ProtocolType.Udp);

    private static int Next(SocketType type, ProtocolType protocol)
    {
        while (true)
        {
            int port = First + (int)((uint)Interlocked.Increment(ref s_last) % Count);
            using var socket = new Socket(AddressFamily.InterNetwork, type, protocol);
            try
            {
                socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
                return port;
            }
            catch (SocketException)
            {
                // It is taken.
            }
        }
    }
}
