using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Hosting;

public sealed class SsbPeerHostTests : HostTestBase
{
    [Fact]
    public async Task Peer_ServiceThatCameBefore_HasItFromItsStartToItsStop()
    {
        IHost host = await Start(builder =>
        {
            builder.Services.AddSingleton<Witness>().AddHostedService(services => services.GetRequiredService<Witness>());
            builder.Services.AddSsbConn(Options);
        });
        Witness witness = host.Services.GetRequiredService<Witness>();
        Assert.Same(PeerOf(host), witness.AtStart);
        await host.StopAsync(Token).WaitAsync(Guard, Token);
        Assert.Same(witness.AtStart, witness.AtStop);
        Assert.True(witness.WasCallable);
    }

    [Fact]
    public async Task Peer_BeforeTheStartAndAfterTheStop_IsAnErrorInPlainWords()
    {
        IHost host = Build(builder => builder.Services.AddSsbConn(Options));
        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => PeerOf(host));
        Assert.StartsWith("The SSB peer has not started.", e.Message, StringComparison.Ordinal);
        await host.StartAsync(Token);
        Assert.Single(PeerOf(host).Addresses);
        await host.StopAsync(Token);
        e = Assert.Throws<InvalidOperationException>(() => PeerOf(host));
        Assert.StartsWith("The SSB peer has ended", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_PortIsTaken_EndsTheStartAndSaysWhich()
    {
        SsbPeer other = await StartPeer();
        int taken = other.Addresses[0].Routes[0].Port!.Value;
        IHost host = Build(builder => builder.Services.AddSsbConn(Options with { Listen = [$"net:127.0.0.1:{taken}~shs"] }));
        IOException e = await Assert.ThrowsAsync<IOException>(() => host.StartAsync(Token)).WaitAsync(Guard, Token);
        Assert.StartsWith($"'net:127.0.0.1:{taken}~shs' cannot be listened at: ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_FolderIsAnothers_EndsTheStartAndSaysWhich()
    {
        await StartPeer(Options);
        IHost host = Build(builder => builder.Services.AddSsbConn(Options));
        IOException e = await Assert.ThrowsAsync<IOException>(() => host.StartAsync(Token)).WaitAsync(Guard, Token);
        Assert.StartsWith($"The address book in '{Folder}' is in use", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dispose_AnotherServiceDidNotStart_EndsThePeer()
    {
        IHost host = Build(builder =>
        {
            builder.Services.AddSsbConn(Options);
            builder.Services.AddHostedService<Fails>();
        });
        await Assert.ThrowsAsync<NotSupportedException>(() => host.StartAsync(Token)).WaitAsync(Guard, Token);
        await ((IAsyncDisposable)host).DisposeAsync().AsTask().WaitAsync(Guard, Token);
        await StartPeer(Options); // the folder is free
    }

    [Fact]
    public async Task Stop_CallerDoesNotAnswer_LeavesThePeerBehindWhenTheTimeIsOver()
    {
        var clock = new FakeTimeProvider();
        IHost host = await Start(builder => builder.Services.AddSingleton<TimeProvider>(clock).AddSsbConn(Options));
        SsbPeer peer = PeerOf(host);
        using var keys = KeyPair.Generate();
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", peer.Addresses[0].Routes[0].Port!.Value, Token);
        await using BoxStream stream = await SecretHandshake.ConnectAsync(client.GetStream(), keys, peer.Id, cancellationToken: Token);
        await Until(() => peer.Conn.Hub.Count == 1);

        // It waits for a goodbye that does not come, in a time that does not pass.
        using var hurry = new CancellationTokenSource();
        Task stopping = Record.ExceptionAsync(() => host.StopAsync(hurry.Token)).AsTask();
        await stream.ReadExactlyAsync(new byte[9], Token); // our goodbye
        Assert.False(stopping.IsCompleted);
        await hurry.CancelAsync();
        await stopping.WaitAsync(Guard, Token);
        Assert.Contains(Log.Ours, l => l.Level == LogLevel.Warning && l.Text.StartsWith("The SSB peer has not ended in the time", StringComparison.Ordinal));
        await ((IAsyncDisposable)host).DisposeAsync().AsTask().WaitAsync(Guard, Token);

        await Until(() =>
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            return Log.Ours.Any(l => l.Text.EndsWith("has stopped.", StringComparison.Ordinal));
        });
    }

    [Fact]
    public void Add_Twice_IsAnError()
    {
        IServiceCollection services = new ServiceCollection().AddSsbConn();
        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => services.AddSsbConn(Unhurried.Peer));
        Assert.Equal("AddSsbConn was called already: a host runs one SSB peer.", e.Message);
    }

    [Fact]
    public async Task Options_OfAServiceThatNeedsThePeer_Work()
    {
        IHost host = await Start(builder => builder.Services
            .AddSingleton<Greeter>()
            .AddSsbConn(services => Options with { OnConnected = services.GetRequiredService<Greeter>().GreetAsync }));
        SsbPeer other = await StartPeer();
        await PeerOf(host).Conn.ConnectAsync(other.Addresses[0], cancellationToken: Token);
        Assert.Equal(PeerOf(host).Id, await host.Services.GetRequiredService<Greeter>().Greeted.Task.WaitAsync(Guard, Token));
    }

    [Fact]
    public async Task Options_HaveALoggerAndAClock_TheHostsAreNotUsed()
    {
        var own = new LogLines();
        IHost host = await Start(builder => builder.Services.AddSingleton<TimeProvider>(new FakeTimeProvider())
            .AddSsbConn(Options with { Logger = own.CreateLogger("own"), TimeProvider = new LateClock() }));
        await host.StopAsync(Token).WaitAsync(Guard, Token);
        Assert.Equal(2, own.All.Count);
        Assert.Empty(Log.Ours);
    }

    [Fact]
    public async Task Options_HaveNone_TheHostsClockIsUsed()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2031, 5, 6, 7, 8, 9, TimeSpan.Zero));
        IHost host = await Start(builder => builder.Services.AddSingleton<TimeProvider>(clock).AddSsbConn(Options));
        PeerOf(host).Conn.Block("@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519");
        Assert.Equal(clock.GetUtcNow(), Assert.Single(PeerOf(host).Conn.Rules).Since);
    }

    [Fact]
    public async Task Dispose_NoLoggersAndNeverStarted_DoesNothing()
    {
        await using ServiceProvider services = new ServiceCollection().AddSsbConn(Unhurried.Peer).BuildServiceProvider();
        Assert.NotNull(services.GetRequiredService<SsbPeerHost>());
    }

    private sealed class Witness(SsbPeerHost host) : IHostedService
    {
        public SsbPeer? AtStart { get; private set; }

        public SsbPeer? AtStop { get; private set; }

        public bool WasCallable { get; private set; }

        public Task StartAsync(CancellationToken cancellationToken)
        {
            AtStart = host.Peer;
            return Task.CompletedTask;
        }

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            AtStop = host.Peer;
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", AtStop.Addresses[0].Routes[0].Port!.Value, cancellationToken);
            WasCallable = client.Connected;
        }
    }

    private sealed class Fails : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class Greeter(SsbPeerHost host)
    {
        public TaskCompletionSource<FeedId> Greeted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task GreetAsync(PeerConnection connection, CancellationToken ended)
        {
            Greeted.TrySetResult(host.Peer.Id);
            return Task.CompletedTask;
        }
    }

    private sealed class LateClock : TimeProvider;
}
