using System.Threading.Channels;

namespace Ssb.Wire;

/// <summary>What came for one stream and was not read yet: a window, and behind it the stream's share of the connection's
/// reserve.</summary>
/// <remarks>
/// <para>muxrpc cannot ask a peer to send slower, but TCP can: a connection that is not read makes its sender wait. So what does not fit a
/// window stops the reading of the whole connection (<see cref="WaitForRoomAsync"/>) until the reader has taken half of the window. As
/// long as the reader takes items, no stream ends.</para>
/// <para>That alone would be a deadlock if the reader waits for another answer on the same connection, and would keep all other streams,
/// pings included, waiting for a reader that has stopped. So frames are read on into <see cref="RpcReserve"/> in two cases: at once, if a
/// request of ours was made after the reader took its last item and is still open, since the reader probably waits for it; and once the
/// reader has taken nothing for <see cref="RpcReserve.Patience"/>, at a rate at which the reserve lasts until
/// <see cref="RpcOptions.SlowReaderDeadline"/>. At the deadline the stream ends, alone. A full reserve means that nothing at all can be
/// read on, so then a
/// third of the deadline is enough.</para>
/// <para>Items leave in the order in which they came: the reserve is emptied into the window as the reader makes room, and only then is
/// the connection read again.</para>
/// <para>Three threads meet here: the connection's reader adds, the stream's reader takes, and a timer ends what nobody reads.</para>
/// </remarks>
/// <param name="connection">The connection.</param>
/// <param name="mayUseFile">Whether its share of the reserve may be in a file. What a stranger opens may not be.</param>
internal sealed class RpcInbox(RpcConnection connection, bool mayUseFile)
{
    /// <summary>What each stream may hold even when all together hold too much.</summary>
    private const int AlwaysBytes = 65_536;

    private readonly RpcOptions _options = connection.Options;

    // Bounded by the two counters below, which a channel could not do for bytes.
    private readonly Channel<RpcValue> _values = Channel.CreateUnbounded<RpcValue>(new UnboundedChannelOptions { SingleWriter = true });
    private int _frames; // of the window
    private long _bytes; // of the window

    private readonly Lock _gate = new();
    private RpcReserveQueue? _reserved; // under _gate; null until it is needed
    private Exception? _error; // under _gate
    private ITimer? _expiry; // under _gate; runs while something is in the reserve
    private volatile bool _hasReserved; // written under _gate
    private volatile bool _completed; // written under _gate

    private RpcStream? _stream;
    private int _requestsAtTake; // the number of our newest request when the reader took its last item
    private TaskCompletionSource? _changed; // completed when a reader of the connection that waits here has to look again
    private long _quietSince; // while _isWatched: when the reader took its last item, or the window became full
    private volatile bool _isWatched; // from when the window was full until it has room again

    /// <summary>The stream that this belongs to, which is told when its reader took nothing for too long.</summary>
    public void Attach(RpcStream stream)
    {
        _stream = stream;
        Volatile.Write(ref _requestsAtTake, connection.Exchanges.LastRequest); // if the stream is ours, that is the stream itself
    }

    /// <summary>Whether so many more bytes have no room. After completion there is always room, for what is dropped.</summary>
    public bool IsFull(int length) => !_completed && (_hasReserved || IsWindowFull(length));

    /// <summary>Adds a value for which there is room; after completion it is dropped.</summary>
    public void Add(RpcValue value)
    {
        if (!_completed)
            AddToWindow(value);
    }

    /// <summary>Adds a value beyond the window; after completion it is dropped.</summary>
    /// <returns>false if the reserve has no room for it after all.</returns>
    public bool TryAddToReserve(RpcValue value)
    {
        bool isStored;
        lock (_gate)
            isStored = TryAddToReserve_NeedsLock(value);
        if (mayUseFile && connection.Reserve.TakeFailure() is { } failure)
            connection.Report(new RpcEvent(RpcEventKind.NoReserveFile, _stream?.Procedure ?? "", failure));
        return isStored;
    }

