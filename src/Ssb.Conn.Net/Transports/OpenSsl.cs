// Linux only. The cryptography of .NET there loads OpenSSL when it is first needed, and ends the process (abort) if there is none.
// WebSockets need it:
// wss for TLS, ws for the SHA-1 of its greeting. Windows and macOS have their own.
using System.Runtime.InteropServices;

namespace Ssb.Conn.Net;

/// <summary>Whether WebSockets can be had.</summary>
internal static class OpenSsl
{
    // Those that .NET 10 tries (opensslshim.c), and the one that a system was built with.
    private static readonly string[] s_names =
        ["libssl.so.3", "libssl.so.1.1", "libssl.so.1.0.2", "libssl.so.1.0.0", "libssl.so.10", "libssl.so"];

    private static readonly Lazy<bool> s_isMissing = new(
        static () => OperatingSystem.IsLinux() && !Names().Any(static name => NativeLibrary.TryLoad(name, out _)));

    /// <summary>Why there are no WebSockets, as a sentence; null if there are.</summary>
    public static string? Problem => s_isMissing.Value
        ? "WebSockets (ws, wss) need OpenSSL, and its library libssl is not on this system. "
            + "Install it: the package libssl3 on Debian and Ubuntu, openssl-libs on Fedora, openssl on Alpine."
        : null;

    private static IEnumerable<string> Names() =>
        Environment.GetEnvironmentVariable("CLR_OPENSSL_VERSION_OVERRIDE") is { Length: > 0 } version
            ? s_names.Prepend($"libssl.so.{version}")
            : s_names;
}
