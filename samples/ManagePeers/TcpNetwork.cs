using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Ssb;
using Ssb.Conn;
using Ssb.Wire;

namespace ManagePeers;

/// <summary>A network of the manager's: TCP on this machine, the secret handshake, and muxrpc with <c>gossip.ping</c>.</summary>
/// <remarks>The network of <c>Ssb.Conn.Net</c> does more: it shares its places among the sources of callers, for one.</remarks>
internal sealed class TcpNetwork : IPeerNetwork, IDisposable
{
    private const int MaxHandshakes = 64; // at a time; more callers wait in the queue of the system

    private static readonly HandshakeOptions s_handshake = new() { Deadline = TimeSpan.FromSeconds(5) };

    // What is served, and who may call it: everybody what every SSB peer has, ourselves everything.
    private static readonly RpcApi s_api = GossipPing.AddTo(new RpcApi());
    private readonly RpcAccess _access;

    private readonly KeyPair _keys;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public TcpNetwork(KeyPair keys)
    {
        _keys = keys;
        _access = new RpcAccess(new RpcPermissions(["manifest", "gossip.ping"])).With(keys.Id, RpcPermissions.All);
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
            BoxStream stream = await SecretHandshake.ConnectAsync(new NetworkStream(socket, ownsSocket: true), _keys, route.FeedId!.Value, s_handshake, cancellationToken);
            return Start(stream, address);
        }
        catch (Exception e) when (e is SocketException or HandshakeException)
        {
            socket.Dispose();
            throw new ConnectFailedException(e.Message, e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async IAsyncEnumerable<IPeerConnection> AcceptAsync(Func<FeedId, bool> isWelcome, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var callers = Channel.CreateBounded<Connection>(MaxHandshakes);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task greeting = GreetAllAsync(isWelcome, callers.Writer, ended.Token);
        try
        {
            await foreach (Connection caller in callers.Reader.ReadAllAsync(cancellationToken))
                yield return caller;
        }
        finally
        {
            await ended.CancelAsync();
            await greeting; // never throws
            while (callers.Reader.TryRead(out Connection? late))
                await late.CloseAsync(CancellationToken.None);
        }
    }

    // Each caller shakes hands in a task of its own: one that says nothing must not keep out those behind it.
    private async Task GreetAllAsync(Func<FeedId, bool> isWelcome, ChannelWriter<Connection> callers, CancellationToken cancellationToken)
    {
        using var places = new SemaphoreSlim(MaxHandshakes);
        bool hasPlace = false;
        try
        {
            while (true)
            {
                await places.WaitAsync(cancellationToken);
                hasPlace = true;
                Socket caller = await _listener.AcceptSocketAsync(cancellationToken);
                hasPlace = false; // it is the caller's now
                _ = GreetAsync(caller); // never throws, and gives its place back
            }
        }
        catch (Exception e)
        {
            callers.TryComplete(e); // whoever enumerates is told
            if (hasPlace)
                places.Release();
        }

        for (int i = 0; i < MaxHandshakes; i++)
            await places.WaitAsync(CancellationToken.None); // all have ended now

        async Task GreetAsync(Socket socket)
        {
            Connection? connection = null;
            try
            {
                socket.NoDelay = true;
                var from = (IPEndPoint)socket.RemoteEndPoint!; // a TCP socket has one
                BoxStream stream = await SecretHandshake.AcceptAsync(
                    new NetworkStream(socket, ownsSocket: true), _keys, (who, _) => new(isWelcome(who)), s_handshake, cancellationToken);
                connection = Start(stream, MultiserverAddress.Parse($"net:{from.Address}:{from.Port}~shs:{stream.Remote.ToBase64()}"));
                await callers.WriteAsync(connection, cancellationToken);
            }
            catch (Exception)
            {
                // Not welcome, too slow, gone, or no peer at all: a stranger's failure is nobody's news.
                socket.Dispose();
                if (connection is not null)
                    await connection.CloseAsync(CancellationToken.None);
            }
            finally
            {
                places.Release();
            }
        }
    }

    public void Dispose() => _listener.Dispose();

    private Connection Start(BoxStream stream, MultiserverAddress address) => new(
        RpcConnection.Start(stream, new RpcOptions { Api = s_api, Permissions = _access.For(stream.Remote) }), stream.Remote, address);

    private sealed class Connection(RpcConnection rpc, FeedId feedId, MultiserverAddress address) : IPeerConnection
    {
        public FeedId FeedId => feedId;

        public MultiserverAddress Address => address;

        public Task Closed => rpc.Completion;

        public PeerPing? Ping => null;

        public Task CloseAsync(CancellationToken cancellationToken) => rpc.CloseAsync(cancellationToken);
    }
}
