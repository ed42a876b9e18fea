using System.Globalization;

namespace Ssb.Wire.Tests.Muxrpc;

/// <summary>A stream that we have ended, or never began, is not open any more, whatever the peer does.</summary>
public class RpcRefusedStreamTests
{
    private const int Stream = 8 + 2, End = 8 + 4 + 2; // flags, with a body of JSON

    private static RpcOptions Serving() => new()
    {
        Permissions = new RpcPermissions(["whoami", "fails", "few", "sink", "talk", "done"]),
        Api = new RpcApi()
            .Sync("whoami", _ => "me")
            .Source("fails", (_, _) => throw new RpcException("not now"))
            .Source("few", (_, _) => RpcStreamTests.CountTo(1))
            .Sink("sink", (_, _, _) => throw new RpcException("no room"))
            .Duplex("talk", (_, _, _) => throw new InvalidOperationException("ours"))
            .Duplex("done", (_, _, _) => Task.CompletedTask),
        MaxOpenRequests = 8,
    };

    [Theory]
    [InlineData("secret", "source"), InlineData("secret", "sink"), InlineData("secret", "duplex"), InlineData("secret", "strange")] // not allowed, or no such type
    [InlineData("whoami", "source"), InlineData("few", "duplex")] // of another type
    [InlineData("fails", "source"), InlineData("sink", "sink"), InlineData("talk", "duplex"), InlineData("few", "source"), InlineData("done", "duplex")]
    public async Task Refused_PeerEndsNone_TheNextIsAnsweredAllTheSame(string name, string type)
    {
        await using var peer = new RpcRawPeer(Serving());
        for (int number = 1; number <= 100; number++)
        {
            await peer.SendAsync(Stream, number, $$"""{"name":["{{name}}"],"args":[],"type":"{{type}}"}""");
            string body;
            do
            {
                (int flags, int request, body) = await peer.ReceiveAsync();
                Assert.Equal(-number, request);
                if (flags == End)
                    break;
            }
            while (true);
            Assert.DoesNotContain("too many", body, StringComparison.Ordinal);
        }

        await peer.SendAsync(2, 101, """{"name":["whoami"],"args":[],"type":"async"}""");
        Assert.Equal((1, -101, "me"), await peer.ReceiveAsync());
        Patience.Until(() => peer.Connection.Exchanges.Count == 0); // a procedure is over a moment after its end was sent
    }

    [Fact]
    public async Task Refused_CallsOfAsync_AreNotOpenEither()
    {
        await using var peer = new RpcRawPeer(Serving());
        for (int number = 1; number <= 100; number++)
        {
            await peer.SendAsync(2, number, """{"name":["secret"],"args":[],"type":"async"}""");
            Assert.DoesNotContain("too many", (await peer.ReceiveAsync()).Body, StringComparison.Ordinal);
        }

        Assert.Equal(0, peer.Connection.Exchanges.Count);
    }

    [Fact]
    public async Task Refused_ItemsOnTheirWay_AreNoRequests()
    {
        await using var peer = new RpcRawPeer(Serving());
        await peer.SendAsync(Stream, 1, """{"name":["secret"],"args":[],"type":"duplex"}""");
        await peer.SendAsync(Stream, 1, """{"name":["whoami"],"args":[],"type":"duplex"}"""); // an item that looks like one
        await peer.SendAsync(End, 1, "true");
        await peer.SendAsync(2, 2, """{"name":["whoami"],"args":[],"type":"async"}""");
        Assert.Equal((End, -1), (await peer.ReceiveAsync()) is var (flags, request, _) ? (flags, request) : default);
        Assert.Equal((1, -2, "me"), await peer.ReceiveAsync());
    }

    [Fact]
    public async Task Refused_WhileTheMostAreOpen_ItemsAreStillNoRequests()
    {
        RpcOptions options = Serving();
        var hold = new TaskCompletionSource();
        options.Api.Duplex("hold", (_, _, token) => hold.Task.WaitAsync(token));
        await using var peer = new RpcRawPeer(options with { Permissions = RpcPermissions.All });
        for (int number = 1; number <= 9; number++)
            await peer.SendAsync(Stream, number, """{"name":["hold"],"args":[],"type":"duplex"}""");
        (int _, int request, string body) = await peer.ReceiveAsync();
        Assert.Equal(-9, request);
        Assert.Contains("too many open requests", body, StringComparison.Ordinal);
        await peer.SendAsync(Stream, 9, """{"name":["whoami"],"args":[],"type":"duplex"}""");
        await peer.SendAsync(2, 11, """{"name":["whoami"],"args":[],"type":"async"}""");
        (int _, request, body) = await peer.ReceiveAsync(); // the item has been read, too
        Assert.Equal(-11, request);
        Assert.Contains("too many open requests", body, StringComparison.Ordinal);
        hold.SetResult();
        for (int i = 1; i <= 8; i++)
            Assert.InRange(-(await peer.ReceiveAsync()).Request, 1, 8);
        Patience.Until(() => peer.Connection.Exchanges.Count == 0);
        await peer.SendAsync(2, 10, """{"name":["whoami"],"args":[],"type":"async"}""");
        Assert.Equal((1, -10, "me"), await peer.ReceiveAsync());
    }

