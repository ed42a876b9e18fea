namespace Ssb.Conn.Cli;

/// <summary>Writes the bench as JSON lines until it is told to stop or nobody reads any more.</summary>
internal static class JsonView
{
    /// <exception cref="IOException">They cannot be written for another reason.</exception>
    public static async Task RunAsync(IAsyncEnumerable<StagingChange> changes, JsonLines lines, Action quit)
    {
        await foreach (StagingChange change in changes)
        {
            try
            {
                lines.Write(change);
            }
            catch (IOException e) when (IsClosedPipe(e))
            {
                quit(); // as `head` does when it has had enough: no reason to complain
                return;
            }
            catch (IOException e)
            {
                throw new IOException($"Standard output cannot be written: {e.Message}.", e);
            }
        }
    }

    // The closed pipe by its number: EPIPE on Linux and macOS; ERROR_BROKEN_PIPE and ERROR_NO_DATA on Windows.
    private static bool IsClosedPipe(IOException e) => OperatingSystem.IsWindows()
        ? (e.HResult & 0xFFFF) is 109 or 232
        : e.HResult == 32;
}
