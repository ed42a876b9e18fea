using System.Buffers;
using System.Text.Json;

namespace Ssb.Conn.Benchmarks;

/// <summary>An address book of 10,000 peers, as the manager leaves them: read from <c>conn.json</c> and written to it, by us and by npm
/// ssb-conn-db from the same file.</summary>
internal static class DbBenchmarks
{
    private const int Peers = 10_000, Rounds = 15;

    public static void Run(Table table, NpmSide? npm)
    {
        string folder = Directory.CreateTempSubdirectory("ssb-conn-bench-").FullName;
        try
        {
            Run(table, npm, folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Run(Table table, IWorker? npm, string folder)
    {
        string theirFolder = Directory.CreateDirectory(Path.Combine(folder, "npm")).FullName, file = Path.Combine(folder, "conn.json");
        ConnDb db = Open(folder);
        for (int i = 0; i < Peers; i++)
            db.Set(Addresses.Make(i), Data(i));
        db.DisposeAsync().AsTask().GetAwaiter().GetResult();
        File.Copy(file, Path.Combine(theirFolder, "conn.json"));
        long length = new FileInfo(file).Length;
        string of = $"{Peers:N0} peers ({length / 1e6:0.0} MB)";

        Row($"loading {of}", () =>
        {
            ConnDb? loaded = null;
            double time = Measure.Time(() => loaded = Open(folder));
            CheckBenchmarks.Expect(loaded!.Count == Peers); // opened just now
            loaded.DisposeAsync().AsTask().GetAwaiter().GetResult();
            return time;
        }, "load");

        db = Open(folder);
        IReadOnlyList<DbPeer> entries = db.Entries();
        var text = new ArrayBufferWriter<byte>((int)length);
        Row($"writing the text of {of}", () =>
        {
            text.ResetWrittenCount();
            double time = Measure.Time(() => ConnFile.Write(text, entries, []));
            CheckBenchmarks.Expect(text.WrittenCount == length);
            return time;
        }, "serialize");

        double n = 0;
        Row($"saving {of} durably", () =>
        {
            db.Set(Addresses.Make(0), PeerData.Empty.With("failure", ++n % 10)); // else there is nothing to write
            double time = Measure.Time(() => db.FlushAsync().GetAwaiter().GetResult());
            CheckBenchmarks.Expect(new FileInfo(file).Length == length);
            return time;
        }, "save");
        db.DisposeAsync().AsTask().GetAwaiter().GetResult();

        void Row(string what, Func<double> ours, string job)
        {
            if (npm is null)
            {
                Table.WriteFigure(what, Table.Ns(Measure.Median(Measure.Turns(Rounds, ours)[0])));
                return;
            }

            double[][] times = Measure.Turns(Rounds, ours, () => npm.Ask(job, ("folder", theirFolder), ("peers", Peers)).GetDouble());
            table.AtLeast($"{what}, against npm", Table.Ns(Measure.Median(times[0])), Table.Ns(Measure.Median(times[1])), Measure.Ratio(times[1], times[0]), 3);
        }
    }

    private static ConnDb Open(string folder) => ConnDb.OpenAsync(folder).GetAwaiter().GetResult();

    // As ssb-conn leaves a peer that it has connected to some times.
    private static PeerData Data(int i)
    {
        var random = new Random(i);
        string type = (i % 4) switch { 0 => "pub", 1 => "room", 2 => "lan", _ => "room-attendant" };
        return PeerData.Parse($$$"""
            {
              "birth": {{{1_600_000_000_000 + (i * 1_000L)}}},
              "key": "{{{MultiserverAddress.Parse(Addresses.Make(i)).FeedId}}}",
              "type": "{{{type}}}",
              "source": "stored",
              "autoconnect": {{{(i % 5 == 0 ? "false" : "true")}}},
              "failure": {{{i % 10}}},
              "stateChange": {{{1_700_000_000_000 + random.Next()}}},
              "duration": {{{Statistics(random, 100_000)}}},
              "ping": { "rtt": {{{Statistics(random, 300)}}}, "skew": {{{Statistics(random, 1_000)}}} }
            }
            """);
    }

    private static string Statistics(Random random, int scale)
    {
        PeerStatistics series = PeerStatistics.Of(random.Next(scale));
        for (int i = 0; i < 5; i++)
            series = series.Add(random.Next(scale));
        return JsonSerializer.Serialize(new { mean = series.Mean, stdev = series.Stdev, count = series.Count, sum = series.Sum, sqsum = series.Sqsum });
    }
}
