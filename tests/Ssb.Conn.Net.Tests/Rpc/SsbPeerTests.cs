using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Ssb.Conn.Net.Tests.Hosting;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rpc;

/// <summary>Whole peers on loopback, steered over muxrpc.</summary>
public sealed class SsbPeerTests : IAsyncDisposable
{
    private const string Somebody = "net:127.0.0.1:9752~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";

    private static readonly TimeSpan s_guard = Patience.Guard;

    private readonly string _folder = SocketFolder.Create("ssb-conn-");
    private readonly List<IAsyncDisposable> _open = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Conn_ByTheUnixSocket_AnswersAsSsbConn()
    {
        SsbPeer peer = await Start(0);
        RpcConnection control = await Control(peer);
        Assert.Equal($$"""{"id":"{{peer.Id}}"}""", await Call(control, "whoami"));
        await using IAsyncEnumerator<RpcValue> staged = control.Source("conn.stagedPeers").GetAsyncEnumerator(Token);
        Assert.True(await staged.MoveNextAsync());
        Assert.Equal("[]", staged.Current.AsJson().GetRawText());
        Assert.Equal("true", await Call(control, "conn.stage", Somebody, """{"type":"lan","note":"x"}"""));
        Assert.True(await staged.MoveNextAsync());
        JsonElement entry = staged.Current.AsJson()[0];
        Assert.Equal((Somebody, "lan", "x"), (entry[0].GetString(), entry[1].GetProperty("type").GetString(), entry[1].GetProperty("note").GetString()));
        Assert.Equal("false", await Call(control, "conn.stage", Somebody, """{"note":"y"}"""));
        Assert.Equal("true", await Call(control, "conn.unstage", Somebody));
        Assert.Equal("false", await Call(control, "conn.remember", Somebody, """{"type":"pub","autoconnect":false}"""));
        Assert.Single(JsonElement.Parse(await Call(control, "conn.dbPeers")).EnumerateArray());
        Assert.Equal("false", await Call(control, "conn.forget", Somebody));
        Assert.Equal("[]", await Call(control, "conn.dbPeers"));
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => Call(control, "conn.stage", "!!not an address"));
        Assert.Equal("The given address is not a valid multiserver-address", e.Message);
        e = await Assert.ThrowsAsync<RpcException>(() => Call(control, "conn.hub"));
        Assert.Equal("NotSupportedError", e.RemoteName);
    }

    [Fact]
    public async Task Connect_TwoPeers_AreInEachOthersHub_AndLeaveIt()
    {
        var used = new TaskCompletionSource<PeerConnection>(TaskCreationOptions.RunContinuationsAsynchronously);
        SsbPeer bob = await Start(1, options => options with
        {
            OnConnected = (connection, _) =>
            {
                used.TrySetResult(connection);
                return Task.CompletedTask;
            },
        });
        SsbPeer alice = await Start(0);
        RpcConnection control = await Control(alice);
        string address = bob.Addresses[0].Text;
        Assert.Equal($$"""{"id":"{{bob.Id}}","address":"{{address}}"}""", await Call(control, "conn.connect", address));
        Assert.Equal(alice.Id, (await used.Task.WaitAsync(s_guard, Token)).FeedId);
        Patience.Until(() => bob.Conn.Hub.Get(alice.Id) is not null);
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => bob.Network.Find(alice.Id)!.Rpc.CallAsync("conn.stage", [Somebody], Token));
        Assert.Equal("method:conn,stage is not in list of allowed methods", e.Message);
        Assert.Equal("true", await Call(control, "conn.disconnect", address));
        Patience.Until(() => bob.Conn.Hub.Count == 0 && alice.Conn.Hub.Count == 0);
    }

    [Fact]
    public async Task Start_Folder_KeepsWhoWeAre_AndBelongsToOne()
    {
        SsbPeer peer = await Start(0);
        FeedId id = peer.Id;
        await Assert.ThrowsAsync<IOException>(() => SsbPeer.StartAsync(Unhurried.Peer with { Folder = FolderOf(0) }, Token));
        await peer.DisposeAsync();
        await using SsbPeer again = await SsbPeer.StartAsync(Unhurried.Peer with { Folder = FolderOf(0) }, Token);
        Assert.Equal(id, again.Id);
    }

    [Fact]
    public async Task Dispose_AddressBookCannotBeWritten_SaysSo_AndClosesTheRest()
    {
        SsbPeer peer = await Start(0);
        Directory.CreateDirectory(Path.Combine(FolderOf(0), "conn.json~")); // in the way of the new one
        peer.Conn.Remember(Somebody);
        await Assert.ThrowsAsync<IOException>(() => peer.DisposeAsync().AsTask());
        using var client = new TcpClient();
        await Assert.ThrowsAsync<SocketException>(() => client.ConnectAsync("127.0.0.1", peer.Addresses[0].Routes[0].Port!.Value, Token).AsTask());
    }

    [Fact]
    public async Task Lan_PortsAreTaken_IsTold_CanBeStartedLater_AndThePeerEnds()
    {
        using var first = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        using var second = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        first.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        second.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var log = new LogLines();
        SsbPeer peer = await Start(0, options => options with
        {
            Logger = log.CreateLogger(""),
            Lan = new LanOptions { Loopback = true, NormalPort = ((IPEndPoint)first.LocalEndPoint!).Port, LegacyPort = ((IPEndPoint)second.LocalEndPoint!).Port }, // they are bound
        });
        RpcConnection control = await Control(peer);
        Patience.Until(() => Failures() == 1);
        await Call(control, "lan.stop");
        await Call(control, "lan.start");
        Patience.Until(() => Failures() == 2);
        first.Dispose();
        await Call(control, "lan.start");
        await peer.DisposeAsync();
        Assert.Equal(2, Failures());

        int Failures() => log.All.Count(l => l.Text == "There is no LAN discovery.");
    }

    [Fact]
    public async Task Lan_NowhereToBeCalled_ListensAllTheSame_AndThePeerEnds()
    {
        int[] ports = [FreePorts.Udp(), FreePorts.Udp()];
        var lan = new LanOptions { Loopback = true, NormalPort = ports[0], LegacyPort = ports[1], AnnounceInterval = TimeSpan.FromMilliseconds(200) };
        SsbPeer peer = await Start(0, options => options with { Listen = [], Lan = lan });
        using KeyPair keys = KeyPair.Generate();
        await using (var announcer = new LanAnnouncer(lan, keys, [MultiserverAddress.Parse($"net:127.0.0.1:9~shs:{keys.Id.ToBase64()}")]))
        {
            announcer.Start();
            Patience.Until(() => peer.Conn.Staging.Count == 1);
        }

        await peer.DisposeAsync();
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task Lan_AnnouncedElsewhere_IsNotStagedUnlessSoSet_AndWhySaysSo(bool acceptAnyRoute)
    {
        int[] ports = [FreePorts.Udp(), FreePorts.Udp()];
        var lan = new LanOptions
        {
            Loopback = true,
            NormalPort = ports[0],
            LegacyPort = ports[1],
            AnnounceInterval = TimeSpan.FromMilliseconds(200),
            AcceptAnyRoute = acceptAnyRoute,
        };
        await using SsbPeer peer = await Start(0, options => options with { Listen = [], Lan = lan });
        using KeyPair keys = KeyPair.Generate();
        string id = keys.Id.ToString(), elsewhere = $"net:localhost:9~shs:{keys.Id.ToBase64()}";
        await using var announcer = new LanAnnouncer(lan, keys, MultiserverAddress.Parse(elsewhere));
        announcer.Start();
        if (acceptAnyRoute)
        {
            Patience.Until(() => peer.Conn.Staging.Get(MultiserverAddress.Parse(elsewhere)) is not null);
            return;
        }

        Patience.Until(() => peer.Conn.Why(id).History.Count > 0);
        PeerNote note = Assert.Single(peer.Conn.Why(id).History);
        Assert.Equal(("refused", elsewhere, "lan:loopback/127.0.0.1"), (note.What, note.Address?.Text, note.Source));
        Assert.Equal("none of its routes leads to its sender, or into the subnet on which it was heard (or they lead to this computer itself)", note.Reason);
        Assert.Equal(0, peer.Conn.Staging.Count);
    }

    [Fact]
    public async Task Lan_OptionOutOfItsRange_IsToldAtTheStart() =>
        await Assert.ThrowsAnyAsync<ArgumentException>(() => Start(0, options => options with { Lan = new LanOptions { Loopback = true, NormalPort = 70_000 } }));

    [Fact]
    public async Task StagedPeers_MoreThanStrangersMaySend_ReachTheOwnerWhole()
    {
        SsbPeer peer = await Start(0);
        string name = new('x', 2_000);
        for (int i = 0; i < 700; i++)
        {
            using KeyPair keys = KeyPair.Generate();
            peer.Conn.Stage(MultiserverAddress.Parse($"net:10.0.{i / 250}.{i % 250}:8008~shs:{keys.Id.ToBase64()}"), new PeerData { Type = "pub" }.With("name", name));
        }

        await using RpcConnection owner = await OwnerAsync(peer);
        await using RpcSource staged = owner.Source("conn.stagedPeers");
        await using IAsyncEnumerator<RpcValue> states = staged.GetAsyncEnumerator(Token);
        Assert.True(await states.MoveNextAsync());
        Assert.True(states.Current.Bytes.Length > 1024 * 1024);
        Assert.Equal(700, states.Current.AsJson().GetArrayLength());
    }

    [Fact]
    public async Task Connect_ToASocketOfSomebody_LetsHimCallNothing()
    {
        Needs.UnixSockets();
        string path = Path.Combine(_folder, "stranger");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        SsbPeer peer = await Start(0);
        Task<PeerConnection> dialling = peer.Network.ConnectAsync(MultiserverAddress.Parse(SocketFolder.AddressOf(path)), Token);
        await using RpcConnection stranger = RpcConnection.Start(new NetworkStream(await listener.AcceptAsync(Token), ownsSocket: true));
        await dialling.WaitAsync(s_guard, Token);
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => stranger.CallAsync("conn.remember", [Somebody], Token).WaitAsync(s_guard, Token));
        Assert.Equal("method:conn,remember is not in list of allowed methods", e.Message);
        Assert.Equal(0, peer.Conn.Db.Count);
    }

    [Fact]
    public async Task NotifyDownload_OfAConnection_MakesTheSchedulerWait()
    {
        var clock = new FakeTimeProvider();
        SsbPeer bob = await Start(1);
        SsbPeer alice = await Start(0, options => options with { TimeProvider = clock });
        await alice.Conn.ConnectAsync(bob.Addresses[0], cancellationToken: Token);
        alice.Conn.Stage(Somebody, new PeerData { Type = "lan", Verified = true });
        alice.Network.Find(bob.Id)!.NotifyDownload();
        alice.Conn.Start();
        Assert.Equal("The scheduler waits for a download", Outlook());
        clock.Advance(new SchedulerOptions().DownloadPause);
        Assert.NotEqual("The scheduler waits for a download", Outlook());

        string Outlook() => Assert.Single(alice.Conn.Why(Somebody).Routes).Outlook;
    }

    public async ValueTask DisposeAsync()
    {
        await Disposal.AllAsync(_open);
        TestFolder.Delete(_folder);
    }

    private string FolderOf(int number) => Path.Combine(_folder, $"{number}");

    private async Task<SsbPeer> Start(int number, Func<SsbPeerOptions, SsbPeerOptions>? with = null)
    {
        var options = Unhurried.Peer with
        {
            Folder = FolderOf(number),
            Listen = Socket.OSSupportsUnixDomainSockets
                ? ["net:127.0.0.1:0~shs", SocketFolder.AddressIn(Directory.CreateDirectory(FolderOf(number)).FullName)]
                : ["net:127.0.0.1:0~shs"],
            Conn = Unhurried.Conn with { Autostart = false },
        };
        SsbPeer peer = await SsbPeer.StartAsync(with?.Invoke(options) ?? options, Token);
        _open.Insert(0, peer);
        return peer;
    }

    // A program of the peer's own, as the tool is one.
    private async Task<RpcConnection> Control(SsbPeer peer)
    {
        Needs.UnixSockets();
        var keys = KeyPair.Generate();
        PeerNetwork network = PeerNetwork.Open(Unhurried.Network(keys));
        _open.Insert(0, network);
        return (await network.ConnectAsync(peer.Addresses[1], Token)).Rpc;
    }

    // By the unix socket, with the bounds of any client.
    private static async Task<RpcConnection> OwnerAsync(SsbPeer peer)
    {
        Needs.UnixSockets();
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(peer.Addresses[1].Routes[0].Path!), Token); // it has one
        return RpcConnection.Start(new NetworkStream(socket, ownsSocket: true));
    }

    private static async Task<string> Call(RpcConnection control, string name, string? address = null, string? data = null)
    {
        RpcValue[] arguments = address is null ? [] : data is null ? [address] : [address, RpcValue.Json(JsonElement.Parse(data))];
        return (await control.CallAsync(name, arguments, Token).WaitAsync(s_guard, Token)).AsJson().GetRawText();
    }
}
