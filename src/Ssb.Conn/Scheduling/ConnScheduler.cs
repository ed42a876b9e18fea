// npm ssb-conn 6.0.4, conn-scheduler.
using Microsoft.Extensions.Logging;

namespace Ssb.Conn;

/// <summary>Keeps up connections with some rooms and some other peers: dials who has cooled down, lets peers take turns, and lets go of
/// what is too much.</summary>
/// <remarks>Thread-safe. It looks every <see cref="SchedulerOptions.Interval"/> and soon after something changed. All its time is that of the plugin's
/// options; with a seed it decides the same again. Expiry on the bench and the deadlines of dials are the business of bench and hub.</remarks>
public sealed class ConnScheduler : IConnScheduler
{
    private const string RefusedByHost = "The policy of this peer's host refused to dial it, and is asked again after a while";
    private const long Never = long.MinValue / 4;
    private const int UnevenHaste = 60; // so much shorter is the turn of one that is too many of its source: 2 minutes instead of 2 hours

    private static readonly TimeSpan s_jump = TimeSpan.FromSeconds(30); // of the clock; less is a correction, and no news
    private static readonly TimeSpan s_outage = TimeSpan.FromMinutes(10); // without any connection that we dialled

    private readonly ConnPlugin _plugin;
    private readonly SchedulerOptions _options;
    private readonly TimeProvider _time;
    private readonly long _start; // all times below are in milliseconds since it, whatever becomes of the time of day
    private readonly Random _random;
    private readonly double _spread; // so that many peers do not rotate in step
    private readonly ITimer _timer;
    private readonly ITimer _soonTimer;

    private const string Looking = "scheduler"; // in a log

    private readonly Lock _gate = new();
    private bool _isRunning;
    private bool _isSoon;

