using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using Ssb.Wire;

namespace Ssb.Conn.Soak.Hostile;

/// <summary>One attack after another, each on a peer of its own with 8 honest ones connected and its owner at work: what they notice of it, and what it costs.</summary>
/// <remarks>Linux, where all of 127.0.0.0/8 is this machine: so each has an address of its own, as on the internet.</remarks>
internal static class HostileRun
{
    private const int HonestPeers = 8;
    private const double QuietSeconds = 5, AttackSeconds = 12, RestSeconds = 5;

    private static readonly IPAddress s_owner = IPAddress.Loopback, s_attacker = IPAddress.Parse("127.0.0.66"), s_newcomer = IPAddress.Parse("127.0.2.1");

    public static async Task<int> RunAsync(string[] only)
    {
        Console.WriteLine($"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} processors, {RuntimeInformation.FrameworkDescription}\n");
        Console.WriteLine("| attack | tries; frames | honest of 8 | newcomer: try, ms | from the attacker's address | owner's calls without, ms | with, ms | CPU s per s | memory before, highest, after, MiB | counted |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|---:|---:|---|");
        bool isGood = true;
        foreach ((string name, string what) in Attacker.All.Where(a => only.Length == 0 || only.Contains(a.Name)))
            isGood &= await RunAsync(name, what);
        return isGood ? 0 : 1;
    }

    private static async Task<bool> RunAsync(string name, string what)
    {
        var cast = new Cast(seed: 1);
        using AttackedPeer attacked = await AttackedPeer.StartAsync(cast);
        var wellMeaning = new WellMeaning(cast, attacked.Address);
        using KeyPair own = AttackedPeer.KeysOf(cast);
        await using RpcConnection owner = await wellMeaning.ConnectAsync(s_owner, own, default);
        Task<int> reading = ReadAsync(owner);
        RpcConnection[] honest = await Task.WhenAll(Enumerable.Range(1, HonestPeers).Select(async i =>
            await wellMeaning.ConnectAsync(IPAddress.Parse($"127.0.1.{i}"), cast.KeysOf(10 + i), default)));

        double[] without = await AskAsync(owner, QuietSeconds);
        double memory = attacked.RssMiB, highest = memory, cpu = attacked.CpuSeconds;
        using Process attack = Start(cast, attacked, name);
        long began = Stopwatch.GetTimestamp();
        using var over = new CancellationTokenSource(TimeSpan.FromSeconds(AttackSeconds), TimeProvider.System);
        Task<List<double>> asking = WellMeaning.AskAsync(owner, over.Token);
        await Crowd.Wait(2, default); // it is under way
        Task<(int, double)> elsewhere = wellMeaning.ComeAsync(s_newcomer, over.Token), beside = wellMeaning.ComeAsync(s_attacker, over.Token);
        while (!over.IsCancellationRequested)
        {
            await Crowd.Wait(0.1, default);
            highest = Math.Max(highest, attacked.RssMiB);
        }

        cpu = (attacked.CpuSeconds - cpu) / Stopwatch.GetElapsedTime(began).TotalSeconds;
        double[] with = [.. (await asking).Order()];
        string did = await attack.StandardOutput.ReadToEndAsync();
        await Crowd.Wait(RestSeconds, default);
        double after = attacked.RssMiB;
        int stayed = honest.Count(h => !h.Completion.IsCompleted);
        (int Try, double Ms) first = await elsewhere, second = await beside;
        string[] figures = did.Trim().Split(' ');
        string counters = await attacked.CountersAsync();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"| {name}: {what} | {long.Parse(figures[0], CultureInfo.InvariantCulture):N0}; {long.Parse(figures[^1], CultureInfo.InvariantCulture):N0} | {stayed} | {Words(first)} | {Words(second)} | {without[without.Length / 2]:0.0}, worst {without[^1]:0} | {with[with.Length / 2]:0.0}, worst {with[^1]:0} | {cpu:0.00} | {memory:0}, {highest:0}, {after:0} | {counters} |"));
        foreach (RpcConnection connection in honest)
            await connection.DisposeAsync();
        await owner.DisposeAsync();
        await ((Task)reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return stayed == HonestPeers && first.Try > 0;
    }

    private static async Task<double[]> AskAsync(RpcConnection owner, double seconds)
    {
        using var over = new CancellationTokenSource(TimeSpan.FromSeconds(seconds), TimeProvider.System);
        return [.. (await WellMeaning.AskAsync(owner, over.Token)).Order()];
    }

    private static async Task<int> ReadAsync(RpcConnection owner)
    {
        int seen = 0;
        await foreach (RpcValue _ in owner.Source("conn.stagedPeers"))
            seen++;
        return seen;
    }

    private static Process Start(Cast cast, AttackedPeer attacked, string name) => Process.Start(new ProcessStartInfo("dotnet",
        [Path.Combine(AppContext.BaseDirectory, "Ssb.Conn.Soak.dll"), "attacker", cast.Seed.ToString(CultureInfo.InvariantCulture), attacked.Address.Text, s_attacker.ToString(), name,
            AttackSeconds.ToString(CultureInfo.InvariantCulture)])
    { UseShellExecute = false, RedirectStandardOutput = true })!; // it is started anew

    private static string Words((int Try, double Ms) came) => came.Try == 0 ? "**not in**" : string.Create(CultureInfo.InvariantCulture, $"{came.Try}, {came.Ms:0}");
}
