using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Tests;

/// <summary>A peer on 127.0.0.1, or on a unix socket in its folder, with lists that a test fills and a record of what it was called with.</summary>
internal sealed class PeerStandIn : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Pool> _pools = new();
    private readonly List<RpcConnection> _connections = []; // under its own lock
    private readonly ConcurrentBag<Task> _greetings = [];
    private readonly List<Socket> _listeners = [];
    private readonly RpcApi _api;
    private readonly NetworkKey _network;
    private readonly RpcPermissions? _strangers;

    /// <param name="ours">Does it have what only peers of ours have?</param>
    /// <param name="network">The network that it is of; null for the main one.</param>
    /// <param name="strangers">What those may call who are not itself; null for everything.</param>
    /// <param name="hangsUpOnPings">Does it break the connection off instead of answering a ping?</param>
    public PeerStandIn(bool ours = true, NetworkKey? network = null, RpcPermissions? strangers = null, bool hangsUpOnPings = false)
    {
        (_network, _strangers) = (network ?? NetworkKey.Main, strangers);
        Keys = SecretFile.Create(Path.Combine(Folder, "secret"));
        _api = (hangsUpOnPings ? new RpcApi().Duplex("gossip.ping", (_, _, _) => DropAsync()) : GossipPing.AddTo(new RpcApi()))
            .Source("conn.stagedPeers", (_, cancellationToken) => _pools.GetOrAdd("staged", _ => new()).ReadAsync(cancellationToken))
            .Source("conn.peers", (_, cancellationToken) => _pools.GetOrAdd("peers", _ => new()).ReadAsync(cancellationToken))
            .Sync("conn.dbPeers", _ => _pools.GetOrAdd("db", _ => new()).Now);
        foreach (string name in (string[])["stage", "unstage", "remember", "forget"])
            _api.Sync($"conn.{name}", Answer);
        foreach (string name in (string[])["connect", "disconnect"])
            _api.Async($"conn.{name}", (call, _) => ValueTask.FromResult(Answer(call)));
        if (ours)
        {
            _api.Source("conn.dbPeersLive", (_, cancellationToken) => _pools.GetOrAdd("db", _ => new()).ReadAsync(cancellationToken));
            foreach (string name in (string[])["dismiss", "rules", "undo", "why"])
                _api.Sync($"conn.{name}", Answer);
        }

        var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        Listen(tcp, new IPEndPoint(IPAddress.Loopback, 0), isOpen: false);
        Port = ((IPEndPoint)tcp.LocalEndPoint!).Port; // it listens
    }

    /// <summary>Its SSB folder, with its secret.</summary>
    public string Folder { get; } = SocketFolder.Create("ssb-conn-test");

    public KeyPair Keys { get; }

    public int Port { get; }

    public string Address => $"net:127.0.0.1:{Port}~shs:{Keys.Id.ToBase64()}";

    /// <summary>What commands get to find it over TCP, as itself.</summary>
    public string[] Options => ["--remote", Address, "--secret", Path.Combine(Folder, "secret")];

    /// <summary>What it answers, by name of the procedure; false if nothing is said.</summary>
    public ConcurrentDictionary<string, Func<RpcCall, RpcValue>> Answers { get; } = new();

    /// <summary>What it was called with, in order: <c>conn.stage ["net:..."]</c>.</summary>
    public Channel<string> Calls { get; } = Channel.CreateUnbounded<string>();

    /// <summary>Gives it a list: <c>staged</c>, <c>peers</c> or <c>db</c>.</summary>
    public void Set(string pool, string json) => _pools.GetOrAdd(pool, _ => new()).Set(json);

    /// <summary>Also listens on the socket of its folder, for whoever can reach it. Skips the test where there are no unix sockets.</summary>
    public void ListenOnSocket()
    {
        Needs.UnixSockets();
        Listen(
            new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified), new UnixDomainSocketEndPoint(Path.Combine(Folder, "socket")), isOpen: true);
    }

    /// <summary>Breaks every connection off, and listens on.</summary>
    public async Task DropAsync()
    {
        RpcConnection[] all;
        lock (_connections)
        {
            all = [.. _connections];
            _connections.Clear();
        }

        foreach (RpcConnection connection in all)
            await connection.DisposeAsync();
    }

    /// <summary>Takes no more connections.</summary>
    public void Close()
    {
        foreach (Socket listener in _listeners)
            listener.Dispose();
        _listeners.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        Close();
        await Task.WhenAll(_greetings).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Disposal.RunAsync(DropAsync);
        Keys.Dispose();
        TestFolder.Delete(Folder);
    }

    private RpcValue Answer(RpcCall call)
    {
        Calls.Writer.TryWrite($"{call.Procedure} {call.Arguments.GetRawText()}");
        return Answers.TryGetValue(call.Procedure, out Func<RpcCall, RpcValue>? answer) ? answer(call) : RpcValue.False;
    }

    private void Listen(Socket listener, EndPoint at, bool isOpen)
    {
        listener.Bind(at);
        listener.Listen();
        _listeners.Add(listener);
        _greetings.Add(AcceptAllAsync(listener, isOpen));
    }

    private async Task AcceptAllAsync(Socket listener, bool isOpen)
    {
        try
        {
            while (true)
                _greetings.Add(GreetAsync(new NetworkStream(await listener.AcceptAsync(), ownsSocket: true), isOpen));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }

    private async Task GreetAsync(NetworkStream stream, bool isOpen)
    {
        if (isOpen)
        {
            Start(stream, RpcPermissions.All);
            return;
        }

        try
        {
            BoxStream box = await SecretHandshake.AcceptAsync(
                stream, Keys, (_, _) => new(true), new HandshakeOptions { Network = _network, Deadline = Patience.Guard });
            RpcPermissions permissions = box.Remote == Keys.Id ? RpcPermissions.All : _strangers ?? RpcPermissions.All;
            Start(box, permissions);
        }
        catch (HandshakeException)
        {
            // A test that means to be refused.
        }
    }

    // Whoever is answered can be dropped.
    private void Start(Stream stream, RpcPermissions permissions)
    {
        lock (_connections)
            _connections.Add(RpcConnection.Start(stream, new RpcOptions { Api = _api, Permissions = permissions }));
    }

    private sealed class Pool
    {
        private readonly Lock _gate = new();
        private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private RpcValue _now = RpcValue.RawJson("[]"u8.ToArray());

        public RpcValue Now
        {
            get
            {
                lock (_gate)
                    return _now;
            }
        }

        public void Set(string json)
        {
            lock (_gate)
            {
                _now = RpcValue.RawJson(Encoding.UTF8.GetBytes(json));
                _changed.SetResult();
                _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }

        public async IAsyncEnumerable<RpcValue> ReadAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        {
            while (true)
            {
                Task changed;
                RpcValue now;
                lock (_gate)
                    (now, changed) = (_now, _changed.Task);
                yield return now;
                await changed.WaitAsync(cancellationToken);
            }
        }
    }
}
