namespace Ssb.Conn.Cli.View;

/// <summary>What the keys mean.</summary>
internal static class Scrolling
{
    /// <summary>Where a key moves the view to, not yet brought into range; null if it does not scroll.</summary>
    public static int? Move(ConsoleKey key, int scroll, int count, int page) => key switch
    {
        ConsoleKey.UpArrow or ConsoleKey.K => scroll - 1,
        ConsoleKey.DownArrow or ConsoleKey.J => scroll + 1,
        ConsoleKey.PageUp => scroll - Math.Max(1, page),
        ConsoleKey.PageDown or ConsoleKey.Spacebar => scroll + Math.Max(1, page),
        ConsoleKey.Home => 0,
        ConsoleKey.End => count,
        _ => null,
    };
}
