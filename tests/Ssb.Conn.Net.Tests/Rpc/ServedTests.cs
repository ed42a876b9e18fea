using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rpc;

/// <summary>What a whole peer serves to whom: masters, strangers, hosts, LAN discovery and the stream of events.</summary>
public sealed class ServedTests : IAsyncDisposable
{
    private const string Somebody = "net:127.0.0.1:9752~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";

    private static readonly TimeSpan s_guard = Patience.Guard;

    private readonly KeyPair _own = KeyPair.Generate(), _other = KeyPair.Generate();
    private readonly List<IAsyncDisposable> _open = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Masters_MayDoEverything_OthersOnlyPing()
    {
        SsbPeer peer = await Start(options => options with { Masters = [_other.Id] });
        RpcConnection master = await Connect(peer, _other), stranger = await Connect(peer, KeyPair.Generate());
        Assert.Equal("true", await Call(master, "conn.stage", Somebody));
        Assert.Equal("false", await Call(master, "conn.isRunning"));
        await Call(stranger, "manifest");
        await GossipPing.MeasureAsync(stranger, Token).WaitAsync(s_guard, Token);
        foreach (string name in (string[])["conn.stage", "conn.dbPeers", "conn.isRunning", "conn.why", "conn.rules", "whoami"])
        {
            RpcException e = await Assert.ThrowsAsync<RpcException>(() => Call(stranger, name));
            Assert.Equal($"method:{name.Replace('.', ',')} is not in list of allowed methods", e.Message);
        }
    }

    /// <summary>The spellings of a peer, and those of its address, over muxrpc as in the libraries.</summary>
    [Fact]
    public async Task Procedures_SsbUris_AreAboutWhatTheyName()
    {
        SsbPeer peer = await Start();
        RpcConnection owner = await Connect(peer, _own);
        MultiserverAddress somebody = MultiserverAddress.Parse(Somebody);
        FeedId id = somebody.FeedId!.Value; // it names one
        string safe = id.ToBase64().Replace('+', '-').Replace('/', '_'), escaped = Uri.EscapeDataString(Somebody);
        foreach (string uri in (string[])[$"ssb:address/multiserver?multiserverAddress={escaped}", $"ssb://address/multiserver?multiserverAddress={escaped}", $"ssb:address:multiserver?multiserverAddress={escaped}", $"ssb:address/multiserver?multiserverAddress={Somebody}"])
        {
            Assert.Equal("true", await Call(owner, "conn.stage", uri));
            Assert.Equal(Somebody, Assert.Single(peer.Conn.Staging.Entries()).Address.Text);
            Assert.Equal("true", await Call(owner, "conn.unstage", uri));
            await Call(owner, "conn.remember", uri);
            Assert.Equal(Somebody, Assert.Single(peer.Conn.DbPeers()).Address.Text);
            await Call(owner, "conn.forget", uri);
            Assert.Empty(peer.Conn.DbPeers());
            Assert.Equal("false", await Call(owner, "conn.disconnect", uri));
            Assert.Equal("true", await Call(owner, "conn.dismiss", uri));
            Assert.Equal(PeerTarget.From(somebody), Assert.Single(peer.Conn.Rules).Target);
            Assert.Equal("true", await Call(owner, "conn.undo", uri));
        }

        foreach (string uri in (string[])[$"ssb:feed/ed25519/{safe}", $"ssb:feed/classic/{safe}", $"ssb://feed/ed25519/{safe}", $"ssb:feed:ed25519:{safe}", $"ssb:feed/ed25519/{safe[..43]}", $"SSB:feed/ed25519/{safe}"])
        {
            foreach (string procedure in (string[])["conn.dismiss", "conn.block"])
            {
                Assert.Equal("true", await Call(owner, procedure, uri));
                Assert.Equal(PeerTarget.From(id), Assert.Single(peer.Conn.Rules).Target);
                Assert.Equal("true", await Call(owner, "conn.undo", uri));
            }

            Assert.Contains($"\"subject\":\"{id}\"", await Call(owner, "conn.why", uri), StringComparison.Ordinal);
            if (uri.StartsWith("ssb:", StringComparison.Ordinal))
                Assert.Equal("false", await Call(owner, "conn.stage", uri)); // it does not say where the peer is
        }

        foreach (string nobody in (string[])["bob", $"ssb:message/sha256/{safe}", $"ssb:blob/sha256/{safe}", $"ssb:feed/bendybutt-v1/{safe}", "https://example.org"])
        {
            foreach (string procedure in (string[])["conn.dismiss", "conn.block"])
                Assert.StartsWith("The target is neither a feed id", (await Assert.ThrowsAsync<RpcException>(() => Call(owner, procedure, nobody))).Message, StringComparison.Ordinal);
            Assert.Equal("false", await Call(owner, "conn.stage", nobody));
        }

        Assert.Empty(peer.Conn.Rules);
    }

