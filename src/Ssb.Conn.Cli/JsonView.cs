using Ssb.Conn.Cli.Terminals;

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
            catch (IOException e) when (StandardOutput.IsClosedPipe(e))
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
}
