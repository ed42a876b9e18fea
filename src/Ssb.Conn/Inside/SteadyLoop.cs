using Microsoft.Extensions.Logging;

namespace Ssb.Conn;

/// <summary>Runs what is to go on for the life of a peer: what fails is told, once for as long as it fails, and is begun again after a
/// pause.</summary>
public static class SteadyLoop
{
    /// <summary>The pause after the first failure. Each one that follows is twice as long.</summary>
    public static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause. After running for so long, the next failure is a first one.</summary>
    public static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    /// <summary>Runs it until it ends by itself, or is cancelled. Never throws.</summary>
    /// <param name="subject">What runs, for a person.</param>
    /// <param name="problem">What does not happen while it does not run: a sentence.</param>
    /// <param name="run">What runs.</param>
    /// <param name="states">Where failures are told.</param>
    /// <param name="time">The clock of the pauses.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="failed">Told of each failure.</param>
    public static async Task RunAsync(
        string subject, string problem, Func<CancellationToken, Task> run, StateLog states, TimeProvider time,
        CancellationToken cancellationToken, Action<Exception>? failed = null)
    {
        TimeSpan pause = ShortestPause;
        while (!cancellationToken.IsCancellationRequested)
        {
            long began = time.GetTimestamp();
            try
            {
                states.Leave(subject); // unless it fails again soon
                await run(cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (Exception) when (cancellationToken.IsCancellationRequested)
            {
                return; // whatever it is: it was told to end, and what it uses ends with it
            }
            catch (Exception e)
            {
                if (time.GetElapsedTime(began) >= LongestPause)
                    pause = ShortestPause;
                failed?.Invoke(e);
                states.Enter(subject, problem, e, LogLevel.Error);
            }

            await Task.Delay(pause, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }
}
