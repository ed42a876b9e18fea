using System.Text.Json;
using System.Text.Json.Nodes;
using Interop.Tests.Harness;
using Interop.Tests.Rooms;

namespace Interop.Tests.Lan;

/// <summary>Starts peers on the hosts of a network, real JavaScript ones and ours.</summary>
internal sealed class LanHosts : IAsyncDisposable
{
    private static readonly string[] s_tool = BuiltProgram.Command("ssb-conn");
    private static readonly TimeSpan s_patience = Patience.Guard;

    private readonly NetworkNamespaces _network;
    private readonly List<PeerProcess> _peers = [];
    private readonly TemporaryFolder _folder = new();
    private readonly string _modules;

    private LanHosts(NetworkNamespaces network, string modules) => (_network, _modules) = (network, modules);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<LanHosts> CreateAsync(params int[] hosts)
    {
        string modules = await NodeModules.GetAsync();
        return new LanHosts(await NetworkNamespaces.CreateAsync(hosts), modules);
    }

    public NetworkNamespaces Network => _network;

    /// <summary>Who a peer of this seed is.</summary>
    public static string Id(int seed)
    {
        using var keys = Ssb.Wire.KeyPair.FromSeed([.. Enumerable.Repeat((byte)seed, Ssb.Wire.KeyPair.SeedSize)]);
        return keys.Id.ToString();
    }

    /// <summary>What a peer of this seed announces from this host.</summary>
    public static string Address(int host, int seed) => $"net:{NetworkNamespaces.Address(host)}:8008~shs:{Id(seed)[1..45]}";

    /// <summary>A peer of ours, see Interop.LanPeer.</summary>
    public PeerProcess StartOurs(int host) =>
        Add(LineProcess.Start(_network.On(host, BuiltProgram.Command("Interop.LanPeer")), _folder.Path));

    /// <summary>Our tool's peer, with its line-JSON; its seed is the number of its host. It runs when this returns.</summary>
    public async Task<PeerProcess> StartToolAsync(int host, params string[] options)
    {
        (PeerProcess peer, JsonElement started) = await StartToolAnywhereAsync(host, options);
        IEnumerable<string> firstRoutes = started.GetProperty("addresses").EnumerateArray().Select(address => address.GetString()!.Split(';')[0]);
        Assert.Contains(Address(host, host), firstRoutes);
        return peer;
    }

    /// <summary>The same on a host that may have another address than usual, or none.</summary>
    public async Task<(PeerProcess Peer, JsonElement Started)> StartToolAnywhereAsync(int host, params string[] options)
    {
        string folder = FolderOfTool(host);
        string secret = Path.Combine(folder, "secret");
        Directory.CreateDirectory(folder);
        byte[] seed = [.. Enumerable.Repeat((byte)host, Ssb.Wire.KeyPair.SeedSize)];
        string id = Id(host), open = id[1..45];
        string hidden = Convert.ToBase64String([.. seed, .. Convert.FromBase64String(open)]);
        await File.WriteAllTextAsync(secret, JsonSerializer.Serialize(new { curve = "ed25519", @public = $"{open}.ed25519", @private = $"{hidden}.ed25519", id }), Cancellation);
        string[] command = [.. s_tool, "start", "--json", "--path", folder, "--port", "8008", .. options];
        PeerProcess peer = Add(LineProcess.Start(_network.On(host, command), _folder.Path));
        return (peer, await peer.FindAsync(line => line.TryGetProperty("addresses", out _)));
    }

    /// <summary>Runs another command of our tool for the peer that runs there.</summary>
    public Task TellToolAsync(int host, params string[] command) => AskToolAsync(host, command);

    /// <summary>The same, and tells what it wrote.</summary>
    public async Task<string> AskToolAsync(int host, params string[] command)
    {
        (int exitCode, string output) = await Command.RunAsync(s_patience, _folder.Path, _network.On(host, [.. s_tool, .. command, "--path", FolderOfTool(host)]));
        Assert.True(exitCode == 0, output);
        return output;
    }

    /// <summary>A real room of the first kind, see room.js; its seed is the number of its host. It is open when this returns.</summary>
    public Task<PeerProcess> StartRoomAsync(int host) => StartScriptAsync(host, "room.js", new { network = Ssb.Wire.NetworkKey.Main.ToBase64(), name = "the room" });

