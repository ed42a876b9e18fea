using Ssb.Conn.Cli.Commands;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli.Watching;

/// <summary>Turns the state at one moment into the rows of text of one frame. Pure: no clock, no terminal.</summary>
internal static class WatchScreen
{
    private const int Peer = 12, Type = 8, Times = 6, State = 13, Since = 5, Gap = 2, Mark = 2;

    /// <summary>From this height of the body on all panes are shown; below it only the one that keys are about.</summary>
    private const int AllPanes = 11;

    /// <summary>Draws a frame.</summary>
    /// <returns>As many lines as the terminal has, each exactly as wide.</returns>
    public static IReadOnlyList<string> Render(WatchModel model, TableSize size, bool colour)
    {
        var lines = new List<string>(Math.Max(size.Height, 0));
        if (size.Width <= 0 || size.Height <= 0)
            return lines;

        List<string> keys = Keys(model.Keys, size, colour);
        bool hasMessage = size.Height >= 5;
        int body = BodyHeight(model, size);
        if (size.Height > 1)
            lines.Add(Title(new StyledLine(size.Width, colour), model, size.Width));
        if (model.Panel is { } panel)
            Panel(lines, panel, body, size.Width, colour);
        else
            Panes(lines, model, body, size.Width, colour);
        while (lines.Count < body + 1)
            lines.Add(new StyledLine(size.Width, colour).ToString());
        if (hasMessage)
            lines.Add(new StyledLine(size.Width, colour).Skip(1).Put(model.Message, model.IsBad ? Style.Warning : Style.Good).ToString());
        lines.AddRange(keys);
        return [.. lines.TakeLast(size.Height)];
    }

    /// <summary>Rows between the title and the message.</summary>
    public static int BodyHeight(WatchModel model, TableSize size) =>
        Math.Max(0, size.Height - 1 - (size.Height >= 5 ? 1 : 0) - Keys(model.Keys, size, colour: false).Count);

    private static string Title(StyledLine line, WatchModel model, int width)
    {
        string clock = Durations.Clock(model.Elapsed);
        line.Skip(1).Put($"ssb-conn {model.Command}", Style.Heading);
        if (width - line.Used > clock.Length + 8)
            line.Skip(3).Cell(model.Peer, width - line.Used - clock.Length - 3, model.IsGone ? Style.Warning : Style.Quiet);
        return line.Skip(width - line.Used - clock.Length - 1).Put(clock, Style.Quiet).ToString();
    }

    private static void Panes(List<string> lines, WatchModel model, int body, int width, bool colour)
    {
        bool all = body >= AllPanes;
        IReadOnlyList<WatchPane> shown = all ? model.Panes : [model.Panes[(int)model.Focus]];
        int[] rows = Share(shown, model.Focus, body - shown.Count - (all ? shown.Count - 1 : 0));
        for (int i = 0; i < shown.Count; i++)
        {
            if (i > 0)
                lines.Add(new StyledLine(width, colour).ToString());
            Pane(lines, shown[i], rows[i], model, width, colour);
        }
    }

    /// <summary>How many rows each pane gets: what it needs if there is room, else at most a quarter for those that keys are not about.</summary>
    private static int[] Share(IReadOnlyList<WatchPane> panes, Pool focus, int rows)
    {
        int[] share = [.. panes.Select(pane => Math.Max(1, pane.Entries.Count))];
        if (share.Sum() <= rows)
            return share;
        for (int i = 0; i < share.Length; i++)
            share[i] = panes[i].Pool == focus ? 0 : Math.Min(share[i], Math.Max(1, rows / 4));
        int left = Math.Max(0, rows - share.Sum());
        for (int i = 0; i < share.Length; i++)
            share[i] += panes[i].Pool == focus ? left : 0;
        return share;
    }

