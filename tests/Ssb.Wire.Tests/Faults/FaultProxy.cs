using System.Net;
using System.Net.Sockets;

namespace Ssb.Wire.Tests.Faults;

/// <summary>Stands between a client and a server on loopback TCP, and hands on their bytes, with one fault.</summary>
internal sealed class FaultProxy : IDisposable
{
    private readonly Socket _toClient;
    private readonly Socket _toServer;
    private readonly Fault _fault;
    private readonly Task _pumps;

    private FaultProxy(Socket toClient, Socket toServer, Fault fault)
    {
        _toClient = toClient;
        _toServer = toServer;
        _fault = fault;
        _pumps = Task.WhenAll(PumpAsync(_toClient, _toServer, toServer: true), PumpAsync(_toServer, _toClient, toServer: false));
    }

    /// <summary>Whether the fault was met.</summary>
    public bool IsHit { get; private set; }

    /// <summary>How many bytes came from the client.</summary>
    public int BytesToServer { get; private set; }

    /// <summary>How many bytes came from the server.</summary>
    public int BytesToClient { get; private set; }

    /// <summary>Makes both ends, and the proxy between them.</summary>
    public static async Task<(TrackedSocket Client, FaultProxy Proxy, TrackedSocket Server)> ConnectAsync(Fault fault)
    {
        (Socket client, Socket toClient) = await ConnectAsync();
        (Socket toServer, Socket server) = await ConnectAsync();
        return (new TrackedSocket(client), new FaultProxy(toClient, toServer, fault), new TrackedSocket(server));
    }

    /// <summary>Ends when both ends have closed.</summary>
    public Task EndedAsync() => _pumps;

    public void Dispose()
    {
        _toClient.Dispose();
        _toServer.Dispose();
    }

    private static async Task<(Socket Dialled, Socket Accepted)> ConnectAsync()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        var dialled = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Task connecting = dialled.ConnectAsync(listener.LocalEndPoint!); // it is bound
        Socket accepted = await listener.AcceptAsync();
        accepted.NoDelay = true;
        await connecting;
        return (dialled, accepted);
    }

    private async Task PumpAsync(Socket from, Socket to, bool toServer)
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (await from.ReceiveAsync(buffer) is var count and > 0)
            {
                int start = toServer ? BytesToServer : BytesToClient;
                bool isHit = _fault.Hits(toServer, start, count);
                IsHit |= isHit;
                int at = _fault.Position - start;
                if (isHit && _fault.Kind == FaultKind.Corrupt)
                    buffer[at] ^= (byte)(1 << _fault.Position % 8);
                if (isHit && _fault.Kind == FaultKind.Cut)
                {
                    await SendAsync(to, buffer.AsMemory(0, at));
                    Dispose();
                    return;
                }

                if (toServer)
                    BytesToServer += count;
                else
                    BytesToClient += count;
                if (_fault.Kind != FaultKind.Delay)
                {
                    await SendAsync(to, buffer.AsMemory(0, count));
                    continue;
                }

                for (int i = 0; i < count; i++)
                {
                    if (isHit && i == at)
                        await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
                    await SendAsync(to, buffer.AsMemory(i, 1));
                }
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            Dispose(); // whoever broke it: the other side must hear of it
        }
    }

    private static async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[await to.SendAsync(bytes)..];
    }

    /// <summary>A socket's stream that can be asked whether it was closed.</summary>
    internal sealed class TrackedSocket(Socket socket) : NetworkStream(socket, ownsSocket: true)
    {
        public bool IsClosed => Socket.SafeHandle.IsClosed;
    }
}
