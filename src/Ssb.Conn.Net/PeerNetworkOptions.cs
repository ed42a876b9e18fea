using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>How a <see cref="PeerNetwork"/> is set up.</summary>
public sealed record PeerNetworkOptions
{
    /// <summary>Who we are. It stays the caller's, and is not disposed of before the network.</summary>
    public required KeyPair Keys { get; init; }

    /// <summary>Which network. Default: the main one.</summary>
    public NetworkKey NetworkKey { get; init; } = NetworkKey.Main;

    /// <summary>Where we can be called: <c>net:HOST:PORT~shs</c>, <c>ws:HOST:PORT~shs</c>, <c>unix:PATH~noauth</c> and <c>unix:PATH~shs</c>. The host is an IP address of this
    /// machine, 0.0.0.0 or :: for all; port 0 is one that is free. Who may open a <c>noauth</c> socket, a file of mode 0600, may do everything. Default: nowhere.</summary>
    public IReadOnlyList<string> Listen { get; init; } = [];

    /// <summary>Unix sockets where we can be called, by their paths, which may be such as no address can hold. They are listened at before
    /// <see cref="Listen"/>.</summary>
    /// <value>Defaults to none.</value>
    public IReadOnlyList<ListeningSocket> Sockets { get; init; } = [];

    /// <summary>What peers may call, as far as <see cref="Access"/> lets them. Default: nothing but <c>manifest</c>.</summary>
    public RpcApi? Api { get; init; }

    /// <summary>Who may call what. Our own key may call everything, whatever it says. Default: strangers may read the manifest.</summary>
    public RpcAccess Access { get; init; } = RpcAccess.Default;

    /// <summary>What strangers may make us do and hold.</summary>
    public PeerNetworkLimits Limits { get; init; } = new();

    /// <summary>The SOCKS 5 proxy that <c>onion</c> routes go through. Default: Tor's, 127.0.0.1:9050.</summary>
    public EndPoint SocksProxy { get; init; } = Transport.Tor;

    /// <summary>The host's policy: may we have a connection with this peer? It is asked for every connection in either direction: for a caller in its
    /// handshake, before we prove who we are, if the manager lets it in; for a dial before anything is opened. It is not asked about
    /// ourselves: programs with our own key, or on a unix socket without a handshake.</summary>
    /// <remarks>It may be called on any thread, and for several peers at a time. What it throws, and what takes longer than
    /// <see cref="PeerNetworkLimits.PolicyDeadline"/>, is a refusal that is logged; its token is cancelled then. A refusal is counted
    /// (<see cref="PeerNetworkCounters.RefusedIncoming"/>, <see cref="PeerNetworkCounters.RefusedOutgoing"/>) and, in an
    /// <see cref="SsbPeer"/>, known to <see cref="ConnPlugin.Why"/>. A peer whose dial was refused stays where it was, has no failure, and is left alone by
    /// the scheduler for 10 minutes, after which the policy is asked again.</remarks>
    /// <value>Defaults to null: everybody may.</value>
    public Func<ConnectionAttempt, CancellationToken, ValueTask<bool>>? MayConnect { get; init; }

    /// <summary>Told of each connection as it stands, before the manager is. Quick; what it throws is logged, and the connection stands. More than that is a task of its own, for as long as
    /// <see cref="PeerConnection.Closed"/> has not completed.</summary>
    public Action<PeerConnection>? OnConnected { get; init; }

    /// <summary>Told of each refusal of a peer: of a caller that has shown who it is, and of a dial that <see cref="MayConnect"/> refuses. It is given the
    /// peer, the address (null if it is not known), and why, as a clause. An <see cref="SsbPeer"/> gives them to
    /// <see cref="ConnPlugin.NoteRefusal"/> by itself. Quick, on any thread; what it throws is logged.</summary>
    /// <value>Defaults to null: nobody is told.</value>
    public Action<FeedId, MultiserverAddress?, string>? OnRefused { get; init; }

    /// <summary>The clock. Default: the system's.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Told what goes wrong; nobody unless set.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>Is the api given by <see cref="PeerNetwork.Serve"/>, because it needs the network itself?</summary>
    internal bool IsServedLater { get; init; }

    /// <summary>Waits for a caller at a listener; a test replaces it.</summary>
    internal Func<Listener, CancellationToken, Task<Socket>> Accept { get; init; } =
        static (listener, cancellationToken) => listener.AcceptAsync(cancellationToken);

    /// <summary>Decides about certificates of <c>wss</c> routes, instead of the system. Default null.</summary>
    internal RemoteCertificateValidationCallback? Certificates { get; init; }

    /// <summary>Finds the addresses of a name, instead of the system.</summary>
    internal Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; init; } = Dns.GetHostAddressesAsync;

    internal PeerNetworkOptions Checked()
    {
        ArgumentNullException.ThrowIfNull(Keys);
        ArgumentNullException.ThrowIfNull(NetworkKey);
        ArgumentNullException.ThrowIfNull(Listen);
        ArgumentNullException.ThrowIfNull(Sockets);
        ArgumentNullException.ThrowIfNull(Access);
        ArgumentNullException.ThrowIfNull(Limits);
        ArgumentNullException.ThrowIfNull(SocksProxy);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        ArgumentNullException.ThrowIfNull(Logger);
        Limits.Check();
        CheckTexts(Listen, nameof(Listen));
        CheckSockets(Sockets, nameof(Sockets));
        // What is served later is checked by whoever gives it.
        if (!IsServedLater && Access.GetUnknownNames(new RpcApi(Api ?? new RpcApi()).Manifest) is { Count: > 0 } unknown)
        {
            throw new ArgumentException(
                $"'{unknown[0]}' is the name of no procedure, and the beginning of none: correct it, or add the procedure to {nameof(Api)} first.", nameof(Access));
        }

        return this with
        {
            Listen = [.. Listen],
            Sockets = [.. Sockets],
            Limits = Limits with
            {
                LocalOrigins = [.. Limits.LocalOrigins],
                Rpc = Limits.Rpc.ReserveFolder is { } folder ? Limits.Rpc with { ReserveFolder = Path.GetFullPath(folder) } : Limits.Rpc,
            },
            Logger = SteadyLogger.Of(Logger),
        };
    }

    /// <exception cref="ArgumentException">One is null or empty.</exception>
    internal static void CheckTexts(IReadOnlyList<string> texts, string name)
    {
        if (texts.Any(string.IsNullOrWhiteSpace))
            throw new ArgumentException($"{name} holds a text that is null or empty.", name);
    }

    /// <exception cref="ArgumentException">One, or its path, is null.</exception>
    internal static void CheckSockets(IReadOnlyList<ListeningSocket> sockets, string name)
    {
        if (sockets.Any(socket => socket?.Path is null))
            throw new ArgumentException($"{name} holds a socket that is null, or whose {nameof(ListeningSocket.Path)} is.", name);
    }
}
