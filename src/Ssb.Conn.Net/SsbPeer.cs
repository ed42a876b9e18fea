using Microsoft.Extensions.Logging;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>A whole peer: keys, the manager, its network, LAN discovery, and <c>conn.*</c> served over muxrpc.</summary>
/// <remarks>Thread-safe. It runs from its start until it is disposed of, which ends connections with a goodbye and takes a few seconds at most.</remarks>
public sealed class SsbPeer : IAsyncDisposable
{
    private const string SecretName = "secret";

    private readonly SsbPeerOptions _options;
    private readonly KeyPair? _ownKeys; // ours to dispose of
    private readonly LanService? _lan;
    private readonly RoomClient? _rooms;
    private readonly RpcApi _api;
    private readonly PeerLog _log;
    private readonly StateLog _states;

    private SsbPeer(SsbPeerOptions options, KeyPair? ownKeys, PeerNetwork network, ConnPlugin conn, RpcApi api, LanService? lan, RoomClient? rooms, FeedId id)
    {
        (_options, _ownKeys, _api, _lan, _rooms) = (options, ownKeys, api, lan, rooms);
        (Network, Conn, Id) = (network, conn, id);
        _log = new PeerLog(conn.Hub, options.Logger);
        _states = new StateLog(options.Logger, options.TimeProvider);
    }

    /// <summary>Who we are.</summary>
    public FeedId Id { get; }

    /// <summary>The manager.</summary>
    public ConnPlugin Conn { get; }

    /// <summary>The network.</summary>
    public PeerNetwork Network { get; }

    /// <summary>What it serves, the procedures of the host included.</summary>
    public RpcManifest Manifest => _api.Manifest;

    /// <summary>Where we can be called now; see <see cref="PeerNetwork.Addresses"/>.</summary>
    public IReadOnlyList<MultiserverAddress> Addresses => Network.Addresses;

    /// <summary>Why LAN discovery ended by itself; null while it has not.</summary>
    internal Exception? LanFailure => _lan?.Failure;

    /// <summary>Starts a peer.</summary>
    /// <exception cref="IOException">A place to listen at is taken, another peer (of this process or of another one) has the folder, or it cannot be
    /// used.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder, or the <c>secret</c> in it, may not be used by us.</exception>
    /// <exception cref="FormatException">A place to listen at is none, or the <c>secret</c> holds no key.</exception>
    /// <exception cref="InvalidDataException">The <c>secret</c> holds a key of a kind that is not known here, or contradicts itself.</exception>
    /// <exception cref="ArgumentException">An option is null, out of its range or without effect, a procedure of the host has a name that the peer
    /// itself needs, or <see cref="SsbPeerOptions.AllowStrangers"/> has a name that no procedure has. The message names the option.</exception>
    public static async Task<SsbPeer> StartAsync(SsbPeerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options = options.Checked();
        options = options with { Logger = SteadyLogger.Of(options.Logger) };
        KeyPair? ownKeys = options.Keys is null ? OpenKeys(options.Folder, options.Logger) : null;
        KeyPair keys = options.Keys ?? ownKeys!; // one of the two
        PeerNetwork? network = null;
        ConnPlugin? conn = null;
        RoomClient? rooms = null;
        try
        {
            SsbPeer? peer = null;
            network = PeerNetwork.Open(new PeerNetworkOptions
            {
                Keys = keys,
                NetworkKey = options.NetworkKey,
                Listen = options.Listen,
                Sockets = options.Sockets,
                Access = ConnApi.Access(options.Masters, options.Rooms ? [.. options.AllowStrangers, .. RoomClient.ForStrangers] : options.AllowStrangers),
                Limits = LimitsOf(options),
                SocksProxy = options.SocksProxy,
                IsServedLater = true,
                OnConnected = connection => peer?.OnConnected(connection), // there is none before Serve
                MayConnect = options.MayConnect,
                TimeProvider = options.TimeProvider,
                Logger = options.Logger,
            });
            conn = await ConnPlugin.OpenAsync(network, options.ConnOptions(keys.Id), cancellationToken).ConfigureAwait(false);

            ConnPlugin manager = conn;
            network.CutOff = (connection, why) => manager.Note(PeerTarget.From(connection.FeedId), "cut-off", why, connection.Address);
            network.Refused = (who, address, why) => manager.NoteRefusal(who, address, why);
            RpcApi api = ConnApi.AddTo(new RpcApi(options.Api ?? new RpcApi()), conn, keys.Id, options.TimeProvider);
            LanService? lan = options.Lan is not { } given ? null : new LanService(
                given with { NetworkKey = options.NetworkKey, OwnKey = keys.Id, TimeProvider = options.TimeProvider },
                keys, network, conn, options.Logger);
            if (lan is not null)
                LanApi.AddTo(api, lan.Start, lan.Stop, lan.Discovered);
            rooms = options.Rooms ? new RoomClient(network, conn, keys.Id, options.TimeProvider, options.Logger) : null;
            rooms?.AddTo(api);
            StrangersCalls.Check(options.AllowStrangers, nameof(options.AllowStrangers), options.Api, api, options.Logger);
            peer = new SsbPeer(options, ownKeys, network, conn, api, lan, rooms, keys.Id);
            network.Serve(api);
            lan?.Start();
            if (options.Conn.Autostart)
                conn.Start();
            peer._log.Started(peer);
            return peer;
        }
        catch
        {
            if (rooms is not null)
                await rooms.DisposeAsync().ConfigureAwait(false);
            if (conn is not null)
                await conn.DisposeAsync().ConfigureAwait(false);
            if (network is not null)
                await network.DisposeAsync().ConfigureAwait(false);
            ownKeys?.Dispose();
            throw;
        }
    }

