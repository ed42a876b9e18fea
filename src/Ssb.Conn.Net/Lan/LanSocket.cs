// Opening UDP sockets, the same and yet different on each system. Node's `reuseAddr` (libuv) means SO_REUSEADDR on Linux and
// Windows, SO_REUSEPORT on macOS and the BSDs; both ends must choose the same, or only one of them gets the port. .NET's own
// ReuseAddress means SO_REUSEPORT on Unix, hence the raw options.
using System.Net;
using System.Net.Sockets;

namespace Ssb.Conn.Net;

internal static class LanSocket
{
    /// <summary>Asked for; Linux grants net.core.rmem_max, usually 208 kB, which is about 250 announcements.</summary>
    private const int ReceiveBuffer = 4 * 1024 * 1024;

    private const int LinuxSolSocket = 1, LinuxSoReuseAddr = 2;
    private const int BsdSolSocket = 0xFFFF, BsdSoReusePort = 0x200;

    /// <summary>A socket that hears what is sent to this port, beside other programs that share it.</summary>
    /// <exception cref="SocketException">The port cannot be had.</exception>
    public static Socket Listen(int port, bool loopback)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            Share(socket);
            socket.ReceiveBufferSize = ReceiveBuffer;
            socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.PacketInformation, true);
            // Broadcasts come only to sockets that are bound to all addresses.
            socket.Bind(new IPEndPoint(loopback ? IPAddress.Loopback : IPAddress.Any, port));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>A socket that sends from this address, and so by its interface.</summary>
    /// <exception cref="SocketException">The interface went away.</exception>
    public static Socket Send(IPAddress from, bool broadcast)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.EnableBroadcast = broadcast;
            socket.Bind(new IPEndPoint(from, 0));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static void Share(Socket socket)
    {
        Span<byte> on = stackalloc byte[sizeof(int)];
        BitConverter.TryWriteBytes(on, 1);
        if (OperatingSystem.IsWindows())
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        else if (OperatingSystem.IsLinux() || OperatingSystem.IsAndroid())
            socket.SetRawSocketOption(LinuxSolSocket, LinuxSoReuseAddr, on);
        else
            socket.SetRawSocketOption(BsdSolSocket, BsdSoReusePort, on);
    }
}
