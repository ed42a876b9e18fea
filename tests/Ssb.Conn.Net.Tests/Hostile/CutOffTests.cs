using System.Net;
using System.Net.Sockets;
using Ssb.Conn.Net.Tests.Rooms;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Hostile;

/// <summary>Peers that are cut off for what they send, and what is told of it.</summary>
public sealed class CutOffTests : RoomPeers
{
    [Fact]
    public async Task Why_PeerBrokeTheProtocol_SaysThatItWasCutOff()
    {
        SsbPeer alice = await StartPeer();
        KeyPair mallory = NewKeys();
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, alice.Addresses[0].Routes[0].Port!.Value, Token); // it has one
        await using BoxStream stream = await SecretHandshake.ConnectAsync(
            socket.GetStream(), mallory, alice.Id, new HandshakeOptions { Network = Network, Deadline = Guard }, Token);
        await stream.WriteAsync(new byte[] { 0xFF, 0, 0, 0, 1, 0, 0, 0, 1, 0 }, Token); // of a type that there is not
        Until(() => alice.Conn.Why(PeerTarget.From(mallory.Id)).History.Any(note => note.What == "cut-off"));
        PeerNote note = alice.Conn.Why(PeerTarget.From(mallory.Id)).History.First(n => n.What == "cut-off");
        Assert.Contains("a frame of a type that there is not", note.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Why_PeerSaysGoodbye_IsNotCutOff()
    {
        SsbPeer alice = await StartPeer();
        KeyPair bob = NewKeys();
        PeerNetwork network = OpenServer(new RpcApi(), bob);
        PeerConnection connection = await network.ConnectAsync(alice.Addresses[0], Token).WaitAsync(Guard, Token);
        await connection.Rpc.GetManifestAsync(Token).WaitAsync(Guard, Token);
        await connection.CloseAsync(Token).WaitAsync(Guard, Token);
        Until(() => alice.Conn.Why(PeerTarget.From(bob.Id)).History.Any(note => note.What == "disconnected"));
        Until(() => alice.Network.RunningTasks == 0); // what would tell of it has run
        Assert.DoesNotContain(alice.Conn.Why(PeerTarget.From(bob.Id)).History, note => note.What == "cut-off");
    }
}
