using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Cli;

/// <summary>What is watched in one run: the bench, the discovery that fills it, and the counts.</summary>
internal sealed class Watch : IAsyncDisposable
{
    /// <summary>As SSB lets LAN peers live.</summary>
    public static readonly TimeSpan TimeToLive = StagingOptions.SsbTimeToLive["lan"];

    /// <summary>Addresses that one host on a LAN may hold on the bench; an honest one has one or two.</summary>
    private const int PerSender = 100;

    private readonly LanOptions _lan;
    private readonly LanDiscovery _discovery;
    private readonly LanAnnouncer? _announcer;
    private readonly Neighbours? _neighbours;
    private readonly long _start;

    /// <summary>Prepares everything; opens no port yet.</summary>
    public Watch(DiscoverOptions options, TimeProvider time)
    {
        Time = time;
        _start = time.GetTimestamp();
        _lan = options.Neighbours > 0
            ? Neighbours.LanFor(options.Neighbours, NetworkKey.Generate(), time)
            : new LanOptions
            {
                NetworkKey = options.NetworkKey,
                Interface = options.Interface,
                OwnKey = options.Keys?.Id,
                TimeProvider = time,
            };
        Staging = new ConnStaging(new StagingOptions
        {
            SourceCapacity = Math.Max(PerSender, options.Neighbours),
            TimeToLive = StagingOptions.SsbTimeToLive,
            ChangeBuffer = 16_384,
            TimeProvider = time,
        });
        _discovery = new LanDiscovery(_lan);
        if (options is { Announce: { } address, Keys: { } keys })
            _announcer = new LanAnnouncer(_lan, keys, address);
        if (options.Neighbours > 0)
            _neighbours = new Neighbours(options.Neighbours, options.Seed, _lan, time);
        Title = Describe(options);
    }

    public TimeProvider Time { get; }

    public ConnStaging Staging { get; }

    public Tally Tally { get; } = new();

    /// <summary>What is being watched, for a person.</summary>
    public string Title { get; }

    public TimeSpan Elapsed => Time.GetElapsedTime(_start);

    public LanCounters Counters => _discovery.Counters;

    /// <summary>What does not work at the moment, each a sentence.</summary>
    public IEnumerable<string> Problems => _discovery.Problems.Concat(_announcer?.Problems ?? []).Select(problem => problem.Message);

    /// <summary>Opens the ports and fills the bench until cancelled.</summary>
    /// <returns>Ends, with an error or by cancellation, after the ports are open.</returns>
    /// <exception cref="IOException">No port could be opened.</exception>
    public Task RunAsync(CancellationToken cancellationToken)
    {
        IAsyncEnumerable<StagingEvent> events = Staging.Listen(cancellationToken);
        IAsyncEnumerable<LanAnnouncement> heard = _discovery.DiscoverAsync(cancellationToken);
        _announcer?.Start();
        List<Task> tasks = [StageAsync(heard), CountAsync(events)];
        if (_neighbours is not null)
            tasks.Add(_neighbours.SpeakAsync(cancellationToken));
        return Together.RunAsync(tasks);
    }

    public async ValueTask DisposeAsync()
    {
        if (_announcer is not null)
            await _announcer.DisposeAsync();
        await _discovery.DisposeAsync();
        _neighbours?.Dispose();
        Staging.Dispose();
    }

    private async Task StageAsync(IAsyncEnumerable<LanAnnouncement> heard)
    {
        await foreach (LanAnnouncement announcement in heard)
            Tally.Count(announcement.FeedId.ToString(), Staging.TryStage(announcement));
    }

    private async Task CountAsync(IAsyncEnumerable<StagingEvent> events)
    {
        await foreach (StagingEvent happened in events)
            Tally.Count(happened);
    }

    private static string Describe(DiscoverOptions options)
    {
        if (options.Neighbours > 0)
            return $"{options.Neighbours:N0} {(options.Neighbours == 1 ? "neighbour" : "neighbours")} on this computer only";
        string where = options.Interface is null ? "the local network" : $"interface {options.Interface}";
        return options.Keys is null ? $"listening on {where}" : $"listening and announcing on {where}";
    }
}
