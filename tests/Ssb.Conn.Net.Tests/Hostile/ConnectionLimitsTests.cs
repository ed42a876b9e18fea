using Microsoft.Extensions.Time.Testing;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Hostile;

/// <summary>Who gives way while too many shake hands.</summary>
public sealed class ConnectionLimitsTests : IDisposable
{
    private readonly KeyPair _own = KeyPair.Generate();
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData("attacker"), InlineData("elsewhere")]
    public void Enter_AllPlacesAreHeldBySilentOnes_TheyGiveWayToElsewhere_AndAfterASecondToTheirOwnSource(string newcomer)
    {
        ConnectionLimits limits = Limits(2);
        ConnectionLimits.Place[] silent = [limits.Enter("attacker")!, limits.Enter("attacker")!];
        bool isNeighbour = newcomer == "attacker";
        ConnectionLimits.Place? place = limits.Enter(newcomer);
        Assert.Equal(isNeighbour, place is null); // who came just now may be honest
        if (isNeighbour)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            place = limits.Enter(newcomer);
        }

        Assert.NotNull(place);
        Assert.True(silent[0].Evicted.IsCancellationRequested);
        Assert.False(silent[1].Evicted.IsCancellationRequested);
        Assert.Equal((1, isNeighbour ? 1 : 0, 2), (limits.Counters.Evicted, limits.Counters.RefusedHandshakes, limits.Counters.Handshakes));
    }

    [Fact]
    public void Enter_EachPlaceIsHeldByAnother_TheOldestGivesWayAfterASecond()
    {
        ConnectionLimits limits = Limits(2);
        limits.Enter("a");
        limits.Enter("b");
        Assert.Null(limits.Enter("c"));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull(limits.Enter("c"));
        Assert.NotNull(limits.Enter("d")); // of those that are left, the oldest
        Assert.Null(limits.Enter("e"));
        Assert.Equal((2, 2), (limits.Counters.Handshakes, limits.Counters.Evicted));
    }

    [Fact]
    public void Enter_NoRoomAndSilentOnesInTheWay_AnOwnerIsLetInAllTheSame()
    {
        var limits = new ConnectionLimits(Unhurried.Network(_own) with { Limits = Unhurried.Limits with { MaxHandshakes = 8, MaxCallers = 1 }, TimeProvider = _time });
        using KeyPair first = KeyPair.Generate(), stranger = KeyPair.Generate();
        Assert.True(limits.Enter("first")!.Promote(first.Id));
        ConnectionLimits.Place[] silent = [limits.Enter("attacker")!, limits.Enter("attacker")!]; // as many as may begin now
        ConnectionLimits.Place? owner = limits.Enter("elsewhere");
        Assert.NotNull(owner);
        Assert.True(silent[0].Evicted.IsCancellationRequested);
        Assert.True(owner.Promote(_own.Id));
        Assert.False(silent[1].Promote(stranger.Id));
        Assert.Equal((1, 1), (limits.Counters.Callers, limits.Counters.RefusedFull));
    }

    public void Dispose() => _own.Dispose();

    private ConnectionLimits Limits(int handshakes) =>
        new(Unhurried.Network(_own) with { Limits = Unhurried.Limits with { MaxHandshakes = handshakes }, TimeProvider = _time });
}
