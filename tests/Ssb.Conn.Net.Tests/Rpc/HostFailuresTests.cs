using Microsoft.Extensions.Logging;
using Ssb.Conn.Net.Tests.Hosting;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rpc;

/// <summary>What fails in the host's own code is in the log, and is not told to strangers.</summary>
public sealed class HostFailuresTests : IAsyncDisposable
{
    private readonly KeyPair _own = KeyPair.Generate(), _other = KeyPair.Generate();
    private readonly List<IAsyncDisposable> _open = [];
    private readonly LogLines _log = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sync"), InlineData("async"), InlineData("later"), InlineData("source"), InlineData("source.later"), InlineData("sink"), InlineData("duplex"), InlineData("timeout")]
    public async Task Procedure_Throws_IsLoggedWithItsNameAndTheCaller(string name)
    {
        RpcApi api = new RpcApi()
            .Sync("fails.sync", _ => throw Failure())
            .Async("fails.async", (_, _) => throw Failure())
            .Async("fails.later", async (_, _) =>
            {
                await Task.Yield();
                throw Failure();
            })
            .Async("fails.timeout", (_, _) => throw new TaskCanceledException("the disk is on fire")) // as HttpClient does when its own time is over
            .Source("fails.source", (_, _) => throw Failure())
            .Source("fails.sourceLater", (_, _) => FailingAsync())
            .Sink("fails.sink", (_, _, _) => throw Failure())
            .Duplex("fails.duplex", async (_, _, _) =>
            {
                await Task.Yield();
                throw Failure();
            });
        SsbPeer peer = await Start(options => options with { Api = api, AllowStrangers = ["fails"] });
        RpcConnection caller = await ConnectAsync(peer);
        string procedure = "fails." + name.Replace(".later", "Later", StringComparison.Ordinal);
        RpcException told = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            switch (name)
            {
                case "source" or "source.later":
                    await foreach (RpcValue _ in caller.Source(procedure).WithCancellation(Token))
                    {
                        // It gives none.
                    }

                    break;
                case "sink":
                    await caller.SinkAsync(procedure, [], AsyncEnumerable.Repeat((RpcValue)1, 3), Token);
                    break;
                case "duplex":
                    await foreach (RpcValue _ in caller.Duplex(procedure).ReadAllAsync(Token))
                    {
                        // Likewise.
                    }

                    break;
                default:
                    await caller.CallAsync(procedure, cancellationToken: Token);
                    break;
            }
        });
        Assert.DoesNotContain("disk", told.Message, StringComparison.Ordinal);
        Patience.Until(() => _log.All.Any(l => l.Level == LogLevel.Error));
        LogLine line = Assert.Single(_log.All, l => l.Level == LogLevel.Error);
        Assert.Contains($"The procedure {procedure}, called by {_other.Id}, failed", line.Text, StringComparison.Ordinal);
        Assert.Contains("the disk is on fire", line.Everything, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Procedure_ThrowsOftenAndRefuses_IsLoggedOnce_AndRefusalsAreNot()
    {
        SsbPeer peer = await Start(options => options with
        {
            Api = new RpcApi().Sync("fails", _ => throw Failure()).Sync("refuses", _ => throw new RpcException("no such blob")),
            AllowStrangers = ["fails", "refuses"],
        });
        RpcConnection caller = await ConnectAsync(peer);
        for (int i = 0; i < 10; i++)
        {
            Assert.Equal("internal error in fails", (await Assert.ThrowsAsync<RpcException>(() => caller.CallAsync("fails", cancellationToken: Token))).Message);
            Assert.Equal("no such blob", (await Assert.ThrowsAsync<RpcException>(() => caller.CallAsync("refuses", cancellationToken: Token))).Message);
        }

        Patience.Until(() => _log.All.Any(l => l.Level == LogLevel.Error));
        Assert.Contains("fails", Assert.Single(_log.All, l => l.Level >= LogLevel.Warning).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OnEventAndOnConnected_Throw_AreLogged_AndTheConnectionStands()
    {
        await using PeerNetwork network = PeerNetwork.Open(Unhurried.Network(_own) with
        {
            Listen = ["net:127.0.0.1:0~shs"],
            Logger = _log.CreateLogger(""),
            OnConnected = _ => throw new InvalidOperationException("first"),
            Limits = Unhurried.Limits with { Rpc = Unhurried.Limits.Rpc with { OnEvent = _ => throw new InvalidOperationException("second") } },
        });
        await using ConnPlugin plugin = await ConnPlugin.OpenAsync(network, Unhurried.Conn with { Autostart = false }, Token);
        await using PeerNetwork other = PeerNetwork.Open(Unhurried.Network(_other));
        RpcConnection caller = (await other.ConnectAsync(network.Addresses[0], Token)).Rpc;
        await Assert.ThrowsAsync<RpcException>(() => caller.CallAsync("conn.stage", cancellationToken: Token)); // an event: it is refused
        await caller.CallAsync("manifest", cancellationToken: Token);
        Patience.Until(() => _log.All.Count(l => l.Level == LogLevel.Error) == 2);
        Assert.Contains(_log.All, l => l.Text.Contains("OnConnected", StringComparison.Ordinal) && l.Everything.Contains("first", StringComparison.Ordinal));
        Assert.Contains(_log.All, l => l.Text.Contains("OnEvent", StringComparison.Ordinal) && l.Everything.Contains("second", StringComparison.Ordinal));
        Patience.Until(() => plugin.Hub.Get(_other.Id) is not null);
    }

    [Fact]
    public async Task SocialGraph_ThrowsForACaller_IsLogged_AndTheCallerIsRefused()
    {
        SsbPeer peer = await Start(options => options with { Conn = options.Conn with { SocialGraph = new BrokenGraph() } });
        await Assert.ThrowsAsync<ConnectFailedException>(() => ConnectAsync(peer));
        Patience.Until(() => _log.All.Any(l => l.Level == LogLevel.Error));
        LogLine line = Assert.Single(_log.All, l => l.Level == LogLevel.Error);
        Assert.Contains(_other.Id.ToString(), line.Text, StringComparison.Ordinal);
        Assert.Contains("the disk is on fire", line.Everything, StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        await Disposal.AllAsync(_open);
        _own.Dispose();
        _other.Dispose();
    }

    private static InvalidOperationException Failure() => new("the disk is on fire");

    private static async IAsyncEnumerable<RpcValue> FailingAsync()
    {
        await Task.Yield();
        if (DateTimeOffset.UnixEpoch.Year == 1970) // always, which the compiler does not know
            throw Failure();
        yield return 1;
    }

    private sealed class BrokenGraph : ISocialGraph
    {
        public bool IsLoaded => true;

        public int? HopsTo(FeedId feedId) => throw Failure();
    }

    private async Task<SsbPeer> Start(Func<SsbPeerOptions, SsbPeerOptions> with)
    {
        SsbPeer peer = await SsbPeer.StartAsync(with(Unhurried.Peer with
        {
            Keys = _own,
            Listen = ["net:127.0.0.1:0~shs"],
            Conn = Unhurried.Conn with { Autostart = false },
            Logger = _log.CreateLogger(""),
        }), Token);
        _open.Insert(0, peer);
        return peer;
    }

    private async Task<RpcConnection> ConnectAsync(SsbPeer peer)
    {
        PeerNetwork network = PeerNetwork.Open(Unhurried.Network(_other));
        _open.Insert(0, network);
        return (await network.ConnectAsync(peer.Addresses[0], Token)).Rpc;
    }
}
