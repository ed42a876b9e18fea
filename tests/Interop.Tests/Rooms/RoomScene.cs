using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Conn;
using Ssb.Conn.Net;
using Ssb.Conn.Net.Tests;
using Ssb.Conn.Net.Tests.Rooms;
using Ssb.Wire;

namespace Interop.Tests.Rooms;

/// <summary>Which room.</summary>
public enum RoomKind
{
    /// <summary>npm ssb-room 1.3.0.</summary>
    JavaScript1,

    /// <summary>Ours, of the second kind; no such server is on npm.</summary>
    Ours2,
}

/// <summary>A room, and peers of both makes that go there, on loopback and in a network of their own.</summary>
internal sealed class RoomScene : IAsyncDisposable
{
    private const int RoomSeed = 90;

    private static readonly TimeSpan s_guard = Patience.Guard;

    private readonly RoomKind _kind;
    private readonly NetworkKey _network = NetworkKey.Generate();
    private readonly TemporaryFolder _folder = new();
    private readonly int _port = FreePorts.Tcp();
    private readonly KeyPair _roomKeys = KeyPair.FromSeed(SeedOf(RoomSeed));
    private readonly List<IAsyncDisposable> _peers = [];
    private IAsyncDisposable? _room;

    private RoomScene(RoomKind kind) => _kind = kind;

    public static string Name => "the room";

    public FeedId Room => _roomKeys.Id;

    public NetworkKey Network => _network;

    public MultiserverAddress Address => MultiserverAddress.Parse($"net:127.0.0.1:{_port}~shs:{Room.ToBase64()}");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Starts a room.</summary>
    public static async Task<RoomScene> StartAsync(RoomKind kind)
    {
        var scene = new RoomScene(kind);
        await scene.OpenRoomAsync();
        return scene;
    }

    /// <summary>Opens the room, again if it was ended: the same identity at the same address.</summary>
    public async Task OpenRoomAsync()
    {
        if (_kind == RoomKind.Ours2)
            _room = TestRoom.Open(_roomKeys, _network, $"net:127.0.0.1:{_port}~shs", Name);
        else
            _room = await StartAsync("room.js", RoomSeed, _port);
    }

    /// <summary>Ends the room, without a word if it is JavaScript's.</summary>
    public async Task KillRoomAsync()
    {
        if (_room is not null)
            await _room.DisposeAsync();
        _room = null;
    }

    /// <summary>A peer of ours that dials rooms alone by itself.</summary>
    public async Task<SsbPeer> StartOursAsync()
    {
        SsbPeer peer = await SsbPeer.StartAsync(Unhurried.Peer with
        {
            NetworkKey = _network,
            Listen = ["net:127.0.0.1:0~shs"],
            Conn = Unhurried.Conn with { Scheduler = new SchedulerOptions { PeerQuota = 0 } },
        }, Token);
        _peers.Add(peer);
        return peer;
    }

    /// <summary>A JavaScript peer, see js/attendant.js.</summary>
    public async Task<Attendant> StartTheirsAsync(int seed)
    {
        using KeyPair keys = KeyPair.FromSeed(SeedOf(seed));
        var peer = new Attendant(await StartAsync("attendant.js", seed, FreePorts.Tcp()), keys.Id);
        _peers.Add(peer);
        return peer;
    }

    /// <summary>The address of an attendant.</summary>
    public MultiserverAddress Tunnel(FeedId attendant) => MultiserverAddress.Parse($"tunnel:{Room}:{attendant}~shs:{attendant.ToBase64()}");

    /// <summary>Waits until exactly these are on the bench of a peer of ours.</summary>
    public void UntilStaged(SsbPeer peer, params FeedId[] attendants)
    {
        string[] wanted = [.. attendants.Select(a => Tunnel(a).Text).Order(StringComparer.Ordinal)];
        Patience.Until(
            () => peer.Conn.Staging.Entries().Select(e => e.Address.Text).Order(StringComparer.Ordinal).SequenceEqual(wanted),
            () => $"Staged were {string.Join(", ", peer.Conn.Staging.Entries())}, and not {string.Join(", ", wanted)}.");
    }

