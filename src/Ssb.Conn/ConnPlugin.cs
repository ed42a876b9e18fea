using Microsoft.Extensions.Logging;

namespace Ssb.Conn;

/// <summary>The CONN plugin: which peers are there, which are worth remembering, which are connected, and who is to be next.</summary>
/// <remarks>
/// <para>Thread-safe. It holds the four parts, <see cref="Db"/>, <see cref="Hub"/>, <see cref="Staging"/> and <see cref="Query"/>, keeps them in step,
/// and runs a scheduler. Modelled on npm ssb-conn 6.0.4; what differs stands in docs/differences-from-js.md.</para>
/// <para>Stage through it rather than through <see cref="Staging"/>: it asks who may come, and remembers why.</para>
/// <para>Once closed, its streams end and its methods throw <see cref="ObjectDisposedException"/>, before they look at what they are given. Only
/// <see cref="StopAsync"/>, <see cref="NoteRefusal"/> and the three that notify it find nothing to do, and its properties still answer.</para>
/// </remarks>
public sealed class ConnPlugin : IAsyncDisposable
{
    private const int RuleEventsKept = 1_024;
    private const string RoomType = "room", Nowhere = "nowhere", TakingIn = "taking callers in";

    private static readonly PeerData s_internet = new() { Type = "internet" };

    private readonly IPeerNetwork _network;
    private readonly ConnPluginOptions _options;
    private readonly PeerRules _rules;
    private readonly DisconnectHolds _holds;
    private readonly EventFeed<PeerRuleEvent> _ruleEvents = new(RuleEventsKept, static missed => new PeerRuleEvent(PeerRuleEventType.Missed, null) { Missed = missed });
    private readonly Admission _admission;
    private readonly InterpoolGlue _glue;
    private readonly FailureMemory _failures;
    private readonly PeerHistory _history;
    private readonly PeerHistory _refusals; // of callers and tunnels, apart: strangers make them, and push out only each other's
    private readonly IConnScheduler _scheduler;
    private readonly ITimer _pingTimer;
    private readonly CancellationTokenSource _closing = new();
    private Task _accepting = Task.CompletedTask;
    private long _refusedCallers;
    private long _lastDownload;
    private long _left;
    private bool _hasDownloaded;
    private int _isClosed;

    private ConnPlugin(IPeerNetwork network, ConnPluginOptions options, ConnDb db, PeerRules rules)
    {
        (_network, _options, _rules, Db) = (network, options, rules, db);
        Staging = new ConnStaging(options.Staging);
        Budget = new DialBudget(options.Scheduler.DialsPerMinute, options.TimeProvider);
        Hub = new ConnHub(network, options.Hub) { Budget = Budget, OpeningsPerDial = options.Scheduler.OpeningsPerDial };
        Query = new ConnQuery(Db, Hub, Staging) { IsOut = IsNeverSuggested };
        _holds = new DisconnectHolds(options.TimeProvider, options.DisconnectHold);
        _history = new PeerHistory(options.HistoryPeers, options.HistoryNotes);
        _refusals = new PeerHistory(options.HistoryPeers, options.HistoryNotes);
        _failures = new FailureMemory(options.FailuresRemembered);
        StateTimes = new StateTimes(options.FailuresRemembered, options.TimeProvider);
        _admission = new Admission(options.Admission, Staging, Hub, rules, options);
        Hub.ReachOf = address => _admission.LeastOf(_glue!.SourceOf(address)); // the glue is there before anybody can dial
        HostRefusals = new HostRefusals(options.FailuresRemembered, options.TimeProvider);
        _glue = new InterpoolGlue(Db, Hub, Staging, rules, _failures, HostRefusals, StateTimes, options, Note);
        Hub.Glue = OnHub;
        Hub.IsBlocked = (address, feedId) => rules.Find(address, feedId) is { Kind: PeerRuleKind.Block };
        Hub.RefusalOfCaller = (_, feedId) => IsDismissed(null, feedId) ? CountCaller(ConnReason.Dismissed) : null;
        Hub.WhyLeftAlone = (address, feedId) => RuleOf(address, feedId)?.ToString();
        Hub.KeepsPathOf = address => options.Scheduler.KeepsPathsOfStrangers || Db.Get(address) is not null || SourceOf(address) is null;
        Hub.WasConnected = _failures.WasConnected;
        Hub.RefusedCaller = (address, feedId, why) => NoteRefusal(feedId, address, why.TrimEnd('.'));
        Hub.RefusedDial = (address, feedId, why) => Note("refused", address, feedId, why.TrimEnd('.'), null);
        Staging.Left = OnLeft;
        States = new StateLog(options.Logger, options.TimeProvider);
        _scheduler = options.MakeScheduler?.Invoke(this) ?? new ConnScheduler(this, options.Scheduler);
        _pingTimer = options.TimeProvider.CreateTimer(static plugin => ((ConnPlugin)plugin!).RecordPings(), this, options.PingRecording, options.PingRecording);
    }

    /// <summary>The address book.</summary>
    public ConnDb Db { get; }

    /// <summary>The connections.</summary>
    public ConnHub Hub { get; }

    /// <summary>The bench.</summary>
    public ConnStaging Staging { get; }

    /// <summary>Questions across the three.</summary>
    public ConnQuery Query { get; }

    /// <summary>Is the scheduler at work?</summary>
    public bool IsRunning => _scheduler.IsRunning;

    /// <summary>The decisions about peers that are in force; those of a kind that is not known here among them, see <see cref="PeerRule.UnknownKind"/>.
    /// Last those whom a person has disconnected, see <see cref="PeerRuleKind.Disconnect"/>.</summary>
    public IReadOnlyList<PeerRule> Rules => [.. _rules.All, .. _holds.All];

    /// <summary>What dials that no person asked for were refused so far.</summary>
    public DialCounters DialCounters => Budget.Counters;

