using System.Runtime.InteropServices;

namespace Ssb.Conn.Cli;

/// <summary>Ctrl+C, Ctrl+\ or Ctrl+Break, SIGTERM and the end of the terminal end a run in good order; asked again, at once.</summary>
/// <remarks>On Windows the console tells of four ends, which .NET gives as signals: Ctrl+C (SIGINT), Ctrl+Break (SIGQUIT), its window
/// was closed (SIGHUP), and
/// the system shuts down (SIGTERM). It tells of a user who logs off as well, which .NET passes on to nobody: Windows then ends the
/// process. After the last two Windows ends the process as soon as the handler returns, and
/// whatever it does
/// after some 5 seconds. So the handler waits there until the run is over.</remarks>
internal sealed class StopSignals : IDisposable
{
    /// <summary>How long the handler waits for the run: longer than Windows lets it.</summary>
    private static readonly TimeSpan s_longestEnd = TimeSpan.FromSeconds(30);

    /// <summary>How long it waits for the process when the run is over, which still has its exit code to give.</summary>
    private static readonly TimeSpan s_longestExit = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stop;
    private readonly TimeProvider _time;
    private readonly bool _endsWithHandler;
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<PosixSignalRegistration> _signals;

    /// <param name="stop">Cancelled by the first signal.</param>
    public StopSignals(CancellationTokenSource stop)
        : this(stop, TimeProvider.System, OperatingSystem.IsWindows()) =>
        _signals.AddRange(new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGQUIT }
            .Select(signal => PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                OnSignal(context.Signal);
            })));

    /// <param name="stop">Cancelled by the first signal.</param>
    /// <param name="time">The clock of the waits.</param>
    /// <param name="endsWithHandler">Does the system end the process when the handler of a closed window or of a shutdown returns, as
    /// Windows does?</param>
    internal StopSignals(CancellationTokenSource stop, TimeProvider time, bool endsWithHandler) =>
        (_stop, _time, _endsWithHandler, _signals) = (stop, time, endsWithHandler, []);

    /// <summary>Ends the process at once, with what hangs left behind.</summary>
    internal Action EndAtOnce { private get; init; } = static () => Environment.Exit(ExitCode.Failure);

    /// <summary>The run is over.</summary>
    public void Dispose()
    {
        _over.TrySetResult();
        _signals.ForEach(signal => signal.Dispose());
    }

    internal void OnSignal(PosixSignal signal)
    {
        if (_stop.IsCancellationRequested)
        {
            EndAtOnce();
            return;
        }

        _stop.Cancel();
        if (!_endsWithHandler || signal is not (PosixSignal.SIGHUP or PosixSignal.SIGTERM))
            return;
        _ = Task.WhenAny(_over.Task, Task.Delay(s_longestEnd, _time)).GetAwaiter().GetResult();
        Task.Delay(s_longestExit, _time).GetAwaiter().GetResult();
    }
}
