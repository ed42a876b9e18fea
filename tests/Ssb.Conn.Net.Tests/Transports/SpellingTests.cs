using System.Net;
using System.Net.Sockets;
using System.Text;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>Addresses as others write them: each spelling of an IPv6 host is dialled, our own are written plain, and a transform is what its whole name says.</summary>
public sealed class SpellingTests : IAsyncDisposable
{
    private static readonly TimeSpan s_guard = TimeSpan.FromSeconds(60);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private readonly KeyPair _alice = KeyPair.Generate(), _bob = KeyPair.Generate();
    private readonly List<PeerNetwork> _networks = [];
    private readonly CancellationTokenSource _over = new();
    private readonly List<Task> _accepting = [];

    [Theory]
    [InlineData("net:::1:0~shs", "net:::1:PORT~shs:K")]
    [InlineData("net:!:!:1:0~shs", "net:::1:PORT~shs:K")]
    [InlineData("net:[::1]:0~shs", "net:::1:PORT~shs:K")]
    [InlineData("ws://[::1]:0~shs", "ws://[::1]:PORT~shs:K")]
    [InlineData("ws:::1:0~shs", "ws://[::1]:PORT~shs:K")]
    [InlineData("net:::ffff:127.0.0.1:0~shs", "net:127.0.0.1:PORT~shs:K")]
    public async Task Addresses_AnySpellingToListenAt_AreWrittenPlain(string listen, string expected)
    {
        SkipWithoutIPv6();
        PeerNetwork bob = Open(_bob, listen);
        Task<IPeerConnection> called = Accept(bob);
        MultiserverAddress address = Assert.Single(bob.Addresses);
        int port = address.Routes[0].Port!.Value; // it listens there
        Assert.Equal(At(expected, port, _bob), address.Text);

        PeerConnection connection = await Open(_alice).ConnectAsync(address, Token).WaitAsync(s_guard, Token);
        Assert.Equal(_bob.Id, connection.FeedId);
        MultiserverAddress caller = (await called.WaitAsync(s_guard, Token)).Address; // where the call came from
        Assert.Equal(At(expected, caller.Routes[0].Port!.Value, _alice), caller.Text);
    }

    [Theory]
    [InlineData("net:::1:PORT~shs:K")]
    [InlineData("net:!:!:1:PORT~shs:K")]
    [InlineData("net:0!:0!:0!:0!:0!:0!:0!:1:PORT~shs:K")]
    [InlineData("net:::ffff:127.0.0.1:PORT~shs:K")]
    [InlineData("net:!:!:ffff!:127.0.0.1:PORT~shs:K")]
    [InlineData("net:[::ffff:127.0.0.1]:PORT~shs:K")]
    [InlineData("net:::ffff:7f00:1:PORT~shs:K")]
    [InlineData("net:localhost:PORT~shs:K")]
    [InlineData("net::PORT~shs:K")]
    public async Task Connect_AnySpellingOfAHost_Works(string text)
    {
        SkipWithoutIPv6();
        PeerNetwork bob = Open(_bob, "net:::1:0~shs", "net:127.0.0.1:0~shs");
        _ = Accept(bob);
        int i = text.Contains("ffff", StringComparison.Ordinal) || !text.Contains("1:PORT", StringComparison.Ordinal) ? 1 : 0; // does it lead to 127.0.0.1?
        await ConnectsAsync(At(text, bob.Addresses[i].Routes[0].Port!.Value, _bob));
    }

    [Theory]
    [InlineData("ws://[::1]:PORT~shs:K")]
    [InlineData("ws://[!:!:1]:PORT~shs:K")]
    [InlineData("ws:[::1]:PORT~shs:K")]
    [InlineData("ws:::1:PORT~shs:K")]
    [InlineData("ws://[::1]:PORT/path~shs:K")]
    [InlineData("ws://[::1]:PORT?query~shs:K")]
    [InlineData("ws://user:word@[::1]:PORT/path?query~shs:K")]
    public async Task Connect_AnySpellingOfAWebSocket_Works(string text)
    {
        SkipWithoutIPv6();
        PeerNetwork bob = Open(_bob, "ws:::1:0~shs");
        _ = Accept(bob);
        await ConnectsAsync(At(text, bob.Addresses[0].Routes[0].Port!.Value, _bob));
    }

    [Fact]
    public async Task Connect_MappedIPv4_NeedsNoIPv6Socket()
    {
        // A listener of IPv4 alone, as on a host where IPv6 is switched off.
        PeerNetwork bob = Open(_bob, "net:127.0.0.1:0~shs", "ws:127.0.0.1:0~shs");
        _ = Accept(bob);
        await ConnectsAsync(At("net:::ffff:127.0.0.1:PORT~shs:K", bob.Addresses[0].Routes[0].Port!.Value, _bob));
        await ConnectsAsync(At("ws://[::ffff:127.0.0.1]:PORT~shs:K", bob.Addresses[1].Routes[0].Port!.Value, _bob));
    }

