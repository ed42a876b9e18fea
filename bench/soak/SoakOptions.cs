using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Ssb.Conn.Soak;

/// <summary>What the command line asks for.</summary>
internal sealed record SoakOptions
{
    public double Minutes { get; init; } = 60;

    public int Seed { get; init; } = 1;

    /// <summary>Where the results go.</summary>
    public string Output { get; init; } = ResultsFolder();

    /// <summary>What a reader of the results should know, such as what else ran on the machine.</summary>
    public string Note { get; init; } = "";

    /// <summary>What is leaked on purpose, to show that the verdict can fail.</summary>
    public Leak Leak { get; init; }

    public static bool TryRead(string[] args, [NotNullWhen(true)] out SoakOptions? options)
    {
        options = null;
        var read = new SoakOptions();
        for (int i = 0; i < args.Length; i += 2)
        {
            string value = i + 1 < args.Length ? args[i + 1] : "";
            switch (args[i])
            {
                case "--minutes" when double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double minutes) && minutes >= 1:
                    read = read with { Minutes = minutes };
                    break;
                case "--seed" when int.TryParse(value, CultureInfo.InvariantCulture, out int seed):
                    read = read with { Seed = seed };
                    break;
                case "--output" when value.Length > 0:
                    read = read with { Output = value };
                    break;
                case "--note" when value.Length > 0:
                    read = read with { Note = value };
                    break;
                case "--leak" when Enum.TryParse(value, ignoreCase: true, out Leak leak):
                    read = read with { Leak = leak };
                    break;
                default:
                    return false;
            }
        }

        options = read;
        return true;
    }

    public static int Explain()
    {
        Console.Error.WriteLine("soak [--minutes 60] [--seed 1] [--output FOLDER] [--note TEXT] [--leak heap|handles|timers|tasks|threads|book]; 1 minute is the least");
        return 2;
    }

    private static string ResultsFolder([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "results")); // a file has a folder
}
