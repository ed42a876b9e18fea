using System.Net;
using System.Net.Sockets;
using System.Text;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>Dialling <c>onion</c> through a proxy on loopback that answers what the test says, byte by byte.</summary>
public sealed class OnionTests : IAsyncDisposable
{
    private const string Host = "abcdefghijklmnop.onion";

    private static readonly TimeSpan s_guard = Patience.Guard;

    private readonly KeyPair _alice = KeyPair.Generate(), _bob = KeyPair.Generate();
    private readonly TcpListener _proxy = new(IPAddress.Loopback, 0);
    private readonly List<PeerNetwork> _networks = [];
    private readonly CancellationTokenSource _over = new();
    private readonly List<Task> _running = [];
    private readonly List<byte> _asked = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private MultiserverAddress Address => MultiserverAddress.Parse($"onion:{Host}:8008~shs:{_bob.Id.ToBase64()}");

    public static TheoryData<byte[]> Addresses => new([0, 1, 127, 0, 0, 1, 0, 80], [0, 4, .. new byte[16], 0, 80], [0, 3, 2, (byte)'a', (byte)'b', 0, 80]);

    [Theory]
    [MemberData(nameof(Addresses))]
    public async Task Connect_ProxyAgrees_TalksToThePeer(byte[] address)
    {
        PeerNetwork bob = Open(Unhurried.Network(_bob) with { Listen = ["net:127.0.0.1:0~shs"] });
        _running.Add(AcceptAsync(bob));
        PeerNetwork alice = Behind(async stream =>
        {
            await Answer(stream, 3, [5, 0]);
            await Answer(stream, 7 + Host.Length, [5, 0, .. address]);
            using var peer = new TcpClient();
            await peer.ConnectAsync(IPAddress.Loopback, bob.Addresses[0].Routes[0].Port!.Value, _over.Token);
            await Task.WhenAny(stream.CopyToAsync(peer.GetStream(), _over.Token), peer.GetStream().CopyToAsync(stream, _over.Token));
        });
        PeerConnection connection = await alice.ConnectAsync(Address, Token).WaitAsync(s_guard, Token);
        Assert.Equal(_bob.Id, connection.FeedId);
        await connection.Rpc.CallAsync("manifest", cancellationToken: Token).WaitAsync(s_guard, Token);
        Assert.Equal([5, 1, 0, 5, 1, 0, 3, (byte)Host.Length, .. Encoding.ASCII.GetBytes(Host), 8008 >> 8, 8008 & 0xff], _asked); // the proxy resolves the name
    }

    [Theory]
    [InlineData(1, "it failed"), InlineData(2, "it is not allowed"), InlineData(4, "the host is unreachable"), InlineData(5, "the connection was refused"), InlineData(99, "the reason 99")]
    public async Task Connect_ProxyRefuses_SaysWhy(byte code, string why)
    {
        ConnectFailedException e = await Fails(async stream =>
        {
            await Answer(stream, 3, [5, 0]);
            await Answer(stream, 7 + Host.Length, [5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
        });
        Assert.Contains(why, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HTTP/1.1 400", "does not speak SOCKS 5"), InlineData("\u0005\u00ff", "wants a password"), InlineData("", "")]
    public async Task Connect_NoSuchProxy_SaysSo(string answer, string why) =>
        Assert.Contains(why, (await Fails(stream => Answer(stream, 3, Encoding.Latin1.GetBytes(answer)))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(new byte[] { 4, 0, 0, 1, 0 }, "does not speak SOCKS 5"), InlineData(new byte[] { 5, 0, 0, 9, 0 }, "of a kind"), InlineData(new byte[] { 5, 0, 0, 1, 0 }, "")]
    public async Task Connect_ProxyAnswersGarbage_Fails(byte[] answer, string why)
    {
        ConnectFailedException e = await Fails(async stream =>
        {
            await Answer(stream, 3, [5, 0]);
            await Answer(stream, 7 + Host.Length, answer);
        });
        Assert.Contains(why, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_ProxyIsSilent_EndsWithTheDial()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        PeerNetwork alice = Behind(async stream =>
        {
            await Answer(stream, 3, []);
            asked.SetResult();
            Assert.Equal(0, await stream.ReadAsync(new byte[1], _over.Token)); // it hung up
        });
        using var dial = new CancellationTokenSource();
        Task<PeerConnection> connecting = alice.ConnectAsync(Address, dial.Token);
        await asked.Task.WaitAsync(s_guard, Token);
        Assert.False(connecting.IsCompleted);
        await dial.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting.WaitAsync(s_guard, Token));
        await _running[0].WaitAsync(s_guard, Token);
    }

    [Fact]
    public async Task Connect_NobodyIsTheProxy_Fails()
    {
        _proxy.Start();
        var nowhere = (IPEndPoint)_proxy.LocalEndpoint;
        _proxy.Stop();
        PeerNetwork alice = Open(Unhurried.Network(_alice) with { SocksProxy = nowhere });
        await Assert.ThrowsAsync<ConnectFailedException>(() => alice.ConnectAsync(Address, Token).WaitAsync(s_guard, Token));
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        _proxy.Stop();
        await Disposal.AllAsync(_networks);
        await Task.WhenAll(_running).WaitAsync(s_guard).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _alice.Dispose();
        _bob.Dispose();
        _over.Dispose();
    }

    private async Task<ConnectFailedException> Fails(Func<NetworkStream, Task> proxy) =>
        await Assert.ThrowsAsync<ConnectFailedException>(() => Behind(proxy).ConnectAsync(Address, Token).WaitAsync(s_guard, Token));

    private PeerNetwork Open(PeerNetworkOptions options)
    {
        PeerNetwork network = PeerNetwork.Open(options);
        _networks.Add(network);
        return network;
    }

    private PeerNetwork Behind(Func<NetworkStream, Task> proxy)
    {
        _proxy.Start();
        _running.Add(ServeAsync());
        return Open(Unhurried.Network(_alice) with { SocksProxy = _proxy.LocalEndpoint });

        async Task ServeAsync()
        {
            using TcpClient caller = await _proxy.AcceptTcpClientAsync(_over.Token);
            await proxy(caller.GetStream());
        }
    }

    private async Task Answer(NetworkStream stream, int read, byte[] answer)
    {
        var asked = new byte[read];
        await stream.ReadExactlyAsync(asked, _over.Token);
        _asked.AddRange(asked);
        await stream.WriteAsync(answer, _over.Token);
    }

    private async Task AcceptAsync(PeerNetwork network)
    {
        await foreach (IPeerConnection caller in network.AcceptAsync(_ => true, _over.Token))
            Assert.Equal(_alice.Id, caller.FeedId);
    }
}
