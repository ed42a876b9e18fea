using System.Collections.Concurrent;

namespace Ssb.Conn.Benchmarks;

/// <summary>Ours with everything on (check, clock, merge, expiry, a source, a ring for events) against a bare
/// <see cref="ConcurrentDictionary{TKey, TValue}"/> of the same strings.</summary>
internal static class OperationBenchmarks
{
    public static readonly PeerData Lan = new() { Type = "lan", Verified = true };

    private static readonly List<ConnStaging> s_round = [];

    public static ConnStaging NewPool(int capacity)
    {
        var pool = new ConnStaging(new StagingOptions
        {
            Capacity = capacity,
            SourceCapacity = capacity,
            TimeToLive = new Dictionary<string, TimeSpan> { ["lan"] = TimeSpan.FromHours(1), ["bt"] = TimeSpan.FromHours(1) },
        });
        _ = pool.Listen(); // the ring of changes exists from here on
        return pool;
    }

    /// <summary>A pool for one round, which <see cref="CloseRound"/> closes: a pool with peers that expire lives on by its
    /// timer, and each collection would walk the peers of all rounds before.</summary>
    public static ConnStaging NewRoundPool(int capacity)
    {
        ConnStaging pool = NewPool(capacity);
        s_round.Add(pool);
        return pool;
    }

    public static void CloseRound()
    {
        s_round.ForEach(pool => pool.Close());
        s_round.Clear();
    }

    public static void Run(Table table)
    {
        foreach (int size in (int[])[1_000, 10_000, 100_000])
        {
            double limit = size == 100_000 ? 1.6 : 2.0;
            int repeat = Math.Max(1, 20_000 / size);
            int rounds = size == 100_000 ? 15 : 30;
            string[] addresses = Addresses.Make(0, size);
            string[] shuffled = Addresses.Shuffled(addresses);
            MultiserverAddress[] values = [.. shuffled.Select(a => MultiserverAddress.Parse(a))];
            string name = size.ToString("N0");

            Row($"stage {name} new peers", limit, Measure.Pair(rounds, size * repeat,
                () => Repeat(repeat, () => NewRoundPool(size), pool => StageAll(pool, addresses)),
                () => Repeat(repeat, () => new ConcurrentDictionary<string, object>(), d => SetAll(d, addresses)), CloseRound));

            ConnStaging staged = NewPool(size);
            var dictionary = new ConcurrentDictionary<string, object>();
            StageAll(staged, addresses);
            SetAll(dictionary, addresses);
            Row($"refresh one of {name}", limit, Measure.Pair(rounds, size * repeat,
                () => Repeat(repeat, () => staged, pool => StageAll(pool, shuffled)),
                () => Repeat(repeat, () => dictionary, d => SetAll(d, shuffled))));

            if (size < 100_000)
                continue;
            Row($"get one of {name}, by string", 1.7, Measure.Pair(rounds, size * repeat,
                () => () =>
                {
                    foreach (string a in shuffled)
                        CheckBenchmarks.Expect(staged.Get(a) is not null);
                },
                () => GetAll(dictionary, shuffled)));
            Row($"get one of {name}, by value", 1.2, Measure.Pair(rounds, size * repeat,
                () => () =>
                {
                    foreach (MultiserverAddress a in values)
                        CheckBenchmarks.Expect(staged.Get(a) is not null);
                },
                () => GetAll(dictionary, shuffled)));
            Row($"unstage one of {name}", 1.7, Measure.Pair(rounds, size,
                () =>
                {
                    ConnStaging pool = NewRoundPool(size);
                    StageAll(pool, addresses);
                    return () =>
                    {
                        foreach (string a in shuffled)
                            CheckBenchmarks.Expect(pool.Unstage(a));
                    };
                },
                () =>
                {
                    var d = new ConcurrentDictionary<string, object>();
                    SetAll(d, addresses);
                    return () =>
                    {
                        foreach (string a in shuffled)
                            CheckBenchmarks.Expect(d.TryRemove(a, out _));
                    };
                }, CloseRound));
            staged.Close();
        }

        void Row(string what, double limit, (double Ours, double Baseline, double Ratio) m) =>
            table.AtMost(what + ", against ConcurrentDictionary", Table.Ns(m.Ours), Table.Ns(m.Baseline), m.Ratio, limit);
    }

    public static void StageAll(ConnStaging pool, string[] addresses)
    {
        foreach (string a in addresses)
            pool.Stage(a, Lan, "bench");
    }

    private static void SetAll(ConcurrentDictionary<string, object> dictionary, string[] addresses)
    {
        foreach (string a in addresses)
            dictionary[a] = Lan;
    }

    private static Action GetAll(ConcurrentDictionary<string, object> dictionary, string[] addresses) => () =>
    {
        foreach (string a in addresses)
            CheckBenchmarks.Expect(dictionary.TryGetValue(a, out _));
    };

    private static Action Repeat<T>(int times, Func<T> prepare, Action<T> run)
    {
        T[] all = [.. Enumerable.Range(0, times).Select(_ => prepare())];
        return () =>
        {
            foreach (T one in all)
                run(one);
        };
    }
}
