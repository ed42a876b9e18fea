using System.Runtime.InteropServices;
using Microsoft.Extensions.Time.Testing;

namespace Ssb.Conn.Cli.Tests;

/// <summary>What happens in the handler of a signal. That of a Windows console is called here as Windows calls it, with the clock of the
/// test.</summary>
public sealed class StopSignalsTests : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly FakeTimeProvider _time = new();
    private int _endedAtOnce;

    public void Dispose() => _stop.Dispose();

    [Theory]
    [InlineData(PosixSignal.SIGHUP), InlineData(PosixSignal.SIGTERM)] // the window was closed; the system shuts down
    public async Task OnSignal_WindowsEndsTheProcess_ReturnsAfterTheRun(PosixSignal signal)
    {
        StopSignals signals = Make(isWindows: true);
        Task handler = Task.Run(() => signals.OnSignal(signal), TestContext.Current.CancellationToken);
        Patience.Until(() => _stop.IsCancellationRequested);
        _time.Advance(TimeSpan.FromSeconds(20));
        Assert.False(handler.IsCompleted); // the goodbyes and the last write are under way
        signals.Dispose();
        await EndAsync(handler);
        Assert.Equal(0, _endedAtOnce);
    }

    [Fact]
    public async Task OnSignal_RunHangs_ReturnsAllTheSame()
    {
        using StopSignals signals = Make(isWindows: true);
        Task handler = Task.Run(() => signals.OnSignal(PosixSignal.SIGHUP), TestContext.Current.CancellationToken);
        await EndAsync(handler);
    }

    [Theory]
    [InlineData(PosixSignal.SIGINT, true), InlineData(PosixSignal.SIGQUIT, true)] // Ctrl+C and Ctrl+Break, after which the process goes on
    [InlineData(PosixSignal.SIGINT, false), InlineData(PosixSignal.SIGQUIT, false)]
    [InlineData(PosixSignal.SIGHUP, false), InlineData(PosixSignal.SIGTERM, false)]
    public void OnSignal_ProcessGoesOn_ReturnsAtOnce(PosixSignal signal, bool isWindows)
    {
        using StopSignals signals = Make(isWindows);
        signals.OnSignal(signal);
        Assert.True(_stop.IsCancellationRequested);
        Assert.Equal(0, _endedAtOnce);
        signals.OnSignal(signal);
        Assert.Equal(1, _endedAtOnce);
    }

    private StopSignals Make(bool isWindows) => new(_stop, _time, isWindows) { EndAtOnce = () => _endedAtOnce++ };

    private async Task EndAsync(Task handler)
    {
        Patience.Until(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return handler.IsCompleted;
        });
        await handler;
    }
}
