namespace Ssb.Conn.Tests.Shared;

/// <summary>How long tests wait before they fail. Only guards: a test that passes waits for as long as what it waits for takes.</summary>
/// <remarks>They are far longer than anything takes on a machine with nothing else to do, since tests also run on loaded ones.</remarks>
internal static class Patience
{
    /// <summary>For one event, of the test's own process or of a child. 3 minutes.</summary>
    public static readonly TimeSpan Guard = TimeSpan.FromMinutes(3);

    /// <summary>For a whole test, in milliseconds, as xunit takes it: longer than <see cref="Guard"/>, whose message says more. 10 minutes.</summary>
    public const int WholeTest = 600_000;
}