    // What follows is guarded by _looking.
    private readonly Lock _looking = new();
    private readonly DialTurns _roomTurns = new();
    private readonly DialTurns _peerTurns = new();
    private readonly Excess _roomExcess = new(), _peerExcess = new(), _roomCallerExcess = new(), _peerCallerExcess = new();
    private long _lastRotation = Never;
    private long _lastLook; // also read without the lock
    private long _lastTimeOfDay; // at the last look, in Unix milliseconds
    private long _timeOfDay; // at this look
    private double _fresh; // for how long the network is what it is, at this look
    private (long, long, long) _staged = (-1, -1, -1); // of which versions the peers for people are staged
    private long _lastUp = Never; // when somebody was connected
    private long _freshSince = Never; // since when the network is another, or works again: what failed before says little
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
        _start = _time.GetTimestamp();
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
            (_lastLook, _lastTimeOfDay) = (Now(), _plugin.StateTimes.Read());
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
    /// <remarks>It is what the next looks do if nothing changes. Three in ten peers, drawn anew at each look, wait half as long as the others: hence a time
    /// from which a peer may be dialled, and one by which it is.</remarks>
    public SchedulerOutlook Explain(ConnPeer peer)
    {
        HubPeer[] inHub = _plugin.Hub.Snapshot();
        HubPeer? other = peer.FeedId is { } key ? Array.Find(inHub, p => p.FeedId == key && p.Address != peer.Address) : null;
        string elsewhere = other is null ? "" : $"it is {HubPeer.NameOf(other.State)} by another route";
        if (!IsRunning)
            return new SchedulerOutlook(Also("The scheduler is stopped, so only a person dials"));
        if (Obstacle(peer) is { } obstacle)
            return new SchedulerOutlook(Also(obstacle));
        if (other is not null)
            return new SchedulerOutlook($"I{elsewhere[1..]}; this one is not dialled until that has ended");
        bool isRoom = peer.Kind == PeerKind.Room;
        if (isRoom && peer.Pool == PeerPool.Staging)
            return new SchedulerOutlook("A room that is not remembered is dialled by a person");
        string kind = isRoom ? "rooms" : "peers";
        int quota = isRoom ? _options.RoomQuota : _options.PeerQuota;
        if (quota == 0)
            return new SchedulerOutlook($"There are no slots for {kind}, so only a person dials it");
        if (IsPaused(out string why))
            return new SchedulerOutlook(why);
        if (_plugin.HostRefusals.LeftOf(peer.Address) is { } pause)
            return new SchedulerOutlook(RefusedByHost, _time.GetUtcNow() + pause);

        long timeOfDay = _plugin.StateTimes.Read();
        HubPeer[] ofKind = Array.FindAll(inHub, p => _plugin.CountsAsRoom(p) == isRoom);
        int up = ofKind.Count(p => p.State == HubState.Connected && (_options.CountsCallers || !p.IsCaller));
        int free = Math.Max(0, quota - up - Dialling(ofKind, Now()));
        double fullness = Fullness(quota, up);
        (double earliest, double latest, MultiserverAddress? better, bool isContested) = LeftOfPeer(peer, fullness, timeOfDay);
        if (better is not null)
            return new SchedulerOutlook($"Another route to it is dialled before this one: {better}");
        (int place, bool isCertain) = PlaceOf(peer, isRoom, latest, fullness, inHub, ofKind, timeOfDay);
        string nth = isCertain ? $"the {Ordinal(place)}" : $"about the {Ordinal(place)}";
        if (free == 0)
            return new SchedulerOutlook($"{(quota == 1 ? $"The only slot for {kind} is" : $"All {quota:N0} slots for {kind} are")} taken; it waits for its turn, as {nth}") { Place = place };
        if (_plugin.Hub.DialRefusal() is { } refusal)
            return new SchedulerOutlook($"{refusal.TrimEnd('.')}; it waits until that is over") { Place = place };
        if (_plugin.Budget.IsExhausted)
        {
            return new SchedulerOutlook(
                $"{(_options.DialsPerMinute == 1 ? "1 connection was" : $"{_options.DialsPerMinute:N0} connections were")} opened in the last minute, the most that may be; it waits for the next, as {nth}")
            {
                Place = place,
            };
        }

        string others = place == 1 ? "" : place == 2 ? "1 other goes before it" : $"{place - 1:N0} others go before it";
        string by = isContested ? ", by this route or another" : "";
        if (latest <= 0)
        {
            return new SchedulerOutlook(place == 1 ? $"To be dialled next{by}" : $"It is {nth} to be dialled: {(isCertain ? others : "sources take turns")}{by}")
            {
                Place = place,
            };
        }

        string text = earliest <= 0 ? $"To be dialled soon{by}" : isContested ? "It is left alone for a while, and then dialled by this route or another"
            : "It is left alone for a while";
        // That it has cooled down is seen at the next look.
        double end = latest + _options.Interval.TotalMilliseconds;
        return new SchedulerOutlook(place > free ? $"{text}, and {others}" : text, earliest > 0 ? TimeIn(earliest, isLate: false) : null)
        {
            RetryBy = place > free ? null : TimeIn(end, isLate: true),
            Place = place,
        };

        string Also(string obstacle) => elsewhere.Length == 0 ? obstacle : $"{obstacle}; {elsewhere}";

        // In whole seconds, as people are shown it: the earliest time not too late, and the latest not too early.
        DateTimeOffset? TimeIn(double left, bool isLate)
        {
            double at = timeOfDay + left;
            if (!(Math.Abs(at) < StagingJson.LatestTime - 1_000))
                return null;
            return DateTimeOffset.FromUnixTimeMilliseconds(isLate ? (long)(Math.Ceiling(at / 1_000) * 1_000) : (long)at);
        }
    }

    /// <summary>For how many milliseconds a peer, by whichever of its routes, is left alone yet: with luck and without; and which of its routes is dialled then,
    /// if it is another one, or whether it may be another one.</summary>
    private (double Earliest, double Latest, MultiserverAddress? Better, bool IsContested) LeftOfPeer(ConnPeer asked, double fullness, long timeOfDay)
    {
        ConnPeer[] routes = asked.FeedId is { } key
            ? [.. RoutesOf(key).DistinctBy(r => r.Address).Where(r => r.Address == asked.Address || MayBeDialled(r))] : [];
        if (routes.Length == 0)
            routes = [asked];
        double[] lucky = [.. routes.Select(r => LeftOf(r, fullness, isLucky: true, timeOfDay))];
        double latest = routes.Min(r => LeftOf(r, fullness, isLucky: false, timeOfDay));
        double fresh = Fresh();
        // Whichever is drawn first, its best is dialled.
        var dialled = new HashSet<MultiserverAddress>();
        for (int i = 0; i < routes.Length; i++)
        {
            if (Math.Max(0, lucky[i]) > Math.Max(0, latest))
                continue;
            dialled.Add(BestRoute(routes[i], timeOfDay, fresh, Math.Max(0, lucky[i])).Address);
            dialled.Add(BestRoute(routes[i], timeOfDay, fresh, Math.Max(0, latest)).Address);
        }

        return (lucky.Min(), latest, dialled.Contains(asked.Address) ? null : dialled.First(), dialled.Count > 1);

        bool MayBeDialled(ConnPeer route) => ObstacleOrRefusal(route) is null && !(route.Kind == PeerKind.Room && route.Pool == PeerPool.Staging)
            && (route.Kind == PeerKind.Room) == (asked.Kind == PeerKind.Room);
    }

