using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;

namespace Ssb.Wire;

/// <summary>A stream each way.</summary>
/// <remarks>One reads and one writes at a time. Disposing ends both ways; a stream that is neither read to its end nor disposed stays
/// until its connection ends.</remarks>
public sealed class RpcDuplex : IAsyncDisposable
{
    private readonly RpcStream _stream;
    private readonly RpcInbox _inbox;
    private int _read;

    internal RpcDuplex(RpcStream stream, RpcInbox inbox)
    {
        _stream = stream;
        _inbox = inbox;
    }

    /// <summary>Cancelled when the peer ends the stream with an error, or the connection ends.</summary>
    public CancellationToken Ended => _stream.Ended;

    /// <summary>What the peer sends, until its end. Only once.</summary>
    /// <exception cref="RpcException">While enumerating: the peer ended it with an error, the connection ended, or nothing was taken for
    /// <see cref="RpcOptions.SlowReaderDeadline"/> while the window was full.</exception>
    /// <exception cref="InvalidOperationException">It is or was being read.</exception>
    public IAsyncEnumerable<RpcValue> ReadAllAsync(CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _read, 1) != 0)
            throw new InvalidOperationException("A stream is read once.");
        return EnumerateAsync(cancellationToken);
    }

    /// <summary>Sends an item. Waits while the peer takes none and much is unsent.</summary>
    /// <exception cref="RpcException">The connection ended, the peer ended our stream with an error, or the stream was read too slowly and was ended for
    /// it.</exception>
    /// <exception cref="InvalidOperationException"><see cref="Complete"/> was called, or the stream was disposed.</exception>
    /// <exception cref="ArgumentException">It is larger than <see cref="RpcOptions.MaxBodySize"/>.</exception>
    public ValueTask WriteAsync(RpcValue value, CancellationToken cancellationToken = default) =>
        _stream.WriteAsync(value, flush: true, cancellationToken);

    /// <summary>Sends our end. Reading goes on; but a JavaScript peer (muxrpc 6.7.3) takes it for the end of both ways, and stops sending.</summary>
    /// <param name="error">What went wrong, for the peer; null for an orderly end.</param>
    public void Complete(RpcException? error = null)
    {
        _stream.End(error);
        _stream.Flush();
    }

    /// <summary>Ends both ways. What still comes is dropped.</summary>
    public ValueTask DisposeAsync()
    {
        _stream.Abort();
        return default;
    }

    private async IAsyncEnumerable<RpcValue> EnumerateAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (await _inbox.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            while (_inbox.TryTake(out RpcValue value))
                yield return value;
        }
    }
}

/// <summary>A stream of items from the peer. It runs from the call that made it, and is enumerated once.</summary>
/// <remarks>Leaving the enumeration, or disposing, tells the peer to stop. One that is never enumerated ends
/// <see cref="RpcOptions.SlowReaderDeadline"/> after its window was full, or with its connection.</remarks>
public sealed class RpcSource : IAsyncEnumerable<RpcValue>, IAsyncDisposable
{
    private readonly RpcStream _stream;
    private readonly RpcInbox _inbox;
    private int _read;

    internal RpcSource(RpcStream stream, RpcInbox inbox)
    {
        _stream = stream;
        _inbox = inbox;
    }

    /// <summary>The items, until the peer's end.</summary>
    /// <exception cref="RpcException">While enumerating: the peer ended it with an error, the connection ended, or nothing was taken for
    /// <see cref="RpcOptions.SlowReaderDeadline"/> while the window was full.</exception>
    /// <exception cref="InvalidOperationException">It is or was being enumerated.</exception>
    public IAsyncEnumerator<RpcValue> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _read, 1) != 0)
            throw new InvalidOperationException("A stream is read once.");
        return EnumerateAsync(cancellationToken).GetAsyncEnumerator(CancellationToken.None);
    }

    /// <summary>The items as objects, by source-generated metadata.</summary>
    /// <exception cref="FormatException">While enumerating: an item is not of this type.</exception>
    public async IAsyncEnumerable<T?> As<T>(JsonTypeInfo<T> type, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(type);
        await foreach (RpcValue value in this.WithCancellation(cancellationToken).ConfigureAwait(false))
            yield return value.As(type);
    }

    /// <summary>Tells the peer to stop. What still comes is dropped.</summary>
    public ValueTask DisposeAsync()
    {
        _stream.Abort();
        return default;
    }

    private async IAsyncEnumerable<RpcValue> EnumerateAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            while (await _inbox.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
            {
                while (_inbox.TryTake(out RpcValue value))
                    yield return value;
            }
        }
        finally
        {
            _stream.Abort();
        }
    }
}
