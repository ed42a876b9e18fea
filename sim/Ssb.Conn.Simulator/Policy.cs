namespace Ssb.Conn.Simulator;

/// <summary>How the managers of a simulation decide. Both are the same code.</summary>
internal sealed class Policy(string name, AdmissionOptions admission, SchedulerOptions scheduler, StagingOptions staging, HubOptions hub)
{
    private const int Unbounded = 100_000_000; // but for memory

    /// <summary>ssb-conn's.</summary>
    public static Policy Ssb { get; } = new("ssb-conn", AdmissionOptions.Unlimited, SchedulerOptions.Ssb,
        new StagingOptions { TimeToLive = StagingOptions.SsbTimeToLive, Capacity = Unbounded, SourceCapacity = Unbounded, GroupCapacity = Unbounded },
        new HubOptions { Capacity = Unbounded, MaxDials = Unbounded });

    /// <summary>Ours, by default.</summary>
    public static Policy Ours { get; } = new("ours", new AdmissionOptions(), new SchedulerOptions(), new ConnPluginOptions().Staging, new HubOptions());

    public string Name => name;

    // Rings of events and histories, which nobody reads here, are short; they decide nothing.
    public ConnPluginOptions Options(World world, SimHost host) => new()
    {
        OwnFeedId = host.FeedId,
        Autostart = false,
        Admission = admission,
        Staging = staging with { ChangeBuffer = 16 },
        Hub = hub with { ChangeBuffer = 1 },
        Db = new ConnDbOptions { ChangeBuffer = 1 },
        Scheduler = scheduler with { Seed = world.Random.Next() },
        HistoryPeers = 16,
        HistoryNotes = 1,
        TimeProvider = world.Time,
        Logger = world.Problems,
    };
}
