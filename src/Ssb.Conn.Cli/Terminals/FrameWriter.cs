using System.Text;
using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli.Terminals;

/// <summary>Turns frames into the fewest bytes that show them without flicker.</summary>
/// <remarks>
/// Only rows that changed are written, each over its old text and never erased first, and all of a frame between the marks
/// of a synchronised update (<c>ESC[?2026h</c> and <c>l</c>), which terminals that do not know them ignore.
/// </remarks>
internal sealed class FrameWriter
{
    private TableSize? _size;
    private IReadOnlyList<string> _shown = [];

    /// <summary>Alternate screen, cursor hidden, no wrapping at the edge.</summary>
    public const string Enter = "\e[?1049h\e[?25l\e[?7l\e[0m\e[2J";

    /// <summary>Everything back as it was, whatever state we are in.</summary>
    public const string Leave = "\e[?2026l\e[0m\e[?7h\e[?25h\e[?1049l";

    /// <summary>The next frame starts from an unknown screen.</summary>
    public void Forget() => _shown = [];

    /// <returns>What to send to the terminal; empty when nothing changed.</returns>
    public string Write(IReadOnlyList<string> lines, TableSize size)
    {
        var text = new StringBuilder();
        if (size != _size || _shown.Count != lines.Count)
        {
            _ = text.Append("\e[0m\e[2J");
            (_size, _shown) = (size, []);
        }

        for (int row = 0; row < lines.Count; row++)
        {
            if (row >= _shown.Count || lines[row] != _shown[row])
                _ = text.Append("\e[").Append(row + 1).Append(";1H").Append(lines[row]);
        }

        _shown = lines;
        return text.Length == 0 ? "" : text.Insert(0, "\e[?2026h").Append("\e[?2026l").ToString();
    }
}
