namespace Ssb.Conn;

/// <summary>At how local an address each peer was reached that may tell of others. Bounded: the peer that was noted longest ago is
/// forgotten first, and then counts as
/// reached at a public address. Not thread-safe: guarded by the lock of the hub.</summary>
internal sealed class TellerReach
{
    private const int Capacity = 4_096;

    private readonly Dictionary<FeedId, AddressScope> _last = [];
    private readonly Queue<FeedId> _order = new(); // of the peers that are in _last, each once

    /// <summary>A peer is connected.</summary>
    public void Set(HubPeer peer)
    {
        if (peer.FeedId is not { } key)
            return;
        if (!_last.ContainsKey(key))
        {
            if (_order.Count >= Capacity)
                _last.Remove(_order.Dequeue());
            _order.Enqueue(key);
        }

        _last[key] = ScopeOf(peer.Address);
    }

    /// <summary>The most local of the connections with a peer that stand; without one, its last.</summary>
    /// <param name="key">The peer's feed id.</param>
    /// <param name="inHub">It in the hub; null if it is not there.</param>
    public AddressScope Of(FeedId key, HubPeer? inHub) => inHub is { State: not HubState.Connecting } // before the handshake anybody may be there
        ? ScopeOf(inHub.Address)
        : _last.GetValueOrDefault(key, AddressScope.Public);

    /// <summary>How local a route is; null if it is a tunnel, a name, or of a transport that is not known here.</summary>
    public static AddressScope? ScopeOf(MultiserverRoute route) =>
        route.Transport == "unix" ? AddressScope.Loopback : route.Host is { } host ? AddressScopes.Of(host) : null;

    public static string Words(AddressScope scope) => scope switch
    {
        AddressScope.Loopback => "an address of this machine",
        AddressScope.LinkLocal => "an address of the local link",
        AddressScope.Private => "a private address",
        _ => "a public address, by a name or a tunnel, or not at all",
    };

    // Which of several routes was taken is not known here, nor where a name led: what is not known is taken for public.
    private static AddressScope ScopeOf(MultiserverAddress address) => address.Routes.Max(route => ScopeOf(route) ?? AddressScope.Public);
}
