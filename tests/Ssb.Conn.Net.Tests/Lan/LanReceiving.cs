using System.Net;
using System.Net.Sockets;

namespace Ssb.Conn.Net.Tests;

/// <summary>Datagrams of which the system says nothing.</summary>
internal static class LanReceiving
{
    public static LanAnnouncement? Receive(
        this LanReceiver receiver, ReadOnlySpan<byte> datagram, IPAddress sender, int interfaceIndex, LanFormat format, out LanAnnouncement? refused) =>
        receiver.Receive(datagram, SocketFlags.None, sender, interfaceIndex, format, out refused);

    public static LanAnnouncement? Receive(this LanReceiver receiver, ReadOnlySpan<byte> datagram, IPAddress sender, int interfaceIndex, LanFormat format) =>
        receiver.Receive(datagram, SocketFlags.None, sender, interfaceIndex, format, out _);
}
