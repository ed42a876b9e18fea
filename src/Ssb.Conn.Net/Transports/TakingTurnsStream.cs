namespace Ssb.Conn.Net;

/// <summary>A stream whose reader lets others have the thread from time to time. What it reads within itself and gives nobody, as a WebSocket reads pongs and empty
/// messages, would keep the thread for as long as a stranger sends. What comes is counted in <paramref name="useful"/>. Owns the stream.</summary>
internal sealed class TakingTurnsStream(Stream stream, UsefulBytes useful) : AsyncStream
{
    private const int Turn = 64; // reads that waited for nothing

    private int _reads;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ValueTask<int> read = stream.ReadAsync(buffer, cancellationToken);
        _reads = read.IsCompleted ? _reads + 1 : 0;
        return _reads == Turn ? AfterOthersAsync(read) : CountAsync(read);
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
        return await CountAsync(read).ConfigureAwait(false);
    }

    private async ValueTask<int> CountAsync(ValueTask<int> read)
    {
        int count = await read.ConfigureAwait(false);
        useful.Came(count);
        return count;
    }
}
