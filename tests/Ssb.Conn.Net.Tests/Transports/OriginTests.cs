using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Microsoft.Extensions.Logging;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>Web pages that call by WebSocket.</summary>
public sealed class OriginTests : IAsyncDisposable
{
    private static readonly TimeSpan s_guard = TimeSpan.FromSeconds(30);

    private readonly List<PeerNetwork> _networks = [];
    private readonly List<KeyPair> _keys = [];
    private readonly List<Stream> _pages = [];
    private readonly CancellationTokenSource _over = new();
    private readonly List<Task> _accepting = [];
    private readonly Lines _log = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("null"), InlineData("http://evil.example"), InlineData("http://127.0.0.1"), InlineData("http://127.0.0.1:1"), InlineData("http://localhost:1"),
     InlineData("http://evil.example:PORT"), InlineData("http://127.0.0.1:PORT@evil.example"), InlineData("http://127.0.0.1.evil.example:PORT"), InlineData("http://127.0.0.2:PORT"),
     InlineData("file://"), InlineData("moz-extension://1"), InlineData("ws://127.0.0.1:PORT"), InlineData(""), InlineData("http://127.0.0.1:PORT http://evil.example")]
    public async Task Upgrade_ForeignOriginFromThisMachine_IsRefused(string origin)
    {
        PeerNetwork bob = Open();
        string given = origin.Replace("PORT", $"{PortOf(bob)}", StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", await Ask(bob, $"Origin: {given}\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", await Ask(bob, $"Origin: http://127.0.0.1:{PortOf(bob)}\r\nOrigin: {given}\r\n"), StringComparison.Ordinal);
        Assert.Equal(2, bob.Counters.RefusedOrigins);
        Assert.Contains("LocalOrigins", Assert.Single(_log.All), StringComparison.Ordinal); // one line, not one for each
    }

    [Fact]
    public async Task Upgrade_OriginThatSteersATerminal_IsLoggedAsText()
    {
        PeerNetwork bob = Open();
        Assert.StartsWith("HTTP/1.1 403 ", await Ask(bob, "Origin: http://evil\e[2J\rforged.example\r\n"), StringComparison.Ordinal);
        Assert.Contains("http://evil?[2J?forged.example", Assert.Single(_log.All), StringComparison.Ordinal);
        Assert.DoesNotContain(_log.All.Single(), char.IsControl);
    }

    [Theory]
    [InlineData(""), InlineData("Origin: http://127.0.0.1:PORT\r\n"), InlineData("Origin: https://127.0.0.1:PORT\r\n"), InlineData("Origin: http://localhost:PORT\r\n"),
     InlineData("Origin: HTTP://LocalHost:PORT\r\n")]
    public async Task Upgrade_NoOriginOrTheListenersOwn_IsAnswered(string header)
    {
        PeerNetwork bob = Open();
        Assert.StartsWith("HTTP/1.1 101 ", await Ask(bob, header.Replace("PORT", $"{PortOf(bob)}", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Equal(0, bob.Counters.RefusedOrigins);
    }

    [Theory]
    [InlineData("*", "http://evil.example"), InlineData("null", "null"), InlineData("http://localhost:3000", "http://localhost:3000"), InlineData("http://localhost:3000/", "http://LOCALHOST:3000")]
    public async Task Upgrade_OriginThatIsAllowed_IsAnswered(string allowed, string origin)
    {
        PeerNetwork bob = Open(Unhurried.Limits with { LocalOrigins = ["http://other.example", allowed] });
        Assert.StartsWith("HTTP/1.1 101 ", await Ask(bob, $"Origin: {origin}\r\n"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1", true), InlineData("127.0.0.9", "127.0.0.1", true), InlineData("::1", "::1", true), InlineData("::ffff:127.0.0.1", "::ffff:127.0.0.1", true),
     InlineData("192.168.1.4", "192.168.1.4", true), InlineData("::ffff:192.168.1.4", "192.168.1.4", true), InlineData("192.168.1.5", "192.168.1.4", false), InlineData("1.1.1.1", "192.168.1.4", false)]
    public void IsFromThisMachine_ByLoopbackOrOurOwnAddress(string from, string called, bool expected) =>
        Assert.Equal(expected, Origins.IsFromThisMachine(new IPEndPoint(IPAddress.Parse(from), 1), new IPEndPoint(IPAddress.Parse(called), 2)));

    [Fact]
    public async Task Accept_WebPages_DoNotTakeThePlacesOfOthers()
    {
        PeerNetwork bob = Open(Unhurried.Limits with { MaxCallersPerSource = 2, LocalOrigins = ["*"] });
        await Page(bob);
        await Page(bob);
        await Assert.ThrowsAnyAsync<Exception>(() => Page(bob)); // as many pages from here as may be
        Assert.Equal(2, bob.Counters.Callers);
        PeerConnection honest = await Alice().ConnectAsync(bob.Addresses[0], Token).WaitAsync(s_guard, Token);
        await honest.Rpc.GetManifestAsync(Token).WaitAsync(s_guard, Token);
        Assert.Equal((3, 1), (bob.Counters.Callers, bob.Counters.RefusedSource));
    }

    [Fact]
    public async Task Accept_WebPagesBeyondTheirBound_AreRefused_OthersAreNot()
    {
        PeerNetwork bob = Open(Unhurried.Limits with { MaxBrowserCallers = 1, LocalOrigins = ["*"] });
        Stream page = await Page(bob);
        Assert.StartsWith("HTTP/1.1 403 ", await Ask(bob, "Origin: http://evil.example\r\n"), StringComparison.Ordinal);
        Assert.Equal((1, 0), (bob.Counters.RefusedBrowsers, bob.Counters.RefusedOrigins));
        await Alice().ConnectAsync(bob.Addresses[0], Token).WaitAsync(s_guard, Token);
        Patience.Until(() => bob.Counters.Callers == 2); // it knows of her a moment after she knows of it
        await page.DisposeAsync();
        Patience.Until(() => bob.Counters.Callers == 1);
        await Page(bob); // there is a place again
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await Disposal.AllAsync([.. _pages, .. _networks]);
        await Task.WhenAll(_accepting).WaitAsync(s_guard).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _keys.ForEach(k => k.Dispose());
        _over.Dispose();
    }

    private static int PortOf(PeerNetwork network) => network.Addresses[0].Routes[0].Port!.Value; // it has one

    private static async Task<string> Ask(PeerNetwork network, string header)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, PortOf(network), Token);
        string request = $"GET / HTTP/1.1\r\nHost: evil.example:{PortOf(network)}\r\n{header}Upgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request), Token);
        byte[] answer = new byte[1_000];
        int count = await socket.GetStream().ReadAsync(answer, Token).AsTask().WaitAsync(s_guard, Token);
        return Encoding.ASCII.GetString(answer, 0, count);
    }

    // What a page does: it says where it comes from, and then is a peer as any other.
    private async Task<Stream> Page(PeerNetwork network)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Origin", "http://evil.example");
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{PortOf(network)}/"), Token).WaitAsync(s_guard, Token);
        BoxStream stream = await SecretHandshake.ConnectAsync(
            new WebSocketByteStream(socket, new UsefulBytes(TimeProvider.System)), Keys(), network.Addresses[0].FeedId!.Value, cancellationToken: Token).WaitAsync(s_guard, Token);
        _pages.Add(stream);
        RpcConnection rpc = RpcConnection.Start(stream);
        await rpc.GetManifestAsync(Token).WaitAsync(s_guard, Token); // it is in
        return stream;
    }

    private KeyPair Keys()
    {
        var keys = KeyPair.Generate();
        _keys.Add(keys);
        return keys;
    }

    private PeerNetwork Alice() => Track(PeerNetwork.Open(Unhurried.Network(Keys())));

    private PeerNetwork Open(PeerNetworkLimits? limits = null)
    {
        PeerNetwork network = Track(PeerNetwork.Open(Unhurried.Network(Keys()) with { Listen = ["ws:127.0.0.1:0~shs"], Limits = limits ?? Unhurried.Limits, Logger = _log }));
        _accepting.Add(AcceptAsync());
        return network;

        async Task AcceptAsync()
        {
            await foreach (IPeerConnection _ in network.AcceptAsync(_ => true, _over.Token))
            {
                // Held by the network.
            }
        }
    }

    private PeerNetwork Track(PeerNetwork network)
    {
        _networks.Add(network);
        return network;
    }

    private sealed class Lines : ILogger
    {
        public ConcurrentQueue<string> All { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            All.Enqueue(formatter(state, exception));
    }
}
