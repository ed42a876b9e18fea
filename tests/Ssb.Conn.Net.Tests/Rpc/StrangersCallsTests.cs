using Microsoft.Extensions.Logging;
using Ssb.Conn.Net.Tests.Hosting;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rpc;

/// <summary>Lists of what peers may call: each name opens what it says.</summary>
public sealed class StrangersCallsTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static RpcApi Api => new RpcApi().Sync("blobs.get", _ => "blob").Sync("blobs.has", _ => true).Sync("conn.mine", _ => "mine").Sync("echo", _ => "echo");

    [Theory]
    [InlineData("typo.name", "AllowStrangers has 'typo.name', which is the name of no procedure, and the beginning of none. The procedures of Api are blobs.get, blobs.has, conn.mine, echo.")]
    [InlineData("blobs.gets", "AllowStrangers has 'blobs.gets', which is the name of no procedure")]
    [InlineData("blob", "AllowStrangers has 'blob', which is the name of no procedure")]
    [InlineData("blobs.", "AllowStrangers has 'blobs.', which is the name of no procedure")]
    [InlineData("conn.stages", "AllowStrangers has 'conn.stages', which is the name of no procedure")]
    [InlineData("lan.start", "AllowStrangers has 'lan.start', which is the name of no procedure")] // there is no LAN discovery
    [InlineData("conn", "AllowStrangers has 'conn', which would let strangers call ")]
    [InlineData("tunnel", "AllowStrangers has 'tunnel', which would let strangers call 2 procedures of the peer itself, such as tunnel.connect: name those in full that are meant.")]
    [InlineData("gossip", "AllowStrangers has 'gossip', which would let strangers call ")]
    [InlineData("", "AllowStrangers holds a text that is null or empty.")]
    public async Task AllowStrangers_NameThatOpensNothingOrTooMuch_EndsTheStart(string name, string message)
    {
        using KeyPair keys = KeyPair.Generate();
        ArgumentException e = await Assert.ThrowsAsync<ArgumentException>(() => SsbPeer.StartAsync(
            Unhurried.Peer with { Keys = keys, Api = Api, AllowStrangers = [name] }, Token));
        Assert.StartsWith(message, e.Message, StringComparison.Ordinal);
        Assert.Equal("AllowStrangers", e.ParamName);
    }

    [Theory]
    [InlineData("conn.block", true), InlineData("conn.stage", true), InlineData("whoami", true)]
    [InlineData("conn.ping", false), InlineData("manifest", false), InlineData("tunnel.connect", false), InlineData("blobs", false), InlineData("conn.mine", false), InlineData("echo", false)]
    public async Task AllowStrangers_ProcedureOfOwners_IsWarnedOf(string name, bool isWarnedOf)
    {
        var log = new LogLines();
        using KeyPair keys = KeyPair.Generate();
        await using SsbPeer peer = await SsbPeer.StartAsync(
            Unhurried.Peer with { Keys = keys, Api = Api, AllowStrangers = [name], Logger = log.CreateLogger("") }, Token);
        Assert.Equal(
            isWarnedOf ? [$"AllowStrangers lets every stranger call {name}, which is for owners."] : [],
            log.All.Where(l => l.Level >= LogLevel.Warning).Select(l => l.Text));
    }

    [Fact]
    public void Access_OfANetwork_NameThatNoProcedureHas_IsAnError()
    {
        using KeyPair keys = KeyPair.Generate();
        foreach (RpcAccess access in (RpcAccess[])[
            new(new RpcPermissions(["manifest", "typo"])),
            new(new RpcPermissions(deny: ["typo"])), // it would forbid nothing
            RpcAccess.Default.With(keys.Id, new RpcPermissions(["blobs", "typo"]))])
        {
            ArgumentException e = Assert.Throws<ArgumentException>(() => PeerNetwork.Open(Unhurried.Network(keys) with { Api = Api, Access = access }));
            Assert.StartsWith("'typo' is the name of no procedure", e.Message, StringComparison.Ordinal);
            Assert.Equal("Access", e.ParamName);
        }
    }

    [Theory]
    [InlineData("localhost:3000"), InlineData("http://localhost:3000/app"), InlineData("http://*.example.org"), InlineData(""), InlineData(null), InlineData("http://a@b"), InlineData("example.org")]
    public void LocalOrigins_WhatNoBrowserSays_IsAnError(string? origin)
    {
        using KeyPair keys = KeyPair.Generate();
        ArgumentException e = Assert.Throws<ArgumentException>(() => PeerNetwork.Open(Unhurried.Network(keys) with { Limits = Unhurried.Limits with { LocalOrigins = [origin!] } }));
        Assert.Equal("LocalOrigins", e.ParamName);
    }

    [Theory]
    [InlineData("http://localhost:3000"), InlineData("https://example.org/"), InlineData("*"), InlineData("null"), InlineData("app://obsidian.md"), InlineData("http://[::1]:80")]
    public async Task LocalOrigins_WhatBrowsersSay_IsTaken(string origin)
    {
        using KeyPair keys = KeyPair.Generate();
        await using PeerNetwork network = PeerNetwork.Open(Unhurried.Network(keys) with { Limits = Unhurried.Limits with { LocalOrigins = [origin] } });
        Assert.Empty(network.Addresses);
    }
}
