using Ssb.Conn.Simulator;
using Ssb.Conn.Tests.Db;

namespace Ssb.Conn.Tests.Inside;

/// <summary>What runs for the life of a peer is begun again whenever it fails.</summary>
public sealed class SteadyLoopTests : IDisposable
{
    private readonly VirtualTime _time = new(Given.Start);
    private readonly LogLines _lines = new();
    private readonly StateLog _log;
    private readonly CancellationTokenSource _over = new();

    public SteadyLoopTests() => _log = new StateLog(_lines, _time);

    public void Dispose()
    {
        _log.Dispose();
        _over.Dispose();
    }

    [Fact]
    public async Task Run_FailsAndFails_IsBegunAgainWithLongerPauses()
    {
        var begun = new List<double>();
        long start = _time.GetTimestamp();
        Task running = Run(_ =>
        {
            begun.Add(_time.GetElapsedTime(start).TotalSeconds);
            throw new InvalidOperationException("broken");
        });
        _time.RunFor(TimeSpan.FromSeconds(200));

        Assert.Equal([0, 1, 3, 7, 15, 31, 63, 123, 183], begun);
        Assert.Equal(["Error: It does not run."], _lines.All);
        await _over.CancelAsync();
        await running;
    }

    [Fact]
    public async Task Run_WorksAgain_IsToldAndPausesAreShortAgain()
    {
        int runs = 0;
        var fails = new TaskCompletionSource();
        Task running = Run(token => ++runs switch
        {
            < 5 => throw new InvalidOperationException("broken"),
            5 => fails.Task,
            _ => Task.Delay(Timeout.InfiniteTimeSpan, _time, token),
        });
        _time.RunFor(TimeSpan.FromSeconds(15) + StateLog.Settling);
        Assert.Equal((5, 2), (runs, _lines.Count));
        Assert.StartsWith("Information: something: it works again.", _lines.All.Last(), StringComparison.Ordinal);

        _time.RunFor(SteadyLoop.LongestPause);
        fails.SetException(new InvalidOperationException("broken again"));
        _time.RunFor(SteadyLoop.ShortestPause);
        Assert.Equal((6, 3), (runs, _lines.Count));
        await _over.CancelAsync();
        await running;
    }

    [Fact]
    public async Task Run_EndsByItself_IsOver() => await Run(_ => Task.CompletedTask);

    [Fact]
    public async Task Run_FailsAsItIsCancelled_EndsWithoutAWord()
    {
        Task running = Run(async token =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, _time, token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw new IOException("closed meanwhile");
        });
        await _over.CancelAsync();
        await running;

        Assert.Empty(_lines.All);
    }

    private Task Run(Func<CancellationToken, Task> run) =>
        SteadyLoop.RunAsync("something", "It does not run.", run, _log, _time, _over.Token);
}
