using System.Globalization;

namespace Ssb.Wire;

/// <summary>One stream, ours or the peer's: items each way, and an end from each side.</summary>
internal sealed class RpcStream : IRpcExchange
{
    private readonly RpcConnection _connection;
    private readonly bool _endsWithPeer;
    private readonly Lock _gate = new();
    private readonly RpcStop _stop = new();
    private readonly TaskCompletionSource<RpcException?> _peerEnd = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _endSent; // under _gate
    private bool _endCame; // under _gate
    private RpcException? _lost; // under _gate; why nothing can be sent any more, unless we ended it

    /// <param name="connection">The connection that it runs on.</param>
    /// <param name="request">The request number that we write.</param>
    /// <param name="inbox">Where items go that come; null if none are expected, and an end from the peer is an order to stop.</param>
    /// <param name="endsWithPeer">Whether the peer's end is at once answered by ours: nothing of ours is left to be sent then.</param>
    public RpcStream(RpcConnection connection, int request, RpcInbox? inbox, bool endsWithPeer)
    {
        _connection = connection;
        Request = request;
        Inbox = inbox;
        _endsWithPeer = endsWithPeer;
        inbox?.Attach(this);
    }

    /// <summary>Its number as we write it: negative if the peer opened the stream.</summary>
    public int Request { get; }

    public RpcInbox? Inbox { get; }

    /// <summary>The procedure, for events.</summary>
    public required string Procedure { get; init; }

    /// <summary>Cancelled when the peer wants nothing more, or the connection ended.</summary>
    public CancellationToken Ended => _stop.Token;

    /// <summary>Completes with the peer's end: null, or its error. Never faults.</summary>
    public Task<RpcException?> PeerEnd => _peerEnd.Task;

    public bool IsFull(int length) => Inbox?.IsFull(length) == true;

    public void OnData(RpcValueKind kind, ReadOnlySpan<byte> body) => Inbox?.Add(RpcValue.Received(kind, body));

    /// <summary>Has the peer sent its end?</summary>
    public bool HasPeerEnded
    {
        get
        {
            lock (_gate)
                return _endCame;
        }
    }

    public void OnEnd(RpcException? error)
    {
        // A stream of ours that the peer refuses, or breaks off, is over both ways.
        bool isBrokenOff = error is not null && Request > 0;
        lock (_gate)
        {
            _endCame = true;
            if (isBrokenOff && !_endSent)
                _lost ??= error;
        }

        Inbox?.Complete(error);
        _peerEnd.TrySetResult(error);
        if (_endsWithPeer || isBrokenOff)
            End(null);
        if (!_endsWithPeer && (Inbox is null || error is not null))
            _stop.Order();
        LeaveIfEnded();
    }

    public void OnLost(RpcException error)
    {
        lock (_gate)
        {
            _endCame = _endSent = true;
            _lost = error;
        }

        Inbox?.Complete(error);
        _peerEnd.TrySetResult(error);
        _stop.Order();
    }

    /// <summary>Sends an item, once there is room.</summary>
    /// <exception cref="RpcException">The peer or the connection has ended.</exception>
    /// <exception cref="InvalidOperationException">We have ended it.</exception>
    public ValueTask WriteAsync(RpcValue value, bool flush, CancellationToken cancellationToken)
    {
        _connection.CheckSize(value);
        if (!TryWrite(value))
            return WaitAndWriteAsync(value, flush, cancellationToken);
        if (flush)
            _connection.Output.Flush();
        return default;
    }

    /// <summary>Sends all items, gathered as long as they come without a wait.</summary>
    public async Task SendAsync(IAsyncEnumerable<RpcValue> items, CancellationToken cancellationToken)
    {
        IAsyncEnumerator<RpcValue> enumerator = items.GetAsyncEnumerator(cancellationToken);
        await using (enumerator.ConfigureAwait(false))
        {
            while (true)
            {
                ValueTask<bool> next = enumerator.MoveNextAsync();
                if (!next.IsCompleted)
                    Flush();
                if (!await next.ConfigureAwait(false))
                    return;

                await WriteAsync(enumerator.Current, flush: false, cancellationToken).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
    }

    /// <summary>Sends our end, once.</summary>
    public void End(RpcException? error)
    {
        lock (_gate)
        {
            if (_endSent)
                return;
            _endSent = true;
            _connection.Output.Add(RpcFrame.Stream | RpcFrame.End | RpcFrame.Json, Request, RpcErrorBody.Of(error));
        }

        LeaveIfEnded();
    }

    /// <summary>Ends our side and takes no more notice of the peer's.</summary>
    public void Abort(RpcException? error = null)
    {
        Inbox?.Abandon(new RpcException(RpcError.ConnectionClosed, "The stream was disposed."));
        End(error);
        _connection.Output.Flush();
    }

    /// <summary>Ends it alone, since its reader took nothing for too long. On any thread.</summary>
    /// <param name="error">What went wrong, if it was something else.</param>
    public void EndAsTooSlow(RpcException? error = null)
    {
        error ??= new RpcException(RpcError.SlowConsumer, string.Create(CultureInfo.InvariantCulture,
            $"The stream of {Procedure} was ended. Its window was full, and its reader took no item for "
            + $"{_connection.Options.SlowReaderDeadline.TotalSeconds:0.###} s, or for a third of that with a full reserve."));
        lock (_gate)
        {
            if (_lost is not null)
                return;
            _lost = error;
        }

        Inbox?.Complete(error);
        _stop.Order();
        End(error);
        Flush();
        _connection.Report(new RpcEvent(RpcEventKind.SlowConsumer, Procedure, error));
    }

    private async ValueTask WaitAndWriteAsync(RpcValue value, bool flush, CancellationToken cancellationToken)
    {
        do
            await _connection.Output.WaitForRoomAsync(cancellationToken).ConfigureAwait(false);
        while (!TryWrite(value));
        if (flush)
            _connection.Output.Flush();
    }

    private bool TryWrite(in RpcValue value)
    {
        lock (_gate) // so that our end cannot overtake an item
        {
            if (_lost is not null)
                throw new RpcException(_lost.Error, _lost.Message, _lost.InnerException);
            if (_endSent)
                throw new InvalidOperationException("The stream was ended; nothing can be sent after that.");
            return _connection.Output.TryAdd((byte)(RpcFrame.Stream | RpcFrame.TypeOf(value.Kind)), Request, value.Bytes.Span);
        }
    }

    public void Flush() => _connection.Output.Flush();

    private void LeaveIfEnded()
    {
        lock (_gate)
        {
            if (!_endSent || !_endCame)
                return;
        }

        _connection.Exchanges.Remove(Request);
    }
}