    /// <summary>The same of a JavaScript peer, told from this line on.</summary>
    public async Task<JsonElement> UntilStagedAsync(Attendant peer, int from, params FeedId[] attendants)
    {
        string[] wanted = [.. attendants.Select(a => Tunnel(a).Text).Order(StringComparer.Ordinal)];
        JsonElement told = await peer.Process.FindAsync(line => line.TryGetProperty("staged", out JsonElement staged)
            && staged.EnumerateArray().Select(e => e[0].GetString()!).Order(StringComparer.Ordinal).SequenceEqual(wanted), from);
        return told.GetProperty("staged");
    }

    /// <summary>Has a peer of ours go into the room.</summary>
    public Task EnterAsync(SsbPeer peer) => EnterAsync(peer, Address);

    /// <summary>The same, by another address of the room.</summary>
    public static Task EnterAsync(SsbPeer peer, MultiserverAddress address) => peer.Conn.ConnectAsync(address, cancellationToken: Token).WaitAsync(s_guard, Token);

    /// <summary>The same of a JavaScript peer.</summary>
    public Task EnterAsync(Attendant peer) => peer.ConnectAsync(Room, Address);

    /// <summary>Has a peer of ours connect to an attendant, and asks what is there: the procedures it serves.</summary>
    public async Task<IReadOnlyCollection<string>> ReachAsync(SsbPeer peer, FeedId who)
    {
        var connection = (PeerConnection)await peer.Conn.ConnectAsync(Tunnel(who), cancellationToken: Token).WaitAsync(s_guard, Token);
        Assert.Equal(who, connection.FeedId);
        return [.. (await connection.Rpc.GetManifestAsync(Token).WaitAsync(s_guard, Token)).Procedures.Keys];
    }

    public async ValueTask DisposeAsync()
    {
        await Disposal.TogetherAsync(_peers);
        await Disposal.RunAsync(KillRoomAsync);
        _roomKeys.Dispose();
        _folder.Dispose();
    }

    private static byte[] SeedOf(int seed) => [.. Enumerable.Repeat((byte)seed, 32)];

    private async Task<PeerProcess> StartAsync(string script, int seed, int port)
    {
        string modules = await NodeModules.GetAsync();
        string path = Directory.CreateDirectory(Path.Combine(_folder.Path, $"{seed}")).FullName;
        string options = JsonSerializer.Serialize(new { path, host = "127.0.0.1", port, seed, network = _network.ToBase64(), name = Name });
        var process = new PeerProcess(LineProcess.Start(["node", script, options], NodeModules.Scripts, ("NODE_PATH", modules)), Token);
        await process.FindAsync(line => line.TryGetProperty("ready", out _));
        return process;
    }
}

/// <summary>A JavaScript peer that goes to rooms.</summary>
internal sealed class Attendant(PeerProcess process, FeedId id) : IAsyncDisposable
{
    public PeerProcess Process => process;

    public FeedId Id => id;

    /// <summary>How many lines it has told.</summary>
    public int Now => process.Told.Count;

    public Task RememberAsync(MultiserverAddress room) => process.SendAsync(new { @do = "remember", address = room.Text, data = new { type = "room" } });

    public Task DisconnectAsync(MultiserverAddress address) => process.SendAsync(new { @do = "disconnect", address = address.Text });

    public Task ConnectAsync(FeedId who, MultiserverAddress address) => ReachAsync("connect", who, address);

    /// <summary>Has it connect, and asks what is there: the procedures it serves.</summary>
    public async Task<IReadOnlyCollection<string>> ReachAsync(FeedId who, MultiserverAddress address) =>
        [.. RpcManifest.Read((await ReachAsync("reach", who, address)).GetProperty("manifest")).Procedures.Keys];

    public ValueTask DisposeAsync() => process.DisposeAsync();

    private async Task<JsonElement> ReachAsync(string wish, FeedId who, MultiserverAddress address)
    {
        JsonElement reached = await process.AskAsync(new { @do = wish, address = address.Text }, "reached");
        Assert.True(reached.TryGetProperty("id", out JsonElement told), reached.GetRawText());
        Assert.Equal(who.ToString(), told.GetString());
        return reached;
    }
}
