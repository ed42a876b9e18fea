using System.Diagnostics.CodeAnalysis;

namespace Ssb.Conn.Staging.Tests.Life;

/// <summary>A peer leaves by itself, on time, when there was no news of it.</summary>
public sealed class ExpiryTests : IDisposable
{
    private readonly WatchedClock _clock = new();
    private readonly ConnStaging _bench;

    public ExpiryTests() => _bench = new ConnStaging(new StagingOptions
    {
        TimeProvider = _clock,
        TimeToLive = StagingOptions.SsbTimeToLive,
        Capacity = 10_000,
        SourceCapacity = 10_000,
        ChangeBuffer = 16_384,
    });

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void SsbTimeToLive_IsThatOfSsbConn() =>
        Assert.Equal(
            [("bt", 30d), ("lan", 10d)],
            StagingOptions.SsbTimeToLive.Select(t => (t.Key, t.Value.TotalSeconds)).Order());

    [Theory]
    [InlineData("lan", 10_000)]
    [InlineData("bt", 30_000)]
    public async Task Peer_OfATypeWithATime_LeavesOnTimeWithItsReason(string type, int milliseconds)
    {
        await using Reading<StagingEvent> events = _bench.Listen().Read();
        _bench.Stage(Given.Address(1), Given.OfType(type));
        Advance(milliseconds - 1);
        Assert.Equal(1, _bench.Count);
        Advance(1);
        Assert.Equal(0, _bench.Count);
        Assert.Null(_bench.Get(Given.Address(1)));
        Assert.Equal(StagingEventType.Staged, (await events.Next()).Type);
        Assert.Equal(UnstageReason.Expired, (await events.Next()).Reason);
    }

    [Theory]
    [InlineData("pub")]
    [InlineData("LAN")]
    [InlineData("")]
    [InlineData(null)]
    public void Peer_OfATypeWithoutATime_Stays(string? type)
    {
        _bench.Stage(Given.Address(1), new PeerData { Type = type });
        _clock.Advance(TimeSpan.FromDays(100));
        Assert.Equal(1, _bench.Count);
        Assert.Equal(0, _clock.Made);
    }

    [Fact]
    public void Peer_NoTimesSet_Stays()
    {
        using var bench = new ConnStaging(new StagingOptions { TimeProvider = _clock });
        bench.Stage(Given.Address(1), Given.OfType("lan"));
        _clock.Advance(TimeSpan.FromDays(100));
        Assert.Equal(1, bench.Count);
        Assert.Equal(0, _clock.Made);
    }

    [Fact]
    public void Stage_Again_StartsItsTimeAnew()
    {
        _bench.Stage(Given.Address(1), Given.OfType("lan"));
        for (int i = 0; i < 5; i++)
        {
            Advance(9_999);
            Assert.False(_bench.Stage(Given.Address(1)));
        }

        Advance(9_999);
        Assert.Equal(1, _bench.Count);
        Advance(1);
        Assert.Equal(0, _bench.Count);
    }

    [Fact]
    public void Stage_AgainSomeOfMany_OthersLeaveFirst()
    {
        for (int i = 0; i < 10; i++)
            _bench.Stage(Given.Address(i), Given.OfType("lan"));
        Advance(5_000);
        for (int i = 0; i < 10; i += 2)
            _bench.Stage(Given.Address(i));
        Advance(5_000);
        Assert.Equal([0, 2, 4, 6, 8], Enumerable.Range(0, 10).Where(i => _bench.Get(Given.Address(i)) is not null));
        Advance(5_000);
        Assert.Equal(0, _bench.Count);
    }

    [Fact]
    public void Stage_AgainAsAnotherType_LivesAsLongAsThat()
    {
        _bench.Stage(Given.Address(1), Given.OfType("lan"));
        _bench.Stage(Given.Address(2), Given.OfType("bt"));
        _bench.Stage(Given.Address(3), Given.OfType("lan"));
        _bench.Stage(Given.Address(4), Given.OfType("pub"));
        Advance(5_000);
        _bench.Stage(Given.Address(1), Given.OfType("bt"));
        _bench.Stage(Given.Address(2), Given.OfType("lan"));
        _bench.Stage(Given.Address(3), Given.OfType("pub"));
        _bench.Stage(Given.Address(4), Given.OfType("lan"));
        Advance(9_999);
        Assert.Equal(4, _bench.Count);
        Advance(1);
        Assert.Equal([Given.Address(1), Given.Address(3)], _bench.Entries().Texts());
        Advance(20_000);
        Assert.Equal([Given.Address(3)], _bench.Entries().Texts());
    }

