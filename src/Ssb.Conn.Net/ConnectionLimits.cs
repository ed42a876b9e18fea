using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>How many callers there may be: in all, of a source, of an identity, and how many that still shake hands. Bounded by its numbers. Thread-safe.</summary>
/// <remarks>A source is what <see cref="PeerSource"/> says: an IPv4 address, the first 64 bits of an IPv6 address, or a room. When too many
/// shake hands, the oldest handshake of the source
/// that has most of them gives way: who opens thousands costs itself its own. To a newcomer of that source, or where all have as many, it gives way only when it
/// has had its time, as it may be as honest.</remarks>
internal sealed class ConnectionLimits(PeerNetworkOptions options)
{
    private const int ShareWhenFull = 4; // of handshakes
    private static readonly TimeSpan s_logged = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_time = TimeSpan.FromSeconds(1); // an honest handshake takes two round trips

    private readonly Lock _gate = new();
    private readonly Dictionary<string, List<Place>> _handshakes = []; // by source, oldest first
    private readonly Dictionary<string, int> _bySource = []; // connections
    private readonly Dictionary<FeedId, int> _byIdentity = [];
    private int _shaking, _connected;
    private long _accepted, _refusedFull, _refusedSource, _refusedIdentity, _refusedHandshakes, _evicted, _failed, _unwelcome, _refusedOrigins, _refusedBrowsers, _useless;
    private int _browsers; // connected
    private int _local; // connected by our unix sockets, without a handshake
    private long _refusedLocal, _refusedDescriptors;
    private long _toldOfOrigin; // a timestamp of the clock; 0: never

    public PeerNetworkCounters Counters
    {
        get
        {
            lock (_gate)
                return new PeerNetworkCounters(_connected, _shaking, _accepted, _refusedFull, _refusedSource, _refusedIdentity, _refusedHandshakes, _evicted, _failed, _unwelcome, _refusedOrigins, _refusedBrowsers)
                {
                    CutOffAsUseless = _useless,
                    LocalCallers = _local,
                    RefusedLocal = _refusedLocal,
                    RefusedDescriptors = _refusedDescriptors,
                };
        }
    }

    /// <summary>A caller is there, and may shake hands; null if it may not.</summary>
    public Place? Enter(string source)
    {
        Place? evicted = null;
        var place = new Place(this, source, options.TimeProvider.GetTimestamp());
        lock (_gate)
        {
            int ofSource = _handshakes.TryGetValue(source, out List<Place>? shaking) ? shaking.Count : 0;
            // Where there is no room it may be an owner all the same, for whom there always is: only a handshake can tell, so some may begin one.
            bool isFull = _connected >= options.Limits.MaxCallers;
            int some = Math.Max(1, options.Limits.MaxHandshakes / ShareWhenFull);
            if (!isFull && _shaking >= some && !HasRoom_NeedsLock(source))
                return null;
            if (_shaking >= (isFull ? some : options.Limits.MaxHandshakes))
            {
                List<Place> most = _handshakes.Values.MaxBy(h => h.Count)!; // there are some
                bool isElsewhere = most.Count > ofSource + 1;
                evicted = isElsewhere ? most[0] : shaking?[0] ?? _handshakes.Values.Select(h => h[0]).MinBy(p => p.Since)!; // there are some
                if (!isElsewhere && options.TimeProvider.GetElapsedTime(evicted.Since) < s_time)
                {
                    _refusedHandshakes++;
                    return null;
                }

                Remove_NeedsLock(evicted);
                _evicted++;
            }

            if (shaking is null || shaking.Count == 0)
                _handshakes[source] = shaking = [];
            shaking.Add(place);
            _shaking++;
        }

        evicted?.Cancel();
        return place;
    }

    /// <summary>A program of our own user is there, which does not shake hands.</summary>
    /// <returns>false if there are as many as may be; else <see cref="LeaveLocal"/> is to follow.</returns>
    public bool TryEnterLocal()
    {
        lock (_gate)
        {
            if (_local < options.Limits.MaxLocalCallers)
            {
                _local++;
                return true;
            }

            _refusedLocal++;
            return false;
        }
    }

    /// <summary>It has gone.</summary>
    public void LeaveLocal()
    {
        lock (_gate)
            _local--;
    }

    /// <summary>A caller was refused for want of descriptors.</summary>
    public void CountDescriptors()
    {
        lock (_gate)
            _refusedDescriptors++;
    }

    /// <summary>Its handshake failed, or it was not welcome.</summary>
    public void CountFailure(bool isUnwelcome)
    {
        lock (_gate)
        {
            if (isUnwelcome)
                _unwelcome++;
            else
                _failed++;
        }
    }

    /// <summary>A peer, called or dialled, sent too many bytes that carry nothing.</summary>
    public void CountUseless()
    {
        lock (_gate)
            _useless++;
    }

    /// <summary>A web page may not call from this machine.</summary>
    /// <returns>Whether this is worth a line in a log: once a minute.</returns>
    public bool CountOrigin()
    {
        lock (_gate)
        {
            _refusedOrigins++;
            if (_toldOfOrigin != 0 && options.TimeProvider.GetElapsedTime(_toldOfOrigin) < s_logged)
                return false;
            _toldOfOrigin = options.TimeProvider.GetTimestamp();
            return true;
        }
    }

