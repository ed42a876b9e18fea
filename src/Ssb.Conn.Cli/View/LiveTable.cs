namespace Ssb.Conn.Cli.View;

/// <summary>Turns the bench at one moment into the rows of text of one frame. Pure: no clock, no terminal.</summary>
internal static class LiveTable
{
    /// <summary>For so long a newcomer is marked.</summary>
    public static readonly TimeSpan NewFor = TimeSpan.FromSeconds(1.5);

    /// <summary>With so little time left a peer is dimmed: it missed two announcements and more.</summary>
    public static readonly TimeSpan NearExpiry = TimeSpan.FromSeconds(4);

    private const string Hint = "Nobody yet. Peers announce themselves every 2 seconds.";
    private const string SecondHint = "No SSB near this computer? See: ssb-conn discover --neighbours 5";

    /// <summary>How many peers fit on a terminal so high.</summary>
    public static int BodyHeight(int height) => Math.Max(0, height - HeaderHeight(height) - (height >= 4 ? 1 : 0));

    /// <summary>Brings a scroll position into range: the last page stays full.</summary>
    public static int ClampScroll(int scroll, int count, int height) =>
        Math.Clamp(scroll, 0, Math.Max(0, count - BodyHeight(height)));

    /// <summary>Draws a frame.</summary>
    /// <param name="model">What to show.</param>
    /// <param name="size">The terminal.</param>
    /// <param name="scroll">Index of the first peer shown; brought into range.</param>
    /// <param name="colour">Whether escape sequences may set colours.</param>
    /// <returns>As many lines as the terminal has, each exactly as wide.</returns>
    public static IReadOnlyList<string> Render(TableModel model, TableSize size, int scroll, bool colour)
    {
        var lines = new List<string>(Math.Max(size.Height, 0));
        if (size.Width <= 0 || size.Height <= 0)
            return lines;

        StyledLine Line() => new(size.Width, colour);
        TableColumns columns = TableColumns.For(size.Width);
        int header = HeaderHeight(size.Height);
        int body = BodyHeight(size.Height);
        scroll = ClampScroll(scroll, model.Count, size.Height);

        if (header != 1 && header != 2)
            lines.Add(Title(Line(), model, size.Width));
        if (header >= 1)
            lines.Add(Bench(Line(), model));
        if (header >= 5)
        {
            lines.Add(Lan(Line(), model));
            lines.Add(Line().Skip(1).Put(model.Notice, Style.Warning).ToString());
        }

        if (header >= 2)
            lines.Add(Headings(Line(), columns));

        foreach (PeerRow row in model.Rows(scroll, Math.Min(body, model.Count - scroll)))
            lines.Add(Peer(Line(), columns, row, model));

        if (model.Count == 0 && body >= 4)
        {
            lines.Add(Line().ToString());
            lines.Add(Line().Skip(TableColumns.Marks).Put(Hint, Style.Quiet).ToString());
            lines.Add(Line().Skip(TableColumns.Marks).Put(SecondHint, Style.Quiet).ToString());
        }

        while (lines.Count < header + body)
            lines.Add(Line().ToString());
        if (lines.Count < size.Height)
            lines.Add(Footer(Line(), model.Count, scroll, body, size.Width));
        return lines;
    }

    // 5: title, bench, lan, notice, headings. 3: title, bench, headings. 2: bench, headings. 1: bench.
    private static int HeaderHeight(int height) => height switch { >= 12 => 5, >= 7 => 3, >= 4 => 2, _ => 1 };

    private static string Title(StyledLine line, TableModel model, int width)
    {
        string clock = Durations.Clock(model.Elapsed);
        line.Skip(1).Put("ssb-conn discover", Style.Heading);
        if (width - line.Used > clock.Length + 12)
            line.Skip(3).Cell(model.Title, width - line.Used - clock.Length - 3, Style.Quiet);
        return line.Skip(width - line.Used - clock.Length - 1).Put(clock, Style.Quiet).ToString();
    }

    private static string Bench(StyledLine line, TableModel model)
    {
        line.Skip(1);
        Figure(line, $"{model.Count:N0}", " staged", Style.Strong);
        Figure(line, $"{model.Verified:N0}", " verified", model.Verified > 0 ? Style.Good : Style.Quiet, first: false);
        Figure(line, model.Seen, " seen", Style.Plain, first: false);
        Figure(line, $"{model.Expired:N0}", " expired", Style.Plain, first: false);
        return line.ToString();
    }

