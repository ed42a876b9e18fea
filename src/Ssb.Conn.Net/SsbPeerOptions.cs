using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>How an <see cref="SsbPeer"/> is set up.</summary>
public sealed record SsbPeerOptions
{
    /// <summary>The SSB folder: <c>secret</c> (made if it is missing), <c>conn.json</c> and <c>conn-rules.json</c>. One that is relative belongs to the
    /// working directory at the start; in a generic host, to the content root.</summary>
    /// <value>Defaults to null: nothing is kept, and without <see cref="Keys"/> the identity is a new one at each start. In a generic host
    /// (<c>AddSsbConn</c>) that must be said by <see cref="InMemory"/>.</value>
    public string? Folder { get; init; }

    /// <summary>Is it meant that nothing is kept? In a generic host a peer without <see cref="Folder"/> and without <see cref="Keys"/> does not
    /// start unless this is set: its identity would be another one at each start, and nobody would notice.</summary>
    /// <value>Defaults to false; must be false where there is a <see cref="Folder"/>.</value>
    public bool InMemory { get; init; }

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

    /// <summary>LAN discovery; its network, its own key and its clock come from here, and are not set there. Default null: none.</summary>
    public LanOptions? Lan { get; init; }

    /// <summary>Are rooms known, their attendants staged, and tunnels taken through them? Default: yes.</summary>
    public bool Rooms { get; init; } = true;

    /// <summary>Who may call everything, beside ourselves. Default: nobody.</summary>
    public IReadOnlyList<FeedId> Masters { get; init; } = [];

    /// <summary>Procedures of the host. The peer serves a copy, to which it adds its own, so that this one may be given to several peers; what is
    /// added to it later is not served. Default: none.</summary>
    public RpcApi? Api { get; init; }

    /// <summary>What strangers may call of those, such as <c>blobs.get</c>, or <c>blobs</c> for all of them. A procedure of the peer itself, such as
    /// <c>conn.stage</c>, may be named too, in full and not by <c>conn</c>; if it is for owners, the log warns of it at the start. A name that no
    /// procedure has is an <see cref="ArgumentException"/> of the start.</summary>
    /// <value>Defaults to nothing.</value>
    public IReadOnlyList<string> AllowStrangers { get; init; } = [];

    /// <inheritdoc cref="PeerNetworkOptions.MayConnect"/>
    public Func<ConnectionAttempt, CancellationToken, ValueTask<bool>>? MayConnect { get; init; }

    /// <summary>What the host does with a connection; its token is cancelled when that ends. What it throws is logged. Default: nothing.</summary>
    public Func<PeerConnection, CancellationToken, Task>? OnConnected { get; init; }

    /// <summary>The SOCKS 5 proxy that <c>onion</c> routes go through. Default: Tor's, 127.0.0.1:9050.</summary>
    public EndPoint SocksProxy { get; init; } = Transport.Tor;

    /// <summary>What strangers may make us do and hold.</summary>
    public PeerNetworkLimits Limits { get; init; } = new();

    /// <summary>The manager; its folder, its own id, its clock and its logger come from here, and are not set there.</summary>
    public ConnPluginOptions Conn { get; init; } = new();

    /// <summary>The clock. Default: the system's.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Told what goes wrong; nobody unless set.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <exception cref="ArgumentException">An option is null or out of its range, or has no effect; the message names it.</exception>
    /// <exception cref="FormatException">A place to listen at is none.</exception>
    internal SsbPeerOptions Checked()
    {
        ArgumentNullException.ThrowIfNull(NetworkKey);
        ArgumentNullException.ThrowIfNull(Listen);
        ArgumentNullException.ThrowIfNull(Sockets);
        ArgumentNullException.ThrowIfNull(Masters);
        ArgumentNullException.ThrowIfNull(AllowStrangers);
        ArgumentNullException.ThrowIfNull(SocksProxy);
        ArgumentNullException.ThrowIfNull(Limits);
        ArgumentNullException.ThrowIfNull(Conn);
        ArgumentNullException.ThrowIfNull(Conn.TimeProvider);
        ArgumentNullException.ThrowIfNull(Conn.Logger);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        ArgumentNullException.ThrowIfNull(Logger);
        PeerNetworkOptions.CheckTexts(Listen, nameof(Listen));
        PeerNetworkOptions.CheckTexts(AllowStrangers, nameof(AllowStrangers));
        PeerNetworkOptions.CheckSockets(Sockets, nameof(Sockets));
        if (Folder is not null)
            ArgumentException.ThrowIfNullOrWhiteSpace(Folder);
        if (Folder is not null && InMemory)
            throw new ArgumentException($"{nameof(InMemory)} is true although there is a {nameof(Folder)}, '{Folder}': set one of them.", nameof(InMemory));
        // What all parts have in common is set here. A part that has its own would be overwritten without a word.
        RefuseUnless(Conn.Folder is null || Conn.Folder == Folder, "Conn.Folder", nameof(Folder));
        RefuseUnless(Conn.OwnFeedId is null || Conn.OwnFeedId == Keys?.Id, "Conn.OwnFeedId", nameof(Keys));
        RefuseUnless(IsDefaultOr(Conn.TimeProvider), "Conn.TimeProvider", nameof(TimeProvider));
        RefuseUnless(Conn.Logger is NullLogger || Conn.Logger == Logger, "Conn.Logger", nameof(Logger));
        if (Lan is not null)
        {
            LanOptions.Checked(Lan);
            RefuseUnless(Lan.NetworkKey.Equals(NetworkKey.Main) || Lan.NetworkKey.Equals(NetworkKey), "Lan.NetworkKey", nameof(NetworkKey));
            RefuseUnless(Lan.OwnKey is null || Lan.OwnKey == Keys?.Id, "Lan.OwnKey", nameof(Keys));
            RefuseUnless(IsDefaultOr(Lan.TimeProvider), "Lan.TimeProvider", nameof(TimeProvider));
        }

        Limits.Check();
        ConnOptions(Keys?.Id).Validate();
        foreach (string place in Listen)
            Listener.Check(place);
        return this with
        {
            Folder = Folder is null ? null : Path.GetFullPath(Folder), // whatever becomes of the working directory
            Listen = [.. Listen],
            Sockets = [.. Sockets.Select(socket => socket.Path.Length == 0 ? socket : socket with { Path = Path.GetFullPath(socket.Path) })],
            Masters = [.. Masters],
            AllowStrangers = [.. AllowStrangers],
        };
    }

    /// <summary>Those of the manager.</summary>
    internal ConnPluginOptions ConnOptions(FeedId? own) => Conn with
    {
        Folder = Folder,
        OwnFeedId = own,
        Autostart = false,
        TimeProvider = TimeProvider,
        Logger = Logger,
    };

    private bool IsDefaultOr(TimeProvider time) => time == TimeProvider.System || time == TimeProvider;

    private static void RefuseUnless(bool isGood, string option, string instead)
    {
        if (!isGood)
            throw new ArgumentException($"SsbPeerOptions.{option} is set, and has no effect: set SsbPeerOptions.{instead} instead.", option);
    }
}