    // Its handshake goes on among those of the pages of its source, and whoever shares the address keeps the places there.
    private bool BecomeBrowser(Place place)
    {
        lock (_gate)
        {
            if (!place.IsShaking)
                return false;
            if (!place.IsBrowser)
            {
                Remove_NeedsLock(place);
                (place.IsBrowser, place.IsShaking) = (true, true);
                if (!_handshakes.TryGetValue(place.Source, out List<Place>? shaking))
                    _handshakes[place.Source] = shaking = [];
                shaking.Add(place);
                _shaking++;
            }

            return HasRoomForBrowser_NeedsLock();
        }
    }

    private bool HasRoomForBrowser_NeedsLock()
    {
        if (_browsers < options.Limits.MaxBrowserCallers)
            return true;
        _refusedBrowsers++;
        return false;
    }

    /// <returns>Why not; null if it is let in.</returns>
    private string? Promote(Place place, FeedId identity)
    {
        lock (_gate)
        {
            if (!place.IsShaking)
                return "it was let go while it shook hands, in favour of another caller";
            if (identity == options.Keys.Id || options.Access.For(identity) == RpcPermissions.All)
            {
                Remove_NeedsLock(place); // an owner is let in however many strangers there are
                return null;
            }

            // Asked here: many could enter while there were few connections, and some when there was no room.
            if (!HasRoom_NeedsLock(place.Source))
            {
                return _connected >= options.Limits.MaxCallers ? $"{Callers(_connected)} connected, the most that may be"
                    : $"{Callers(options.Limits.MaxCallersPerSource)} connected from where it called, the most that may be";
            }

            if (place.IsBrowser && !HasRoomForBrowser_NeedsLock())
                return $"{(_browsers == 1 ? "1 web page is" : $"{_browsers:N0} web pages are")} connected, the most that may be";
            if (_byIdentity.GetValueOrDefault(identity) >= options.Limits.MaxCallersPerIdentity)
            {
                _refusedIdentity++;
                int most = options.Limits.MaxCallersPerIdentity;
                return $"it has {(most == 1 ? "a connection" : $"{most:N0} connections")} already that it made, the most that it may have";
            }

            Remove_NeedsLock(place);
            place.Identity = identity;
            _connected++;
            _accepted++;
            _browsers += place.IsBrowser ? 1 : 0;
            _bySource[place.Source] = _bySource.GetValueOrDefault(place.Source) + 1;
            _byIdentity[identity] = _byIdentity.GetValueOrDefault(identity) + 1;
            return null;
        }
    }

    private static string Callers(int count) => count == 1 ? "1 caller is" : $"{count:N0} callers are";

    private bool HasRoom_NeedsLock(string source)
    {
        if (_connected >= options.Limits.MaxCallers)
        {
            _refusedFull++;
            return false;
        }

        if (_bySource.GetValueOrDefault(source) < options.Limits.MaxCallersPerSource)
            return true;
        _refusedSource++;
        return false;
    }

    private void Leave(Place place)
    {
        lock (_gate)
        {
            Remove_NeedsLock(place);
            if (place.Identity is not { } identity)
                return;
            place.Identity = null;
            _connected--;
            _browsers -= place.IsBrowser ? 1 : 0;
            Lower(_bySource, place.Source);
            Lower(_byIdentity, identity);
        }
    }

    private void Remove_NeedsLock(Place place)
    {
        if (!place.IsShaking)
            return;
        place.IsShaking = false;
        _shaking--;
        List<Place> shaking = _handshakes[place.Source];
        shaking.Remove(place);
        if (shaking.Count == 0)
            _handshakes.Remove(place.Source);
    }

    private static void Lower<T>(Dictionary<T, int> counts, T key)
        where T : notnull
    {
        if (--counts[key] == 0)
            counts.Remove(key);
    }

    /// <summary>The place of one caller, from its first byte until it has gone.</summary>
    public sealed class Place(ConnectionLimits limits, string source, long since) : IDisposable
    {
        private readonly CancellationTokenSource _evicted = new();

        public string Source => IsBrowser ? $"browser:{source}" : source;

        /// <summary>When it came: a timestamp of the clock.</summary>
        public long Since => since;

        /// <summary>Cancelled when it has to give way to another.</summary>
        public CancellationToken Evicted => _evicted.Token;

        // Guarded by the limits' lock.
        internal bool IsShaking { get; set; } = true;

        internal bool IsBrowser { get; set; }

        internal FeedId? Identity { get; set; }

        /// <summary>It is a web page.</summary>
        /// <returns>false if it has lost its place, or there are too many pages.</returns>
        public bool BecomeBrowser() => limits.BecomeBrowser(this);

        /// <summary>It has proven who it is.</summary>
        /// <returns>false if there are too many already.</returns>
        public bool Promote(FeedId identity) => Promote(identity, out _);

        /// <inheritdoc cref="Promote(FeedId)"/>
        /// <param name="identity">Who it is.</param>
        /// <param name="refusal">Why not, as a clause; null if it is let in.</param>
        public bool Promote(FeedId identity, out string? refusal)
        {
            refusal = limits.Promote(this, identity);
            return refusal is null;
        }

        public void Dispose() => limits.Leave(this);

        internal void Cancel() => _evicted.Cancel();
    }
}
