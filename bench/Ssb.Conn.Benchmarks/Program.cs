using System.Runtime.InteropServices;
using Ssb.Conn.Benchmarks;

// dotnet run -c Release --project bench/Ssb.Conn.Benchmarks [-- [--full] [name ...]]
bool isFull = args.Contains("--full");
string[] only = [.. args.Where(a => !a.StartsWith('-'))];
using NpmSide? npm = NpmSide.Start(out string why);
var table = new Table();
var benchmarks = new (string Name, Action Run)[]
{
    ("check", () => CheckBenchmarks.Run(table, npm)),
    ("operations", () => OperationBenchmarks.Run(table)),
    ("growth", () => GrowthBenchmarks.Run(table, npm, isFull)),
    ("readers", () => ReaderBenchmarks.Run(table)),
    ("latency", () => LatencyBenchmarks.Run(table)),
    ("bounds", () => BoundsBenchmarks.Run(table)),
};
Console.WriteLine($"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} processors, {RuntimeInformation.FrameworkDescription}");
if (npm is null)
    Console.WriteLine($"The npm module is left out: {why}.");
Console.WriteLine();
Table.WriteHead();
foreach ((string name, Action run) in benchmarks)
{
    if (only.Length == 0 || only.Contains(name))
        run();
}

return table.WriteFoot();
