namespace Interop.Tests.Harness;

/// <summary>The command line of ssb-server 16.0.1, as it is.</summary>
internal static class StockProgram
{
    // Its client gives a handshake 3 s, and its command line passes on no option for more. On a busy machine that is too short now and then, and a
    // person calls again.
    private const string TooLate = "Could not connect to ssb-server";
    private const int MostCalls = 20;

    /// <summary>Calls the program until its handshake was in time, 20 times at most.</summary>
    /// <param name="run">Runs it once, and gives its answer and all that it wrote to standard error.</param>
    /// <returns>Its answer.</returns>
    public static async Task<T> CallAsync<T>(Func<Task<(T Answer, string Errors)>> run)
    {
        for (int call = 1; ; call++)
        {
            (T answer, string errors) = await run();
            if (call == MostCalls || !errors.Contains(TooLate, StringComparison.Ordinal))
                return answer;
        }
    }
}
