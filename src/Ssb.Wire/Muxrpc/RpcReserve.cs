namespace Ssb.Wire;

/// <summary>How many bytes of a peer one connection holds: items that wait for their readers, and arguments of calls under way.</summary>
internal sealed class RpcHeld(long most)
{
    private long _bytes;

    public long Bytes => Interlocked.Read(ref _bytes);

    public bool IsTooMuch(int length) => Interlocked.Read(ref _bytes) + length > most;

    public void Add(int length) => Interlocked.Add(ref _bytes, length);
}

/// <summary>What all streams of one connection hold beyond their windows: at most so many bytes in memory and, if there is a folder for it, in a
/// file; and at a rate at which the memory lasts until the deadline.</summary>
/// <remarks>Why there is one: see <see cref="RpcInbox"/>. Bytes are released on any thread; the rest is the business of the connection's reader.</remarks>
internal sealed class RpcReserve(RpcOptions options)
{
    /// <summary>How long the connection waits for a reader that takes nothing before it is read on.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // What a frame costs beside its body, about: an array's head and a place in a queue. Without it a peer could fill memory with empty frames.
    private const int FrameCost = 64;

    // Waking up more often than that for a few bytes each would cost more than it gives.
    private static readonly TimeSpan s_shortestWait = TimeSpan.FromMilliseconds(100);

    // Half of it is left for what frames cost whose bodies are in the file.
    private readonly long _mostInMemory = options.ReserveFolder is null ? options.ReserveBytes : options.ReserveBytes / 2;
    private readonly RpcReserveFile? _file = options.ReserveFolder is { } folder ? new RpcReserveFile(folder, options.ReserveFileBytes) : null;
    private readonly double _bytesPerSecond = options.ReserveBytes / options.SlowReaderDeadline.TotalSeconds;
    private long _bytes;
    private double _turn; // so many bytes may be read on; negative after a body that was larger
    private long _since = options.TimeProvider.GetTimestamp();

    /// <summary>How much is held in memory, with what frames cost beside their bodies.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    public bool HasRoomFor(int length) =>
        FitsMemory(length) || (Interlocked.Read(ref _bytes) + FrameCost <= options.ReserveBytes && _file?.HasRoomFor(length) == true);

    /// <returns>false if there is no room, or no file can be written.</returns>
    public bool TryStore(RpcValue value, out RpcReserved stored)
    {
        stored = new RpcReserved(value, -1, value.Bytes.Length);
        if (!FitsMemory(stored.Length))
        {
            long offset = -1;
            if (_file?.TryWrite(value.Bytes.Span, out offset) != true)
                return false;
            stored = new RpcReserved(new RpcValue(value.Kind, default), offset, stored.Length);
        }

        Count(stored, +1);
        return true;
    }

    /// <summary>Gives a value back, and its place free.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public RpcValue Load(in RpcReserved stored)
    {
        Count(stored, -1);
        return stored.IsInFile ? new RpcValue(stored.Value.Kind, _file!.Read(stored.Offset, stored.Length)) : stored.Value; // what is in it was written to it
    }

    /// <summary>A value is not wanted any more.</summary>
    public void Drop(in RpcReserved stored)
    {
        Count(stored, -1);
        if (stored.IsInFile)
            _file!.Release(stored.Length); // likewise
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

    private bool FitsMemory(int length) => Interlocked.Read(ref _bytes) + FrameCost + length <= _mostInMemory;

    private void Count(in RpcReserved stored, int sign)
    {
        int cost = sign * (FrameCost + (stored.IsInFile ? 0 : stored.Length));
        Interlocked.Add(ref _bytes, cost);
        WireMetrics.CountReserve(cost);
    }
}

/// <summary>A value in the reserve: itself, or where it is in the file.</summary>
/// <param name="Value">The value; if it is in the file, only its kind.</param>
/// <param name="Offset">Where it is in the file; negative if it is not.</param>
/// <param name="Length">The length of its body.</param>
internal readonly record struct RpcReserved(RpcValue Value, long Offset, int Length)
{
    public bool IsInFile => Offset >= 0;
}
