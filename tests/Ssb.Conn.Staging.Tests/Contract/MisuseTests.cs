using System.Text.Json;

namespace Ssb.Conn.Staging.Tests.Contract;

/// <summary>Misuse gives the right exception and changes nothing.</summary>
public sealed class MisuseTests : IDisposable
{
    private readonly ConnStaging _bench = new(new StagingOptions { MaxAddressLength = 100, MaxDataLength = 50, TimeProvider = Given.Clock() });
    private readonly StagingSnapshot _before;

    public MisuseTests()
    {
        _bench.Stage(Given.Address(1), Given.OfType("pub"));
        _before = _bench.Entries();
    }

    public static TheoryData<string> BadAddresses => ["", "a", "net:host:8008\n", "NET:host:1", "net:" + new string('x', 97)];

    public void Dispose() => _bench.Dispose();

    [Theory, MemberData(nameof(BadAddresses))]
    public void EveryCall_InvalidOrTooLongText_ThrowsFormatException(string address)
    {
        foreach (Action call in Calls(address))
            Assert.Throws<FormatException>(call);
        AssertNothingChanged();
    }

    [Fact]
    public void EveryCall_TooLongValue_ThrowsArgumentException()
    {
        MultiserverAddress address = MultiserverAddress.Parse("net:" + new string('x', 97));
        foreach (Action call in Calls(address))
            Assert.Throws<ArgumentException>(call);
        AssertNothingChanged();
        MultiserverAddress longest = MultiserverAddress.Parse("net:" + new string('x', 96));
        Assert.True(_bench.Stage(longest));
        Assert.NotNull(_bench.Get(longest.Text));
    }

    [Fact]
    public void EveryCall_Null_ThrowsArgumentNullException()
    {
        foreach (Action call in Calls((string)null!).Concat(Calls((MultiserverAddress)null!)))
            Assert.Throws<ArgumentNullException>(call);
        AssertNothingChanged();
    }

    [Fact]
    public void EveryCall_Closed_ThrowsObjectDisposedException()
    {
        _bench.Close();
        Action[] others =
        [
            () => _bench.Entries(), () => _bench.RoutesTo(Given.Id(1)), () => _bench.Listen(), () => _bench.LiveEntries(), () => _bench.Changes(),
        ];
        foreach (Action call in Calls(Given.Address(1)).Concat(Calls(MultiserverAddress.Parse(Given.Address(1)))).Concat(others))
            Assert.Throws<ObjectDisposedException>(call);
        // Before anything else is looked at.
        foreach (Action call in Calls("no address").Concat(Calls((string)null!)).Concat(Calls((MultiserverAddress)null!)))
            Assert.Throws<ObjectDisposedException>(call);
    }

    [Fact]
    public void Close_Again_DoesNothing()
    {
        _bench.Close();
        _bench.Close();
        _bench.Dispose();
        Assert.True(_bench.IsClosed);
        Assert.Equal(0, _bench.Count);
        Assert.Equal(0, _bench.Subscribers);
    }