    [Fact]
    public async Task Connect_WebSocketUserAndPath_AreSentAsJavaScriptDoes()
    {
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        string text = At("ws://us%2Der:wo%3Ard@127.0.0.1:PORT/a/b?c=d~shs:K", ((IPEndPoint)server.LocalEndpoint).Port, _bob);
        Task<PeerConnection> dialling = Open(_alice).ConnectAsync(MultiserverAddress.Parse(text), Token);
        using (TcpClient called = await server.AcceptTcpClientAsync(Token).AsTask().WaitAsync(s_guard, Token))
        {
            using var reader = new StreamReader(called.GetStream(), Encoding.ASCII);
            var request = new List<string>();
            while (await reader.ReadLineAsync(Token).AsTask().WaitAsync(s_guard, Token) is { Length: > 0 } line)
                request.Add(line);
            Assert.Equal("GET /a/b?c=d HTTP/1.1", request[0]);
            await called.GetStream().WriteAsync("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), Token);
            Assert.Contains($"Authorization: Basic {Convert.ToBase64String("us-er:wo:rd"u8)}", request);
        }

        await Assert.ThrowsAsync<ConnectFailedException>(() => dialling.WaitAsync(s_guard, Token));
    }

    [Theory]
    [InlineData("~shs2:K", "shs2")]
    [InlineData("~shs-:K", "shs-")]
    [InlineData("~shsx:K", "shsx")]
    [InlineData("~foo:K", "foo")]
    [InlineData("~foo~shs:K", "foo~shs")]
    [InlineData("~shs:K~bar", "shs~bar")]
    [InlineData("~shs:K~shs:K", "shs~shs")]
    [InlineData("~shs2:K~shs:K", "shs2~shs")]
    [InlineData("~noauth~shs:K", "noauth~shs")]
    [InlineData("~noauth", "noauth")]
    [InlineData("", "~shs:KEY")]
    public async Task Connect_UnknownTransform_FailsBeforeItDials(string transforms, string named)
    {
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        string text = At("net:127.0.0.1:PORT" + transforms, ((IPEndPoint)server.LocalEndpoint).Port, _bob);
        PeerNetwork alice = Open(_alice);
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() =>
            alice.ConnectAsync(MultiserverAddress.Parse(text), Token).WaitAsync(s_guard, Token));
        Assert.Contains(named, e.Message, StringComparison.Ordinal);
        Assert.False(server.Pending());
        Assert.Equal(1, alice.Counters.RefusedRoutes);
    }

    [Fact]
    public async Task Connect_UnknownTransformFirst_TakesTheRouteThatIsKnown()
    {
        PeerNetwork bob = Open(_bob, "net:127.0.0.1:0~shs");
        _ = Accept(bob);
        await ConnectsAsync(At("net:127.0.0.1:PORT~shs2:K;net:127.0.0.1:PORT~shs:K", bob.Addresses[0].Routes[0].Port!.Value, _bob));
    }

    [Theory]
    [InlineData("net:127.0.0.1:PORT~shs2:A;net:127.0.0.1:PORT~shs:K")]
    [InlineData("net:127.0.0.1:PORT~shs2:none;net:127.0.0.1:PORT~shs:K")]
    public async Task Connect_RouteToAnotherThanTheIdentity_IsNotDialled(string text)
    {
        // Whether a peer is blocked is decided by the address's identity, which is read from any name that begins with "shs".
        PeerNetwork bob = Open(_bob, "net:127.0.0.1:0~shs");
        _ = Accept(bob);
        text = At(text, bob.Addresses[0].Routes[0].Port!.Value, _bob).Replace("shs2:A", $"shs2:{_alice.Id.ToBase64()}", StringComparison.Ordinal);
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() =>
            Open(_alice).ConnectAsync(MultiserverAddress.Parse(text), Token).WaitAsync(s_guard, Token));
        Assert.Contains("another identity", e.Message, StringComparison.Ordinal);
        Assert.Equal(0, bob.Counters.Accepted);
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await Disposal.AllAsync(_networks);
        await Disposal.RunAsync(() => Task.WhenAll(_accepting).WaitAsync(s_guard));
        _alice.Dispose();
        _bob.Dispose();
        _over.Dispose();
    }

    private static void SkipWithoutIPv6()
    {
        if (!Socket.OSSupportsIPv6)
            Assert.Skip("IPv6 is switched off on this host.");
    }

    private static string At(string text, int port, KeyPair who) => text
        .Replace("PORT", $"{port}", StringComparison.Ordinal).Replace(":K", ":" + who.Id.ToBase64(), StringComparison.Ordinal);

    private async Task ConnectsAsync(string text)
    {
        PeerConnection connection = await Open(_alice).ConnectAsync(MultiserverAddress.Parse(text), Token).WaitAsync(s_guard, Token);
        Assert.Equal(_bob.Id, connection.FeedId);
        Assert.Equal(text, connection.Address.Text);
    }

    private PeerNetwork Open(KeyPair keys, params string[] listen)
    {
        PeerNetwork network = PeerNetwork.Open(Unhurried.Network(keys) with { Listen = listen });
        _networks.Add(network);
        return network;
    }

    // The first that calls; all others are let in too.
    private Task<IPeerConnection> Accept(PeerNetwork network)
    {
        var first = new TaskCompletionSource<IPeerConnection>(TaskCreationOptions.RunContinuationsAsynchronously);
        _accepting.Add(AcceptAll());
        return first.Task;

        async Task AcceptAll()
        {
            try
            {
                await foreach (IPeerConnection caller in network.AcceptAsync(_ => true, _over.Token))
                    first.TrySetResult(caller);
            }
            catch (OperationCanceledException)
            {
                // The test is over.
            }
        }
    }
}
