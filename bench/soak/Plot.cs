using System.Globalization;
using System.Text;

namespace Ssb.Conn.Soak;

/// <summary>The samples as a picture: panels, two in a row, over the minutes.</summary>
internal static class Plot
{
    private const int Columns = 2, Width = 430, Height = 150, Left = 60, Top = 60, Across = 70, Down = 62;

    public static string Draw(string title, IReadOnlyList<Sample> samples, double seconds, double restartAt)
    {
        Panel[] panels =
        [
            new("Memory, MiB", [new("resident", "#c33", s => s.RssMiB), new("managed heap", "#e90", s => s.HeapMiB), new("live after a full collection", "#06c", s => s.LiveMiB)]),
            new("Live heap, MiB", [new("live after a full collection", "#06c", s => s.LiveMiB)]),
            new("Open handles", [new("handles", "#06c", s => s.Handles), new("connections", "#393", s => s.Connections)]),
            new("Threads", [new("threads", "#06c", s => s.Threads), new("work items waiting", "#c33", s => s.Pending)]),
            new("Timers and tasks", [new("active timers", "#06c", s => s.Timers), new("tasks of the network", "#393", s => s.Tasks)]),
            new("Peers", [new("hub", "#c33", s => s.Hub), new("bench", "#e90", s => s.Bench), new("address book", "#06c", s => s.Book)]),
            new("Processor, % of a core", [new("this process, per 5 s", "#06c", Cpu)]),
            new("Load of the machine", [new("average of the last minute", "#999", s => s.Load)]),
        ];
        int rows = (panels.Length + Columns - 1) / Columns;
        int width = Left + (Columns * Width) + ((Columns - 1) * Across) + 20, height = Top + (rows * (Height + Down));
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left}\" y=\"20\" font-size=\"14\" font-weight=\"bold\">{title}</text>\n");
        for (int i = 0; i < panels.Length; i++)
            DrawPanel(svg, panels[i], samples, seconds, restartAt, Left + (i % Columns * (Width + Across)), Top + (i / Columns * (Height + Down)));
        return svg.Append("</svg>\n").ToString();

        double Cpu(Sample s)
        {
            int i = samples is List<Sample> list ? list.IndexOf(s) : 0;
            return i <= 0 ? double.NaN : 100 * (s.CpuSeconds - samples[i - 1].CpuSeconds) / (s.Seconds - samples[i - 1].Seconds);
        }
    }

    private static void DrawPanel(StringBuilder svg, Panel panel, IReadOnlyList<Sample> samples, double seconds, double restartAt, int left, int top)
    {
        double most = NiceCeiling(samples.SelectMany(s => panel.Lines.Select(l => l.Value(s))).Where(v => !double.IsNaN(v)).DefaultIfEmpty(1).Max());
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{left}\" y=\"{top - 8}\" font-weight=\"bold\">{panel.Title}</text>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{left}\" y=\"{top}\" width=\"{Width / 4}\" height=\"{Height}\" fill=\"#f3f3f3\"/><text x=\"{left + 4}\" y=\"{top + Height - 5}\" fill=\"#888\">warm-up</text>\n");
        for (int tick = 0; tick <= 4; tick++)
        {
            double value = most * tick / 4;
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{left}\" y1=\"{Y(value):F1}\" x2=\"{left + Width}\" y2=\"{Y(value):F1}\" stroke=\"#ddd\"/><text x=\"{left - 6}\" y=\"{Y(value) + 4:F1}\" text-anchor=\"end\">{value:0.##}</text>\n");
        }

        double minutes = seconds / 60, step = minutes > 12 ? Math.Ceiling(minutes / 6) : minutes / 4;
        for (double minute = 0; minute <= minutes + 0.001; minute += step)
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{X(minute * 60):F1}\" y1=\"{top + Height}\" x2=\"{X(minute * 60):F1}\" y2=\"{top + Height + 4}\" stroke=\"#888\"/><text x=\"{X(minute * 60):F1}\" y=\"{top + Height + 15}\" text-anchor=\"middle\">{minute:0.#}{(minute + step > minutes + 0.001 ? " min" : "")}</text>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{X(restartAt):F1}\" y1=\"{top}\" x2=\"{X(restartAt):F1}\" y2=\"{top + Height}\" stroke=\"#999\" stroke-dasharray=\"4 3\"/><text x=\"{X(restartAt) + 3:F1}\" y=\"{top + Height - 5}\" fill=\"#888\">started anew</text>\n");
        double legend = left;
        foreach (Line line in panel.Lines)
        {
            string points = string.Join(' ', samples.Where(s => !double.IsNaN(line.Value(s))).Select(s => string.Create(CultureInfo.InvariantCulture, $"{X(s.Seconds):F1},{Y(line.Value(s)):F1}")));
            svg.Append(CultureInfo.InvariantCulture, $"<polyline fill=\"none\" stroke=\"{line.Colour}\" stroke-width=\"1.2\" points=\"{points}\"/><text x=\"{legend:F0}\" y=\"{top + Height + 32}\" fill=\"{line.Colour}\">{line.Name}</text>\n");
            legend += 20 + (line.Name.Length * 6.2);
        }

        double X(double second) => left + (Width * second / seconds);
        double Y(double value) => top + Height - (Height * value / most);
    }

    // 1, 2, 4, 5 or 8 of some power of ten, so that quarters of it read well.
    private static double NiceCeiling(double value)
    {
        if (value <= 0)
            return 1;
        double power = Math.Pow(10, Math.Floor(Math.Log10(value)));
        return ((double[])[1, 2, 4, 5, 8, 10]).First(n => n * power >= value) * power;
    }

    private sealed record Line(string Name, string Colour, Func<Sample, double> Value);

    private sealed record Panel(string Title, IReadOnlyList<Line> Lines);
}