    /// <summary>Nothing more comes. The first completion counts. What is here can still be read.</summary>
    public void Complete(Exception? error = null)
    {
        lock (_gate)
            Complete_NeedsLock(error);
        LookAgain();
    }

    /// <summary>Nobody reads any more: forgets what is here, and drops what comes.</summary>
    public void Abandon(Exception? error = null)
    {
        lock (_gate)
        {
            Complete_NeedsLock(error);
            DropReserve_NeedsLock();
        }

        LookAgain();
        while (_values.Reader.TryRead(out RpcValue value))
            Release(value.Bytes.Length);
    }

    public ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken) => _values.Reader.WaitToReadAsync(cancellationToken);

    public bool TryTake(out RpcValue value)
    {
        if (!_values.Reader.TryRead(out value))
            return false;

        Release(value.Bytes.Length);
        Volatile.Write(ref _requestsAtTake, connection.Exchanges.LastRequest);
        if (_isWatched)
            OnTakenWhileWatched();
        return true;
    }

    /// <summary>A reader of the connection that waits here looks again: something was taken, completed or asked.</summary>
    public void LookAgain() => Interlocked.Exchange(ref _changed, null)?.TrySetResult();

    /// <summary>Ends the stream alone, since its reader took nothing for too long.</summary>
    public void EndAsTooSlow() => _stream?.EndAsTooSlow();

    /// <summary>What to do with a body that found no room, if that can be said without a wait.</summary>
    /// <returns>null if it has to wait.</returns>
    public RpcRoom? FindRoom(int length) => FindRoom(length, out _);

    /// <summary>Waits until it can be said what to do with a body that found no room.</summary>
    public async Task<RpcRoom> WaitForRoomAsync(int length)
    {
        while (true)
        {
            var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Interlocked.Exchange(ref _changed, changed); // before anything is read, or who changes it meanwhile might see nobody to tell
            if (FindRoom(length, out TimeSpan wait) is { } room)
                return room;
            try
            {
                // Whole milliseconds, upwards: of less than one, WaitAsync makes none, and this would spin.
                wait = TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds));
                await changed.Task.WaitAsync(wait, _options.TimeProvider).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                // Something may be due: look again.
            }
        }
    }

    private bool TryAddToReserve_NeedsLock(in RpcValue value)
    {
        if (_completed)
            return true;
        if (!(_reserved ??= new RpcReserveQueue(connection.Reserve, mayUseFile)).TryAdd(value))
            return false;
        _hasReserved = true;
        MoveToWindow_NeedsLock(); // who took meanwhile has not seen it
        if (_hasReserved)
        {
            _expiry ??= _options.TimeProvider.CreateTimer(
                static inbox => ((RpcInbox)inbox!).Expire(), this, _options.SlowReaderDeadline, Timeout.InfiniteTimeSpan);
        }

        return true;
    }

    private RpcRoom? FindRoom(int length, out TimeSpan wait)
    {
        wait = default;
        long now = _options.TimeProvider.GetTimestamp();
        if (!_isWatched)
        {
            Volatile.Write(ref _quietSince, now);
            _isWatched = true;
            Interlocked.MemoryBarrier(); // before the counters are read: who takes after that sees that it is watched
        }

        if (!IsFull(length))
        {
            if (!_hasReserved)
                _isWatched = false;
            return RpcRoom.Window;
        }

        TimeSpan quiet = _options.TimeProvider.GetElapsedTime(Volatile.Read(ref _quietSince), now);
        bool hasReserve = connection.Reserve.HasRoomFor(length, mayUseFile);
        TimeSpan left = (hasReserve ? _options.SlowReaderDeadline : _options.SlowReaderDeadline / 3) - quiet;
        if (left <= TimeSpan.Zero)
            return RpcRoom.None;
        if (hasReserve && connection.Exchanges.HasOursSince(Volatile.Read(ref _requestsAtTake)))
            return RpcRoom.Reserve;

        wait = left;
        if (hasReserve)
        {
            TimeSpan turn = RpcReserve.Patience - quiet;
            if (turn <= TimeSpan.Zero && connection.Reserve.TryTakeTurn(length, now, out turn))
                return RpcRoom.Reserve;
            wait = turn < left ? turn : left;
        }

        return null;
    }

    private bool IsWindowFull(int length)
    {
        int frames = Volatile.Read(ref _frames);
        long bytes = Interlocked.Read(ref _bytes);
        return frames > 0
            && (frames >= _options.WindowFrames
                || bytes + length > _options.WindowBytes
                || (bytes > AlwaysBytes && connection.Held.IsTooMuch(length)));
    }

    private void AddToWindow(in RpcValue value)
    {
        Interlocked.Increment(ref _frames);
        Interlocked.Add(ref _bytes, value.Bytes.Length);
        connection.Held.Add(value.Bytes.Length);
        if (!_values.Writer.TryWrite(value))
            Release(value.Bytes.Length);
    }

    private void OnTakenWhileWatched()
    {
        Volatile.Write(ref _quietSince, _options.TimeProvider.GetTimestamp());
        lock (_gate)
            MoveToWindow_NeedsLock();
        // Not at each: once half of the window is free again the reader has something to go on with.
        if (!_hasReserved
            && Volatile.Read(ref _frames) <= _options.WindowFrames / 2
            && (Interlocked.Read(ref _bytes) <= _options.WindowBytes / 2 || Volatile.Read(ref _frames) == 0))
            LookAgain();
    }

    private void MoveToWindow_NeedsLock()
    {
        if (!_hasReserved)
            return;
        try
        {
            while (_reserved!.TryPeek(out int length) && !IsWindowFull(length)) // there is one if something is in it
                AddToWindow(_reserved.Take());
        }
        catch (IOException e)
        {
            // An item is lost, so nothing after it may be read.
            var error = new RpcException(RpcError.SlowConsumer,
                "What waited for the reader of a stream was in a file, which cannot be read. The stream was ended.", e);
            _error = error;
            Complete_NeedsLock(error);
            DropReserve_NeedsLock();
            ThreadPool.UnsafeQueueUserWorkItem(
                static lost => lost._stream?.EndAsTooSlow(lost.Error), (_stream, Error: error), preferLocal: false);
            return;
        }

        if (!_reserved.IsEmpty)
            return;
        _hasReserved = false;
        _reserved.Rest();
        _expiry?.Dispose();
        _expiry = null;
        if (_completed)
        {
            _reserved.Close();
            _values.Writer.TryComplete(_error);
        }
    }

    private void DropReserve_NeedsLock()
    {
        _reserved?.Close();
        _hasReserved = false;
        _values.Writer.TryComplete(_error); // if the completion waited for what was in the reserve
    }

    private void Complete_NeedsLock(Exception? error)
    {
        if (_completed)
            return;
        _error = error;
        _completed = true;
        _expiry?.Dispose();
        _expiry = null;
        if (_hasReserved)
            return;
        _reserved?.Close();
        _values.Writer.TryComplete(error);
    }

    private void Expire()
    {
        lock (_gate)
        {
            if (_expiry is null)
                return; // it was not stopped in time
            TimeSpan left = _options.SlowReaderDeadline - _options.TimeProvider.GetElapsedTime(Volatile.Read(ref _quietSince));
            if (left > TimeSpan.Zero)
            {
                _expiry.Change(left, Timeout.InfiniteTimeSpan);
                return;
            }
        }

        EndAsTooSlow();
    }

    private void Release(int length)
    {
        Interlocked.Add(ref _bytes, -length);
        Interlocked.Decrement(ref _frames);
        connection.Held.Add(-length);
    }
}

/// <summary>Where a body goes that came for a stream.</summary>
internal enum RpcRoom
{
    /// <summary>There is room again.</summary>
    Window,

    /// <summary>Into the reserve.</summary>
    Reserve,

    /// <summary>Nowhere: the reader took nothing for too long.</summary>
    None,
}
