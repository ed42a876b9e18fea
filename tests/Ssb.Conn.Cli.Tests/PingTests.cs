using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Ssb.Conn.Cli.Pinging;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Tests;

/// <summary><c>ping</c> against peers, and what is none, in this process; its clock stands, so that it shows no times.</summary>
public class PingTests
{
    private const string Other = "pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";

    [Fact]
    public async Task Ping_PeerThatIsThere_GoesAllTheWay()
    {
        await using var peer = new PeerStandIn();
        (int code, string output, string error) = await PingAsync(peer.Address);

        Assert.Equal((0, ""), (code, error));
        string[] lines = output.Split('\n');
        Assert.Equal(peer.Address, lines[0]);
        Assert.Equal($"  address    ok                 {peer.Keys.Id}", lines[1]);
        Assert.Equal($"  tcp        ok                 connected to 127.0.0.1:{peer.Port}", lines[2]);
        Assert.Equal("  handshake  ok                 it holds that key; we came as somebody made up for this", lines[3]);
        Assert.Matches(@"^  muxrpc     ok                 a manifest of \d+ procedures, CONN of Ssb.Conn$", lines[4]);
        Assert.Matches(@"^  ping       ok                 round trip [\d,.]+ ms, clocks agree$", lines[5]);
        Assert.Equal("It works.", lines[6]);
    }

    [Fact]
    public async Task Ping_AsJson_IsOneLineForEachRoute()
    {
        await using var peer = new PeerStandIn(ours: false);
        peer.ListenOnSocket();
        (int code, string output, _) = await PingAsync(
            $"net:127.0.0.1:{ClosedPort()}~shs:{Other};{SocketFolder.AddressIn(peer.Folder)}", "--json", "--secret", Path.Combine(peer.Folder, "secret"));

        Assert.Equal(0, code); // one of them works
        JsonElement[] routes = [.. output.TrimEnd().Split('\n').Select(line => JsonElement.Parse(line))];
        Assert.Equal([false, true], routes.Select(route => route.GetProperty("works").GetBoolean()));
        Assert.Equal(["address ok", "tcp failed"], Steps(routes[0]));
        Assert.Equal(["address ok", "unix ok", "handshake ok", "muxrpc ok", "ping ok"], Steps(routes[1]));
        Assert.Equal(SocketFolder.AddressIn(peer.Folder), routes[1].GetProperty("route").GetString());
    }