    [Fact]
    public async Task AllowStrangers_OpensProceduresOfTheHost_AndNoMore()
    {
        SsbPeer peer = await Start(options => options with
        {
            Api = new RpcApi().Sync("blobs.get", _ => "blob").Sync("blobs.has", _ => true).Sync("feed.get", _ => "feed").Sync("feed.add", _ => "added"),
            AllowStrangers = ["blobs", "feed.get"],
        });
        RpcConnection stranger = await Connect(peer, _other);
        Assert.Equal(["\"blob\"", "true", "\"feed\""], [await Call(stranger, "blobs.get"), await Call(stranger, "blobs.has"), await Call(stranger, "feed.get")]);
        await Assert.ThrowsAsync<RpcException>(() => Call(stranger, "feed.add"));
        await Assert.ThrowsAsync<RpcException>(() => Call(stranger, "conn.stage", Somebody));
        Assert.Equal("\"added\"", await Call(await Connect(peer, _own), "feed.add"));
    }

    [Fact]
    public async Task ConnStage_StrangerMayCallIt_IsASource_AndDecidesNothing()
    {
        SsbPeer peer = await Start(options => options with { AllowStrangers = ["conn.stage"] });
        RpcConnection stranger = await Connect(peer, _other), owner = await Connect(peer, _own);
        const string Claims = """{"type":"pub","name":"x","verified":true,"failure":9,"autoconnect":false,"stateChange":1e15}""";
        Assert.Equal("true", await Call(stranger, "conn.stage", Somebody, Claims));
        StagedPeer staged = Assert.Single(peer.Conn.Staging.Entries());
        Assert.Equal(("pub", null, $"peer:{_other.Id}"), (staged.Type, staged.Verified, staged.Source));
        Assert.Equal(["type", "name"], staged.Data.Names());
        for (int i = 1; i < 25; i++)
        {
            using KeyPair other = KeyPair.Generate();
            Assert.Equal(i < 20 ? "true" : "false", await Call(stranger, "conn.stage", $"net:127.0.0.1:9{i:d3}~shs:{other.Id.ToBase64()}"));
        }

        using KeyPair last = KeyPair.Generate();
        Assert.Equal("true", await Call(owner, "conn.stage", $"net:127.0.0.1:8999~shs:{last.Id.ToBase64()}"));
        Assert.Equal(5, peer.Conn.AdmissionCounters.Refused[RefusalReason.SourceFull]);
    }

    [Fact]
    public async Task Api_OfTheHost_HasANameOfOurs_IsRefused() =>
        await Assert.ThrowsAsync<ArgumentException>(() => Start(options => options with { Api = new RpcApi().Sync("conn.stage", _ => true) }));

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task OnConnected_Throws_IsLogged_AndTheConnectionStands(bool atOnce)
    {
        var log = new ConcurrentQueue<string>();
        SsbPeer peer = await Start(options => options with
        {
            Logger = new ListLogger(log),
            OnConnected = async (_, cancellationToken) =>
            {
                if (!atOnce)
                    await Task.Yield();
                throw new InvalidOperationException("the host's own mistake");
            },
        });
        RpcConnection caller = await Connect(peer, _other);
        await Call(caller, "manifest");
        Patience.Until(() => !log.IsEmpty);
        Assert.Contains(_other.Id.ToString(), Assert.Single(log), StringComparison.Ordinal);
        await Call(caller, "manifest");
        Assert.Equal(1, peer.Conn.Hub.Count);
    }

    [Fact]
    public async Task OnConnected_ConnectionEnds_CancelsIt_AndThatIsNoMistake()
    {
        var log = new ConcurrentQueue<string>();
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        SsbPeer peer = await Start(options => options with
        {
            Logger = new ListLogger(log),
            OnConnected = async (_, cancellationToken) =>
            {
                using CancellationTokenRegistration registration = cancellationToken.Register(cancelled.SetResult);
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
            },
        });
        RpcConnection caller = await Connect(peer, _other);
        await Call(caller, "manifest");
        Assert.False(cancelled.Task.IsCompleted);
        await caller.DisposeAsync().AsTask().WaitAsync(s_guard, Token);
        await cancelled.Task.WaitAsync(s_guard, Token);
        await peer.DisposeAsync().AsTask().WaitAsync(s_guard, Token);
        Assert.Empty(log);
    }

    [Fact]
    public async Task OnConnected_OneOfUs_IsNotGivenToTheHost()
    {
        var given = new ConcurrentQueue<FeedId>();
        SsbPeer peer = await Start(options => options with
        {
            OnConnected = (connection, _) =>
            {
                given.Enqueue(connection.FeedId);
                return Task.CompletedTask;
            },
        });
        await Call(await Connect(peer, _own), "whoami");
        await Call(await Connect(peer, _other), "manifest");
        Patience.Until(() => !given.IsEmpty);
        Assert.Equal([_other.Id], given);
    }

