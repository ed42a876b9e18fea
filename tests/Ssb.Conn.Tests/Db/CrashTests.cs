using System.Globalization;
using System.Text.Json;

namespace Ssb.Conn.Tests.Db;

/// <summary>A process that writes as fast as it can is killed, again and again, at random moments.</summary>
public class CrashTests
{
    private const int Peers = 40;

    // SSB_CONN_CRASHES=1000 for a long run.
    private static readonly int s_crashes = int.TryParse(Environment.GetEnvironmentVariable("SSB_CONN_CRASHES"), CultureInfo.InvariantCulture, out int n) ? n : Rounds.Of(50);

    [Fact]
    public async Task Kill_AtAnyMoment_LeavesTheOldOrANewStateWhole()
    {
        using var folder = new DbFolder();
        await using (ConnDb db = await folder.OpenAsync())
        {
            for (int i = 0; i < Peers; i++)
                db.Set(Given.Address(i), PeerData.Parse($$"""{"key":"{{Given.FeedId(i)}}","type":"pub","failure":0}"""));
        }

        var random = new Random(1);
        int cut = 0, middle = 0;
        for (int crash = 1; crash <= s_crashes; crash++)
        {
            using DbProcess process = DbProcess.Start("count", folder.Path);
            Assert.Equal($"open {Peers} whole", await process.LineAsync()); // no lock is left, and nothing to heal
            int written = 0;
            for (int lines = random.Next(1, 5); lines > 0; lines--)
                written = Number(await process.LineAsync());
            Thread.SpinWait(random.Next(300_000)); // up to some milliseconds, of which a write takes one
            foreach (string line in (await process.KillAsync()).Where(l => l.StartsWith("written ", StringComparison.Ordinal) && l.EndsWith('.')))
                written = Number(line);

            // It is read strictly, every peer is there, and they stand as they did at one moment: the first at n + 1, the rest at n.
            int[] counts = [.. JsonElement.Parse(await File.ReadAllBytesAsync(folder.Conn)).EnumerateObject().Select(e => e.Value.GetProperty("failure").GetInt32())];
            Assert.Equal(Peers, counts.Length);
            Assert.Equal(counts.OrderDescending(), counts);
            Assert.InRange(counts[0] - counts[^1], 0, 1);
            Assert.True(counts[^1] >= written, $"crash {crash}: {written} was written, and the file has {counts[^1]}");
            middle += counts[0] > counts[^1] ? 1 : 0;
            cut += File.Exists(folder.In("conn.json~")) ? 1 : 0;
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"{s_crashes} crashes, {cut} of them in a write, {middle} with a state in the middle of a count.");
        Assert.Empty(Directory.GetFiles(folder.Path, "*.damaged*"));
    }

    private static int Number(string? line) =>
        line is not null && line.StartsWith("written ", StringComparison.Ordinal) ? int.Parse(line["written ".Length..^1], CultureInfo.InvariantCulture) : throw new InvalidOperationException($"It told '{line}'.");
}
