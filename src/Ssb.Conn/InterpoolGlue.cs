// npm ssb-conn 6.0.4, interpool-glue: what the bench and the address book do as connections come and go.
using Microsoft.Extensions.Logging;

namespace Ssb.Conn;

/// <summary>Keeps the pools in step with the hub.</summary>
/// <remarks>
/// <para>A peer that is dialled leaves the bench with all its routes. They are kept aside as long as it is in the hub, and come back when it leaves
/// it: with the failure if the dial failed, and only those that still live. Thus a peer is at each moment in one place.</para>
/// <para>Told of each event by the hub, under its lock; everything here is guarded by that.</para>
/// </remarks>
internal sealed class InterpoolGlue(ConnDb db, ConnHub hub, ConnStaging staging, PeerRules rules, FailureMemory failures, ConnPluginOptions options, Action<string, MultiserverAddress, string?, string, string?> note)
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
                string error = AddressMask.Hide(e.Error!.Message, peer.Address); // a failure has its error
                Note(HubEvent.NameOf(e.Type), error);
                OnFailed(peer, error);
                break;
            case HubEventType.Connected:
                Promote(peer);
                OnConnected(peer, e.Connection!); // what is connected has its connection
                break;
            case HubEventType.Disconnecting:
                break;
            case HubEventType.DisconnectingFailed:
                break;
            case HubEventType.Disconnected:
                OnDisconnected(peer);
                break;
        }

        if (e.Type != HubEventType.ConnectingFailed)
            Note(HubEvent.NameOf(e.Type), e.Reason);
        if (e.Type is HubEventType.Disconnecting or HubEventType.DisconnectingFailed)
            UpdateDb(peer.Address, StateChanged);

        void Note(string what, string reason) => note(what, peer.Address, peer.Key, reason, null);
    }

    /// <summary>News of a peer that is away: it still lives.</summary>
    /// <exception cref="ArgumentException">It is news that the bench would not take either.</exception>
    public void Heard(MultiserverAddress address, StagedData data, string? identity, long now)
    {
        foreach (Away away in _away.Values)
        {
            if (away.Key != identity && away.Address != address)
                continue;
            if (away.Routes.Find(r => r.Peer.Address == address) is { } route)
                (route.Heard, route.Data) = (now, staging.Merge(address.Text, route.Data, data));
        }
    }

    /// <summary>A route that is away does not come back.</summary>
    public bool Forget(MultiserverAddress address) => _away.Values.Aggregate(false, (any, away) => away.Routes.RemoveAll(r => r.Peer.Address == address) > 0 || any);

    /// <summary>No route of an identity that is away comes back.</summary>
    public void Forget(string identity)
    {
        foreach (Away away in _away.Values)
            away.Routes.RemoveAll(r => r.Peer.Identity == identity);
    }

    /// <summary>Who told of the address at which a peer is in the hub; null if a person or the address book did, or if it called.</summary>
    /// <remarks>Other routes of the same identity say nothing of it: anybody can tell of a route to any identity.</remarks>
    public string? SourceOf(MultiserverAddress address) => _away.TryGetValue(address, out Away? away) ? away.Source : null;

    public void RecordPings()
    {
        foreach (Away away in _away.Values)
            RecordPing(away);
    }

    private void Promote(HubPeer peer)
    {
        if (!_away.TryGetValue(peer.Address, out Away? away))
            _away.Add(peer.Address, away = new Away(peer.Address));
        away.Key = peer.Key;
        StagedPeer? dialled = staging.Get(peer.Address);
        if (dialled is not null)
            away.Source = db.Find(peer.Address) is null ? dialled.Source : null;
        IReadOnlyList<StagedPeer> others = peer.Key is { } key ? staging.RoutesTo(key) : [];
        if (dialled is not null || others.Count > 0)
        {
            using IDisposable batch = staging.Batch();
            foreach (StagedPeer route in others.Where(r => r.Text != peer.Address.Text).Prepend(dialled).OfType<StagedPeer>())
            {
                staging.Unstage(route.Address, UnstageReason.Promoted);
                away.Routes.Add(new Route(route));
            }
        }

        UpdateDb(peer.Address, peer.State == HubState.Connected ? data => StateChanged(data).With(PeerField.Of("failure", 0)) : StateChanged);
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
        UpdateDb(peer.Address, data => StateChanged(data.With(PeerField.Of("failure", data.Failure + 1)))
            .With("duration", (data.Duration?.Add(0) ?? PeerStatistics.Of(0)).ToElement()));
        Return(peer, route => route.Peer.Text == peer.Address.Text ? With(route.Data, failure) : route.Data);
    }

    private void OnConnected(HubPeer peer, IPeerConnection connection)
    {
        failures.Forget(peer.Address);
        Away away = _away[peer.Address]; // it was promoted just now
        (away.Connection, away.ConnectedAt) = (connection, options.TimeProvider.GetTimestamp());
    }

    private void OnDisconnected(HubPeer peer)
    {
        // Since it stood. (There: since it began to end, if we ended it.)
        if (_away.TryGetValue(peer.Address, out Away? away) && away.Connection is not null)
        {
            double lasted = Math.Floor(options.TimeProvider.GetElapsedTime(away.ConnectedAt).TotalMilliseconds);
            UpdateDb(peer.Address, data => StateChanged(data).With("duration", (data.Duration?.Add(lasted) ?? PeerStatistics.Of(lasted)).ToElement()));
            RecordPing(away);
        }
        else
        {
            UpdateDb(peer.Address, StateChanged);
        }

        double now = Now();
        Return(peer, route => route.Peer.Text == peer.Address.Text ? route.Data.With("stateChange", now) : route.Data);
    }

    private void Return(HubPeer peer, Func<Route, StagedData> data)
    {
        if (!_away.Remove(peer.Address, out Away? away) || away.Routes.Count == 0)
            return;
        if (away.Key is { } key && _away.Values.FirstOrDefault(a => a.Key == key) is { } other)
        {
            // There is another connection with it: they come back when the last has ended.
            away.Routes.ForEach(route => route.Data = data(route));
            other.Routes.AddRange(away.Routes);
            return;
        }

        long now = Now();
        using IDisposable batch = staging.Batch();
        foreach (Route route in away.Routes)
        {
            StagedPeer staged = route.Peer;
            bool hasExpired = staged.Type is { } type && options.Staging.TimeToLive.TryGetValue(type, out TimeSpan life) && now - route.Heard >= life.TotalMilliseconds;
            if (hasExpired)
                note("expired", staged.Address, staged.Identity, "not heard of while it was connected", staged.Source);
            else if (rules.Find(staged.Text, staged.Identity) is null && staging.Return(staged, data(route), route.Heard))
                note("returned", staged.Address, staged.Identity, "its connection ended", staged.Source);
        }
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
    public static StagedData With(StagedData data, Failure failure) => data
        .With("failure", failure.Count)
        .With("stateChange", failure.At.ToUnixTimeMilliseconds())
        .With("lastError", failure.LastError)
        .With("retryAt", failure.RetryAt.ToUnixTimeMilliseconds());

    private PeerData StateChanged(PeerData data) => data.With(PeerField.Of("stateChange", Now()));

    private long Now() => options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>A peer that is in the hub, and what it left on the bench's side.</summary>
    private sealed class Away(MultiserverAddress address)
    {
        public MultiserverAddress Address { get; } = address;

        public string? Key { get; set; }

        /// <summary>Who told of the address. Kept when the route does not come back, so that no source can take back that it
        /// told.</summary>
        public string? Source { get; set; }

        public List<Route> Routes { get; } = [];

        public IPeerConnection? Connection { get; set; }

        public long ConnectedAt { get; set; }
    }

    /// <summary>A route that is away.</summary>
    private sealed class Route(StagedPeer peer)
    {
        public StagedPeer Peer { get; } = peer;

        public StagedData Data { get; set; } = peer.Data;

        /// <summary>When it was last told of, in Unix milliseconds.</summary>
        public long Heard { get; set; } = peer.Updated;
    }
}
