using System.Globalization;
using Microsoft.Extensions.Time.Testing;

namespace Ssb.Wire.Tests.Muxrpc;

/// <summary>gossip.ping, played as npm pull-ping does.</summary>
public class GossipPingTests
{
    [Fact]
    public async Task MeasureAsync_PeerWithAnotherClock_GivesRoundTripAndSkew()
    {
        var time = new FakeTimeProvider();
        await using var peer = new RpcRawPeer(new RpcOptions { TimeProvider = time });
        Task<PingSample> measuring = GossipPing.MeasureAsync(peer.Connection);
        Assert.Equal((10, 1, """{"name":["gossip","ping"],"args":[{"timeout":300000}],"type":"duplex"}"""), await peer.ReceiveAsync());
        (int flags, int request, string body) = await peer.ReceiveAsync();
        Assert.Equal((10, 1), (flags, request));
        long served = long.Parse(body, CultureInfo.InvariantCulture);
        Assert.Equal(time.GetUtcNow().ToUnixTimeMilliseconds(), served);

        time.Advance(TimeSpan.FromMilliseconds(80));
        await peer.SendAsync(10, -1, (served + 40 + 5_000).ToString(CultureInfo.InvariantCulture));
        PingSample sample = await measuring.Guarded();
        Assert.Equal(TimeSpan.FromMilliseconds(80), sample.RoundTrip);
        Assert.Equal(TimeSpan.FromSeconds(5), sample.Skew);
        Assert.Equal((14, 1, "true"), await peer.ReceiveAsync());
    }

