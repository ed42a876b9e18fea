using System.Net.WebSockets;

namespace Ssb.Conn.Net;

/// <summary>The bytes of a WebSocket's messages as one stream, as npm pull-ws has it: where a message ends means nothing. Owns the socket, and what it was made with.</summary>
/// <param name="socket">The socket.</param>
/// <param name="useful">Told what is handed on of the bytes that come below the socket.</param>
/// <param name="madeWith">What lives as long as the socket.</param>
/// <remarks>One reader and one writer at a time. What breaks is an <see cref="IOException"/>.</remarks>
internal sealed class WebSocketByteStream(WebSocket socket, UsefulBytes useful, IDisposable? madeWith = null) : AsyncStream
{
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            while (true)
            {
                ValueWebSocketReceiveResult read = await socket.ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false);
                if (read.MessageType == WebSocketMessageType.Close)
                    return 0;
                useful.WereUseful(read.Count);
                if (read.Count > 0 || buffer.IsEmpty)
                    return read.Count; // empty messages are bounded as pongs are
            }
        }
        catch (Exception e) when (e is WebSocketException or InvalidOperationException and not ObjectDisposedException)
        {
            throw new IOException(e.Message, e);
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            await socket.SendAsync(buffer, WebSocketMessageType.Binary, endOfMessage: true, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is WebSocketException or InvalidOperationException and not ObjectDisposedException)
        {
            throw new IOException(e.Message, e);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            socket.Dispose(); // the goodbye was said within
            madeWith?.Dispose();
        }

        base.Dispose(disposing);
    }
}
