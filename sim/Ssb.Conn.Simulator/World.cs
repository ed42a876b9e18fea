using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Ssb.Conn.Simulator;

/// <summary>All that is simulated, in virtual time, on one thread.</summary>
internal sealed class World(Policy policy, int seed)
{
    public static readonly DateTimeOffset Start = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000);

    private readonly List<ITimer> _timers = [];

    public VirtualTime Time { get; } = new(Start);

    public Random Random { get; } = new(seed);

    public Policy Policy => policy;

    public Problems Problems { get; } = new();

    /// <summary>What each address leads to; an address that is not here leads nowhere.</summary>
    public Dictionary<MultiserverAddress, Place> Places { get; } = [];

    public List<Lan> Lans { get; } = [];

    public List<Room> Rooms { get; } = [];

    public List<Pub> Pubs { get; } = [];

    public List<SimHost> Hosts { get; } = [];

    public HashSet<FeedId> HostileIds { get; } = [];

    /// <summary>Sources that tell of attackers.</summary>
    public HashSet<string> HostileSources { get; } = [];

    /// <summary>Addresses that attackers tell of, those of honest identities included.</summary>
    public HashSet<MultiserverAddress> HostileAddresses { get; } = [];

    /// <summary>Nobody reaches anybody.</summary>
    public bool IsOut { get; set; }

    public long Dials { get; private set; }

    public long FailedDials { get; private set; }

    /// <summary>How long it has been going on.</summary>
    public TimeSpan Now => TimeSpan.FromTicks(Time.GetTimestamp());

    public void After(TimeSpan wait, Action action) => Time.CreateTimer(static a => ((Action)a!)(), action, wait, Timeout.InfiniteTimeSpan);

    public void Every(TimeSpan period, TimeSpan first, Action action) => _timers.Add(Time.CreateTimer(static a => ((Action)a!)(), action, first, period));

    /// <summary>Over the internet, one way.</summary>
    public TimeSpan Latency() => TimeSpan.FromMilliseconds(20 + (Random.NextDouble() * 130));

    /// <summary>Waits that have no memory.</summary>
    public TimeSpan Wait(TimeSpan mean) => mean * -Math.Log(1 - Random.NextDouble());

    /// <summary>A host dials. What is not there, or not to be reached from here, says nothing, and the deadline ends it; what is down refuses.</summary>
    public Task<IPeerConnection> DialAsync(SimHost from, MultiserverAddress address, CancellationToken cancellationToken)
    {
        Dials++;
        var dial = new TaskCompletionSource<IPeerConnection>(); // continues inline
        cancellationToken.UnsafeRegister(_ =>
        {
            if (dial.TrySetCanceled(cancellationToken))
                FailedDials++;
        }, null);
        if (Places.TryGetValue(address, out Place? place) && (place.Lan is null || place.Lan == from.Lan))
        {
            TimeSpan latency = place.Lan is null ? Latency() : Latency() / 20;
            After(latency * 4, () => Answer(from, address, place, latency, dial)); // SYN and the four messages of the handshake
        }

        return dial.Task;
    }

    /// <summary>An attacker calls a host, as one of its identities.</summary>
    /// <returns>The attacker's end; null if it was not let in.</returns>
    public SimConnection? Call(SimNode caller, string key, MultiserverAddress callerAddress, SimHost host)
    {
        if (!host.Welcomes(Names.Id(key)))
            return null;
        (SimConnection near, SimConnection far) = SimConnection.Make(caller, Names.Id(key), callerAddress, host.LanAddress, new Place(host, host.Key, host.Lan), Latency() / 20);
        host.Take(far);
        return near;
    }

    private void Answer(SimHost from, MultiserverAddress address, Place place, TimeSpan latency, TaskCompletionSource<IPeerConnection> dial)
    {
        if (dial.Task.IsCompleted)
            return;
        bool isThere = from.IsUp && !IsOut && (place.Room is not { } room || (room.Has(from) && (place.Node is not SimHost target || room.Has(target))));
        if (!isThere || !place.Node.Welcomes(from.FeedId))
        {
            FailedDials++;
            dial.TrySetException(new ConnectFailedException("refused"));
            return;
        }

        MultiserverAddress caller = place.Room is { } through ? from.TunnelThrough(through) : from.CallingAddress;
        (SimConnection near, SimConnection far) = SimConnection.Make(from, from.FeedId, caller, address, place, latency);
        place.Node.Take(far);
        if (!dial.TrySetResult(near))
            near.Cut();
        from.Met(near);
    }
}

/// <summary>Counts what managers complain of: a run in which they do is worth nothing.</summary>
internal sealed class Problems : ILogger
{
    public List<string> All { get; } = [];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel) && All.Count < 100)
            All.Add(string.Create(CultureInfo.InvariantCulture, $"{formatter(state, exception)} {exception}"));
    }
}