    [Fact]
    public void Unpin_StartsItsTimeAnew()
    {
        _bench.Stage(Given.Address(1), Given.OfType("lan"));
        Advance(9_000);
        Assert.True(_bench.Pin(Given.Address(1)));
        _clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(1, _bench.Count);
        Assert.True(_bench.Unpin(Given.Address(1)));
        Advance(9_999);
        Assert.Equal(1, _bench.Count);
        Advance(1);
        Assert.Equal(0, _bench.Count);
    }

    [Fact]
    public void Unpin_AfterItsTypeChanged_LivesAsLongAsThat()
    {
        _bench.Stage(Given.Address(1), Given.OfType("lan"));
        _bench.Pin(Given.Address(1));
        _bench.Stage(Given.Address(1), Given.OfType("bt"));
        Advance(30_000);
        Assert.Equal(1, _bench.Count);
        _bench.Unpin(Given.Address(1));
        Advance(29_999);
        Assert.Equal(1, _bench.Count);
        Advance(1);
        Assert.Equal(0, _bench.Count);
    }

    [Fact]
    public async Task ManyAtOnce_MoreThanABatch_LeaveInOrder()
    {
        await using Reading<StagingEvent> events = _bench.Listen().Read();
        for (int i = 0; i < 3_500; i++)
            _bench.Stage(Given.Anonymous(i), Given.OfType(i % 2 == 0 ? "lan" : "bt"));
        _bench.Stage(Given.Anonymous(0));
        Advance(10_000);
        Assert.Equal(1_750, _bench.Count);
        Advance(20_000);
        Assert.Equal(0, _bench.Count);
        await events.Next(3_500);
        StagingEvent[] left = await events.Next(3_500);
        Assert.All(left, e => Assert.Equal(UnstageReason.Expired, e.Reason));
        IEnumerable<string> lan = Enumerable.Range(1, 1_749).Select(i => Given.Anonymous(i * 2)).Append(Given.Anonymous(0));
        IEnumerable<string> bt = Enumerable.Range(0, 1_750).Select(i => Given.Anonymous((i * 2) + 1));
        Assert.Equal(lan.Concat(bt), left.Select(e => e.Address!.Text));
    }

    [Fact]
    public void WallClock_StepsBack_LivesNotLonger()
    {
        _bench.Stage(Given.Address(1), Given.OfType("lan"));
        _clock.WallError = TimeSpan.FromHours(-5);
        Advance(4_000);
        _bench.Stage(Given.Address(2), Given.OfType("lan"));
        Advance(6_000);
        Assert.Equal([Given.Address(2)], _bench.Entries().Texts());
        Assert.Equal(Given.Start.AddHours(-5).AddSeconds(4), _bench.Get(Given.Address(2))!.StagingBirth);
        Advance(4_000);
        Assert.Equal(0, _bench.Count);
    }

    [Fact]
    public void WallClock_StepsForward_LivesNotShorter()
    {
        _bench.Stage(Given.Address(1), Given.OfType("lan"));
        _clock.WallError = TimeSpan.FromDays(5);
        Advance(9_999);
        _bench.Stage(Given.Address(2), Given.OfType("lan"));
        Assert.Equal(2, _bench.Count);
    }

    // Counters of milliseconds that are not wide enough come round after 24.9 or 49.7 days.
    [Theory]
    [InlineData(20)]
    [InlineData(25)]
    [InlineData(40)]
    [InlineData(50)]
    [InlineData(1_000)]
    public void Peer_AfterTheBenchWasQuietForDays_LeavesOnTime(int days)
    {
        _clock.Advance(TimeSpan.FromDays(days));
        _bench.Stage(Given.Address(1), Given.OfType("lan"));
        Advance(9_999);
        Assert.Equal(1, _bench.Count);
        Advance(1);
        Assert.Equal(0, _bench.Count);
    }

