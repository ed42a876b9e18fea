// npm ssb-conn 6.0.4: the plugin `conn` and its manifest, as clients have it over muxrpc.
using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>Serves the manager over muxrpc: <c>conn.*</c> as npm ssb-conn 6.0.4 has it, and what it lacks under names of ours.</summary>
/// <remarks>
/// <para>Names, types, answers and the texts of errors are those of ssb-conn. What differs stands in docs/differences-from-js.md. As there,
/// <c>undefined</c> arrives as <c>false</c>. Besides, for masters:</para>
/// <list type="bullet">
/// <item><c>conn.dismiss(target, until?)</c>, <c>conn.snooze(target, ms)</c>, <c>conn.block(target, until?)</c>: true. A target is a feed id or an
/// address, a time is in Unix milliseconds. <c>conn.undo(target)</c>: was there a decision? <c>conn.rules()</c>: those in force,
/// <c>[{target, kind, since, until?}]</c>.</item>
/// <item><c>conn.why(target)</c>: <see cref="WhyReport.ToJson"/>.</item>
/// <item><c>conn.suggestions()</c>: <c>[{key?, routes: [[address, {pool, ...}]]}]</c>, the best route first.</item>
/// <item><c>conn.dbPeersLive()</c>: what <c>conn.dbPeers()</c> answers, now and again whenever it changed.</item>
/// <item><c>conn.events({old}?)</c>: what happens in hub and bench, and why: <c>{pool, type, address, key?, reason?, source?, error?, isClient?}</c>, or
/// <c>{pool, type: "missed", missed}</c> for a reader that lagged. With <c>old</c>, first who is there already, without a reason.</item>
/// <item><c>conn.isRunning()</c>: is the scheduler at work?</item>
/// <item><c>conn.keeps()</c>, for everybody: <see cref="ConnHub.Keeps"/>.</item>
/// </list>
/// <para>A reader of a live stream that is slow skips to the newest state. Of bench and hub, what does not fit into one body (8 MiB) is left out, the
/// latest first; an address book that does not fit is an error.</para>
/// </remarks>
internal static class ConnApi
{
    /// <summary>What strangers may call of ours, as a JavaScript peer lets them.</summary>
    public static IReadOnlyList<string> ForStrangers { get; } = ["manifest", "conn.keeps", "conn.ping", "gossip.ping"];

    /// <summary>Everything for masters; for strangers what a JavaScript peer of secret-stack, ssb-master and ssb-conn lets them do, which is to read the manifest
    /// and to ping, and what else is named.</summary>
    /// <param name="masters">Who may do everything, beside our own identity.</param>
    /// <param name="strangers">What strangers may call of the host's procedures.</param>
    public static RpcAccess Access(IEnumerable<FeedId> masters, IEnumerable<string> strangers) => masters.Aggregate(
        new RpcAccess(new RpcPermissions([.. ForStrangers, .. strangers])), (access, master) => access.With(master, RpcPermissions.All));

