// Box stream: https://ssbc.github.io/scuttlebutt-protocol-guide/#box-stream
//
//   packet  = header 34 | body 1..4096
//   header  = secretbox(key, nonce n):      length of the body 2 (big-endian) | authenticator of the body 16
//   body    = secretbox(key, nonce n + 1), without its authenticator, which the header holds
//   goodbye = a header of 18 zero bytes, and no body
//
// n begins as the handshake says, and goes up by 2 with each packet; it is a big-endian number of 24 bytes.
using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Ssb.Wire.Sodium;

namespace Ssb.Wire;

/// <summary>An authenticated, encrypted stream over another stream.</summary>
/// <remarks>
/// <para>One read and one write may be under way at a time, on any threads; a second one throws
/// <see cref="InvalidOperationException"/>. Reading returns 0 after the other side's goodbye, and throws
/// <see cref="BoxStreamException"/>, from then on always, when the bytes are not exactly those that were sealed.</para>
/// <para>A cancelled read loses nothing. A cancelled or failed write may have gone out in part, so later ones throw.</para>
/// <para>Owns the inner stream. While nothing is under way it holds no buffer. It is not flushed by itself; over a socket it need
/// not be.</para>
/// </remarks>
public sealed class BoxStream : Stream
{
    /// <summary>The most bytes in one packet: 4,096.</summary>
    public const int MaxPacketSize = 4096;

    /// <summary>By how many bytes a packet is longer than what is in it: 34.</summary>
    public const int HeaderSize = SecretBox.MacSize + HeaderContentSize;

    private const int HeaderContentSize = 2 + SecretBox.MacSize;
    private const int ReceiveSize = 65_536;
    private const int PacketsPerWrite = 15; // sealed, they fit an array of 64 KiB

    private readonly Stream _inner;
    private readonly BoxStreamKeys _keys;
    private readonly Lock _gate = new();
    private bool _reading; // under _gate
    private bool _writing; // under _gate
    private bool _disposed; // under _gate

    private readonly ReceiveBuffer _received = new(ReceiveSize);
    private readonly byte[] _bodyMac = new byte[SecretBox.MacSize];
    private int _bodyLength; // of the packet whose header was read; 0 when a header comes next
    private int _opened; // so many bytes at the front of _received are opened already
    private bool _readEnded;
    private BoxStreamException? _readFault;
    private bool _writeEnded;
    private bool _writeFailed;

    /// <summary>A box stream over bytes that begin with its first packet.</summary>
    /// <param name="inner">The sealed bytes. It is disposed with this stream.</param>
    /// <param name="keys">The keys, which belong to this stream from now on.</param>
    /// <param name="remote">Who is at the other end.</param>
    public BoxStream(Stream inner, BoxStreamKeys keys, FeedId remote)
    {
        ArgumentNullException.ThrowIfNull(inner);
        ArgumentNullException.ThrowIfNull(keys);
        _inner = inner;
        _keys = keys;
        Remote = remote;
    }

    /// <summary>Who is at the other end, as the handshake proved.</summary>
    public FeedId Remote { get; }

    /// <summary>true.</summary>
    public override bool CanRead => true;

    /// <summary>true.</summary>
    public override bool CanWrite => true;

    /// <summary>false.</summary>
    public override bool CanSeek => false;

