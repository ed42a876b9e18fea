namespace Ssb.Conn.Cli.Terminals;

/// <summary>What the systems differ in: a Windows console must be told to understand escape sequences (and UTF-8, which <see
/// cref="ConsoleEncoding"/> does); a
/// Unix terminal must be put back while the program is stopped by Ctrl+Z.</summary>
internal static partial class TerminalMode
{
    /// <summary>To call once, before the terminal is used.</summary>
    public static void Prepare()
    {
        if (OperatingSystem.IsWindows())
            PrepareWindows();
        else
            PrepareUnix();
    }
}