    [Fact]
    public async Task Lan_ByMuxrpc_StartsStopsAndTellsWhatIsHeard()
    {
        var options = new LanOptions { Loopback = true, NetworkKey = NetworkKey.Generate(), NormalPort = FreePorts.Udp(), LegacyPort = FreePorts.Udp(), AnnounceInterval = TimeSpan.FromMilliseconds(100) };
        SsbPeer peer = await Start(peer => peer with { NetworkKey = options.NetworkKey, Lan = options });
        RpcConnection master = await Connect(peer, _own, options.NetworkKey), stranger = await Connect(peer, KeyPair.Generate(), options.NetworkKey);
        foreach (string name in (string[])["lan.start", "lan.stop"])
            await Assert.ThrowsAsync<RpcException>(() => Call(stranger, name));
        await using IAsyncEnumerator<RpcValue> heard = master.Source("lan.discoveredPeers").GetAsyncEnumerator(Token);
        Assert.Equal(["false", "false"], [await Call(master, "lan.start"), await Call(master, "lan.start")]); // undefined, and it ran already

        var address = MultiserverAddress.Parse($"net:127.0.0.1:8008~shs:{_other.Id.ToBase64()}");
        await using (var announcer = new LanAnnouncer(options, _other, [address]))
        {
            announcer.Start();
            Assert.True(await heard.MoveNextAsync().AsTask().WaitAsync(s_guard, Token));
        }

        JsonElement first = heard.Current.AsJson();
        Assert.Equal(["address", "verified"], first.EnumerateObject().Select(p => p.Name));
        Assert.Equal(address.Text, first.GetProperty("address").GetString());
        Patience.Until(() => peer.Conn.Staging.Get(address) is not null);

        Assert.Equal(["false", "false"], [await Call(master, "lan.stop"), await Call(master, "lan.stop")]);
        Patience.Until(() => IsFree(options.NormalPort));
        Assert.Equal("false", await Call(master, "lan.start"));
        Patience.Until(() => !IsFree(options.NormalPort));
    }

    [Fact]
    public async Task Events_TellWhatHappens_AndWhy()
    {
        SsbPeer other = await Start(keys: _other), peer = await Start();
        RpcConnection control = await Connect(peer, _own);
        string address = other.Addresses[0].Text;
        await using IAsyncEnumerator<RpcValue> events = control.Source("conn.events").GetAsyncEnumerator(Token);
        await Call(control, "conn.isRunning"); // the stream is open

        await Call(control, "conn.stage", address, """{"type":"lan"}""");
        AssertEvent(await Next(events), "staging", "staged", address);
        await Call(control, "conn.connect", address);
        Dictionary<string, JsonElement> dialled = await Until(events, "connecting", "unstaged", "connected");
        AssertEvent(dialled["connecting"], "hub", "connecting", address, "requested", isClient: true);
        AssertEvent(dialled["unstaged"], "staging", "unstaged", address, "promoted");
        AssertEvent(dialled["connected"], "hub", "connected", address, "requested", isClient: true);
        await Call(control, "conn.disconnect", address);
        Dictionary<string, JsonElement> left = await Until(events, "disconnected", "staged");
        Assert.Contains("disconnecting", left.Keys);
        AssertEvent(left["disconnected"], "hub", "disconnected", address, "requested", isClient: true);
        await Call(control, "conn.unstage", address);
        AssertEvent((await Until(events, "unstaged"))["unstaged"], "staging", "unstaged", address);

        await other.DisposeAsync();
        await Assert.ThrowsAsync<RpcException>(() => Call(control, "conn.connect", address));
        JsonElement failed = (await Until(events, "connecting-failed"))["connecting-failed"];
        AssertEvent(failed, "hub", "connecting-failed", address, "requested", isClient: true);
        Assert.Contains("could not be reached", failed.GetProperty("error").GetString(), StringComparison.Ordinal);

        await Connect(peer, _other);
        JsonElement called = (await Until(events, "connected"))["connected"];
        Assert.Equal((_other.Id.ToString(), false), (called.GetProperty("key").GetString(), called.GetProperty("isClient").GetBoolean()));
    }

