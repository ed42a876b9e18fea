namespace Ssb.Conn.Net;

/// <summary>A stream whose reader lets others have the thread from time to time. What it reads within itself and gives nobody, as a WebSocket reads pongs and empty
/// messages, would keep the thread for as long as a stranger sends. Owns the stream.</summary>
internal sealed class TakingTurnsStream(Stream stream) : AsyncStream
{
    private const int Turn = 64; // reads that waited for nothing

    private int _reads;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ValueTask<int> read = stream.ReadAsync(buffer, cancellationToken);
        if (!read.IsCompleted)
            _reads = 0;
        else if (++_reads == Turn)
            return AfterOthersAsync(read);
        return read;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => stream.WriteAsync(buffer, cancellationToken);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            stream.Dispose();
        base.Dispose(disposing);
    }

    private async ValueTask<int> AfterOthersAsync(ValueTask<int> read)
    {
        _reads = 0;
        await Task.Yield();
        return await read.ConfigureAwait(false);
    }
}