    [Theory]
    [InlineData("nonsense!", "address", "Not a multiserver address: U+0021 stands at character 9 of 9", "net:192.168.1.4:8008~shs:KEY")]
    [InlineData("net:h:99999~shs:" + Other, "address", "port", "net:192.168.1.4:8008~shs:KEY")]
    [InlineData("net:127.0.0.1:8008", "address", "names no key", "net:192.168.1.4:8008~shs:KEY")]
    [InlineData("net:elsewhere.example:8008~shs:" + Other, "name", "there is no such name", "spelled right")]
    [InlineData("bt:00.11~shs:" + Other, "bt", "no transport that can be dialled", "")]
    public async Task Ping_AddressThatLeadsNowhere_SaysWhereItStops(string address, params string[] expected)
    {
        (int code, string output, string error) = await PingAsync(address);

        Assert.Equal((1, ""), (code, error));
        string verdict = output.TrimEnd().Split('\n')[^1];
        Assert.StartsWith($"It stops at {expected[0]}: ", verdict, StringComparison.Ordinal);
        Assert.All(expected[1..], word => Assert.Contains(word, verdict, StringComparison.Ordinal));
        Assert.Contains("FAILED", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(SocketError.TryAgain), InlineData(SocketError.NoRecovery)]
    public async Task Ping_ResolverIsDead_SaysSoAndNotThatThereIsNoName(SocketError error)
    {
        var command = new PingCommand(new FakeTimeProvider(), (_, _) => throw new SocketException((int)error));
        (int code, string output, _) = await Cli.RunAsync([command], "ping", $"net:pub.example:8008~shs:{Other}");

        Assert.Equal(1, code);
        Assert.Contains("the name server (DNS) of this computer does not answer", output, StringComparison.Ordinal);
        Assert.DoesNotContain("no such name", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ping_NobodyListens_StopsAtTcp() =>
        Assert.Equal("It stops at tcp: refused: nobody listens there. Is the peer running, does it listen there, and does no firewall stand between?",
            await VerdictAsync($"net:127.0.0.1:{ClosedPort()}~shs:{Other}"));

    [Fact]
    public async Task Ping_SocketThatIsNotThere_StopsAtUnix() =>
        Assert.StartsWith("It stops at unix: ", await VerdictAsync("unix:/nonesuch/socket~noauth"), StringComparison.Ordinal);

    [Fact]
    public async Task Ping_AnotherNetwork_StopsAtTheHandshake()
    {
        NetworkKey network = NetworkKey.Generate();
        await using var peer = new PeerStandIn(network: network);

        Assert.Equal("It stops at handshake: it hung up on our hello: it is of another network, is full, or is no SSB peer. Name its network with --network-key, or try again in a while.", await VerdictAsync(peer.Address));
        Assert.Equal("It works.", await VerdictAsync(peer.Address, "--network-key", network.ToBase64()));
    }

    [Fact]
    public async Task Ping_AnothersKey_StopsAtTheHandshake()
    {
        await using var peer = new PeerStandIn();
        string verdict = await VerdictAsync($"net:127.0.0.1:{peer.Port}~shs:{Other}");

        Assert.StartsWith("It stops at handshake: it hung up on our proof: it does not want us, or does not hold the key in the address.", verdict, StringComparison.Ordinal);
        Assert.Contains("--secret FILE", verdict, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ping_KeyThatNobodyCanHold_SaysSo()
    {
        string verdict = await VerdictAsync($"net:127.0.0.1:{await SilentPortAsync()}~shs:{Convert.ToBase64String(new byte[32])}");
        Assert.StartsWith("It stops at address: its key @AAAA", verdict, StringComparison.Ordinal);
        Assert.Contains("is mistyped: nobody can hold it", verdict, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ws", "what listens there speaks no WebSocket|was broken off"), InlineData("wss", "speaks no TLS|was broken off")] // or, where what we sent was not read, a reset
    public async Task Ping_WebSocketAtAPortThatHasNone_SaysThat(string transport, string words)
    {
        await using var peer = new PeerStandIn();
        string verdict = await VerdictAsync($"{transport}://127.0.0.1:{peer.Port}~shs:{peer.Keys.Id.ToBase64()}");
        Assert.Matches(words, verdict);
        Assert.DoesNotContain("Unable to connect to the remote server", verdict, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ping_AnInviteOfARoomOfTheFirstKind_Works_SinceThereIsNothingToRedeem()
    {
        await using var peer = new PeerStandIn();
        string invite = $"{peer.Address}:SSB+Room+PSK3TLYC2T86EHQCUHBUHASCASE18JBV24=";
        (int code, string output, _) = await PingAsync(invite);
        Assert.Equal(0, code);
        Assert.EndsWith("It works.\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain("guest", output, StringComparison.Ordinal);
        (_, string json, _) = await PingAsync(invite, "--json");
        Assert.Equal(JsonValueKind.True, JsonElement.Parse(json).GetProperty("works").ValueKind);
    }

    [Fact]
    public async Task Ping_AnInvite_GoesAsItsGuestAndMasksTheSeed()
    {
        await using var peer = new PeerStandIn();
        byte[] seed = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];
        string secret = Convert.ToBase64String(seed);
        (int code, string output, _) = await PingAsync($"{peer.Address}:{secret}");
        (_, string json, _) = await PingAsync($"{peer.Address}:{secret}", "--json");

        Assert.Equal(0, code);
        Assert.Contains("we came as the guest of the invite", output, StringComparison.Ordinal);
        Assert.EndsWith("The peer is reachable. Whether the invite is good, only redeeming it shows.\n", output, StringComparison.Ordinal); // nobody knows this seed
        Assert.DoesNotContain("It works", output, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, JsonElement.Parse(json).GetProperty("works").ValueKind);
        Assert.DoesNotContain(secret, output + json, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ping_PeerThatLetsUsCallNothing_WorksWithoutMuxrpcAndPing()
    {
        await using var peer = new PeerStandIn(strangers: new RpcPermissions(allow: []));
        (int code, string output, _) = await PingAsync(peer.Address, "--json");
        JsonElement route = JsonElement.Parse(output);
        Assert.Equal((0, true), (code, route.GetProperty("works").GetBoolean()));
        Assert.Equal(["address ok", "tcp ok", "handshake ok", "muxrpc absent", "ping absent"], Steps(route));
        Assert.Equal("it does not tell what it can do: method:manifest is not in list of allowed methods", route.GetProperty("steps")[3].GetProperty("detail").GetString());
        Assert.Equal("It works.", await VerdictAsync(peer.Address));
    }

    [Fact]
    public async Task Ping_PeerThatLetsNobodyReadItsManifest_IsPingedAllTheSame()
    {
        await using var peer = new PeerStandIn(strangers: new RpcPermissions(allow: ["gossip.ping"]));
        (_, string output, _) = await PingAsync(peer.Address, "--json");
        Assert.Equal(["address ok", "tcp ok", "handshake ok", "muxrpc absent", "ping ok"], Steps(JsonElement.Parse(output)));
    }

    /// <summary>Every transport, and what the system says of it: what is told, what is advised, and what is not.</summary>
    [Theory]
    [InlineData("unix:/nonesuch/socket~noauth", "It stops at unix: there is no such socket file. Is the peer running, and is that its folder? It makes the file when it starts.")]
    [InlineData("unix:FILE~noauth", "It stops at unix: there is a file in the place of a socket file. Is the peer running")]
    [InlineData("unix:FILE/x~noauth", "It stops at unix: there is no such socket file. ")]
    [InlineData("unix:FOLDER~noauth", "It stops at unix: there is a folder in the place of a socket file. ")]
    [InlineData("unix:LEFT~noauth", "It stops at unix: refused: the socket file is there, and nobody listens at it")]
    [InlineData("net:fe80::1:8008~shs:" + Other, "It stops at tcp: an address that begins with fe80 is one of the network at one card: which network card? Write fe80::1%eth0")]
    [InlineData("net:fe80::1%nonesuch:8008~shs:" + Other, "It stops at tcp: this computer has no network card called 'nonesuch'. ")]
    [InlineData("ws://[fe80::1]:8008~shs:" + Other, "It stops at ws: an address that begins with fe80 is one of the network at one card")]
    [InlineData("ws:127.0.0.1:PORT~shs:" + Other, "It stops at ws: refused: nobody listens there. Is the peer running, does it listen there, and does no firewall")]
    [InlineData("onion:abcdefghijklmnop.onion:8008~shs:" + Other, "It stops at onion: Tor is not running here: nobody listens at 127.0.0.1:9050, where its SOCKS proxy should be. Start Tor; ")]
    [InlineData("tunnel:@" + Other + ".ed25519:@" + Other + ".ed25519~shs:" + Other, "It stops at tunnel: a tunnel leads through a room, and only a peer that is in the room can open it. Ask a running peer that is in the room: ssb-conn connect ")]
    [InlineData("bt:00.11~shs:" + Other, "It stops at bt: 'bt' is no transport that can be dialled here. Routes that can be tried here are net, ws, wss, onion and unix.")]
    [InlineData("net:elsewhere.example:8008~shs:" + Other, "It stops at name: there is no such name. Is it spelled right")]
    [InlineData("net:127.0.0.1:8008~shs:" + Other + ":c2VlZA==", "It stops at address: the seed of the invite is not 32 bytes in base64")]
    public async Task Ping_EachTransport_SaysWhatIsWrongThere(string address, string verdict)
    {
        string folder = SocketFolder.Create("ssb-conn-test");
        try
        {
            if (address.StartsWith("unix", StringComparison.Ordinal))
                Needs.UnixSockets();
            string file = Path.Combine(folder, "file"), left = Path.Combine(folder, "left");
            await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
            if (address.Contains("LEFT", StringComparison.Ordinal))
            {
                using var dead = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                dead.Bind(new UnixDomainSocketEndPoint(left + "0"));
                File.Move(left + "0", left); // what is not where it was bound is not removed when it ends
            }

            Assert.SkipWhen(address.StartsWith("onion", StringComparison.Ordinal) && await IsTorThereAsync(), "Somebody on this computer listens at 127.0.0.1:9050.");
            string typed = address.Replace("FILE", file, StringComparison.Ordinal).Replace("FOLDER", folder, StringComparison.Ordinal)
                .Replace("LEFT", left, StringComparison.Ordinal).Replace("PORT", $"{ClosedPort()}", StringComparison.Ordinal);
            string said = await VerdictAsync(typed);
            Assert.StartsWith(verdict, said, StringComparison.Ordinal);
            bool isTcp = address.StartsWith("net:", StringComparison.Ordinal) || address.StartsWith("ws:", StringComparison.Ordinal);
            Assert.Equal(isTcp && said.Contains("refused", StringComparison.Ordinal), said.Contains("firewall", StringComparison.Ordinal));
        }
        finally
        {
            TestFolder.Delete(folder);
        }

        static async Task<bool> IsTorThereAsync()
        {
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync(IPAddress.Loopback, 9050, TestContext.Current.CancellationToken);
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task Ping_SsbUriOfAnAddress_GoesThere()
    {
        await using var peer = new PeerStandIn();
        (int code, string output, _) = await PingAsync($"ssb:address/multiserver?multiserverAddress={Uri.EscapeDataString(peer.Address)}");
        Assert.Equal((0, peer.Address), (code, output.Split('\n')[0]));
    }

    [Fact]
    public async Task Ping_PeerThatDoesNotLetUsPing_WorksAllTheSame()
    {
        await using var peer = new PeerStandIn(strangers: new RpcPermissions(allow: ["manifest"]));
        (int code, string output, _) = await PingAsync(peer.Address);
        Assert.Equal(0, code);
        Assert.Contains("it does not let us: ", output, StringComparison.Ordinal);
        Assert.EndsWith("It works.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ping_PeerThatClosesInsteadOfAnAnswer_StopsAtPing()
    {
        await using var peer = new PeerStandIn(hangsUpOnPings: true);
        string verdict = await VerdictAsync(peer.Address);
        Assert.StartsWith("It stops at ping: it closed the connection: it does not want us, or is full. ", verdict, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ping_NobodyAnswers_EndsAfterTheTimeout()
    {
        var time = new FakeTimeProvider();
        int port = await SilentPortAsync(accepted: () => time.Advance(TimeSpan.FromSeconds(5)));
        (int code, string output, _) = await Cli.RunAsync([new PingCommand(time)], "ping", $"net:127.0.0.1:{port}~shs:{Other}", "--timeout", "5s");

        Assert.Equal(1, code);
        Assert.Contains("It stops at handshake: ", output, StringComparison.Ordinal);
        Assert.Contains("does it speak SSB?", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ping_NameThatIsFound_SaysWhatItIs()
    {
        int port = ClosedPort();
        (_, string output, _) = await PingAsync($"net:localhost:{port}~shs:{Other}");
        Assert.Contains("localhost is 127.0.0.1, ::1", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ping_OnionRouteToAName_AsksNobodyButTheProxy()
    {
        (_, string output, _) = await PingAsync($"onion:pub.example:8008~shs:{Other}");
        Assert.DoesNotContain("  name ", output, StringComparison.Ordinal);
        Assert.Contains("  onion ", output, StringComparison.Ordinal);
    }

    private static async Task<string> VerdictAsync(params string[] arguments) => (await PingAsync(arguments)).Output.TrimEnd().Split('\n')[^1];

    private static Task<(int Code, string Output, string Error)> PingAsync(params string[] arguments) =>
        Cli.RunAsync([new PingCommand(new FakeTimeProvider(), ResolveAsync)], ["ping", .. arguments]);

    // No question leaves this computer.
    private static Task<IPAddress[]> ResolveAsync(string name, CancellationToken cancellationToken) =>
        name == "localhost" ? Task.FromResult<IPAddress[]>([IPAddress.Loopback, IPAddress.IPv6Loopback]) : throw new SocketException((int)SocketError.HostNotFound);

    private static IEnumerable<string> Steps(JsonElement route) =>
        route.GetProperty("steps").EnumerateArray().Select(step => $"{step.GetProperty("step").GetString()} {step.GetProperty("outcome").GetString()}");

    /// <summary>A port where nobody listens: it was ours a moment ago.</summary>
    private static int ClosedPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>A port where somebody takes a connection, and says nothing until the test is over.</summary>
    private static Task<int> SilentPortAsync(Action? accepted = null)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;
        _ = Task.Run(async () =>
        {
            using Socket socket = await listener.AcceptSocketAsync(cancellationToken);
            byte[] hello = new byte[64];
            int read = await socket.ReceiveAsync(hello, cancellationToken);
            accepted?.Invoke();
            while (read > 0)
                read = await socket.ReceiveAsync(hello, cancellationToken);
            listener.Dispose();
        }, cancellationToken);
        return Task.FromResult(((IPEndPoint)listener.LocalEndpoint).Port);
    }
}
