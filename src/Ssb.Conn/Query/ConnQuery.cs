// npm ssb-conn-query 1.2.2.
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Ssb.Conn;

/// <summary>Which peers could be connected to.</summary>
public enum ConnectablePool
{
    /// <summary>Those of the address book.</summary>
    Db,

    /// <summary>Those of the bench.</summary>
    Staging,

    /// <summary>Those of both; who is in both is given once, from the address book.</summary>
    DbAndStaging,
}

/// <summary>Questions across address book, hub and bench.</summary>
/// <remarks>Thread-safe. Answers are views of immutable entries, as they were at that moment; nothing is copied. Each peer is given once, by
/// address.</remarks>
/// <param name="db">The address book.</param>
/// <param name="hub">The connections.</param>
/// <param name="staging">The bench.</param>
public sealed class ConnQuery(ConnDb db, ConnHub hub, ConnStaging staging)
{
    /// <summary>Who is left out of suggestions: nobody unless set. Quick, and throws nothing.</summary>
    internal Func<ConnPeer, bool>? IsOut { private get; init; }

    /// <summary>Everybody: who could be connected to, and who is in connection.</summary>
    /// <exception cref="ObjectDisposedException">A pool is closed.</exception>
    public IReadOnlyCollection<ConnPeer> PeersAll()
    {
        HubPeer[] inHub = hub.Snapshot();
        ConnectablePeers connectable = Collect(ConnectablePool.DbAndStaging, inHub);
        return connectable with { InConnection = [.. inHub.Where(IsInConnection).Select(OfHub)] };
    }

    /// <summary>Who is connected.</summary>
    /// <exception cref="ObjectDisposedException">A pool is closed.</exception>
    public IReadOnlyList<ConnPeer> PeersConnected() => [.. hub.Snapshot().Where(p => p.State == HubState.Connected).Select(OfHub)];

    /// <summary>Who is being dialled.</summary>
    /// <exception cref="ObjectDisposedException">A pool is closed.</exception>
    public IReadOnlyList<ConnPeer> PeersConnecting() => [.. hub.Snapshot().Where(p => p.State == HubState.Connecting).Select(OfHub)];

    /// <summary>Who is connected or being dialled.</summary>
    /// <exception cref="ObjectDisposedException">A pool is closed.</exception>
    public IReadOnlyList<ConnPeer> PeersInConnection() => [.. hub.Snapshot().Where(IsInConnection).Select(OfHub)];

    /// <summary>Who could be connected to: who is in a pool and neither connected nor being dialled.</summary>
    /// <exception cref="ObjectDisposedException">A pool is closed.</exception>
    public IReadOnlyCollection<ConnPeer> PeersConnectable(ConnectablePool pool = ConnectablePool.Db) => Collect(pool, hub.Snapshot());

    /// <summary>Who could be connected to, one suggestion for each identity, with its routes in order of preference; those in connection by
    /// another route left out. Of a <see cref="ConnPlugin"/> also those that are blocked or dismissed, ourselves, and routes that can never be dialled
    /// here.</summary>
    /// <exception cref="ObjectDisposedException">A pool is closed.</exception>
    public IReadOnlyList<Suggestion> Suggestions()
    {
        HubPeer[] inHub = hub.Snapshot();
        HashSet<FeedId> taken = [.. inHub.Where(IsInConnection).Select(p => p.FeedId).OfType<FeedId>()];
        var routes = new Dictionary<FeedId, List<ConnPeer>>();
        var all = new List<List<ConnPeer>>();
        foreach (ConnPeer peer in Collect(ConnectablePool.DbAndStaging, inHub))
        {
            if (IsOut?.Invoke(peer) == true)
                continue;
            if (peer.FeedId is not { } key)
            {
                all.Add([peer]);
                continue;
            }

            if (taken.Contains(key))
                continue;
            ref List<ConnPeer>? known = ref CollectionsMarshal.GetValueRefOrAddDefault(routes, key, out bool exists);
            if (!exists)
                all.Add(known = []);
            known!.Add(peer); // made when it was not there
        }

        foreach (List<ConnPeer> several in all)
        {
            if (several.Count > 1)
                several.Sort(ByPreference);
        }

        return [.. all.Select(r => new Suggestion(r[0].FeedId, r.AsReadOnly()))];
    }

    /// <summary>Was it never tried?</summary>
    public static bool HasNoAttempts(ConnPeer peer) => peer.StateChangeMs is null or 0;

    /// <summary>Was it tried, and never with success?</summary>
    public static bool HasOnlyFailedAttempts(ConnPeer peer) => !HasNoAttempts(peer) && peer.MeanDurationMs == 0;

