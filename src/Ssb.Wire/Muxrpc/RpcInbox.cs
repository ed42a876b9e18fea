using System.Threading.Channels;

namespace Ssb.Wire;

/// <summary>What came for one stream and was not read yet: at most so many frames, and so many bytes of bodies.</summary>
/// <remarks>One adds, one takes. What does not fit waits a while for room (<see cref="WaitForRoomAsync"/>), then ends the stream.</remarks>
internal sealed class RpcInbox(RpcOptions options)
{
    // Bounded by the two counters below, which a channel could not do for bytes.
    private readonly Channel<RpcValue> _values = Channel.CreateUnbounded<RpcValue>(
        new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private readonly RpcStallBudget _budget = new(options.TimeProvider);
    private volatile bool _completed;
    private int _frames;
    private long _bytes;
    private TaskCompletionSource? _room;

    /// <summary>Whether so many more bytes have no room. After completion there is always room, for what is dropped.</summary>
    public bool IsFull(int length)
    {
        if (_completed)
            return false;
        int frames = Volatile.Read(ref _frames);
        return frames > 0 && (frames >= options.WindowFrames || Interlocked.Read(ref _bytes) + length > options.WindowBytes);
    }

    /// <summary>Adds a value; after completion it is dropped.</summary>
    public void Add(RpcValue value)
    {
        if (_completed)
            return;
        Interlocked.Increment(ref _frames);
        Interlocked.Add(ref _bytes, value.Bytes.Length);
        _values.Writer.TryWrite(value);
    }

    /// <summary>Nothing more comes. The first completion counts.</summary>
    public void Complete(Exception? error = null)
    {
        _completed = true;
        _values.Writer.TryComplete(error);
        Interlocked.Exchange(ref _room, null)?.TrySetResult();
    }

    public ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken) => _values.Reader.WaitToReadAsync(cancellationToken);

    public bool TryTake(out RpcValue value)
    {
        if (!_values.Reader.TryRead(out value))
            return false;

        Interlocked.Add(ref _bytes, -value.Bytes.Length);
        Interlocked.Decrement(ref _frames);
        if (Volatile.Read(ref _room) is not null && !IsFull(0))
            Interlocked.Exchange(ref _room, null)?.TrySetResult();
        return true;
    }

    /// <summary>Waits until something was taken, as long as this stream may hold up its connection.</summary>
    /// <returns>false if nothing was taken in that time.</returns>
    public async Task<bool> WaitForRoomAsync(int length)
    {
        long start = options.TimeProvider.GetTimestamp();
        TimeSpan allowance = _budget.Available(start);
        if (allowance <= TimeSpan.Zero)
            return false;

        var room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _room, room); // before the counters are read again, or who takes meanwhile might see neither
        if (!IsFull(length))
            return true;

        try
        {
            await room.Task.WaitAsync(allowance, options.TimeProvider).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
        finally
        {
            _budget.Spend(start);
        }
    }
}

/// <summary>For how long one stream may hold up the others: a second at once, which it regains at a tenth of the time.</summary>
internal sealed class RpcStallBudget(TimeProvider timeProvider)
{
    private static readonly TimeSpan s_most = TimeSpan.FromSeconds(1);

    private TimeSpan _left = s_most;
    private long _since;

    public TimeSpan Available(long now)
    {
        if (_since != 0)
            _left += timeProvider.GetElapsedTime(_since, now) / 10;
        _since = now;
        return _left = _left < s_most ? _left : s_most;
    }

    public void Spend(long start)
    {
        _since = timeProvider.GetTimestamp();
        _left -= timeProvider.GetElapsedTime(start, _since);
    }
}
