using System.Net;
using System.Net.Sockets;
using System.Text;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Hostile;

/// <summary>Peers that we dial by WebSocket, and that send without end what nobody above the WebSocket sees.</summary>
[Collection(nameof(Alone))]
public sealed class PongTests : IAsyncDisposable
{
    private const int Most = 64 * 1024 * 1024; // that they send, if nobody stops them

    private static readonly TimeSpan s_guard = TimeSpan.FromSeconds(60);


    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly KeyPair _alice = KeyPair.Generate(), _bob = KeyPair.Generate();
    private readonly List<PeerNetwork> _networks = [];
    private readonly CancellationTokenSource _over = new();
    private readonly List<Task> _running = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("pongs"), InlineData("pings"), InlineData("empty messages"), InlineData("empty parts"), InlineData("HTTP answers"), InlineData("a header without end")]
    public async Task Connect_PeerSendsNothingOfUse_IsGivenUp(string what)
    {
        _listener.Start();
        Task<long> sending = SendAsync(what);
        PeerNetwork alice = Open(Unhurried.Network(_alice));
        await Assert.ThrowsAsync<ConnectFailedException>(() => alice.ConnectAsync(At(_listener), Token).WaitAsync(s_guard, Token));
        Assert.InRange(await sending.WaitAsync(s_guard, Token), 1, Most - 1);
        if (what is not ("HTTP answers" or "a header without end")) // these the HTTP client may refuse itself
            Assert.Equal(1, alice.Counters.CutOffAsUseless);
    }

    [Fact]
    public void UsefulBytes_NoBound_TakesAnything()
    {
        var useful = new UsefulBytes(new Microsoft.Extensions.Time.Testing.FakeTimeProvider(), int.MaxValue);
        for (int i = 0; i < 3; i++)
            useful.Came(int.MaxValue);
    }

    [Fact]
    public void UsefulBytes_AnotherAllowance_IsTheBoundAndCountedOnce()
    {
        int exceeded = 0;
        var useful = new UsefulBytes(new Microsoft.Extensions.Time.Testing.FakeTimeProvider(), 10, () => exceeded++);
        useful.Came(10);
        useful.WereUseful(1);
        useful.Came(5);
        Assert.Throws<IOException>(() => useful.Came(1));
        Assert.Throws<IOException>(() => useful.Came(1));
        Assert.Equal(1, exceeded);
    }

    [Fact]
    public async Task Connected_PeerSendsPongsWithoutEnd_IsCutOff()
    {
        PeerNetwork bob = Open(Unhurried.Network(_bob) with { Listen = ["ws:127.0.0.1:0~shs"] });
        _running.Add(AcceptAsync(bob));
        _listener.Start();
        var pongs = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _running.Add(ForwardAsync(bob.Addresses[0].Routes[0].Port!.Value, pongs.Task)); // it has one
        PeerNetwork alice = Open(Unhurried.Network(_alice));
        var told = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        alice.CutOff = (_, why) => told.TrySetResult(why);
        PeerConnection connection = await alice.ConnectAsync(At(_listener), Token).WaitAsync(s_guard, Token);
        await connection.Rpc.GetManifestAsync(Token).WaitAsync(s_guard, Token);
        Assert.False(connection.Closed.IsCompleted);
        pongs.SetResult();
        await connection.Closed.WaitAsync(s_guard, Token);
        RpcEnd end = await connection.Rpc.Completion;
        Assert.Equal(RpcEndReason.Lost, end.Reason);
        Assert.Contains("bytes that carry nothing, such as pongs", await told.Task.WaitAsync(s_guard, Token), StringComparison.Ordinal);
        Assert.Equal(1, alice.Counters.CutOffAsUseless);
    }

    [Fact]
    public void UsefulBytes_HonestOverhead_IsNeverTooMuch()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(); // not even time helps
        var useful = new UsefulBytes(clock);
        useful.Came(60_000); // TLS, HTTP
        for (int i = 0; i < 1_000_000; i++)
        {
            useful.Came(34 + 14 + 29); // a header of a box stream in a message in a TLS record
            useful.WereUseful(34);
        }

        for (int hour = 0; hour < 24 * 365; hour++) // idle, but for a ping of the server every second
        {
            clock.Advance(TimeSpan.FromHours(1));
            useful.Came(3_600 * 31);
        }
    }

    [Fact]
    public void UsefulBytes_NothingOfUse_IsTooMuchAfterTheAllowance()
    {
        var useful = new UsefulBytes(new Microsoft.Extensions.Time.Testing.FakeTimeProvider());
        int came = 0;
        Assert.Throws<IOException>(() =>
        {
            for (; came < Most; came += 1_000)
                useful.Came(1_000);
        });
        Assert.InRange(came, UsefulBytes.Allowance - 1_000, UsefulBytes.Allowance);
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        _listener.Dispose();
        await Disposal.AllAsync(_networks);
        await Task.WhenAll(_running).WaitAsync(s_guard).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _alice.Dispose();
        _bob.Dispose();
        _over.Dispose();
    }

    private MultiserverAddress At(TcpListener listener) => MultiserverAddress.Parse($"ws://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}~shs:{_bob.Id.ToBase64()}");

    private PeerNetwork Open(PeerNetworkOptions options)
    {
        PeerNetwork network = PeerNetwork.Open(options);
        _networks.Add(network);
        return network;
    }

    private async Task AcceptAsync(PeerNetwork network)
    {
        await foreach (IPeerConnection _ in network.AcceptAsync(_ => true, _over.Token))
        {
            // Held by the network.
        }
    }

    /// <returns>How many bytes were sent before the other hung up.</returns>
    private async Task<long> SendAsync(string what)
    {
        using TcpClient caller = await _listener.AcceptTcpClientAsync(_over.Token);
        NetworkStream stream = caller.GetStream();
        string request = "";
        byte[] buffer = new byte[4_096];
        while (!request.Contains("\r\n\r\n", StringComparison.Ordinal))
            request += Encoding.ASCII.GetString(buffer, 0, await stream.ReadAsync(buffer, _over.Token));
        if (what is not ("HTTP answers" or "a header without end"))
            await stream.WriteAsync(Encoding.ASCII.GetBytes(AnswerTo(request)), _over.Token);
        // Each ping is answered. A peer that does not read the answers stops us from reading its pings, and the deadline ends that; this one reads.
        _running.Add(stream.CopyToAsync(Stream.Null, _over.Token));
        byte[] piece = what switch
        {
            "pongs" => [0x8A, 0],
            "pings" => [0x89, 0],
            "empty messages" => [0x82, 0],
            "empty parts" => [0x00, 0],
            "HTTP answers" => Encoding.ASCII.GetBytes("HTTP/1.1 102 Processing\r\n\r\n"),
            _ => Encoding.ASCII.GetBytes("HTTP/1.1 101 Switching Protocols\r\nX: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"),
        };
        byte[] pieces = [.. Enumerable.Repeat(piece, 10_000).SelectMany(p => p)];
        if (what == "empty parts")
            await stream.WriteAsync(new byte[] { 0x02, 0 }, _over.Token); // the beginning of a message
        long sent = 0;
        try
        {
            for (; sent < Most; sent += pieces.Length)
                await stream.WriteAsync(pieces, _over.Token);
        }
        catch (IOException)
        {
            // It hung up.
        }

        return sent;
    }

    // What goes to the one who dialled is whole messages, and between them pongs have a place.
    private async Task ForwardAsync(int port, Task pongs)
    {
        using TcpClient caller = await _listener.AcceptTcpClientAsync(_over.Token);
        using var peer = new TcpClient();
        await peer.ConnectAsync(IPAddress.Loopback, port, _over.Token);
        NetworkStream near = caller.GetStream(), far = peer.GetStream();
        Task there = near.CopyToAsync(far, _over.Token);
        Task back = far.CopyToAsync(near, _over.Token);
        await pongs.WaitAsync(_over.Token);
        await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, _over.Token); // what is under way arrives
        byte[] many = [.. Enumerable.Repeat((byte[])[0x8A, 0], 10_000).SelectMany(p => p)];
        for (long sent = 0; sent < Most; sent += many.Length)
            await near.WriteAsync(many, _over.Token);
        await Task.WhenAll(there, back);
    }

    private static string AnswerTo(string request)
    {
        string key = request.Split("\r\n").Single(l => l.StartsWith("Sec-WebSocket-Key:", StringComparison.OrdinalIgnoreCase))[18..].Trim();
#pragma warning disable CA5350 // the protocol asks for it
        string accept = Convert.ToBase64String(System.Security.Cryptography.SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350
        return $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n";
    }
}
