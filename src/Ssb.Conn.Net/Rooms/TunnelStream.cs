using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>The bytes of a tunnel: those of the items of a duplex; where an item ends means nothing. Owns the duplex.</summary>
/// <remarks>One reader and one writer at a time. What breaks is an <see cref="IOException"/>. What comes and is not read is bounded by the
/// window of the stream and the reserve of the room's connection (<see cref="RpcOptions.WindowBytes"/>,
/// <see cref="RpcOptions.ReserveBytes"/>). A tunnel that is read slowly slows the room's connection down; one of which nothing is read for
/// <see cref="RpcOptions.SlowReaderDeadline"/> ends alone. A cancelled read loses nothing. Disposing sends our end; the other's end is
/// read as 0 bytes.</remarks>
internal sealed class TunnelStream(RpcDuplex duplex) : AsyncStream
{
    private const int MaxItem = 64 * 1024; // what a box stream seals in one piece fits
    private const int MaxEmpty = 1_000; // items in a row

    private readonly IAsyncEnumerator<RpcValue> _items = duplex.ReadAllAsync(CancellationToken.None).GetAsyncEnumerator(CancellationToken.None);
    private Task<bool>? _next; // of a read that was cancelled, for the next one; once it has failed, for good
    private ReadOnlyMemory<byte> _rest; // of the item that was begun
    private bool _hasEnded;

    /// <summary>What the room said as it ended the tunnel with an error; null if it did not.</summary>
    public RpcException? Refusal { get; private set; }

    /// <remarks>As with a socket, a read of 0 bytes waits until there are some.</remarks>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        for (int empty = 0; _rest.IsEmpty; empty++)
        {
            if (empty > MaxEmpty)
                throw new IOException("Items without a byte come through the tunnel."); // which nothing above would see, nor bound
            if (_hasEnded || (_hasEnded = !await NextAsync(cancellationToken).ConfigureAwait(false)))
                return 0;
            if (_items.Current.Kind != RpcValueKind.Binary)
                throw new IOException("Something else than bytes came through the tunnel.");
            _rest = _items.Current.Bytes;
        }

        int count = Math.Min(buffer.Length, _rest.Length);
        _rest[..count].CopyTo(buffer);
        _rest = _rest[count..];
        return count;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            for (; !buffer.IsEmpty; buffer = buffer[Math.Min(MaxItem, buffer.Length)..])
                await duplex.WriteAsync(RpcValue.Binary(buffer[..Math.Min(MaxItem, buffer.Length)]), cancellationToken).ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            // The room's refusal may be noticed here before anybody reads.
            if (e.Error == RpcError.Remote)
                Refusal = e;
            throw;
        }
        catch (InvalidOperationException e)
        {
            throw new IOException("The tunnel was closed.", e);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await duplex.DisposeAsync().ConfigureAwait(false);
        if (_next is { } left)
            await ((Task)left).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // disposing has ended it
        await base.DisposeAsync().ConfigureAwait(false);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _ = duplex.DisposeAsync().AsTask(); // is done at once
        base.Dispose(disposing);
    }

    private async Task<bool> NextAsync(CancellationToken cancellationToken)
    {
        _next ??= _items.MoveNextAsync().AsTask();
        try
        {
            bool isThere = await _next.WaitAsync(cancellationToken).ConfigureAwait(false);
            _next = null;
            return isThere;
        }
        catch (RpcException e)
        {
            Refusal = e.Error == RpcError.Remote ? e : Refusal;
            throw;
        }
    }
}
