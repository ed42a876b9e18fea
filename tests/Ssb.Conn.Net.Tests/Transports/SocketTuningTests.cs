using System.Net;
using System.Net.Sockets;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>How soon a sender sees that a slow reader takes something.</summary>
public sealed class SocketTuningTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task SlowReader_TakesALittle_SenderSeesIt(bool isListener)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The option that this is about is looked at on Linux.");
        (Socket sender, Socket reader) = await ConnectAsync(isListener);
        using (sender)
        using (reader)
        {
            sender.Blocking = reader.Blocking = false;
            byte[] piece = new byte[61_440];
            await FillAsync(sender, reader, piece);

            // Counted in bytes: how many the reader has to take until the sender may send again.
            int most = 0;
            for (int round = 0; round < 4; round++)
            {
                int taken = 0;
                while (!sender.Poll(TimeSpan.FromMilliseconds(20), SelectMode.SelectWrite) && taken < 8 * 1024 * 1024)
                    taken += Take(reader, piece.AsSpan(0, 16_384));
                most = Math.Max(most, taken);
                await FillAsync(sender, null, piece);
            }

            // A third of the send buffer of such a connection is 1.4 MB.
            Assert.InRange(most, 1, 512 * 1024);
        }
    }

    // A connection of ours whose sender is the side that is looked at. The reader's buffer is small, so that it does not matter.
    private static async Task<(Socket Sender, Socket Reader)> ConnectAsync(bool isListener)
    {
        if (isListener)
        {
            using Listener ours = Listener.Open("net:127.0.0.1:0~shs");
            var caller = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 65_536 };
            Task<Socket> accepting = ours.AcceptAsync(Token);
            await caller.ConnectAsync(ours.Place!.Bound, Token);
            return (await accepting, caller);
        }

        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 65_536 };
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        string key = new FeedId(new byte[FeedId.Size]).ToBase64();
        MultiserverAddress address = MultiserverAddress.Parse($"net:127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}~shs:{key}");
        Stream dialled = await Transport.OpenAsync(address.Routes[0], null, Transport.Tor, null, new UsefulBytes(TimeProvider.System), Token);
        return (((NetworkStream)dialled).Socket, await listener.AcceptAsync(Token));
    }

    // Sends until the system takes no more; with a reader, so much is moved first that its buffers have grown.
    private static async Task FillAsync(Socket sender, Socket? reader, byte[] piece)
    {
        long toMove = reader is null ? 0 : 60_000_000;
        byte[] taken = new byte[1024 * 1024];
        for (int refused = 0; refused < 10;)
        {
            if (Send(sender, piece))
                refused = 0;
            else if (toMove <= 0 && ++refused > 0)
                await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Token);
            if (toMove > 0)
                toMove -= Take(reader!, taken); // there is one
        }
    }

    private static bool Send(Socket sender, ReadOnlySpan<byte> bytes)
    {
        sender.Send(bytes, SocketFlags.None, out SocketError error);
        return error == SocketError.Success;
    }

    private static int Take(Socket reader, Span<byte> bytes)
    {
        int count = reader.Receive(bytes, SocketFlags.None, out SocketError error);
        return error == SocketError.Success ? count : 0;
    }
}