    [Theory]
    [InlineData(25)]
    [InlineData(40)]
    [InlineData(50)]
    public void Peer_AfterTheComputerSleptForDays_IsGone(int days)
    {
        _bench.Stage(Given.Address(1), Given.OfType("lan"));
        _clock.Advance(TimeSpan.FromDays(days));
        Assert.Equal(0, _bench.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(24 * 24 * 3_600_000L)]
    public void Peer_AtTheEndsOfTheRange_LeavesOnTime(long milliseconds)
    {
        using var bench = new ConnStaging(new StagingOptions
        {
            TimeProvider = _clock,
            TimeToLive = new Dictionary<string, TimeSpan> { ["x"] = TimeSpan.FromMilliseconds(milliseconds) },
        });
        bench.Stage(Given.Address(1), Given.OfType("x"));
        _clock.Advance(TimeSpan.FromMilliseconds(milliseconds - 1));
        Assert.Equal(1, bench.Count);
        Advance(1);
        Assert.Equal(0, bench.Count);
    }

    [Fact]
    public void Peers_OfTheHighestNumberedType_LeaveOnTime()
    {
        using var bench = new ConnStaging(new StagingOptions
        {
            TimeProvider = _clock,
            TimeToLive = Enumerable.Range(1, 200).ToDictionary(i => $"type{i}", i => TimeSpan.FromSeconds(i)),
        });
        for (int i = 1; i <= 200; i++)
            bench.Stage(Given.Address(i), Given.OfType($"type{i}"));
        for (int i = 1; i <= 200; i++)
        {
            Assert.Equal(201 - i, bench.Count);
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(0, bench.Count);
    }

    [Fact]
    public void Timer_NothingCanExpire_DoesNotRun()
    {
        Assert.Equal(0, _clock.Running);
        _bench.Stage(Given.Address(1), Given.OfType("pub"));
        Assert.Equal(0, _clock.Running);
        _bench.Stage(Given.Address(2), Given.OfType("lan"));
        Assert.Equal(1, _clock.Running);
        _bench.Stage(Given.Address(3), Given.OfType("lan"));
        _bench.Stage(Given.Address(4), Given.OfType("bt"));
        Assert.Equal(2, _clock.Running);
        Advance(30_000);
        Assert.Equal(1, _bench.Count);
        Assert.Equal(0, _clock.Running);
        _bench.Stage(Given.Address(2), Given.OfType("lan"));
        Assert.Equal(1, _clock.Running);
        Assert.Equal(2, _clock.Made); // one for each type, made once
    }

    [Fact]
    public void Timer_TheOnlyPeerLeftOrIsPinned_StopsBeforeLong()
    {
        _bench.Stage(Given.Address(1), Given.OfType("lan"));
        _bench.Unstage(Given.Address(1));
        _bench.Stage(Given.Address(2), Given.OfType("bt"));
        _bench.Pin(Given.Address(2));
        Advance(30_000);
        Assert.Equal(0, _clock.Running);
        _bench.Unpin(Given.Address(2));
        Assert.Equal(1, _clock.Running);
    }

    [Fact]
    public void Close_StopsAndDisposesEveryTimer()
    {
        _bench.Stage(Given.Address(1), Given.OfType("lan"));
        _bench.Stage(Given.Address(2), Given.OfType("bt"));
        _bench.Close();
        Assert.Equal(0, _clock.Running);
        Assert.Equal(2, _clock.Disposed);
        Advance(60_000);
    }

    // A clock is foreign code: one that looks at the bench must find it whole, and unlocked.
    [Fact]
    [SuppressMessage("Usage", "CA2213", Justification = "The bench is disposed by the test class.")]
    public void Clock_ThatCallsTheBench_IsAnswered()
    {
        ConnStaging? bench = null;
        var clock = new CallingClock(() => bench?.Count);
        using (bench = new ConnStaging(new StagingOptions { TimeProvider = clock, TimeToLive = StagingOptions.SsbTimeToLive }))
        {
            clock.OnAnotherThread = true;
            Assert.True(bench.Stage(Given.Address(1), Given.OfType("lan")));
            Assert.True(bench.Pin(Given.Address(1)));
            Assert.True(bench.Unpin(Given.Address(1)));
            Assert.True(clock.Calls > 4);
        }
    }

    private void Advance(int milliseconds) => _clock.Advance(TimeSpan.FromMilliseconds(milliseconds));

    private sealed class CallingClock(Func<int?> call) : TimeProvider
    {
        public bool OnAnotherThread { get; set; }

        public int Calls { get; private set; }

        public override DateTimeOffset GetUtcNow()
        {
            Ask();
            return Given.Start;
        }

        public override long GetTimestamp()
        {
            Ask();
            return 0;
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Ask();
            return base.CreateTimer(callback, state, dueTime, period);
        }

        // From another thread, so that a lock which is held would show.
        private void Ask()
        {
            Calls++;
            if (OnAnotherThread)
                Assert.True(Task.Run(call).Wait(Patience.Guard), "The bench is locked.");
        }
    }
}
