namespace Ssb.Conn;

/// <summary>A file that another program has open for a moment, such as a virus scanner, a backup or an editor: on Windows nobody else
/// can replace,
/// remove or lock it meanwhile.</summary>
/// <remarks>Time here is the system's: it waits for the system's files, also where the rest has a clock that stands still.</remarks>
internal static class HeldFile
{
    // About a second in all.
    private static readonly TimeSpan[] s_pauses =
        [.. new[] { 10, 20, 40, 80, 150, 200, 250, 250 }.Select(ms => TimeSpan.FromMilliseconds(ms))];

    /// <summary>Does it, and again for about a second while another program has the file.</summary>
    /// <remarks>The calling thread waits in the pauses.</remarks>
    /// <param name="attempt">What is done; its exception is thrown when the second is over, or if it has another cause.</param>
    public static void Repeat(Action attempt)
    {
        for (int i = 0; ; i++)
        {
            try
            {
                attempt();
                return;
            }
            catch (Exception e) when (i < s_pauses.Length && Is(e))
            {
                using var over = new ManualResetEventSlim();
                over.Wait(s_pauses[i]); // nobody sets it
            }
        }
    }

    // ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION, ERROR_USER_MAPPED_FILE; and ERROR_ACCESS_DENIED, which Windows says as well of a
    // file that
    // another program has open. Unix replaces open files; what it denies has its own error inside, and is no better a moment later.
    private static bool Is(Exception e) =>
        e.HResult is unchecked((int)0x80070020) or unchecked((int)0x80070021) or unchecked((int)0x800704C8)
        || e is UnauthorizedAccessException { InnerException: null };
}
