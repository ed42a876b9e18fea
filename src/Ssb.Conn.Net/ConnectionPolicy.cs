using Microsoft.Extensions.Logging;

namespace Ssb.Conn.Net;

/// <summary>Asks the host's policy about connections, in a time that is bounded, and logs what goes wrong in it. Thread-safe.</summary>
internal sealed class ConnectionPolicy(PeerNetworkOptions options, StateLog states)
{
    private const string Subject = "the policy about connections"; // in a log

    /// <summary>Is there one?</summary>
    public bool IsThere => options.MayConnect is not null;

    /// <summary>Why a connection is refused, in words; null if it is allowed.</summary>
    /// <exception cref="OperationCanceledException">The attempt was given up, or the network closes.</exception>
    public async Task<string?> RefusalOfAsync(ConnectionAttempt attempt, CancellationToken cancellationToken)
    {
        if (options.MayConnect is not { } mayConnect)
            return null;
        using var timeout = new CancellationTokenSource(options.Limits.PolicyDeadline, options.TimeProvider);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        // On a thread of its own: one that blocks, or that does not look at its token, is left behind.
        CancellationToken token = ended.Token;
        Task<bool> asking = Task.Run(() => mayConnect(attempt, token).AsTask(), CancellationToken.None);
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
            return "this program's own policy did not decide about it in time";
        }
        catch (Exception e)
        {
            states.Happened(Subject, $"The host's policy (MayConnect) failed for {attempt.FeedId}, who {verb}. The peer is refused.", e, LogLevel.Error);
            return "this program's own policy failed";
        }
    }

    // What it throws later is of no use any more.
    private static void Observe(Task asking) =>
        _ = asking.ContinueWith(static done => _ = done.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
