using System.Net;
using System.Net.Sockets;
using System.Text;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>What a server answers that is no WebSocket is a stranger's text, in the causes of an exception too.</summary>
public sealed class HttpAnswerTests
{
    private static readonly TimeSpan s_guard = TimeSpan.FromSeconds(60);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("HTTP/1.1 400 \e[2Jforged\r\n\r\n")]
    [InlineData("\e[2Jforged\r\n\r\n")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\n\e[2Jforged\r\n\r\n")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \e[2Jforged\r\n\r\n")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: \e[2Jforged\u009B31m\r\nConnection: Upgrade\r\n\r\n")]
    [InlineData("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\e[2Jforged\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: \e[2Jforged\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\e[2Jforged\r\n")]
    public async Task Connect_AnswerThatSteersATerminal_IsTextInTheException(string answer)
    {
        using var keys = KeyPair.Generate();
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        await using PeerNetwork network = PeerNetwork.Open(Unhurried.Network(keys));
        Task<PeerConnection> dialling = network.ConnectAsync(
            MultiserverAddress.Parse($"ws://127.0.0.1:{((IPEndPoint)server.LocalEndpoint).Port}~shs:{keys.Id.ToBase64()}"), Token);
        using (TcpClient called = await server.AcceptTcpClientAsync(Token).AsTask().WaitAsync(s_guard, Token))
        {
            using var reader = new StreamReader(called.GetStream(), Encoding.Latin1);
            while (await reader.ReadLineAsync(Token).AsTask().WaitAsync(s_guard, Token) is { Length: > 0 })
            {
                // The request.
            }

            await called.GetStream().WriteAsync(Encoding.Latin1.GetBytes(answer), Token);
        }

        ConnectFailedException error = await Assert.ThrowsAsync<ConnectFailedException>(() => dialling.WaitAsync(s_guard, Token));
        Assert.DoesNotContain(error.Message, char.IsControl);
        Assert.DoesNotContain(error.ToString().ReplaceLineEndings(" "), char.IsControl);
        Assert.Contains("   at Ssb.Conn.Net.PeerNetwork.", error.ToString(), StringComparison.Ordinal); // where it was thrown is still told
    }
}
