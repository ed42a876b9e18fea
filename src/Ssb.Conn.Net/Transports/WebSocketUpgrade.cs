// RFC 6455, section 4.2: a caller of a WebSocket asks with an HTTP request, and we answer with
//   Sec-WebSocket-Accept = base64(SHA-1(its Sec-WebSocket-Key + GUID)).
using System.Diagnostics.CodeAnalysis;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;

namespace Ssb.Conn.Net;

/// <summary>The beginning of a WebSocket on our side.</summary>
internal static class WebSocketUpgrade
{
    private const int MaxRequest = 8_192; // bytes; browsers send less than 1 kB
    private const string Guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    /// <param name="stream">What the caller sends.</param>
    /// <param name="admits">Asked with each origin that the caller names, which only browsers do.</param>
    /// <param name="useful">What the caller may send below the WebSocket.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="IOException">The caller asks for something else, or is not admitted.</exception>
    public static async Task<Stream> AcceptAsync(Stream stream, Func<string, bool> admits, UsefulBytes useful, CancellationToken cancellationToken)
    {
        string[] request = (await ReadRequestAsync(stream, cancellationToken).ConfigureAwait(false)).Split("\r\n");
        string? key = KeyOf(request);
        if (key is null)
        {
            await stream.WriteAsync("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), cancellationToken).ConfigureAwait(false);
            throw new IOException("The caller asks for no WebSocket.");
        }

        if (!Headers(request, "Origin").All(admits))
        {
            await stream.WriteAsync("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), cancellationToken).ConfigureAwait(false);
            throw new IOException("The caller is a web page that may not call from here.");
        }

        string answer = $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {Accept(key)}\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(answer), cancellationToken).ConfigureAwait(false);
        var creation = new WebSocketCreationOptions { IsServer = true, KeepAliveInterval = TimeSpan.Zero };
        return new WebSocketByteStream(WebSocket.CreateFromStream(new TakingTurnsStream(stream, useful), creation), useful);
    }

    private static async Task<string> ReadRequestAsync(Stream stream, CancellationToken cancellationToken)
    {
        var request = new byte[MaxRequest];
        for (int length = 0; length < MaxRequest;)
        {
            int read = await stream.ReadAsync(request.AsMemory(length), cancellationToken).ConfigureAwait(false);
            if (read == 0)
                throw new EndOfStreamException("The caller went before it had asked for a WebSocket.");
            length += read;
            int end = request.AsSpan(0, length).IndexOf("\r\n\r\n"u8);
            if (end >= 0 && end + 4 < length)
                throw new IOException("The caller sends before it has an answer.");
            if (end >= 0)
                return Encoding.Latin1.GetString(request, 0, end);
        }

        throw new IOException($"The caller's request has more than {MaxRequest:N0} bytes.");
    }

    private static string? KeyOf(string[] lines)
    {
        if (!lines[0].StartsWith("GET ", StringComparison.Ordinal) || !lines[0].EndsWith(" HTTP/1.1", StringComparison.Ordinal))
            return null;
        string? key = Header("Sec-WebSocket-Key");
        return string.Equals(Header("Upgrade"), "websocket", StringComparison.OrdinalIgnoreCase) && Header("Sec-WebSocket-Version") == "13" && key is { Length: 24 } ? key : null;

        string? Header(string name) => Headers(lines, name).FirstOrDefault();
    }

    private static IEnumerable<string> Headers(string[] lines, string name) => lines.Skip(1)
        .Where(l => l.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))
        .Select(l => l[(name.Length + 1)..].Trim());

    [SuppressMessage("Security", "CA5350:Do Not Use Weak Cryptographic Algorithms", Justification = "The protocol asks for it; it protects nothing.")]
    private static string Accept(string key) => Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + Guid)));
}
