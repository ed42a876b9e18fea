// npm ssb-conn 6.0.4, interpool-glue: what the bench and the address book do as connections come and go.
using Microsoft.Extensions.Logging;

namespace Ssb.Conn;

/// <summary>Keeps the pools in step with the hub.</summary>
/// <remarks>
/// <para>A peer that is dialled leaves the bench with all its routes. They are kept aside as long as it is in the hub, and come back when it leaves
/// it: with the failure if the dial failed, and only those that still live. Thus a peer is at each moment in one place.</para>
/// <para>Told of each event by the hub, under its lock; everything here is guarded by that.</para>
/// </remarks>
internal sealed class InterpoolGlue(ConnDb db, ConnHub hub, ConnStaging staging, PeerRules rules, FailureMemory failures, HostRefusals refusals, StateTimes times, ConnPluginOptions options, Action<string, MultiserverAddress, FeedId?, string, string?> note)
{
    private readonly Dictionary<MultiserverAddress, Away> _away = [];

    public void On(HubEvent e)
    {
        HubPeer peer = e.Peer!; // only Missed has none, and is for readers
        switch (e.Type)
        {
            case HubEventType.Connecting:
                Promote(peer);
                break;
            case HubEventType.ConnectingFailed:
                string error = peer.Address.Hide(e.Error!.Message); // a failure has its error
                if (e.Error is ConnectFailedException { IsUnwanted: true })
                    error = WithVerdict(error, e.Reason);
                Note(HubEvent.NameOf(e.Type), error);
                if (e.Error is ConnectFailedException { IsRefusedByHost: true })
                    OnRefused(peer);
                else if (e.Error is ConnectFailedException { IsLocal: true })
                    OnNotTried(peer, error);
                else
                    OnFailed(peer, error);
                break;
            case HubEventType.Connected:
                int failed = Math.Max(failures.Find(peer.Address)?.Count ?? 0, Math.Clamp(db.Get(peer.Address)?.Failure ?? 0, 0, int.MaxValue / 2));
                Promote(peer);
                OnConnected(peer, e.Connection!, failed); // what is connected has its connection
                break;
            case HubEventType.Disconnecting:
                break;
            case HubEventType.DisconnectingFailed:
                break;
            case HubEventType.Disconnected:
                OnDisconnected(peer, e.Reason);
                break;
        }

        if (e.Type != HubEventType.ConnectingFailed)
            Note(HubEvent.NameOf(e.Type), e.Reason);
        if (e.Type is HubEventType.Disconnecting or HubEventType.DisconnectingFailed)
            ChangeState(peer, Now());

        void Note(string what, string reason) => note(what, peer.Address, peer.FeedId, reason, null);
    }

    /// <summary>News of a peer that is away: it still lives.</summary>
    /// <exception cref="ArgumentException">It is news that the bench would not take either.</exception>
    public void Heard(MultiserverAddress address, PeerData data, FeedId? feedId, long now)
    {
        foreach (Away away in _away.Values)
        {
            if (away.FeedId != feedId && away.Address != address)
                continue;
            if (away.Routes.Find(r => r.Peer.Address == address) is { } route)
                (route.Heard, route.HeardAt, route.Age, route.Data) = (now, Timestamp(), TimeSpan.Zero, staging.Merge(new BenchKey(address), route.Data, data));
        }
    }

    /// <summary>A route that is away does not come back.</summary>
    public bool Forget(MultiserverAddress address) => _away.Values.Aggregate(false, (any, away) => away.Routes.RemoveAll(r => r.Peer.Address == address) > 0 || any);

    /// <summary>No route of an identity that is away comes back.</summary>
    public void Forget(FeedId feedId)
    {
        foreach (Away away in _away.Values)
            away.Routes.RemoveAll(r => r.Peer.FeedId == feedId);
    }

    /// <summary>Who told of the address at which a peer is in the hub; null if a person or the address book did, or if it called.</summary>
    /// <remarks>Other routes of the same identity say nothing of it: anybody can tell of a route to any identity.</remarks>
    public string? SourceOf(MultiserverAddress address) => _away.TryGetValue(address, out Away? away) ? away.Source : null;

    /// <summary>Is an address off the bench only as long as its peer is in the hub?</summary>
    public bool IsAway(MultiserverAddress address) => _away.Values.Any(away => away.Routes.Exists(route => route.Peer.Address == address));

    public void RecordPings()
    {
        foreach (Away away in _away.Values)
            RecordPing(away);
    }

