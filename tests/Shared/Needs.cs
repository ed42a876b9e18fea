using System.Diagnostics.CodeAnalysis;

namespace Ssb.Conn.Tests.Shared;

/// <summary>What to do when the machine lacks something: skip in plain words, except where skipping must not go unseen.</summary>
internal static class Needs
{
    /// <summary>Ends the test: skipped, or failed under CI=true, where everything has to be there.</summary>
    [DoesNotReturn]
    public static void Missing(string what)
    {
        if (Environment.GetEnvironmentVariable("CI") == "true")
            Assert.Fail($"{what} Under CI=true this is a failure.");
        Assert.Skip(what);
    }
}