    /// <summary>Reads some of what the other side sent, as much as is here and fits.</summary>
    /// <returns>How many bytes; 0 after its goodbye, and, as soon as there is something to read, for an empty
    /// <paramref name="buffer"/>.</returns>
    /// <exception cref="BoxStreamException">The sealed bytes are not as they were sealed.</exception>
    /// <exception cref="IOException">The inner stream failed.</exception>
    /// <exception cref="InvalidOperationException">Another read is under way.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Enter(ref _reading);
        try
        {
            while (true)
            {
                int count = TakeAvailable(buffer.Span);
                if (count > 0 || _readEnded || (buffer.IsEmpty && (_opened > 0 || _readFault is not null)))
                    return count;
                if (_readFault is not null)
                    throw _readFault;

                if (!await _received.FillAsync(_inner, HeaderSize + _bodyLength, cancellationToken).ConfigureAwait(false))
                    _readFault = new BoxStreamException(BoxStreamFailure.Truncated, "The stream ended without a goodbye.");
            }
        }
        finally
        {
            if (_received.Bytes.IsEmpty || _readEnded || _readFault is not null)
                _received.Dispose();
            Leave(ref _reading);
        }
    }

    /// <summary>Seals bytes and writes them.</summary>
    /// <exception cref="IOException">The inner stream failed; also if it or cancellation ended an earlier write.</exception>
    /// <exception cref="InvalidOperationException">Another write is under way, or <see cref="ShutdownAsync"/> was called.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        EnterWrite();
        try
        {
            while (!buffer.IsEmpty)
            {
                ReadOnlyMemory<byte> part = buffer[..Math.Min(buffer.Length, PacketsPerWrite * MaxPacketSize)];
                buffer = buffer[part.Length..];
                int packets = (part.Length + MaxPacketSize - 1) / MaxPacketSize;
                byte[] packed = ArrayPool<byte>.Shared.Rent(part.Length + packets * HeaderSize);
                try
                {
                    int length = Seal(part.Span, packed);
                    _writeFailed = true;
                    await _inner.WriteAsync(packed.AsMemory(0, length), cancellationToken).ConfigureAwait(false);
                    _writeFailed = false;
                }
                finally
                {
                    ArrayPool<byte>.Shared.Return(packed);
                }
            }
        }
        finally
        {
            Leave(ref _writing);
        }
    }

    /// <summary>Says goodbye: the other side reads the end. Reading goes on.</summary>
    /// <exception cref="IOException">The inner stream failed; also if it or cancellation ended an earlier write.</exception>
    /// <exception cref="InvalidOperationException">A write is under way, or this was called before.</exception>
    public async ValueTask ShutdownAsync(CancellationToken cancellationToken = default)
    {
        EnterWrite();
        try
        {
            byte[] goodbye = new byte[HeaderSize];
            SecretBox.Seal(stackalloc byte[HeaderContentSize], _keys.SealNonce, _keys.SealKey, goodbye);
            _writeEnded = true;
            await _inner.WriteAsync(goodbye, cancellationToken).ConfigureAwait(false);
            await _inner.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Leave(ref _writing);
        }
    }

    /// <summary>This stream as two pipes: completing the output says goodbye, unless it is completed with an error.</summary>
    /// <remarks>Use either the pipes or the stream.</remarks>
    public IDuplexPipe AsDuplexPipe() => new BoxStreamPipe(this);

    /// <summary>Flushes the inner stream.</summary>
    public override Task FlushAsync(CancellationToken cancellationToken) => _inner.FlushAsync(cancellationToken);

    /// <inheritdoc/>
    public override void Flush() => _inner.Flush();

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>Waits for <see cref="ReadAsync(Memory{byte}, CancellationToken)"/>; asynchronous code should call that.</summary>
    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer, offset, count, CancellationToken.None).GetAwaiter().GetResult();

    /// <summary>Waits for <see cref="WriteAsync(ReadOnlyMemory{byte}, CancellationToken)"/>; asynchronous code should call that.</summary>
    public override void Write(byte[] buffer, int offset, int count) => WriteAsync(buffer, offset, count, CancellationToken.None).GetAwaiter().GetResult();

    /// <summary>Not supported.</summary>
    public override long Length => throw new NotSupportedException();

    /// <summary>Not supported.</summary>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Not supported.</summary>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <summary>Not supported.</summary>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Closes the inner stream, without a goodbye, and wipes the keys.</summary>
    public override async ValueTask DisposeAsync()
    {
        lock (_gate)
            _disposed = true;
        await _inner.DisposeAsync().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            lock (_gate)
                _disposed = true;
            _inner.Dispose();
            ReleaseIfUnused();
        }

        base.Dispose(disposing);
    }

    /// <summary>Opens what has come, until the destination is full or more has to come.</summary>
    private int TakeAvailable(Span<byte> destination)
    {
        int taken = 0;
        while (true)
        {
            if (_opened > 0)
            {
                int count = Math.Min(_opened, destination.Length - taken);
                _received.Bytes[..count].CopyTo(destination[taken..]);
                _received.Consume(count);
                _opened -= count;
                taken += count;
            }

            bool full = taken == destination.Length && (taken > 0 || _opened > 0);
            if (full || _readEnded || _readFault is not null)
                return taken;
            if (_bodyLength == 0 && !TryOpenHeader())
                return taken;

            Span<byte> body = _received.Bytes;
            if (body.Length < _bodyLength)
                return taken;

            body = body[.._bodyLength];
            bool fits = destination.Length - taken >= _bodyLength;
            if (!SecretBox.TryOpenDetached(body, _bodyMac, _keys.OpenNonce, _keys.OpenKey, fits ? destination.Slice(taken, _bodyLength) : body))
            {
                _readFault = new BoxStreamException(BoxStreamFailure.Tampered, "The body of a packet is not as it was sealed.");
                return taken;
            }

            BoxStreamKeys.Increment(_keys.OpenNonce);
            if (fits)
            {
                taken += _bodyLength;
                _received.Consume(_bodyLength);
            }
            else
            {
                _opened = _bodyLength;
            }

            _bodyLength = 0;
        }
    }

    /// <returns>false if more has to come, or nothing will.</returns>
    private bool TryOpenHeader()
    {
        Span<byte> bytes = _received.Bytes;
        if (bytes.Length < HeaderSize)
            return false;

        Span<byte> header = stackalloc byte[HeaderContentSize];
        if (!SecretBox.TryOpen(bytes[..HeaderSize], _keys.OpenNonce, _keys.OpenKey, header))
        {
            _readFault = new BoxStreamException(BoxStreamFailure.Tampered, "The header of a packet is not as it was sealed.");
            return false;
        }

        BoxStreamKeys.Increment(_keys.OpenNonce);
        _received.Consume(HeaderSize);
        if (!header.ContainsAnyExcept((byte)0))
        {
            _readEnded = true;
            return false;
        }

        int length = BinaryPrimitives.ReadUInt16BigEndian(header);
        if (length is 0 or > MaxPacketSize)
        {
            _readFault = new BoxStreamException(BoxStreamFailure.InvalidLength, $"A packet has 1 to {MaxPacketSize} bytes, not {length}.");
            return false;
        }

        header[2..].CopyTo(_bodyMac);
        _bodyLength = length;
        return true;
    }

    private int Seal(ReadOnlySpan<byte> plain, Span<byte> packed)
    {
        int written = 0;
        Span<byte> header = stackalloc byte[HeaderContentSize];
        Span<byte> nonce = stackalloc byte[SecretBox.NonceSize];
        while (!plain.IsEmpty)
        {
            ReadOnlySpan<byte> part = plain[..Math.Min(plain.Length, MaxPacketSize)];
            plain = plain[part.Length..];
            Span<byte> packet = packed.Slice(written, HeaderSize + part.Length);

            // The body first, as the header holds its authenticator; but the header has the lower nonce.
            _keys.SealNonce.CopyTo(nonce);
            BoxStreamKeys.Increment(_keys.SealNonce);
            BinaryPrimitives.WriteUInt16BigEndian(header, (ushort)part.Length);
            SecretBox.SealDetached(part, _keys.SealNonce, _keys.SealKey, packet[HeaderSize..], header[2..]);
            SecretBox.Seal(header, nonce, _keys.SealKey, packet[..HeaderSize]);
            BoxStreamKeys.Increment(_keys.SealNonce);
            written += packet.Length;
        }

        return written;
    }

    private void EnterWrite()
    {
        Enter(ref _writing);
        if (!_writeFailed && !_writeEnded)
            return;

        Leave(ref _writing);
        throw _writeEnded
            ? new InvalidOperationException("Nothing can be written after the goodbye.")
            : new IOException("An earlier write failed or was cancelled, so that part of a packet may be missing: nothing more can be written.");
    }

    private void Enter(ref bool busy)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (busy)
                throw new InvalidOperationException("One read and one write at a time: another one is under way.");
            busy = true;
        }
    }

    private void Leave(ref bool busy)
    {
        lock (_gate)
            busy = false;
        if (_disposed)
            ReleaseIfUnused();
    }

    // Who still reads or writes uses the keys and the buffer: the last one to leave wipes them.
    private void ReleaseIfUnused()
    {
        lock (_gate)
        {
            if (_reading || _writing)
                return;
            _keys.Dispose();
            _received.Dispose();
        }
    }
}
