namespace Ssb.Conn.Tests.Shared;

/// <summary>Deletes the folders of tests.</summary>
internal static class TestFolder
{
    // A program that is being killed, a virus scanner or a search index lets go of a file within seconds.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    /// <summary>Deletes a folder and all in it. A folder that is not there is deleted.</summary>
    /// <remarks>On Windows a file that anybody has open cannot be deleted, so this tries again for a while. A folder that is still in use
    /// then fails the test, but does not hide why it failed before.</remarks>
    /// <param name="path">The folder.</param>
    public static void Delete(string path) => Delete(path, TimeProvider.System, s_patience);

    /// <inheritdoc cref="Delete(string)"/>
    /// <param name="path">The folder.</param>
    /// <param name="time">The clock.</param>
    /// <param name="patience">How long to try.</param>
    public static void Delete(string path, TimeProvider time, TimeSpan patience)
    {
        long began = time.GetTimestamp();
        while (TryDelete(path) is { } obstacle)
        {
            if (time.GetElapsedTime(began) >= patience)
            {
                Disposal.Failed(new IOException($"The folder '{path}' of a test could not be deleted. Something still uses it.", obstacle));
                return;
            }

            using var pause = new ManualResetEventSlim();
            pause.Wait(TimeSpan.FromMilliseconds(50));
        }
    }

    private static Exception? TryDelete(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
            return null;
        }
        catch (DirectoryNotFoundException) when (!File.Exists(path))
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e;
        }
    }
}
