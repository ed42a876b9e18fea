using System.Text.Json;
using Interop.Tests.Harness;

namespace Interop.Tests.Cli;

/// <summary>A real JavaScript peer with ssb-conn 6.0.4, see js/cli-peer.js, and the tool to steer it with.</summary>
internal sealed class CliPeer : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = Patience.Guard;
    private static readonly string[] s_tool = BuiltProgram.Command("ssb-conn");

    private readonly TemporaryFolder _folder = new();
    private readonly int _port = FreePorts.Tcp();
    private PeerProcess? _process;

    /// <summary>Its SSB folder.</summary>
    public string Folder => _folder.Path;

    public string Id { get; private set; } = "";

    /// <summary>Where it listens on loopback.</summary>
    public string Address => $"net:127.0.0.1:{_port}~shs:{Id[1..^8]}";

    /// <summary>Where it listens in its folder.</summary>
    public string Socket => $"unix:{Folder}/socket~noauth";

    /// <summary>Starts one. It listens when this returns.</summary>
    public static async Task<CliPeer> StartAsync()
    {
        var peer = new CliPeer();
        await peer.RestartAsync();
        return peer;
    }

    /// <summary>Ends it, if it runs, and starts it as it was.</summary>
    public async Task RestartAsync()
    {
        string modules = await NodeModules.GetAsync();
        await StopAsync();
        File.Delete(System.IO.Path.Combine(Folder, "socket"));
        string options = JsonSerializer.Serialize(new { path = Folder, port = _port });
        _process = new PeerProcess(
            LineProcess.Start(["node", "cli-peer.js", options], NodeModules.Scripts, ("NODE_PATH", modules)), TestContext.Current.CancellationToken);
        Id = (await _process.FindAsync(line => line.TryGetProperty("ready", out _))).GetProperty("ready").GetString() ?? "";
    }

    public async Task StopAsync()
    {
        if (_process is not null)
            await _process.DisposeAsync();
        _process = null;
    }

    /// <summary>Runs a command of the tool on it, found by its folder.</summary>
    public Task<(int Code, string Output)> RunAsync(params string[] command) => RunToolAsync([.. command, "--path", Folder]);

    /// <summary>Runs a command that gives JSON lines.</summary>
    public async Task<JsonElement[]> LinesAsync(params string[] command)
    {
        (int code, string output) = await RunAsync([.. command, "--json"]);
        Assert.True(code == 0, output);
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];
    }

    /// <summary>Starts a command that gives JSON lines until it is ended.</summary>
    public PeerProcess Begin(params string[] command) => new(
        LineProcess.Start([.. s_tool, .. command, "--path", Folder], Folder), TestContext.Current.CancellationToken);

    /// <summary>Runs a command of the tool.</summary>
    public static Task<(int Code, string Output)> RunToolAsync(params string[] command) =>
        Command.RunAsync(s_patience, AppContext.BaseDirectory, [.. s_tool, .. command]);

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _folder.Dispose();
    }
}
