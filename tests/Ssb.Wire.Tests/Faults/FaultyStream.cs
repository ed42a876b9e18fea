namespace Ssb.Wire.Tests.Faults;

/// <summary>One side's end of a pair in memory; what it writes suffers the fault.</summary>
/// <remarks>Which byte is hit depends on nothing but the order of the bytes, so that each can be hit once.</remarks>
internal sealed class FaultyStream(DuplexPair.End end, bool toServer, Fault fault) : Stream
{
    private long _written;
    private volatile bool _cut;

    /// <summary>Whether the fault was met.</summary>
    public bool IsHit { get; private set; }

    public bool IsDisposed { get; private set; }

    public int Written => (int)_written;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            return await end.ReadAsync(buffer, cancellationToken);
        }
        catch (ObjectDisposedException) when (_cut && !IsDisposed)
        {
            return 0;
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (_cut)
            throw new IOException("The connection was cut.");
        if (!fault.Hits(toServer, _written, buffer.Length))
        {
            _written += buffer.Length;
            await end.WriteAsync(buffer, cancellationToken);
            return;
        }

        IsHit = true;
        int at = (int)(fault.Position - _written);
        _written += buffer.Length;
        if (fault.Kind == FaultKind.Corrupt)
        {
            byte[] corrupted = buffer.ToArray();
            corrupted[at] ^= (byte)(1 << fault.Position % 8);
            await end.WriteAsync(corrupted, cancellationToken);
            return;
        }

        await end.WriteAsync(buffer[..at], cancellationToken);
        _cut = true;
        await end.DisposeAsync(); // the other side still reads what came before
        throw new IOException("The connection was cut.");
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    protected override void Dispose(bool disposing)
    {
        IsDisposed = true;
        end.Dispose();
        base.Dispose(disposing);
    }
}
