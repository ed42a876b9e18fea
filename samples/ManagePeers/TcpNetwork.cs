using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Ssb;
using Ssb.Conn;
using Ssb.Wire;

namespace ManagePeers;

/// <summary>A network of the manager's: TCP on this machine, the secret handshake, and muxrpc with <c>gossip.ping</c>.</summary>
internal sealed class TcpNetwork : IPeerNetwork, IDisposable
{
    private readonly KeyPair _keys;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public TcpNetwork(KeyPair keys)
    {
        _keys = keys;
        _listener.Start();
    }

    public string Address => $"net:127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}~shs:{_keys.Id.ToBase64()}";

    public async Task<IPeerConnection> DialAsync(PeerDial dial, CancellationToken cancellationToken)
    {
        MultiserverAddress address = dial.Address;
        MultiserverRoute route = address.Routes[0];
        if (route is not { Transport: "net", Transform: "shs", Problem: null })
            throw new ConnectFailedException($"{route} cannot be dialled here: {route.Problem ?? "expected net:HOST:PORT~shs:KEY"}.");
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(route.Host!, route.Port!.Value, cancellationToken);
            BoxStream stream = await SecretHandshake.ConnectAsync(new NetworkStream(socket, ownsSocket: true), _keys, route.FeedId!.Value, cancellationToken: cancellationToken);
            return new Connection(stream, address);
        }
        catch (Exception e) when (e is SocketException or HandshakeException)
        {
            socket.Dispose();
            throw new ConnectFailedException(e.Message, e);
        }
    }

    public async IAsyncEnumerable<IPeerConnection> AcceptAsync(Func<FeedId, bool> isWelcome, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            Socket socket = await _listener.AcceptSocketAsync(cancellationToken);
            socket.NoDelay = true;
            var from = (IPEndPoint)socket.RemoteEndPoint!;
            BoxStream stream;
            try
            {
                stream = await SecretHandshake.AcceptAsync(
                    new NetworkStream(socket, ownsSocket: true), _keys, (who, _) => new(isWelcome(who)), cancellationToken: cancellationToken);
            }
            catch (HandshakeException)
            {
                continue; // not welcome, or no peer at all
            }

            yield return new Connection(stream, MultiserverAddress.Parse($"net:{from.Address}:{from.Port}~shs:{stream.Remote.ToBase64()}"));
        }
    }

    public void Dispose() => _listener.Dispose();

    private sealed class Connection(BoxStream stream, MultiserverAddress address) : IPeerConnection
    {
        private readonly RpcConnection _rpc = RpcConnection.Start(stream, new RpcOptions { Api = GossipPing.AddTo(new RpcApi()), Permissions = RpcPermissions.All });

        public FeedId FeedId => stream.Remote;

        public MultiserverAddress Address => address;

        public Task Closed => _rpc.Completion;

        public PeerPing? Ping => null;

        public Task CloseAsync(CancellationToken cancellationToken) => _rpc.CloseAsync(cancellationToken);
    }
}
