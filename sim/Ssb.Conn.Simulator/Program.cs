using System.Diagnostics;
using System.Globalization;
using Ssb.Conn.Simulator;

try
{
    SimOptions options = SimOptions.Parse(args);
    long start = TimeProvider.System.GetTimestamp();
    if (options.Plot is { } file)
        Console.Write(Outage.Draw(options, file));
    else
        Report.Of(options, Console.WriteLine);
    TimeSpan took = TimeProvider.System.GetElapsedTime(start);
    Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{took.TotalSeconds:F0} s, at most {Process.GetCurrentProcess().PeakWorkingSet64 >> 20:N0} MiB"));
    return 0;
}
catch (FormatException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}
