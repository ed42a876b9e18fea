using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;

namespace Ssb.Conn.Tests.Shared;

/// <summary>What to do when the machine lacks something: skip in plain words, except where skipping must not go unseen.</summary>
internal static class Needs
{
    /// <summary>Skips the test where the system has no unix sockets, such as an old Windows or Wine.</summary>
    public static void UnixSockets() => Assert.SkipUnless(Socket.OSSupportsUnixDomainSockets, "This system has no unix sockets.");

    /// <summary>Ends the test: skipped, or failed under CI=true, where everything has to be there.</summary>
    [DoesNotReturn]
    public static void Missing(string what)
    {
        if (Environment.GetEnvironmentVariable("CI") == "true")
            Assert.Fail($"{what} Under CI=true this is a failure.");
        Assert.Skip(what);
    }
}
