namespace Ssb.Conn.Staging.Tests.Concurrency;

/// <summary>Calls from several threads have the results of some order, one after another.</summary>
public class LinearisabilityTests
{
    private const int Threads = 3;
    private const int CallsEach = 5;
    private const int Capacity = 2;

    private static readonly string[] s_calls =
        ["stagea", "stageb", "stagec", "unstagea", "unstageb", "unstagec", "geta", "getb", "getc", "count ", "entries "];

    [Fact]
    public async Task Calls_FromThreeThreads_HaveAnOrder()
    {
        int seed = Random.Shared.Next();
        int rounds = Rounds.Of(1_500);
        using var barrier = new Barrier(Threads);
        long time = 0;
        var benches = new ConnStaging[rounds];
        var seen = new Seen[rounds][];
        for (int round = 0; round < rounds; round++)
        {
            benches[round] = new ConnStaging(new StagingOptions { Capacity = Capacity });
            seen[round] = new Seen[Threads * CallsEach];
        }

        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Factory.StartNew(() => Run(thread), TaskCreationOptions.LongRunning))).Guarded();
        for (int round = 0; round < rounds; round++)
        {
            benches[round].Dispose();
            Assert.True(History.HasAnOrder(seen[round], Capacity), $"Seed {seed}, round {round}:\n{string.Join('\n', seen[round].OrderBy(s => s.Began))}");
        }

        void Run(int thread)
        {
            var random = new Random(seed + thread);
            for (int round = 0; round < rounds; round++)
            {
                string[] calls = [.. Enumerable.Range(0, CallsEach).Select(_ => s_calls[random.Next(s_calls.Length)])];
                barrier.SignalAndWait();
                for (int i = 0; i < CallsEach; i++)
                {
                    long began = Interlocked.Increment(ref time);
                    string result = Do(benches[round], calls[i]);
                    seen[round][(thread * CallsEach) + i] = new Seen(calls[i], result, began, Interlocked.Increment(ref time));
                }
            }
        }
    }

    // The judge must be able to say no.
    [Theory]
    [InlineData("stagea", "Inserted", "stagea", "Inserted")]
    [InlineData("unstagea", "True", "stagea", "Inserted")]
    [InlineData("stagea", "Inserted", "geta", "False")]
    [InlineData("stagea", "Inserted", "entries ", "")]
    public void HasAnOrder_ResultsOfNoOrder_IsFalse(string first, string firstResult, string second, string secondResult) =>
        Assert.False(History.HasAnOrder([new(first, firstResult, 1, 2), new(second, secondResult, 3, 4)], Capacity));

    [Fact]
    public void HasAnOrder_CallsAtTheSameTime_MayBeInEither()
    {
        Seen[] calls = [new("geta", "True", 1, 4), new("stagea", "Inserted", 2, 3), new("stageb", "Inserted", 5, 6), new("entries ", "ab", 7, 8)];
        Assert.True(History.HasAnOrder(calls, Capacity));
    }

    private static string Do(ConnStaging bench, string call)
    {
        string name = call[^1..], address = $"net:{name}:1";
        return call[..^1] switch
        {
            "stage" => bench.TryStage(address).Outcome.ToString(),
            "unstage" => bench.Unstage(address).ToString(),
            "get" => (bench.Get(address) is not null).ToString(),
            "count" => bench.Count.ToString(),
            _ => string.Concat(bench.Entries().Select(p => p.Address.Text[4])),
        };
    }
}
