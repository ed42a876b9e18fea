using System.Diagnostics;
using System.Runtime.InteropServices;
using Ssb.Wire;

namespace Ssb.Conn.Benchmarks;

/// <summary>The tool's peer, natively compiled, beside a JavaScript peer (secret-stack, ssb-master, ssb-conn), each in a process of its own; what calls them is this
/// program.</summary>
internal static class PeerBenchmarks
{
    private const int Starts = 11;
    private const int Callers = 1_000, CallersAtATime = 16;
    private const int Storm = 500, StormReaders = 10, StormAtATime = 32;
    private static readonly TimeSpan s_rest = TimeSpan.FromSeconds(10);

    private static readonly Lazy<string?> s_tool = new(Publish);

    /// <summary>Why nothing can be measured; null: it can.</summary>
    public static string? Obstacle => s_tool.Value is null ? "it needs a linker for native executables, clang or gcc" : null;

    public static void Start(Table table) => StartAsync(table).Wait();

    public static void Rest(Table table) => RestAsync(table).Wait();

    public static void Call() => CallersAsync().Wait();

    public static void Stage() => StormAsync().Wait();

    private static string[] Ours(string folder, int port) =>
        [s_tool.Value!, "start", "--quiet", "--path", folder, "--no-lan", "--no-dial", "--host", "127.0.0.1", "--port", $"{port}", "--callers", "2000", "--callers-per-source", "2000"]; // no obstacle

    private static string[] Theirs(string folder, int port) =>
        ["node", "--no-deprecation", Path.Combine(AppContext.BaseDirectory, "peer-side.js"), AppContext.BaseDirectory, folder, $"{port}"];

    private static async Task StartAsync(Table table)
    {
        var times = new List<(double Ours, double Theirs)>();
        for (int i = 0; i < Starts + 1; i++)
        {
            double a, b;
            using (RunningPeer peer = await RunningPeer.StartAsync(Ours))
                a = peer.UntilFirstAnswer.TotalNanoseconds;
            using (RunningPeer peer = await RunningPeer.StartAsync(Theirs))
                b = peer.UntilFirstAnswer.TotalNanoseconds;
            if (i > 0) // the first one brings the files into memory
                times.Add((a, b));
        }

        table.AtLeast("start to first answer", Table.Ns(Measure.Median(times.Select(t => t.Ours))), Table.Ns(Measure.Median(times.Select(t => t.Theirs))),
            Measure.Median(times.Select(t => t.Theirs / t.Ours)), 10);
    }

    private static async Task RestAsync(Table table)
    {
        using RunningPeer a = await RunningPeer.StartAsync(Ours), b = await RunningPeer.StartAsync(Theirs);
        await Task.Delay(s_rest, TimeProvider.System);
        table.AtMost("memory at rest, resident", Mebibytes(a.Resident), Mebibytes(b.Resident), (double)a.Resident / b.Resident, 0.25);
    }

    private static async Task CallersAsync()
    {
        (TimeSpan time, long grown, long resident) = await ConnectAsync(Ours);
        (TimeSpan theirTime, long theirGrown, long theirResident) = await ConnectAsync(Theirs);
        Table.WritePair($"{Callers:N0} peers call: until all are in its hub", Table.Ns(time.TotalNanoseconds), Table.Ns(theirTime.TotalNanoseconds), $"{theirTime / time:N1} x faster");
        Table.WritePair($"... memory with them", Mebibytes(resident), Mebibytes(theirResident), $"{(double)resident / theirResident:0.00} x");
        Table.WritePair($"... of it for one connection", $"{grown / Callers / 1024.0:N1} KiB", $"{theirGrown / Callers / 1024.0:N1} KiB", $"{(double)grown / theirGrown:0.00} x");
    }

