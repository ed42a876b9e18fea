using System.Globalization;
using System.Text.Json;
using Interop.Tests.Harness;
using Microsoft.Extensions.Time.Testing;
using Ssb.Conn;

namespace Interop.Tests.Query;

/// <summary>Our queries against npm ssb-conn-query 1.2.2: the same address book, bench and hub on both sides, filled at random, and then every
/// question there is. What keeps away from <c>docs/differences-from-js.md</c> says so.</summary>
public class QueryOracleTests
{
    private static readonly DateTimeOffset s_now = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(4)]
    public async Task Queries_RandomPools_SameAnswers(int seed)
    {
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        for (int i = 0; i < 60; i++)
        {
            var random = new Random((seed * 1_000) + i);
            await using Pools pools = await Pools.FillAsync(random);
            (double step, double? longest, double wait) = (random.Next(1, 5_000), random.Next(2) == 0 ? random.Next(1_000_000) : null, random.Next(2_000));
            DateTimeOffset at = s_now + TimeSpan.FromMilliseconds(random.Next(-1_000, 2_000));
            JsonElement theirs = (await oracle.AskAsync("query", [pools.ToJson(step, longest, wait, at)], Cancellation))[0];
            var asked = new Dictionary<string, IReadOnlyCollection<ConnPeer>>
            {
                ["peersAll"] = pools.Query.PeersAll(),
                ["peersConnected"] = pools.Query.PeersConnected(),
                ["peersConnecting"] = pools.Query.PeersConnecting(),
                ["peersInConnection"] = pools.Query.PeersInConnection(),
                ["db"] = pools.Query.PeersConnectable(ConnectablePool.Db),
                ["staging"] = pools.Query.PeersConnectable(ConnectablePool.Staging),
                ["dbAndStaging"] = pools.Query.PeersConnectable(ConnectablePool.DbAndStaging),
            };
            foreach ((string question, IReadOnlyCollection<ConnPeer> ours) in asked)
            {
                string where = $"seed {seed}, pools {i}, {question}";
                JsonElement answer = theirs.GetProperty(question);
                Dictionary<string, ConnPeer> ourPeers = ours.ToDictionary(Describe);
                Dictionary<string, int> theirPeers = WithoutTwins(answer.GetProperty("peers"));
                Assert.True(theirPeers.Keys.ToHashSet().SetEquals(ourPeers.Keys), $"{where}: npm {string.Join(' ', theirPeers.Keys)}, we {string.Join(' ', ourPeers.Keys)}");

                Compare("hasNoAttempts", ConnQuery.HasNoAttempts);
                Compare("hasOnlyFailedAttempts", ConnQuery.HasOnlyFailedAttempts);
                Compare("hasSuccessfulAttempts", ConnQuery.HasSuccessfulAttempts);
                Compare("hasPinged", ConnQuery.HasPinged);
                Compare("passesExpBackoff", ConnQuery.PassesExpBackoff(Ms(step), longest is { } most ? Ms(most) : null, at));
                if (theirPeers.Count < answer.GetProperty("peers").GetArrayLength())
                    continue; // with twins, a group and an order are others

                Assert.True(answer.GetProperty("passesGroupDebounce").GetInt32() == ConnQuery.PassesGroupDebounce(Ms(wait), at)([.. ours]).Count, $"{where}: passesGroupDebounce");
                IReadOnlyList<ConnPeer> sorted = ConnQuery.SortByStateChange(ours);
                Assert.Equal(answer.GetProperty("sortByStateChange").EnumerateArray().Select(e => (double?)e.GetDouble()), sorted.Select(StateChange).OfType<double>().Cast<double?>());
                Assert.Equal(ours.Count(p => StateChange(p) is null), sorted.TakeWhile(p => StateChange(p) is null).Count());

                void Compare(string helper, Func<ConnPeer, bool> test)
                {
                    JsonElement said = answer.GetProperty(helper);
                    foreach ((string peer, int place) in theirPeers)
                        Assert.True(said[place].GetBoolean() == test(ourPeers[peer]), $"{where}: {helper} of {peer}, {ourPeers[peer].ToJson()}: npm {said[place]}");
                }
            }
        }
    }

    [Fact]
    public async Task PeersConnectable_PeerInBookAndOnTheBench_IsGivenTwiceOnlyThere()
    {
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        const string Both = """[["net:a.example:1~noauth",{}]]""";
        JsonElement theirs = (await oracle.AskAsync("query", [$$"""{"book":{{Both}},"bench":{{Both}},"hub":[],"step":1,"longest":1,"wait":1,"at":1}"""], Cancellation))[0];
        Assert.Equal(2, theirs.GetProperty("peersAll").GetProperty("peers").GetArrayLength());
        await using var pools = new Pools();
        pools.Db.Set("net:a.example:1~noauth");
        pools.Staging.Stage("net:a.example:1~noauth");
        Assert.Equal(PeerPool.Db, Assert.Single(pools.Query.PeersAll()).Pool);
    }

    [Theory]
    [InlineData("""{"stateChange":"yesterday"}""", "hasNoAttempts", false)]
    [InlineData("""{"stateChange":1,"duration":{}}""", "hasOnlyFailedAttempts", false)]
    [InlineData("""{"duration":{"mean":"1"}}""", "hasSuccessfulAttempts", true)]
    [InlineData("""{"failure":1.5}""", "passesExpBackoff", false)] // after 2,828 ms there, after 2,000 here
    [InlineData("""{"failure":-1,"stateChange":1800}""", "passesExpBackoff", true)] // at 2,300 there, at 2,800 here
    public async Task Helpers_FieldsOfAWrongKind_CountOnlyThere(string data, string helper, bool expected)
    {
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        JsonElement theirs = (await oracle.AskAsync("query", [$$"""{"book":[["net:a.example:1~noauth",{{data}}]],"bench":[],"hub":[],"step":1000,"longest":null,"wait":1,"at":2500}"""], Cancellation))[0];
        Assert.Equal(expected, theirs.GetProperty("db").GetProperty(helper)[0].GetBoolean());
        await using var pools = new Pools();
        pools.Db.Set("net:a.example:1~noauth", PeerData.Parse(data));
        ConnPeer peer = Assert.Single(pools.Query.PeersAll());
        Assert.Equal(!expected, helper switch
        {
            "hasNoAttempts" => ConnQuery.HasNoAttempts(peer),
            "hasOnlyFailedAttempts" => ConnQuery.HasOnlyFailedAttempts(peer),
            "hasSuccessfulAttempts" => ConnQuery.HasSuccessfulAttempts(peer),
            _ => ConnQuery.PassesExpBackoff(Ms(1_000), null, DateTimeOffset.FromUnixTimeMilliseconds(2_500))(peer),
        });
    }

    private static TimeSpan Ms(double ms) => TimeSpan.FromMilliseconds(ms);

    private static string Describe(ConnPeer peer) =>
        $"{peer.Address.Text} {(peer.Pool switch { PeerPool.Db => "db", PeerPool.Staging => "staging", _ => "hub" })} {peer.FeedId}";

    private static double? StateChange(ConnPeer peer) =>
        peer.Data.TryGet("stateChange", out JsonElement value) ? value.GetDouble() : null;

    /// <summary>Their peers and their places; of who is there twice, as only they give him, the first.</summary>
    private static Dictionary<string, int> WithoutTwins(JsonElement peers)
    {
        var places = new Dictionary<string, int>();
        var addresses = new HashSet<string>();
        int place = 0;
        foreach (JsonElement peer in peers.EnumerateArray())
        {
            if (addresses.Add(peer[0].GetString()!)) // an address is a text
                places.Add($"{peer[0].GetString()} {peer[1].GetString()} {peer[2].GetString()}", place);
            place++;
        }

        return places;
    }
}

