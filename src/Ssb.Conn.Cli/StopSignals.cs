using System.Runtime.InteropServices;

namespace Ssb.Conn.Cli;

/// <summary>Ctrl+C, SIGTERM and the end of the terminal end a run in good order; asked again, at once.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly List<PosixSignalRegistration> _signals;

    /// <param name="stop">Cancelled by the first signal.</param>
    public StopSignals(CancellationTokenSource stop)
    {
        _signals = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(signal => PosixSignalRegistration.Create(signal, OnSignal))];

        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            if (stop.IsCancellationRequested)
                Environment.Exit(ExitCode.Failure); // what hangs is left behind
            stop.Cancel();
        }
    }

    public void Dispose() => _signals.ForEach(signal => signal.Dispose());
}
