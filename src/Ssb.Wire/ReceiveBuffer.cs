using System.Buffers;
using System.Runtime.CompilerServices;

namespace Ssb.Wire;

/// <summary>Bytes that came from a stream and were not used yet, side by side in one pooled array.</summary>
/// <remarks>
/// Not thread-safe. An empty one holds no array while it waits, so that an idle connection costs no buffer. It grows only as bytes
/// come in, to twice its size at most each time, whatever length a peer announces.
/// </remarks>
internal sealed class ReceiveBuffer(int size) : IDisposable
{
    private byte[]? _array;
    private int _start;
    private int _end;

    public Span<byte> Bytes => _array.AsSpan(_start, _end - _start);

    public void Consume(int count) => _start += count;

    /// <summary>Reads once, and waits until there is something.</summary>
    /// <param name="stream">Where the bytes come from.</param>
    /// <param name="wanted">How many bytes, with those that are here, make the caller go on; the array grows towards that.</param>
    /// <param name="cancellationToken">Ends the wait; nothing is lost by it.</param>
    /// <returns>false at the end of the stream.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> FillAsync(Stream stream, int wanted, CancellationToken cancellationToken)
    {
        if (_start == _end)
        {
            Dispose();
            // A socket's stream gives 0 for 0 bytes as soon as there are some to read; other streams do so at once, which does no harm.
            _ = await stream.ReadAsync(Memory<byte>.Empty, cancellationToken).ConfigureAwait(false);
        }

        MakeRoom(wanted);
        int count = await stream.ReadAsync(_array.AsMemory(_end), cancellationToken).ConfigureAwait(false);
        _end += count;
        return count > 0;
    }

    /// <summary>Gives the array back. The buffer is empty then, and can be used again.</summary>
    public void Dispose()
    {
        if (_array is not null)
            ArrayPool<byte>.Shared.Return(_array);
        _array = null;
        _start = _end = 0;
    }

    private void MakeRoom(int wanted)
    {
        int held = _end - _start;
        if (_array is null)
        {
            _array = ArrayPool<byte>.Shared.Rent(size);
        }
        else if (_start > 0 && (held <= _array.Length / 4 || _array.Length - _start < wanted || _end == _array.Length))
        {
            Bytes.CopyTo(_array);
            (_start, _end) = (0, held);
        }

        if (_end == _array.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(2 * _array.Length);
            Bytes.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_array);
            (_array, _start, _end) = (larger, 0, held);
        }
    }
}