    [Fact]
    public async Task NumberUsedAgain_WhileTheFirstProcedureStillRuns_IsTheStreamOfTheSecond()
    {
        int begun = 0;
        TaskCompletionSource first = new(), second = new();
        RpcOptions options = Serving();
        options.Api.Duplex("slow", async (_, stream, _) =>
        {
            if (Interlocked.Increment(ref begun) > 1)
            {
                await second.Task;
                return;
            }

            stream.Complete();
            await first.Task;
        });
        await using var peer = new RpcRawPeer(options with { Permissions = RpcPermissions.All });
        await peer.SendAsync(Stream, 1, """{"name":["slow"],"args":[],"type":"duplex"}""");
        Assert.Equal((End, -1), (await peer.ReceiveAsync()) is var (flags, request, _) ? (flags, request) : default);
        await peer.SendAsync(End, 1, "true");
        Patience.Until(() => peer.Connection.Exchanges.Count == 0);
        await peer.SendAsync(Stream, 1, """{"name":["slow"],"args":[],"type":"duplex"}""");
        Patience.Until(() => Volatile.Read(ref begun) == 2);
        first.SetResult(); // goes on here: nothing runs later
        await peer.SendAsync(2, 2, """{"name":["whoami"],"args":[],"type":"async"}""");
        Assert.Equal((1, -2, "me"), await peer.ReceiveAsync());
        Assert.Equal(1, peer.Connection.Exchanges.Count);
        second.SetResult();
        Assert.Equal((End, -1), (await peer.ReceiveAsync()) is var (ending, number, _) ? (ending, number) : default);
    }

    [Fact]
    public async Task Close_PeerHasEndedNone_WaitsForNoneOfThem()
    {
        await using var peer = new RpcRawPeer(Serving());
        await peer.SendAsync(Stream, 1, """{"name":["secret"],"args":[],"type":"duplex"}""");
        await peer.SendAsync(Stream, 2, """{"name":["few"],"args":[],"type":"source"}""");
        for (int ends = 0; ends < 2;)
            ends += (await peer.ReceiveAsync()).Flags == End ? 1 : 0;
        Task closing = peer.Connection.CloseAsync(TestContext.Current.CancellationToken);
        Assert.Equal((0, 0, ""), await peer.ReceiveAsync()); // goodbye
        peer.Stream.Dispose();
        await closing.Guarded();
    }

    [Theory]
    [InlineData("source"), InlineData("sink"), InlineData("duplex")]
    public async Task Ours_RefusedByThePeer_IsEndedOnOurSide(string type)
    {
        await using var peer = new RpcRawPeer(new RpcOptions());
        for (int number = 1; number <= 300; number++)
        {
            Task<RpcException> failing = Assert.ThrowsAsync<RpcException>(() => OpenAsync(peer.Connection, type).Guarded());
            Assert.Equal(Stream, (await peer.ReceiveAsync()).Flags); // the request
            await peer.SendAsync(End, -number, """{"name":"Error","message":"no"}""");
            Assert.Equal("no", (await failing).Message);
            Assert.Equal((End, number, "true"), await peer.ReceiveAsync());
        }

        Assert.Equal(0, peer.Connection.Exchanges.Count);
    }

    [Fact]
    public async Task Ours_DuplexRefusedByThePeer_WritingTellsWhy()
    {
        await using var peer = new RpcRawPeer(new RpcOptions());
        RpcDuplex duplex = peer.Connection.Duplex("talk"); // neither read nor disposed
        await peer.ReceiveAsync();
        await peer.SendAsync(End, -1, """{"name":"Error","message":"no"}""");
        Assert.Equal((End, 1, "true"), await peer.ReceiveAsync());
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => duplex.WriteAsync(1).AsTask());
        Assert.Equal((RpcError.Remote, "no"), (e.Error, e.Message));
        Assert.Equal(0, peer.Connection.Exchanges.Count);
        Assert.True(duplex.Ended.CanBeCanceled);
    }

    private static async Task OpenAsync(RpcConnection connection, string type)
    {
        switch (type)
        {
            case "source":
                await foreach (RpcValue _ in connection.Source("a"))
                    Assert.Fail("There is nothing.");
                break;
            case "sink":
                await connection.SinkAsync("a", [], WaitAsync());
                break;
            default:
                await using (RpcDuplex duplex = connection.Duplex("a"))
                {
                    await foreach (RpcValue _ in duplex.ReadAllAsync())
                        Assert.Fail("There is nothing.");
                }

                break;
        }

        static async IAsyncEnumerable<RpcValue> WaitAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
            yield return 1;
        }
    }
}