    /// <summary>What was refused, or dropped, of those who were told of since the manager was opened.</summary>
    public AdmissionCounters AdmissionCounters
    {
        get
        {
            lock (Hub.Gate)
                return _admission.Counters with { RefusedCallers = Interlocked.Read(ref _refusedCallers) };
        }
    }

    /// <summary>Where the damaged <c>conn-rules.json</c> was kept, when the one that was opened was damaged; else null. What could be read of it holds.</summary>
    public string? DamagedRulesFile => _rules.DamagedFile;

    /// <summary>Why what was decided last (<see cref="Dismiss"/>, <see cref="Block"/>, <see cref="Undo"/>) is not in
    /// <c>conn-rules.json</c> yet; null if
    /// it is.</summary>
    /// <remarks>The file is tried again every 10 seconds, with the next decision, and at the end.</remarks>
    public Exception? RulesWriteError => _rules.LastWriteError;

    /// <summary>Has it been told to close? Then its parts throw <see cref="ObjectDisposedException"/>; before, whoever throws that has failed.</summary>
    public bool IsClosed => Volatile.Read(ref _isClosed) != 0;

    internal ConnPluginOptions Options => _options;

    /// <summary>Told what does not work at the moment.</summary>
    internal StateLog States { get; }

    /// <summary>What dials are taken from that no person asked for.</summary>
    internal DialBudget Budget { get; }

    /// <summary>What the host's policy refused to dial.</summary>
    internal HostRefusals HostRefusals { get; }

    /// <summary>How long ago peers changed their state.</summary>
    internal StateTimes StateTimes { get; }

    /// <summary>Counts peers that left the bench.</summary>
    internal long Left => Volatile.Read(ref _left);

    /// <summary>Told that something changed which the scheduler may want to look at soon.</summary>
    internal Action<SchedulerNews>? News { private get; set; }

    /// <summary>Loads the address book and the rules of a folder, begins to let callers in, and starts the scheduler unless told not to.</summary>
    /// <param name="network">What dials and accepts.</param>
    /// <param name="options">How it is set up; the defaults if null.</param>
    /// <param name="cancellationToken">Ends the loading.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="IOException">The folder, or <c>conn-rules.json</c> in it, cannot be read, or another process has its address book open. Without the rules
    /// it does not open, as everybody who is blocked would be let in.</exception>
    public static async Task<ConnPlugin> OpenAsync(IPeerNetwork network, ConnPluginOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(network);
        options = (options ?? new ConnPluginOptions()).Checked();
        ConnDb db = options.Folder is { } folder
            ? await ConnDb.OpenAsync(folder, options.Db with { IsMadeAtOnce = false }, cancellationToken).ConfigureAwait(false)
            : ConnDb.InMemory(options.Db);
        ConnPlugin plugin;
        try
        {
            var rules = PeerRules.Open(options.Folder, options.TimeProvider, options.Logger, options.Db.Files);
            plugin = new ConnPlugin(network, options, db, rules);
        }
        catch
        {
            await db.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        plugin._accepting = plugin.KeepAccepting(network);
        if (options.Autostart)
            plugin.Start();
        return plugin;
    }

    /// <summary>Registers a peer as available, or refreshes one that is, unless it may not come onto the bench.</summary>
    /// <param name="address">Where it can be reached.</param>
    /// <param name="data">What is known of it; an <c>internet</c> peer if null, as in the original.</param>
    /// <param name="source">Who told, see <see cref="AdmissionOptions"/>; null for a person, who answers to no quota.</param>
    /// <returns>true if it was inserted; false if it was updated, or refused (which <see cref="TryStage(MultiserverAddress, PeerData?, string?)"/> tells
    /// apart).</returns>
    /// <exception cref="ArgumentException">The address is too long, the data are too large, or the key contradicts the address.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public bool Stage(MultiserverAddress address, PeerData? data = null, string? source = null) => TryStage(address, data, source).Outcome == StageOutcome.Inserted;

    /// <summary>Like <see cref="Stage(MultiserverAddress, PeerData?, string?)"/>, and says what it did.</summary>
    /// <inheritdoc cref="Stage(MultiserverAddress, PeerData?, string?)" path="/param|/exception"/>
    public StageResult TryStage(MultiserverAddress address, PeerData? data = null, string? source = null)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        data ??= s_internet;
        MultiserverAddress? within = address;
        string? dropped = null;
        if (source is not null)
        {
            (source, data) = (PeerSource.Normalize(source), Admission.WithoutClaims(data, source));
            lock (Hub.Gate)
                within = _admission.WithinReach(address, source, out dropped);
        }

        address = within ?? address; // before anything is asked of its feedId: each route may name another
        FeedId? feedId = address.FeedId ?? FeedId.ReadLenient(data.Key);
        int? hops = feedId is null ? null : _options.SocialGraph?.HopsTo(feedId.Value); // foreign code, and so not under the lock
        // The network is foreign code, too. It is not asked again for every announcement of a peer that was let in.
        string? problem = Staging.Get(address) is null ? ProblemOf(address, PeerSource.IsOwn(source)) : null;
        StageResult result;
        lock (Hub.Gate) // so that nobody is on the bench and in the hub
        {
            bool isThere = Staging.Get(address) is not null;
            RefusalReason? reason = _admission.Refuses(address, feedId, hops, source, isThere, data.Verified == true, problem is not null)
                ?? (within is null ? RefusalReason.TooLocal : null);
            if (reason is { } refusal)
            {
                if (refusal == RefusalReason.InHub)
                    _glue.Heard(address, data, feedId, _options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds());
                result = new StageResult(StageOutcome.Refused, refusal);
            }
            else
            {
                if (!isThere && _failures.Find(address) is { } failure)
                    data = InterpoolGlue.With(data, failure);
                string? toldAs = source is not null && _admission.IsFriend(hops) ? PeerSource.OfFriend(source) : source;
                try
                {
                    result = Staging.TryStage(address, data, toldAs);
                }
                catch (ArgumentException e)
                {
                    Note("refused", address, feedId, Clause(e), source);
                    throw;
                }
            }

            _admission.Count(result, hasDropped: dropped is not null);
            if (result.Outcome == StageOutcome.Inserted && dropped is not null)
                Note("route-dropped", address, feedId, dropped, source);
            if (result.Outcome != StageOutcome.Updated && result.Reason != RefusalReason.InHub)
            {
                string words = result.Reason switch
                {
                    RefusalReason.TooLocal => dropped!, // something was dropped then
                    RefusalReason.Undiallable => NeverDialled(problem!), // there is one then
                    _ => Words(result),
                };
                Note(result.Outcome == StageOutcome.Inserted ? "staged" : "refused", address, feedId, words, source);
            }
        }

        if (result.Outcome == StageOutcome.Inserted)
            News?.Invoke(SchedulerNews.Staged);
        return result;
    }

