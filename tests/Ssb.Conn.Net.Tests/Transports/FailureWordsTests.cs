using System.Net;
using System.Net.Sockets;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>What is said of a dial that failed, for each transport and error: <c>why</c>, <c>connect</c>, <c>ping</c> and logs take it from one place.</summary>
public class FailureWordsTests
{
    private const string Key = "pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";
    private const string NoWay = "there is no way to it from here", NoComputer = $"no computer answers at that address, or {NoWay}";
    private const string Nobody = "refused: nobody listens there", NoSocket = "there is no such socket file";

    private static readonly IPEndPoint s_tor = new(IPAddress.Loopback, 9_050);

    public static TheoryData<string, SocketError, string> Table => new()
    {
        { "net:10.0.0.1:8008", SocketError.ConnectionRefused, Nobody }, { "net:10.0.0.1:8008", SocketError.HostUnreachable, NoComputer },
        { "net:abc.onion:8008", SocketError.HostNotFound, "names that end with .onion are reached by Tor alone: write onion:HOST:PORT, and not net:HOST:PORT" },
        { "net:10.0.0.1:8008", SocketError.NetworkUnreachable, NoWay }, { "net:10.0.0.1:8008", SocketError.NetworkDown, NoWay },
        { "net:10.0.0.1:8008", SocketError.HostDown, NoComputer }, { "net:10.0.0.1:8008", SocketError.TimedOut, "no answer" },
        { "net:10.0.0.1:8008", SocketError.ConnectionReset, "the connection was broken off" },
        { "net:10.0.0.1:8008", SocketError.AccessDenied, "this computer does not allow it (a firewall, or the rights of this program)" },
        { "net:10.0.0.1:8008", SocketError.AddressNotAvailable, "this computer has no address to reach it from" },
        { "net:255.255.255.255:8008", SocketError.InvalidArgument, "that is no address that can be called" },
        { "net:pub.example:8008", SocketError.HostNotFound, "there is no such name" }, { "net:pub.example:8008", SocketError.NoData, "there is no such name" },
        { "net:pub.example:8008", SocketError.TryAgain, FailureText.ResolverIsSilent }, { "net:pub.example:8008", SocketError.NoRecovery, FailureText.ResolverIsSilent },
        { "ws://pub.example:8989", SocketError.TryAgain, FailureText.ResolverIsSilent }, { "wss://pub.example", SocketError.HostNotFound, "there is no such name" },
        { "ws://10.0.0.1:8989", SocketError.ConnectionRefused, Nobody }, { "wss://10.0.0.1:8989", SocketError.HostUnreachable, NoComputer },
        { "net:2001:db8::1:8008", SocketError.AddressFamilyNotSupported, "this computer has no IPv6 to reach it by" },
        { "net:::1:8008", SocketError.AddressNotAvailable, "this computer has no IPv6 to reach it by" },
        { "net:2001:db8::1:8008", SocketError.NetworkUnreachable, NoWay },
        { "net:fe80::1:8008", SocketError.InvalidArgument, "an address that begins with fe80 is one of the network at one card: which network card? Write fe80::1%eth0, or by the name that this computer has for the card" },
        { "net:fe80::1:8008", SocketError.NetworkUnreachable, "an address that begins with fe80 is one of the network at one card: which network card? Write fe80::1%eth0, or by the name that this computer has for the card" },
        { "ws://[fe80::1]:8989", SocketError.HostUnreachable, "an address that begins with fe80 is one of the network at one card: which network card? Write fe80::1%eth0, or by the name that this computer has for the card" },
        { "net:fe80::1:8008", SocketError.ConnectionRefused, Nobody },
        { "net:fe80::1%nonesuch:8008", SocketError.InvalidArgument, "this computer has no network card called 'nonesuch'" },
        { "net:fe80::1%999:8008", SocketError.NetworkUnreachable, "there is no way to it from here by that network card, if this computer has such a card" },
        { "unix:/nonesuch/socket", SocketError.AddressNotAvailable, NoSocket }, { "unix:/nonesuch/socket", SocketError.SocketError, NoSocket },
        { "unix:/nonesuch/socket", SocketError.ConnectionRefused, NoSocket },
        { "unix:/", SocketError.ConnectionRefused, "there is a folder in the place of a socket file" },
        { "unix:/nonesuch/socket", SocketError.AccessDenied, "this user may not open that socket file, or a folder above it" },
        { "unix:/nonesuch/socket", SocketError.WouldBlock, "whoever listens there takes no more calls at the moment" },
        { "onion:abc.onion:8008", SocketError.ConnectionRefused, "Tor is not running here: nobody listens at 127.0.0.1:9050, where its SOCKS proxy should be" },
        { "onion:abc.onion:8008", SocketError.HostUnreachable, $"the SOCKS proxy of Tor at 127.0.0.1:9050 cannot be used: {NoComputer}" },
        { "onion:abc.onion:8008", SocketError.TimedOut, "the SOCKS proxy of Tor at 127.0.0.1:9050 cannot be used: no answer" },
        { "onion:abc.onion:8008", SocketError.TooManyOpenSockets, "this process has no file descriptors left (its limit: ulimit -n)" },
        { "unix:/nonesuch/socket", SocketError.TooManyOpenSockets, "this process has no file descriptors left (its limit: ulimit -n)" },
    };

