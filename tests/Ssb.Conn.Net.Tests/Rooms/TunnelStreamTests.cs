using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rooms;

/// <summary>A tunnel over a muxrpc connection of its own, without a room.</summary>
public sealed class TunnelStreamTests : IAsyncDisposable
{
    private static readonly TimeSpan s_guard = Patience.Guard;

    private readonly List<RpcConnection> _connections = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Read_ItemsOfAnySize_GivesTheSameBytes()
    {
        byte[] sent = new byte[200_000];
        new Random(1).NextBytes(sent);
        await using TunnelStream stream = await Open(async (far, _) =>
        {
            for (int i = 0, size = 1; i < sent.Length; i += size, size = 1 + i % 9_000)
                await far.WriteAsync(RpcValue.Binary(sent.AsMemory(i, size = Math.Min(size, sent.Length - i))), Token);
        });
        var received = new MemoryStream();
        byte[] buffer = new byte[777];
        Assert.Equal(0, await stream.ReadAsync(Memory<byte>.Empty, Token)); // waits until there is something
        while (await stream.ReadAsync(buffer, Token).AsTask().WaitAsync(s_guard, Token) is > 0 and var count)
            received.Write(buffer, 0, count);
        Assert.Equal(sent, received.ToArray());
        Assert.Equal(0, await stream.ReadAsync(buffer, Token)); // and so it stays
    }

