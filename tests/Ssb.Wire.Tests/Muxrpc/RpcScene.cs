using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;

namespace Ssb.Wire.Tests.Muxrpc;

/// <summary>Two peers, each with a connection to the other, over streams in memory; time stands still unless it is advanced.</summary>
internal sealed class RpcScene : IAsyncDisposable
{
    private readonly DuplexPair _streams;

    /// <param name="api">What the server serves.</param>
    /// <param name="server">Changes the server's options.</param>
    /// <param name="client">Changes the client's options.</param>
    /// <param name="capacity">How many bytes the stream between them holds.</param>
    public RpcScene(
        RpcApi? api = null, Func<RpcOptions, RpcOptions>? server = null, Func<RpcOptions, RpcOptions>? client = null, int capacity = int.MaxValue)
    {
        _streams = new DuplexPair(capacity);
        var options = new RpcOptions { TimeProvider = Time, OnEvent = Events.Enqueue, Permissions = RpcPermissions.All };
        RpcOptions serving = options with { Api = api ?? new RpcApi(), Remote = ClientId };
        Server = RpcConnection.Start(_streams.B, server?.Invoke(serving) ?? serving);
        RpcOptions calling = options with { OnEvent = ClientEvents.Enqueue };
        Client = RpcConnection.Start(_streams.A, client?.Invoke(calling) ?? calling);
    }

    public static FeedId ClientId { get; } = new([.. Enumerable.Range(1, 32).Select(i => (byte)i)]);

    public FakeTimeProvider Time { get; } = new();

    public RpcConnection Server { get; }

    public RpcConnection Client { get; }

    public DuplexPair.End ServerStream => _streams.B;

    public DuplexPair.End ClientStream => _streams.A;

    public ConcurrentQueue<RpcEvent> Events { get; } = [];

    public ConcurrentQueue<RpcEvent> ClientEvents { get; } = [];

    public async ValueTask DisposeAsync()
    {
        Task closing = Task.WhenAll(Client.DisposeAsync().AsTask(), Server.DisposeAsync().AsTask());
        while (!closing.IsCompleted)
        {
            Time.Advance(TimeSpan.FromSeconds(1)); // whoever waits for the other's goodbye
            await Task.WhenAny(closing, Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System));
        }

        await Disposal.RunAsync(() => closing.Guarded());
        _streams.Dispose();
    }
}

/// <summary>A peer that writes and reads frames by hand.</summary>
internal sealed class RpcRawPeer : IAsyncDisposable
{
    private readonly DuplexPair _streams = new();

    public RpcRawPeer(RpcOptions options)
    {
        Options = options;
        Connection = RpcConnection.Start(_streams.B, options);
    }

    public RpcOptions Options { get; }

    public RpcConnection Connection { get; }

    public DuplexPair.End Stream => _streams.A;

    public static byte[] Frame(int flags, int request, ReadOnlySpan<byte> body)
    {
        byte[] frame = new byte[RpcFrame.HeaderSize + body.Length];
        new RpcFrame((byte)flags, (uint)body.Length, request).Write(frame);
        body.CopyTo(frame.AsSpan(RpcFrame.HeaderSize));
        return frame;
    }

    public Task SendAsync(int flags, int request, ReadOnlySpan<byte> body) => Stream.WriteAsync(Frame(flags, request, body)).AsTask();

    public Task SendAsync(int flags, int request, string body) => SendAsync(flags, request, System.Text.Encoding.UTF8.GetBytes(body));

    public async Task<(int Flags, int Request, string Body)> ReceiveAsync()
    {
        byte[] header = new byte[RpcFrame.HeaderSize];
        await Stream.ReadExactlyAsync(header).Guarded();
        RpcFrame frame = RpcFrame.Read(header);
        byte[] body = new byte[frame.Length];
        await Stream.ReadExactlyAsync(body).Guarded();
        return (frame.Flags, frame.Request, System.Text.Encoding.UTF8.GetString(body));
    }

    public async ValueTask DisposeAsync()
    {
        _streams.A.Dispose();
        await Disposal.RunAsync(() => Connection.Completion.Guarded());
    }
}
