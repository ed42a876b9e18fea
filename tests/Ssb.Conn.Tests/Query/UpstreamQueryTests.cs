using System.Text.Json;
using Ssb.Conn.Simulator;

namespace Ssb.Conn.Tests.Query;

/// <summary>The suite of npm ssb-conn-query 1.2.2 (test/index.js), test by test, over real pools instead of its mocks.</summary>
public class UpstreamQueryTests : IAsyncLifetime
{
    private static readonly DateTimeOffset s_time15 = new(2019, 1, 1, 6, 30, 15, TimeSpan.Zero);
    private static readonly DateTimeOffset s_time30 = new(2019, 1, 1, 6, 30, 30, TimeSpan.Zero);
    private static readonly long s_15 = s_time15.ToUnixTimeMilliseconds();
    private static readonly long s_17 = s_15 + 2_000;

    private readonly VirtualTime _time = new(s_time30);
    private readonly TestNetwork _network = new();
    private readonly ConnDb _db = ConnDb.InMemory();
    private readonly ConnStaging _staging = new();
    private readonly ConnHub _hub;
    private readonly ConnQuery _query;

    public UpstreamQueryTests()
    {
        _hub = new ConnHub(_network, new HubOptions { TimeProvider = _time });
        _query = new ConnQuery(_db, _hub, _staging);
    }

    public async ValueTask InitializeAsync()
    {
        Db("net:hub.com:1234~noauth", $$$$"""{"source":"friends","stateChange":{{{{s_15}}}},"failure":1,"duration":{"mean":1.1,"count":1},"ping":{"rtt":{"mean":3.5,"count":1}}}""");
        Db("net:hub.com:2345~noauth", $$"""{"source":"pub","stateChange":{{s_15}},"failure":4}""");
        Db("net:hub.com:3456~noauth", $$$"""{"source":"manual","stateChange":{{{s_15}}},"duration":{"mean":1.1,"count":1}}""");
        Db("net:hub.com:4567~noauth", $$$$"""{"source":"manual","stateChange":{{{{s_17}}}},"duration":{"mean":1.1,"count":1},"ping":{"rtt":{"mean":3.5,"count":1}}}""");
        await Connected("net:hub.com:1234~noauth", 1);
        _ = _hub.ConnectAsync("net:hub.com:2345~noauth");
        await Connected("net:hub.com:3456~noauth", 3);
        ((TestConnection)_hub.GetConnection(MultiserverAddress.Parse("net:hub.com:3456~noauth"))!).CloseTakes = new TaskCompletionSource().Task;
        _hub.DisconnectAsync("net:hub.com:3456~noauth").Forget();
        await Connected("net:hub.com:4567~noauth", 4);
        _ = _hub.ConnectAsync("net:192.168.1.12:5678~noauth");
        _ = _hub.ConnectAsync("bt:65D900DDB353~noauth");
        _staging.Stage("net:192.168.1.12:5678~noauth", new PeerData { Type = "lan" });
        _staging.Stage("net:192.168.1.13:6789~noauth", new PeerData { Type = "lan" });
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _time.RunFor(TimeSpan.FromMinutes(1));
        await Disposal.AllAsync([_hub, _db]);
        _staging.Dispose();
    }

    [Fact]
    public void PeersAll() => AssertPeers(_query.PeersAll(), "bt:65D900DDB353 hub", "net:192.168.1.12:5678 staging", "net:192.168.1.13:6789 staging",
        "net:hub.com:1234 db", "net:hub.com:2345 db", "net:hub.com:3456 db", "net:hub.com:4567 db");

    [Fact]
    public void PeersConnected() => AssertPeers(_query.PeersConnected(), "net:hub.com:1234 db", "net:hub.com:4567 db");

    [Fact]
    public void PeersConnecting() => AssertPeers(_query.PeersConnecting(), "bt:65D900DDB353 hub", "net:192.168.1.12:5678 staging", "net:hub.com:2345 db");

    [Fact]
    public void PeersInConnection() => AssertPeers(_query.PeersInConnection(), "bt:65D900DDB353 hub", "net:192.168.1.12:5678 staging",
        "net:hub.com:1234 db", "net:hub.com:2345 db", "net:hub.com:4567 db");

    [Fact]
    public void PeersConnectable_Db() => AssertPeers(_query.PeersConnectable(), "net:hub.com:3456 db");

