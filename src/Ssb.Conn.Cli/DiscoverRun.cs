using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using Ssb.Conn.Cli.Terminals;
using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli;

/// <summary>One run of <c>ssb-conn discover</c>, from its options to its exit code.</summary>
internal static class DiscoverRun
{
    /// <summary>Runs until the duration is over, a signal comes, the person quits or the reader goes away.</summary>
    public static async Task<int> RunAsync(DiscoverOptions options, TimeProvider time)
    {
        using var stop = options.Duration is { } duration ? new CancellationTokenSource(duration, time) : new CancellationTokenSource();
        using var signals = new StopSignals(stop);
        bool json = options.Json || !Terminal.IsThere;

        await using var watch = new Watch(options, time);
        using JsonLines? lines = json ? new JsonLines(StandardOutput.Open(), time) : null;
        Summary summary;
        try
        {
            // Subscribed before the first peer can come.
            IAsyncEnumerable<StagingChange> changes = watch.Staging.Changes(stop.Token);
            Task filling = watch.RunAsync(stop.Token);
            if (json)
                Complain(watch.Problems);
            Task showing = lines is not null
                ? Task.Run(() => JsonView.RunAsync(changes, lines, stop.Cancel)) // its writes block when nobody reads
                : new LiveView(watch, Terminal.WantsColour).RunAsync(stop.Cancel, stop.Token);

            Task first = await Task.WhenAny(filling, showing);
            summary = Summary.Of(watch); // before the rest is torn down
            await stop.CancelAsync();
            await Together.LeaveAsync(Task.WhenAll(filling, showing), time);
            if (first.Exception?.InnerException is { } fault and not OperationCanceledException)
                ExceptionDispatchInfo.Throw(fault);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            summary = Summary.Of(watch); // told to stop before it had begun
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            Complain([e is SocketException ? FailureText.Of(e) : e.Message]); // an IOException of ours names the port
            return ExitCode.Failure;
        }

        await Together.LeaveAsync(Task.Run(() => summary.Write(json ? Console.Error : Console.Out)), time); // where the terminal was closed nobody is there to read it
        return ExitCode.Success;

        static void Complain(IEnumerable<string> problems)
        {
            foreach (string problem in problems)
                Console.Error.WriteLine($"ssb-conn: {TerminalText.Clean(problem)}");
        }
    }
}