/// <summary>Address book, bench and hub, and the same as JSON for npm.</summary>
internal sealed class Pools : IPeerNetwork, IAsyncDisposable
{
    private readonly TaskCompletionSource _goodbye = new();
    private readonly List<string> _book = [], _bench = [], _inHub = [];

    public Pools()
    {
        Hub = new ConnHub(this, new HubOptions { TimeProvider = new FakeTimeProvider() });
        Query = new ConnQuery(Db, Hub, Staging);
    }

    public ConnDb Db { get; } = ConnDb.InMemory();

    public ConnStaging Staging { get; } = new();

    public ConnHub Hub { get; }

    public ConnQuery Query { get; }

    /// <summary>Who answers a dial; null: it takes for ever.</summary>
    private string? Answers { get; set; }

    public static async Task<Pools> FillAsync(Random random)
    {
        var pools = new Pools();
        int peers = random.Next(12);
        for (int i = 0; i < peers; i++)
        {
            string? named = random.Next(2) == 0 ? Id(i) : null;
            string address = $"net:10.0.0.{i}:8008~{(named is null ? "noauth" : "shs:" + named[1..^8])}";
            if (random.Next(2) == 0)
                pools.Remember(address, Data(random, named ?? (random.Next(3) == 0 ? Id(100 + i) : null)));
            if (random.Next(2) == 0)
                pools.Stage(address, Data(random, named ?? (random.Next(3) == 0 ? Id(200 + i) : null)));
            if (random.Next(2) == 0)
                await pools.ConnectAsync(address, named, named ?? Id(300 + i), Data(random, named), (HubState)random.Next(3));
        }

        return pools;
    }

