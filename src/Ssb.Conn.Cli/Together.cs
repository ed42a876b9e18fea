namespace Ssb.Conn.Cli;

/// <summary>Tasks that none of them ends by itself.</summary>
internal static class Together
{
    /// <summary>Ends with the first that fails, or when all have ended.</summary>
    /// <remarks>Task.WhenAll would tell of one that failed only when the others have ended.</remarks>
    public static async Task RunAsync(IEnumerable<Task> tasks)
    {
        await foreach (Task ended in Task.WhenEach(tasks))
            await ended;
    }
}