    /// <summary>Was it ever connected?</summary>
    public static bool HasSuccessfulAttempts(ConnPeer peer) => peer.MeanDurationMs > 0;

    /// <summary>Did it ever answer a ping?</summary>
    public static bool HasPinged(ConnPeer peer) => peer.Data.TryGet("ping", out JsonElement ping)
        && JsonGate.TryGetMember(ping, "rtt"u8, out JsonElement rtt) && PeerStatistics.MeanOf(rtt) > 0;

    /// <summary>Is it time to try a peer again, when the wait doubles with each failure? Always if its last change of state is in the future,
    /// where nothing can have happened. (There it waits for that time.)</summary>
    /// <param name="step">The wait without a failure.</param>
    /// <param name="longest">The longest wait; without bound if null.</param>
    /// <param name="at">The time.</param>
    public static Func<ConnPeer, bool> PassesExpBackoff(TimeSpan step, TimeSpan? longest, DateTimeOffset at) => peer =>
    {
        double wait = Math.Min(Math.Pow(2, peer.Failure) * step.TotalMilliseconds, longest?.TotalMilliseconds ?? double.PositiveInfinity);
        return StateTimes.Since(peer.StateChangeMs ?? 0, at.ToUnixTimeMilliseconds()) > wait;
    };

    /// <summary>All of a group, if the latest change of state among them is long enough ago; else nobody. A change in the
    /// future does not count. (There it does.)</summary>
    /// <param name="wait">How long it must be ago.</param>
    /// <param name="at">The time.</param>
    public static Func<IReadOnlyList<ConnPeer>, IReadOnlyList<ConnPeer>> PassesGroupDebounce(TimeSpan wait, DateTimeOffset at) => group =>
    {
        double least = group.Select(p => StateTimes.Since(p.StateChangeMs ?? 0, at.ToUnixTimeMilliseconds()))
            .Where(double.IsFinite).DefaultIfEmpty(double.PositiveInfinity).Min();
        return least < wait.TotalMilliseconds ? [] : group;
    };

    /// <summary>The peers in the order of their last change of state, the oldest first; those that have none before all.</summary>
    public static IReadOnlyList<ConnPeer> SortByStateChange(IEnumerable<ConnPeer> peers) => [.. peers.OrderBy(p => p.StateChangeMs ?? double.NegativeInfinity)];

    internal static bool IsInConnection(HubPeer peer) => peer.State is HubState.Connected or HubState.Connecting;

    internal ConnPeer OfHub(HubPeer peer) => db.Find(peer.Address) is { } known ? new ConnPeer(known, peer)
        : staging.Get(peer.Address) is { } staged ? new ConnPeer(staged, peer) : new ConnPeer(peer);

    /// <summary>In what order the routes to one identity are tried.</summary>
    internal static int ByPreference(ConnPeer a, ConnPeer b)
    {
        int order = a.Failure.CompareTo(b.Failure);
        if (order == 0)
            order = Distance(a.Kind).CompareTo(Distance(b.Kind));
        return order != 0 ? order : (b.Staged?.Updated ?? 0).CompareTo(a.Staged?.Updated ?? 0);
    }

    private static int Distance(PeerKind kind) => kind switch
    {
        PeerKind.Lan => 0,
        PeerKind.Bluetooth => 1,
        PeerKind.Internet or PeerKind.Pub or PeerKind.Room or PeerKind.Unknown => 2,
        PeerKind.RoomAttendant or PeerKind.RoomAttendantAlias => 3,
        _ => 4,
    };

    internal ConnectablePeers Collect(ConnectablePool pool, HubPeer[] inHub)
    {
        // The few that are in connection are looked up in the pools, not the many of the pools in the hub.
        MultiserverAddress[] inConnection = [.. inHub.Where(IsInConnection).Select(p => p.Address)];
        var taken = new HashSet<object>(ReferenceEqualityComparer.Instance);
        DbPeer[] known = pool == ConnectablePool.Staging ? [] : db.Look(inConnection, taken);
        if (pool == ConnectablePool.Db)
            return new ConnectablePeers(known, null, taken);

        // Who is in both: the smaller of the two is looked up in the larger.
        bool isBookSmaller = known.Length < staging.Count;
        StagingSnapshot bench = staging.Look(isBookSmaller ? inConnection.Concat(known.Select(p => p.Address)) : inConnection, taken);
        if (!isBookSmaller && bench.Count > 0)
            db.AddTwins(bench, taken);
        return new ConnectablePeers(known, bench, taken);
    }
}