    /// <summary>Takes a peer off the bench; one that is being connected does not come back to it.</summary>
    /// <returns>true if it was there.</returns>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public bool Unstage(MultiserverAddress address)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        lock (Hub.Gate)
        {
            _glue.Forget(address);
            return Staging.Unstage(address);
        }
    }

    /// <summary>The bench now, and again whenever it changed.</summary>
    public IAsyncEnumerable<StagingSnapshot> StagedPeers(CancellationToken cancellationToken = default) => Staging.LiveEntries(cancellationToken);

    /// <summary>Adds a peer to the address book, or merges what is given into what is known of it.</summary>
    /// <param name="address">Where it can be reached.</param>
    /// <param name="data">What is known of it.</param>
    /// <param name="source">Who told, see <see cref="AdmissionOptions"/>; null for a person.</param>
    /// <exception cref="ArgumentException">The data are too large, or the address book does not have the address and it can never be dialled
    /// here, see <see cref="AdmissionOptions.AllowUndiallable"/>.</exception>
    /// <exception cref="InvalidOperationException">The address book is full.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public void Remember(MultiserverAddress address, PeerData? data = null, string? source = null)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        FeedId? feedId = address.FeedId ?? FeedId.ReadLenient(data?.Key);
        if (Db.Find(address) is null && Refuses(address, feedId, source) is { } refusal)
            throw new ArgumentException(refusal, nameof(address));
        try
        {
            if (Db.Set(address, data))
                Note("remembered", address, feedId, ConnReason.Requested, source);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException and not ObjectDisposedException)
        {
            Note("refused", address, feedId, $"the address book does not take it: {Clause(e)}", source);
            throw;
        }
    }

    /// <summary>Removes a peer from the address book.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public void Forget(MultiserverAddress address)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        FeedId? feedId = Db.Find(address)?.FeedId;
        if (Db.Delete(address))
            Note("forgotten", address, feedId, ConnReason.Requested, null);
    }

    /// <summary>The address book.</summary>
    public IReadOnlyList<DbPeer> DbPeers() => Db.Entries();

    /// <summary>Connects to a peer; see <see cref="ConnHub.ConnectAsync(MultiserverAddress, PeerData?, string, CancellationToken)"/>.</summary>
    /// <exception cref="ConnectFailedException">It could not be reached, is blocked, or can never be dialled here, see
    /// <see cref="AdmissionOptions.AllowUndiallable"/>.</exception>
    public Task<IPeerConnection> ConnectAsync(MultiserverAddress address, PeerData? data = null, CancellationToken cancellationToken = default) =>
        ConnectAsync(address, data, null, cancellationToken);

    /// <summary>Connects to a peer that a source asked for.</summary>
    /// <param name="address">Where it can be reached.</param>
    /// <param name="data">What is known of it.</param>
    /// <param name="source">Who asked, see <see cref="AdmissionOptions"/>; null for a person. It decides nothing but whether an address without
    /// a feed id may be dialled, which is for owners alone.</param>
    /// <param name="cancellationToken">Ends the waiting; the dial goes on.</param>
    /// <inheritdoc cref="ConnectAsync(MultiserverAddress, PeerData?, CancellationToken)" path="/exception"/>
    public Task<IPeerConnection> ConnectAsync(MultiserverAddress address, PeerData? data, string? source, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        FeedId? feedId = address.FeedId ?? FeedId.ReadLenient(data?.Key);
        bool isPerson = PeerSource.IsOwn(source);
        if (isPerson)
            EndHold(address, feedId); // she has changed her mind
        bool isBlocked = IsBlocked(address, feedId);
        if (isBlocked)
            Note("refused", address, feedId, ConnReason.Blocked, source);
        string? refusal = isBlocked ? $"{feedId?.ToString() ?? address.ToString()} is blocked."
            : Hub.Get(address) is null ? Refuses(address, feedId, source)
            : null;
        if (refusal is not null)
            return Task.FromException<IPeerConnection>(new ConnectFailedException(refusal));
        Task<IPeerConnection> connecting = Hub.ConnectAsync(address, data, ConnReason.Requested, cancellationToken);
        return isPerson && feedId is null && _holds.Any ? EndHoldOnceConnectedAsync(connecting) : connecting;
    }

    // Whom an address that names nobody leads to is known only then.
    private async Task<IPeerConnection> EndHoldOnceConnectedAsync(Task<IPeerConnection> connecting)
    {
        IPeerConnection connection = await connecting.ConfigureAwait(false);
        EndHold(null, connection.FeedId);
        return connection;
    }

    /// <summary>Ends a connection or a dial, because a person or a program asked for it. The scheduler then leaves the peer alone for
    /// <see cref="ConnPluginOptions.DisconnectHold"/>, with all its addresses; it may call.</summary>
    /// <returns>true once it has ended; false if the peer was not in the hub.</returns>
    /// <exception cref="IOException">It could not be ended, and stands.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public Task<bool> DisconnectAsync(MultiserverAddress address)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        PeerRule? held;
        Task<bool> leaving;
        lock (Hub.Gate) // so that nobody dials it again before it is left alone
        {
            held = Hub.Get(address) is { } peer ? _holds.Begin(peer) : null;
            leaving = Hub.DisconnectAsync(address);
        }

        Hub.RunDeferred();
        if (held is null)
            return leaving;
        Tell(PeerRuleEventType.Decided, held);
        return EndUnlessItStandsAsync(leaving, held.Target);
    }

    private async Task<bool> EndUnlessItStandsAsync(Task<bool> leaving, PeerTarget held)
    {
        try
        {
            return await leaving.ConfigureAwait(false);
        }
        catch (IOException)
        {
            EndHold(held.Address, held.FeedId);
            throw;
        }
    }

    private bool EndHold(MultiserverAddress? address, FeedId? feedId)
    {
        if (_holds.End(address, feedId) is not { } ended)
            return false;
        Tell(PeerRuleEventType.Undone, ended);
        return true;
    }

    /// <summary>The connections now, and again whenever one changed.</summary>
    public IAsyncEnumerable<IReadOnlyList<HubPeer>> Peers(CancellationToken cancellationToken = default) => Hub.LiveEntries(cancellationToken);

    /// <summary>What pinging a connected peer has shown; null if it is not connected, or has not answered yet.</summary>
    public PeerPing? Ping(MultiserverAddress address) => Hub.GetConnection(address)?.Ping;

    /// <summary>Starts the scheduler.</summary>
    public void Start()
    {
        ThrowIfClosed();
        _scheduler.Start();
    }

    /// <summary>Stops the scheduler and, as the original, ends all connections.</summary>
    public async Task StopAsync()
    {
        _scheduler.Stop();
        await Hub.ResetAsync(ConnReason.Stopped).ConfigureAwait(false);
    }

    /// <summary>A message has arrived from another: the scheduler pauses until some time after the last one.</summary>
    public void NotifyDownload()
    {
        Volatile.Write(ref _lastDownload, _options.TimeProvider.GetTimestamp());
        Volatile.Write(ref _hasDownloaded, true);
    }

    /// <summary>The network has changed: all connections are made anew, and who failed before is tried again.</summary>
    public Task NotifyNetworkChangeAsync()
    {
        News?.Invoke(SchedulerNews.NetworkChanged);
        return Hub.ResetAsync();
    }

    /// <summary>The machine has slept: likewise. The scheduler notices by itself when its clock jumps ahead. When the clock was set back, it
    /// tries peers again whose dials failed, and connections stand.</summary>
    public Task NotifyWakeUpAsync() => NotifyNetworkChangeAsync();

    /// <summary>Leaves a peer alone: it is disconnected and taken off the bench, however often it is met again it is not staged nor dialled, and it is not
    /// let in when it calls (<see cref="AdmissionOptions.DismissedMayCall"/>). A person may connect to it. One address that is dismissed is that route
    /// alone: the peer may call, and be dialled at other addresses.</summary>
    /// <param name="target">A feed id, for all its addresses, or one address.</param>
    /// <param name="until">When it may come back; null: when somebody undoes it.</param>
    /// <exception cref="InvalidOperationException">Too many are dismissed or blocked.</exception>
    /// <exception cref="IOException">It could not be written yet; it holds, and the file is tried again, see
    /// <see cref="RulesWriteError"/>.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public void Dismiss(PeerTarget target, DateTimeOffset? until = null) => Decide(target, PeerRuleKind.Dismiss, until);

    /// <summary>Dismisses a peer for some time; see <see cref="Dismiss"/>.</summary>
    /// <inheritdoc cref="Dismiss" path="/exception"/>
    public void Snooze(PeerTarget target, TimeSpan duration)
    {
        ThrowIfClosed();
        Decide(target, PeerRuleKind.Dismiss, _options.TimeProvider.GetUtcNow() + duration);
    }

    /// <summary>Has nothing to do with a peer: it is dismissed, disconnected, and neither dialled nor let in.</summary>
    /// <inheritdoc cref="Dismiss" path="/param|/exception"/>
    public void Block(PeerTarget target, DateTimeOffset? until = null) => Decide(target, PeerRuleKind.Block, until);

    /// <summary>Undoes a dismissal, a snooze or a block, and what a person's <see cref="DisconnectAsync"/> keeps from being dialled.</summary>
    /// <returns>false if there was none in force.</returns>
    /// <exception cref="IOException">It could not be written yet; it holds, and the file is tried again, see
    /// <see cref="RulesWriteError"/>.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public bool Undo(PeerTarget target)
    {
        ThrowIfClosed();
        FeedId? feedId = target.FeedId ?? target.Address?.FeedId;
        PeerRule? rule = _rules.Find(target);
        bool wasHeld = EndHold(target.Address, feedId);
        bool isUndone = wasHeld;
        try
        {
            return _rules.Remove(target) || wasHeld;
        }
        finally
        {
            // Also if it could not be written yet: it holds.
            if (rule is not null && _rules.Find(target) is null)
            {
                isUndone = true;
                Tell(PeerRuleEventType.Undone, rule);
            }

            if (isUndone)
                Note("undone", target.Address, feedId, ConnReason.Requested, null);
        }
    }

    /// <summary>Every decision about a peer that somebody makes or undoes from this call on, in order. That one has ended by itself is not told. A reader that
    /// lags by more than 1,024 is told how many it missed. The stream can be enumerated once, and ends when the manager closes.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public IAsyncEnumerable<PeerRuleEvent> ListenRules(CancellationToken cancellationToken = default)
    {
        ThrowIfClosed();
        return _ruleEvents.Read(cancellationToken);
    }

    /// <summary>Where a peer is and why: who told of it, what was refused or removed and by which rule, when it may be tried next.</summary>
    /// <param name="target">A feed id, or an address.</param>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public WhyReport Why(PeerTarget target)
    {
        ThrowIfClosed();
        MultiserverAddress? address = target.Address;
        FeedId? feedId = address is null ? target.FeedId
            : address.FeedId ?? Db.Find(address)?.FeedId ?? Staging.Get(address)?.FeedId ?? Hub.Get(address)?.FeedId;
        bool isOurselves = feedId is not null && feedId == _options.OwnFeedId;
        int? hops = feedId is { } known && !isOurselves ? _options.SocialGraph?.HopsTo(known) : null;
        var routes = new OrderedTable<WhyRoute>();
        var outlooks = new List<(WhyRoute Route, ConnPeer Peer)>();
        lock (Hub.Gate)
        {
            if (address is not null)
                Add(address);
            if (feedId is { } named)
            {
                if (Hub.Get(named) is { } connected)
                    Add(connected.Address);
                foreach (StagedPeer peer in Staging.RoutesTo(named))
                    Add(peer.Address);
                foreach (MultiserverAddress remembered in Db.GetAddresses(named))
                    Add(remembered);
            }
        }

        // What the scheduler and the network say may be foreign code.
        foreach ((WhyRoute route, ConnPeer peer) in outlooks)
        {
            SchedulerOutlook outlook = ProblemOf(peer.Address, PeerSource.IsOwn(peer.ToldAs)) is { } problem
                ? new SchedulerOutlook($"It is kept and not dialled: it {NeverDialled(problem)}")
                : _scheduler.Explain(peer);
            routes.Set(route.Address, route with
            {
                Outlook = outlook.Text,
                RetryAt = outlook.RetryAt,
                RetryBy = outlook.RetryBy,
                Place = outlook.Place,
            });
        }

        if (address is not null && routes.TryGet(address, out WhyRoute? asked) && asked.Where == Nowhere && ProblemOf(address) is { } never)
        {
            routes.Set(address, asked with { Outlook = $"{asked.Outlook}, and {NeverDialled(never)}" });
        }

        WhyRoute[] found = [.. routes.All.Where(r => r.Where != Nowhere || r.Address == address || feedId is null || routes.Count == 1)];
        PeerTarget subject = feedId is { } peerKnown ? PeerTarget.From(peerKnown) : target;
        PeerNote[] history = [.. _history.Of(subject).Concat(_refusals.Of(subject)).OrderBy(n => n.Order).Select(n => n.Note)];
        return new WhyReport(target, feedId, hops, RuleOf(address, feedId), found, history) { IsOurselves = isOurselves };

        void Add(MultiserverAddress route)
        {
            WhyRoute seen = Look(route, out ConnPeer? waits);
            routes.Set(route, seen);
            if (waits is { } peer && !outlooks.Exists(o => o.Route.Address == route))
                outlooks.Add((seen, peer));
        }
    }

    /// <summary>Begins a batch: until it is disposed, readers of the live entries and events of bench, hub and address book see them as they are now, and then
    /// all that changed at once. To be held for a moment.</summary>
    public IDisposable Batch()
    {
        IDisposable staging = Staging.Batch();
        Hub.BeginBatch();
        Db.BeginBatch();
        return new BatchEnd(this, staging);
    }

    /// <summary>Stops the scheduler, ends all connections, writes the address book and closes all parts.</summary>
    /// <exception cref="IOException">The address book, or what was decided about peers, could not be written; the message names the
    /// file. All is
    /// closed all the same.</exception>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isClosed, 1) != 0)
            return;
        _scheduler.Stop();
        await _pingTimer.DisposeAsync().ConfigureAwait(false);
        await _closing.CancelAsync().ConfigureAwait(false);
        await Hub.DisposeAsync().ConfigureAwait(false);
        // A network that does not end when it is told to is left behind.
        await _accepting.WaitAsync(_options.Hub.CloseDeadline, _options.TimeProvider).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Staging.Close();
        _ruleEvents.End();
        _closing.Dispose();
        States.Dispose();
        IOException? unwritten = null;
        try
        {
            _rules.Dispose();
        }
        catch (IOException e)
        {
            unwritten = e;
        }

        try
        {
            await Db.DisposeAsync().ConfigureAwait(false);
        }
        catch (IOException e) when (unwritten is not null)
        {
            throw new IOException($"{unwritten.Message} {e.Message}", e);
        }

        if (unwritten is not null)
            throw new IOException(unwritten.Message, unwritten);
    }

    /// <summary>May a remembered room be dialled for a tunnel that no person asked for? Not if it waits for a person: to fail as with a room that nobody
    /// knows shows nothing. For networks that open tunnels.</summary>
    public bool MayDialForTunnels(MultiserverAddress room)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(room);
        bool may = _options.Scheduler.DialsAnyRoomForTunnels || Db.Get(room)?.Autoconnect != false;
        if (!may)
        {
            Budget.CountRoom();
            NoteRefusal(room.FeedId, room, "it is not dialled for a tunnel that no person asked for: its autoconnect is false");
        }

        return may;
    }

    /// <summary>Connects to a room for a tunnel through it. If no person asked for the tunnel, the room is dialled only if the scheduler would dial it now.
    /// For networks that open tunnels.</summary>
    /// <param name="address">The address of the room.</param>
    /// <param name="isRequested">Did a person ask for the tunnel (<see cref="PeerDial.IsRequested"/>)?</param>
    /// <param name="cancellationToken">Ends the waiting; a dial that others wait for goes on.</param>
    /// <exception cref="ConnectFailedException">It could not be reached, is blocked, or may not be dialled now.</exception>
    public Task<IPeerConnection> ConnectForTunnelAsync(MultiserverAddress address, bool isRequested, CancellationToken cancellationToken = default)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        DbPeer? known = Db.Find(address);
        string? refusal = IsBlocked(address, address.FeedId) ? $"{address.FeedId?.ToString() ?? address.ToString()} is blocked."
            : !isRequested && known is null ? "it is not in the address book."
            : ProblemOf(address) is { } problem ? $"it {NeverDialled(problem)}."
            : isRequested ? null
            // Without a person it is in the address book, or it was refused just now.
            : !_options.Scheduler.DialsAnyRoomForTunnels && (_scheduler as ConnScheduler)?.ObstacleNow(new ConnPeer(known!)) is { } obstacle
                ? $"it is not dialled now: {obstacle}."
            : null;
        if (refusal is null)
            return Hub.ConnectAsync(address, null, ConnReason.Tunnel, isRequested, cancellationToken);
        Budget.CountRoom();
        NoteRefusal(address.FeedId, address, $"a tunnel through it was not opened: {refusal.TrimEnd('.')}");
        return Task.FromException<IPeerConnection>(new ConnectFailedException(refusal));
    }

    /// <summary>Takes in that a peer that we are connected to says that it is a room. The hub shows it. The address book is told only of a room that
    /// a person put there as one, or dialled; and no peer changes the type that it has there.</summary>
    /// <param name="address">The address of its connection.</param>
    /// <param name="told">What it says of itself.</param>
    /// <exception cref="ArgumentException">The address book does not take so much.</exception>
    public void LearnRoom(MultiserverAddress address, PeerData told)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(told);
        if (_options.Scheduler.BelievesClaims)
        {
            Hub.TryUpdate(address, told);
            Db.Update(address, told);
            return;
        }

        bool isRequested;
        lock (Hub.Gate)
        {
            HubPeer? peer = Hub.Get(address);
            isRequested = peer?.IsRequested == true;
            // What the person said who connected stays.
            Hub.TryUpdate(address, isRequested && peer!.Data.Type is not null ? told.Without("type") : told);
        }

        if (Db.Get(address) is { } book && IsTold(book))
            Db.Update(address, known => IsTold(known) ? known.Merge(told) : known);

        bool IsTold(PeerData known) => known.Type == RoomType || (known.Type is null && isRequested);
    }

    /// <summary>Adds to what <see cref="Why"/> tells of a peer, such as why a source of peers did not stage it.</summary>
    /// <param name="subject">The peer, or one address.</param>
    /// <param name="what">What happened, in a word such as <c>refused</c>.</param>
    /// <param name="reason">Why. It may be a stranger's text, and is kept as <see cref="StrangerText.Show(string?, int)"/> shows it.</param>
    /// <param name="address">The address that it happened to; null if it was about the peer.</param>
    /// <param name="source">Who told of it, where somebody did.</param>
    public void Note(PeerTarget subject, string what, string reason, MultiserverAddress? address = null, string? source = null)
    {
        ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(what);
        ArgumentNullException.ThrowIfNull(reason);
        Keep(_history, subject, what, reason, address, source);
    }

    /// <summary>Notes for <see cref="Why"/> that a peer was refused that somebody else sent here, such as a caller for whom there is no room. For networks, and
    /// for hosts that refuse peers. Quick, thread-safe and without effect once the manager is closed.</summary>
    /// <param name="feedId">Who was refused, as its handshake has proved; null if that is not known.</param>
    /// <param name="address">Where it is, or where its call came from; null if that is not known. If <paramref name="feedId"/> is null, too, there is nobody to
    /// note it of, and nothing happens.</param>
    /// <param name="reason">Why, as a clause without a full stop, such as <c>there are as many callers as may be</c>. It is kept as
    /// <see cref="StrangerText.Show(string?, int)"/> shows it.</param>
    /// <remarks>Kept apart from what else happened, of <see cref="ConnPluginOptions.HistoryPeers"/> peers and <see cref="ConnPluginOptions.HistoryNotes"/> refusals
    /// each, the latest: strangers who call with ever new keys push out only each other. A caller that is refused before its handshake has not said who it is, and
    /// cannot be noted.</remarks>
    public void NoteRefusal(FeedId? feedId, MultiserverAddress? address, string reason)
    {
        ArgumentNullException.ThrowIfNull(reason);
        if (IsClosed || (feedId is null && address is null))
            return;
        // One of the two is there.
        PeerTarget subject = (feedId ?? address!.FeedId) is { } known ? PeerTarget.From(known) : PeerTarget.From(address!);
        Keep(_refusals, subject, "refused", reason, address, null);
    }

    /// <summary>Why an address is not let in, and not dialled if it is in the address book: it can never be dialled here. Null if it
    /// is.</summary>
    internal string? ProblemOf(MultiserverAddress address, bool isFromOwner = true) =>
        _options.Admission.AllowUndiallable ? null : _network.ProblemOf(address, isFromOwner);

    /// <summary>What is said of an address that can never be dialled, after the word for it.</summary>
    internal static string NeverDialled(string problem) => $"can never be dialled here: {problem}";

    internal int? HopsTo(FeedId feedId) => _options.SocialGraph is { } graph ? graph.HopsTo(feedId) : _options.DefaultHops;

    internal PeerRule? RuleOf(MultiserverAddress? address, FeedId? feedId) => _rules.Find(address, feedId) ?? _holds.Find(address, feedId);

    internal bool HasRules => _rules.Count > 0 || _holds.Any;

    internal bool IsBlocked(MultiserverAddress? address, FeedId? feedId) => RuleOf(address, feedId) is { Kind: PeerRuleKind.Block }
        || (feedId is { } peer && _options.SocialGraph?.HopsTo(peer) < 0);

    internal bool IsDownloading(TimeSpan pause) =>
        Volatile.Read(ref _hasDownloaded) && _options.TimeProvider.GetElapsedTime(Volatile.Read(ref _lastDownload)) < pause;

    /// <summary>Does a connection, or a dial, fall under the quota of rooms? What the peer says of itself alone does not make it
    /// one.</summary>
    internal bool CountsAsRoom(HubPeer peer) => CountsAsRoom(peer, out _);

    /// <inheritdoc cref="CountsAsRoom(HubPeer)"/>
    /// <param name="peer">The peer.</param>
    /// <param name="why">Who decides so, in words; empty where nothing needs to be said.</param>
    internal bool CountsAsRoom(HubPeer peer, out string why)
    {
        bool claims = peer.Data.Type == RoomType;
        why = "";
        if (_options.Scheduler.BelievesClaims)
            return claims;
        if (Db.Find(peer.Address) is { } known && (known.Kind == PeerKind.Room || known.Data.Type is not null))
        {
            bool isRoom = known.Kind == PeerKind.Room;
            why = isRoom ? "it counts as a room, as the address book says"
                : claims ? "it counts as a peer, as the address book says, although it calls itself a room" : "";
            return isRoom;
        }

        if (!claims)
            return false;
        why = peer.IsRequested ? "it counts as a room, because a person connected to it"
            : "it calls itself a room; it counts as a peer, because neither the address book nor a person says so";
        if (peer.IsRequested)
            return true;
        if (peer.FeedId is not { } feedId || !Db.GetAddresses(feedId).Any(a => Db.Find(a)?.Kind == PeerKind.Room))
            return false;
        why = "it counts as a room, as the address book says by another address of it";
        return true;
    }

    internal string? SourceOf(MultiserverAddress inHub)
    {
        lock (Hub.Gate)
            return _glue.SourceOf(inHub);
    }

    internal void Note(string what, MultiserverAddress? address, FeedId? feedId, string reason, string? source) =>
        Keep(_history, feedId is { } peer ? PeerTarget.From(peer) : PeerTarget.From(address!), what, reason, address, source); // without a feed id it is about an address

    private void Keep(PeerHistory history, PeerTarget subject, string what, string reason, MultiserverAddress? address, string? source) =>
        history.Add(subject, new PeerNote(_options.TimeProvider.GetUtcNow(), what, StrangerText.Show(reason, StrangerText.KeptLength), address, source));

    /// <summary>Refuses an address that can never be dialled, counts that and tells <see cref="Why"/>.</summary>
    /// <returns>The reason, in a sentence; null if it is let in.</returns>
    private string? Refuses(MultiserverAddress address, FeedId? feedId, string? source)
    {
        if (ProblemOf(address, PeerSource.IsOwn(source)) is not { } problem)
            return null;
        lock (Hub.Gate)
            _admission.CountUndiallable();
        Note("refused", address, feedId, NeverDialled(problem), source);
        return $"{address} {NeverDialled(problem)}.";
    }

    private static string Words(StageResult result) => result.Reason switch
    {
        null => "newly available",
        RefusalReason.SourceFull => "its source has as many as it may",
        RefusalReason.GroupFull => "its group of sources has as many as it may",
        RefusalReason.BenchFull => "the bench is full",
        RefusalReason.Blocked => ConnReason.Blocked,
        RefusalReason.Dismissed => ConnReason.Dismissed,
        _ => result.Explanation!, // it was refused
    };

    // What an exception says, as a clause: without the name of the parameter and the full stop.
    private static string Clause(Exception e)
    {
        string text = e is ArgumentException { ParamName: { } name } ? e.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal) : e.Message;
        return text.TrimEnd('.');
    }

    // Who is connected to by nobody here, whatever a person does, or is not to be suggested.
    private bool IsNeverSuggested(ConnPeer peer) =>
        (peer.FeedId is { } feedId && (feedId == _options.OwnFeedId || _options.SocialGraph?.HopsTo(feedId) < 0))
        || (HasRules && RuleOf(peer.Address, peer.FeedId) is { Kind: PeerRuleKind.Block or PeerRuleKind.Dismiss })
        || ProblemOf(peer.Address, PeerSource.IsOwn(peer.ToldAs)) is not null;

    private Task KeepAccepting(IPeerNetwork network) => SteadyLoop.RunAsync(
        "letting callers in", "No callers are let in at the moment.", token => AcceptAsync(network, token), States, _options.TimeProvider,
        _closing.Token);

    private async Task AcceptAsync(IPeerNetwork network, CancellationToken cancellationToken)
    {
        await foreach (IPeerConnection caller in network.AcceptAsync(IsWelcome, cancellationToken).ConfigureAwait(false))
        {
            try
            {
                Hub.Accept(caller);
            }
            catch (Exception e) when (e is not ObjectDisposedException || !IsClosed)
            {
                // It must not keep out those behind it, nor stand outside the hub, where no rule and no quota holds for it.
                States.Happened(TakingIn, "A caller could not be taken in.", e, LogLevel.Error);
                _ = TurnAwayAsync(caller); // never throws, and nobody waits for it
            }
        }
    }

    private async Task TurnAwayAsync(IPeerConnection caller)
    {
        try
        {
            await caller.CloseAsync(_closing.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            if (!IsClosed) // else the network ends it
                States.Happened(TakingIn, "A caller that could not be taken in could not be closed.", e, LogLevel.Error);
        }
    }

    private bool IsWelcome(FeedId feedId)
    {
        string? refusal = IsBlocked(null, feedId) ? ConnReason.Blocked
            : IsDismissed(null, feedId) ? ConnReason.Dismissed
            : feedId == _options.OwnFeedId ? ConnReason.Ourselves
            : null;
        if (refusal is not null)
            NoteRefusal(feedId, null, refusal == ConnReason.Ourselves ? refusal : CountCaller(refusal));
        return refusal is null;
    }

    // Whom a person dismissed must not come in by calling.
    private bool IsDismissed(MultiserverAddress? address, FeedId feedId) =>
        !_options.Admission.DismissedMayCall && _rules.Find(address, feedId) is { Kind: PeerRuleKind.Dismiss };

    private string CountCaller(string refusal)
    {
        Interlocked.Increment(ref _refusedCallers);
        return refusal;
    }

    // In the order in which it came to be: what others have decided meanwhile is told by them.
    private void Tell(PeerRuleEventType type, PeerRule rule)
    {
        lock (Hub.Gate)
        {
            PeerRule? now = rule.Kind == PeerRuleKind.Disconnect ? _holds.Find(rule.Target.Address, rule.Target.FeedId) : _rules.Find(rule.Target);
            if ((now == rule) == (type == PeerRuleEventType.Decided))
                _ruleEvents.Append(new PeerRuleEvent(type, rule));
        }
    }

    private void OnHub(HubEvent e)
    {
        try
        {
            if (e.Type == HubEventType.Connected)
                _admission.Reached(e.Peer!); // an event of a peer has it
            _glue.On(e);
        }
        catch (Exception error)
        {
            // The hub's own state must not suffer by it.
            States.Happened("pools", "The pools could not follow the hub.", error, LogLevel.Error);
        }

        if (e.Type is HubEventType.Disconnected)
            News?.Invoke(SchedulerNews.Disconnected);
    }

    private void OnLeft(StagedPeer peer, UnstageReason reason)
    {
        Interlocked.Increment(ref _left);
        if (reason != UnstageReason.Promoted)
            Note("unstaged", peer.Address, peer.FeedId, StagingJson.NameOf(reason), null);
    }

    private void Decide(PeerTarget target, PeerRuleKind kind, DateTimeOffset? until)
    {
        ThrowIfClosed();
        if ((target.FeedId ?? target.Address?.FeedId) is { } peer && peer == _options.OwnFeedId)
            throw new ArgumentException("That is ourselves, whom nobody can be kept from being.", nameof(target));
        DateTimeOffset now = _options.TimeProvider.GetUtcNow();
        if (until <= now)
            throw new ArgumentOutOfRangeException(nameof(until), $"It would have ended already: {until:u} is over, and it is {now:u}.");
        var rule = new PeerRule(target, kind, now, until);
        try
        {
            _rules.Set(rule);
        }
        finally
        {
            if (_rules.Find(target) == rule)
            {
                Enforce(rule);
                Tell(PeerRuleEventType.Decided, rule);
            }
        }
    }

    private void Enforce(PeerRule rule)
    {
        UnstageReason reason = rule.Kind == PeerRuleKind.Block ? UnstageReason.Blocked : UnstageReason.Dismissed;
        lock (Hub.Gate)
        {
            HubPeer? connected;
            if (rule.Target.FeedId is { } feedId)
            {
                _glue.Forget(feedId);
                using IDisposable batch = Staging.Batch();
                foreach (StagedPeer route in Staging.RoutesTo(feedId))
                    Staging.Unstage(route.Address, reason);
                connected = Hub.Get(feedId);
            }
            else
            {
                MultiserverAddress address = rule.Target.Address!; // it is one or the other
                _glue.Forget(address);
                Staging.Unstage(address, reason);
                connected = Hub.Get(address);
                // Who dismisses one route has nothing against the others.
                if (rule.Kind != PeerRuleKind.Block && connected?.Address.Canonical != address.Canonical)
                    connected = null;
            }

            string what = rule.Kind == PeerRuleKind.Block ? "blocked" : "dismissed";
            Note(what, rule.Target.Address, rule.Target.FeedId ?? rule.Target.Address?.FeedId, rule.ToString(), null);
            if (connected is not null)
                Hub.StartDisconnect(connected.Address, rule.Kind == PeerRuleKind.Block ? ConnReason.Blocked : ConnReason.Dismissed);
        }

        Hub.RunDeferred();
    }

    private WhyRoute Look(MultiserverAddress address, out ConnPeer? waits)
    {
        waits = null;
        HubPeer? inHub = Hub.Get(address);
        StagedPeer? staged = Staging.Get(address);
        DbPeer? known = Db.Find(address);
        Failure? failure = _failures.Find(address);
        int failures = Math.Max(failure?.Count ?? 0, known?.Data.Failure ?? 0);
        bool wasConnected = _failures.WasConnected(address) || known?.Data.MeanDurationMs > 0;
        if (inHub?.Address == address)
        {
            CountsAsRoom(inHub, out string why);
            string words = inHub.IsCaller ? "It called us" : "We dialled it";
            if (why.Length > 0)
                words = $"{words}; {why}";
            string? source = PeerSource.ToldBy(_glue.SourceOf(address));
            return new WhyRoute(address, HubPeer.NameOf(inHub.State), source, failures, failure?.LastError, words, null) { WasConnected = wasConnected };
        }

        if (staged is null && known is null)
        {
            string nowhere = inHub is not null && _glue.IsAway(address)
                ? $"It is {HubPeer.NameOf(inHub.State)} by another route; this one left the bench, and comes back when that has ended, unless it expires before"
                : inHub is not null ? $"It is {HubPeer.NameOf(inHub.State)} by another route; this one is neither on the bench nor in the address book"
                : "It is neither on the bench nor in the address book";
            return new WhyRoute(address, Nowhere, null, failures, failure?.LastError, nowhere, null) { WasConnected = wasConnected };
        }

        waits = known is not null ? new ConnPeer(known) : new ConnPeer(staged!); // one of the two is there
        string where = staged is not null ? "staged" : "remembered";
        return new WhyRoute(address, where, PeerSource.ToldBy(staged?.Source), failures, failure?.LastError, "", null) { WasConnected = wasConnected };
    }

    internal void ThrowIfClosed() => ObjectDisposedException.ThrowIf(IsClosed, this);

    private void RecordPings()
    {
        try
        {
            lock (Hub.Gate)
                _glue.RecordPings();
            States.Leave("pings");
        }
        catch (ObjectDisposedException) when (IsClosed)
        {
            // It closes just now.
        }
        catch (Exception e)
        {
            // It must not reach the timer, where it would end the process.
            States.Enter("pings", "What pings have measured could not be recorded. It is tried again.", e, LogLevel.Error);
        }
    }

    private void EndBatch(IDisposable staging)
    {
        Db.EndBatch();
        Hub.EndBatch();
        staging.Dispose();
    }

    private sealed class BatchEnd(ConnPlugin plugin, IDisposable staging) : IDisposable
    {
        private ConnPlugin? _plugin = plugin;

        public void Dispose() => Interlocked.Exchange(ref _plugin, null)?.EndBatch(staging);
    }
}

/// <summary>What the scheduler may want to look at soon.</summary>
internal enum SchedulerNews
{
    Staged,
    Disconnected,
    NetworkChanged,
}
