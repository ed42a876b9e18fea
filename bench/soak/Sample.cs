using System.Globalization;

namespace Ssb.Conn.Soak;

/// <summary>What the process under measurement holds at a moment.</summary>
/// <param name="Seconds">Since the crowd began to come.</param>
/// <param name="RssMiB">Resident memory; what the collector keeps of garbage is in it, unless <paramref name="LiveMiB"/> was measured.</param>
/// <param name="HeapMiB">Managed heap, garbage included.</param>
/// <param name="LiveMiB">Managed heap after a full collection; NaN where none was made.</param>
/// <param name="Handles">Open file descriptors but for those of assemblies and their symbols, which are opened when they are first needed; elsewhere, handles.</param>
/// <param name="Threads">Of the process.</param>
/// <param name="Timers">Active ones.</param>
/// <param name="Pending">Work items that wait for a thread.</param>
/// <param name="Tasks">That the network runs: greetings, and what lasts as long as a connection.</param>
/// <param name="Connections">With peers.</param>
/// <param name="Hub">Peers in it.</param>
/// <param name="Bench">Peers on it.</param>
/// <param name="Book">Peers in it.</param>
/// <param name="CpuSeconds">Of the process, so far.</param>
/// <param name="Load">The machine's, in the last minute; NaN where it is not told.</param>
internal sealed record Sample(
    double Seconds, double RssMiB, double HeapMiB, double LiveMiB, int Handles, int Threads, long Timers, long Pending, int Tasks, int Connections, int Hub, int Bench, int Book, double CpuSeconds, double Load)
{
    public static string CsvHead => "seconds,rss MiB,heap MiB,live heap MiB,handles,threads,timers,pending,network tasks,connections,hub,bench,address book,CPU s,load";

    public string ToCsv() => string.Create(CultureInfo.InvariantCulture,
        $"{Seconds:0.0},{RssMiB:0.00},{HeapMiB:0.00},{(double.IsNaN(LiveMiB) ? "" : LiveMiB.ToString("0.000", CultureInfo.InvariantCulture))},{Handles},{Threads},{Timers},{Pending},{Tasks},{Connections},{Hub},{Bench},{Book},{CpuSeconds:0.00},{(double.IsNaN(Load) ? "" : Load.ToString("0.00", CultureInfo.InvariantCulture))}");

    /// <param name="host">Whose.</param>
    /// <param name="seconds">See <see cref="Seconds"/>.</param>
    /// <param name="isFull">With a full collection?</param>
    public static Sample Take(Host host, double seconds, bool isFull)
    {
        double live = double.NaN;
        if (isFull)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true); // what it holds no more goes back to the system
            live = GC.GetTotalMemory(forceFullCollection: false) / 1048576.0;
        }

        using var process = System.Diagnostics.Process.GetCurrentProcess();
        ConnPlugin conn = host.Peer.Conn;
        return new Sample(seconds, process.WorkingSet64 / 1048576.0, GC.GetTotalMemory(forceFullCollection: false) / 1048576.0, live,
            OperatingSystem.IsLinux() ? CountDescriptors() : process.HandleCount,
            process.Threads.Count, CountTimers(), ThreadPool.PendingWorkItemCount, host.Peer.Network.RunningTasks, host.Peer.Network.Connections.Count,
            conn.Hub.Count, conn.Staging.Count, conn.Db.Count, process.TotalProcessorTime.TotalSeconds, ReadLoad());
    }

#pragma warning disable RS0030 // counted, not used
    private static long CountTimers() => Timer.ActiveCount;
#pragma warning restore RS0030

    private static int CountDescriptors() => Directory.EnumerateFileSystemEntries("/proc/self/fd")
        .Count(fd => new FileInfo(fd).LinkTarget is { } target && !target.EndsWith(".dll", StringComparison.Ordinal) && !target.EndsWith(".pdb", StringComparison.Ordinal));

    private static double ReadLoad() => OperatingSystem.IsLinux() ? double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture) : double.NaN;
}
