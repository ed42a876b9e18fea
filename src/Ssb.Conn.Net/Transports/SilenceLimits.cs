using System.Net.Sockets;

namespace Ssb.Conn.Net;

/// <summary>When the system gives up a TCP connection whose other side has gone without a word: a cable that was pulled, a machine without
/// power.</summary>
/// <remarks>An idle connection costs one empty packet each way in half of the deadline. What is sent and not acknowledged is not looked
/// after by keep-alive, and has an option of its own. On Linux that option counts for idle connections too, in place of the number of
/// probes, so both have the same time. To the system a peer that reads nothing looks like one that acknowledges nothing: it has that time,
/// too. The clock of the system stands while this machine sleeps, so that its own sleep ends no connection.</remarks>
/// <param name="Deadline">How long the other machine may answer nothing, and acknowledge or take nothing of what was sent; infinite: as long
/// as the system likes.</param>
internal readonly record struct SilenceLimits(TimeSpan Deadline)
{
    private const int Probes = 3;
    private const int Tcp = 6; // IPPROTO_TCP

    /// <summary>The system decides: two hours on most.</summary>
    public static SilenceLimits None { get; } = new(Timeout.InfiniteTimeSpan);

    /// <summary>Sets a TCP socket up. Options that a system does not have are left out.</summary>
    public void Apply(Socket socket)
    {
        if (Deadline == Timeout.InfiniteTimeSpan)
            return;
        int seconds = Math.Max(2, (int)Math.Ceiling(Deadline.TotalSeconds));
        Try(() => socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, seconds - (seconds / 2)));
        Try(() => socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, Math.Max(1, seconds / 2 / Probes)));
        Try(() => socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, Probes));
        Try(() => socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true));
        if (TcpUserTimeout() is not { } option)
            return;
        int value = option.IsInSeconds ? seconds : seconds * 1_000; // an hour at most
        Try(() => socket.SetRawSocketOption(Tcp, option.Name, BitConverter.GetBytes(value)));
    }

    // Each system has its own: TCP_USER_TIMEOUT of Linux, TCP_RXT_CONNDROPTIME of macOS, TCP_MAXRT of Windows.
    private static (int Name, bool IsInSeconds)? TcpUserTimeout() =>
        OperatingSystem.IsLinux() || OperatingSystem.IsAndroid() ? (18, false)
        : OperatingSystem.IsMacOS() || OperatingSystem.IsIOS() ? (0x80, true)
        : OperatingSystem.IsWindows() ? (5, true)
        : null;

    private static void Try(Action set)
    {
        try
        {
            set();
        }
        catch (SocketException)
        {
            // A system without it, or a connection that has ended already: whoever reads or writes is told of that.
        }
    }
}
