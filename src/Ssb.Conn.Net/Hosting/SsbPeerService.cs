using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Ssb.Conn.Net;

/// <summary>Starts and stops the <see cref="SsbPeerHost"/> that is registered when the host starts, if there is one. Its type is what keeps it from
/// being registered twice.</summary>
internal sealed class SsbPeerService(IServiceProvider services) : IHostedLifecycleService
{
    private readonly IHostedLifecycleService? _host = services.GetService<SsbPeerHost>();

    public Task StartingAsync(CancellationToken cancellationToken) => _host?.StartingAsync(cancellationToken) ?? Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => _host?.StartAsync(cancellationToken) ?? Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => _host?.StartedAsync(cancellationToken) ?? Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => _host?.StoppingAsync(cancellationToken) ?? Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => _host?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => _host?.StoppedAsync(cancellationToken) ?? Task.CompletedTask;
}