    private static string Lan(StyledLine line, TableModel model)
    {
        line.Skip(1);
        Figure(line, $"{model.Heard:N0}", " datagrams heard", Style.Plain);
        Figure(line, $"{model.Rejected:N0}", " rejected", model.Rejected > 0 ? Style.Warning : Style.Plain, first: false);
        Figure(line, $"{model.RateLimited:N0}", " rate-limited", model.RateLimited > 0 ? Style.Warning : Style.Plain, first: false);
        return line.ToString();
    }

    private static void Figure(StyledLine line, string number, string name, Style style, bool first = true)
    {
        if (!first)
            line.Put("   ");
        line.Put(number, style).Put(name, Style.Quiet);
    }

    private static string Headings(StyledLine line, TableColumns columns)
    {
        line.Skip(TableColumns.Marks);
        Cells(line, columns, "PEER", "TYPE", "ADDRESS", "TOLD BY", "AGE", "HEARD", Style.Quiet);
        return line.Cell("LEFT", columns.LeftWidth, Style.Quiet, right: columns.Bar == 0).ToString();
    }

    private static string Peer(StyledLine line, TableColumns columns, PeerRow row, TableModel model)
    {
        TimeSpan age = model.Now - row.Birth;
        TimeSpan silent = model.Now - row.Updated;
        TimeSpan? left = model.TimeToLive - silent;
        bool isNew = age < NewFor;
        bool leaving = left < NearExpiry;
        Style style = isNew ? Style.Strong : leaving ? Style.Quiet : Style.Plain;

        line.Put(isNew ? "+" : " ", Style.Good);
        line.Put(
            row.ByOthers ? "!" : row.Verified ? "✓" : "·",
            leaving ? Style.Quiet : row.ByOthers ? Style.Warning : row.Verified ? Style.Good : Style.Quiet).Skip(1);
        Cells(line, columns, row.Key, row.Type, row.Address, row.Source, Durations.Short(age), Durations.Short(silent), style);
        if (left is { } time)
            Left(line, columns, time, model.TimeToLive!.Value, leaving); // not null: left was made from it
        return line.ToString();
    }

    private static void Cells(
        StyledLine line, TableColumns columns, string key, string type, string address, string source, string age, string heard, Style style)
    {
        line.Cell(key, columns.Key, style).Skip(TableColumns.Gap);
        Optional(type, columns.Type);
        Optional(address, columns.Address);
        Optional(source, columns.Source);
        Optional(age, columns.Age, right: true);
        Optional(heard, columns.Heard, right: true);

        void Optional(string text, int cells, bool right = false)
        {
            if (cells > 0)
                line.Cell(text, cells, style, right).Skip(TableColumns.Gap);
        }
    }

    private static void Left(StyledLine line, TableColumns columns, TimeSpan left, TimeSpan timeToLive, bool leaving)
    {
        if (columns.Bar > 0)
        {
            int full = (int)Math.Ceiling(Math.Clamp(left / timeToLive, 0, 1) * columns.Bar);
            line.Put(new string('━', full), leaving ? Style.Warning : Style.Good);
            line.Put(new string('─', columns.Bar - full), Style.Quiet).Skip(1);
        }

        line.Cell(Durations.Short(TimeSpan.FromSeconds(Math.Ceiling(left.TotalSeconds))), columns.Bar == 0 ? columns.LeftWidth : TableColumns.Seconds, Style.Quiet, right: true);
    }

    private static string Footer(StyledLine line, int count, int scroll, int body, int width)
    {
        string range = count > body ? $"{scroll + 1:N0}-{Math.Min(count, scroll + body):N0} of {count:N0}" : "";
        ReadOnlySpan<string> keys = count > body
            ? ["↑ ↓ PgUp PgDn Home End  scroll     q  quit", "↑ ↓  scroll   q  quit", "q  quit", ""]
            : ["q  quit", ""];
        foreach (string text in keys)
        {
            if (TerminalText.Width(text) + range.Length + 4 > width && text.Length > 0)
                continue;
            line.Skip(1).Put(text, Style.Quiet).Skip(width - line.Used - range.Length - 1).Put(range, Style.Quiet);
            break;
        }

        return line.ToString();
    }
}
