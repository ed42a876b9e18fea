using System.Collections.Concurrent;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Ssb.Conn.Net.Tests.Hosting;

/// <summary>Generic hosts with a peer on loopback, and what they log.</summary>
public abstract class HostTestBase : IAsyncDisposable
{
    private protected static readonly TimeSpan Guard = Patience.Guard;

    private readonly string _folder = SocketFolder.Create("ssb-conn-");
    private readonly List<IAsyncDisposable> _open = [];

    private protected static CancellationToken Token => TestContext.Current.CancellationToken;

    private protected LogLines Log { get; } = new();

    private protected string Folder => Path.Combine(_folder, "ours");

    private protected SsbPeerOptions Options => Unhurried.Peer with
    {
        Folder = Folder,
        Listen = ["net:127.0.0.1:0~shs"],
        Conn = Unhurried.Conn with { Autostart = false },
    };

    public async ValueTask DisposeAsync()
    {
        await Disposal.AllAsync(_open);
        TestFolder.Delete(_folder);
        GC.SuppressFinalize(this);
    }

    private protected IHost Build(Action<HostApplicationBuilder> with)
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders().AddProvider(Log).SetMinimumLevel(LogLevel.Trace);
        with(builder);
        IHost host = builder.Build();
        _open.Insert(0, (IAsyncDisposable)host);
        return host;
    }

    private protected async Task<IHost> Start(Action<HostApplicationBuilder> with)
    {
        IHost host = Build(with);
        await host.StartAsync(Token).WaitAsync(Guard, Token);
        return host;
    }

    /// <summary>A peer without any host.</summary>
    private protected async Task<SsbPeer> StartPeer(SsbPeerOptions? options = null)
    {
        options ??= Unhurried.Peer with { Listen = ["net:127.0.0.1:0~shs"], Conn = Unhurried.Conn with { Autostart = false } };
        SsbPeer peer = await SsbPeer.StartAsync(options, Token);
        _open.Insert(0, peer);
        return peer;
    }

    private protected static SsbPeer PeerOf(IHost host) => host.Services.GetRequiredService<SsbPeerHost>().Peer;

    private protected static async Task Until(Func<bool> isSo)
    {
        using var guard = new CancellationTokenSource(Guard, TimeProvider.System);
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        while (!isSo())
            await poll.WaitForNextTickAsync(guard.Token);
    }
}

internal sealed record LogLine(string Category, LogLevel Level, string Text, string Everything);

/// <summary>All that is logged: the text, and whatever a logger might keep of it besides.</summary>
internal sealed class LogLines : ILoggerProvider
{
    private readonly ConcurrentQueue<LogLine> _lines = new();

    public IReadOnlyCollection<LogLine> All => _lines;

    public IEnumerable<LogLine> Ours => _lines.Where(l => l.Category == "Ssb.Conn");

    public ILogger CreateLogger(string categoryName) => new Logger(categoryName, _lines);

    public void Dispose()
    {
        // Nothing is held.
    }

    private sealed class Logger(string category, ConcurrentQueue<LogLine> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            string text = formatter(state, exception);
            string values = state is IEnumerable<KeyValuePair<string, object?>> all ? string.Join('|', all.Select(v => $"{v.Key}={v.Value}")) : "";
            lines.Enqueue(new LogLine(category, logLevel, text, $"{text}|{values}|{exception}"));
        }
    }
}
