using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rooms;

/// <summary>Where a peer keeps what is read slower than it is sent.</summary>
public sealed class ReserveFolderTests : RoomPeers
{
    private const int Count = 3_000;

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task ReserveFolder_AsItComes_IsThatOfThePeer(bool isTurnedOff)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only there is the file seen that has no name.");
        string folder = Directory.CreateTempSubdirectory("ssb-reserve").FullName;
        SsbPeer peer = await StartPeer(options => options with { Folder = folder, Limits = isTurnedOff ? With(options.Limits, null) : options.Limits });
        PeerConnection connection = await Connect(peer, OpenServer(ApiOf()).Addresses[0]);
        IAsyncEnumerator<RpcValue> items = connection.Rpc.Source("items").GetAsyncEnumerator(Token);
        Assert.True(await items.MoveNextAsync().AsTask().WaitAsync(Guard, Token));
        if (isTurnedOff)
        {
            // Without the files the answer is behind more than there is place for.
            Task<RpcValue> call = connection.Rpc.CallAsync("answer", [], Token);
            Until(() => connection.Rpc.Reserve.Bytes > 15_000_000);
            Assert.False(call.IsCompleted);
            Assert.Empty(FilesIn(folder));
        }
        else
        {
            Assert.Equal(42, (await connection.Rpc.CallAsync("answer", [], Token).WaitAsync(Guard, Token)).AsJson().GetInt32());
            Assert.Single(FilesIn(folder));
        }

        await items.DisposeAsync();
        Until(() => connection.Rpc.Reserve.FileBytes == 0 && FilesIn(folder).Length == 0);
    }

    [Fact]
    public async Task ReserveFolder_CannotBeWritten_IsToldOnce()
    {
        var lines = new ConcurrentQueue<string>();
        string missing = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"));
        SsbPeer peer = await StartPeer(options => options with { Logger = new Lines(lines), Limits = With(options.Limits, missing) });
        for (int i = 0; i < 2; i++)
        {
            PeerConnection connection = await Connect(peer, OpenServer(ApiOf()).Addresses[0]);
            IAsyncEnumerator<RpcValue> items = connection.Rpc.Source("items").GetAsyncEnumerator(Token);
            Assert.True(await items.MoveNextAsync().AsTask().WaitAsync(Guard, Token));
            _ = connection.Rpc.CallAsync("answer", [], Token); // ends with the connection
            Until(() => connection.Rpc.Reserve.Bytes > 15_000_000); // all of the memory, as without the file
            await items.DisposeAsync();
            await connection.Rpc.DisposeAsync();
        }

        Assert.Single(lines, line => line.Contains(missing, StringComparison.Ordinal));
    }

    private static PeerNetworkLimits With(PeerNetworkLimits limits, string? folder) => limits with { Rpc = limits.Rpc with { ReserveFolder = folder } };

    private static string[] FilesIn(string folder) =>
        [.. Directory.GetFiles("/proc/self/fd").Select(fd => new FileInfo(fd).LinkTarget ?? "").Where(target => target.StartsWith(Path.Combine(folder, ".ssb-reserve-"), StringComparison.Ordinal))];

    // 30 MB, of which an answer comes behind whatever was sent by then.
    private static RpcApi ApiOf()
    {
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return new RpcApi()
            .Source("items", (_, token) => Items(token))
            .Async("answer", async (_, token) =>
            {
                await all.Task.WaitAsync(token);
                return 42;
            });

        async IAsyncEnumerable<RpcValue> Items([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        {
            byte[] item = new byte[10_000];
            for (int i = 0; i < Count && !cancellationToken.IsCancellationRequested; i++)
                yield return RpcValue.Binary(item);
            all.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        }
    }

    private sealed class Lines(ConcurrentQueue<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue(formatter(state, exception));
    }
}
