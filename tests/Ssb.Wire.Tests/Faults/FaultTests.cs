using System.Collections.Concurrent;

namespace Ssb.Wire.Tests.Faults;

/// <summary>One fault at every byte of a session. <see cref="Verdict"/> says what may come of it.</summary>
[Collection(nameof(Alone))]
public sealed class FaultTests
{
    [Theory]
    [InlineData(FaultKind.Cut, true)]
    [InlineData(FaultKind.Cut, false)]
    [InlineData(FaultKind.Corrupt, true)]
    [InlineData(FaultKind.Corrupt, false)]
    internal async Task Session_AFaultAtAnyByte_GivesRightResultsOrATypedEnd(FaultKind kind, bool toServer)
    {
        (_, int toTheServer, int toTheClient) = await RunInMemoryAsync(Fault.None);
        int length = toServer ? toTheServer : toTheClient;
        Assert.InRange(length, 900, 2500);

        int step = Rounds.Step(1), tried = length / step;
        int hits = await RunAllAsync(
            Enumerable.Range(0, tried).Select(i => new Fault(kind, toServer, i * step)),
            async (fault, aftermath) => (await RunInMemoryAsync(fault, aftermath)).IsHit);
        Assert.InRange(hits, tried * 9 / 10, tried); // how frames are gathered into packets is not always the same
    }

    [Theory]
    [InlineData(FaultKind.Cut, true, 3)]
    [InlineData(FaultKind.Cut, false, 3)]
    [InlineData(FaultKind.Corrupt, true, 3)]
    [InlineData(FaultKind.Corrupt, false, 3)]
    [InlineData(FaultKind.Delay, true, 31)]
    [InlineData(FaultKind.Delay, false, 31)]
    internal async Task Session_OverTcp_AFaultAtAnyByte_GivesRightResultsOrATypedEnd(FaultKind kind, bool toServer, int step)
    {
        (_, int toTheServer, int toTheClient) = await RunOverTcpAsync(Fault.None);
        int length = toServer ? toTheServer : toTheClient;
        step = Rounds.Step(step);
        IEnumerable<int> positions = Enumerable.Range(0, length / step).Select(i => i * step)
            .Concat([63, 64, toServer ? Session.HandshakeToServer : Session.HandshakeToClient]).Concat(Enumerable.Range(length - 40, 40));

        int hits = await RunAllAsync(
            positions.Select(position => new Fault(kind, toServer, position)),
            async (fault, aftermath) => (await RunOverTcpAsync(fault, aftermath)).IsHit);
        Assert.InRange(hits, length / step, length / step + 43);
    }

    private static async Task<int> RunAllAsync(IEnumerable<Fault> faults, Func<Fault, Aftermath, Task<bool>> runAsync)
    {
        int hits = 0;
        using var aftermath = new Aftermath();
        var wrong = new ConcurrentQueue<string>();
        var options = new ParallelOptions { MaxDegreeOfParallelism = 8 };
        await Parallel.ForEachAsync(faults, options, async (fault, _) =>
        {
            try
            {
                if (await runAsync(fault, aftermath).WaitAsync(Wait.Guard, CancellationToken.None))
                    Interlocked.Increment(ref hits);
            }
            catch (Exception e)
            {
                wrong.Enqueue($"{fault}: {e.Message}");
            }
        });
        Assert.True(wrong.IsEmpty, string.Join(Environment.NewLine, wrong.Take(10)));
        await aftermath.AssertCleanAsync();
        return hits;
    }

    private static async Task<(bool IsHit, int ToServer, int ToClient)> RunInMemoryAsync(Fault fault, Aftermath? aftermath = null)
    {
        using var pair = new DuplexPair();
        var client = new FaultyStream(pair.A, toServer: true, fault);
        var server = new FaultyStream(pair.B, toServer: false, fault);
        (Session.Side Client, Session.Side Server) sides = await Session.RunAsync(client, server);
        Judge(fault, aftermath, client.IsHit || server.IsHit, sides, client.IsDisposed && server.IsDisposed);
        return (client.IsHit || server.IsHit, client.Written, server.Written);
    }

    private static async Task<(bool IsHit, int ToServer, int ToClient)> RunOverTcpAsync(Fault fault, Aftermath? aftermath = null)
    {
        (FaultProxy.TrackedSocket client, FaultProxy proxy, FaultProxy.TrackedSocket server) = await FaultProxy.ConnectAsync(fault);
        using (proxy)
        {
            (Session.Side Client, Session.Side Server) sides = await Session.RunAsync(client, server);
            await proxy.EndedAsync();
            Judge(fault, aftermath, proxy.IsHit, sides, client.IsClosed && server.IsClosed);
            return (proxy.IsHit, proxy.BytesToServer, proxy.BytesToClient);
        }
    }

    private static void Judge(
        Fault fault, Aftermath? aftermath, bool wasHit, (Session.Side Client, Session.Side Server) sides, bool streamsAreClosed)
    {
        aftermath?.Watch(sides.Client);
        aftermath?.Watch(sides.Server);
        string? wrong = Verdict.On(fault, wasHit, sides.Client, sides.Server) ?? (streamsAreClosed ? null : "a stream was left open");
        Assert.True(wrong is null, $"{wrong}. Client: {sides.Client}. Server: {sides.Server}.");
    }
}
