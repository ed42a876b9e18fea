using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ssb.Conn;

/// <summary>How a <see cref="ConnPlugin"/> is set up.</summary>
public sealed record ConnPluginOptions
{
    /// <summary>The SSB folder, where <c>conn.json</c> and <c>conn-rules.json</c> are; null: nothing is kept.</summary>
    public string? Folder { get; init; }

    /// <summary>Our own feed id, <c>@...=.ed25519</c>: whoever has it is neither staged nor connected to.</summary>
    public FeedId? OwnFeedId { get; init; }

    /// <summary>Who is how far from us, and blocked; null: nobody knows, and every peer that is not blocked by a rule counts as
    /// <see cref="DefaultHops"/> away.</summary>
    public ISocialGraph? SocialGraph { get; init; }

    /// <summary>The distance of every peer where there is no <see cref="SocialGraph"/>; 0 or more, 2 unless set. (ssb-conn then dials rooms only.)</summary>
    public int DefaultHops { get; init; } = 2;

    /// <summary>Is there a network? Asked before each round of the scheduler; always, unless set. Quick, and throws nothing.</summary>
    public Func<bool> HasNetwork { get; init; } = static () => true;

    /// <summary>Does the scheduler start by itself? It does unless set, as ssb-conn's <c>autostart</c>.</summary>
    public bool Autostart { get; init; } = true;

    /// <summary>Who comes onto the bench.</summary>
    public AdmissionOptions Admission { get; init; } = new();

    /// <summary>The bench; with SSB's times to live unless set.</summary>
    public StagingOptions Staging { get; init; } = new() { TimeToLive = StagingOptions.SsbTimeToLive };

    /// <summary>The connections.</summary>
    public HubOptions Hub { get; init; } = new();

    /// <summary>The address book.</summary>
    public ConnDbOptions Db { get; init; } = new();

    /// <summary>What the scheduler keeps up.</summary>
    public SchedulerOptions Scheduler { get; init; } = new();

    /// <summary>Makes another scheduler in the place of <see cref="ConnScheduler"/>.</summary>
    public Func<ConnPlugin, IConnScheduler>? MakeScheduler { get; init; }

    /// <summary>How long the scheduler leaves a peer alone that a person has disconnected (<see cref="ConnPlugin.DisconnectAsync"/>). A person who
    /// connects to it, or undoes it, ends that. The peer may call. Zero: it may be dialled again at once, as by ssb-conn.</summary>
    /// <value>Defaults to 10 minutes; must be between zero and 365 days.</value>
    public TimeSpan DisconnectHold { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Of how many peers it is remembered what happened to them; 4,096 unless set.</summary>
    public int HistoryPeers { get; init; } = 4_096;

    /// <summary>How many things are remembered for each; 16 unless set.</summary>
    public int HistoryNotes { get; init; } = 16;

    /// <summary>Of how many addresses failed dials are remembered; 10,000 unless set.</summary>
    public int FailuresRemembered { get; init; } = 10_000;

    /// <summary>How often what pinging has shown is written to the address book; 1 minute unless set.</summary>
    public TimeSpan PingRecording { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Where time comes from, for all parts; the system's unless set.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Told what goes wrong; nobody unless set.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>Checks that each option is in its range and has an effect, as <see cref="ConnPlugin.OpenAsync"/> does.</summary>
    /// <exception cref="ArgumentException">An option is null or out of its range, or is set where another one is used in its place; the message
    /// names it.</exception>
    public void Validate()
    {
        ConnPluginOptions options = Checked();
        options.Staging.Checked();
        options.Hub.Checked();
        options.Db.Checked();
        options.Scheduler.Checked();
    }

    internal ConnPluginOptions Checked()
    {
        ArgumentNullException.ThrowIfNull(HasNetwork);
        ArgumentNullException.ThrowIfNull(Admission);
        ArgumentNullException.ThrowIfNull(Staging);
        ArgumentNullException.ThrowIfNull(Hub);
        ArgumentNullException.ThrowIfNull(Db);
        ArgumentNullException.ThrowIfNull(Scheduler);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        ArgumentNullException.ThrowIfNull(Logger);
        // Those of the parts, which are set below.
        ArgumentNullException.ThrowIfNull(Staging.TimeProvider);
        ArgumentNullException.ThrowIfNull(Hub.TimeProvider);
        ArgumentNullException.ThrowIfNull(Db.TimeProvider);
        ArgumentNullException.ThrowIfNull(Db.Logger);
        ArgumentOutOfRangeException.ThrowIfLessThan(DefaultHops, 0);
        ArgumentOutOfRangeException.ThrowIfLessThan(DisconnectHold, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(DisconnectHold, TimeSpan.FromDays(365));
        ArgumentOutOfRangeException.ThrowIfLessThan(HistoryPeers, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(HistoryNotes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(FailuresRemembered, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(PingRecording, TimeSpan.Zero);
        if (Folder is not null)
            ArgumentException.ThrowIfNullOrWhiteSpace(Folder);
        // What all parts have in common is set in one place. A part that has its own would be overwritten without a word.
        RefuseUnless(IsDefaultOr(Staging.TimeProvider), "Staging.TimeProvider", nameof(TimeProvider));
        RefuseUnless(IsDefaultOr(Hub.TimeProvider), "Hub.TimeProvider", nameof(TimeProvider));
        RefuseUnless(IsDefaultOr(Db.TimeProvider), "Db.TimeProvider", nameof(TimeProvider));
        RefuseUnless(Hub.OwnFeedId is null || Hub.OwnFeedId == OwnFeedId, "Hub.OwnFeedId", nameof(OwnFeedId));
        RefuseUnless(Db.Logger is NullLogger || Db.Logger == Logger, "Db.Logger", nameof(Logger));
        return this with
        {
            Folder = Folder is null ? null : Path.GetFullPath(Folder), // whatever becomes of the working directory
            Logger = SteadyLogger.Of(Logger),
            Admission = Admission.Checked(),
            Staging = Staging with { TimeProvider = TimeProvider },
            Hub = Hub with { TimeProvider = TimeProvider, OwnFeedId = OwnFeedId },
            Db = Db with { TimeProvider = TimeProvider, Logger = SteadyLogger.Of(Logger) },
        };
    }

    private bool IsDefaultOr(TimeProvider time) => time == TimeProvider.System || time == TimeProvider;

    private static void RefuseUnless(bool isGood, string option, string instead)
    {
        if (!isGood)
            throw new ArgumentException($"ConnPluginOptions.{option} is set, and has no effect: set ConnPluginOptions.{instead} instead.", option);
    }
}
