using System.Net.Sockets;
using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Conn;
using Ssb.Conn.Net;
using Ssb.Conn.Net.Tests;
using Ssb.Wire;

namespace Interop.Tests.Peer;

/// <summary>Our own addresses of IPv6, as a JavaScript peer reads them: ssb-conn 6.0.4 is told nothing but the address, so that it finds the type out itself.</summary>
public sealed class PlainAddressTests : IAsyncDisposable
{
    private const int Theirs = 13, Own = 14;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60); // a guard

    private readonly TemporaryFolder _theirs = new(), _own = new();
    private readonly KeyPair _keys = JavaScriptPeer.KeysOf(Own), _theirKeys = JavaScriptPeer.KeysOf(Theirs);
    private readonly List<IAsyncDisposable> _open = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("net:::1:0~shs", "net:::1:")]
    [InlineData("net:!:!:1:0~shs", "net:::1:")]
    [InlineData("net:[::1]:0~shs", "net:::1:")]
    [InlineData("ws://[::1]:0~shs", "ws://[::1]:")]
    public async Task Address_OfAListenerOnIPv6_IsStagedAndDialledByJavaScript(string listen, string plain)
    {
        if (!Socket.OSSupportsIPv6)
            Needs.Missing("IPv6 is switched off on this host.");
        JavaScriptPeer there = Keep(await JavaScriptPeer.StartAsync(_theirs.Path, Theirs));
        SsbPeer ours = Keep(await OurPeer.StartAsync(_own.Path, _keys, options => options with { Listen = [listen] }));
        RpcConnection control = (await Keep(PeerNetwork.Open(Unhurried.Network(_theirKeys)))
            .ConnectAsync(MultiserverAddress.Parse(there.Address), Cancellation).WaitAsync(s_patience, Cancellation)).Rpc;
        string address = Assert.Single(ours.Addresses).Text;
        Assert.StartsWith(plain, address, StringComparison.Ordinal);

        Assert.Equal("true", await CallAsync(control, "conn.stage", address));
        await CallAsync(control, "conn.start");
        await CallAsync(control, "conn.stop");
        await CallAsync(control, "conn.remember", address);
        await CallAsync(control, "conn.connect", address);
        Patience.Until(() => ours.Network.Find(there.Id) is not null);

        // They are a caller, whose address is written plain, too.
        PeerConnection caller = ours.Network.Find(there.Id)!; // it is connected
        Assert.StartsWith(plain, caller.Address.Text, StringComparison.Ordinal);
        JsonElement seen = JsonElement.Parse(await CallAsync(control, "conn.dbPeers"));
        Assert.Equal(address, Assert.Single(seen.EnumerateArray())[0].GetString());
        Assert.Equal("true", await CallAsync(control, "conn.disconnect", address));
        Assert.Contains(there.Id.ToString(), await CallAsync(control, "whoami"), StringComparison.Ordinal); // it lives
    }

    public async ValueTask DisposeAsync()
    {
        await Disposal.AllAsync(_open);
        _keys.Dispose();
        _theirKeys.Dispose();
        _theirs.Dispose();
        _own.Dispose();
    }

    private T Keep<T>(T open)
        where T : IAsyncDisposable
    {
        _open.Insert(0, open);
        return open;
    }

    private static async Task<string> CallAsync(RpcConnection control, string name, params string[] arguments) =>
        (await control.CallAsync(name, [.. arguments.Select(RpcValue.Text)], Cancellation).WaitAsync(s_patience, Cancellation)).AsJson().GetRawText();
}
