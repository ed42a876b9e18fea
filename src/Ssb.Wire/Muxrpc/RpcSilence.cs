using System.Net.Sockets;

namespace Ssb.Wire;

/// <summary>Finds out that the peer is gone without a word, where nothing below the connection does, as in a tunnel: asks a peer that has been
/// silent for a while whether it is there, and gives it up if it does not answer.</summary>
/// <remarks>Asked is by <c>gossip.ping</c>, which costs each side one small message; any answer will do, an error too. A peer that has never
/// answered on this connection may be one that answers nobody, and is not given up. Time is counted in looks, so that a machine that slept
/// does not take its own silence for the peer's. While much is being sent the question waits behind it: as long as something of it is taken,
/// nothing is concluded from silence. A write of which nothing is taken is the business of <see cref="RpcOptions.SendTimeout"/>.</remarks>
internal sealed class RpcSilence(RpcConnection connection) : IAsyncDisposable
{
    private const int Looks = 4; // in the deadline, half of which passes before the peer is asked

    private readonly Lock _gate = new();
    private ITimer? _timer;

    // What follows is guarded by _gate.
    private long _heard; // at the last look
    private long _progress; // of what we send, at the last look
    private int _quiet; // looks in a row at which nothing had come
    private int _unanswered; // those of them since it was asked
    private Task? _asking; // null: it was not asked yet

    private volatile bool _hasAnswered;

    public void Start()
    {
        TimeSpan deadline = connection.Options.AnswerDeadline;
        if (deadline == Timeout.InfiniteTimeSpan)
            return;
        TimeSpan period = TimeSpan.FromMilliseconds(Math.Max(1, deadline.TotalMilliseconds / Looks));
        _timer = connection.Options.TimeProvider.CreateTimer(static silence => ((RpcSilence)silence!).Look(), this, period, period);
    }

    public ValueTask DisposeAsync() => _timer?.DisposeAsync() ?? default;

    public bool IsAsking
    {
        get
        {
            lock (_gate)
                return _asking is { IsCompleted: false };
        }
    }

    /// <summary>The peer answered something that we asked: it is one that answers.</summary>
    public void Answered() => _hasAnswered = true;

    /// <inheritdoc cref="RpcConnection.ProbeAsync"/>
    public async Task<bool> ProbeAsync(TimeSpan deadline)
    {
        TimeProvider clock = connection.Options.TimeProvider;
        while (true)
        {
            long heard = connection.Received;
            bool wasWriting = connection.Output.IsWriting; // the question waits behind that
            long progress = connection.Output.LastProgress;
            long start = clock.GetTimestamp();
            lock (_gate)
                Ask_NeedsLock();
            using (var ended = new CancellationTokenSource())
            {
                await Task.WhenAny(connection.Completion, Task.Delay(deadline, clock, ended.Token)).ConfigureAwait(false);
                await ended.CancelAsync().ConfigureAwait(false);
            }

            if (connection.IsEnding)
                return false;
            if (connection.Received != heard || (wasWriting && IsTakingSince(progress)) || connection.IsStopped || !_hasAnswered)
                return true;
            if (clock.GetElapsedTime(start) <= 2 * deadline)
                break; // else the machine has slept, and the answer may still be on its way: it has that time again
        }

        GiveUp(deadline);
        return false;
    }

    /// <summary>Is an error of the network the one by which the system tells that the other side answered nothing?</summary>
    public static bool IsSilence(Exception? error)
    {
        while (error is not (null or SocketException))
            error = error.InnerException;
        // Windows tells of an unanswered keep-alive as NetworkReset, and Linux by what a router said of it last, if one said something.
        return error is SocketException
        {
            SocketErrorCode: SocketError.TimedOut or SocketError.NetworkReset or SocketError.HostUnreachable or SocketError.NetworkUnreachable or SocketError.HostDown,
        };
    }

    private void Look()
    {
        bool isGone = false;
        lock (_gate)
        {
            long heard = connection.Received;
            bool isTaking = IsTakingSince(_progress);
            _progress = connection.Output.LastProgress;
            if (heard != _heard || isTaking || connection.IsStopped) // a peer that we do not read is not silent
            {
                (_heard, _quiet, _unanswered) = (heard, 0, 0);
                if (_asking is null && !_hasAnswered)
                    Ask_NeedsLock(); // does it answer at all?
                return;
            }

            _quiet++;
            bool isAsked = _asking is { IsCompleted: false };
            if (!isAsked && (_quiet >= Looks / 2 || (_asking is null && !_hasAnswered)))
            {
                _unanswered = 0;
                Ask_NeedsLock();
            }
            else if (isAsked && _hasAnswered)
            {
                isGone = ++_unanswered >= Looks / 2;
            }
        }

        if (isGone)
            GiveUp(connection.Options.AnswerDeadline);
    }

    // It is being sent to, and has taken something since then.
    private bool IsTakingSince(long progress) => connection.Output.IsWriting && connection.Output.LastProgress != progress;

    private void Ask_NeedsLock()
    {
        if (_asking is not { IsCompleted: false })
            _asking = AskAsync();
    }

    // Ends with the connection, if it is not answered.
    private async Task AskAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // not under the lock
        try
        {
            await GossipPing.MeasureAsync(connection).ConfigureAwait(false);
            _hasAnswered = true;
        }
        catch (RpcException e)
        {
            _hasAnswered |= e.Error != RpcError.ConnectionClosed;
        }
    }

    private void GiveUp(TimeSpan deadline) => connection.End(new RpcEnd(RpcEndReason.Silent, new IOException(
        $"The peer did not answer within {deadline.TotalSeconds:0.###} s, although it had answered before.")));
}
