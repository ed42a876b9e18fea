using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Ssb.Wire;

namespace Interop.Tests.Wire;

/// <summary>Our side: a server on loopback in this process, and dialling from it.</summary>
/// <remarks>All connections end with it.</remarks>
internal sealed class RpcHost : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = Patience.Guard;

    // A loaded machine shakes hands slowly.
    private static readonly HandshakeOptions s_unhurried = new() { Deadline = s_patience };

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Channel<RpcConnection> _accepted = Channel.CreateUnbounded<RpcConnection>();
    private readonly Channel<HandshakeException> _refused = Channel.CreateUnbounded<HandshakeException>();
    private readonly ConcurrentBag<RpcConnection> _all = [];
    private readonly ConcurrentBag<Task> _handshakes = [];
    private readonly Func<FeedId, RpcOptions> _options;
    private readonly Task _accepting;

    /// <param name="options">What a peer of this identity gets, whoever dialled.</param>
    /// <param name="keys">Who we are, disposed with this; null for somebody new.</param>
    public RpcHost(Func<FeedId, RpcOptions> options, KeyPair? keys = null)
    {
        _options = options;
        Keys = keys ?? KeyPair.Generate();
        _listener.Start();
        _accepting = AcceptAllAsync();
    }

    public RpcHost(RpcOptions options)
        : this(_ => options)
    {
    }

    public KeyPair Keys { get; }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Where JavaScript peers dial.</summary>
    public string Address => $"net:127.0.0.1:{Port}~shs:{Keys.Id.ToString()[1..45]}";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The next one who dialled us.</summary>
    public async Task<RpcConnection> AcceptAsync() =>
        await _accepted.Reader.ReadAsync(Cancellation).AsTask().WaitAsync(s_patience, TimeProvider.System, Cancellation);

    /// <summary>The next handshake that failed.</summary>
    public async Task<HandshakeException> RefuseAsync() =>
        await _refused.Reader.ReadAsync(Cancellation).AsTask().WaitAsync(s_patience, TimeProvider.System, Cancellation);

    /// <summary>Dials a peer.</summary>
    /// <param name="peer">Whom.</param>
    /// <param name="keys">Who we are; null for our own keys.</param>
    public async Task<RpcConnection> ConnectAsync(RpcPeer peer, KeyPair? keys = null)
    {
        Socket socket = await DialAsync(peer.Port);
        BoxStream box = await SecretHandshake.ConnectAsync(new NetworkStream(socket, ownsSocket: true), keys ?? Keys, peer.Id, s_unhurried, Cancellation);
        return Start(box);
    }

    /// <summary>Dials another one of these.</summary>
    public async Task<RpcConnection> ConnectAsync(RpcHost other)
    {
        Socket socket = await DialAsync(other.Port);
        return Start(await SecretHandshake.ConnectAsync(new NetworkStream(socket, ownsSocket: true), Keys, other.Keys.Id, s_unhurried, Cancellation));
    }

    /// <summary>A socket to a port of this machine.</summary>
    public static async Task<Socket> DialAsync(int port)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port, Cancellation);
        return socket;
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await Disposal.RunAsync(() => _accepting, () => Task.WhenAll(_handshakes).WaitAsync(s_patience, TimeProvider.System));
        await Disposal.TogetherAsync(_all);
        Keys.Dispose();
    }

    private RpcConnection Start(BoxStream box)
    {
        var connection = RpcConnection.Start(box, _options(box.Remote));
        _all.Add(connection);
        return connection;
    }

    private async Task AcceptAllAsync()
    {
        try
        {
            while (true)
                _handshakes.Add(ShakeHandsAsync(await _listener.AcceptSocketAsync(CancellationToken.None)));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task ShakeHandsAsync(Socket socket)
    {
        socket.NoDelay = true;
        try
        {
            BoxStream box = await SecretHandshake.AcceptAsync(
                new NetworkStream(socket, ownsSocket: true), Keys, (_, _) => new(true), s_unhurried, CancellationToken.None);
            _accepted.Writer.TryWrite(Start(box));
        }
        catch (HandshakeException e)
        {
            _refused.Writer.TryWrite(e);
        }
    }
}
