namespace Ssb.Conn.Benchmarks;

/// <summary>Memory, eviction, idle expiry, absent readers.</summary>
internal static class BoundsBenchmarks
{
    public static void Run(Table table)
    {
        Memory(table, 1_000_000);
        Eviction(table);
        IdleExpiry(table);
        AbsentReaders(table);
    }

    private static void Memory(Table table, int size)
    {
        string[] addresses = Addresses.Make(0, size);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        ConnStaging pool = OperationBenchmarks.NewPool(size);
        OperationBenchmarks.StageAll(pool, addresses);
        double each = (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)size;
        CheckBenchmarks.Expect(pool.Count == size);
        GC.KeepAlive(addresses);
        table.Row($"memory of an entry over its strings and data, at {size:N0}", $"{each:0} bytes", "", "", "<= 160 bytes", each <= 160);
        pool.Close();
    }

    private static void Eviction(Table table)
    {
        // A full bench of which one source has most; newcomers alternate with refreshes, so half of the stages evict.
        const int Capacity = 10_000;
        string[] hoard = Addresses.Make(0, Capacity), others = Addresses.Make(Capacity, Capacity / 4);
        string[] sources = [.. Enumerable.Range(0, 2_000).Select(i => $"source {i}")];
        (double ours, double baseline, double ratio) = Measure.Pair(60, others.Length * 2,
            () =>
            {
                ConnStaging pool = OperationBenchmarks.NewRoundPool(Capacity);
                OperationBenchmarks.StageAll(pool, hoard);
                return () => Mix(pool, evicts: true);
            },
            () =>
            {
                ConnStaging pool = OperationBenchmarks.NewRoundPool(Capacity * 2);
                OperationBenchmarks.StageAll(pool, hoard);
                return () => Mix(pool, evicts: false);
            }, OperationBenchmarks.CloseRound);
        table.AtMost("stage, half of them into a full bench that evicts, against one with room", Table.Ns(ours), Table.Ns(baseline), ratio, 1.6);

        void Mix(ConnStaging pool, bool evicts)
        {
            for (int i = 0; i < others.Length; i++)
            {
                pool.Stage(hoard[i], OperationBenchmarks.Lan, "bench");
                pool.Stage(others[i], OperationBenchmarks.Lan, sources[i % sources.Length]);
            }

            CheckBenchmarks.Expect(pool.Count == (evicts ? Capacity : Capacity + others.Length));
        }
    }

    private static void IdleExpiry(Table table)
    {
        (double ours, double baseline, double ratio) = Measure.Pair(25, SweepsInARun, () => Sweeps(1_000_000), () => Sweeps(1_000));
        table.AtMost("a sweep that finds nobody due, bench of 1,000,000 against 1,000", Table.Ns(ours), Table.Ns(baseline), ratio, 1.5);

        Func<Action> Prepared(int size)
        {
            var time = new ManualTime();
            var pool = new ConnStaging(new StagingOptions
            {
                Capacity = size,
                SourceCapacity = size,
                TimeToLive = new Dictionary<string, TimeSpan> { ["lan"] = TimeSpan.FromHours(1) },
                TimeProvider = time,
            });
            OperationBenchmarks.StageAll(pool, Addresses.Make(0, size));
            return () => () =>
            {
                for (int i = 0; i < SweepsInARun; i++)
                    time.Fire();
                CheckBenchmarks.Expect(pool.Count == size);
            };
        }

        Action Sweeps(int size) => (size == 1_000 ? s_small ??= Prepared(1_000) : s_large ??= Prepared(1_000_000))();
    }

    private const int SweepsInARun = 10_000;
    private static Func<Action>? s_small;
    private static Func<Action>? s_large;

    private static void AbsentReaders(Table table)
    {
        const int Count = 10_000;
        string[] addresses = Addresses.Make(0, Count);
        long Allocated(bool makesStreams)
        {
            var pool = new ConnStaging(new StagingOptions { SourceCapacity = Count, TimeProvider = new ManualTime() });
            OperationBenchmarks.StageAll(pool, addresses);
            if (makesStreams)
            {
                for (int i = 0; i < 100; i++)
                    (_, _, _) = (pool.Listen(), pool.Changes(), pool.LiveEntries());
            }

            long before = GC.GetAllocatedBytesForCurrentThread();
            OperationBenchmarks.StageAll(pool, addresses);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        long none = Allocated(false), unread = Allocated(true);
        table.Row("allocated to refresh, with 300 streams that nobody reads, against none", $"{unread / Count} bytes", $"{none / Count} bytes", $"{unread - none} bytes more", "0 bytes more", unread == none);
    }

    /// <summary>A clock that stands, whose timers fire when told to.</summary>
    private sealed class ManualTime : TimeProvider
    {
        private readonly List<(TimerCallback Callback, object? State)> _timers = [];

        public override long GetTimestamp() => 0;

        public void Fire()
        {
            foreach ((TimerCallback callback, object? state) in _timers)
                callback(state);
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _timers.Add((callback, state));
            return new ManualTimer();
        }

        private sealed class ManualTimer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => default;
        }
    }
}