    private void Promote(HubPeer peer)
    {
        if (!_away.TryGetValue(peer.Address, out Away? away))
            _away.Add(peer.Address, away = new Away(peer.Address));
        away.FeedId = peer.FeedId;
        StagedPeer? dialled = staging.Get(peer.Address);
        if (dialled is not null)
            away.Source = db.Find(peer.Address) is null ? dialled.Source : null;
        IReadOnlyList<StagedPeer> others = peer.FeedId is { } key ? staging.RoutesTo(key) : [];
        if (dialled is not null || others.Count > 0)
        {
            using IDisposable batch = staging.Batch();
            foreach (StagedPeer route in others.Where(r => r.Text != peer.Address.Text).Prepend(dialled).OfType<StagedPeer>())
            {
                TimeSpan age = staging.AgeOf(route.Address);
                staging.Unstage(route.Address, UnstageReason.Promoted);
                away.Routes.Add(new Route(route, age, Timestamp()));
            }
        }

        ChangeState(peer, Now(), peer.State == HubState.Connected ? static data => data.With(PeerField.Of("failure", 0)) : null);
        PeerData known = db.Get(peer.Address) ?? PeerData.Empty;
        if (dialled is not null) // as there: once it is connected, the book has the last word
            known = known.Merge(PeerData.Of(dialled));
        if (known.Raw.Length > 0)
            hub.TryUpdate(peer.Address, known);
    }

    private void OnFailed(HubPeer peer, string error)
    {
        DateTimeOffset now = options.TimeProvider.GetUtcNow();
        Failure failure = failures.Add(peer.Address, error, now);
        ChangeState(peer, now.ToUnixTimeMilliseconds(), data => data.With(PeerField.Of("failure", data.Failure + 1))
            .With("duration", (data.Duration?.Add(0) ?? PeerStatistics.Of(0)).ToElement()));
        Return(peer, $"its dial failed: {error}", route => route.Peer.Text == peer.Address.Text ? With(route.Data, failure) : route.Data);
    }

    // What a handshake says cannot know what the address was good for before.
    private static string WithVerdict(string error, string verdict)
    {
        int doubt = error.IndexOf(" It does not want us, or ", StringComparison.Ordinal);
        return doubt < 0 ? $"{verdict}: {error}" : verdict == ConnReason.Unwanted ? $"{verdict}: {error[..doubt]}" : error;
    }

    // This machine could not even try: nothing was learned of the peer, and its wait does not grow.
    private void OnNotTried(HubPeer peer, string error)
    {
        long now = Now();
        ChangeState(peer, now);
        Return(peer, $"it could not be dialled: {error}", now);
    }

    // The host decided so: nothing was learned of the peer, which stays where it was, and is left alone.
    private void OnRefused(HubPeer peer)
    {
        refusals.Add(peer.Address);
        Return(peer, "the policy of this peer's host refused its dial", route => route.Data);
    }

    private void OnConnected(HubPeer peer, IPeerConnection connection, int failed)
    {
        failures.Connected(peer.Address, isDialled: !peer.IsCaller || db.Find(peer.Address) is not null);
        refusals.Forget(peer.Address);
        Away away = _away[peer.Address]; // it was promoted just now
        (away.Connection, away.ConnectedAt, away.Failed) = (connection, Timestamp(), failed);
    }

    private void OnDisconnected(HubPeer peer, string reason)
    {
        long now = Now();
        string why = $"its dial was given up: {reason}";
        Failure? failure = null;
        // Since it stood. (There: since it began to end, if we ended it.)
        if (_away.TryGetValue(peer.Address, out Away? away))
            away.FeedId = peer.FeedId;
        if (away?.Connection is not null)
        {
            double lasted = Math.Floor(options.TimeProvider.GetElapsedTime(away.ConnectedAt).TotalMilliseconds);
            // Who ends it as soon as it knows us counts as one that could not be reached, or it would be dialled again at once, for ever.
            if (reason == ConnReason.UnwantedOrFull)
                failure = failures.Add(peer.Address, reason, options.TimeProvider.GetUtcNow(), away.Failed);
            ChangeState(peer, now, data => (failure is null ? data : data.With(PeerField.Of("failure", failure.Count)))
                .With("duration", (data.Duration?.Add(lasted) ?? PeerStatistics.Of(lasted)).ToElement()));
            RecordPing(away);
            why = $"its connection ended: {reason}";
        }
        else
        {
            ChangeState(peer, now);
        }

        if (failure is { } told)
            Return(peer, why, route => route.Peer.Text == peer.Address.Text ? With(route.Data, told) : route.Data);
        else
            Return(peer, why, now);
    }

    private void Return(HubPeer peer, string why, long now) =>
        Return(peer, why, route => route.Peer.Text == peer.Address.Text ? route.Data.With("stateChange", (double)now) : route.Data);

