using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Interop.Tests.Harness;
using Ssb.Conn.Net;
using Ssb.Conn.Net.Tests;
using Ssb.Wire;

namespace Interop.Tests.Peer;

/// <summary>The stock command line, ssb-server 16.0.1, steers our peer as it steers one with ssb-conn 6.0.4: what it prints, and how it ends.</summary>
public partial class CommandLineTests
{
    private const string Key = "pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";
    private const string Somebody = $"net:127.0.0.1:9752~shs:{Key}";
    private const string Nameless = "unix:/nonesuch/socket~noauth"; // whose key our bench cannot tell

    private static readonly TimeSpan s_patience = Patience.Guard;

    // What is printed to stdout, as JSON, or the error that ends the program.
    private static readonly string[][] s_same =
    [
        ["whoami"],
        ["conn.stage", Nameless, "--type", "pub", "--note", "snow ☃"], // a peer of the LAN would expire before a loaded machine has unstaged it
        ["conn.stagedPeers"],
        ["conn.unstage", Nameless],
        ["conn.stage", "!!no address"],
        ["conn.remember", Somebody, "--type", "pub", "--hops", "1e21"],
        ["conn.dbPeers"],
        ["conn.forget", Somebody],
        ["conn.disconnect", Somebody],
        ["conn.peers"],
        ["conn.nothing"],
        ["conn.start"],
        ["conn.stop"],
    ];

    [Fact]
    public async Task Commands_OfTheStockProgram_PrintAndEndTheSame()
    {
        string program = Path.Combine(await NodeModules.GetAsync("js-cli"), "ssb-server", "bin.js");
        using TemporaryFolder theirs = new(), ours = new();
        await using JavaScriptPeer there = await JavaScriptPeer.StartAsync(theirs.Path);
        await using SsbPeer peer = await OurPeer.StartAsync(ours.Path);
        int port = peer.Addresses[0].Routes[0].Port!.Value; // it listens for TCP
        using KeyPair keys = SecretFile.Load(Path.Combine(ours.Path, "secret"));
        await using PeerNetwork control = PeerNetwork.Open(Unhurried.Network(keys));
        RpcConnection rpc = (await control.ConnectAsync(peer.Addresses[0], TestContext.Current.CancellationToken)).Rpc;
        string manifest = (await rpc.CallAsync("manifest", cancellationToken: TestContext.Current.CancellationToken)).AsJson().GetRawText();
        await File.WriteAllTextAsync(Path.Combine(theirs.Path, "manifest.json"), there.Manifest.GetRawText(), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(ours.Path, "manifest.json"), manifest, TestContext.Current.CancellationToken);

        Task<List<string>> running = RunAllAsync(theirs.Path, there.Port, there.Id);
        List<string> own = await RunAllAsync(ours.Path, port, peer.Id);
        Assert.Equal(await running, own);

        // Names of ours: its options go behind the arguments of every call, as an object.
        string until = "4102444800000", who = $"@{Key}.ed25519";
        Assert.Equal("0: true ", await RunAsync(ours.Path, port, peer.Id, "conn.block", who, "--reason", "spam"));
        Assert.Equal("0: true ", await RunAsync(ours.Path, port, peer.Id, "conn.undo", who, "--verbose"));
        Assert.Equal("0: true ", await RunAsync(ours.Path, port, peer.Id, "conn.dismiss", who, "--hops", "3"));
        Assert.Null(Assert.Single(peer.Conn.Rules).Until);
        Assert.Equal("0: true ", await RunAsync(ours.Path, port, peer.Id, "conn.dismiss", who, until, "--reason", "spam"));
        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(until, CultureInfo.InvariantCulture)), Assert.Single(peer.Conn.Rules).Until);
        Assert.Equal("0: true ", await RunAsync(ours.Path, port, peer.Id, "conn.snooze", who, "60000", "--reason", "spam"));
        Assert.StartsWith("0: {", await RunAsync(ours.Path, port, peer.Id, "conn.why", who, "--json"), StringComparison.Ordinal);
        Assert.Equal("0: true ", await RunAsync(ours.Path, port, peer.Id, "conn.undo", who));

        // On purpose: data that are text. There each of its characters becomes a field of the peer.
        Assert.Contains("The given connection data should have been an object", await RunAsync(ours.Path, port, peer.Id, "conn.stage", Somebody, """{"type":"lan"}"""), StringComparison.Ordinal);
        // And why a dial failed.
        string failed = await RunAsync(ours.Path, port, peer.Id, "conn.connect", $"net:127.0.0.1:{FreePorts.Tcp()}~shs:{Key}");
        Assert.StartsWith("1: ", failed, StringComparison.Ordinal);
        Assert.Contains("could not be reached", failed, StringComparison.Ordinal);

        async Task<List<string>> RunAllAsync(string folder, int port, FeedId id)
        {
            var all = new List<string>();
            foreach (string[] command in s_same)
                all.Add($"{string.Join(' ', command)} -> {await RunAsync(folder, port, id, command)}");
            return all;
        }

        Task<string> RunAsync(string folder, int port, FeedId id, params string[] command) => RunProgramAsync(
            folder, id, ["node", program, .. command, "--", "--path", folder, "--host", "127.0.0.1", "--port", port.ToString(CultureInfo.InvariantCulture)]);
    }

    // Its exit code, what it printed, and the error that it threw. A live stream is read to its first item, and the program ended.
    private static Task<string> RunProgramAsync(string folder, FeedId id, string[] command) =>
        StockProgram.CallAsync(() => RunOnceAsync(folder, id, command));

    private static async Task<(string Answer, string Errors)> RunOnceAsync(string folder, FeedId id, string[] command)
    {
        using var guard = new CancellationTokenSource(s_patience, TimeProvider.System);
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            UseShellExecute = false,
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!; // null only with UseShellExecute
        try
        {
            Task<string> errors = process.StandardError.ReadToEndAsync(guard.Token);
            var output = new List<string>();
            bool isLive = false;
            while (!isLive && await process.StandardOutput.ReadLineAsync(guard.Token) is { } line)
            {
                isLive = line.Length == 0; // an item and an empty line: only streams are printed so
                output.Add(line);
            }

            if (isLive)
                process.Kill();
            await process.WaitForExitAsync(guard.Token);
            string printed = Normal(string.Join('\n', output), id);
            string said = await errors;
            IEnumerable<string> error = Error().Matches(said).Select(m => m.Value);
            return ($"{(isLive ? "live" : process.ExitCode)}: {printed} {string.Join(' ', error)}", said);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
    }

    // Who it is and when it was differ, and so does the order of fields.
    private static string Normal(string output, FeedId id)
    {
        output = Time().Replace(output.Replace(id.ToString(), "OURSELVES", StringComparison.Ordinal), "\"TIME\"");
        try
        {
            return Sorted(JsonNode.Parse(output))?.ToJsonString() ?? "null";
        }
        catch (System.Text.Json.JsonException)
        {
            return output;
        }
    }

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject some => new JsonObject(some.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, Sorted(p.Value)))),
        JsonArray many => new JsonArray([.. many.Select(Sorted)]),
        _ => node?.DeepClone(),
    };

    [GeneratedRegex(@"\b1[0-9]{12}\b", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Time();

    [GeneratedRegex(@"(message|name): '[^']*'|^\w*Error: .*$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Error();
}
