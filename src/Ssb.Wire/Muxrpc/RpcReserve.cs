namespace Ssb.Wire;

/// <summary>How many bytes of a peer one connection holds: items that wait for their readers, and arguments of calls under way.</summary>
internal sealed class RpcHeld(long most)
{
    private long _bytes;

    public long Bytes => Interlocked.Read(ref _bytes);

    public bool IsTooMuch(int length) => Interlocked.Read(ref _bytes) + length > most;

    public void Add(int length) => Interlocked.Add(ref _bytes, length);
}

/// <summary>What all streams of one connection hold beyond their windows: at most so many bytes, and at a rate at which they last until the deadline.</summary>
/// <remarks>Why there is one: see <see cref="RpcInbox"/>. Bytes are released on any thread; the rest is the business of the connection's reader.</remarks>
internal sealed class RpcReserve(RpcOptions options)
{
    /// <summary>How long the connection waits for a reader that takes nothing before it is read on.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // What a frame costs beside its body, about: an array's head and a place in a queue. Without it a peer could fill memory with empty frames.
    private const int FrameCost = 64;

    // Waking up more often than that for a few bytes each would cost more than it gives.
    private static readonly TimeSpan s_shortestWait = TimeSpan.FromMilliseconds(100);

    private readonly double _bytesPerSecond = options.ReserveBytes / options.SlowReaderDeadline.TotalSeconds;
    private long _bytes;
    private double _turn; // so many bytes may be read on; negative after a body that was larger
    private long _since = options.TimeProvider.GetTimestamp();

    /// <summary>How much is held, with what frames cost beside their bodies.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    public bool HasRoomFor(int length) => Interlocked.Read(ref _bytes) + FrameCost + length <= options.ReserveBytes;

    public void Add(int length)
    {
        Interlocked.Add(ref _bytes, FrameCost + length);
        WireMetrics.CountReserve(FrameCost + length);
    }

    public void Release(int length)
    {
        Interlocked.Add(ref _bytes, -FrameCost - length);
        WireMetrics.CountReserve(-FrameCost - length);
    }

    /// <summary>Whether a body may be read on now, at the rate at which the reserve lasts until the deadline.</summary>
    /// <param name="length">The body's length.</param>
    /// <param name="now">A timestamp of the clock.</param>
    /// <param name="wait">If not: until when.</param>
    public bool TryTakeTurn(int length, long now, out TimeSpan wait)
    {
        // A second's worth can be saved up.
        _turn = Math.Min(_bytesPerSecond, _turn + options.TimeProvider.GetElapsedTime(_since, now).TotalSeconds * _bytesPerSecond);
        _since = now;
        if (_turn > 0)
        {
            _turn -= FrameCost + length;
            wait = default;
            return true;
        }

        wait = TimeSpan.FromSeconds(-_turn / _bytesPerSecond);
        wait = wait > s_shortestWait ? wait : s_shortestWait;
        return false;
    }
}