    /// <summary>A real JavaScript peer that goes to rooms, see attendant.js; its seed is the number of its host.</summary>
    public async Task<Attendant> StartAttendantAsync(int host) =>
        new(await StartScriptAsync(host, "attendant.js", new { network = Ssb.Wire.NetworkKey.Main.ToBase64() }), FeedId.Parse(Id(host)));

    /// <summary>A JavaScript peer in a web page of that origin, see browser.js; its seed is the number of its host.</summary>
    public Task<PeerProcess> StartPageAsync(int host, string origin) => StartScriptAsync(host, "browser.js", new { origin });

    /// <summary>A real JavaScript peer, see peer.js; its seed is the number of its host. It is ready, and announces, when this returns.</summary>
    public async Task<PeerProcess> StartTheirsAsync(int host, string? network = null, bool normal = true, bool legacy = true,
        bool scopes = false, params int[] knows)
    {
        Dictionary<string, int>? hops = knows.Length == 0 ? null : knows.ToDictionary(Id, _ => 1);
        PeerProcess peer = await StartScriptAsync(host, "peer.js", new { network, normal, legacy, scopes, hops });
        JsonElement ready = await peer.FindAsync(line => line.TryGetProperty("ready", out _));
        Assert.Equal(Address(host, host), ready.GetProperty("address").GetString());
        return peer;
    }

    public async ValueTask DisposeAsync()
    {
        await Disposal.TogetherAsync(_peers);
        await Disposal.AllAsync([_network]);
        _folder.Dispose();
    }

    private string FolderOfTool(int host) => Path.Combine(_folder.Path, $"tool-{host}");

    private async Task<PeerProcess> StartScriptAsync(int host, string script, object more)
    {
        JsonObject options = JsonSerializer.SerializeToNode(more)!.AsObject(); // an object is one
        options["path"] = Directory.CreateDirectory(Path.Combine(_folder.Path, $"peer-{host}")).FullName;
        options["host"] = NetworkNamespaces.Address(host);
        options["port"] = 8008;
        options["seed"] = host;
        PeerProcess peer = Add(LineProcess.Start(_network.On(host, "node", script, options.ToJsonString()), NodeModules.Scripts, ("NODE_PATH", _modules)));
        await peer.FindAsync(line => line.TryGetProperty("ready", out _));
        return peer;
    }

    private PeerProcess Add(LineProcess process)
    {
        var peer = new PeerProcess(process, Cancellation);
        _peers.Add(peer);
        return peer;
    }
}

/// <summary>Reading what peers told.</summary>
internal static class LanLines
{
    /// <summary>Is this a change of our bench, of this kind, at this address?</summary>
    public static bool IsChange(this JsonElement line, string kind, string address) =>
        line.TryGetProperty("change", out JsonElement change) && change.GetString() == kind && line.IsAbout(address);

    public static bool IsAbout(this JsonElement line, string address) =>
        line.TryGetProperty("address", out JsonElement about) && about.GetString() == address && line.TryGetProperty("change", out _);

    public static bool IsVerified(this JsonElement line) =>
        line.TryGetProperty("verified", out JsonElement verified) && verified.ValueKind == JsonValueKind.True;

    /// <summary>Is this the hub of a JavaScript peer, in which this one is connected?</summary>
    public static bool HasConnected(this JsonElement line, string id) =>
        line.EntriesOf("peers", id).Exists(entry => entry[1].GetProperty("state").GetString() == "connected");

    /// <summary>The entries for one peer in the hub (<c>peers</c>) or on the bench (<c>staged</c>) of a JavaScript peer.</summary>
    public static List<JsonElement> EntriesOf(this JsonElement line, string pool, string id) =>
        line.TryGetProperty(pool, out JsonElement entries)
        ? [.. entries.EnumerateArray().Where(entry => entry[1].TryGetProperty("key", out JsonElement key) && key.GetString() == id)]
        : [];

    public static long Number(this JsonElement line, string name) => line.GetProperty(name).GetInt64();

    /// <summary>When a JavaScript peer announced itself, as far as its output was read.</summary>
    public static IEnumerable<long> Announced(this PeerProcess theirs) =>
        theirs.Told.Where(line => line.TryGetProperty("announced", out _)).Select(line => line.Number("announced"));
}
