namespace Ssb.Conn.Fuzz;

/// <summary>A stream whose other end is a script: it never waits, so that a target runs on one thread.</summary>
/// <param name="more">What comes next, asked for when all before was read; nothing is the end.</param>
/// <param name="chunk">The most bytes that one read gives.</param>
/// <param name="writable">How many bytes can be written before it breaks.</param>
internal sealed class ScriptedStream(Func<ReadOnlyMemory<byte>> more, int chunk, int writable = int.MaxValue) : Stream
{
    private ReadOnlyMemory<byte> _pending;
    private int _written;

    /// <summary>Gets what is written.</summary>
    public Action<ReadOnlyMemory<byte>>? OnWrite { get; init; }

    public bool IsDisposed { get; private set; }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (IsDisposed)
            return ValueTask.FromException<int>(new ObjectDisposedException(nameof(ScriptedStream)));
        if (buffer.IsEmpty)
            return new ValueTask<int>(0);
        if (_pending.IsEmpty)
            _pending = more();

        int count = Math.Min(Math.Min(chunk, buffer.Length), _pending.Length);
        _pending[..count].CopyTo(buffer);
        _pending = _pending[count..];
        return new ValueTask<int>(count);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (IsDisposed)
            return ValueTask.FromException(new ObjectDisposedException(nameof(ScriptedStream)));
        if (buffer.Length > writable - _written)
            return ValueTask.FromException(new IOException("The other end is gone."));

        _written += buffer.Length;
        OnWrite?.Invoke(buffer);
        return default;
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    protected override void Dispose(bool disposing)
    {
        IsDisposed = true;
        base.Dispose(disposing);
    }
}
