using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Hosting;

public sealed class ConfigurationTests : HostTestBase
{
    private const string Master = "@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519";

    [Fact]
    public void Get_EverySetting_IsRead()
    {
        SsbPeerOptions options = Read($$"""
            {
              "folder": "/srv/ssb", "NetworkKey": "{{Convert.ToBase64String(new byte[32])}}", "Listen": ["net:0.0.0.0:8008~shs", "ws:0.0.0.0:8989~shs"], "Sockets": ["/srv/First Last/socket"],
              "Lan": { "Interface": "eth7", "Loopback": true, "Legacy": false, "NormalPort": 1, "LegacyPort": 2,
                       "AnnounceInterval": "00:00:30", "AcceptAnyRoute": true },
              "Masters": ["{{Master}}"], "AllowStrangers": "blobs",
              "Limits": { "MaxCallers": 3, "MaxCallersPerSource": 4, "MaxCallersPerIdentity": 5, "MaxHandshakes": 6, "HandshakeDeadline": "00:00:07", "RouteDeadline": "00:00:08", "SilenceDeadline": "00:00:13",
                "MaxBrowserCallers": 9, "MaxUselessBytes": 10, "MaxLocalCallers": 11, "ReservedDescriptors": 12,
                "LocalOrigins": ["null", "http://localhost:3000"] },
              "Conn": { "Autostart": false, "DefaultHops": 9, "Scheduler": { "RoomQuota": 10, "PeerQuota": 11, "CallerQuota": 12 } }
            }
            """);
        Assert.Equal("/srv/ssb", options.Folder);
        Assert.Equal(Convert.ToBase64String(new byte[32]), options.NetworkKey.ToBase64());
        Assert.Equal(["net:0.0.0.0:8008~shs", "ws:0.0.0.0:8989~shs"], options.Listen);
        Assert.Equal([new ListeningSocket("/srv/First Last/socket")], options.Sockets);
        LanOptions lan = Assert.IsType<LanOptions>(options.Lan);
        Assert.Equal(("eth7", true, false, 1, 2, 30), (lan.Interface, lan.Loopback, lan.Legacy, lan.NormalPort, lan.LegacyPort, lan.AnnounceInterval.TotalSeconds));
        Assert.True(lan.AcceptAnyRoute);
        Assert.Equal([FeedId.Parse(Master)], options.Masters);
        Assert.Equal(["blobs"], options.AllowStrangers);
        PeerNetworkLimits limits = options.Limits;
        Assert.Equal((3, 4, 5, 6, 7, 8), (limits.MaxCallers, limits.MaxCallersPerSource, limits.MaxCallersPerIdentity, limits.MaxHandshakes, limits.HandshakeDeadline.TotalSeconds, limits.RouteDeadline.TotalSeconds));
        Assert.Equal(13, limits.SilenceDeadline.TotalSeconds);
        Assert.Equal((9, 10), (limits.MaxBrowserCallers, limits.MaxUselessBytes));
        Assert.Equal((11, 12), (limits.MaxLocalCallers, limits.ReservedDescriptors));
        Assert.Equal(["null", "http://localhost:3000"], limits.LocalOrigins);
        Assert.Equal((false, 9), (options.Conn.Autostart, options.Conn.DefaultHops));
        Assert.Equal((10, 11, 12), (options.Conn.Scheduler.RoomQuota, options.Conn.Scheduler.PeerQuota, options.Conn.Scheduler.CallerQuota));
    }

    [Fact]
    public void Get_MastersAsUris_AreThePeers() => Assert.Equal(
        [FeedId.Parse(Master), FeedId.Parse(Master)],
        Read("""{ "Masters": ["ssb:feed/ed25519/pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=", "ssb:feed/classic/pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0="] }""").Masters);

    [Fact]
    public void Get_WhatIsNotThereOrEmpty_KeepsItsDefault()
    {
        SsbPeerOptions defaults = new();
        SsbPeerOptions options = Read("""{ "Folder": null, "Listen": [], "NetworkKey": "", "Masters": null, "Limits": { "MaxHandshakes": 6 }, "Conn": {} }""");
        Assert.Equal((null, null), (options.Folder, options.Lan));
        Assert.Empty(options.Listen);
        Assert.Empty(options.Masters);
        Assert.Same(defaults.NetworkKey, options.NetworkKey);
        Assert.Equal((defaults.Limits.MaxCallers, 6, defaults.Limits.Rpc.MaxBodySize), (options.Limits.MaxCallers, options.Limits.MaxHandshakes, options.Limits.Rpc.MaxBodySize));
        Assert.True(options.Conn.Autostart);
    }

    [Theory]
    [InlineData("true", true)]
    [InlineData("false", false)]
    public void Get_LanAsAWord_IsOnOrOff(string word, bool isOn) => Assert.Equal(isOn, Read($$"""{ "Lan": {{word}} }""").Lan is not null);

