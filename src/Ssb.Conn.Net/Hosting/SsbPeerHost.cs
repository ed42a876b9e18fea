using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ssb.Conn.Net;

/// <summary>Runs an <see cref="SsbPeer"/> for as long as the generic host runs. <c>services.AddSsbConn()</c> registers it.</summary>
/// <remarks>
/// <para>Thread-safe. The peer starts before any other service of the host does, and ends after all of them, whatever their order: from <c>StartAsync</c> to
/// <c>StopAsync</c> they have it.</para>
/// <para>What keeps the peer from starting (a port that is taken, a folder that another process has) ends the start of the host. A peer that does not end in the
/// time that the host gives it is left behind, with a warning.</para>
/// </remarks>
public sealed class SsbPeerHost : IHostedLifecycleService, IAsyncDisposable
{
    private const string Category = "Ssb.Conn";

    private readonly IServiceProvider _services;
    private readonly Func<IServiceProvider, SsbPeerOptions> _options;
    private readonly Lock _gate = new();

    // Guarded by _gate.
    private SsbPeer? _peer;
    private Task? _ending;

    private bool _isLeftBehind; // the host stops before it disposes

    // The options are made at the start: what they are made of may need this host itself.
    internal SsbPeerHost(IServiceProvider services, Func<IServiceProvider, SsbPeerOptions> options) => (_services, _options) = (services, options);

    /// <summary>The peer.</summary>
    /// <exception cref="InvalidOperationException">It has not started yet, or has ended.</exception>
    public SsbPeer Peer
    {
        get
        {
            lock (_gate)
            {
                return _peer is null
                    ? throw new InvalidOperationException("The SSB peer has not started. It starts with the host, before other services do: ask for it in StartAsync or ExecuteAsync, not in a constructor.")
                    : _ending is null ? _peer : throw new InvalidOperationException("The SSB peer has ended: the host is stopping.");
            }
        }
    }

    /// <summary>The peer; null while there is none.</summary>
    internal SsbPeer? Running
    {
        get
        {
            lock (_gate)
                return _ending is null ? _peer : null;
        }
    }

    /// <summary>Ends the peer, if the host has not done so because it failed to start.</summary>
    public async ValueTask DisposeAsync()
    {
        Task ending = EndAsync();
        if (!_isLeftBehind)
            await ending.ConfigureAwait(false);
    }

    async Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken)
    {
        SsbPeerOptions options = _options(_services);
        SsbPeer peer = await SsbPeer.StartAsync(options with
        {
            Logger = options.Logger == NullLogger.Instance ? Logger() : options.Logger,
            TimeProvider = options.TimeProvider == TimeProvider.System ? _services.GetService<TimeProvider>() ?? options.TimeProvider : options.TimeProvider,
        }, cancellationToken).ConfigureAwait(false);
        lock (_gate)
            _peer = peer;
    }

    async Task IHostedLifecycleService.StoppedAsync(CancellationToken cancellationToken)
    {
        Task ending = EndAsync();
        try
        {
            await ending.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!ending.IsCompleted)
        {
            _isLeftBehind = true;
            Logger().LogWarning("The SSB peer has not ended in the time that the host gives it to stop. It is left behind; what its address book learnt last may be lost.");
        }
    }

    Task IHostedService.StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedService.StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private Task EndAsync()
    {
        lock (_gate)
            return _ending ??= _peer is { } peer ? Task.Run(() => peer.DisposeAsync().AsTask()) : Task.CompletedTask;
    }

    private ILogger Logger() => (ILogger?)_services.GetService<ILoggerFactory>()?.CreateLogger(Category) ?? NullLogger.Instance;
}
