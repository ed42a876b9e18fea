using System.Net;
using System.Net.Sockets;
using Ssb.Conn.Net.Tests.Hosting;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rpc;

/// <summary>Who was refused, by us or by the other side, is told by <c>why</c> on both sides, on loopback.</summary>
public sealed class RefusalTraceTests : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _open = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("policy", ConnReason.HostPolicy), InlineData("block", ConnReason.Blocked)]
    public async Task Refused_InTheHandshake_BothSidesSaySo(string kind, string reason)
    {
        SsbPeer bob = await Start(options => options with { MayConnect = (_, _) => ValueTask.FromResult(kind != "policy") }), alice = await Start();
        if (kind == "block")
            bob.Conn.Block(PeerTarget.From(alice.Id));
        await using var events = alice.Conn.Hub.Listen(Token).GetAsyncEnumerator(Token);
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => alice.Conn.ConnectAsync(bob.Addresses[0], cancellationToken: Token));
        Assert.True(e.IsUnwanted);
        Assert.Equal(ConnReason.UnwantedOrAnother, await ReasonOf(events, HubEventType.ConnectingFailed));
        Assert.Contains("It does not want us, or is not ", Words(alice, bob.Id), StringComparison.Ordinal);
        Patience.Until(() => History(bob, alice.Id).Any(n => n.What == "refused"));
        Assert.Equal(reason, History(bob, alice.Id).Last(n => n.What == "refused").Reason);
        Assert.DoesNotContain("Nothing is known", Words(bob, alice.Id), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refused_WhereWeWereConnectedBefore_ItIsCertainThatItDoesNotWantUs()
    {
        SsbPeer bob = await Start(), alice = await Start();
        await alice.Conn.ConnectAsync(bob.Addresses[0], cancellationToken: Token);
        await alice.Conn.DisconnectAsync(bob.Addresses[0]);
        Patience.Until(() => bob.Conn.Hub.Count == 0);
        bob.Conn.Block(PeerTarget.From(alice.Id));
        await using var events = alice.Conn.Hub.Listen(Token).GetAsyncEnumerator(Token);
        await Assert.ThrowsAsync<ConnectFailedException>(() => alice.Conn.ConnectAsync(bob.Addresses[0], cancellationToken: Token));
        Assert.Equal(ConnReason.Unwanted, await ReasonOf(events, HubEventType.ConnectingFailed));
        string words = Words(alice, bob.Id);
        Assert.Contains("connecting-failed: it does not want us: ", words, StringComparison.Ordinal);
        Assert.DoesNotContain("or is not", words, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refused_ForWantOfRoom_LeavesATrace_AndTheCallerSaysThatItIsNotWantedOrTheOtherIsFull()
    {
        SsbPeer bob = await Start(options => options with { Limits = options.Limits with { MaxCallers = 1 } }), alice = await Start(), carol = await Start();
        await carol.Conn.ConnectAsync(bob.Addresses[0], cancellationToken: Token);
        Patience.Until(() => bob.Network.Counters.Callers == 1);
        await alice.Conn.ConnectAsync(bob.Addresses[0], cancellationToken: Token);
        Patience.Until(() => History(alice, bob.Id).Any(n => n.What == "disconnected"));
        Assert.Equal(ConnReason.UnwantedOrFull, History(alice, bob.Id).Last(n => n.What == "disconnected").Reason);
        Patience.Until(() => History(bob, alice.Id).Count > 0);
        PeerNote note = Assert.Single(History(bob, alice.Id));
        Assert.Equal(("refused", "1 caller is connected, the most that may be"), (note.What, note.Reason));
        Assert.Equal("net", note.Address?.Routes[0].Transport); // from where it called
        Assert.DoesNotContain("Nothing is known", Words(bob, alice.Id), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("identity", "it has a connection already that it made, the most that it may have"), InlineData("source", "1 caller is connected from where it called, the most that may be")]
    public async Task Refused_ByALimit_SaysByWhich(string limit, string reason)
    {
        SsbPeer bob = await Start(options => options with
        {
            Limits = limit == "identity" ? options.Limits with { MaxCallersPerIdentity = 1 } : options.Limits with { MaxCallersPerSource = 1 },
        });
        using KeyPair keys = KeyPair.Generate();
        PeerNetwork[] networks = [Network(keys), Network(keys)];
        if (limit == "source")
        {
            // Two that shake hands at the same time: there was room for both when they came.
            var both = new ConnectionLimits(Unhurried.Network(keys) with { Limits = Unhurried.Limits with { MaxCallersPerSource = 1 } });
            using ConnectionLimits.Place first = both.Enter("a")!, second = both.Enter("a")!;
            Assert.True(first.Promote(bob.Id));
            Assert.False(second.Promote(new FeedId(new byte[32]), out string? refusal));
            Assert.Equal(reason, refusal);
            return;
        }

        await networks[0].ConnectAsync(bob.Addresses[0], Token);
        Patience.Until(() => bob.Network.Counters.Callers == 1);
        await networks[1].ConnectAsync(bob.Addresses[0], Token);
        Patience.Until(() => History(bob, keys.Id).Any(n => n.What == "refused"));
        Assert.Equal(reason, History(bob, keys.Id).Last(n => n.What == "refused").Reason);
    }

    [Fact]
    public async Task OnRefused_Throws_IsLogged_AndTheCallerIsClosed()
    {
        var log = new LogLines();
        using KeyPair keys = KeyPair.Generate(), first = KeyPair.Generate(), second = KeyPair.Generate();
        PeerNetwork network = Network(keys, options => options with
        {
            Listen = ["net:127.0.0.1:0~shs"],
            Logger = log.CreateLogger(""),
            Limits = options.Limits with { MaxCallers = 1 },
            OnRefused = (_, _, _) => throw new InvalidOperationException("its own mistake"),
        });
        _ = Task.Run(
            async () =>
            {
                await foreach (IPeerConnection _ in network.AcceptAsync(_ => true, Token))
                {
                }
            },
            Token);
        await Network(first).ConnectAsync(network.Addresses[0], Token);
        Patience.Until(() => network.Counters.Callers == 1);
        PeerConnection refused = await Network(second).ConnectAsync(network.Addresses[0], Token);
        await refused.Closed.WaitAsync(Patience.Guard, Token);
        Patience.Until(() => log.All.Any(l => l.Text.Contains("OnRefused", StringComparison.Ordinal) && l.Everything.Contains("its own mistake", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task OnRefused_OfANetworkAlone_IsToldWhoAndWhy()
    {
        var told = new TaskCompletionSource<(FeedId, MultiserverAddress?, string)>(TaskCreationOptions.RunContinuationsAsynchronously);
        using KeyPair keys = KeyPair.Generate(), first = KeyPair.Generate(), second = KeyPair.Generate();
        PeerNetwork network = Network(keys, options => options with
        {
            Listen = ["net:127.0.0.1:0~shs"],
            Limits = options.Limits with { MaxCallers = 1 },
            OnRefused = (who, address, why) => told.TrySetResult((who, address, why)),
        });
        _ = Task.Run(
            async () =>
            {
                await foreach (IPeerConnection _ in network.AcceptAsync(_ => true, Token))
                {
                }
            },
            Token);
        await Network(first).ConnectAsync(network.Addresses[0], Token);
        Patience.Until(() => network.Counters.Callers == 1);
        await Network(second).ConnectAsync(network.Addresses[0], Token);
        (FeedId refused, MultiserverAddress? from, string reason) = await told.Task.WaitAsync(Patience.Guard, Token);
        Assert.Equal((second.Id, "1 caller is connected, the most that may be"), (refused, reason));
        Assert.NotNull(from);
    }

    [Fact]
    public async Task WrongKey_IsNotSaidToBeARefusalForCertain()
    {
        SsbPeer bob = await Start(), alice = await Start();
        using KeyPair other = KeyPair.Generate();
        var wrong = MultiserverAddress.Parse($"net:127.0.0.1:{bob.Addresses[0].Routes[0].Port}~shs:{other.Id.ToBase64()}");
        await using var events = alice.Conn.Hub.Listen(Token).GetAsyncEnumerator(Token);
        await Assert.ThrowsAsync<ConnectFailedException>(() => alice.Conn.ConnectAsync(wrong, cancellationToken: Token));
        Assert.Equal(ConnReason.UnwantedOrAnother, await ReasonOf(events, HubEventType.ConnectingFailed));
        Assert.Contains($"or is not {other.Id}", Words(alice, other.Id), StringComparison.Ordinal);
        Assert.Empty(History(bob, alice.Id)); // it never learned who called
    }

    [Fact]
    public async Task NobodyListens_IsNotARefusal()
    {
        SsbPeer alice = await Start();
        using KeyPair other = KeyPair.Generate();
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // bound, and not listening
        var address = MultiserverAddress.Parse($"net:127.0.0.1:{((IPEndPoint)taken.LocalEndPoint!).Port}~shs:{other.Id.ToBase64()}");
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => alice.Conn.ConnectAsync(address, cancellationToken: Token));
        Assert.False(e.IsUnwanted);
        Assert.DoesNotContain("want us", Words(alice, other.Id), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ended_AfterItAnswered_IsNotSaidToBeUnwanted()
    {
        SsbPeer bob = await Start(), alice = await Start();
        var connection = (PeerConnection)await alice.Conn.ConnectAsync(bob.Addresses[0], cancellationToken: Token);
        await connection.Rpc.GetManifestAsync(Token);
        await bob.Conn.Hub.DisconnectAsync(bob.Conn.Hub.Get(alice.Id)!.Address);
        Patience.Until(() => History(alice, bob.Id).Any(n => n.What == "disconnected"));
        Assert.Equal(ConnReason.Ended, History(alice, bob.Id).Last(n => n.What == "disconnected").Reason);
    }

    public async ValueTask DisposeAsync() => await Disposal.AllAsync(_open);

    private static async Task<string> ReasonOf(IAsyncEnumerator<HubEvent> events, HubEventType type)
    {
        while (await events.MoveNextAsync())
        {
            if (events.Current.Type == type)
                return events.Current.Reason;
        }

        throw new InvalidOperationException("The events ended.");
    }

    private static string Words(SsbPeer peer, FeedId about) => peer.Conn.Why(PeerTarget.From(about)).ToString();

    private static IReadOnlyList<PeerNote> History(SsbPeer peer, FeedId about) => peer.Conn.Why(PeerTarget.From(about)).History;

    private PeerNetwork Network(KeyPair keys, Func<PeerNetworkOptions, PeerNetworkOptions>? with = null)
    {
        PeerNetworkOptions options = Unhurried.Network(keys);
        PeerNetwork network = PeerNetwork.Open(with?.Invoke(options) ?? options);
        _open.Insert(0, network);
        return network;
    }

    private async Task<SsbPeer> Start(Func<SsbPeerOptions, SsbPeerOptions>? with = null)
    {
        SsbPeerOptions options = Unhurried.Peer with { Listen = ["net:127.0.0.1:0~shs"], Conn = Unhurried.Conn with { Autostart = false } };
        SsbPeer peer = await SsbPeer.StartAsync(with?.Invoke(options) ?? options, Token);
        _open.Insert(0, peer);
        return peer;
    }
}
