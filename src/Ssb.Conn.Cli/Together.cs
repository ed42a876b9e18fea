namespace Ssb.Conn.Cli;

/// <summary>Tasks that end by what happens to the others.</summary>
internal static class Together
{
    /// <summary>How long the end of a run waits for what may never end.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Ends with the first that fails, or when all have ended.</summary>
    /// <remarks>Task.WhenAll would tell of one that failed only when the others have ended.</remarks>
    public static async Task RunAsync(IEnumerable<Task> tasks)
    {
        await foreach (Task ended in Task.WhenEach(tasks))
            await ended;
    }

    /// <summary>Waits for what is ending, whatever comes of it. What has not ended after 2 s is left behind: a write that nobody reads blocks for ever.</summary>
    public static Task LeaveAsync(Task ending, TimeProvider time) => Task.WhenAny(ending, Task.Delay(Patience, time));
}