    private (int Place, bool IsCertain) PlaceOf(ConnPeer asked, bool isRoom, double left, double fullness, HubPeer[] inHub, HubPeer[] ofKind, long timeOfDay)
    {
        var taken = new HashSet<FeedId>(inHub.Select(p => p.FeedId).OfType<FeedId>());
        var due = new List<(ConnPeer Peer, (double, double) Order)>();
        var sooner = new HashSet<object>();
        foreach (ConnPeer peer in _plugin.Query.Collect(ConnectablePool.DbAndStaging, inHub))
        {
            PeerKind kind = peer.Kind;
            if ((kind == PeerKind.Room) != isRoom || (isRoom && peer.Pool == PeerPool.Staging))
                continue;
            double others = LeftOf(peer, fullness, isLucky: false, timeOfDay);
            if (!(others <= Math.Max(0, left)) || !IsCandidate(peer, kind, taken))
                continue;
            if (others <= 0)
            {
                double waited = WaitedOf(peer, timeOfDay);
                double cooldown = CooldownOf(peer, fullness, isLucky: false, IsStale(waited, Fresh()));
                due.Add((peer, (cooldown, _options.IsFairToSources ? -waited : 0)));
            }

            if (others < left && peer.Address != asked.Address && !(peer.FeedId is { } key && key == asked.FeedId))
                sooner.Add(peer.FeedId is { } known ? known : peer.Address);
        }

        if (left > 0)
            return (sooner.Count + 1, true);
        DialTurns turns;
        lock (_looking)
            turns = (isRoom ? _roomTurns : _peerTurns).Copy();
        if (_options.IsFairToSources)
            turns.Begin(ofKind.Where(p => !p.IsCaller).Select(p => _plugin.SourceOf(p.Address)), Math.Max(0, Now() - Volatile.Read(ref _lastLook)));
        (int place, bool isCertain) = QueuePlace.Of(asked, due, turns, _options.IsFairToSources, Now());
        return (place, isCertain && (_options.IsFairToSources || due.Count <= 1)); // else luck decides who goes first
    }

    private static string Ordinal(int number) => $"{number:N0}" + (number % 100 is >= 11 and <= 13 ? "th" : (number % 10) switch { 1 => "st", 2 => "nd", 3 => "rd", _ => "th" });