    /// <summary>Ends the peer. Closing again does nothing.</summary>
    /// <exception cref="IOException">The address book, or what was decided about peers, could not be written; the message names the
    /// file. All is
    /// closed all the same.</exception>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (_lan is not null)
                await _lan.DisposeAsync().ConfigureAwait(false);
            if (_rooms is not null)
                await _rooms.DisposeAsync().ConfigureAwait(false);
            await Conn.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            await Network.DisposeAsync().ConfigureAwait(false);
            _ownKeys?.Dispose();
            await _log.EndAsync(this).ConfigureAwait(false);
            _states.Dispose();
        }
    }

    // What of a peer needs a disk is in its folder.
    private static PeerNetworkLimits LimitsOf(SsbPeerOptions options) =>
        options.Folder is not null && options.Limits is { Rpc: { } rpc } && rpc.ReserveFolder == RpcOptions.DefaultReserveFolder
            ? options.Limits with { Rpc = rpc with { ReserveFolder = options.Folder } }
            : options.Limits;

    private static KeyPair OpenKeys(string? folder, ILogger logger)
    {
        if (folder is null)
            return KeyPair.Generate();
        OwnFiles.CreateFolder(folder);
        string path = Path.Combine(folder, SecretName);
        if (OwnFiles.IsFile(path))
        {
            KeyPair keys = SecretFile.Load(path);
            WarnOfOthers(path, logger);
            return keys;
        }

        try
        {
            return SecretFile.Create(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException && OwnFiles.FolderProblem(folder) is { } problem)
        {
            throw new IOException($"The identity '{path}' cannot be made: {problem}", e);
        }
    }

    // Whoever made it, it is not changed: another program may have its reasons, and a person can do it.
    private static void WarnOfOthers(string path, ILogger logger)
    {
        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        if (OperatingSystem.IsWindows()) // where a file has no mode
            return;
        try
        {
            UnixFileMode mode = File.GetUnixFileMode(path);
            if ((mode & Others) != UnixFileMode.None)
            {
                logger.LogWarning(
                    "The identity {Path} is open to other users of this machine (mode 0{Mode}): whoever reads it can speak as you. Close it: chmod 600 {Path}",
                    path, Convert.ToString((int)mode, 8), path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            logger.LogDebug(e, "The mode of {Path} cannot be read.", path); // it was read all the same
        }
    }

    private void OnConnected(PeerConnection connection)
    {
        if (connection.IsOurs)
            return;
        connection.Downloading = Conn.NotifyDownload;
        _rooms?.OnConnected(connection);
        if (_options.OnConnected is { } use)
            _ = UseAsync(connection, use); // ends with the connection, which the network waits for, and throws nothing
    }

    private async Task UseAsync(PeerConnection connection, Func<PeerConnection, CancellationToken, Task> use)
    {
        using var ended = new CancellationTokenSource();
        Task cancelling = CancelAsync();
        try
        {
            await use(connection, ended.Token).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }
        catch (Exception e) when (e is RpcException { Error: RpcError.ConnectionClosed } || (e is OperationCanceledException or RpcException && connection.Closed.IsCompleted))
        {
            // It ended with its connection.
        }
        catch (Exception e)
        {
            _states.Happened(nameof(SsbPeerOptions.OnConnected), $"What the host did with the connection of {connection.FeedId} failed.", e, LogLevel.Error);
        }

        await cancelling.ConfigureAwait(false);

        async Task CancelAsync()
        {
            await connection.Closed.ConfigureAwait(false);
            await ended.CancelAsync().ConfigureAwait(false);
        }
    }
}
