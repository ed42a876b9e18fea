using System.Runtime.InteropServices;

namespace Ssb.Conn.Cli.Terminals;

/// <summary>What must be asked of a terminal before it is drawn on. Unix terminals understand escape sequences and UTF-8 as
/// they are; a Windows console has to be told.</summary>
internal static partial class TerminalMode
{
    /// <summary>Makes it understand escape sequences.</summary>
    public static void Prepare()
    {
        if (OperatingSystem.IsWindows())
            PrepareWindows();
    }
}