    /// <summary>Adds <c>conn.*</c>, <c>gossip.ping</c> and <c>whoami</c> to an api.</summary>
    /// <param name="api">Where they are added.</param>
    /// <param name="plugin">The manager that is served.</param>
    /// <param name="id">Who we are, for <c>whoami</c>.</param>
    /// <param name="timeProvider">The clock of pings.</param>
    /// <exception cref="ArgumentException">One of them is there already.</exception>
    public static RpcApi AddTo(RpcApi api, ConnPlugin plugin, FeedId id, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(api);
        ArgumentNullException.ThrowIfNull(plugin);
        var bench = new LatestBody<StagingSnapshot>(peers => ConnBodies.Entries(peers, static peer => peer.ToJson()));
        GossipPing.AddTo(api, timeProvider: timeProvider);
        GossipPing.AddTo(api, "conn.ping", timeProvider: timeProvider);
        return api
            .Sync("whoami", _ => ConnBodies.Object(writer => writer.WriteString("id", id.ToString())))
            .Sync("conn.keeps", call => call.Caller is { } caller && plugin.Hub.Keeps(caller))
            .Async("conn.connect", (call, cancellationToken) => ConnectAsync(plugin, call, cancellationToken))
            .Async("conn.disconnect", (call, _) => DisconnectAsync(plugin, call))
            .Source("conn.peers", (_, cancellationToken) => plugin.Peers(cancellationToken)
                .Select(peers => ConnBodies.Entries(peers, static peer => peer.ToJson())))
            .Sync("conn.remember", call => Answer(() => plugin.Remember(ConnArguments.Address(call), ConnArguments.DbData(call), SourceOf(call))))
            .Sync("conn.forget", call => Answer(() => Forget(plugin, call)))
            .Sync("conn.dbPeers", _ => Answer(() => ConnBodies.AddressBook(plugin.DbPeers())))
            .Source("conn.dbPeersLive", (_, cancellationToken) => plugin.Db.LiveEntries(cancellationToken).Select(ConnBodies.AddressBook))
            .Sync("conn.stage", call => Answer(() => Stage(plugin, call)))
            .Sync("conn.unstage", call => Answer(() => plugin.Unstage(ConnArguments.Address(call))))
            .Source("conn.stagedPeers", (_, cancellationToken) => plugin.StagedPeers(cancellationToken).Select(bench.Of))
            .Sync("conn.start", _ => Answer(() =>
            {
                plugin.Start();
                return ConnBodies.EmptyObject; // there a promise, as JSON
            }))
            .Sync("conn.stop", call =>
            {
                _ = StopAsync(plugin); // never throws
                return RpcValue.False;
            })
            .Sync("conn.isRunning", _ => plugin.IsRunning)
            .Sync("conn.dismiss", call => Answer(() => plugin.Dismiss(ConnArguments.Target(call), ConnArguments.Until(call)), RpcValue.True))
            .Sync("conn.snooze", call => Answer(() => plugin.Snooze(ConnArguments.Target(call), ConnArguments.Duration(call)), RpcValue.True))
            .Sync("conn.block", call => Answer(() => plugin.Block(ConnArguments.Target(call), ConnArguments.Until(call)), RpcValue.True))
            .Sync("conn.undo", call => Answer(() => plugin.Undo(ConnArguments.Target(call))))
            .Sync("conn.rules", _ => Answer(() => ConnBodies.Rules(plugin.Rules)))
            .Async("conn.why", (call, _) => ValueTask.FromResult(Answer(() => ConnBodies.Text(plugin.Why(ConnArguments.Target(call)).ToJson()))))
            .Sync("conn.suggestions", _ => Answer(() => ConnBodies.Suggestions(plugin.Query.Suggestions())))
            .Source("conn.events", (call, cancellationToken) => ConnEvents.Read(plugin, ConnArguments.Old(call), cancellationToken))
            .Sync("conn.db", _ => throw NotServed("conn.db", "conn.dbPeers, conn.remember or conn.forget"))
            .Sync("conn.hub", _ => throw NotServed("conn.hub", "conn.peers, conn.connect or conn.disconnect"))
            .Sync("conn.staging", _ => throw NotServed("conn.staging", "conn.stagedPeers, conn.stage or conn.unstage"))
            .Sync("conn.query", _ => throw NotServed("conn.query", "conn.suggestions or conn.why"));
    }

    // Whoever is no owner, and may stage all the same, is a source as a room is: it answers to a quota, and what is ours to know is not
    // taken from it.
    private static bool Stage(ConnPlugin plugin, RpcCall call)
    {
        MultiserverAddress address = ConnArguments.Address(call);
        PeerData? data = ConnArguments.StagingData(call);
        string? source = SourceOf(call);
        return plugin.Stage(address, source is null ? data : StrangersData.Of(data), source);
    }

    private static string? SourceOf(RpcCall call) =>
        call.Connection.Permissions == RpcPermissions.All ? null : PeerSource.OfPeer(call.Caller.GetValueOrDefault());

    private static async ValueTask<RpcValue> ConnectAsync(ConnPlugin plugin, RpcCall call, CancellationToken cancellationToken)
    {
        PeerData data = ConnArguments.HubData(call);
        MultiserverAddress address = ConnArguments.Address(call);
        try
        {
            IPeerConnection connection = await plugin.ConnectAsync(address, data, SourceOf(call), cancellationToken).ConfigureAwait(false);
            return ConnBodies.Object(writer =>
            {
                writer.WriteString("id", connection.FeedId.ToString());
                writer.WriteString("address", address.Text);
            });
        }
        catch (Exception e) when (ConnErrors.IsTold(e))
        {
            throw ConnErrors.Of(e, address);
        }
    }

    private static async ValueTask<RpcValue> DisconnectAsync(ConnPlugin plugin, RpcCall call)
    {
        MultiserverAddress address = ConnArguments.Address(call);
        try
        {
            return await plugin.DisconnectAsync(address).ConfigureAwait(false);
        }
        catch (Exception e) when (ConnErrors.IsTold(e))
        {
            throw ConnErrors.Of(e, address);
        }
    }

    // As there, what is no address is simply not in the book.
    private static void Forget(ConnPlugin plugin, RpcCall call)
    {
        if (ConnArguments.TryAddress(call) is { } address)
            plugin.Forget(address);
    }

    // As there, stopping does not wait for the connections that it ends; the hub's events tell of one that cannot be ended.
    private static async Task StopAsync(ConnPlugin plugin) => await plugin.StopAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private static RpcException NotServed(string name, string instead) =>
        new($"{name} gives an object that cannot travel over muxrpc; call {instead} instead") { RemoteName = "NotSupportedError" };

    private static RpcValue Answer(Action act, RpcValue? answer = null) => Answer(() =>
    {
        act();
        return answer ?? RpcValue.False;
    });

    private static RpcValue Answer(Func<bool> ask) => Answer(() => (RpcValue)ask());

    private static RpcValue Answer(Func<RpcValue> ask)
    {
        try
        {
            return ask();
        }
        catch (Exception e) when (ConnErrors.IsTold(e))
        {
            throw ConnErrors.Of(e, null);
        }
    }
}
