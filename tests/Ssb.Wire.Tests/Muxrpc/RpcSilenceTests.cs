using System.Globalization;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Time.Testing;

namespace Ssb.Wire.Tests.Muxrpc;

/// <summary>A peer that is gone without a word is given up; one that is only silent is not.</summary>
public class RpcSilenceTests
{
    private const string Ping = """{"name":["gossip","ping"],"args":[{"timeout":300000}],"type":"duplex"}""";

    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(15); // a quarter of the deadline

    private readonly FakeTimeProvider _time = new();

    private RpcOptions Options => new()
    {
        TimeProvider = _time,
        AnswerDeadline = TimeSpan.FromSeconds(60),
        IdleTimeout = Timeout.InfiniteTimeSpan,
        SendTimeout = Timeout.InfiniteTimeSpan, // the clock goes on while a loaded machine has not written yet
    };

    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task Silent_PeerThatHadAnswered_IsGivenUp(bool byError)
    {
        await using var peer = new RpcRawPeer(Options);
        _time.Advance(s_look);
        await AnswerAsync(peer, 1, byError); // it is asked once at the beginning, to know whether it answers at all
        for (int i = 0; i < 3; i++)
        {
            Look(peer, 3); // the first sees the answer, then it is silent for half of the time
            await AnswerAsync(peer, i + 2, byError);
        }

        Look(peer, 3);
        await AskedAsync(peer, 5);
        Look(peer, 1);
        Assert.False(peer.Connection.Completion.IsCompleted);
        _time.Advance(s_look);
        RpcEnd end = await peer.Connection.Completion.Guarded();
        Assert.Equal(RpcEndReason.Silent, end.Reason);
        Assert.Contains("did not answer within 60 s", end.Error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Silent_PeerThatNeverAnswered_StaysAndIsAskedOnce()
    {
        await using var peer = new RpcRawPeer(Options);
        _time.Advance(s_look);
        await AskedAsync(peer, 1);
        Look(peer, 100);
        await peer.SendAsync(2, 1, """{"name":["manifest"],"args":[],"type":"async"}"""); // the next that comes is the answer to this
        Assert.Equal(-1, (await peer.ReceiveAsync()).Request);
        Assert.False(peer.Connection.Completion.IsCompleted);
    }

    [Fact]
    public async Task Silent_PeerThatSendsSomethingElse_Stays()
    {
        await using var peer = new RpcRawPeer(Options);
        _time.Advance(s_look);
        await AnswerAsync(peer, 1, byError: true);
        for (int i = 0; i < 40; i++)
        {
            long before = peer.Connection.Received;
            await peer.SendAsync(2, 1_000 + i, """{"name":["manifest"],"args":[],"type":"async"}""");
            Patience.Until(() => peer.Connection.Received > before);
            Look(peer, 1);
        }

        Assert.False(peer.Connection.Completion.IsCompleted);
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task Silent_PeerThatTakesALongTransferSlowly_Stays(bool isProbed)
    {
        using var streams = new DuplexPair(1_000);
        await using var connection = RpcConnection.Start(streams.B, Options with { AnswerDeadline = isProbed ? Timeout.InfiniteTimeSpan : Options.AnswerDeadline });
        connection.Answered();
        using var over = new CancellationTokenSource();
        Task sink = connection.SinkAsync("take", [], Endless(over.Token));
        Patience.Until(() => connection.Output.IsWriting);
        Task<bool>? probe = isProbed ? connection.ProbeAsync(TimeSpan.FromSeconds(60)) : null;
        byte[] piece = new byte[50_000]; // less than what stands before the question
        for (int i = 0; i < 12; i++)
        {
            long before = connection.Output.LastProgress;
            _time.Advance(s_look / 2);
            await TakeAsync(); // more than a piece of what is being written, so that there is progress
            Patience.Until(() => connection.Output.LastProgress != before);
            _time.Advance(s_look / 2);
        }

        Assert.False(connection.Completion.IsCompleted);
        Assert.True(probe is null || await probe.Guarded());
        await over.CancelAsync();
        streams.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(() => sink.Guarded());

        async Task TakeAsync()
        {
            for (int taken = 0; taken < 100_000;)
                taken += await streams.A.ReadAsync(piece);
        }

        static async IAsyncEnumerable<RpcValue> Endless([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                yield return RpcValue.Binary(new byte[10_000]);
                await Task.Yield();
            }
        }
    }

    [Fact]
    public async Task Silent_TwoOfOurs_StandForHours()
    {
        await using var scene = new RpcScene(GossipPing.AddTo(new RpcApi()), client: o => o with
        {
            AnswerDeadline = TimeSpan.FromSeconds(60),
            IdleTimeout = TimeSpan.FromMinutes(10),
            SendTimeout = Timeout.InfiniteTimeSpan,
        }, server: o => o with { SendTimeout = Timeout.InfiniteTimeSpan });
        int asked = 0;
        for (int i = 0; i < 4 * 60; i++)
        {
            scene.Time.Advance(s_look);
            asked += scene.Client.IsAsking ? 1 : 0; // unless the answer is there already
            Patience.Until(() => !scene.Client.IsAsking);
        }

        Assert.False(scene.Client.Completion.IsCompleted, scene.Client.Completion.IsCompleted ? (await scene.Client.Completion).ToString() : "");
        Assert.InRange(asked, 1, 4 * 60);
    }

    [Fact]
    public async Task AnswerDeadline_NotSet_AsksNobody()
    {
        await using var peer = new RpcRawPeer(Options with { AnswerDeadline = Timeout.InfiniteTimeSpan });
        Look(peer, 100);
        await peer.SendAsync(2, 1, """{"name":["manifest"],"args":[],"type":"async"}""");
        Assert.Equal(-1, (await peer.ReceiveAsync()).Request);
    }

    [Theory]
    [InlineData(true, false, RpcEndReason.Silent), InlineData(true, true, null), InlineData(false, false, null)]
    public async Task ProbeAsync_TellsWhetherThePeerIsThere(bool hasAnswered, bool answers, RpcEndReason? expected)
    {
        await using var peer = new RpcRawPeer(Options with { AnswerDeadline = Timeout.InfiniteTimeSpan });
        int asked = 0;
        if (hasAnswered)
        {
            Task<bool> first = peer.Connection.ProbeAsync(TimeSpan.FromSeconds(10));
            await AnswerAsync(peer, ++asked, byError: true);
            await AdvanceAsync(first);
            Assert.True(await first);
        }

        Task<bool> probe = peer.Connection.ProbeAsync(TimeSpan.FromSeconds(10));
        await AskedAsync(peer, ++asked);
        if (answers)
            await AnswerAsync(peer, asked, byError: true, isAsked: true);
        await AdvanceAsync(probe);
        Assert.Equal(expected is null, await probe);
        if (expected is { } reason)
            Assert.Equal(reason, (await peer.Connection.Completion.Guarded()).Reason);
        else
            Assert.False(peer.Connection.Completion.IsCompleted);
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task ProbeAsync_MachineSleepsMeanwhile_GivesThePeerItsTimeAgain(bool answers)
    {
        await using var peer = new RpcRawPeer(Options with { AnswerDeadline = Timeout.InfiniteTimeSpan });
        peer.Connection.Answered();
        Task<bool> probe = peer.Connection.ProbeAsync(TimeSpan.FromSeconds(10));
        await AskedAsync(peer, 1);
        _time.Advance(TimeSpan.FromHours(1));
        Assert.False(probe.IsCompleted);
        if (answers)
            await AnswerAsync(peer, 1, byError: true, isAsked: true);
        await AdvanceAsync(probe);
        Assert.Equal(answers, await probe);
    }

    [Theory]
    [InlineData(SocketError.TimedOut, RpcEndReason.Silent), InlineData(SocketError.HostUnreachable, RpcEndReason.Silent)]
    [InlineData(SocketError.NetworkUnreachable, RpcEndReason.Silent), InlineData(SocketError.NetworkReset, RpcEndReason.Silent)]
    [InlineData(SocketError.ConnectionReset, RpcEndReason.Lost), InlineData(SocketError.ConnectionAborted, RpcEndReason.Lost)]
    public async Task End_OfABrokenSocket_TellsSilenceFromTheRest(SocketError error, RpcEndReason expected)
    {
        var connection = RpcConnection.Start(new BrokenStream(new IOException("Unable to read.", new SocketException((int)error))));
        RpcEnd end = await connection.Completion.Guarded();
        Assert.Equal(expected, end.Reason);
        Assert.IsType<IOException>(end.Error);
    }

    // Asked is on another thread, so that the peer has the question before time goes on.
    private static async Task AskedAsync(RpcRawPeer peer, int request)
    {
        Assert.Equal((10, request, Ping), await peer.ReceiveAsync());
        Assert.Equal((10, request), (await peer.ReceiveAsync()) is var (flags, number, _) ? (flags, number) : default);
    }

    private async Task AnswerAsync(RpcRawPeer peer, int request, bool byError, bool isAsked = false)
    {
        if (!isAsked)
            await AskedAsync(peer, request);
        if (byError)
            await peer.SendAsync(14, -request, """{"message":"no such method","name":"Error","stack":""}""");
        else
            await peer.SendAsync(10, -request, _time.GetUtcNow().ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture));
        Assert.Equal((14, request), (await peer.ReceiveAsync()) is var (flags, number, _) ? (flags, number) : default); // the end of our side
        Patience.Until(() => !peer.Connection.IsAsking);
    }

    private void Look(RpcRawPeer peer, int times)
    {
        for (int i = 0; i < times && !peer.Connection.Completion.IsCompleted; i++)
            _time.Advance(s_look);
    }

    private async Task AdvanceAsync(Task until)
    {
        while (!until.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(until, Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System));
        }
    }

    private sealed class BrokenStream(IOException error) : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.FromException<int>(error);
    }
}
