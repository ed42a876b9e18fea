// SOCKS 5, RFC 1928: a method that needs no password (section 3), then CONNECT to a name (sections 4 to 6).
//   greeting   05 01 00                 -> 05 00
//   request    05 01 00 03 length name port (big-endian)
//   reply      05 code 00 type address port; the address is of 4 (type 1), 16 (type 4) or 1 + length (type 3) bytes
using System.Buffers.Binary;
using System.Text;

namespace Ssb.Conn.Net;

/// <summary>Asks a SOCKS proxy, such as Tor's, for a connection.</summary>
internal static class Socks5
{
    private const byte Version = 5, NoPassword = 0, Connect = 1, IPv4 = 1, Name = 3, IPv6 = 4;

    /// <summary>After it, the stream leads to the host. The proxy resolves its name.</summary>
    /// <exception cref="IOException">The proxy refuses, or is none.</exception>
    public static async Task ConnectAsync(Stream stream, string host, int port, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(new byte[] { Version, 1, NoPassword }, cancellationToken).ConfigureAwait(false);
        byte[] answer = await ReadAsync(stream, 2, cancellationToken).ConfigureAwait(false);
        if (answer[0] != Version || answer[1] != NoPassword)
            throw new IOException(answer[0] != Version ? "The proxy does not speak SOCKS 5." : "The proxy wants a password.");

        byte[] name = Encoding.ASCII.GetBytes(host);
        if (name.Length > byte.MaxValue)
            throw new IOException("The name of the host is longer than the 255 bytes that SOCKS has room for.");
        var request = new byte[7 + name.Length];
        (request[0], request[1], request[3], request[4]) = (Version, Connect, Name, (byte)name.Length);
        name.CopyTo(request, 5);
        BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(5 + name.Length), (ushort)port);
        await stream.WriteAsync(request, cancellationToken).ConfigureAwait(false);

        byte[] reply = await ReadAsync(stream, 5, cancellationToken).ConfigureAwait(false);
        if (reply[0] != Version)
            throw new IOException("The proxy does not speak SOCKS 5.");
        if (reply[1] != 0)
            throw new IOException($"The proxy could not connect: {Reason(reply[1])}.");
        int rest = reply[3] switch
        {
            IPv4 => 4 + 2 - 1, // of the address, a byte is read already
            IPv6 => 16 + 2 - 1,
            Name => reply[4] + 2,
            _ => throw new IOException("The proxy answered with an address of a kind that SOCKS 5 does not have."),
        };
        await ReadAsync(stream, rest, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<byte[]> ReadAsync(Stream stream, int count, CancellationToken cancellationToken)
    {
        var bytes = new byte[count];
        await stream.ReadExactlyAsync(bytes, cancellationToken).ConfigureAwait(false);
        return bytes;
    }

    private static string Reason(byte code) => code switch
    {
        1 => "it failed",
        2 => "it is not allowed",
        3 => "the network is unreachable",
        4 => "the host is unreachable",
        5 => "the connection was refused",
        6 => "it took too long",
        7 => "it does not know how to connect",
        8 => "it does not know the kind of address",
        _ => $"it gives the reason {code}",
    };
}
