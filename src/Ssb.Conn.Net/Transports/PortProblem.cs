using System.Net.Sockets;

namespace Ssb.Conn.Net;

/// <summary>Why a port of this machine cannot be had, in words.</summary>
internal static class PortProblem
{
    private const int FirstFreePort = 1024;

    /// <summary>Says it.</summary>
    /// <param name="port">The port, such as <c>TCP port 8008</c>.</param>
    /// <param name="number">Its number.</param>
    /// <param name="e">What the system said.</param>
    /// <returns>A clause without a full stop.</returns>
    public static string Of(string port, int number, SocketException e) =>
        Of(port, number, e.SocketErrorCode, FailureText.Of(e), OperatingSystem.IsWindows());

    /// <param name="port">The port, such as <c>TCP port 8008</c>.</param>
    /// <param name="number">Its number.</param>
    /// <param name="error">The error.</param>
    /// <param name="message">What the system says of it.</param>
    /// <param name="isWindows">Is it Windows that said so? It denies access to a port that another program holds for itself alone
    /// (WSAEACCES).</param>
    internal static string Of(string port, int number, SocketError error, string message, bool isWindows) => error switch
    {
        SocketError.AddressAlreadyInUse => $"another program has {port} and does not share it",
        SocketError.AccessDenied when isWindows =>
            $"another program has {port} for itself alone, or Windows keeps it back "
                + "('netsh interface ipv4 show excludedportrange' lists those)",
        SocketError.AccessDenied when number is > 0 and < FirstFreePort =>
            $"{port} is one of those below {FirstFreePort}, which this system gives to privileged programs only",
        SocketError.AccessDenied => $"this system does not allow this program to have {port}",
        SocketError.AddressNotAvailable => "this machine does not have that address",
        _ => message.TrimEnd('.'),
    };
}
