namespace Ssb.Conn.Staging.Tests.TestHelpers;

public class DisposalTests
{
    [Fact]
    public async Task Run_FirstStepFails_OthersRunAndItIsKept()
    {
        bool hasRun = false;

        await Disposal.RunAsync(() => throw new IOException("in use"), () => Task.FromResult(hasRun = true));

        Assert.True(hasRun);
        Assert.Equal("in use", Assert.IsType<IOException>(Assert.Single(Disposal.TakeFailures())).Message);
    }

    [Fact]
    public async Task All_FirstFails_OthersAreDisposedOf()
    {
        Used first = new(() => throw new IOException()), second = new(() => { });

        await Disposal.AllAsync([first, second]);

        Assert.True(second.IsDisposed);
        Assert.Single(Disposal.TakeFailures());
    }

    // Once the test was said to have failed as its folder was in use.
    [Fact]
    public async Task Using_BodyAndDisposalFail_BothAreTold()
    {
        InvalidOperationException why = await Assert.ThrowsAsync<InvalidOperationException>(async () =>
        {
            await using var used = new Used(() => Disposal.Failed(new IOException("in use")));
            throw new InvalidOperationException("why the test failed");
        });

        Assert.Equal("why the test failed", why.Message);
        Assert.Equal("in use", Assert.Single(Disposal.TakeFailures()).Message);
    }

    [Fact]
    public async Task Failed_NoTestRuns_Throws()
    {
        Task failing;
        using (ExecutionContext.SuppressFlow()) // so that the task knows nothing of this test
            failing = Task.Run(() => Disposal.Failed(new IOException()), CancellationToken.None);

        await Assert.ThrowsAsync<IOException>(() => failing);
        Assert.Empty(Disposal.TakeFailures());
    }

    private sealed class Used(Action dispose) : IAsyncDisposable
    {
        public bool IsDisposed { get; private set; }

        public ValueTask DisposeAsync()
        {
            dispose();
            IsDisposed = true;
            return default;
        }
    }
}