    private static void Pane(List<string> lines, WatchPane pane, int rows, WatchModel model, int width, bool colour)
    {
        bool isFocus = pane.Pool == model.Focus;
        int first = Math.Clamp(pane.Selected - rows / 2, 0, Math.Max(0, pane.Entries.Count - rows));
        int last = Math.Min(pane.Entries.Count, first + rows);
        string range = pane.Entries.Count > rows ? $"{first + 1}-{last} of {pane.Entries.Count}" : "";

        string name = pane.Pool switch { Pool.Bench => "Bench", Pool.Hub => "Hub", _ => "Book" };
        IReadOnlyList<string> headings = [pane.IsKnown ? $"{name} {pane.Entries.Count}" : name, .. PoolTable.Headings(pane.Pool).Skip(1)];
        var heading = new StyledLine(width, colour);
        Row(heading, pane.Pool, isFocus ? ">" : "", headings, isFocus ? Style.Heading : Style.Quiet, Style.Quiet, width);
        if (heading.Used + range.Length + 1 < width) // else the headings leave no room for it
            heading.Skip(width - heading.Used - range.Length - 1).Put(range, Style.Quiet);
        lines.Add(heading.ToString());

        if (pane.Entries.Count == 0 && rows > 0)
            lines.Add(new StyledLine(width, colour).Skip(Mark).Put(pane.Empty, Style.Quiet).ToString());
        for (int i = first; i < last; i++)
        {
            bool isSelected = isFocus && i == pane.Selected;
            var line = new StyledLine(width, colour && !isSelected);
            Style style = model.IsGone ? Style.Quiet : Style.Plain;
            Row(line, pane.Pool, isSelected ? ">" : "", PoolTable.Cells(pane.Pool, pane.Entries[i], model.Now), style, style, width);
            lines.Add(isSelected ? new StyledLine(width, colour).Put(line.ToString(), Style.Selected).ToString() : line.ToString());
        }
    }

    private static void Row(StyledLine line, Pool pool, string mark, IReadOnlyList<string> cells, Style first, Style rest, int width)
    {
        // The same columns at the same width, whatever else stands in the row: headings stand over what they are about.
        line.Cell(mark, Mark, first).Cell(cells[0], Peer, first);
        if (width >= 60)
            line.Skip(Gap).Cell(cells[1], Type, rest);
        if (width >= 40)
            line.Skip(Gap).Cell(cells[2], pool == Pool.Hub ? State : Times, rest);
        if (width >= 60 && pool != Pool.Bench) // that a peer was heard of again is told to nobody who follows the bench
            line.Skip(Gap).Cell(cells[3], Since, rest);
        line.Skip(Gap).Put(TerminalText.Fit(cells[4], width - line.Used), rest);
    }

    private static void Panel(List<string> lines, WatchPanel panel, int body, int width, bool colour)
    {
        foreach (string line in Wrapped(panel, width).Skip(ClampScroll(panel, body, width)).Take(body))
            lines.Add(new StyledLine(width, colour).Skip(1).Put(line).ToString());
    }

    /// <summary>Brings the scroll position of a panel into range.</summary>
    public static int ClampScroll(WatchPanel panel, int body, int width) =>
        Math.Clamp(panel.Scroll, 0, Math.Max(0, Wrapped(panel, width).Count() - body));

    /// <summary>The lines, broken where they do not fit; what is broken off is indented.</summary>
    private static IEnumerable<string> Wrapped(WatchPanel panel, int width)
    {
        int most = Math.Max(8, width - 2);
        foreach (string line in panel.Lines)
        {
            string rest = line, indent = "";
            while (indent.Length + TerminalText.Width(rest) > most)
            {
                int room = most - indent.Length;
                int cut = Cells(rest, room);
                int blank = rest.LastIndexOf(' ', cut - 1);
                int at = blank > room / 2 ? blank : cut;
                yield return indent + rest[..at].TrimEnd();
                rest = rest[at..].TrimStart();
                indent = "    ";
            }

            yield return indent + rest;
        }
    }

    /// <summary>How many characters of a text fit into so many cells; at least one.</summary>
    private static int Cells(string text, int cells)
    {
        int length = 0, used = 0;
        foreach (System.Text.Rune rune in text.EnumerateRunes())
        {
            used += TerminalText.Width(rune.ToString());
            if (used > cells && length > 0)
                break;
            length += rune.Utf16SequenceLength;
        }

        return length;
    }

    /// <summary>The keys, on one line or two. Those that do nothing now are grey, and left out where there are no colours.</summary>
    private static List<string> Keys(IReadOnlyList<WatchKey> keys, TableSize size, bool colour)
    {
        const int Between = 2;
        int most = size.Height >= 10 ? 2 : 1;
        var lines = new List<StyledLine> { new StyledLine(size.Width, colour).Skip(1) };
        int used = 1;
        for (int i = 0; i < keys.Count; i++)
        {
            WatchKey key = keys[i];
            int cells = TerminalText.Width(key.Key) + 1 + key.Label.Length;
            if (used > 1 && used + cells >= size.Width)
            {
                if (lines.Count == most)
                    break;
                lines.Add(new StyledLine(size.Width, colour).Skip(1));
                used = 1;
            }

            used += cells + Between;
            if (!colour && !key.Works)
                lines[^1].Skip(cells + Between); // room is left for it, so that the others stay in place
            else
                lines[^1].Put(key.Key, key.Works ? Style.Strong : Style.Quiet).Put($" {key.Label}", Style.Quiet).Skip(Between);
        }

        return [.. lines.Select(line => line.ToString())];
    }
}