    [Theory, MemberData(nameof(Table))]
    public void OfDial_EachTransportAndError_IsSaidInItsWords(string transport, SocketError error, string words)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() && transport == "unix:/", "A path of other systems.");
        MultiserverRoute route = MultiserverAddress.Parse($"{transport}~shs:{Key}").Routes[0];
        var cause = new SocketException((int)error);
        EndPoint? proxy = route.Transport == "onion" ? s_tor : null;
        Assert.Equal(words, FailureText.OfDial(cause, route, proxy: proxy));
        Assert.Equal(words, FailureText.OfDial(new IOException("Unable to read data from the transport connection.", cause), route, proxy: proxy));
    }

    // What is really said, by the way that every dial goes.
    [Theory]
    [InlineData("net:127.0.0.1:PORT~shs:", "refused: nobody listens there"), InlineData("ws:127.0.0.1:PORT~shs:", "refused: nobody listens there")]
    [InlineData("wss://127.0.0.1:PORT~shs:", "refused: nobody listens there"), InlineData("unix:/nonesuch/socket~shs:", "there is no such socket file")]
    [InlineData("onion:abc.onion:8008~shs:", "Tor is not running here: nobody listens at 127.0.0.1:PORT"), InlineData("net:fe80::1:8008~shs:", "which network card?")]
    [InlineData("net:pub.example:8008~shs:", "the name server (DNS) of this computer does not answer"), InlineData("ws://pub.example:8008~shs:", "the name server (DNS) of this computer does not answer")]
    public async Task Connect_EachTransport_SaysWhy_AndWhyRepeatsIt(string address, string words)
    {
        if (address.StartsWith("unix", StringComparison.Ordinal))
            Needs.UnixSockets();
        int port;
        using (var closed = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            port = ((IPEndPoint)closed.LocalEndPoint!).Port; // bound
        }

        await using SsbPeer peer = await SsbPeer.StartAsync(Unhurried.Peer with { Listen = [], SocksProxy = new IPEndPoint(IPAddress.Loopback, port), Conn = Unhurried.Conn with { Autostart = false } }, TestContext.Current.CancellationToken);
        var dialled = MultiserverAddress.Parse(address.Replace("PORT", $"{port}", StringComparison.Ordinal) + Key);
        await using PeerNetwork network = PeerNetwork.Open(Unhurried.Network(Ssb.Wire.KeyPair.Generate()) with
        {
            SocksProxy = new IPEndPoint(IPAddress.Loopback, port),
            Resolve = (_, _) => throw new SocketException((int)SocketError.TryAgain), // no question leaves this computer
        });
        string expected = words.Replace("PORT", $"{port}", StringComparison.Ordinal);
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => network.ConnectAsync(dialled, TestContext.Current.CancellationToken));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        if (dialled.Routes[0].HostKind == MultiserverHostKind.Dns)
            return;
        await Assert.ThrowsAsync<ConnectFailedException>(() => peer.Conn.ConnectAsync(dialled, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Contains(expected, peer.Conn.Why(PeerTarget.From(dialled)).ToJson(), StringComparison.Ordinal);
    }
}
