using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Conn;
using Ssb.Conn.Net;
using Ssb.Conn.Net.Tests;
using Ssb.Wire;

namespace Interop.Tests.Peer;

/// <summary>A JavaScript peer with ssb-conn 6.0.4 on loopback, see js/conn-peer.js.</summary>
internal sealed class JavaScriptPeer : IAsyncDisposable
{
    private readonly PeerProcess _process;

    private JavaScriptPeer(PeerProcess process, FeedId id, int port, int ws, JsonElement manifest)
    {
        (_process, Id, Port, Manifest) = (process, id, port, manifest);
        Address = $"net:127.0.0.1:{port}~shs:{id.ToBase64()}";
        WebSocketAddress = $"ws://127.0.0.1:{ws}~shs:{id.ToBase64()}";
    }

    public FeedId Id { get; }

    public int Port { get; }

    /// <summary>Where it listens for TCP.</summary>
    public string Address { get; }

    /// <summary>Where it listens for WebSockets.</summary>
    public string WebSocketAddress { get; }

    public JsonElement Manifest { get; }

    /// <summary>Who a peer of this seed is.</summary>
    public static KeyPair KeysOf(int seed)
    {
        var bytes = new byte[32];
        Array.Fill(bytes, (byte)seed);
        return KeyPair.FromSeed(bytes);
    }

    /// <summary>Starts one. It listens when this returns.</summary>
    /// <param name="folder">Its SSB folder.</param>
    /// <param name="seed">Who it is; 0 for whom the folder's <c>secret</c> says.</param>
    /// <param name="port">Where it listens for TCP; 0 for a free port.</param>
    public static async Task<JavaScriptPeer> StartAsync(string folder, int seed = 0, int port = 0)
    {
        string modules = await NodeModules.GetAsync();
        port = port == 0 ? FreePorts.Tcp() : port;
        int ws = FreePorts.Tcp();
        string options = JsonSerializer.Serialize(new { path = folder, port, ws, seed });
        var process = new PeerProcess(
            LineProcess.Start(["node", "conn-peer.js", options], NodeModules.Scripts, ("NODE_PATH", modules)), TestContext.Current.CancellationToken);
        JsonElement ready = await process.FindAsync(line => line.TryGetProperty("ready", out _));
        return new JavaScriptPeer(process, FeedId.Parse(ready.GetProperty("ready").GetString()!), port, ws, ready.GetProperty("manifest"));
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}

/// <summary>A peer of ours on loopback, set up as the JavaScript one is.</summary>
internal static class OurPeer
{
    /// <summary>Starts one.</summary>
    /// <param name="folder">Its SSB folder.</param>
    /// <param name="keys">Who it is; null for whom the folder's <c>secret</c> says.</param>
    /// <param name="with">Changes the options.</param>
    public static Task<SsbPeer> StartAsync(string folder, KeyPair? keys = null, Func<SsbPeerOptions, SsbPeerOptions>? with = null)
    {
        var options = Unhurried.Peer with
        {
            Rooms = false, // theirs is without ssb-room-client, too
            Keys = keys,
            Folder = folder,
            Listen = ["net:127.0.0.1:0~shs", "ws:127.0.0.1:0~shs"],
            Conn = Unhurried.Conn with { Autostart = false },
        };
        return SsbPeer.StartAsync(with?.Invoke(options) ?? options, TestContext.Current.CancellationToken);
    }
}
