namespace Ssb.Conn.Benchmarks;

/// <summary>What readers cost the one who stages.</summary>
internal static class ReaderBenchmarks
{
    public static void Run(Table table)
    {
        const int Size = 100_000;
        string[] addresses = Addresses.Make(0, Size);
        (double with, double without, double ratio) = Measure.Pair(25, Size,
            () =>
            {
                ConnStaging pool = OperationBenchmarks.NewRoundPool(Size);
                Start(Walk(pool));
                return () => OperationBenchmarks.StageAll(pool, addresses);
            },
            () =>
            {
                ConnStaging pool = OperationBenchmarks.NewRoundPool(Size);
                return () => OperationBenchmarks.StageAll(pool, addresses);
            }, OperationBenchmarks.CloseRound);
        table.AtMost("stage 100,000 while a live reader walks each snapshot, against none", Table.Ns(with), Table.Ns(without), ratio, 1.3);

        string[] shuffled = Addresses.Shuffled(addresses);
        foreach ((string what, string[] before, string[] then) in ((string, string[], string[])[])[("new peers", [], addresses), ("peers again", addresses, shuffled)])
        {
            (with, without, ratio) = Measure.Pair(25, Size,
                () =>
                {
                    ConnStaging pool = OperationBenchmarks.NewRoundPool(Size);
                    OperationBenchmarks.StageAll(pool, before);
                    Start(Follow(pool));
                    return () => OperationBenchmarks.StageAll(pool, then);
                },
                () =>
                {
                    var dictionary = new Dictionary<string, object>();
                    var gate = new Lock();
                    SetAll(before);
                    return () => SetAll(then);

                    void SetAll(string[] all)
                    {
                        foreach (string a in all)
                        {
                            lock (gate)
                                dictionary[a] = OperationBenchmarks.Lan;
                        }
                    }
                }, OperationBenchmarks.CloseRound);
            table.AtMost($"stage 100,000 {what} while one reads Changes, against a locked Dictionary without", Table.Ns(with), Table.Ns(without), ratio, 2.5);
        }

        static void Start(Task reader) => CheckBenchmarks.Expect(!reader.IsFaulted);
    }

    private static async Task Walk(ConnStaging pool)
    {
        long walked = 0;
        await foreach (StagingSnapshot entries in pool.LiveEntries())
        {
            foreach (StagedPeer peer in entries)
                walked += peer.Address.Text.Length;
        }

        CheckBenchmarks.Expect(walked >= 0);
    }

    private static async Task Follow(ConnStaging pool)
    {
        long told = 0;
        await foreach (StagingChange change in pool.Changes())
            told = change.Sequence;
        CheckBenchmarks.Expect(told >= 0);
    }
}
