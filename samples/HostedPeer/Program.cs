using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Ssb.Conn.Net;

HostApplicationBuilder builder = Host.CreateApplicationBuilder(args);
builder.Services.AddSsbConn(); // as the section Ssb of appsettings.json says
builder.Services.AddHealthChecks().AddSsbConn();
builder.Services.AddHostedService<Crowd>();
await builder.Build().RunAsync();

/// <summary>A service of the app, which finds the peer running when it starts.</summary>
internal sealed class Crowd(SsbPeerHost ssb, HealthCheckService health) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Console.WriteLine($"{ssb.Peer.Id} is {(await health.CheckHealthAsync(stoppingToken)).Status}");
        await foreach (var peers in ssb.Peer.Conn.Peers(stoppingToken))
            Console.WriteLine($"{peers.Count} in connection: {string.Join(", ", peers)}");
    }
}
