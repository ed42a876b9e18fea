using System.Net.Sockets;

namespace Ssb.Conn.Net;

/// <summary>When the system gives up a TCP connection whose other side has gone without a word: a cable that was pulled, a machine without
/// power.</summary>
/// <remarks>An idle connection costs one empty packet each way in half of the deadline. What is sent and not acknowledged is not looked
/// after by keep-alive, and has an option of its own. The clock of the system stands while this machine sleeps, so that its own sleep ends
/// no connection.</remarks>
/// <param name="Idle">How long the other machine may answer nothing while nothing is sent; infinite: as long as it likes.</param>
/// <param name="Unacknowledged">How long it may acknowledge nothing of what was sent, or take nothing of it; infinite likewise.</param>
internal readonly record struct SilenceLimits(TimeSpan Idle, TimeSpan Unacknowledged)
{
    private const int Probes = 3;
    private const int Tcp = 6; // IPPROTO_TCP

    /// <summary>The system decides: two hours on most.</summary>
    public static SilenceLimits None { get; } = new(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <param name="silence">How long the other machine may answer nothing; or infinite.</param>
    /// <param name="send">How long the peer may take nothing of what is sent; or infinite. It is not cut short: to this system a peer that
    /// reads nothing looks like one that acknowledges nothing.</param>
    public static SilenceLimits Of(TimeSpan silence, TimeSpan send) => new(silence,
        silence == Timeout.InfiniteTimeSpan || send == Timeout.InfiniteTimeSpan ? Timeout.InfiniteTimeSpan : silence > send ? silence : send);

    /// <summary>Sets a TCP socket up. Options that a system does not have are left out.</summary>
    public void Apply(Socket socket)
    {
        if (Idle == Timeout.InfiniteTimeSpan)
            return;
        int seconds = Math.Max(2, (int)Math.Ceiling(Idle.TotalSeconds));
        (TimeSpan idle, TimeSpan unacknowledged) = this;
        Try(() => socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, seconds - (seconds / 2)));
        Try(() => socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, Math.Max(1, seconds / 2 / Probes)));
        Try(() => socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, Probes));
        Try(() => socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true));
        if (unacknowledged == Timeout.InfiniteTimeSpan || TcpUserTimeout() is not { } option)
            return;
        double value = option.IsInSeconds ? Math.Ceiling(unacknowledged.TotalSeconds) : unacknowledged.TotalMilliseconds;
        Try(() => socket.SetRawSocketOption(Tcp, option.Name, BitConverter.GetBytes((int)Math.Min(int.MaxValue, value))));
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