    [Fact]
    public void PeersConnectable_Staging() => AssertPeers(_query.PeersConnectable(ConnectablePool.Staging), "net:192.168.1.13:6789 staging");

    [Fact]
    public void PeersConnectable_DbAndStaging() =>
        AssertPeers(_query.PeersConnectable(ConnectablePool.DbAndStaging), "net:192.168.1.13:6789 staging", "net:hub.com:3456 db");

    [Fact]
    public void HasNoAttempts() => AssertPeers(_query.PeersAll().Where(ConnQuery.HasNoAttempts), "bt:65D900DDB353 hub", "net:192.168.1.12:5678 staging", "net:192.168.1.13:6789 staging");

    [Fact]
    public void HasOnlyFailedAttempts() => AssertPeers(_query.PeersAll().Where(ConnQuery.HasOnlyFailedAttempts), "net:hub.com:2345 db");

    [Fact]
    public void HasSuccessfulAttempts() =>
        AssertPeers(_query.PeersAll().Where(ConnQuery.HasSuccessfulAttempts), "net:hub.com:1234 db", "net:hub.com:3456 db", "net:hub.com:4567 db");

    [Fact]
    public void HasPinged() => AssertPeers(Pinged(), "net:hub.com:1234 db", "net:hub.com:4567 db");

    [Fact]
    public void PassesExpBackoff()
    {
        AssertPeers(Pinged().Where(Backoff(5)), "net:hub.com:1234 db", "net:hub.com:4567 db");
        AssertPeers(Pinged().Where(Backoff(8)), "net:hub.com:4567 db");
        AssertPeers(Pinged().Where(Backoff(20)));

        static Func<ConnPeer, bool> Backoff(int seconds) => ConnQuery.PassesExpBackoff(TimeSpan.FromSeconds(seconds), TimeSpan.FromSeconds(60), s_time30);
    }

    [Fact]
    public void PassesGroupDebounce()
    {
        ConnPeer[] pinged = [.. Pinged()];
        AssertPeers(ConnQuery.PassesGroupDebounce(TimeSpan.FromSeconds(10), s_time30)(pinged), "net:hub.com:1234 db", "net:hub.com:4567 db");
        AssertPeers(ConnQuery.PassesGroupDebounce(TimeSpan.FromSeconds(15), s_time30)(pinged));
    }

    [Fact]
    public void SortByStateChange() =>
        Assert.Equal(["net:hub.com:1234~noauth", "net:hub.com:4567~noauth"], ConnQuery.SortByStateChange(Pinged().Reverse()).Select(p => p.Address.Text));

    [Fact]
    public void ToJson_IsTheEntryOfTheOriginal()
    {
        using JsonDocument db = JsonDocument.Parse(Assert.Single(_query.PeersConnectable()).ToJson());
        Assert.Equal("net:hub.com:3456~noauth", db.RootElement[0].GetString());
        Assert.Equal(("db", "manual", s_15), (db.RootElement[1].GetProperty("pool").GetString(), db.RootElement[1].GetProperty("source").GetString(), db.RootElement[1].GetProperty("stateChange").GetInt64()));
        ConnPeer hub = _query.PeersConnecting().Single(p => p.Pool == PeerPool.Hub);
        Assert.Equal($$"""["bt:65D900DDB353~noauth",{"pool":"hub","state":"connecting","hubBirth":{{s_time30.ToUnixTimeMilliseconds()}},"hubUpdated":{{s_time30.ToUnixTimeMilliseconds()}},"hubStateSince":{{s_time30.ToUnixTimeMilliseconds()}}}]""", hub.ToJson());
    }

    private IEnumerable<ConnPeer> Pinged() => _query.PeersAll().Where(ConnQuery.HasPinged);

    private static void AssertPeers(IEnumerable<ConnPeer> peers, params string[] expected) => Assert.Equal(expected, peers
        .Select(p => $"{p.Address.Text.Replace("~noauth", "", StringComparison.Ordinal)} {(p.Pool == PeerPool.Db ? "db" : p.Pool == PeerPool.Staging ? "staging" : "hub")}")
        .Order(StringComparer.Ordinal));

    private void Db(string address, string json) => _db.Set(address, PeerData.Parse(json));

    private async Task Connected(string address, int key)
    {
        Task connecting = _hub.ConnectAsync(address);
        _network.Dials[^1].Succeed(Given.FeedId(key));
        await connecting.Guarded();
    }
}