    [Theory]
    [InlineData("""{ "Lisen": ["x"] }""", "Ssb:Lisen is no setting of an SSB peer. There are Folder, NetworkKey, Listen, ")]
    [InlineData("""{ "Limits": { "MaxCaller": 1 } }""", "Ssb:Limits:MaxCaller is no setting")]
    [InlineData("""{ "Limits": { "MaxCallers": "many" } }""", "Ssb:Limits:MaxCallers: expected a whole number.")]
    [InlineData("""{ "Limits": { "RouteDeadline": "soon" } }""", "Ssb:Limits:RouteDeadline: expected a time")]
    [InlineData("""{ "Lan": "maybe" }""", "Ssb:Lan: expected true or false.")]
    [InlineData("""{ "Masters": ["me"] }""", "Ssb:Masters: "), InlineData("""{ "Masters": ["ssb:message/sha256/pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0="] }""", "Ssb:Masters: ")]
    [InlineData("""{ "Lan": { "NormalPort": 99999 } }""", "Ssb:Lan:NormalPort: NormalPort goes from 1 to 65535, and is 99999.")]
    [InlineData("""{ "Lan": { "AnnounceInterval": "00:00:00" } }""", "Ssb:Lan:AnnounceInterval: ")]
    [InlineData("""{ "Limits": { "MaxCallers": -1 } }""", "Ssb:Limits:MaxCallers: MaxCallers ('-1') must be greater than or equal to '0'.")]
    [InlineData("""{ "limits": { "maxhandshakes": 0 } }""", "Ssb:limits:maxhandshakes: MaxHandshakes ('0')")]
    [InlineData("""{ "Limits": { "HandshakeDeadline": "02:00:00" } }""", "Ssb:Limits:HandshakeDeadline: ")]
    [InlineData("""{ "Limits": { "PolicyDeadline": "00:00:00" } }""", "Ssb:Limits:PolicyDeadline: ")]
    [InlineData("""{ "Limits": { "SilenceDeadline": "00:00:01" } }""", "Ssb:Limits:SilenceDeadline: ")]
    [InlineData("""{ "Limits": { "LocalOrigins": ["localhost:3000"] } }""", "Ssb:Limits:LocalOrigins: 'localhost:3000' is no origin")]
    [InlineData("""{ "Conn": { "DefaultHops": -1 } }""", "Ssb:Conn:DefaultHops: ")]
    [InlineData("""{ "Conn": { "Scheduler": { "RoomQuota": -1 } } }""", "Ssb:Conn:Scheduler:RoomQuota: ")]
    [InlineData("""{ "Conn": { "Scheduler": { "CallerQuota": -1 } } }""", "Ssb:Conn:Scheduler:CallerQuota: ")]
    [InlineData("""{ "Listen": ["net:127.0.0.1:8008~shs", "net:nowhere:1~shs"] }""", "Ssb:Listen: 'net:nowhere:1~shs' needs an IP address")]
    [InlineData("""{ "Listen": "tcp" }""", "Ssb:Listen: 'tcp' is not a place to listen at")]
    [InlineData("""{ "Folder": "x", "InMemory": true }""", "Ssb:InMemory: InMemory is true although there is a Folder, 'x'")]
    [InlineData("""{ "InMemory": "yes" }""", "Ssb:InMemory: expected true or false.")]
    [InlineData("""{ "Folder": "  " }""", "Ssb:Folder: ")]
    [InlineData("""{ "NetworkKey": "short" }""", "Ssb:NetworkKey: ")]
    public void Get_Mistake_SaysWhere(string json, string start) =>
        Assert.StartsWith(start, Assert.Throws<FormatException>(() => Read(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void Get_NetworkKeyMistyped_IsNotRepeated() =>
        Assert.DoesNotContain("c2VjcmV0", Assert.Throws<FormatException>(() => Read("""{ "NetworkKey": "c2VjcmV0" }""")).ToString(), StringComparison.Ordinal);

    [Fact]
    public async Task AddSsbConn_WithoutOptions_ReadsTheSectionSsb()
    {
        IHost host = await Start(builder =>
        {
            builder.Configuration.AddInMemoryCollection([new("Ssb:Folder", Folder), new("Ssb:Listen:0", "net:127.0.0.1:0~shs"), new("Ssb:Conn:Autostart", "false")]);
            builder.Services.AddSsbConn();
        });
        Assert.StartsWith("net:127.0.0.1:", Assert.Single(PeerOf(host).Addresses).Text, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Folder, "secret")));
        Assert.False(PeerOf(host).Conn.IsRunning);
    }

    [Fact]
    public async Task AddSsbConn_ConfigurationHasAMistake_EndsTheStart()
    {
        IHost host = Build(builder =>
        {
            builder.Configuration.AddInMemoryCollection([new("Ssb:Lisen:0", "net:127.0.0.1:0~shs")]);
            builder.Services.AddSsbConn();
        });
        FormatException e = await Assert.ThrowsAsync<FormatException>(() => host.StartAsync(Token));
        Assert.StartsWith("Ssb:Lisen is no setting", e.Message, StringComparison.Ordinal);
    }

    [Theory] // what only the start can know
    [InlineData("Ssb:AllowStrangers", "typo", "Ssb:AllowStrangers: AllowStrangers has 'typo'")]
    [InlineData("Ssb:Lan:Interface", "eth7", "Ssb: Interface and Loopback exclude each other.")]
    public async Task AddSsbConn_SettingThatTheStartRefuses_SaysWhere(string key, string value, string start)
    {
        IHost host = Build(builder =>
        {
            builder.Configuration.AddInMemoryCollection([new("Ssb:InMemory", "true"), new("Ssb:Lan:Loopback", "true"), new(key, value)]);
            builder.Services.AddSsbConn();
        });
        ArgumentException e = await Assert.ThrowsAnyAsync<ArgumentException>(() => host.StartAsync(Token));
        Assert.StartsWith(start, e.Message, StringComparison.Ordinal);
    }

    private static SsbPeerOptions Read(string json) =>
        new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes($$"""{ "Ssb": {{json}} }"""))).Build().GetSection("Ssb").GetSsbPeerOptions();
}