    private static async Task<(TimeSpan Time, long Grown, long Resident)> ConnectAsync(Func<string, int, string[]> command)
    {
        KeyPair[] keys = [.. Enumerable.Range(0, Callers).Select(_ => KeyPair.Generate())];
        using RunningPeer peer = await RunningPeer.StartAsync(command);
        await Task.Delay(s_rest / 4, TimeProvider.System);
        long before = peer.Resident;
        var calls = new RpcConnection[Callers];
        int next = -1;
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, CallersAtATime).Select(async _ =>
        {
            while (Interlocked.Increment(ref next) is var i && i < Callers)
                calls[i] = await peer.DialAsync(keys[i]);
        }));
        await foreach (RpcValue now in peer.Owner.Source("conn.peers"))
        {
            if (now.AsJson().GetArrayLength() >= Callers)
                break;
        }

        TimeSpan time = Stopwatch.GetElapsedTime(start);
        await Task.Delay(s_rest, TimeProvider.System);
        long resident = peer.Resident;
        foreach (RpcConnection call in calls)
            await call.DisposeAsync();
        foreach (KeyPair key in keys)
            key.Dispose();
        return (time, resident - before, resident);
    }

    private static async Task StormAsync()
    {
        (TimeSpan time, long states) = await StageAsync(Ours);
        (TimeSpan theirTime, long theirStates) = await StageAsync(Theirs);
        Table.WritePair($"{Storm} peers staged over muxrpc, until each of {StormReaders} readers of stagedPeers has all", Table.Ns(time.TotalNanoseconds), Table.Ns(theirTime.TotalNanoseconds),
            $"{theirTime / time:N1} x faster");
        Table.WritePair("... states that the readers were sent meanwhile", $"{states:N0}", $"{theirStates:N0}", "");
    }

    private static async Task<(TimeSpan Time, long States)> StageAsync(Func<string, int, string[]> command)
    {
        string[] addresses = [.. Enumerable.Range(0, Storm).Select(i =>
        {
            using KeyPair keys = KeyPair.Generate();
            return $"net:127.0.0.1:{10_000 + i}~shs:{keys.Id.ToBase64()}";
        })];
        using RunningPeer peer = await RunningPeer.StartAsync(command);
        long states = 0;
        long start = Stopwatch.GetTimestamp();
        Task[] readers = [.. Enumerable.Range(0, StormReaders).Select(async _ =>
        {
            await foreach (RpcValue now in peer.Owner.Source("conn.stagedPeers"))
            {
                Interlocked.Increment(ref states);
                if (now.AsJson().GetArrayLength() == Storm)
                    break;
            }
        })];
        int next = -1;
        await Task.WhenAll(Enumerable.Range(0, StormAtATime).Select(async _ =>
        {
            while (Interlocked.Increment(ref next) is var i && i < Storm)
                CheckBenchmarks.Expect((await peer.Owner.CallAsync("conn.stage", [addresses[i]])).AsJson().GetBoolean());
        }));
        await Task.WhenAll(readers);
        return (Stopwatch.GetElapsedTime(start), states);
    }

    private static string Mebibytes(long bytes) => $"{bytes / 1024.0 / 1024.0:N1} MiB";

    /// <summary>Compiles the tool natively, beside this program; null where that cannot be.</summary>
    private static string? Publish()
    {
        string source = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../../../src/Ssb.Conn.Cli")), target = Path.Combine(AppContext.BaseDirectory, "native");
        string linker = Has("clang") ? "clang" : "gcc";
        if (!Directory.Exists(source) || !Has(linker))
            return null;
        using Process publish = ChildProcess.Run("dotnet", "publish", source, "-c", "Release", "--nologo", "-v", "quiet", "-r", RuntimeInformation.RuntimeIdentifier, "-o", target,
            "-p:PublishAot=true", "-p:PackAsTool=false", $"-p:CppCompilerAndLinker={linker}");
        Console.Error.Write(publish.StandardOutput.ReadToEnd());
        publish.WaitForExit();
        return publish.ExitCode == 0 ? Path.Combine(target, "ssb-conn") : null;

        static bool Has(string program) => Environment.GetEnvironmentVariable("PATH")?.Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, program))) == true;
    }
}
