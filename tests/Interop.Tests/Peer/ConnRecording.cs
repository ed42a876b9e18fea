using System.Text.Json;
using System.Text.Json.Nodes;
using Interop.Tests.Harness;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Interop.Tests.Peer;

/// <summary>What a peer answers to the program of calls in js/conn-client.js, which is stock ssb-client: one line for each call.</summary>
/// <param name="Calls">Their titles, in order; each is there once.</param>
/// <param name="Lines">What came back, by title.</param>
internal sealed record ConnRecording(IReadOnlyList<string> Calls, IReadOnlyDictionary<string, JsonObject> Lines)
{
    private const int Seed = 1;

    /// <summary>Only a guard.</summary>
    private static readonly TimeSpan s_patience = Patience.Guard;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Of a JavaScript peer with ssb-conn 6.0.4.</summary>
    public static async Task<ConnRecording> OfJavaScriptAsync()
    {
        using var folder = new TemporaryFolder();
        await using JavaScriptPeer peer = await JavaScriptPeer.StartAsync(folder.Path, Seed);
        return await OfAsync(peer.Address);
    }

    /// <summary>Of a peer of ours.</summary>
    public static async Task<ConnRecording> OfOursAsync()
    {
        using var folder = new TemporaryFolder();
        using KeyPair keys = JavaScriptPeer.KeysOf(Seed);
        await using SsbPeer peer = await OurPeer.StartAsync(folder.Path, keys, options => options with
        {
            Lan = new LanOptions { Loopback = true, NormalPort = FreePorts.Tcp(), LegacyPort = FreePorts.Tcp() },
        });
        return await OfAsync(peer.Addresses[0].Text);
    }

    private static async Task<ConnRecording> OfAsync(string address)
    {
        string modules = await NodeModules.GetAsync();
        string options = JsonSerializer.Serialize(new { address, seed = Seed, third = FreePorts.Tcp(), nobody = FreePorts.Tcp() });
        await using var client = LineProcess.Start(["node", "conn-client.js", options], NodeModules.Scripts, ("NODE_PATH", modules));
        var calls = new List<string>();
        var lines = new Dictionary<string, JsonObject>();
        while (true)
        {
            JsonObject line = JsonObject.Create(await client.ReceiveAsync(s_patience, Cancellation))!; // LineProcess gives objects
            if (line.ContainsKey("over"))
                return new ConnRecording(calls, lines);
            Assert.False(line.ContainsKey("crashed"), line.ToJsonString());
            string call = line["call"]!.GetValue<string>();
            line.Remove("call");
            Assert.True(lines.TryAdd(call, line), $"'{call}' is there twice.");
            calls.Add(call);
        }
    }
}
