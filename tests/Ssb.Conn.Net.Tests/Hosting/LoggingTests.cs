using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Hosting;

/// <summary>What an operator reads.</summary>
public sealed class LoggingTests : HostTestBase
{
    [Fact]
    public async Task Log_AtInformation_HasTheStartAndTheStop()
    {
        IHost host = await Start(builder => builder.Services.AddSsbConn(Options));
        SsbPeer peer = PeerOf(host);
        await host.StopAsync(Token).WaitAsync(Guard, Token);
        await peer.DisposeAsync(); // does nothing, and is not told of
        Assert.Equal(
            [$"The SSB peer {peer.Id} has started; it can be called at {peer.Addresses[0]}.", $"The SSB peer {peer.Id} has stopped."],
            Log.Ours.Where(l => l.Level >= LogLevel.Information).Select(l => l.Text));
    }

    [Fact]
    public async Task Log_AtDebug_HasConnectionsWithTheirReasons()
    {
        SsbPeer other = await StartPeer();
        IHost host = await Start(builder => builder.Services.AddSsbConn(Options));
        MultiserverAddress address = other.Addresses[0];
        await PeerOf(host).Conn.ConnectAsync(address, cancellationToken: Token);
        await PeerOf(host).Conn.DisconnectAsync(address);
        await other.DisposeAsync();
        await Assert.ThrowsAsync<ConnectFailedException>(() => PeerOf(host).Conn.ConnectAsync(address, cancellationToken: Token));
        await host.StopAsync(Token).WaitAsync(Guard, Token);
        string[] lines = [.. Log.Ours.Where(l => l.Level == LogLevel.Debug).Select(l => l.Text)];
        Assert.Equal(
            [$"Dialling {address}: requested.", $"Connected with {address}: requested.", $"Disconnecting {address}: requested.", $"Disconnected {address}: requested.",
                $"Dialling {address}: requested."],
            lines[..^1]);
        Assert.StartsWith($"Could not connect to {address}: ", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Log_OfHostsCodeThatFails_IsAnErrorWithThePeer()
    {
        SsbPeer other = await StartPeer();
        IHost host = await Start(builder => builder.Services.AddSsbConn(Options with { OnConnected = (_, _) => throw new NotSupportedException("never") }));
        await PeerOf(host).Conn.ConnectAsync(other.Addresses[0], cancellationToken: Token);
        await Until(() => Log.Ours.Any(l => l.Level == LogLevel.Error));
        LogLine line = Log.Ours.First(l => l.Level == LogLevel.Error);
        Assert.Contains(other.Id.ToString(), line.Text, StringComparison.Ordinal);
        Assert.Contains("never", line.Everything, StringComparison.Ordinal);
    }

    // An app that reads a live stream of a peer need not care that it ends with the connection.
    [Fact]
    public async Task Log_StreamEndsWithItsConnection_IsNoError()
    {
        SsbPeer other = await StartPeer(Unhurried.Peer with
        {
            Listen = ["net:127.0.0.1:0~shs"],
            Conn = Unhurried.Conn with { Autostart = false },
            Api = new RpcApi().Source("ticks", (_, ended) => new[] { 1L, 2L }.ToAsyncEnumerable().Select(async (long tick, CancellationToken _) =>
            {
                if (tick == 2)
                    await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ended);
                return (RpcValue)tick;
            })),
            AllowStrangers = ["ticks"],
        });
        var reading = new TaskCompletionSource<PeerConnection>(TaskCreationOptions.RunContinuationsAsynchronously);
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        IHost host = await Start(builder => builder.Services.AddSsbConn(Options with
        {
            OnConnected = async (connection, _) => // without the token, so that the stream's own end is seen
            {
                try
                {
                    await foreach (RpcValue tick in connection.Rpc.Source("ticks"))
                        reading.TrySetResult(connection);
                }
                finally
                {
                    done.SetResult();
                }
            },
        }));
        await PeerOf(host).Conn.ConnectAsync(other.Addresses[0], cancellationToken: Token);
        await reading.Task.WaitAsync(Guard, Token);
        await other.DisposeAsync();
        await done.Task.WaitAsync(Guard, Token);
        await host.StopAsync(Token).WaitAsync(Guard, Token);
        Assert.DoesNotContain(Log.Ours, l => l.Level >= LogLevel.Warning);
    }

    [Fact]
    public async Task Log_TrapSeedOfAnInvite_IsInNoLineOfAnyLevel()
    {
        SsbPeer other = await StartPeer();
        string seed = Convert.ToBase64String(Enumerable.Range(7, 32).Select(i => (byte)i).ToArray());
        string invite = $"{other.Addresses[0].Text}:{seed}";
        string broken = $"net:127.0.0.1:1~shs:{other.Id.ToBase64()}:{seed[..^4]}";
        string unreachable = $"net:127.0.0.1:1~shs:{other.Id.ToBase64()}:{seed}";
        IHost host = await Start(builder => builder.Services.AddSsbConn(Options));
        ConnPlugin conn = PeerOf(host).Conn;
        await conn.ConnectAsync(invite, cancellationToken: Token);
        await conn.DisconnectAsync(invite);
        await Assert.ThrowsAsync<ConnectFailedException>(() => conn.ConnectAsync(unreachable, cancellationToken: Token));
        await Record.ExceptionAsync(() => conn.ConnectAsync(broken, cancellationToken: Token));
        await host.StopAsync(Token).WaitAsync(Guard, Token);

        string secret = (await File.ReadAllTextAsync(Path.Combine(Folder, "secret"), Token)).Split('"').Single(p => p.Length == 88 + ".ed25519".Length && p.EndsWith(".ed25519", StringComparison.Ordinal));
        Assert.True(Log.Ours.Count() >= 8);
        Assert.All(Log.All, line =>
        {
            Assert.DoesNotContain(seed[..20], line.Everything, StringComparison.Ordinal);
            Assert.DoesNotContain(secret[..40], line.Everything, StringComparison.Ordinal);
        });
    }
}
