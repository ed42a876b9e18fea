using System.Net;
using System.Net.Sockets;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>Why a port cannot be had, in words: by the errors of each system, and with a real port.</summary>
public class PortProblemTests
{
    [Theory]
    [InlineData(8008, SocketError.AccessDenied, true, "another program has UDP port 8008 for itself alone")] // WSAEACCES
    [InlineData(8008, SocketError.AddressAlreadyInUse, true, "another program has UDP port 8008 and does not share it")]
    [InlineData(8008, SocketError.AddressAlreadyInUse, false, "another program has UDP port 8008 and does not share it")]
    [InlineData(80, SocketError.AccessDenied, false, "UDP port 80 is one of those below 1024, which this system gives to privileged programs only")]
    [InlineData(8008, SocketError.AccessDenied, false, "this system does not allow this program to have UDP port 8008")]
    [InlineData(8008, SocketError.AddressNotAvailable, false, "this machine does not have that address")]
    [InlineData(8008, SocketError.NoBufferSpaceAvailable, false, "what the system says")]
    public void Of_EachError_SaysWhoHasIt(int port, SocketError error, bool isWindows, string said) =>
        Assert.StartsWith(said, PortProblem.Of($"UDP port {port}", port, error, "what the system says.", isWindows), StringComparison.Ordinal);

    [Fact]
    public void Open_PortIsTaken_NamesIt()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ExclusiveAddressUse = true };
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();
        int port = ((IPEndPoint)taken.LocalEndPoint!).Port; // it is bound
        using var keys = KeyPair.Generate();
        IOException error = Assert.Throws<IOException>(() => PeerNetwork.Open(Unhurried.Network(keys) with { Listen = [$"net:127.0.0.1:{port}~shs"] }));
        Assert.Contains($"another program has TCP port {port}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_AddressOfAnotherMachine_IsTold()
    {
        using var keys = KeyPair.Generate();
        IOException error = Assert.Throws<IOException>(() => PeerNetwork.Open(Unhurried.Network(keys) with { Listen = ["net:192.0.2.1:0~shs"] }));
        Assert.Contains("this machine does not have that address", error.Message, StringComparison.Ordinal);
    }
}
