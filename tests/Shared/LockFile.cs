namespace Ssb.Conn.Tests.Shared;

/// <summary>A file that one process at a time holds open.</summary>
internal static class LockFile
{
    /// <summary>Waits until no other process holds the file, and takes it.</summary>
    /// <param name="path">The file; it is created, and it stays.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="UnauthorizedAccessException">This user may not write the file.</exception>
    /// <exception cref="IOException">The file cannot be created.</exception>
    public static async Task<FileStream> TakeAsync(string path, CancellationToken cancellationToken)
    {
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (File.Exists(path))
            {
                await poll.WaitForNextTickAsync(cancellationToken); // another process holds it
            }
        }
    }
}
