namespace Ssb.Conn.Cli.Tests;

public class RunTests
{
    // Once it hung: the failure was told only after tasks that never end by themselves.
    [Fact(Timeout = Patience.WholeTest)]
    public async Task Watch_OneOfItsTasksFails_EndsWithTheFailure()
    {
        await using var watch = new Watch(new DiscoverOptions { Neighbours = 1, Seed = 1 }, TimeProvider.System);
        Task run = watch.RunAsync(TestContext.Current.CancellationToken);
        watch.Staging.Dispose(); // what is heard next cannot be staged

        await Assert.ThrowsAsync<ObjectDisposedException>(() => run);
    }

    [Fact]
    public async Task Run_StoppedBeforeItHasBegun_GivesZero() =>
        Assert.Equal(0, await DiscoverRun.RunAsync(new DiscoverOptions { Neighbours = 1, Json = true, Duration = TimeSpan.FromSeconds(1) }, new OverAtOnce()));

    /// <summary>Whoever asks for a timer has it ring before he has it.</summary>
    private sealed class OverAtOnce : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            callback(state);
            return base.CreateTimer(static _ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
