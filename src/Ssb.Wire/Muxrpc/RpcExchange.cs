using System.Diagnostics.CodeAnalysis;

namespace Ssb.Wire;

/// <summary>What the frames of one request number belong to, until both sides have ended it.</summary>
internal interface IRpcExchange
{
    /// <summary>Whether a body of this length has to wait. Asked on the reader, before <see cref="OnData"/>.</summary>
    bool IsFull(int length);

    /// <summary>An item or a result came. On the reader.</summary>
    void OnData(RpcValueKind kind, ReadOnlySpan<byte> body);

    /// <summary>The peer ended it. On the reader.</summary>
    void OnEnd(RpcException? error);

    /// <summary>The connection ended.</summary>
    void OnLost(RpcException error);
}

/// <summary>A call of ours that waits for its answer.</summary>
internal sealed class RpcPendingCall(RpcConnection connection, int request)
    : TaskCompletionSource<RpcValue>(TaskCreationOptions.RunContinuationsAsynchronously), IRpcExchange
{
    private CancellationTokenRegistration _cancelling;

    /// <summary>Its number.</summary>
    public int Request => request;

    public bool IsFull(int length) => false;

    public void OnData(RpcValueKind kind, ReadOnlySpan<byte> body) => Finish(RpcValue.Received(kind, body), null);

    public void OnEnd(RpcException? error) =>
        Finish(default, error ?? new RpcException(RpcError.Remote, "The peer ended the call without an answer."));

    public void OnLost(RpcException error)
    {
        _cancelling.Unregister();
        TrySetException(error);
    }

    /// <summary>From here on the token ends the call.</summary>
    public void CancelBy(CancellationToken cancellationToken)
    {
        if (cancellationToken.CanBeCanceled)
            _cancelling = cancellationToken.UnsafeRegister(static (call, token) => ((RpcPendingCall)call!).Cancel(token), this);
        if (Task.IsCompleted)
            _cancelling.Unregister();
    }

    private void Finish(RpcValue value, RpcException? error)
    {
        connection.Exchanges.Remove(request);
        _cancelling.Unregister(); // does not wait for a cancellation under way, as Dispose does
        _ = error is null ? TrySetResult(value) : TrySetException(error);
    }

    private void Cancel(CancellationToken cancellationToken)
    {
        if (!TrySetCanceled(cancellationToken))
            return;

        // A departure from muxrpc, which has no word for this: a peer of ours cancels the procedure; a JavaScript peer answers with an
        // error, which is dropped like every answer to a call that is over.
        connection.Exchanges.Remove(request);
        connection.Output.Add(RpcFrame.End | RpcFrame.Json, request, RpcErrorBody.Of(null));
        connection.Output.Flush();
    }
}

/// <summary>A call of the peer that we answer.</summary>
internal sealed class RpcServedCall : IRpcExchange
{
    private readonly RpcStop _stop = new();

    public CancellationToken Ended => _stop.Token;

    public bool IsFull(int length) => false;

    public void OnData(RpcValueKind kind, ReadOnlySpan<byte> body)
    {
        // A second request of the same number: it will have the answer to the first.
    }

    public void OnEnd(RpcException? error) => _stop.Order();

    public void OnLost(RpcException error) => _stop.Order();
}

/// <summary>A token for foreign code. It is cancelled on the thread pool, as foreign code may wait for it and does not run on the
/// reader.</summary>
[SuppressMessage("Reliability", "CA1001:Types that own disposable fields should be disposable", Justification = "Without a timer or a link there is nothing to dispose of.")]
internal sealed class RpcStop
{
    private readonly CancellationTokenSource _source = new();

    public RpcStop() => Token = _source.Token;

    public CancellationToken Token { get; }

    public void Order() => ThreadPool.UnsafeQueueUserWorkItem(
        static source =>
        {
            try
            {
                source.Cancel();
            }
            catch (AggregateException)
            {
                // What a callback of the host throws is the host's.
            }
        },
        _source,
        preferLocal: false);
}
