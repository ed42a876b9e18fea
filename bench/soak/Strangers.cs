using System.Net;
using System.Net.Sockets;
using Ssb.Wire;

namespace Ssb.Conn.Soak;

/// <summary>Callers that are no peers: silent ones, garbage, another network, half a handshake.</summary>
internal static class Strangers
{
    public static async Task CallAsync(Crowd crowd, Random random, CancellationToken cancellationToken)
    {
        MultiserverAddress target = crowd.Target!; // nobody plays without
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, target.Routes[0].Port!.Value), cancellationToken); // a net route has one
        switch (random.Next(5))
        {
            case 0:
                crowd.Count("strangers, silent");
                await Crowd.Wait(random.NextDouble() * 8, cancellationToken);
                break;
            case 1:
                crowd.Count("strangers, garbage");
                byte[] garbage = new byte[random.Next(1, 5_000)];
                random.NextBytes(garbage);
                await socket.SendAsync(garbage, cancellationToken);
                await Crowd.Wait(random.NextDouble(), cancellationToken);
                break;
            case 2:
                crowd.Count("strangers, another network");
                await ShakeAsync(socket, target.FeedId!.Value, NetworkKey.Generate(), cancellationToken); // our peer has a key
                break;
            case 3:
                crowd.Count("strangers, for somebody else");
                using (KeyPair other = KeyPair.Generate())
                    await ShakeAsync(socket, other.Id, crowd.Cast.Network, cancellationToken);
                break;
            default:
                crowd.Count("strangers, gone at once");
                break;
        }
    }

    private static async Task ShakeAsync(Socket socket, FeedId server, NetworkKey network, CancellationToken cancellationToken)
    {
        using KeyPair keys = KeyPair.Generate();
        try
        {
            await using BoxStream stream = await SecretHandshake.ConnectAsync(new NetworkStream(socket), keys, server, new HandshakeOptions { Network = network }, cancellationToken);
            throw new InvalidOperationException("A stranger was let in.");
        }
        catch (HandshakeException)
        {
            // As it should be.
        }
    }
}
