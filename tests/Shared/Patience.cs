namespace Ssb.Conn.Tests.Shared;

/// <summary>How long tests wait before they fail. Only guards: a test that passes waits for as long as what it waits for takes.</summary>
/// <remarks>They are far longer than anything takes on a machine with nothing else to do, since tests also run on loaded ones.</remarks>
internal static class Patience
{
    /// <summary>For one event, of the test's own process or of a child. 3 minutes.</summary>
    public static readonly TimeSpan Guard = TimeSpan.FromMinutes(3);

    /// <summary>For a whole test, in milliseconds, as xunit takes it: longer than <see cref="Guard"/>, whose message says more. 10 minutes.</summary>
    public const int WholeTest = 600_000;

    // How long what is waited for may have come to pass before it is seen. To spin instead would take the processor from whatever makes it come.
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(2);

    // Nobody sets it: the wait for it is a pause.
    private static readonly ManualResetEventSlim s_never = new();

    /// <summary>Waits until something is so; the test fails if it is not after <see cref="Guard"/>.</summary>
    /// <param name="isSo">Asked some hundred times a second, by the thread that waits.</param>
    /// <param name="failure">What the failure says.</param>
    public static void Until(Func<bool> isSo, Func<string>? failure = null)
    {
        long began = TimeProvider.System.GetTimestamp();
        while (!isSo())
        {
            if (TimeProvider.System.GetElapsedTime(began) > Guard)
                Assert.Fail(failure?.Invoke() ?? "It did not come to pass.");
            s_never.Wait(s_pause);
        }
    }
}
