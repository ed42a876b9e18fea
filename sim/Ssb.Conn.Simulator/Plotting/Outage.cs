using System.Globalization;
using System.Text;

namespace Ssb.Conn.Simulator;

/// <summary>Dials per minute and host while nobody reaches anybody, and around a night's sleep: a picture and a table.</summary>
internal static class Outage
{
    public static readonly TimeSpan Begins = TimeSpan.FromMinutes(20);
    public static readonly TimeSpan Ends = TimeSpan.FromMinutes(60);
    public static readonly TimeSpan Sleep = TimeSpan.FromMinutes(90); // the clock jumps; timers, which stood still meanwhile, go on
    public static readonly TimeSpan Night = TimeSpan.FromHours(8);
    public static readonly TimeSpan All = TimeSpan.FromMinutes(120);

    /// <summary>Writes the picture.</summary>
    /// <returns>The table.</returns>
    public static string Draw(SimOptions options, string file)
    {
        double[] ssb = Simulation.RunOutage(options, Policy.Ssb);
        double[] ours = Simulation.RunOutage(options, Policy.Ours);
        File.WriteAllText(file, Svg(ssb, ours));
        var table = new StringBuilder("| minute | | ssb-conn | ours |\n|---:|---|---:|---:|\n");
        foreach (int minute in Enumerable.Range(0, ssb.Length).Where(m => m % 10 == 0 || m == Begins.TotalMinutes + 1 || m == Ends.TotalMinutes + 1 || m == Sleep.TotalMinutes + 1))
            table.Append(CultureInfo.InvariantCulture, $"| {minute} | {What(minute)} | {ssb[minute]:F2} | {ours[minute]:F2} |\n");
        table.Append(CultureInfo.InvariantCulture, $"| most | | {ssb.Max():F2} | {ours.Max():F2} |\n");
        return table.ToString();
    }

    private static string What(int minute) => minute >= Begins.TotalMinutes && minute < Ends.TotalMinutes ? "outage" : minute == Sleep.TotalMinutes ? "after 8 h of sleep" : "";

    private static string Svg(double[] ssb, double[] ours)
    {
        const int Left = 50, Top = 20, Width = 720, Height = 240;
        double most = Math.Max(1, Math.Ceiling(ssb.Concat(ours).Max()));
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Left + Width + 20} {Top + Height + 50}\" font-family=\"sans-serif\" font-size=\"12\">\n");
        svg.Append("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{X(Begins)}\" y=\"{Top}\" width=\"{X(Ends) - X(Begins)}\" height=\"{Height}\" fill=\"#eee\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{X(Sleep)}\" y1=\"{Top}\" x2=\"{X(Sleep)}\" y2=\"{Top + Height}\" stroke=\"#999\" stroke-dasharray=\"4 3\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{X(Begins) + 4}\" y=\"{Top + 14}\">nobody reaches anybody</text><text x=\"{X(Sleep) + 4}\" y=\"{Top + 14}\">8 h of sleep</text>\n");
        for (int tick = 0; tick <= 4; tick++)
        {
            double value = most * tick / 4;
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{Left}\" y1=\"{Y(value):F1}\" x2=\"{Left + Width}\" y2=\"{Y(value):F1}\" stroke=\"#ddd\"/><text x=\"{Left - 6}\" y=\"{Y(value) + 4:F1}\" text-anchor=\"end\">{value:0.##}</text>\n");
        }

        for (int minute = 0; minute <= All.TotalMinutes; minute += 20)
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{X(TimeSpan.FromMinutes(minute))}\" y=\"{Top + Height + 16}\" text-anchor=\"middle\">{minute}</text>\n");
        Line(ssb, "#c33", "ssb-conn", Left);
        Line(ours, "#06c", "ours", Left + 80);
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left + Width}\" y=\"{Top + Height + 38}\" text-anchor=\"end\">dials per minute and host, by minute</text>\n</svg>\n");
        return svg.ToString();

        double X(TimeSpan at) => Left + (Width * at / All);
        double Y(double value) => Top + Height - (Height * value / most);

        void Line(double[] values, string colour, string name, int x)
        {
            string points = string.Join(' ', values.Select((v, minute) => string.Create(CultureInfo.InvariantCulture, $"{X(TimeSpan.FromMinutes(minute + 0.5)):F1},{Y(v):F1}")));
            svg.Append(CultureInfo.InvariantCulture, $"<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{points}\"/><text x=\"{x}\" y=\"{Top + Height + 38}\" fill=\"{colour}\">{name}</text>\n");
        }
    }
}
