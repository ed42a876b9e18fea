using System.Text;

namespace Ssb.Conn.Cli.View;

/// <summary>What a piece of text means; the colours come from the terminal's own sixteen, so that its theme holds.</summary>
internal enum Style
{
    Plain,
    Strong,
    Quiet,
    Good,
    Warning,
    Heading,
    Selected,
}

/// <summary>One row of a frame while it is put together. It never gets wider than the terminal.</summary>
internal sealed class StyledLine(int width, bool colour)
{
    private readonly StringBuilder _text = new();
    private Style _style;

    /// <summary>Cells used so far.</summary>
    public int Used { get; private set; }

    /// <summary>Adds text, cut at the edge.</summary>
    public StyledLine Put(string text, Style style = Style.Plain)
    {
        string fitted = TerminalText.Fit(text, width - Used);
        if (fitted.Length == 0)
            return this;

        Use(style);
        _ = _text.Append(fitted);
        Used += TerminalText.Width(fitted);
        return this;
    }

    /// <summary>Adds text in a column of its own, filled up with blanks.</summary>
    public StyledLine Cell(string text, int cells, Style style = Style.Plain, bool right = false)
    {
        string fitted = TerminalText.Fit(text, cells);
        int blanks = cells - TerminalText.Width(fitted);
        if (right)
            Skip(blanks);
        Put(fitted, style);
        return right ? this : Skip(blanks);
    }

    /// <summary>Leaves cells blank.</summary>
    public StyledLine Skip(int cells)
    {
        cells = Math.Clamp(cells, 0, width - Used);
        if (cells > 0)
        {
            Use(Style.Plain);
            _ = _text.Append(' ', cells);
            Used += cells;
        }

        return this;
    }

    /// <summary>The whole row, exactly as wide as the terminal, ending in its plain style.</summary>
    public override string ToString()
    {
        Skip(width - Used);
        Use(Style.Plain);
        return _text.ToString();
    }

    private void Use(Style style)
    {
        if (style == _style || !colour)
            return;
        _style = style;
        _ = _text.Append(style switch
        {
            Style.Strong => "\e[0;1m",
            Style.Quiet => "\e[0;2m",
            Style.Good => "\e[0;32m",
            Style.Warning => "\e[0;33m",
            Style.Heading => "\e[0;1;36m",
            Style.Selected => "\e[0;7m",
            _ => "\e[0m",
        });
    }
}
