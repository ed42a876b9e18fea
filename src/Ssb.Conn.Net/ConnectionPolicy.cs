using Microsoft.Extensions.Logging;

namespace Ssb.Conn.Net;

/// <summary>Asks the host's policy about connections, in a time that is bounded, and logs what goes wrong in it. Thread-safe.</summary>
internal sealed class ConnectionPolicy(PeerNetworkOptions options, StateLog states)
{
    private const string Subject = "the policy about connections"; // in a log

    private int _asking; // also those that were left behind

    private const string TooMany = "the policy of this peer's host is at too many decisions already";

    /// <summary>Is there one?</summary>
    public bool IsThere => options.MayConnect is not null;

    /// <summary>Why a connection is refused, in words; null if it is allowed.</summary>
    /// <exception cref="OperationCanceledException">The attempt was given up, or the network closes.</exception>
    public async Task<string?> RefusalOfAsync(ConnectionAttempt attempt, CancellationToken cancellationToken)
    {
        if (options.MayConnect is not { } mayConnect)
            return null;
        if (Volatile.Read(ref _asking) >= options.Limits.MaxHandshakes)
        {
            states.Happened(Subject, $"The host's policy (MayConnect) is at {options.Limits.MaxHandshakes:N0} decisions already, and is not asked about {attempt.FeedId}. The peer is refused.");
            return TooMany;
        }

        using var timeout = new CancellationTokenSource(options.Limits.PolicyDeadline, options.TimeProvider);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        // On a thread of its own: one that blocks, or that does not look at its token, is left behind.
        CancellationToken token = ended.Token;
        Interlocked.Increment(ref _asking);
        Task<bool> asking = Task.Run(() => mayConnect(attempt, token).AsTask(), CancellationToken.None);
        _ = asking.ContinueWith(done => Interlocked.Decrement(ref _asking), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        string verb = attempt.Direction == ConnectionDirection.Incoming ? "calls" : "is to be dialled";
        try
        {
            return await asking.WaitAsync(token).ConfigureAwait(false) ? null : ConnReason.HostPolicy;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Observe(asking);
            throw;
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            Observe(asking);
            states.Happened(
                Subject,
                $"The host's policy (MayConnect) did not decide about {attempt.FeedId}, who {verb}, within {options.Limits.PolicyDeadline.TotalSeconds:0.###} s. The peer is refused.");
            return "the policy of this peer's host did not decide about it in time";
        }
        catch (Exception e)
        {
            states.Happened(Subject, $"The host's policy (MayConnect) failed for {attempt.FeedId}, who {verb}. The peer is refused.", e, LogLevel.Error);
            return "the policy of this peer's host failed";
        }
    }

    // What it throws later is of no use any more.
    private static void Observe(Task asking) =>
        _ = asking.ContinueWith(static done => _ = done.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