    [Fact]
    public async Task Read_ItemsWithoutBytes_AreNotReadForEver()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var far = new TcpClient();
        await far.ConnectAsync((IPEndPoint)listener.LocalEndpoint, Token);
        RpcConnection near = RpcConnection.Start((await listener.AcceptTcpClientAsync(Token)).GetStream());
        _connections.Add(near);
        await using var stream = new TunnelStream(near.Duplex("tunnel.connect"));
        byte[] empty = [.. Enumerable.Repeat((byte[])[8, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], 600).SelectMany(f => f)]; // of our request 1
        byte[] one = [8, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 7];
        await far.GetStream().WriteAsync((byte[])[.. empty, .. one, .. empty, .. one, .. empty, .. empty], Token);
        byte[] buffer = new byte[10];
        Assert.Equal(1, await stream.ReadAsync(buffer, Token).AsTask().WaitAsync(s_guard, Token)); // some are passed over
        Assert.Equal(1, await stream.ReadAsync(buffer, Token).AsTask().WaitAsync(s_guard, Token));
        await Assert.ThrowsAsync<IOException>(() => stream.ReadAsync(buffer, Token).AsTask().WaitAsync(s_guard, Token));
        far.Dispose(); // it says no goodbye
    }

    [Fact]
    public async Task Write_More_ThanAnItem_IsSplit_AndArrives()
    {
        byte[] sent = new byte[150_000];
        new Random(2).NextBytes(sent);
        var received = new TaskCompletionSource<List<int>>(TaskCreationOptions.RunContinuationsAsynchronously);
        var bytes = new MemoryStream();
        TunnelStream stream = await Open(async (far, _) =>
        {
            var sizes = new List<int>();
            await foreach (RpcValue item in far.ReadAllAsync(Token))
            {
                sizes.Add(item.Bytes.Length);
                bytes.Write(item.Bytes.Span);
            }

            received.SetResult(sizes);
        });
        await stream.WriteAsync(sent, Token);
        await stream.DisposeAsync(); // after what was written
        Assert.Equal([65_536, 65_536, 18_928], await received.Task.WaitAsync(s_guard, Token));
        Assert.Equal(sent, bytes.ToArray());
        await Assert.ThrowsAsync<IOException>(async () => await stream.WriteAsync(sent, Token));
    }

    [Fact]
    public async Task Read_PeerHasEnded_WritingGoesOn()
    {
        var heard = new TaskCompletionSource<byte>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TunnelStream stream = await Open(async (far, _) =>
        {
            far.Complete();
            await foreach (RpcValue item in far.ReadAllAsync(Token))
                heard.TrySetResult(item.Bytes.Span[0]);
        });
        Assert.Equal(0, await stream.ReadAsync(new byte[1], Token).AsTask().WaitAsync(s_guard, Token));
        await stream.WriteAsync(new byte[] { 7 }, Token);
        Assert.Equal(7, await heard.Task.WaitAsync(s_guard, Token));
    }

    [Fact]
    public async Task Read_PeerEndsWithAnError_Throws_Always_AndKeepsWhatItSaid()
    {
        await using TunnelStream stream = await Open((far, _) =>
        {
            far.Complete(new RpcException("could not connect to: somebody"));
            return Task.CompletedTask;
        });
        for (int i = 0; i < 2; i++)
            await Assert.ThrowsAsync<RpcException>(async () => await stream.ReadAsync(new byte[1], Token).AsTask().WaitAsync(s_guard, Token));
        Assert.Equal("could not connect to: somebody", stream.Refusal?.Message);
    }

    [Fact]
    public async Task Read_ConnectionEnds_Throws_WithoutARefusal()
    {
        await using TunnelStream stream = await Open((_, token) => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token));
        Task<int> read = stream.ReadAsync(new byte[1], Token).AsTask();
        await _connections[1].DisposeAsync().AsTask().WaitAsync(s_guard, Token);
        await Assert.ThrowsAsync<RpcException>(() => read.WaitAsync(s_guard, Token));
        Assert.Null(stream.Refusal);
    }

    [Fact]
    public async Task Read_Cancelled_LosesNothing()
    {
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TunnelStream stream = await Open(async (far, _) =>
        {
            await go.Task;
            await far.WriteAsync(RpcValue.Binary(new byte[] { 1, 2 }), Token);
        });
        using var giveUp = new CancellationTokenSource();
        Task<int> read = stream.ReadAsync(new byte[4], giveUp.Token).AsTask();
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read.WaitAsync(s_guard, Token));
        go.SetResult();
        byte[] buffer = new byte[4];
        Assert.Equal(2, await stream.ReadAsync(buffer, Token).AsTask().WaitAsync(s_guard, Token));
        Assert.Equal([1, 2, 0, 0], buffer);
    }

    [Fact]
    public async Task Dispose_ReadWasCancelled_EndsItAll()
    {
        TunnelStream stream = await Open((_, token) => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token));
        using var giveUp = new CancellationTokenSource();
        Task<int> read = stream.ReadAsync(new byte[4], giveUp.Token).AsTask();
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read.WaitAsync(s_guard, Token));
        await stream.DisposeAsync().AsTask().WaitAsync(s_guard, Token);
        await Assert.ThrowsAsync<RpcException>(async () => await stream.ReadAsync(new byte[1], Token).AsTask().WaitAsync(s_guard, Token));
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task Read_SomethingElseThanBytes_Throws(bool isText)
    {
        await using TunnelStream stream = await Open(async (far, _) => await far.WriteAsync(isText ? "text" : RpcValue.True, Token));
        IOException e = await Assert.ThrowsAsync<IOException>(async () => await stream.ReadAsync(new byte[1], Token).AsTask().WaitAsync(s_guard, Token));
        Assert.Contains("else than bytes", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_TooSlowly_EndsTheTunnelAlone()
    {
        var clock = new FakeTimeProvider();
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TunnelStream stream = await Open(async (far, _) =>
        {
            await Task.Yield(); // it has no other wait where all is taken at once, and must not keep its connection from reading
            while (!far.Ended.IsCancellationRequested)
                await far.WriteAsync(RpcValue.Binary(new byte[1_000]), Token);
            ended.SetResult();
        }, new RpcOptions { WindowFrames = 8, TimeProvider = clock, IdleTimeout = Timeout.InfiniteTimeSpan, SendTimeout = Timeout.InfiniteTimeSpan });
        // After a second of that the connection is read on, and after the deadline the tunnel ends: what is called on the connection is answered.
        Patience.Until(() =>
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            return ended.Task.IsCompleted;
        });
        Assert.Equal(1, (await _connections[0].CallAsync("greet", [], Token).WaitAsync(s_guard, Token)).AsJson().GetInt64());
        await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await stream.ReadAsync(new byte[100_000], Token).AsTask().WaitAsync(s_guard, Token) > 0)
            {
                // What had come before that.
            }
        });
        await stream.DisposeAsync();
        Assert.False(_connections[0].Completion.IsCompleted);
    }

    public async ValueTask DisposeAsync()
    {
        await Disposal.AllAsync(_connections);
    }

    /// <param name="far">The other end of the tunnel.</param>
    /// <param name="near">How our connection is set up.</param>
    private async Task<TunnelStream> Open(Func<RpcDuplex, CancellationToken, Task> far, RpcOptions? near = null)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(listener.LocalEndPoint!, Token);
        Socket accepted = await listener.AcceptAsync(Token);
        _connections.Add(RpcConnection.Start(new NetworkStream(socket, ownsSocket: true), near));
        _connections.Add(RpcConnection.Start(new NetworkStream(accepted, ownsSocket: true), new RpcOptions
        {
            Api = new RpcApi().Duplex("tunnel.connect", (_, duplex, token) => far(duplex, token)).Sync("greet", _ => 1),
            Permissions = RpcPermissions.All,
        }));
        return new TunnelStream(_connections[0].Duplex("tunnel.connect"));
    }
}
