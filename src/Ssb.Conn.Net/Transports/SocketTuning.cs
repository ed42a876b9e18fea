using System.Net.Sockets;

namespace Ssb.Conn.Net;

/// <summary>How the TCP sockets of peers are set up.</summary>
internal static class SocketTuning
{
    /// <summary>How much of what was handed to the system it may hold that was not sent yet.</summary>
    public const int MostUnsent = 128 * 1024;

    private const int Tcp = 6; // IPPROTO_TCP

    /// <summary>Sends at once what is written, and has the system say early that there is room again.</summary>
    /// <remarks>Linux shows room only once a third of the send buffer is free, often more than a megabyte: until then a reader that is
    /// slow looks as if it took nothing (<see cref="Ssb.Wire.RpcOptions.SendTimeout"/>). TCP_NOTSENT_LOWAT has it show room when little of
    /// what it holds is unsent. What is on its way to the peer is not bounded by it, so nothing becomes slower.</remarks>
    public static void Apply(Socket socket)
    {
        int? option = OperatingSystem.IsLinux() || OperatingSystem.IsAndroid() ? 25
            : OperatingSystem.IsMacOS() || OperatingSystem.IsIOS() ? 0x201
            : null;
        try
        {
            socket.NoDelay = true;
            if (option is { } name)
                socket.SetRawSocketOption(Tcp, name, BitConverter.GetBytes(MostUnsent));
        }
        catch (SocketException)
        {
            // A system without it, or a connection that has ended already: whoever reads or writes is told of that.
        }
    }
}