    /// <summary>Why a remembered room is not dialled at this moment, for a tunnel that no person asked for; null if it may be.</summary>
    internal string? ObstacleNow(ConnPeer room)
    {
        if (!IsRunning)
            return "the scheduler is stopped";
        if (ObstacleOrRefusal(room) is { } obstacle)
            return obstacle;
        if (IsPaused(out string why))
            return why;
        HubPeer[] rooms = [.. _plugin.Hub.Snapshot().Where(p => _plugin.CountsAsRoom(p)
            && p.State != HubState.Disconnecting && (_options.CountsCallers || !p.IsCaller))];
        if (rooms.Length >= _options.RoomQuota)
            return $"all {_options.RoomQuota} slots for rooms are taken";
        double left = LeftOf(room, Fullness(_options.RoomQuota, rooms.Length), isLucky: true, _plugin.StateTimes.Read());
        return left > 0 ? "it is left alone for a while" : null;
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
        if (news == SchedulerNews.NetworkChanged)
            Volatile.Write(ref _freshSince, Now());
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
            NoticeClock(now);
            NoticeRecovery(now);
            _fresh = Fresh();
            if (!IsPaused(out _))
            {
                HubPeer[] inHub = _plugin.Hub.Snapshot();
                DropBlocked(inHub);
                StageByHand();
                Maintain(inHub, now);
            }

            _plugin.States.Leave(Looking);
        }
        catch (ObjectDisposedException) when (_plugin.IsClosed)
        {
            // The plugin closes just now.
        }
        catch (Exception e)
        {
            _plugin.States.Enter(Looking, $"The scheduler could not look; it looks again every {_options.Interval}.", e, LogLevel.Error);
        }
        finally
        {
            _looking.Exit();
        }
    }

    // Most clocks stand while a machine sleeps, and the time of day does not: it is ahead then, as when it was set. Either way what
    // was known of the network is old. A clock that was set back says nothing against connections that stand, and they stay.
    private void NoticeClock(long now)
    {
        _timeOfDay = _plugin.StateTimes.Read();
        _sinceLastLook = now - _lastLook;
        long byTimeOfDay = _timeOfDay - _lastTimeOfDay;
        bool wokeUp = Math.Max(_sinceLastLook, byTimeOfDay) > Math.Max(s_jump.TotalMilliseconds, 10 * _options.Interval.TotalMilliseconds);
        var setBack = TimeSpan.FromMilliseconds(_sinceLastLook - byTimeOfDay);
        (_lastLook, _lastTimeOfDay) = (now, _timeOfDay);
        if (setBack > s_jump)
        {
            _plugin.Options.Logger.LogInformation("The clock of this machine was set back by {Time}. Peers whose dials failed before are tried again.", setBack);
            Volatile.Write(ref _freshSince, now);
        }

        if (wokeUp)
            _ = _plugin.NotifyWakeUpAsync(); // events tell how it goes
    }

    private void NoticeRecovery(long now)
    {
        if (!Array.Exists(_plugin.Hub.Snapshot(), p => p.State == HubState.Connected && !p.IsCaller))
            return;
        if (now - _lastUp > s_outage.TotalMilliseconds)
            Volatile.Write(ref _freshSince, now);
        _lastUp = now;
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
            if (ConnQuery.IsInConnection(peer) && _plugin.IsBlocked(peer.Address, peer.FeedId))
                _plugin.Hub.StartDisconnect(peer.Address, ConnReason.Blocked);
        }

        if (_plugin.Options.SocialGraph is null)
            return;
        foreach (StagedPeer peer in _plugin.Staging.Entries())
        {
            if (peer.FeedId is { } key && _plugin.HopsTo(key) < 0)
                _plugin.Staging.Unstage(peer.Address, UnstageReason.Blocked);
        }
    }

    // Peers that are remembered and not to be dialled by themselves are suggested to a person.
    private void StageByHand()
    {
        (long, long, long) versions = (_plugin.Db.Version, _plugin.Hub.Version, _plugin.Left);
        if (versions == _staged)
            return; // nobody can have become one, nor left the bench
        _staged = versions;
        foreach (DbPeer peer in _plugin.Db.Snapshot())
        {
            if (peer.Data.Autoconnect != false || _plugin.Hub.GetState(peer.Address) is HubState.Connected or HubState.Connecting || _plugin.Staging.Get(peer.Address) is not null)
                continue;
            if (_plugin.ProblemOf(peer.Address) is not null)
                continue; // it is kept, and a person cannot dial it either
            try
            {
                _plugin.TryStage(peer.Address, peer.Data, SourceName.Book);
            }
            catch (ArgumentException)
            {
                // Its data contradict its address, or exceed what the bench takes: from a file that another program wrote.
            }
        }
    }

    private void Maintain(HubPeer[] inHub, long now)
    {
        Slots rooms = SlotsOf(inHub, isRoom: true, now), others = SlotsOf(inHub, isRoom: false, now);
        var taken = new HashSet<FeedId>(inHub.Select(p => p.FeedId).OfType<FeedId>());
        if (rooms.NeedsWaiting || others.NeedsWaiting)
        {
            foreach (ConnPeer peer in _plugin.Query.Collect(ConnectablePool.DbAndStaging, inHub))
            {
                PeerKind kind = peer.Kind;
                bool isRoom = kind == PeerKind.Room;
                Slots slots = isRoom ? rooms : others;
                if (slots.NeedsWaiting && !(isRoom && peer.Pool == PeerPool.Staging))
                    Weigh(peer, kind, slots, taken);
            }
        }

        foreach (Slots slots in (Slots[])[rooms, others])
        {
            LetGo(slots.Up, slots.Quota * 2, down: slots.Quota, slots.Excess, now);
            int callers = _options.CallerQuota ?? slots.Quota * 2;
            if (!_options.CountsCallers)
                LetGo(Array.FindAll(slots.All, p => p.IsCaller), callers, down: callers, slots.CallerExcess, now);
            if (!EvenOut(slots, now))
                Rotate(slots, now);
            Dial(slots, taken, now);
        }
    }

    private Slots SlotsOf(HubPeer[] inHub, bool isRoom, long now)
    {
        HubPeer[] ofKind = Array.FindAll(inHub, p => _plugin.CountsAsRoom(p) == isRoom);
        HubPeer[] all = [.. ofKind.Where(p => p.State == HubState.Connected).OrderBy(SinceOf)];
        HubPeer[] up = _options.CountsCallers ? all : Array.FindAll(all, p => !p.IsCaller);
        int quota = isRoom ? _options.RoomQuota : _options.PeerQuota;
        TimeSpan rotation = (isRoom ? _options.RoomRotation : _options.PeerRotation) * _spread;
        int free = Math.Max(0, quota - up.Length - Dialling(ofKind, now));

        DialTurns turns = isRoom ? _roomTurns : _peerTurns;
        if (_options.IsFairToSources)
            turns.Begin(ofKind.Where(p => !p.IsCaller).Select(p => _plugin.SourceOf(p.Address)), _sinceLastLook);

        // Who waits is counted when somebody could have to give way, if only everybody were waiting.
        int most = _plugin.Db.Count + _plugin.Staging.Count;
        bool mayRotate = up.Length >= quota && most > 0 && MayGiveWay(up, isRoom, now, rotation / Math.Sqrt(most)) is not null;
        bool mayBeUneven = free == 0 && !isRoom && _options.IsFairToSources && turns.HasSeveral && MayGiveWay(up, isRoom, now, rotation / UnevenHaste) is not null;
        var waiting = new Waiting(Math.Max(1, free), _options.IsFairToSources, _random);
        return new Slots(isRoom, quota, all, up, free, Fullness(quota, up.Length), rotation, mayRotate, mayBeUneven, waiting, turns)
        {
            Excess = isRoom ? _roomExcess : _peerExcess,
            CallerExcess = isRoom ? _roomCallerExcess : _peerCallerExcess,
        };
    }

    private int Dialling(HubPeer[] ofKind, long now) => !_options.CountsDials ? 0 : ofKind.Count(p => p.State == HubState.Connecting
        && now - TimeOf(p.BornAt) < _plugin.Options.Hub.DialDeadline.TotalMilliseconds);

    // Hot: of thousands of peers nearly all have not cooled down, which is asked first.
    private void Weigh(ConnPeer peer, PeerKind kind, Slots slots, HashSet<FeedId> taken)
    {
        if (slots.Free == 0)
        {
            if (!IsCandidate(peer, kind, taken))
                return;
            slots.Waiting.Count++;
            if (!slots.MayBeUneven)
                return;
        }

        double waited = WaitedOf(peer, _timeOfDay);
        bool isStale = IsStale(waited, _fresh);
        if (peer.Db is { } known && waited <= known.LeastCooldown * Cooldown.AtFullness(slots.Fullness) && !isStale)
            return;
        int failures = isStale ? Math.Min(1, peer.Failure) : peer.Failure;
        bool isNew = ConnQuery.HasNoAttempts(peer), neverWorked = !isNew && peer.MeanDurationMs == 0;
        if (waited <= Cooldown.Of(kind, 0, failures, isNew, neverWorked, slots.Fullness, isLucky: true) || !IsCandidate(peer, kind, taken))
            return;
#pragma warning disable CA5394
        bool isLucky = _random.NextDouble() < 0.3;
#pragma warning restore CA5394
        double cooldown = Cooldown.Of(kind, HopsOf(peer), failures, isNew, neverWorked, slots.Fullness, isLucky);
        if (waited <= cooldown || waited < LeastWaitOf(peer, isStale))
            return;
        // Luck says who may, and with fairness not who goes first: of equals, who waited longest.
        if (_options.IsFairToSources)
            slots.Waiting.Offer(peer, isLucky ? cooldown * 2 : cooldown, -waited);
        else
            slots.Waiting.Offer(peer, cooldown, 0);
    }

    // Connections beyond the quota end until no more than that are left. Of callers, where they do not count against the quota, no more end
    // than are
    // too many: one that is disconnected calls somebody else, so that ending more would never end.
    private void LetGo(HubPeer[] up, int most, int down, Excess since, long now)
    {
        if (up.Length <= most)
        {
            since.Began = null;
            return;
        }

        int excess = up.Length - down;
        double patience = _options.ExcessPatience.TotalMilliseconds * _spread / excess;
        since.Began ??= now;
        IEnumerable<HubPeer> ending = _options.IsFairToSources
            // Patience is with the excess as a whole: if it were with each connection, the newest would have to wait, and older ones would
            // end before them.
            ? now > since.Began + patience ? Crowds.NewestOfTheLargest(up, OriginOf, excess) : []
            // In the original simply the oldest: whoever connects often enough pushes out everybody who was there before. One that is too
            // new stays for now, and no other
            // goes in its place.
            : up.Take(excess).Where(p => now > SinceOf(p) + patience);
        foreach (HubPeer peer in ending)
            _plugin.Hub.StartDisconnect(peer.Address, ConnReason.Excess);
    }

    // Of a caller, where the call came from; else who told of the peer. A connection that a person asked for, or that the address book told
    // of, is nobody's
    // crowd.
    private (string Group, string Source) OriginOf(HubPeer peer)
    {
        if (peer.IsCaller)
            return PeerSource.Of(peer.Address);
        string? source = peer.IsRequested ? null : _plugin.SourceOf(peer.Address);
        // It is not null, or it were our own.
        return PeerSource.IsOwn(source) ? (peer.Address.Text, peer.Address.Text) : (PeerSource.GroupOf(source), source!);
    }

    private void Rotate(Slots slots, long now)
    {
        if (slots.Up.Length < slots.Quota || slots.Waiting.Count == 0)
            return;
        TimeSpan period = slots.Rotation / Math.Sqrt(slots.Waiting.Count);
        // Of the sources that have several, one leaves sooner: else one that never lets go of a connection would in time have all that are left over.
        HubPeer[] up = !_options.IsFairToSources || slots.IsRoom ? slots.Up
            : [.. slots.Up.OrderByDescending(p =>
                (now - SinceOf(p)) * slots.Turns.OfGroup(PeerSource.GroupOf(_plugin.SourceOf(p.Address))))];
        if (MayGiveWay(up, slots.IsRoom, now, period) is not { } oldest)
            return;
        _lastRotation = now;
        _plugin.Hub.StartDisconnect(oldest.Address, ConnReason.Rotation);
    }

    // Ours: who took the slots of others while those had nobody who could be dialled gives them back before the turn is over: one of a source, or of
    // a group of sources, that has at least two more than one that waits with somebody who has not failed.
    private bool EvenOut(Slots slots, long now)
    {
        double ms = (slots.Rotation / UnevenHaste).TotalMilliseconds;
        if (!slots.MayBeUneven || slots.Up.Length < slots.Quota || slots.Waiting.Count == 0 || _lastRotation + ms >= now)
            return false;
        HubPeer? tooMany = slots.Up.Where(p => SinceOf(p) + ms < now)
            .Select(p => (Peer: p, Source: _plugin.SourceOf(p.Address)))
            .Where(p => slots.Waiting.Sources.Values.Any(w => w.Best[0].Peer.Failure == 0 && slots.Turns.IsUneven(p.Source, w.Source)))
            .OrderByDescending(p => slots.Turns.OfGroup(PeerSource.GroupOf(p.Source)))
            .ThenByDescending(p => slots.Turns.OfSource(p.Source))
            .FirstOrDefault().Peer;
        if (tooMany is null)
            return false;
        _lastRotation = now;
        _plugin.Hub.StartDisconnect(tooMany.Address, ConnReason.Rotation);
        return true;
    }

    private HubPeer? MayGiveWay(HubPeer[] up, bool isRoom, long now, TimeSpan period)
    {
        double ms = period.TotalMilliseconds;
        return _lastRotation + ms >= now ? null : Array.Find(up, p => SinceOf(p) + ms < now && (!isRoom || IsEmptyRoom(p)));
    }

    private void Dial(Slots slots, HashSet<FeedId> taken, long now)
    {
        Waiting waiting = slots.Waiting;
        int free = slots.Free;
        if (waiting.Sources.Count == 0)
            return;
        while (free > 0 && waiting.TakeNext(slots.Turns, out ConnPeer peer))
        {
            if (peer.FeedId is { } key && !taken.Add(key))
                continue; // another route to it was dialled just now
            if (_plugin.Budget.IsExhausted)
                return;
            ConnPeer route = BestRoute(peer, _timeOfDay, _fresh, 0);
            if (!_plugin.Hub.TryDial(route.Address, route.Data, ConnReason.FreeSlot))
                continue;
            free--;
            slots.Turns.Had(peer.ToldAs, now);
        }
    }

    // The best of the routes to an identity that may be dialled now, or so many milliseconds from now.
    private ConnPeer BestRoute(ConnPeer chosen, long timeOfDay, double fresh, double after)
    {
        if (chosen.FeedId is not { } key)
            return chosen;
        ConnPeer best = chosen;
        foreach (ConnPeer other in RoutesOf(key))
        {
            if (IsBetter(other, best) && other.Kind != PeerKind.Room && ObstacleOrRefusal(other) is null
                && WaitedOf(other, timeOfDay) is var waited && waited + after >= LeastWaitOf(other, IsStale(waited, fresh)))
                best = other;
        }

        return best;
    }

    private IEnumerable<ConnPeer> RoutesOf(FeedId key)
    {
        foreach (MultiserverAddress address in _plugin.Db.GetAddresses(key))
        {
            if (_plugin.Db.Find(address) is { } known)
                yield return new ConnPeer(known);
        }

        foreach (StagedPeer route in _plugin.Staging.RoutesTo(key))
            yield return new ConnPeer(route);
    }

    // What strangers tell of a peer's whereabouts comes after what a person or the address book says, until that fails: anybody can tell of
    // a route to any identity. A LAN peer has signed where it is.
    private static bool IsBetter(ConnPeer other, ConnPeer best)
    {
        bool isOwn = PeerSource.IsOwn(other.ToldAs);
        if (isOwn == PeerSource.IsOwn(best.ToldAs))
            return ConnQuery.ByPreference(other, best) < 0;
        ConnPeer own = isOwn ? other : best, told = isOwn ? best : other;
        bool isToldBetter = told.Failure < own.Failure || (told.Failure == own.Failure && told.Kind == PeerKind.Lan);
        return isOwn != isToldBetter;
    }

    private bool IsCandidate(ConnPeer peer, PeerKind kind, HashSet<FeedId> taken)
    {
        if (peer.Autoconnect == false || IsLocalhost(peer) || IsOurselves(peer))
            return false;
        if (!_options.DialsUnverifiedLan && kind == PeerKind.Lan && IsUnverified(peer))
            return false;
        FeedId? key = peer.FeedId;
        if (key is { } named && taken.Contains(named))
            return false;
        if (_plugin.HasRules && _plugin.RuleOf(peer.Address, key) is not null)
            return false;
        if (_plugin.HostRefusals.LeftOf(peer.Address) is not null)
            return false;
        if (peer.Db is not null && _plugin.ProblemOf(peer.Address) is not null)
            return false; // those of the bench were asked when they came
        return kind == PeerKind.Room ? key is not { } room || _plugin.HopsTo(room) is not < 0 : HopsOf(peer) is >= 0;
    }

    /// <summary>Why a peer is not dialled automatically, ever, until something changes, or as long as a refusal of the host holds; null if it may be.</summary>
    private string? ObstacleOrRefusal(ConnPeer peer) => Obstacle(peer) ?? (_plugin.HostRefusals.LeftOf(peer.Address) is not null ? RefusedByHost : null);

    /// <summary>Why a peer is not dialled automatically, ever or until something changes; null if it may be.</summary>
    private string? Obstacle(ConnPeer peer)
    {
        FeedId? key = peer.FeedId;
        if (IsOurselves(peer))
            return "This is ourselves, and we do not dial ourselves";
        if (_plugin.RuleOf(peer.Address, key) is { } rule)
            return rule.Kind == PeerRuleKind.Disconnect ? $"You disconnected it; it is not dialled until about {rule.Until:u}" : $"It is {rule}";
        if (key is { } named && _plugin.HopsTo(named) is < 0)
            return "It is blocked in the social graph";
        if (peer.Db is not null && _plugin.ProblemOf(peer.Address) is { } problem)
            return $"It {ConnPlugin.NeverDialled(problem)}";
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
        return _plugin.HopsTo(key.Value) is null ? "It is not known in the social graph, so only a person dials it" : null;
    }

    private int? HopsOf(ConnPeer peer) => peer.FeedId is { } key ? _plugin.HopsTo(key) : _plugin.Options.SocialGraph is null ? _plugin.Options.DefaultHops : null;

    /// <summary>How many milliseconds a peer is left alone yet; 0 or less: it may be dialled.</summary>
    private double LeftOf(ConnPeer peer, double fullness, bool isLucky, long timeOfDay)
    {
        double waited = WaitedOf(peer, timeOfDay);
        bool isStale = IsStale(waited, Fresh());
        double cooldown = CooldownOf(peer, fullness, isLucky, isStale);
        double left = Math.Max(cooldown, LeastWaitOf(peer, isStale)) - waited;
        return double.IsNaN(left) ? cooldown : left; // infinite both: it is not to be dialled, however long it has waited
    }

    private double CooldownOf(ConnPeer peer, double fullness, bool isLucky, bool isStale) => Cooldown.Of(
        peer.Kind, HopsOf(peer), isStale ? Math.Min(1, peer.Failure) : peer.Failure, ConnQuery.HasNoAttempts(peer), ConnQuery.HasOnlyFailedAttempts(peer),
        fullness, isLucky);

    private double WaitedOf(ConnPeer peer, long timeOfDay) => _plugin.StateTimes.Elapsed(peer.Address, peer.StateChangeMs, timeOfDay);

    // What a failure said, in milliseconds since then; no longer than our own would say after as many, whatever another program says.
    private static double LeastWaitOf(ConnPeer peer, bool isStale) =>
        !isStale && peer.RetryAtMs is { } retryAt && peer.StateChangeMs is { } since
            ? Math.Min(retryAt - since, Cooldown.ShortestAfter(peer.Failure).TotalMilliseconds) : 0;

    // It failed before the network was what it is now, or at a time that cannot be.
    private static bool IsStale(double waited, double fresh) => double.IsPositiveInfinity(waited) || waited > fresh;

    private double Fresh() => Now() - Volatile.Read(ref _freshSince);

    private static double Fullness(int quota, int up) => quota == 0 ? 1 : 1 - ((double)Math.Max(quota - up, 0) / quota);

    // How long a peer has had its turn. In the original since its entry last changed, which a peer can make it do: a room with each
    // attendant that it
    // tells of. It then would never have had its turn.
    private long SinceOf(HubPeer peer) => TimeOf(_options.BelievesClaims ? peer.UpdatedAt : peer.BornAt);

    private static bool IsEmptyRoom(HubPeer peer) => peer.Data.TryGet("onlineCount", out System.Text.Json.JsonElement count)
        && count.ValueKind == System.Text.Json.JsonValueKind.Number && count.GetDouble() == 0;

    private bool IsOurselves(ConnPeer peer) => peer.FeedId is { } key && key == _plugin.Options.OwnFeedId;

    private static bool IsUnverified(ConnPeer peer) => peer.Staged is { } staged && staged.Verified != true;

    private static bool IsLocalhost(ConnPeer peer) => peer.Db is { } known ? known.IsLocalhost
        : peer.Staged?.Data.Host is { } host && AddressScopes.Of(host) == AddressScope.Loopback;

    private long Now() => (long)_time.GetElapsedTime(_start).TotalMilliseconds;

    private long TimeOf(long timestamp) => (long)_time.GetElapsedTime(_start, timestamp).TotalMilliseconds;

    // As the original at its start: what is only ever met nearby is not remembered, and what was called defunct gets another chance.
    private void CleanUpDb()
    {
        var rooms = new HashSet<string>();
        foreach (DbPeer peer in _plugin.Db.Entries())
        {
            if (peer.Data.Source is "local" or "bt" || peer.Data.Type is "lan" or "bt")
                _plugin.Forget(peer.Address);
            else if (peer.Data.IsDefunct)
                _plugin.Db.Update(peer.Address, data => data.Without("defunct", "autoconnect"));
            if (peer.Data.Type == "room" && peer.Data.TryGet("membership", out System.Text.Json.JsonElement membership) && membership.ValueKind is System.Text.Json.JsonValueKind.True)
                rooms.Add(peer.Address.Text);
        }

        // Members of a room are met there; by an alias nobody needs to find them.
        foreach (DbPeer peer in _plugin.Db.Entries())
        {
            if (peer.Data.Type is "room-endpoint" or "room-attendant" && peer.Data.HasAlias
                && peer.Data.TryGet("roomAddress", out System.Text.Json.JsonElement room) && JsonGate.TextOf(room) is { } text
                && rooms.Contains(text))
                _plugin.Forget(peer.Address);
        }
    }

    /// <summary>The slots for rooms, or for the others, at one look.</summary>
    private sealed record Slots(bool IsRoom, int Quota, HubPeer[] All, HubPeer[] Up, int Free, double Fullness, TimeSpan Rotation, bool MayRotate, bool MayBeUneven, Waiting Waiting, DialTurns Turns)
    {
        public required Excess Excess { get; init; }

        public required Excess CallerExcess { get; init; }

        public bool NeedsWaiting => Free > 0 || MayRotate || MayBeUneven;
    }

    /// <summary>Since when there have been too many connections.</summary>
    private sealed class Excess
    {
        /// <summary>In milliseconds, as <see cref="Now"/> tells; null while there are not.</summary>
        public long? Began { get; set; }
    }
}
