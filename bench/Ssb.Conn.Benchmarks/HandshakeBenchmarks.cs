using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Ssb.Wire;

namespace Ssb.Conn.Benchmarks;

/// <summary>Handshakes over loopback TCP, both ends in one process: with connecting and closing against the npm module, and over
/// sockets that are connected already against the calls of libsodium alone.</summary>
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
                () => TimeConnected(keys, count, parallel),
                () => Time(count, () => BareAsync(count, parallel)),
                .. npm is null ? (Func<double>[])[] : [() => npm.Ask("handshakes", ("count", count), ("parallel", parallel))],
            ]);
            double ours = Measure.Median(figures[0]);
            if (npm is not null)
            {
                double theirs = Measure.Median(figures[3]);
                table.AtLeast($"handshakes over loopback, {parallel} at a time, against npm", Table.Rate(ours), Table.Rate(theirs),
                    Measure.Ratio(figures[3], figures[0]), 2);
            }

            table.AtMost($"one over connected sockets, {parallel} at a time, against its calls of libsodium {(parallel == 1 ? "on one thread" : "in as many tasks")}",
                Table.Ns(Measure.Median(figures[1])), Table.Ns(Measure.Median(figures[2])), Measure.Ratio(figures[1], figures[2]), 1.5);
        }
    }

    private static double Time(int count, Func<Task> run) =>
        Measure.Time(() => run().GetAwaiter().GetResult()) / count;

    // Connecting and closing are not timed.
    private static double TimeConnected(KeyPair keys, int count, int parallel)
    {
        const int Batch = 80; // few enough open files for every machine
        double time = 0;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start(Batch);
        for (int done = 0; done < count; done += Batch)
        {
            (Socket Client, Socket Server)[] pairs = [.. Enumerable.Range(0, Batch).Select(_ => ConnectPair(listener))];
            int next = 0;
            time += Measure.Time(() => Task.WhenAll(Enumerable.Range(0, parallel).Select(_ => Task.Run(async () =>
            {
                while (Interlocked.Increment(ref next) is var i && i <= Batch)
                {
                    Task<BoxStream> accepting = SecretHandshake.AcceptAsync(
                        new NetworkStream(pairs[i - 1].Server), keys, static (_, _) => ValueTask.FromResult(true));
                    await SecretHandshake.ConnectAsync(new NetworkStream(pairs[i - 1].Client), keys, keys.Id);
                    await accepting;
                }
            }))).GetAwaiter().GetResult());
            foreach ((Socket client, Socket server) in pairs)
            {
                client.Dispose();
                server.Dispose();
            }
        }

        return time / count;
    }

    private static (Socket Client, Socket Server) ConnectPair(TcpListener listener)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.Connect((IPEndPoint)listener.LocalEndpoint);
        Socket server = listener.AcceptSocket();
        server.NoDelay = true;
        return (client, server);
    }

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
