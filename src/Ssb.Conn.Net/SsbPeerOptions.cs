using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>How an <see cref="SsbPeer"/> is set up.</summary>
public sealed record SsbPeerOptions
{
    /// <summary>The SSB folder: <c>secret</c> (made if it is missing), <c>conn.json</c> and <c>conn-rules.json</c>. Default null: nothing is kept.</summary>
    public string? Folder { get; init; }

    /// <summary>Who we are, instead of the folder's <c>secret</c>. It stays the caller's, and is not disposed of before the peer. Default null: as the folder says, or
    /// somebody new.</summary>
    public KeyPair? Keys { get; init; }

    /// <summary>Which network. Default: the main one.</summary>
    public NetworkKey NetworkKey { get; init; } = NetworkKey.Main;

    /// <summary>Where we can be called, as <see cref="PeerNetworkOptions.Listen"/> has it. Default: nowhere.</summary>
    public IReadOnlyList<string> Listen { get; init; } = [];

    /// <summary>Unix sockets where we can be called, by their paths, as <see cref="PeerNetworkOptions.Sockets"/> has it.</summary>
    /// <value>Defaults to none.</value>
    public IReadOnlyList<ListeningSocket> Sockets { get; init; } = [];

    /// <summary>LAN discovery; its network, its own key and its clock come from here. Default null: none.</summary>
    public LanOptions? Lan { get; init; }

    /// <summary>Are rooms known, their attendants staged, and tunnels taken through them? Default: yes.</summary>
    public bool Rooms { get; init; } = true;

    /// <summary>Who may call everything, beside ourselves. Default: nobody.</summary>
    public IReadOnlyList<FeedId> Masters { get; init; } = [];

    /// <summary>Procedures of the host; the peer adds its own to them. Default: none.</summary>
    public RpcApi? Api { get; init; }

    /// <summary>What strangers may call of those, such as <c>blobs.get</c>, or <c>blobs</c> for all of them. Default: nothing.</summary>
    public IReadOnlyList<string> AllowStrangers { get; init; } = [];

    /// <summary>Is a caller let in? Asked in the handshake, beside the manager, which refuses blocked ones. Quick, thread-safe, and throws nothing. Default:
    /// everybody.</summary>
    public Func<FeedId, bool>? IsWelcome { get; init; }

    /// <summary>What the host does with a connection; its token is cancelled when that ends. What it throws is logged. Default: nothing.</summary>
    public Func<PeerConnection, CancellationToken, Task>? OnConnected { get; init; }

    /// <summary>The SOCKS 5 proxy that <c>onion</c> routes go through. Default: Tor's, 127.0.0.1:9050.</summary>
    public EndPoint SocksProxy { get; init; } = Transport.Tor;

    /// <summary>What strangers may make us do and hold.</summary>
    public PeerNetworkLimits Limits { get; init; } = new();

    /// <summary>The manager; its folder, its own id, its clock and its logger come from here.</summary>
    public ConnPluginOptions Conn { get; init; } = new();

    /// <summary>The clock. Default: the system's.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Told what goes wrong; nobody unless set.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;
}
