using System.Security.Cryptography;
using Ssb.Wire;

namespace Ssb.Conn.Benchmarks;

/// <summary>Sealing and opening of full packets, against bare secretboxes of the same size and against the npm module.</summary>
internal static class BoxStreamBenchmarks
{
    private const int Rounds = 15;
    private const int Packet = BoxStream.MaxPacketSize;
    private const int Packets = 16_384; // 64 MiB
    private const int Recorded = 1_024; // 4 MiB, which stay in the processor's cache as bytes fresh from a socket do
    private const int Large = 65_536;

    public static void Run(Table table, NpmSide? npm)
    {
        byte[] key = RandomNumberGenerator.GetBytes(BoxStreamKeys.KeySize);
        byte[] nonce = RandomNumberGenerator.GetBytes(BoxStreamKeys.NonceSize);
        byte[] message = RandomNumberGenerator.GetBytes(Packet);
        byte[] box = new byte[Packet + 16];
        CheckBenchmarks.Expect(BareSodium.sodium_init() >= 0 && BareSodium.crypto_secretbox_easy(box, message, Packet, nonce, key) == 0);
        byte[] recording = Record(key, nonce);

        foreach (int buffer in (int[])[Large, Packet])
        {
            byte[] bytes = RandomNumberGenerator.GetBytes(buffer);
            Rows($"sealed, {buffer:N0} at a time", "sealing",
                () => Seal(new BoxStream(Stream.Null, Keys(key, nonce), default), bytes),
                () => () =>
                {
                    for (int i = 0; i < Packets; i++)
                        CheckBenchmarks.Expect(BareSodium.crypto_secretbox_easy(box, message, Packet, nonce, key) == 0);
                },
                () => npm!.Ask("seal", ("packets", Packets), ("chunk", buffer)));
        }

        foreach (int buffer in (int[])[Large, Packet])
        {
            byte[] bytes = new byte[buffer];
            Rows($"opened, {buffer:N0} at a time", "opening",
                () => Open([.. Enumerable.Range(0, Packets / Recorded).Select(_ =>
                    new BoxStream(new MemoryStream(recording, writable: false), Keys(key, nonce), default))], bytes),
                () => () =>
                {
                    for (int i = 0; i < Packets; i++)
                        CheckBenchmarks.Expect(BareSodium.crypto_secretbox_open_easy(message, box, Packet + 16, nonce, key) == 0);
                },
                () => npm!.Ask("open", ("packets", Packets)));
        }

        if (npm is not null)
            OverTcp(table, npm);

        void Rows(string what, string verb, Func<Action> ours, Func<Action> bare, Func<double> theirs)
        {
            var allocated = new List<double>();
            double[][] figures = Measure.Turns(Rounds,
            [
                () =>
                {
                    Action run = ours();
                    return Measure.Time(() =>
                    {
                        long before = GC.GetTotalAllocatedBytes(precise: true);
                        run();
                        allocated.Add((GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Packets);
                    }) / Packets;
                },
                () => Measure.Time(bare()) / Packets,
                .. npm is null ? (Func<double>[])[] : [theirs],
            ]);
            string speed = Table.Speed(Measure.Median(figures[0]), Packet);
            table.Share($"{what}, against bare secretboxes", speed, Table.Speed(Measure.Median(figures[1]), Packet),
                Measure.Ratio(figures[1], figures[0]), 0.8);
            if (npm is not null)
            {
                table.AtLeast($"{what}, against npm", speed, Table.Speed(Measure.Median(figures[2]), Packet),
                    Measure.Ratio(figures[2], figures[0]), 3);
            }

            double bytes = Measure.Median(allocated.Skip(allocated.Count - Rounds));
            table.Row($"allocated for a packet, {verb}", $"{bytes:0.##} bytes", "", "", "0 bytes", bytes == 0);
        }
    }

    // Over loopback, from one process to another: packets of 4 KiB, each written by itself.
    private static void OverTcp(Table table, NpmSide npmReceiver)
    {
        using NpmSide npmSender = NpmSide.Start("wire-side.js", out _)!; // as the receiver was there, so is this
        using ChildProcess ourReceiver = WireEnd.StartChild();
        using var ourSender = new WireEnd();
        int ourPort = ourReceiver.Ask("receive").GetInt32(), npmPort = (int)npmReceiver.Ask("receive");
        double[][] times = Measure.Turns(Rounds, () => Send(ourSender, ourPort), () => Send(npmSender, npmPort));
        table.AtLeast("over loopback, from one process to another, 4,096 at a time, against npm", Table.Speed(Measure.Median(times[0]), Packet),
            Table.Speed(Measure.Median(times[1]), Packet), Measure.Ratio(times[1], times[0]), 3);

        static double Send(IWorker sender, int port) => sender.Ask("send", ("port", port), ("packets", Packets)).GetDouble();
    }

    private static BoxStreamKeys Keys(byte[] key, byte[] nonce) => new(key, nonce, key, nonce);

    // The first packets rent buffers, which is no steady state: they go before the clock starts.
    private static Action Seal(BoxStream stream, byte[] bytes)
    {
        Write();
        return () =>
        {
            for (int i = 0; i < Packets * Packet / bytes.Length; i++)
                Write();
        };

        void Write()
        {
            ValueTask written = stream.WriteAsync(bytes);
            CheckBenchmarks.Expect(written.IsCompletedSuccessfully);
            written.GetAwaiter().GetResult();
        }
    }

    // The recording begins with the first nonce, so each pass over it needs a stream of its own.
    private static Action Open(BoxStream[] streams, byte[] bytes)
    {
        foreach (BoxStream stream in streams)
            Read(stream);
        return () =>
        {
            foreach (BoxStream stream in streams)
            {
                for (int opened = 0; opened < Recorded * Packet;)
                    opened += Read(stream);
            }
        };

        int Read(BoxStream stream)
        {
            ValueTask<int> read = stream.ReadAsync(bytes);
            CheckBenchmarks.Expect(read.IsCompletedSuccessfully);
            return read.GetAwaiter().GetResult();
        }
    }

    // A little more than is read, so that nobody meets its end.
    private static byte[] Record(byte[] key, byte[] nonce)
    {
        using var recording = new MemoryStream();
        var stream = new BoxStream(recording, Keys(key, nonce), default);
        stream.Write(new byte[(Recorded + 64) * Packet]);
        return recording.ToArray();
    }
}
