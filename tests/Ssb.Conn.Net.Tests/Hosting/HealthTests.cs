using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Ssb.Conn.Net.Tests.Hosting;

public sealed class HealthTests : HostTestBase
{
    private const string Somebody = "net:127.0.0.1:9752~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";

    [Fact]
    public async Task Check_FromBeforeTheStartToAfterTheStop_TellsWhetherThePeerRuns()
    {
        IHost host = Build(Registered);
        HealthReportEntry entry = await Check(host);
        Assert.Equal((HealthStatus.Unhealthy, "The SSB peer does not run: it has not started, or has ended."), (entry.Status, entry.Description));

        await host.StartAsync(Token);
        PeerOf(host).Conn.Stage(Somebody);
        SsbPeer caller = await StartPeer();
        await caller.Conn.ConnectAsync(PeerOf(host).Addresses[0], cancellationToken: Token);
        await Until(() => PeerOf(host).Conn.Hub.Count == 1);
        entry = await Check(host);
        Assert.Equal(HealthStatus.Healthy, entry.Status);
        Assert.Equal(
            ["accepted=1", "callers=1", "connections=1", "evicted=0", "failedHandshakes=0", "handshakes=0", $"id={PeerOf(host).Id}", "known=0",
                "refusedDescriptors=0", "refusedFull=0", "refusedHandshakes=0", "refusedIdentity=0", "refusedIncoming=0", "refusedLocal=0", "refusedOutgoing=0", "refusedSource=0", "staged=1", "unwelcome=0"],
            entry.Data.Select(d => $"{d.Key}={d.Value}").Order(StringComparer.Ordinal));

        await host.StopAsync(Token);
        Assert.Equal(HealthStatus.Unhealthy, (await Check(host)).Status);
    }

    [Fact]
    public async Task Check_AddressBookCannotBeWritten_IsDegradedUntilItCan()
    {
        IHost host = await Start(Registered);
        ConnDb db = PeerOf(host).Conn.Db;
        string inTheWay = Path.Combine(Folder, "conn.json~");
        Directory.CreateDirectory(inTheWay);
        db.Set(Somebody);
        await Assert.ThrowsAsync<IOException>(() => db.FlushAsync(Token));
        HealthReportEntry entry = await Check(host);
        Assert.Equal(HealthStatus.Degraded, entry.Status);
        Assert.Contains("conn.json~", entry.Description, StringComparison.Ordinal);
        Assert.Equal(1, entry.Data["known"]);
        Directory.Delete(inTheWay);
        await db.FlushAsync(Token);
        Assert.Equal(HealthStatus.Healthy, (await Check(host)).Status);
    }

    [Fact]
    public async Task Check_LanDiscoveryHasFailed_IsDegraded()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        IHost host = await Start(builder =>
        {
            builder.Services.AddSsbConn(Options with { Lan = new LanOptions { Loopback = true, Legacy = false, NormalPort = ((IPEndPoint)taken.LocalEndPoint!).Port } }); // it is bound
            builder.Services.AddHealthChecks().AddSsbConn();
        });
        await Until(() => PeerOf(host).LanFailure is not null);
        HealthReportEntry entry = await Check(host);
        Assert.Equal(HealthStatus.Degraded, entry.Status);
        Assert.StartsWith("There is no LAN discovery: ", entry.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_NameStatusAndTags_AreTheOnesGiven()
    {
        IHost host = Build(builder =>
        {
            builder.Services.AddSsbConn(Options);
            builder.Services.AddHealthChecks().AddSsbConn("peer", HealthStatus.Degraded, ["ready"]);
        });
        HealthReport report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(r => r.Tags.Contains("ready"), Token);
        Assert.Equal(HealthStatus.Degraded, report.Entries["peer"].Status);
    }

    private void Registered(HostApplicationBuilder builder)
    {
        builder.Services.AddSsbConn(Options);
        builder.Services.AddHealthChecks().AddSsbConn();
    }

    private static async Task<HealthReportEntry> Check(IHost host) =>
        (await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Token)).Entries["ssb"];
}