    [Theory]
    [InlineData(UnstageReason.Expired)]
    [InlineData(UnstageReason.Evicted)]
    [InlineData((UnstageReason)99)]
    [InlineData((UnstageReason)(-1))]
    public void Unstage_ReasonThatIsNotOneToGive_Throws(UnstageReason reason)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _bench.Unstage(Given.Address(1), reason));
        Assert.Throws<ArgumentOutOfRangeException>(() => _bench.Unstage(MultiserverAddress.Parse(Given.Address(1)), reason));
        AssertNothingChanged();
    }

    [Fact]
    public void Stage_TooMuchData_ThrowsArgumentException()
    {
        PeerData tooMuch = PeerData.Empty.With("a", new string('x', 50));
        Assert.Throws<ArgumentException>(() => _bench.Stage(Given.Address(1), tooMuch));
        Assert.Throws<ArgumentException>(() => _bench.Stage(Given.Address(2), tooMuch));
        Assert.Throws<ArgumentException>(() => _bench.Stage(MultiserverAddress.Parse(Given.Address(2)), tooMuch));
        AssertNothingChanged();
    }

    [Fact]
    public void Stage_TooMuchDataOnceMerged_ThrowsArgumentException()
    {
        _bench.Stage(Given.Address(2), PeerData.Empty.With("a", new string('x', 30)));
        StagedPeer peer = _bench.Get(Given.Address(2))!;
        Assert.Throws<ArgumentException>(() => _bench.Stage(Given.Address(2), PeerData.Empty.With("b", new string('x', 30))));
        Assert.Same(peer, _bench.Get(Given.Address(2)));
        Assert.False(_bench.Stage(Given.Address(2), PeerData.Empty.With("a", new string('y', 30))));
    }

    [Fact]
    public void Constructor_OptionOutOfRange_Throws()
    {
        var defaults = new StagingOptions();
        var tooMany = Enumerable.Range(0, 201).ToDictionary(i => $"type{i}", _ => TimeSpan.FromSeconds(1));
        StagingOptions[] bad =
        [
            defaults with { Capacity = 0 }, defaults with { Capacity = -1 }, defaults with { SourceCapacity = 0 },
            defaults with { ChangeBuffer = 15 }, defaults with { ChangeBuffer = 1_048_577 }, defaults with { MaxAddressLength = 1 },
            defaults with { MaxDataLength = -1 }, defaults with { TimeToLive = tooMany }, Lasting(TimeSpan.Zero),
            Lasting(TimeSpan.FromMilliseconds(-1)), Lasting(TimeSpan.FromDays(24) + TimeSpan.FromTicks(1)), Lasting(Timeout.InfiniteTimeSpan),
            Lasting(TimeSpan.MaxValue),
        ];
        Assert.All(bad, options => Assert.Throws<ArgumentOutOfRangeException>(() => new ConnStaging(options)));
        Assert.Throws<ArgumentNullException>(() => new ConnStaging(defaults with { TimeProvider = null! }));
        Assert.Throws<ArgumentNullException>(() => new ConnStaging(defaults with { TimeToLive = null! }));
    }

    [Fact]
    public void Constructor_OptionsAtTheirLimits_AreTaken()
    {
        var defaults = new StagingOptions();
        var many = Enumerable.Range(0, 200).ToDictionary(i => $"type{i}", _ => TimeSpan.FromSeconds(1));
        StagingOptions[] good =
        [
            defaults with { Capacity = 1 }, defaults with { Capacity = int.MaxValue }, defaults with { SourceCapacity = 1 },
            defaults with { ChangeBuffer = 16 }, defaults with { ChangeBuffer = 1 << 20 }, defaults with { MaxAddressLength = 2 },
            defaults with { MaxDataLength = 0 }, defaults with { TimeToLive = many }, Lasting(TimeSpan.FromMilliseconds(1)), Lasting(TimeSpan.FromDays(24)),
        ];
        Assert.All(good, options =>
        {
            using var bench = new ConnStaging(options);
            Assert.True(bench.Stage("ab"));
        });
    }

    [Fact]
    public void Constructor_TimesToLiveChangedLater_ChangesNothing()
    {
        var clock = Given.Clock();
        var times = new Dictionary<string, TimeSpan> { ["lan"] = TimeSpan.FromSeconds(10) };
        using var bench = new ConnStaging(new StagingOptions { TimeProvider = clock, TimeToLive = times });
        times.Clear();
        bench.Stage(Given.Address(1), Given.OfType("lan"));
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(0, bench.Count);
    }

    [Fact]
    public void With_Undefined_Throws() => Assert.Throws<ArgumentException>(() => PeerData.Empty.With("a", default(JsonElement)));

    [Fact]
    public void With_NullOrNoNumber_Throws()
    {
        Assert.Throws<ArgumentNullException>(() => PeerData.Empty.With(null!, true));
        Assert.Throws<ArgumentNullException>(() => PeerData.Empty.With("a", (string)null!));
        Assert.Throws<ArgumentNullException>(() => PeerData.Empty.Merge(null!));
        Assert.Throws<ArgumentNullException>(() => PeerData.Empty.TryGet(null!, out _));
        Assert.ThrowsAny<ArgumentException>(() => PeerData.Empty.With("a", double.NaN));
        Assert.ThrowsAny<ArgumentException>(() => PeerData.Empty.With("a", double.PositiveInfinity));
    }

    [Fact]
    public void PeerData_Changed_LeavesTheOriginal()
    {
        PeerData one = PeerData.Empty.With("a", 1);
        PeerData two = one.With("a", 2).With("b", 3);
        Assert.Equal(1, one.Field("a").GetInt32());
        Assert.Equal(["a", "b"], two.Names());
        Assert.Empty(PeerData.Empty.Fields);
    }

    private static StagingOptions Lasting(TimeSpan time) => new() { TimeToLive = new Dictionary<string, TimeSpan> { ["lan"] = time } };

    private IEnumerable<Action> Calls(string address) =>
    [
        () => _bench.Stage(address), () => _bench.Stage(address, Given.OfType("lan"), "source"), () => _bench.TryStage(address),
        () => _bench.Unstage(address), () => _bench.Unstage(address, UnstageReason.Blocked), () => _bench.Get(address),
        () => _bench.Pin(address), () => _bench.Unpin(address),
    ];

    private IEnumerable<Action> Calls(MultiserverAddress address) =>
    [
        () => _bench.Stage(address), () => _bench.Stage(address, Given.OfType("lan"), "source"), () => _bench.TryStage(address),
        () => _bench.Unstage(address), () => _bench.Unstage(address, UnstageReason.Blocked), () => _bench.Get(address),
        () => _bench.Pin(address), () => _bench.Unpin(address),
    ];

    private void AssertNothingChanged()
    {
        Assert.Same(_before, _bench.Entries()); // not even a sequence number
        Assert.Equal(1, _bench.Count);
    }
}
