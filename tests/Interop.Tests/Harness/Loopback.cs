using System.Net;
using System.Net.Sockets;

namespace Interop.Tests.Harness;

internal static class Loopback
{
    /// <summary>A TCP port that the system says is free. Another program may take it before the peer does.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
