using System.Globalization;
using System.Text;

namespace Ssb.Conn.Cli.View;

/// <summary>Makes foreign text fit for a terminal: nothing in it steers the terminal, and its width in cells is known.</summary>
internal static class TerminalText
{
    /// <summary>What stands for the end of a text that was cut off: one character, or three full stops where the console has no
    /// ellipsis. Set once, before
    /// anything is written.</summary>
    public static string Ellipsis { get; set; } = "…";

    /// <summary>Fits the text into so many cells, ending with an ellipsis when it was longer.</summary>
    /// <remarks>What <see cref="StrangerText"/> does not show becomes <c>?</c> here, too; combining marks are left out, since terminals disagree about
    /// their width.</remarks>
    public static string Fit(string text, int width) => Fit(text, width, Ellipsis);

    /// <inheritdoc cref="Fit(string, int)"/>
    internal static string Fit(string text, int width, string ellipsis)
    {
        if (width <= 0)
            return "";
        if (text.Length <= width && IsPlain(text))
            return text;

        var fitted = new StringBuilder(Math.Min(text.Length, width));
        int used = 0;
        int lastGood = 0; // where to cut so that the ellipsis still fits
        foreach (Rune rune in text.EnumerateRunes())
        {
            int cells = Width(rune, out Rune shown);
            if (cells == 0)
                continue;
            if (used + cells > width)
            {
                fitted.Length = lastGood;
                return fitted.Append(ellipsis.AsSpan(0, Math.Min(ellipsis.Length, width))).ToString();
            }

            _ = fitted.Append(shown);
            used += cells;
            if (used <= width - ellipsis.Length)
                lastGood = fitted.Length;
        }

        return fitted.ToString();
    }

    /// <summary>Fits the text into so many cells, with an ellipsis in its middle when it was longer: of an address, the place and the end of
    /// the key stay.</summary>
    public static string Elide(string text, int width)
    {
        text = Clean(text);
        if (text.Length <= width || width <= Ellipsis.Length + 1)
            return Fit(text, width);
        int end = (width - Ellipsis.Length) / 4;
        int start = width - Ellipsis.Length - end;
        if (char.IsHighSurrogate(text[start - 1]))
            start--;
        end = text.Length - end;
        return Fit(text[..start] + Ellipsis + text[(char.IsLowSurrogate(text[end]) ? end + 1 : end)..], width);
    }

    /// <summary>How many cells a text takes that <see cref="Fit(string, int)"/> has made.</summary>
    public static int Width(string text)
    {
        int width = 0;
        foreach (Rune rune in text.EnumerateRunes())
            width += Width(rune, out _);
        return width;
    }

    /// <summary>All of it, printable, on one line.</summary>
    public static string Clean(string text) => Fit(text, int.MaxValue);

    private static bool IsPlain(string text) => !text.AsSpan().ContainsAnyExceptInRange(' ', '~');

    private static int Width(Rune rune, out Rune shown)
    {
        shown = rune;
        if (rune.Value is >= ' ' and <= '~')
            return 1;
        if (StrangerText.IsUnsafe(rune))
        {
            shown = new Rune('?');
            return 1;
        }

        switch (Rune.GetUnicodeCategory(rune))
        {
            case UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.SpacingCombiningMark:
                return 0;
            case UnicodeCategory.SpaceSeparator: // those that are no plain blank differ in width
                shown = new Rune('?');
                return 1;
            default:
                if (rune == Rune.ReplacementChar) // what a lone surrogate is read as
                    shown = new Rune('?');
                return IsWide(rune.Value) ? 2 : 1;
        }
    }

    // The blocks of Unicode's EastAsianWidth.txt (15.1) that are Wide or Fullwidth, joined where only unassigned code points lie between.
    private static bool IsWide(int value) => value switch
    {
        >= 0x1100 and <= 0x115F or >= 0x2E80 and <= 0x303E or >= 0x3041 and <= 0x4DBF or >= 0x4E00 and <= 0xA4CF => true,
        >= 0xA960 and <= 0xA97C or >= 0xAC00 and <= 0xD7A3 or >= 0xF900 and <= 0xFAFF or >= 0xFE30 and <= 0xFE6F => true,
        >= 0xFF01 and <= 0xFF60 or >= 0xFFE0 and <= 0xFFE6 or >= 0x16FE0 and <= 0x18CFF or >= 0x1B000 and <= 0x1B2FF => true,
        >= 0x1F300 and <= 0x1F64F or >= 0x1F680 and <= 0x1F6FF or >= 0x1F900 and <= 0x1FAFF or >= 0x20000 and <= 0x3FFFD => true,
        _ => false,
    };
}
