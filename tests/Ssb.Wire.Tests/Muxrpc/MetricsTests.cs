using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Ssb.Wire.Tests.Muxrpc;

/// <summary>The instruments, as a listener sees them. Alone, since all connections of a process share one meter.</summary>
[Collection(nameof(Alone))]
public sealed class MetricsTests : IDisposable
{
    private readonly ConcurrentQueue<string> _measured = [];
    private readonly MeterListener _listener = new();

    public MetricsTests()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == WireMetrics.MeterName)
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            string[] named = [.. tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}")];
            _measured.Enqueue($"{instrument.Name["ssb.wire.".Length..]} {value:+0;-0} {string.Join(' ', named)}".TrimEnd());
        });
        _listener.Start();
    }

    public void Dispose() => _listener.Dispose();

    [Fact]
    public async Task Connection_FromHandshakeToEnd_IsCounted()
    {
        using var streams = new DuplexPair();
        using var a = KeyPair.Generate();
        using var b = KeyPair.Generate();
        Task<BoxStream> accepting = SecretHandshake.AcceptAsync(streams.B, b, (_, _) => new(true));
        var client = RpcConnection.Start(await SecretHandshake.ConnectAsync(streams.A, a, b.Id).Guarded());
        var server = RpcConnection.Start(await accepting.Guarded());
        await client.GetManifestAsync().Guarded();
        await Assert.ThrowsAsync<RpcException>(() => client.CallAsync("secret").Guarded());
        await client.DisposeAsync().Guarded();
        await server.Completion.Guarded();

        Assert.Equal(
            [
                "handshakes +1 role=client outcome=done",
                "handshakes +1 role=server outcome=done",
                "rpc.calls +1 type=async side=made",
                "rpc.calls +1 type=async side=made",
                "rpc.calls +1 type=async side=served",
                "rpc.calls +1 type=async side=served",
                "rpc.connections +1",
                "rpc.connections +1",
                "rpc.connections -1",
                "rpc.connections -1",
                "rpc.ends +1 reason=Closed",
                "rpc.ends +1 reason=Goodbye",
                "rpc.events +1 kind=Refused",
            ],
            _measured.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Handshake_ThatFails_IsCountedByItsFailure()
    {
        using var streams = new DuplexPair();
        using var a = KeyPair.Generate();
        Task<BoxStream> accepting = SecretHandshake.AcceptAsync(streams.B, a, (_, _) => new(true));
        Task<BoxStream> connecting = SecretHandshake.ConnectAsync(streams.A, a, a.Id, new HandshakeOptions { Network = NetworkKey.Generate() });
        await Assert.ThrowsAsync<HandshakeException>(() => accepting.Guarded());
        await Assert.ThrowsAsync<HandshakeException>(() => connecting.Guarded());
        Assert.Equal(
            ["handshakes +1 role=client outcome=Closed", "handshakes +1 role=server outcome=WrongNetwork"], _measured.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Listener_ThatThrows_ChangesNothing()
    {
        using var throwing = new MeterListener { InstrumentPublished = (i, l) => { if (i.Meter.Name == WireMetrics.MeterName) l.EnableMeasurementEvents(i); } };
        throwing.SetMeasurementEventCallback<long>((_, _, _, _) => throw new InvalidOperationException("listener"));
        throwing.Start();
        await using var scene = new RpcScene();
        await RpcCallTests.AssertUsableAsync(scene);
    }
}
