using System.Threading.Channels;

namespace Ssb.Wire;

/// <summary>What came for one stream and was not read yet: at most so many frames, and so many bytes of bodies.</summary>
/// <remarks>One adds, one takes. What does not fit waits a while for room (<see cref="WaitForRoomAsync"/>), then ends the stream.</remarks>
internal sealed class RpcInbox(RpcOptions options, RpcHeld held)
{
    /// <summary>What each stream may hold even when all together hold too much.</summary>
    private const int AlwaysBytes = 65_536;

    // Bounded by the two counters below, which a channel could not do for bytes.
    private readonly Channel<RpcValue> _values = Channel.CreateUnbounded<RpcValue>(new UnboundedChannelOptions { SingleWriter = true });

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
        long bytes = Interlocked.Read(ref _bytes);
        return frames > 0
            && (frames >= options.WindowFrames || bytes + length > options.WindowBytes || (bytes > AlwaysBytes && held.IsTooMuch(length)));
    }

    /// <summary>Adds a value; after completion it is dropped.</summary>
    public void Add(RpcValue value)
    {
        if (_completed)
            return;
        Interlocked.Increment(ref _frames);
        Interlocked.Add(ref _bytes, value.Bytes.Length);
        held.Add(value.Bytes.Length);
        if (!_values.Writer.TryWrite(value))
            Release(value.Bytes.Length);
    }

    /// <summary>Nothing more comes. The first completion counts.</summary>
    public void Complete(Exception? error = null)
    {
        _completed = true;
        _values.Writer.TryComplete(error);
        Interlocked.Exchange(ref _room, null)?.TrySetResult();
    }

    /// <summary>Nobody reads any more: forgets what is here, and drops what comes.</summary>
    public void Abandon(Exception? error = null)
    {
        Complete(error);
        while (TryTake(out _))
        {
            // Releases each.
        }
    }

    public ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken) => _values.Reader.WaitToReadAsync(cancellationToken);

    public bool TryTake(out RpcValue value)
    {
        if (!_values.Reader.TryRead(out value))
            return false;

        Release(value.Bytes.Length);
        // Not at each: once half of the window is free again the reader has something to go on with.
        if (Volatile.Read(ref _room) is not null
            && Volatile.Read(ref _frames) <= options.WindowFrames / 2
            && (Interlocked.Read(ref _bytes) <= options.WindowBytes / 2 || Volatile.Read(ref _frames) == 0))
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

    private void Release(int length)
    {
        Interlocked.Add(ref _bytes, -length);
        Interlocked.Decrement(ref _frames);
        held.Add(-length);
    }
}

/// <summary>How many bytes of a peer one connection holds: items that wait for their readers, and arguments of calls under way.</summary>
internal sealed class RpcHeld(long most)
{
    private long _bytes;

    public long Bytes => Interlocked.Read(ref _bytes);

    public bool IsTooMuch(int length) => Interlocked.Read(ref _bytes) + length > most;

    public void Add(int length) => Interlocked.Add(ref _bytes, length);
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