    [Fact]
    public async Task Events_Old_BeginWithWhoIsThere()
    {
        SsbPeer peer = await Start();
        RpcConnection control = await Connect(peer, _own);
        await Call(await Connect(peer, _other), "manifest");
        await Call(control, "conn.stage", Somebody);
        Patience.Until(() => peer.Conn.Hub.Count == 1);
        await using IAsyncEnumerator<RpcValue> events = control.Source("conn.events", [RpcValue.Json(JsonElement.Parse("""{"old":true}"""))]).GetAsyncEnumerator(Token);
        JsonElement caller = await Next(events), staged = await Next(events);
        Assert.Equal(("hub", "connected", _other.Id.ToString()), (caller.GetProperty("pool").GetString(), caller.GetProperty("type").GetString(), caller.GetProperty("key").GetString()));
        AssertEvent(staged, "staging", "staged", Somebody);
        Assert.False(caller.TryGetProperty("reason", out _) || staged.TryGetProperty("reason", out _));
        await Call(control, "conn.unstage", Somebody);
        AssertEvent(await Next(events), "staging", "unstaged", Somebody);
    }

    [Fact]
    public async Task Events_ReaderLags_IsToldHowManyItMissed()
    {
        const int Changes = 20_000;
        SsbPeer peer = await Start(options => options with { Conn = options.Conn with { Staging = options.Conn.Staging with { ChangeBuffer = 16 } } });
        RpcConnection control = await Connect(peer, _own);
        var address = MultiserverAddress.Parse(Somebody);
        await using IAsyncEnumerator<RpcValue> events = control.Source("conn.events").GetAsyncEnumerator(Token);
        await Call(control, "conn.isRunning"); // the stream is open
        using (peer.Conn.Staging.Batch()) // all at once: whoever reads, lags
        {
            for (int i = 0; i < Changes / 2; i++)
            {
                peer.Conn.Staging.Stage(address);
                peer.Conn.Staging.Unstage(address);
            }
        }

        long told = 0, missed = 0;
        while (told + missed < Changes)
        {
            JsonElement next = await Next(events);
            if (next.GetProperty("type").GetString() == "missed")
                missed += next.GetProperty("missed").GetInt64();
            else
                told++;
        }

        Assert.Equal(Changes, told + missed);
        Assert.True(missed > 0);
    }

    public async ValueTask DisposeAsync()
    {
        await Disposal.AllAsync(_open);
        _own.Dispose();
        _other.Dispose();
    }

    private async Task<SsbPeer> Start(Func<SsbPeerOptions, SsbPeerOptions>? with = null, KeyPair? keys = null)
    {
        var options = Unhurried.Peer with { Keys = keys ?? _own, Listen = ["net:127.0.0.1:0~shs"], Conn = Unhurried.Conn with { Autostart = false } };
        SsbPeer peer = await SsbPeer.StartAsync(with?.Invoke(options) ?? options, Token);
        _open.Insert(0, peer);
        return peer;
    }

    private async Task<RpcConnection> Connect(SsbPeer peer, KeyPair keys, NetworkKey? network = null)
    {
        PeerNetwork client = PeerNetwork.Open(Unhurried.Network(keys) with { NetworkKey = network ?? NetworkKey.Main });
        _open.Insert(0, client);
        return (await client.ConnectAsync(peer.Addresses[0], Token).WaitAsync(s_guard, Token)).Rpc;
    }

    private static async Task<string> Call(RpcConnection control, string name, string? address = null, string? data = null)
    {
        RpcValue[] arguments = address is null ? [] : data is null ? [address] : [address, RpcValue.Json(JsonElement.Parse(data))];
        RpcValue answer = await control.CallAsync(name, arguments, Token).WaitAsync(s_guard, Token);
        return answer.Kind == RpcValueKind.Text ? $"\"{answer.AsText()}\"" : answer.AsJson().GetRawText();
    }

    private static async Task<JsonElement> Next(IAsyncEnumerator<RpcValue> events)
    {
        Assert.True(await events.MoveNextAsync().AsTask().WaitAsync(s_guard, Token));
        return events.Current.AsJson();
    }

    // By type, until there is one of each of these types. The two pools' events are in order each, not with each other.
    private static async Task<Dictionary<string, JsonElement>> Until(IAsyncEnumerator<RpcValue> events, params string[] types)
    {
        var told = new Dictionary<string, JsonElement>();
        while (!types.All(told.ContainsKey))
        {
            JsonElement next = await Next(events);
            told[next.GetProperty("type").GetString()!] = next;
        }

        return told;
    }

    private static void AssertEvent(JsonElement e, string pool, string type, string address, string? reason = null, bool? isClient = null)
    {
        Assert.Equal((pool, type, address), (e.GetProperty("pool").GetString(), e.GetProperty("type").GetString(), e.GetProperty("address").GetString()));
        if (reason is not null)
            Assert.Equal(reason, e.GetProperty("reason").GetString());
        if (isClient is not null)
            Assert.Equal(isClient, e.GetProperty("isClient").GetBoolean());
    }

    private static bool IsFree(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private sealed class ListLogger(ConcurrentQueue<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                lines.Enqueue(formatter(state, exception));
        }
    }
}
