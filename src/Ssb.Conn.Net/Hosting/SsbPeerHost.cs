using Microsoft.Extensions.Configuration;
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
    private const string Category = "Ssb.Conn", Section = SsbConnServiceCollectionExtensions.Section;

    private readonly IServiceProvider _services;
    private readonly Func<IServiceProvider, SsbPeerOptions> _options;
    private readonly bool _isConfigured; // the options are those of the section
    private readonly Lock _gate = new();

    // Guarded by _gate.
    private SsbPeer? _peer;
    private Task? _starting, _ending;

    private bool _isLeftBehind; // the host stops before it disposes

    // The options are made at the start: what they are made of may need this host itself.
    internal SsbPeerHost(IServiceProvider services, Func<IServiceProvider, SsbPeerOptions> options, bool isConfigured) =>
        (_services, _options, _isConfigured) = (services, options, isConfigured);

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

    // One peer, however often it is registered as a service to start.
    Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
            return _starting ??= StartAsync(cancellationToken);
    }

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // foreign code does not run under the lock
        SsbPeerOptions options = _options(_services)
            ?? throw new InvalidOperationException("The function that was given to AddSsbConn returned no options.");
        SsbPeer peer;
        try
        {
            peer = await SsbPeer.StartAsync(Completed(options), cancellationToken).ConfigureAwait(false);
        }
        catch (ArgumentException e) when (_isConfigured)
        {
            throw new ArgumentException(InSection(e), e.ParamName, e);
        }

        lock (_gate)
            _peer = peer;
    }

    private SsbPeerOptions Completed(SsbPeerOptions options)
    {
        if (options is { Folder: null, Keys: null, InMemory: false })
        {
            string where = _isConfigured ? "" : $", or {nameof(SsbPeerOptions)}.{nameof(SsbPeerOptions.Folder)},";
            throw new InvalidOperationException(
                $"The SSB peer has no folder for its identity and its address book. Set {Section}:{nameof(SsbPeerOptions.Folder)} in the configuration{where} to a folder, "
                + $"or {Section}:{nameof(SsbPeerOptions.InMemory)} to true for a peer that is somebody new at each start.");
        }

        string root = _services.GetService<IHostEnvironment>()?.ContentRootPath is { Length: > 0 } content ? content : Environment.CurrentDirectory;
        return options with
        {
            Limits = options.Limits is { Rpc: { ReserveFolder: { Length: > 0 } reserve } rpc } limits && !Path.IsPathFullyQualified(reserve)
                ? limits with { Rpc = rpc with { ReserveFolder = Path.GetFullPath(reserve, Path.GetFullPath(root)) } }
                : options.Limits,
            Folder = string.IsNullOrWhiteSpace(options.Folder) ? options.Folder : Path.GetFullPath(options.Folder, Path.GetFullPath(root)),
            Sockets = options.Sockets is null ? null! // whose check says so
                : [.. options.Sockets.Select(socket => string.IsNullOrEmpty(socket?.Path) ? socket! : socket with { Path = Path.GetFullPath(socket.Path, Path.GetFullPath(root)) })],
            Logger = options.Logger == NullLogger.Instance ? Logger() : options.Logger,
            TimeProvider = options.TimeProvider == TimeProvider.System ? _services.GetService<TimeProvider>() ?? options.TimeProvider : options.TimeProvider,
        };
    }

    // A message about an option, with the path of that option if it is one that the section has.
    private string InSection(ArgumentException e)
    {
        string message = SsbPeerConfiguration.WithoutParameter(e);
        IConfigurationSection? section = _services.GetService<IConfiguration>()?.GetSection(Section);
        string path = e.ParamName is { } name && section?.GetSection(name.Replace('.', ':')).Exists() == true ? $"{Section}:{name.Replace('.', ':')}" : Section;
        return $"{path}: {message}";
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