    public string ToJson(double step, double? longest, double wait, DateTimeOffset at) => string.Create(CultureInfo.InvariantCulture, $$"""
        {"book":[{{string.Join(',', _book)}}],"bench":[{{string.Join(',', _bench)}}],"hub":[{{string.Join(',', _inHub)}}],
        "step":{{step}},"longest":{{longest?.ToString(CultureInfo.InvariantCulture) ?? "null"}},"wait":{{wait}},"at":{{at.ToUnixTimeMilliseconds()}}}
        """);

    public async Task<IPeerConnection> DialAsync(PeerDial dial, CancellationToken cancellationToken)
    {
        if (Answers is { } id)
            return new Connection(id, dial.Address, _goodbye.Task);
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        throw new InvalidOperationException("It never ends.");
    }

    public async IAsyncEnumerable<IPeerConnection> AcceptAsync(Func<FeedId, bool> isWelcome, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        yield break;
    }

    public async ValueTask DisposeAsync()
    {
        _goodbye.SetResult();
        await Disposal.AllAsync([Hub, Db]);
        Staging.Dispose();
    }

    private static string Id(int n) => new FeedId([(byte)n, (byte)(n >> 8), .. Enumerable.Repeat((byte)0xFE, 30)]).ToString();

    private void Remember(string address, string data)
    {
        Db.Set(address, PeerData.Parse(data));
        _book.Add($"[\"{address}\",{data}]");
    }

    private void Stage(string address, string data)
    {
        Staging.Stage(address, PeerData.Parse(data));
        _bench.Add($"[\"{address}\",{data}]");
    }

    private async Task ConnectAsync(string address, string? key, string answers, string data, HubState state)
    {
        Answers = state == HubState.Connecting ? null : answers;
        Task<IPeerConnection> dial = Hub.ConnectAsync(address, PeerData.Parse(data));
        _ = dial.ContinueWith(static t => _ = t.Exception, TaskScheduler.Default); // a dial that never ends is given up at the end
        if (state != HubState.Connecting)
            await dial;
        if (state == HubState.Disconnecting)
            _ = Hub.DisconnectAsync(address);
        Assert.Equal(state, Hub.GetState(address));
        string? known = state == HubState.Connecting ? key : answers;
        _inHub.Add($"[\"{address}\",\"{state.ToString().ToLowerInvariant()}\",{(known is null ? "null" : $"\"{known}\"")},{data}]");
    }

    // Kept away from: fields of a wrong kind, and a field `pool`.
    private static string Data(Random random, string? key)
    {
        var fields = new List<string>();
        if (key is not null)
            fields.Add($"\"key\":\"{key}\"");
        if (random.Next(3) > 0)
            fields.Add($"\"stateChange\":{(random.Next(6) == 0 ? "0" : Number(1_700_000_000_000 - 2_000 + random.Next(2_500)))}");
        if (random.Next(2) == 0)
            fields.Add($"\"failure\":{(random.Next(8) == 0 ? 1_100 : random.Next(12))}");
        if (random.Next(2) == 0)
            fields.Add($"\"duration\":{Statistics()}");
        if (random.Next(2) == 0)
            fields.Add($"\"ping\":{random.Next(5) switch { 0 => "null", 1 => "{}", _ => $$"""{"rtt":{{Statistics()}},"skew":{{Statistics()}}}""" }}");
        return "{" + string.Join(',', fields.OrderBy(_ => random.Next())) + "}";

        string Statistics()
        {
            string mean = random.Next(3) switch { 0 => "0", 1 => Number(-random.NextDouble()), _ => Number(random.NextDouble() * 1_000) };
            return random.Next(4) switch
            {
                0 => "null",
                1 => $$"""{"mean":{{mean}}}""",
                _ => $$"""{"mean":{{mean}},"stdev":0,"count":{{random.Next(3)}},"sum":0,"sqsum":0}""",
            };
        }

        static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);
    }

    private sealed class Connection(string id, MultiserverAddress address, Task goodbye) : IPeerConnection
    {
        private readonly TaskCompletionSource _closed = new();

        public FeedId FeedId { get; } = FeedId.Parse(id);

        public MultiserverAddress Address => address;

        public Task Closed => _closed.Task;

        public PeerPing? Ping => null;

        public async Task CloseAsync(CancellationToken cancellationToken)
        {
            await goodbye;
            _closed.TrySetResult();
        }
    }
}
