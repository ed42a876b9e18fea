using System.Buffers;

namespace Ssb.Wire;

/// <summary>Gathers frames from all threads and writes them to the stream, many at a time.</summary>
/// <remarks>
/// <para>Thread-safe. Who adds a frame while nobody writes, writes; what is added meanwhile goes out together with the next write. So
/// a single call costs no change of thread, and many cost one write.</para>
/// <para>Bounded: a stream or a call waits while <see cref="Room"/> bytes are unsent, and the reader, whose replies cannot wait, stops
/// reading while <paramref name="overfull"/> are. More than both together and one body is never held, in arrays of up to twice that.</para>
/// </remarks>
internal sealed class RpcOutput(Stream stream, TimeProvider timeProvider, int overfull, Action<Exception> onFault)
{
    public const int Room = 256 * 1024;

    // Arrays that are larger are left to the collector: a peer that does not read makes them grow, and the pool would keep dozens for minutes.
    private const int Pooled = 2 * Room;

    // What a box stream seals in one piece. Between pieces it is seen that the peer still reads.
    private const int Piece = 15 * BoxStream.MaxPacketSize;

    private readonly Lock _gate = new();
    private byte[]? _unsent;
    private int _length; // of what is unsent and not being written
    private int _sending; // of what is being written
    private bool _writing;
    private bool _completed;
    private TaskCompletionSource? _taken; // completed when what is unsent is taken to be written
    private TaskCompletionSource? _written; // completed when nothing is left to write
    private long _progress = timeProvider.GetTimestamp();

    /// <summary>When the stream last took something, or there last was nothing to take: a timestamp of the clock.</summary>
    public long LastProgress => Volatile.Read(ref _progress);

    public bool IsWriting => Volatile.Read(ref _writing);

    public bool IsOverfull => Volatile.Read(ref _length) + Volatile.Read(ref _sending) > overfull;

    /// <summary>Adds a frame however much is unsent: only for what ends something, or opens it.</summary>
    public void Add(byte flags, int request, ReadOnlySpan<byte> body)
    {
        lock (_gate)
        {
            if (!_completed)
                Append(flags, request, body);
        }
    }

    /// <summary>Adds a frame if there is room.</summary>
    /// <returns>false if there is none; <see cref="WaitForRoomAsync"/> then. After completion frames are dropped.</returns>
    public bool TryAdd(byte flags, int request, ReadOnlySpan<byte> body)
    {
        lock (_gate)
        {
            if (_length >= Room)
                return _completed;
            if (!_completed)
                Append(flags, request, body);
            return true;
        }
    }

    /// <summary>Waits until something unsent was taken to be written.</summary>
    public Task WaitForRoomAsync(CancellationToken cancellationToken)
    {
        Flush();
        lock (_gate)
        {
            if (_length < Room || _completed)
                return Task.CompletedTask;
            _taken ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _taken.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Has what is unsent written, by this thread unless another one is at it.</summary>
    public void Flush()
    {
        lock (_gate)
        {
            if (_writing || _length == 0)
                return;
            Volatile.Write(ref _progress, timeProvider.GetTimestamp());
            _writing = true;
        }

        _ = WriteAsync(); // never throws; CompleteAsync waits for it
    }

    /// <summary>Adds the goodbye, after which nothing is added, and waits until all is written.</summary>
    public Task CompleteAsync()
    {
        Task written;
        lock (_gate)
        {
            if (!_completed)
                Append(0, 0, default);
            _completed = true;
            _written ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            written = _written.Task;
        }

        Flush();
        return written;
    }

    /// <summary>Drops what is unsent, and all that comes.</summary>
    public void Abandon()
    {
        lock (_gate)
        {
            _completed = true;
            DropUnsent();
        }
    }

    private void Append(byte flags, int request, ReadOnlySpan<byte> body)
    {
        int length = RpcFrame.HeaderSize + body.Length;
        if (_unsent is null)
        {
            _unsent = ArrayPool<byte>.Shared.Rent(Math.Max(length, 1024));
        }
        else if (_unsent.Length - _length < length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(_length + length, 2 * _unsent.Length));
            _unsent.AsSpan(0, _length).CopyTo(larger);
            Return(_unsent);
            _unsent = larger;
        }

        new RpcFrame(flags, (uint)body.Length, request).Write(_unsent.AsSpan(_length));
        body.CopyTo(_unsent.AsSpan(_length + RpcFrame.HeaderSize));
        Volatile.Write(ref _length, _length + length);
    }

    private async Task WriteAsync()
    {
        bool isFirst = true;
        byte[]? sending = null;
        try
        {
            while (TryTake(out sending, out int length))
            {
                // Who came to add a frame of its own is not kept to write those of others.
                if (!isFirst)
                    await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                isFirst = false;
                for (int start = 0; start < length; start += Piece)
                {
                    await stream.WriteAsync(sending.AsMemory(start, Math.Min(Piece, length - start))).ConfigureAwait(false);
                    Volatile.Write(ref _progress, timeProvider.GetTimestamp());
                }

                await stream.FlushAsync().ConfigureAwait(false);
                Return(sending);
                sending = null;
            }
        }
        catch (Exception e)
        {
            if (sending is not null)
                Return(sending);
            lock (_gate)
            {
                _completed = true;
                _writing = false;
                DropUnsent();
            }

            onFault(e);
        }
    }

    /// <returns>false if there is nothing to write; nobody writes then.</returns>
    private bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out byte[]? sending, out int length)
    {
        TaskCompletionSource? waiting;
        lock (_gate)
        {
            (sending, length) = (_unsent, _length);
            (_unsent, _length) = (null, 0);
            Volatile.Write(ref _sending, length);
            if (sending is null)
            {
                _writing = false;
                if (_completed)
                    _written?.TrySetResult();
                return false;
            }

            waiting = _taken;
            _taken = null;
        }

        waiting?.TrySetResult();
        return true;
    }

    private static void Return(byte[] array)
    {
        if (array.Length <= Pooled)
            ArrayPool<byte>.Shared.Return(array);
    }

    private void DropUnsent()
    {
        if (_unsent is not null)
            Return(_unsent);
        (_unsent, _length) = (null, 0);
        _taken?.TrySetResult();
        _taken = null;
        if (!_writing)
            (_written ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
    }
}