    private void Return(HubPeer peer, string why, Func<Route, PeerData> data)
    {
        if (!_away.Remove(peer.Address, out Away? away) || away.Routes.Count == 0)
            return;
        if (away.FeedId is { } key && _away.Values.FirstOrDefault(a => a.FeedId == key) is { } other)
        {
            // There is another connection with it: they come back when the last has ended.
            away.Routes.ForEach(route => route.Data = data(route));
            other.Routes.AddRange(away.Routes);
            return;
        }

        using IDisposable batch = staging.Batch();
        foreach (Route route in away.Routes)
        {
            StagedPeer staged = route.Peer;
            if (_away.TryGetValue(staged.Address, out Away? dialled))
            {
                // Meanwhile it is in the hub by that very address, which does not tell who it is.
                route.Data = data(route);
                dialled.Routes.Add(route);
                continue;
            }

            bool hasExpired = staged.Type is { } type && options.Staging.TimeToLive.TryGetValue(type, out TimeSpan life)
                && route.Age + options.TimeProvider.GetElapsedTime(route.HeardAt) >= life;
            if (hasExpired)
                note("expired", staged.Address, staged.FeedId, "not heard of while it was connected", staged.Source);
            else if (rules.Find(staged.Address, staged.FeedId) is null && staging.Return(staged, data(route), route.Heard))
                note("returned", staged.Address, staged.FeedId, why, staged.Source);
        }
    }

    // Stored is the time of day, for people and other programs; how long it is ago is told by StateTimes.
    private void ChangeState(HubPeer peer, long now, Func<PeerData, PeerData>? change = null)
    {
        if (!peer.IsCaller || db.Find(peer.Address) is not null) // nobody waits for the address that a call came from
            times.Set(peer.Address, now);
        UpdateDb(peer.Address, data => (change?.Invoke(data) ?? data).With(PeerField.Of("stateChange", now)));
    }

    // What is in the book may be at its limit, or beyond it if another program wrote it; then its statistics stay as they are.
    private void UpdateDb(MultiserverAddress address, Func<PeerData, PeerData> change)
    {
        try
        {
            db.Update(address, change);
        }
        catch (ArgumentException e)
        {
            options.Logger.LogWarning(e, "The address book does not take the statistics of {Address}.", address);
        }
    }

    private void RecordPing(Away away)
    {
        PeerPing? ping = null;
        try
        {
            ping = away.Connection?.Ping;
        }
        catch (Exception e)
        {
            // The connection is foreign code, and the timer's thread must not die of it.
            options.Logger.LogWarning(e, "The connection with {Address} does not tell what pinging has shown.", away.Address);
        }

        if (ping is not null)
            UpdateDb(away.Address, data => data.With("ping", ping.ToElement()));
    }

    /// <summary>What a failure adds to the data of a peer on the bench.</summary>
    public static PeerData With(PeerData data, Failure failure) => data
        .With("failure", failure.Count)
        .With("stateChange", failure.At.ToUnixTimeMilliseconds())
        .With("lastError", failure.LastError)
        .With("retryAt", failure.RetryAt.ToUnixTimeMilliseconds());

    private long Now() => options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();

    private long Timestamp() => options.TimeProvider.GetTimestamp();

    /// <summary>A peer that is in the hub, and what it left on the bench's side.</summary>
    private sealed class Away(MultiserverAddress address)
    {
        public MultiserverAddress Address { get; } = address;

        public FeedId? FeedId { get; set; }

        /// <summary>Who told of the address. Kept when the route does not come back, so that no source can take back that it
        /// told.</summary>
        public string? Source { get; set; }

        public List<Route> Routes { get; } = [];

        public IPeerConnection? Connection { get; set; }

        public long ConnectedAt { get; set; }

        /// <summary>How many dials had failed before it was connected.</summary>
        public int Failed { get; set; }
    }

    /// <summary>A route that is away.</summary>
    /// <param name="peer">The peer as it was on the bench.</param>
    /// <param name="age">How long it had not been told of when it left.</param>
    /// <param name="now">When it left, as a timestamp of the clock.</param>
    private sealed class Route(StagedPeer peer, TimeSpan age, long now)
    {
        public StagedPeer Peer { get; } = peer;

        public PeerData Data { get; set; } = peer.Data;

        /// <summary>When it was last told of, in Unix milliseconds.</summary>
        public long Heard { get; set; } = peer.Updated;

        /// <summary>How long it had not been told of at <see cref="HeardAt"/>, a timestamp of the clock.</summary>
        public TimeSpan Age { get; set; } = age;

        public long HeardAt { get; set; } = now;
    }
}
