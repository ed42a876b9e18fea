using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Interop.Tests.Harness;
using Ssb.Wire;

namespace Interop.Tests.Wire;

/// <summary>A real JavaScript peer, see js/rpc-peer.js.</summary>
internal sealed class RpcPeer : IAsyncDisposable
{
    private readonly PeerProcess _process;
    private int _wishes;

    private RpcPeer(PeerProcess process, FeedId id, int port) => (_process, Id, Port) = (process, id, port);

    public FeedId Id { get; }

    public int Port { get; }

    public IReadOnlyList<JsonElement> Told => _process.Told;

    /// <summary>Starts one. It listens when this returns.</summary>
    /// <param name="seed">Gives its identity.</param>
    /// <param name="masters">Who may call everything; everybody else may read the manifest.</param>
    public static Task<RpcPeer> StartAsync(int seed, params FeedId[] masters) => StartAsync(seed, isQuiet: false, masters);

    /// <summary>Starts one that answers pings, and never pings.</summary>
    /// <inheritdoc cref="StartAsync(int, FeedId[])" path="/param"/>
    public static Task<RpcPeer> StartQuietAsync(int seed, params FeedId[] masters) => StartAsync(seed, isQuiet: true, masters);

    private static async Task<RpcPeer> StartAsync(int seed, bool isQuiet, FeedId[] masters)
    {
        string modules = await NodeModules.GetAsync();
        string options = JsonSerializer.Serialize(new { seed, port = FreePorts.Tcp(), master = masters.Select(id => id.ToString()), quiet = isQuiet });
        var process = new PeerProcess(
            LineProcess.Start(["node", "rpc-peer.js", options], NodeModules.Scripts, ("NODE_PATH", modules)), TestContext.Current.CancellationToken);
        JsonElement ready = await process.FindAsync(line => line.TryGetProperty("ready", out _));
        string address = ready.GetProperty("address").GetString() ?? "";
        return new RpcPeer(
            process, FeedId.Parse(ready.GetProperty("ready").GetString()), int.Parse(address.Split(':', '~')[2], CultureInfo.InvariantCulture));
    }

    /// <summary>Has it do something, and waits for the answer.</summary>
    public Task<JsonElement> DoAsync(string wish, object? parameters = null)
    {
        (JsonObject question, string id) = Wish(wish, parameters);
        return _process.AskAsync(question, id);
    }

    /// <summary>Has it do something; the answer is the first line that has a property of the returned name.</summary>
    public async Task<string> BeginAsync(string wish, object? parameters = null)
    {
        (JsonObject question, string id) = Wish(wish, parameters);
        await _process.SendAsync(question);
        return id;
    }

    /// <summary>The answer to what was begun, or the first event of this name; waits for it if need be.</summary>
    public async Task<JsonElement> FindAsync(string name) =>
        (await _process.FindAsync(line => line.TryGetProperty(name, out _))).GetProperty(name);

    /// <summary>The first event that satisfies the condition.</summary>
    public Task<JsonElement> FindAsync(Func<JsonElement, bool> wanted, int from = 0) => _process.FindAsync(wanted, from);

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private (JsonObject Question, string Id) Wish(string wish, object? parameters)
    {
        string id = "wish" + ++_wishes;
        JsonObject question = JsonSerializer.SerializeToNode(parameters ?? new object())!.AsObject(); // an object, never null
        question["do"] = wish;
        question["id"] = id;
        return (question, id);
    }
}
