using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Ssb.Wire;

namespace Ssb.Conn.Benchmarks;

/// <summary>Whole handshakes over loopback TCP (connect, shake hands as both, close; both ends in one process), against the npm
/// module, and against the calls of libsodium alone.</summary>
internal static class HandshakeBenchmarks
{
    private const int Rounds = 15;

    public static void Run(Table table, NpmSide? npm)
    {
        using var keys = KeyPair.Generate();
        foreach (int parallel in (int[])[1, 16])
        {
            int count = parallel == 1 ? 400 : 800;
            double[][] figures = Measure.Turns(Rounds,
            [
                () => Time(count, () => ShakeHandsAsync(keys, count, parallel)),
                () => Time(count, () => BareAsync(count, parallel)),
                .. npm is null ? (Func<double>[])[] : [() => npm.Ask("handshakes", ("count", count), ("parallel", parallel))],
            ]);
            double ours = Measure.Median(figures[0]);
            if (npm is not null)
            {
                double theirs = Measure.Median(figures[2]);
                table.AtLeast($"handshakes over loopback, {parallel} at a time, against npm", Table.Rate(ours), Table.Rate(theirs),
                    Measure.Ratio(figures[2], figures[0]), 2);
            }

            table.AtMost($"one of them, {parallel} at a time, against its calls of libsodium {(parallel == 1 ? "on one thread" : "in as many tasks")}",
                Table.Ns(ours), Table.Ns(Measure.Median(figures[1])), Measure.Ratio(figures[0], figures[1]), 1.5);
        }
    }

    private static double Time(int count, Func<Task> run) =>
        Measure.Time(() => run().GetAwaiter().GetResult()) / count;

    private static async Task ShakeHandsAsync(KeyPair keys, int count, int parallel)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start(parallel);
        var address = (IPEndPoint)listener.LocalEndpoint;
        await Task.WhenAll(Enumerable.Range(0, parallel).SelectMany(_ => (Task[])[Task.Run(AcceptAsync), Task.Run(DialAsync)]));

        async Task AcceptAsync()
        {
            for (int i = 0; i < count / parallel; i++)
            {
                Socket socket = await listener.AcceptSocketAsync();
                socket.NoDelay = true;
                await using BoxStream box = await SecretHandshake.AcceptAsync(
                    new NetworkStream(socket, ownsSocket: true), keys, static (_, _) => ValueTask.FromResult(true));
            }
        }

        async Task DialAsync()
        {
            for (int i = 0; i < count / parallel; i++)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(address);
                await using BoxStream box = await SecretHandshake.ConnectAsync(new NetworkStream(socket, ownsSocket: true), keys, keys.Id);
            }
        }
    }

    private static Task BareAsync(int count, int parallel)
    {
        if (parallel == 1)
        {
            Repeat();
            return Task.CompletedTask;
        }

        return Task.WhenAll(Enumerable.Range(0, parallel).Select(_ => Task.Run(Repeat)));

        void Repeat()
        {
            var bare = new BareHandshake();
            for (int i = 0; i < count / parallel; i++)
                bare.Run();
        }
    }
}
