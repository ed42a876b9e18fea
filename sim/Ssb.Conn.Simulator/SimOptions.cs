using System.Globalization;

namespace Ssb.Conn.Simulator;

/// <summary>How large, how long, and by which seed.</summary>
internal sealed record SimOptions
{
    public int Seed { get; init; } = 1;

    /// <summary>Honest hosts in each simulation, newcomers not counted.</summary>
    public int Honest { get; init; } = 112;

    public double Hours { get; init; } = 1.5;

    /// <summary>Identities of the attacker at each place.</summary>
    public int Identities { get; init; } = 300;

    /// <summary>Only scenarios whose name contains this.</summary>
    public string Only { get; init; } = "";

    /// <summary>How many simulations run at a time. It changes no number.</summary>
    public int Jobs { get; init; } = Environment.ProcessorCount;

    /// <summary>Where to draw the dials of an outage and of a sleep, instead of the table.</summary>
    public string? Plot { get; init; }

    public static SimOptions Parse(string[] args)
    {
        var options = new SimOptions();
        for (int i = 0; i < args.Length; i += 2)
        {
            string value = i + 1 < args.Length ? args[i + 1] : throw new FormatException($"'{args[i]}' needs a value.");
            options = args[i] switch
            {
                "--seed" => options with { Seed = Count(value, 0) },
                "--honest" => options with { Honest = Count(value, 10) },
                "--hours" => options with { Hours = Number(value, 0.5, 240) },
                "--identities" => options with { Identities = Count(value, 1) },
                "--only" => options with { Only = value },
                "--jobs" => options with { Jobs = Count(value, 1) },
                "--plot" => options with { Plot = value },
                _ => throw new FormatException($"'{args[i]}' is unknown; there are --seed, --honest, --hours, --identities, --only, --jobs and --plot."),
            };
        }

        return options;
    }

    private static int Count(string value, int least) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= 20_000 ? number
            : throw new FormatException($"'{value}' is not a number from {least} to 20,000.");

    private static double Number(string value, double least, double most) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number >= least && number <= most ? number
            : throw new FormatException($"'{value}' is not a number from {least} to {most}.");
}
