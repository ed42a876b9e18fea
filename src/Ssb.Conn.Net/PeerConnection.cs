using System.Net.Sockets;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>A connection with a peer, over any transport: the other's identity is proven, and both serve muxrpc.</summary>
/// <remarks>Thread-safe. While it is pinged it is not idle: we ping whom we dialled, every 5 minutes as ssb-conn does, or as often as
/// <see cref="GossipPing.IntervalFor"/> says where <see cref="RpcOptions.IdleTimeout"/> is short.</remarks>
public sealed class PeerConnection : IPeerConnection
{
    // Between two questions whether the other side keeps a connection alone.
    private static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(5);

    // A peer that ends our call so soon, without having said anything, does not want us.
    private static readonly TimeSpan s_atOnce = TimeSpan.FromSeconds(10);

    private PeerPing? _ping;
    private long _since;
    private bool _isProbed;

    internal PeerConnection(RpcConnection rpc, FeedId remote, MultiserverAddress address, bool isClient, bool isOurs)
    {
        (Rpc, FeedId, Address, IsClient, IsOurs) = (rpc, remote, address, isClient, isOurs);
    }

    /// <inheritdoc/>
    public FeedId FeedId { get; }

    /// <inheritdoc/>
    public MultiserverAddress Address { get; }

    /// <summary>Did we dial?</summary>
    public bool IsClient { get; }

    /// <inheritdoc/>
    public FeedId? Guest { get; internal init; }

    /// <summary>Is the other one of us: a program with our own key, or on our own unix socket, that steers this peer? The manager does not see it.</summary>
    public bool IsOurs { get; }

    /// <summary>Calls to the peer. It serves what the network's options say.</summary>
    public RpcConnection Rpc { get; }

    /// <inheritdoc/>
    public Task Closed => Rpc.Completion;

    /// <inheritdoc/>
    public string? EndReason => !Rpc.Completion.IsCompletedSuccessfully ? null : Rpc.Completion.Result switch
    {
        { Reason: RpcEndReason.Silent } => ConnReason.Silent,
        { Reason: RpcEndReason.Idle } => ConnReason.Idle,
        { Reason: RpcEndReason.Closed } => ConnReason.EndedHere,
        { Reason: RpcEndReason.Violation, Error: RpcProtocolException { Violation: RpcViolation.NotReading } } => ConnReason.NotReading,
        { Reason: RpcEndReason.Violation } => ConnReason.CutOff,
        { Error: var error } when UsefulBytes.CauseOf(error) is not null => ConnReason.CutOff,
        { Reason: var reason, Error: var error } when WasTurnedAway && (reason == RpcEndReason.Goodbye || IsClosedThere(error)) => ConnReason.UnwantedOrFull,
        _ => null,
    };

    // Closed by the other side without a goodbye, and not broken off by the network. Where it has not read what we sent, the system says that as a reset.
    private static bool IsClosedThere(Exception? error)
    {
        for (; error is not null; error = error.InnerException)
        {
            if (error is BoxStreamException { Failure: BoxStreamFailure.Truncated } or SocketException { SocketErrorCode: SocketError.ConnectionReset or SocketError.Shutdown })
                return true;
        }

        return false;
    }

    // Whom we called had our ping to answer. (A caller may have nothing to say: that we heard nothing of it means nothing.)
    private bool WasTurnedAway => IsClient && !Rpc.HasReceived && TimeProvider.GetElapsedTime(_since) < s_atOnce;

    /// <inheritdoc/>
    public PeerPing? Ping => Volatile.Read(ref _ping);

    /// <inheritdoc/>
    /// <remarks>What is open is broken off: pings and live streams would go on for ever. It has ended after <see cref="RpcOptions.CloseTimeout"/>, whoever waits.</remarks>
    public Task CloseAsync(CancellationToken cancellationToken) => Rpc.DisposeAsync().AsTask().WaitAsync(cancellationToken);

    /// <summary>Says that a message has just come from the peer: the scheduler of an <see cref="SsbPeer"/> leaves all connections alone until none has come for
    /// <see cref="SchedulerOptions.DownloadPause"/>. Cheap; to be called for each. Does nothing for a <see cref="PeerNetwork"/> alone.</summary>
    public void NotifyDownload() => Downloading?.Invoke();

    /// <inheritdoc/>
    public void Probe()
    {
        if (!Interlocked.Exchange(ref _isProbed, true)) // one at a time, however often the peer comes
            Probing?.Invoke(ProbeAsync());
    }

    /// <inheritdoc/>
    /// <remarks>By <c>conn.keeps</c>. The other side may learn of the second connection later than we: it is asked until it has, or one of them has ended.</remarks>
    public async Task<bool> AgreeToKeepAsync(CancellationToken cancellationToken)
    {
        try
        {
            for (TimeSpan wait = TimeSpan.FromMilliseconds(25); ; wait = wait < s_longestWait ? 2 * wait : s_longestWait)
            {
                if (await Rpc.CallAsync("conn.keeps", [], cancellationToken).ConfigureAwait(false) == RpcValue.True)
                    return true;
                await Task.Delay(wait, TimeProvider, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (RpcException)
        {
            // It does not know the question, as a JavaScript peer, or the connection has ended.
            return false;
        }
    }

    /// <summary>The identity, and whether we dialled.</summary>
    public override string ToString() => $"{FeedId} ({(IsClient ? "dialled" : "called")})";

    /// <summary>Who is told of a download.</summary>
    internal Action? Downloading { private get; set; }

    /// <summary>How long the peer may take to show that it is there.</summary>
    internal TimeSpan ProbeDeadline { get; init; } = TimeSpan.FromSeconds(10);

    internal TimeProvider TimeProvider
    {
        private get;
        init => (field, _since) = (value, value.GetTimestamp());
    } = TimeProvider.System;

    /// <summary>Waits for a probe that was begun.</summary>
    internal Action<Task>? Probing { private get; init; }

    // pull-ping of ssb-conn's glue: a peer that has no gossip.ping is marked so.
    internal async Task PingAsync()
    {
        TimeSpan interval = GossipPing.IntervalFor(Rpc);
        try
        {
            do
            {
                await GossipPing.RunAsync(Rpc, sample => Volatile.Write(ref _ping, new PeerPing(
                    Add(_ping?.Rtt, sample.RoundTrip), Add(_ping?.Skew, sample.Skew))), interval).ConfigureAwait(false);
            }
            while (await IsOpenAfterAsync(interval).ConfigureAwait(false)); // the peer ends the game after an answer
        }
        catch (RpcException e) when (e.Error is RpcError.Remote)
        {
            Volatile.Write(ref _ping, (_ping ?? new PeerPing(null)) with { Failed = true });
        }
        catch (RpcException)
        {
            // The connection has ended.
        }

        static PeerStatistics Add(PeerStatistics? series, TimeSpan value) =>
            series?.Add(value.TotalMilliseconds) ?? PeerStatistics.Of(value.TotalMilliseconds);
    }

    private async Task<bool> IsOpenAfterAsync(TimeSpan interval)
    {
        try
        {
            await Rpc.Completion.WaitAsync(interval, TimeProvider).ConfigureAwait(false);
            return false;
        }
        catch (TimeoutException)
        {
            return true;
        }
    }

    private async Task ProbeAsync()
    {
        await Rpc.ProbeAsync(ProbeDeadline).ConfigureAwait(false); // it ends the connection, if it is to be ended
        Volatile.Write(ref _isProbed, false);
    }
}
