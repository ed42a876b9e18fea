using Ssb.Conn.Net;

namespace Ssb.Conn.Soak;

/// <summary>A stream that at some time reads nothing any more, though it stays open, and can keep a copy of what is written.</summary>
internal sealed class TapStream(Stream inner) : AsyncStream
{
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool IsDeaf { get; set; }

    /// <summary>Gets what is written, too.</summary>
    public MemoryStream? Copy { get; init; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (IsDeaf)
            await _closed.Task.WaitAsync(cancellationToken);
        return await inner.ReadAsync(buffer, cancellationToken);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Copy?.Write(buffer.Span);
        return inner.WriteAsync(buffer, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _closed.TrySetResult();
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
