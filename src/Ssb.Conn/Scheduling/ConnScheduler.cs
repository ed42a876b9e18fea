// npm ssb-conn 6.0.4, conn-scheduler.
using Microsoft.Extensions.Logging;

namespace Ssb.Conn;

/// <summary>Keeps up connections with some rooms and some other peers: dials who has cooled down, lets peers take turns, and lets go of
/// what is too much.</summary>
/// <remarks>Thread-safe. It looks every <see cref="SchedulerOptions.Interval"/> and soon after something changed. All its time is that of the plugin's
/// options; with a seed it decides the same again. Expiry on the bench and the deadlines of dials are the business of bench and hub.</remarks>
public sealed class ConnScheduler : IConnScheduler
{
    private const int UnevenHaste = 60; // so much shorter is the turn of one that is too many of its source: 2 minutes instead of 2 hours

    private static readonly TimeSpan s_wokeUp = TimeSpan.FromSeconds(30);

    private readonly ConnPlugin _plugin;
    private readonly SchedulerOptions _options;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly double _spread; // so that many peers do not rotate in step
    private readonly ITimer _timer;
    private readonly ITimer _soonTimer;

    private readonly Lock _gate = new();
    private bool _isRunning;
    private bool _isSoon;

    // What follows is guarded by _looking.
    private readonly Lock _looking = new();
    private readonly List<ConnPeer> _peers = [];
    private readonly Queue<long> _dials = new(); // of the last minute, in Unix milliseconds
    private readonly DialTurns _roomTurns = new();
    private readonly DialTurns _peerTurns = new();
    private long _lastRotation;
    private long _lastLook;
    private long _sinceLastLook;

