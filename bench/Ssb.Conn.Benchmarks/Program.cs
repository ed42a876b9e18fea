using System.Runtime.InteropServices;
using Ssb.Conn.Benchmarks;

// dotnet run -c Release --project bench/Ssb.Conn.Benchmarks [-- [wire | manager | peer] [--full] [name ...]]
if (args is ["wire-end"])
    return WireEnd.Serve(); // a child of the benchmarks

bool isFull = args.Contains("--full");
string part = args.FirstOrDefault(a => a is "wire" or "manager" or "peer") ?? "staging";
string[] only = [.. args.Where(a => !a.StartsWith('-') && a != part)];
using NpmSide? npm = NpmSide.Start(part switch { "wire" => "wire-side.js", "manager" => "manager-side.js", _ => "npm-side.js" }, out string why);
var table = new Table();
(string Name, Action Run)[] benchmarks = part switch
{
    "wire" =>
    [
        ("handshakes", () => HandshakeBenchmarks.Run(table, npm)),
        ("boxstream", () => BoxStreamBenchmarks.Run(table, npm)),
        ("muxrpc", () => MuxrpcBenchmarks.Run(table, npm)),
    ],
    "manager" =>
    [
        ("db", () => DbBenchmarks.Run(table, npm)),
        ("ticks", () => ManagerBenchmarks.RunTicks(table, npm)),
        ("queries", () => ManagerBenchmarks.RunQueries(table, npm)),
    ],
    "peer" =>
    [
        ("start", () => PeerBenchmarks.Start(table)),
        ("rest", () => PeerBenchmarks.Rest(table)),
        ("callers", PeerBenchmarks.Call),
        ("storm", PeerBenchmarks.Stage),
    ],
    _ =>
    [
        ("check", () => CheckBenchmarks.Run(table, npm)),
        ("operations", () => OperationBenchmarks.Run(table)),
        ("growth", () => GrowthBenchmarks.Run(table, npm, isFull)),
        ("readers", () => ReaderBenchmarks.Run(table)),
        ("latency", () => LatencyBenchmarks.Run(table)),
        ("bounds", () => BoundsBenchmarks.Run(table)),
    ],
};
Console.WriteLine($"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} processors, {RuntimeInformation.FrameworkDescription}");
if (npm is null)
    Console.WriteLine($"The npm modules are left out: {why}.");
if (part == "peer" && (npm is null ? "it needs the npm modules" : PeerBenchmarks.Obstacle) is { } obstacle)
{
    Console.WriteLine($"Nothing is measured: {obstacle}.");
    return 1;
}

Console.WriteLine();
Table.WriteHead();
foreach ((string name, Action run) in benchmarks)
{
    if (only.Length == 0 || only.Contains(name))
        run();
}

return table.WriteFoot();
