using System.Text.Json;
using Interop.Tests.Harness;
using Microsoft.Extensions.Time.Testing;
using Ssb.Conn;

namespace Interop.Tests.Db;

/// <summary>Our address book against npm ssb-conn-db 1.0.5: the same programs of calls, under the same clock, on both, and then the bytes of
/// <c>conn.json</c>. After each closing the two change folders, so that each goes on with what the other wrote.</summary>
public class DbOracleTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(4), InlineData(5), InlineData(6)]
    public async Task Calls_RandomPrograms_SameResultsEventsAndFiles(int seed)
    {
        var random = new Random(seed);
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        for (int i = 0; i < 8; i++)
        {
            using TemporaryFolder one = new(), other = new();
            string[] folders = [one.Path, other.Path];
            var programs = new DbPrograms((seed * 100) + i);
            if (i % 2 == 1)
                WriteAll(folders, "gossip.json", _ => programs.Gossip());
            long now = 1_700_000_000_000;
            for (int opening = 0; opening < 6; opening++)
            {
                string where = $"seed {seed}, program {i}, opening {opening}";
                List<DbCall> calls = programs.Next(i == 0 ? 2_000 : random.Next(120)); // none at all, too
                string request = $"{{\"folder\":{NodeOracle.Quote(folders[opening % 2])},\"start\":{now},\"calls\":[{string.Join(",", calls.Select(c => c.ToJson()))}]}}";
                JsonElement theirs = (await oracle.AskAsync("db", [request], Cancellation))[0];
                now = await CompareAsync(folders[(opening + 1) % 2], now, calls, theirs, where);

                string[] files = [.. folders.Select(f => File.ReadAllText(Path.Combine(f, "conn.json")))];
                Assert.True(files[0] == files[1], $"{where}: {string.Join(Environment.NewLine + "and" + Environment.NewLine, files)}");
                Assert.All(folders, f => Assert.False(File.Exists(Path.Combine(f, "conn.json~"))));
                if (random.Next(3) == 0) // the damage that npm heals, too
                    WriteAll(folders, "conn.json", text => text + "},\n}"[..random.Next(1, 4)]);
            }
        }
    }

    private static void WriteAll(string[] folders, string name, Func<string, string> change)
    {
        string path = Path.Combine(folders[0], name);
        string text = change(File.Exists(path) ? File.ReadAllText(path) : "");
        foreach (string folder in folders)
            File.WriteAllText(Path.Combine(folder, name), text);
    }

    private static async Task<long> CompareAsync(string folder, long start, List<DbCall> calls, JsonElement theirs, string where)
    {
        var clock = new FakeTimeProvider(DateTimeOffset.FromUnixTimeMilliseconds(start));
        ConnDb db = await ConnDb.OpenAsync(folder, new ConnDbOptions { TimeProvider = clock, ChangeBuffer = 1 << 16 }, Cancellation);
        IAsyncEnumerable<DbEvent> events = db.Listen(Cancellation);
        int i = 0;
        foreach (JsonElement expected in theirs.GetProperty("results").EnumerateArray())
        {
            DbCall call = calls[i++];
            string ours = Run(db, clock, call);
            Assert.True(expected.GetRawText() == ours, $"{where}, call {i}: {call.ToJson()}: npm gave {expected.GetRawText()}, we {ours}");
        }

        Assert.Equal(calls.Count, i);
        await db.DisposeAsync();
        var told = new List<string>();
        await foreach (DbEvent e in events)
            told.Add($"{e.Type} {e.Address!.Text}".ToUpperInvariant()); // none was missed, so each has an address
        // There an update that changes nothing is told, too: docs/differences-from-js.md. (Here a number in another spelling is a change.)
        JsonElement[] all = [.. theirs.GetProperty("events").EnumerateArray()];
        AssertWithin(told, Texts(all), $"{where}: we told of what npm did not");
        AssertWithin(Texts(all.Where(e => e[0].GetString() != "update" || e[2].GetBoolean())), told, $"{where}: npm told of what we did not");
        return clock.GetUtcNow().ToUnixTimeMilliseconds();
    }

    private static List<string> Texts(IEnumerable<JsonElement> events) => [.. events.Select(e => $"{e[0].GetString()} {e[1].GetString()}".ToUpperInvariant())];

    // All of some events are among others, in the same order.
    private static void AssertWithin(List<string> some, List<string> others, string otherwise)
    {
        int found = 0;
        foreach (string other in others)
            found += found < some.Count && some[found] == other ? 1 : 0;
        Assert.True(found == some.Count, $"{otherwise}: {some.ElementAtOrDefault(found)}, number {found}");
    }

    private static string Run(ConnDb db, FakeTimeProvider clock, DbCall call)
    {
        string argument = call.Argument ?? "";
        PeerData data = call.Data is null ? PeerData.Empty : PeerData.Parse(call.Data);
        try
        {
            switch (call.Name)
            {
                case "tick":
                    clock.Advance(TimeSpan.FromMilliseconds(call.Milliseconds));
                    return "null";
                case "set":
                    return Bool(db.Set(argument, data));
                case "replace":
                    return Bool(db.Replace(argument, data));
                case "update":
                    return Bool(db.Update(argument, data));
                case "change":
                    return Bool(db.Update(MultiserverAddress.Parse(argument), known => known.Merge(data)));
                case "delete":
                    return Bool(db.Delete(argument));
                case "has":
                    return Bool(db.Has(argument));
                case "get":
                    return db.Get(argument)?.ToJson() ?? "null";
                case "getAddressForId":
                    return db.GetAddress(FeedId.Parse(argument)) is { } address ? JsonSerializer.Serialize(address) : "null";
                default:
                    return $"[{string.Join(',', db.Entries().Select(e => e.ToJson()))}]";
            }
        }
        catch (FormatException)
        {
            // There an address that is none is only not found: docs/differences-from-js.md.
            return call.Name switch { "get" => "null", "has" or "delete" => "false", _ => "\"error\"" };
        }
    }

    private static string Bool(bool value) => value ? "true" : "false";
}
