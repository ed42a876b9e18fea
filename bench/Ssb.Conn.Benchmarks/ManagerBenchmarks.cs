namespace Ssb.Conn.Benchmarks;

/// <summary>One look of the scheduler over many known peers, and queries across the pools, against npm ssb-conn 6.0.4 and ssb-conn-query
/// 1.2.2.</summary>
/// <remarks>At a look all slots are free and everybody fails and is left alone for a while, so that each peer is weighed and nobody dialled. Our
/// address book is as large as npm's, and so is the social graph.</remarks>
internal static class ManagerBenchmarks
{
    private const int Rounds = 11;
    private const int Connected = 100;

    public static void RunTicks(Table table, NpmSide? npm)
    {
        foreach (int peers in (int[])[100, 10_000, 100_000])
        {
            (string Address, FeedId Key)[] known = [.. Enumerable.Range(0, peers).Select(Peer)];
            var graph = new Graph(known.Select(p => p.Key));
            var time = new StandingTime();
            ConnPlugin conn = ConnPlugin.OpenAsync(new NoNetwork(), new ConnPluginOptions { Autostart = false, SocialGraph = graph, TimeProvider = time }).GetAwaiter().GetResult();
            foreach ((string address, FeedId key) in known)
            {
                conn.Remember(address, PeerData.Parse($$$"""
                    {"key":"{{{key}}}","type":"pub","failure":10,"stateChange":{{{time.GetUtcNow().ToUnixTimeMilliseconds()}}},"duration":{"mean":5,"stdev":0,"count":1,"sum":5,"sqsum":25}}
                    """));
            }

            var scheduler = new ConnScheduler(conn, new SchedulerOptions { Seed = 1 });
            scheduler.Start();
            int ours = peers <= 100 ? 20_000 : peers <= 10_000 ? 200 : 20, npms = peers <= 100 ? 200 : peers <= 10_000 ? 4 : 1;
            Row(table, $"one look at {peers:N0} known peers", npm, () => Each(ours, scheduler.LookNow),
                "prepareTick", [("peers", Pairs(known))], "tick", [("count", npms)], limit: 50, isJudged: peers == 10_000);
            CheckBenchmarks.Expect(conn.Hub.Count == 0);
            scheduler.Stop();
            conn.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    public static void RunQueries(Table table, NpmSide? npm)
    {
        foreach (int peers in (int[])[100, 10_000, 100_000])
        {
            (string Address, FeedId Key)[] staged = [.. Enumerable.Range(0, peers).Select(Peer)], inHub = [.. Enumerable.Range(1_000_000, Connected).Select(Peer)];
            var staging = new ConnStaging(new StagingOptions { Capacity = peers });
            var hub = new ConnHub(new NoNetwork());
            var query = new ConnQuery(ConnDb.InMemory(), hub, staging);
            foreach ((string address, FeedId key) in staged)
                staging.Stage(address, new PeerData { Key = key.ToString(), Type = "pub" });
            foreach ((string address, FeedId key) in inHub)
                hub.Accept(new StandingConnection(key, MultiserverAddress.Parse(address)));
            foreach (string what in (string[])["connectable", "all"])
            {
                int expected = what == "all" ? peers + Connected : peers;
                int ours = peers <= 100 ? 5_000 : peers <= 10_000 ? 200 : 20, npms = peers <= 10_000 ? 3 : 1;
                Row(table, $"{(what == "all" ? "peersAll" : "peersConnectable")} of {peers:N0} staged, {Connected} in the hub", npm,
                    () => Each(ours, () => CheckBenchmarks.Expect(Walk(what == "all" ? query.PeersAll() : query.PeersConnectable(ConnectablePool.DbAndStaging)) == expected)),
                    "prepareQuery", [("staged", Pairs(staged)), ("connected", Pairs(inHub))], "query", [("what", what), ("count", npms), ("expected", expected)],
                    limit: 50, isJudged: peers == 10_000);
            }

            staging.Dispose();
        }
    }

    private static void Row(Table table, string what, IWorker? npm, Func<double> ours, string prepare, (string, object)[] prepared, string job, (string, object)[] asked, double limit, bool isJudged)
    {
        if (npm is null)
        {
            Table.WriteFigure(what, Table.Ns(Measure.Median(Measure.Turns(Rounds, ours)[0])));
            return;
        }

        npm.Ask(prepare, prepared);
        double[][] times = Measure.Turns(Rounds, ours, () => npm.Ask(job, asked).GetDouble());
        double ratio = Measure.Ratio(times[1], times[0]);
        if (isJudged)
            table.AtLeast($"{what}, against npm", Table.Ns(Measure.Median(times[0])), Table.Ns(Measure.Median(times[1])), ratio, limit);
        else
            Console.WriteLine($"| {what}, against npm | {Table.Ns(Measure.Median(times[0]))} | {Table.Ns(Measure.Median(times[1]))} | {ratio:N1} x faster | | |");
    }

    private static double Each(int count, Action run) => Measure.Time(() =>
    {
        for (int i = 0; i < count; i++)
            run();
    }) / count;

    // Ours are views: whoever asks for peers looks at each.
    private static int Walk(IReadOnlyCollection<ConnPeer> peers)
    {
        int count = 0;
        foreach (ConnPeer peer in peers)
            count += peer.Pool == PeerPool.Db ? 2 : 1;
        return count;
    }

    private static (string Address, FeedId Key) Peer(int i)
    {
        string address = Addresses.Make(i);
        return (address, MultiserverAddress.Parse(address).FeedId!.Value); // these addresses name a key
    }

    private static string[][] Pairs((string Address, FeedId Key)[] peers) => [.. peers.Select(p => (string[])[p.Address, p.Key.ToString()])];

    private sealed class Graph(IEnumerable<FeedId> keys) : ISocialGraph
    {
        private readonly Dictionary<FeedId, int> _hops = keys.ToDictionary(k => k, _ => 2);

        public bool IsLoaded => true;

        public int? HopsTo(FeedId feedId) => _hops.TryGetValue(feedId, out int hops) ? hops : null;
    }

    /// <summary>Nobody answers, and nobody calls.</summary>
    private sealed class NoNetwork : IPeerNetwork
    {
        public Task<IPeerConnection> DialAsync(PeerDial dial, CancellationToken cancellationToken) =>
            Task.FromException<IPeerConnection>(new ConnectFailedException("There is no network."));

        public async IAsyncEnumerable<IPeerConnection> AcceptAsync(Func<FeedId, bool> isWelcome, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
            yield break;
        }
    }

    private sealed class StandingConnection(FeedId id, MultiserverAddress address) : IPeerConnection
    {
        private readonly TaskCompletionSource _closed = new();

        public FeedId FeedId => id;

        public MultiserverAddress Address => address;

        public Task Closed => _closed.Task;

        public PeerPing? Ping => null;

        public Task CloseAsync(CancellationToken cancellationToken)
        {
            _closed.TrySetResult();
            return Task.CompletedTask;
        }
    }

    /// <summary>A clock that stands, whose timers never fire: looks are made by the benchmark alone.</summary>
    private sealed class StandingTime : TimeProvider
    {
        private readonly DateTimeOffset _now = System.GetUtcNow();

        public override DateTimeOffset GetUtcNow() => _now;

        public override long GetTimestamp() => 0;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => new NoTimer();

        private sealed class NoTimer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => default;
        }
    }
}