    [Fact]
    public async Task Served_Volleys_AndServesAfterThePause()
    {
        var time = new FakeTimeProvider();
        await using var peer = new RpcRawPeer(new RpcOptions
        {
            Api = GossipPing.AddTo(new RpcApi(), timeProvider: time),
            Permissions = RpcPermissions.All,
            TimeProvider = time,
            IdleTimeout = Timeout.InfiniteTimeSpan,
            SendTimeout = Timeout.InfiniteTimeSpan, // the clock goes on while a loaded machine has not written yet
        });
        await peer.SendAsync(10, 1, """{"name":["gossip","ping"],"args":[{"timeout":60000}],"type":"duplex"}""");
        await peer.SendAsync(10, 1, "1000");
        Assert.Equal(-1, (await peer.ReceiveAsync()).Request); // the volley

        Task<(int, int, string)> serve = peer.ReceiveAsync();
        while (!serve.IsCompleted) // its timer starts on another thread
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(serve, Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System));
        }

        await serve.Guarded();
        await peer.SendAsync(10, 1, "2000"); // the answer to its serve: nothing comes back
        await peer.SendAsync(10, 1, "3000"); // our serve: it volleys
        Assert.Equal(-1, (await peer.ReceiveAsync()).Request);
        await peer.SendAsync(14, 1, "true");
        Assert.Equal((14, -1, "true"), await peer.ReceiveAsync());
    }

    [Fact]
    public async Task RunAsync_TwoOfOurs_KeepExchangingUntilCancelled()
    {
        // No time limits: the clock goes on while a loaded machine has not written yet.
        static RpcOptions Untimed(RpcOptions options) => options with { IdleTimeout = Timeout.InfiniteTimeSpan, SendTimeout = Timeout.InfiniteTimeSpan };
        await using var scene = new RpcScene(GossipPing.AddTo(new RpcApi()), server: Untimed, client: Untimed);
        var samples = new System.Collections.Concurrent.ConcurrentQueue<PingSample>();
        using var cancelling = new CancellationTokenSource();
        Task running = GossipPing.RunAsync(scene.Client, samples.Enqueue, TimeSpan.FromSeconds(1), cancelling.Token);
        for (int i = 0; i < 20_000 && samples.Count < 3; i++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
            scene.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.True(samples.Count >= 3);
        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.Guarded());
        await RpcCallTests.AssertUsableAsync(scene);
    }

    [Theory]
    [InlineData(10, 60), InlineData(10, 24), InlineData(1, 8), InlineData(0.05, 2)] // the idle timeout, and for how long, in minutes
    public async Task RunAsync_PeerOnlyAnswers_ConnectionIsNeverIdle(double idle, double minutes)
    {
        var time = new FakeTimeProvider();
        await using var peer = new RpcRawPeer(new RpcOptions { TimeProvider = time, IdleTimeout = TimeSpan.FromMinutes(idle), SendTimeout = Timeout.InfiniteTimeSpan });
        int samples = 0;
        Task running = GossipPing.RunAsync(peer.Connection, _ => Interlocked.Increment(ref samples));
        Assert.Equal(10, (await peer.ReceiveAsync()).Flags); // the request
        Task<(int Flags, int Request, string Body)> serve = peer.ReceiveAsync();
        int answered = 0;
        TimeSpan step = TimeSpan.FromMinutes(idle / 20), left = TimeSpan.FromMinutes(minutes), silent = TimeSpan.MaxValue;
        TimeSpan due = (1.5 * GossipPing.IntervalFor(peer.Connection)) + (2 * step); // a step or two later, as its clock starts when it has heard our answer
        while (left > TimeSpan.Zero)
        {
            // Real threads must not lag behind a virtual clock: what is due is waited for.
            if (silent >= due || serve.IsCompleted)
            {
                await serve.Guarded();
                silent = TimeSpan.Zero;
                Assert.Equal((10, 1), (await serve) is var (flags, request, _) ? (flags, request) : default);
                serve = peer.ReceiveAsync();
                await peer.SendAsync(10, -1, time.GetUtcNow().ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture));
                answered++;
                Patience.Until(() => Volatile.Read(ref samples) == answered);
            }

            Assert.False(peer.Connection.Completion.IsCompleted, "The connection is idle.");
            time.Advance(step);
            left -= step;
            silent = silent == TimeSpan.MaxValue ? step : silent + step;
        }

        Assert.True(answered >= minutes / idle, $"It was asked {answered} times.");
        Assert.False(running.IsCompleted);
        peer.Stream.Dispose();
        await Assert.ThrowsAsync<RpcException>(() => running.Guarded());
        await Assert.ThrowsAnyAsync<Exception>(() => serve.Guarded());
    }

    [Theory]
    [InlineData(10, 300), InlineData(20, 300), InlineData(4, 120), InlineData(0, 300)]
    public async Task IntervalFor_IsHalfOfAShortIdleTimeout(int idle, int seconds)
    {
        await using var peer = new RpcRawPeer(new RpcOptions { IdleTimeout = idle == 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromMinutes(idle) });
        Assert.Equal(TimeSpan.FromSeconds(seconds), GossipPing.IntervalFor(peer.Connection));
        Task running = GossipPing.RunAsync(peer.Connection, _ => { });
        Assert.Equal($$"""{"name":["gossip","ping"],"args":[{"timeout":{{seconds}}000}],"type":"duplex"}""", (await peer.ReceiveAsync()).Body);
        peer.Stream.Dispose();
        await Assert.ThrowsAsync<RpcException>(() => running.Guarded());
    }

    [Theory]
    [InlineData("\"soon\"")]
    [InlineData("1e300")]
    [InlineData("{}")]
    public async Task MeasureAsync_AnswerThatIsNoClock_Throws(string answer)
    {
        await using var peer = new RpcRawPeer(new RpcOptions());
        Task<PingSample> measuring = GossipPing.MeasureAsync(peer.Connection);
        await peer.SendAsync(10, -1, answer);
        Assert.Equal(RpcError.Malformed, (await Assert.ThrowsAsync<RpcException>(() => measuring.Guarded())).Error);
    }

    [Fact]
    public async Task MeasureAsync_PeerThatDoesNotServeIt_Throws()
    {
        await using var scene = new RpcScene();
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => GossipPing.MeasureAsync(scene.Client).Guarded());
        Assert.Equal("no duplex:gossip,ping", e.Message);
    }
}
