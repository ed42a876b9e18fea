using System.Net;

namespace Ssb.Conn.Net.Tests;

/// <summary>When what is announced, in virtual time.</summary>
public class LanRoundsTests
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(2), s_tick = TimeSpan.FromMilliseconds(10);

    private readonly LanRounds _rounds = new(s_interval);
    private readonly List<(TimeSpan At, string Text)> _sent = [];
    private TimeSpan _now;

    [Fact]
    public void Rounds_OneSubnet_AtOnceAndInAStableRhythm()
    {
        Run(TimeSpan.FromSeconds(6.5), [Place(1)]);
        Assert.Equal([(0, "1"), (2, "1"), (4, "1"), (6, "1")], _sent.Select(s => ((int)s.At.TotalSeconds, s.Text)));
    }

    [Theory]
    [InlineData(2, 1_000), InlineData(4, 500), InlineData(100, 20)]
    public void Rounds_SeveralSubnets_TakeTurnsAndEachIsToldOnceARound(int count, int gap)
    {
        Run(TimeSpan.FromSeconds(19.99), [.. Enumerable.Range(1, count).Select(i => Place(i))]);
        Assert.Equal(10 * count, _sent.Count);
        Assert.All(_sent.GroupBy(s => s.Text), subnet => Assert.Equal(10, subnet.Count()));
        Assert.All(_sent.Zip(_sent.Skip(1)), pair => Assert.True((pair.Second.At - pair.First.At).TotalMilliseconds >= gap));
    }

    [Fact]
    public void Rounds_NewAddressOnTheOnlyCard_IsToldAtOnce()
    {
        Run(TimeSpan.FromSeconds(0.5), [Place(1)]);
        Run(TimeSpan.FromSeconds(0.5), [Place(7)]);
        Assert.Equal([(0, "1"), (500, "7")], _sent.Select(s => ((int)s.At.TotalMilliseconds, s.Text)));
        Run(TimeSpan.FromSeconds(4), [Place(7)]);
        Assert.DoesNotContain(_sent.Skip(1), s => s.Text == "1");
    }

    [Fact]
    public void Rounds_CardThatComes_IsToldBeforeTheRestWithinASecond()
    {
        Run(TimeSpan.FromSeconds(2.1), [Place(1), Place(2)]);
        Run(TimeSpan.FromSeconds(1.7), [Place(1), Place(2), Place(3)]);
        Assert.Equal(["1", "2", "1", "3", "2"], _sent.Select(s => s.Text));
        Assert.InRange(_sent[3].At, TimeSpan.FromSeconds(2.1), TimeSpan.FromSeconds(3.1));
    }

    [Theory]
    [InlineData(1), InlineData(3), InlineData(7), InlineData(10)]
    public void Rounds_NetworkThatNeverRests_LeavesNobodyOutAndIsBounded(int beat)
    {
        // Another card comes and goes with each change, or has another address each time; 20 s, ten changes a second or fewer.
        for (int i = 0; i < 200 / beat; i++)
            Run(TimeSpan.FromMilliseconds(100 * beat), i % 2 == 0 ? [Place(1), Place(2), Place(3)] : [Place(1), Place(2)]);
        AssertNobodyIsLeftOut();
        for (int i = 0; i < 200 / beat; i++)
            Run(TimeSpan.FromMilliseconds(100 * beat), [Place(1), Place(2), Place(3, 100 + i)]);
        AssertNobodyIsLeftOut();

        void AssertNobodyIsLeftOut()
        {
            Assert.All((string[])["1", "2"], text => Assert.InRange(_sent.Count(s => s.Text == text), 6, 11));
            Assert.InRange(_sent.Count, 18, 32); // one in 666 ms at the most often
            _sent.Clear();
        }
    }

    [Fact]
    public void Rounds_NothingToTell_WaitsForTheNextRound()
    {
        Run(TimeSpan.FromSeconds(1), []);
        Assert.Empty(_sent);
        Assert.Equal(s_interval, _rounds.Due);
        Run(TimeSpan.FromSeconds(1), [Place(1)]); // as the system reports
        Assert.Equal("1", Assert.Single(_sent).Text);
    }

    // As the announcer does: a change of the network at the beginning.
    private void Run(TimeSpan time, LanPlace[] places)
    {
        TimeSpan end = _now + time;
        for (bool hasChanged = true; _now < end; hasChanged = false, _now += s_tick)
        {
            if (hasChanged || _rounds.IsOver(_now))
                _rounds.Set(places, _now);
            while (_rounds.TryTake(_now, out LanPlace? place))
                _sent.Add((_now, place.Text.Split(':', '~')[2]));
        }
    }

    private static LanPlace Place(int number, int? text = null) => new(
        new IPNetwork(IPAddress.Parse($"10.{number}.0.0"), 16), [],
        new LanSigned(MultiserverAddress.Parse($"net:10.0.0.1:{text ?? number}~shs:{Recorded.Key}"), [], null));
}