    /// <summary>A scheduler for a plugin, which starts it.</summary>
    /// <param name="plugin">Whose connections it keeps up.</param>
    /// <param name="options">What it keeps up; the defaults if null.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public ConnScheduler(ConnPlugin plugin, SchedulerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(plugin);
        _plugin = plugin;
        _options = (options ?? new SchedulerOptions()).Checked();
        _time = plugin.Options.TimeProvider;
#pragma warning disable CA5394 // chance, not secrecy
        _random = _options.Seed is { } seed ? new Random(seed) : new Random();
        _spread = 0.8 + (_random.NextDouble() * 0.4);
#pragma warning restore CA5394
        _timer = _time.CreateTimer(static scheduler => ((ConnScheduler)scheduler!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _soonTimer = _time.CreateTimer(static scheduler => ((ConnScheduler)scheduler!).LookNow(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public bool IsRunning
    {
        get
        {
            lock (_gate)
                return _isRunning;
        }
    }

    /// <inheritdoc/>
    public void Start()
    {
        lock (_gate)
        {
            if (_isRunning)
                return;
            _isRunning = true;
        }

        CleanUpDb();
        _plugin.News = OnNews;
        lock (_looking)
            _lastLook = Now();
        _timer.Change(TimeSpan.Zero, _options.Interval);
    }

    /// <inheritdoc/>
    public void Stop()
    {
        lock (_gate)
        {
            if (!_isRunning)
                return;
            _isRunning = false;
            _isSoon = false;
        }

        _plugin.News = null;
        _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _soonTimer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public SchedulerOutlook Explain(ConnPeer peer)
    {
        if (!IsRunning)
            return new SchedulerOutlook("The scheduler is stopped, so only a person dials");
        if (Obstacle(peer) is { } obstacle)
            return new SchedulerOutlook(obstacle);
        HubPeer[] inHub = _plugin.Hub.Snapshot();
        bool isRoom = peer.Kind == PeerKind.Room;
        if (isRoom && peer.Pool == PeerPool.Staging)
            return new SchedulerOutlook("A room that is not remembered is dialled by a person");
        int quota = isRoom ? _options.RoomQuota : _options.PeerQuota;
        int up = inHub.Count(p => p.State == HubState.Connected && IsRoom(p) == isRoom && (_options.CountsCallers || !p.IsCaller));
        double cooldown = CooldownOf(peer, Fullness(quota, up), isLucky: false);
        double retryAt = Math.Max((peer.StateChangeMs ?? 0) + cooldown, peer.RetryAtMs ?? 0);
        bool isPaused = IsPaused(out string why);
        bool isFull = up >= quota;
        string text = isPaused ? why
            : isFull ? $"All {quota} slots for {(isRoom ? "rooms" : "peers")} are taken; it waits for its turn"
            : retryAt > Now() ? "It is left alone for a while" : "To be dialled next";
        return new SchedulerOutlook(text, retryAt > Now() && retryAt < StagingJson.LatestTime ? DateTimeOffset.FromUnixTimeMilliseconds((long)retryAt) : null);
    }

    /// <summary>Looks once, now; for tests and benchmarks.</summary>
    internal void LookNow()
    {
        lock (_gate)
        {
            _isSoon = false;
            if (!_isRunning)
                return;
        }

        Look();
    }

    private void OnNews(SchedulerNews news)
    {
        TimeSpan period = news == SchedulerNews.Staged ? _options.SoonAfterStage : _options.SoonAfterDisconnect;
        lock (_gate)
        {
            if (!_isRunning || _isSoon)
                return;
            _isSoon = true;
#pragma warning disable CA5394
            _soonTimer.Change(period * (0.5 + _random.NextDouble()), Timeout.InfiniteTimeSpan);
#pragma warning restore CA5394
        }
    }

    private void Look()
    {
        if (!_looking.TryEnter())
            return; // it is looking already
        try
        {
            if (!IsRunning)
                return;
            long now = Now();
            _sinceLastLook = now - _lastLook;
            bool wokeUp = _sinceLastLook > Math.Max(s_wokeUp.TotalMilliseconds, 10 * _options.Interval.TotalMilliseconds);
            _lastLook = now;
            if (wokeUp)
                _ = _plugin.NotifyWakeUpAsync(); // events tell how it goes
            if (IsPaused(out _))
                return;
            HubPeer[] inHub = _plugin.Hub.Snapshot();
            DropBlocked(inHub);
            StageByHand();
            _plugin.Query.Collect(ConnectablePool.DbAndStaging, inHub, _peers);
            var taken = new HashSet<string>();
            foreach (HubPeer peer in inHub)
            {
                if (peer.Key is { } key)
                    taken.Add(key);
            }

            Maintain(inHub, taken, rooms: true, _options.RoomQuota, _options.RoomRotation);
            Maintain(inHub, taken, rooms: false, _options.PeerQuota, _options.PeerRotation);
        }
        catch (ObjectDisposedException)
        {
            // The plugin closes just now.
        }
        catch (Exception e)
        {
            _plugin.Options.Logger.LogError(e, "The scheduler could not look; it looks again in {Interval}.", _options.Interval);
        }
        finally
        {
            _peers.Clear();
            _looking.Exit();
        }
    }

    private bool IsPaused(out string why)
    {
        why = _plugin.IsDownloading(_options.DownloadPause) ? "The scheduler waits for a download"
            : _plugin.Options.SocialGraph is { IsLoaded: false } ? "The scheduler waits for the social graph"
            : _plugin.Options.HasNetwork() ? "" : "There is no network";
        return why.Length > 0;
    }

    // Blocked since they came: in the social graph, which tells nobody.
    private void DropBlocked(HubPeer[] inHub)
    {
        foreach (HubPeer peer in inHub)
        {
            if (ConnQuery.IsInConnection(peer) && _plugin.IsBlocked(peer.Address.Text, peer.Key))
                _plugin.Hub.StartDisconnect(peer.Address, ConnReason.Blocked);
        }

        if (_plugin.Options.SocialGraph is null)
            return;
        foreach (StagedPeer peer in _plugin.Staging.Entries())
        {
            if (peer.Identity is { } key && _plugin.HopsTo(key) < 0)
                _plugin.Staging.Unstage(peer.Address, UnstageReason.Blocked);
        }
    }

    // Peers that are remembered and not to be dialled by themselves are suggested to a person.
    private void StageByHand()
    {
        foreach (DbPeer peer in _plugin.Db.Snapshot())
        {
            if (peer.Data.Autoconnect != false || _plugin.Hub.GetState(peer.Address) is HubState.Connected or HubState.Connecting || _plugin.Staging.Get(peer.Address) is not null)
                continue;
            try
            {
                _plugin.TryStage(peer.Address, peer.Data.ToStagedData(), "db");
            }
            catch (ArgumentException)
            {
                // Its data contradict its address, or exceed what the bench takes: from a file that another program wrote.
            }
        }
    }

    private void Maintain(HubPeer[] inHub, HashSet<string> taken, bool rooms, int quota, TimeSpan rotation)
    {
        long now = Now();
        HubPeer[] all = [.. inHub.Where(p => p.State == HubState.Connected && IsRoom(p) == rooms).OrderBy(p => p.HubUpdated)];
        HubPeer[] up = _options.CountsCallers ? all : Array.FindAll(all, p => !p.IsCaller);
        int dialling = !_options.CountsDials ? 0 : inHub.Count(p => p.State == HubState.Connecting && IsRoom(p) == rooms
            && now - p.HubBirth.ToUnixTimeMilliseconds() < _plugin.Options.Hub.DialDeadline.TotalMilliseconds);
        int free = Math.Max(0, quota - up.Length - dialling);
        DialTurns turns = rooms ? _roomTurns : _peerTurns;
        if (_options.IsFairToSources)
            turns.Begin(inHub.Where(p => !p.IsCaller && IsRoom(p) == rooms).Select(p => _plugin.SourceOf(p.Address)), _sinceLastLook);
        bool mayBeUneven = free == 0 && !rooms && _options.IsFairToSources && turns.HasSeveral;
        var waiting = new Waiting(Math.Max(1, free), _options.IsFairToSources, _random);
        double fullness = Fullness(quota, up.Length);
        foreach (ConnPeer peer in _peers)
        {
            bool isRoom = peer.Kind == PeerKind.Room;
            if (isRoom != rooms || (rooms && peer.Pool == PeerPool.Staging) || !IsCandidate(peer, taken))
                continue;
            waiting.Count++;
            if (free == 0 && !mayBeUneven)
                continue;
#pragma warning disable CA5394
            double cooldown = CooldownOf(peer, fullness, isLucky: _random.NextDouble() < 0.3);
#pragma warning restore CA5394
            if (now > (peer.StateChangeMs ?? 0) + cooldown && now >= (peer.RetryAtMs ?? 0))
                waiting.Offer(peer, cooldown);
        }

        LetGo(up, quota * 2, down: quota, now);
        if (!_options.CountsCallers)
            LetGo(ByCrowd(Array.FindAll(all, p => p.IsCaller)), quota * 2, down: quota * 2, now);
        if (up.Length >= quota && waiting.Count > 0 && !(mayBeUneven && EvenOut(up, waiting, now, rotation * _spread / UnevenHaste)))
            Rotate(up, rooms, now, rotation * _spread / Math.Sqrt(waiting.Count));
        Dial(waiting, turns, free, taken, now);
    }

    // As the original: the oldest first, until there are no more than the quota.
    private void LetGo(HubPeer[] up, int most, int down, long now)
    {
        if (up.Length <= most)
            return;
        int excess = up.Length - down;
        double patience = _options.ExcessPatience.TotalMilliseconds * _spread / excess;
        foreach (HubPeer peer in up.Take(excess).Where(p => now > p.HubUpdated.ToUnixTimeMilliseconds() + patience))
            _plugin.Hub.StartDisconnect(peer.Address, ConnReason.Excess); // who is too new stays for now, and nobody goes in its place
    }

    // Ours: callers, where they do not count against the quota, have twice as many places of their own, and no more go than are too many; who is
    // let go calls somebody else, so that letting go of more would never end. Those go first who call from where most do: the oldest of one
    // machine, or of one room.
    private static HubPeer[] ByCrowd(HubPeer[] callers) => [.. callers.GroupBy(p => PlaceOf(p.Address))
        .SelectMany(place => place.Reverse().Select((Peer, Rank) => (Peer, Rank)))
        .OrderByDescending(c => c.Rank)
        .Select(c => c.Peer)];

    // Where a call came from: the host without its port, the room without the attendant.
    private static string PlaceOf(MultiserverAddress address)
    {
        string transport = address.Text.Split('~', 2)[0];
        return transport.LastIndexOf(':') is var end and > 0 ? transport[..end] : transport;
    }

    private void Rotate(HubPeer[] up, bool rooms, long now, TimeSpan period)
    {
        double ms = period.TotalMilliseconds;
        if (_lastRotation + ms >= now)
            return;
        // Of the sources that have several, one leaves sooner: else one that never lets go of a connection would in time have all that are left over.
        if (_options.IsFairToSources && !rooms)
            up = [.. up.OrderByDescending(p => (now - p.HubUpdated.ToUnixTimeMilliseconds()) * _peerTurns.OfGroup(DialTurns.GroupOf(_plugin.SourceOf(p.Address))))];
        HubPeer? oldest = Array.Find(up, p => p.HubUpdated.ToUnixTimeMilliseconds() + ms < now && (!rooms || IsEmptyRoom(p)));
        if (oldest is null)
            return;
        _lastRotation = now;
        _plugin.Hub.StartDisconnect(oldest.Address, ConnReason.Rotation);
    }

    // Ours: who took the slots of others while those had nobody who could be dialled gives them back before the turn is over: one of a source, or of
    // a group of sources, that has at least two more than one that waits with somebody who has not failed.
    private bool EvenOut(HubPeer[] up, Waiting waiting, long now, TimeSpan patience)
    {
        double ms = patience.TotalMilliseconds;
        if (_lastRotation + ms >= now)
            return false;
        HubPeer? tooMany = up.Where(p => p.HubUpdated.ToUnixTimeMilliseconds() + ms < now)
            .Select(p => (Peer: p, Source: _plugin.SourceOf(p.Address)))
            .Where(p => waiting.Sources.Values.Any(w => w.Best[0].Peer.Failure == 0 && _peerTurns.IsUneven(p.Source, w.Source)))
            .OrderByDescending(p => _peerTurns.OfGroup(DialTurns.GroupOf(p.Source)))
            .ThenByDescending(p => _peerTurns.OfSource(p.Source))
            .FirstOrDefault().Peer;
        if (tooMany is null)
            return false;
        _lastRotation = now;
        _plugin.Hub.StartDisconnect(tooMany.Address, ConnReason.Rotation);
        return true;
    }

    private void Dial(Waiting waiting, DialTurns turns, int free, HashSet<string> taken, long now)
    {
        if (waiting.Sources.Count == 0)
            return;
        while (free > 0 && waiting.TakeNext(turns, out ConnPeer peer))
        {
            if (peer.Identity is { } key && !taken.Add(key))
                continue; // another route to it was dialled just now
            while (_dials.TryPeek(out long at) && at <= now - 60_000)
                _dials.Dequeue();
            if (_dials.Count >= _options.DialsPerMinute)
                return;
            ConnPeer route = BestRoute(peer);
            if (!_plugin.Hub.TryDial(route.Address, route.Data, ConnReason.FreeSlot))
                continue;
            free--;
            if (_options.DialsPerMinute < int.MaxValue)
                _dials.Enqueue(now);
            turns.Had(peer.Source, now);
        }
    }

    // The best of the routes to an identity that may be dialled now.
    private ConnPeer BestRoute(ConnPeer chosen)
    {
        if (chosen.Identity is not { } key)
            return chosen;
        ConnPeer best = chosen;
        long now = Now();
        foreach (StagedPeer route in _plugin.Staging.RoutesTo(key))
        {
            var other = new ConnPeer(route);
            if (ConnQuery.ByPreference(other, best) < 0 && other.Kind != PeerKind.Room && Obstacle(other) is null && now >= (other.RetryAtMs ?? 0))
                best = other;
        }

        return best;
    }

    private bool IsCandidate(ConnPeer peer, HashSet<string> taken)
    {
        if (peer.Autoconnect == false || IsLocalhost(peer))
            return false;
        if (!_options.DialsUnverifiedLan && peer.Kind == PeerKind.Lan && IsUnverified(peer))
            return false;
        string? key = peer.Identity;
        if (key is not null && taken.Contains(key))
            return false;
        if (_plugin.HasRules && _plugin.RuleOf(peer.Address.Text, key) is not null)
            return false;
        return peer.Kind == PeerKind.Room || key is null ? key is null || HopsOf(key) is not < 0 : HopsOf(key) is >= 0;
    }

    /// <summary>Why a peer is not dialled automatically, ever or until something changes; null if it may be.</summary>
    private string? Obstacle(ConnPeer peer)
    {
        string? key = peer.Identity;
        if (_plugin.RuleOf(peer.Address.Text, key) is { } rule)
            return $"It is {rule}";
        if (key is not null && HopsOf(key) is < 0)
            return "It is blocked in the social graph";
        if (peer.Autoconnect == false)
            return "It waits for a person: its autoconnect is false";
        if (!_options.DialsUnverifiedLan && peer.Kind == PeerKind.Lan && IsUnverified(peer))
            return "It has not proved that it owns its key, so only a person dials it";
        if (IsLocalhost(peer))
            return "It is on this machine, so only a person dials it";
        if (peer.Kind == PeerKind.Room)
            return null;
        if (key is null)
            return _plugin.Options.SocialGraph is null ? null : "Nobody knows whose it is, so only a person dials it";
        return HopsOf(key) is null ? "It is not known in the social graph, so only a person dials it" : null;
    }

    private int? HopsOf(string identity) => _plugin.HopsTo(identity);

    private double CooldownOf(ConnPeer peer, double fullness, bool isLucky)
    {
        int? hops = peer.Identity is { } key ? HopsOf(key) : _plugin.Options.SocialGraph is null ? _plugin.Options.DefaultHops : null;
        return Cooldown.Of(peer.Kind, hops, peer.Failure, ConnQuery.HasNoAttempts(peer), ConnQuery.HasOnlyFailedAttempts(peer), fullness, isLucky);
    }

    private static double Fullness(int quota, int up) => quota == 0 ? 1 : 1 - ((double)Math.Max(quota - up, 0) / quota);

    private static bool IsRoom(HubPeer peer) => peer.Data.Type == "room";

    private static bool IsEmptyRoom(HubPeer peer) => peer.Data.TryGet("onlineCount", out System.Text.Json.JsonElement count)
        && count.ValueKind == System.Text.Json.JsonValueKind.Number && count.GetDouble() == 0;

    private static bool IsUnverified(ConnPeer peer) => peer.Staged is { } staged && staged.Verified != true;

    private static bool IsLocalhost(ConnPeer peer) => peer.Db is { } known ? known.IsLocalhost
        : peer.Staged is { Data.Fields.Count: > 0 } staged && staged.Data.Fields.TryGetValue("host", out System.Text.Json.JsonElement host)
            && host.ValueKind == System.Text.Json.JsonValueKind.String && PeerKinds.IsLoopback(host.GetString()!); // a string has a text

    private long Now() => _time.GetUtcNow().ToUnixTimeMilliseconds();

    // As the original at its start: what is only ever met nearby is not remembered, and what was called defunct gets another chance.
    private void CleanUpDb()
    {
        var rooms = new HashSet<string>();
        foreach (DbPeer peer in _plugin.Db.Entries())
        {
            if (peer.Data.Source is "local" or "bt" || peer.Data.Type is "lan" or "bt")
                _plugin.Forget(peer.Address);
            else if (peer.Data.IsDefunct)
                _plugin.Db.Update(peer.Address, data => data.Without("defunct").Without("autoconnect"));
            if (peer.Data.Type == "room" && peer.Data.TryGet("membership", out System.Text.Json.JsonElement membership) && membership.ValueKind is System.Text.Json.JsonValueKind.True)
                rooms.Add(peer.Address.Text);
        }

        // Members of a room are met there; by an alias nobody needs to find them.
        foreach (DbPeer peer in _plugin.Db.Entries())
        {
            if (peer.Data.Type is "room-endpoint" or "room-attendant" && peer.Data.HasAlias
                && peer.Data.TryGet("roomAddress", out System.Text.Json.JsonElement room) && room.ValueKind == System.Text.Json.JsonValueKind.String
                && rooms.Contains(room.GetString()!)) // a string has a text
                _plugin.Forget(peer.Address);
        }
    }
}
