using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests;

/// <summary>The limits, in virtual time. Our host is 192.168.1.2/24.</summary>
public class LanReceiverTests
{
    private static readonly NetworkCard s_card = Cards.Up("eth0", 3, "192.168.1.2/24");
    private static readonly IPAddress s_honest = IPAddress.Parse("192.168.1.23");
    private static readonly IPAddress s_flooder = IPAddress.Parse("192.168.1.66");

    private readonly FakeTimeProvider _time = new();
    private readonly List<NetworkCard> _cards = [s_card];
    private int _cardReads;
    private bool _network = true; // false: the system does not tell of it

    [Fact]
    public void Receive_SignedAnnouncement_IsTold()
    {
        LanReceiver receiver = NewReceiver();
        LanAnnouncement? told = receiver.Receive(Convert.FromHexString(Recorded.OneRoutePacket), s_honest, 3, LanFormat.Normal);
        Assert.Equal(
            new LanAnnouncement(MultiserverAddress.Parse(Recorded.OneRoute), Recorded.FeedId, true, true, s_honest, "eth0", LanFormat.Normal), told);
    }

    [Theory]
    [InlineData("192.168.1.23", Recorded.OneRoute, true)]
    [InlineData("::ffff:192.168.1.23", Recorded.OneRoute, true)]
    [InlineData("192.168.1.24", Recorded.OneRoute, false)]
    [InlineData("192.168.1.24", "net:192.168.1.23:1~shs:" + Recorded.Key + ";net:192.168.1.24:1~shs:" + Recorded.Key, true)]
    [InlineData("192.168.1.24", "net:::ffff:192.168.1.24:1~shs:" + Recorded.Key, true)]
    public void Receive_SenderMatches_WhenARouteLeadsToTheSender(string sender, string address, bool matches)
    {
        LanAnnouncement? told = NewReceiver().Receive(Encoding.ASCII.GetBytes(address), IPAddress.Parse(sender), 3, LanFormat.Legacy);
        Assert.NotNull(told);
        Assert.Equal((matches, false), (told.SenderMatches, told.Verified));
        Assert.False(told.Sender.IsIPv4MappedToIPv6);
    }

    [Theory]
    [InlineData(0), InlineData(10), InlineData(LanDatagram.MaxLength + 1)] // Windows says little of what it cut off, Unix gives all that fits
    public void Receive_CutOff_IsCountedAsTooLong(int length)
    {
        LanReceiver receiver = NewReceiver();
        Assert.Null(receiver.Receive(new byte[length], SocketFlags.Truncated, s_honest, 3, LanFormat.Normal, out LanAnnouncement? refused));
        Assert.Null(refused);
        LanCounters counters = receiver.Counters;
        Assert.Equal((1, 1, 0), (counters.Datagrams, counters.Rejected[LanReject.TooLong], counters.Rejected[LanReject.TooShort]));
    }

    [Fact]
    public void Receive_TooLong_IsCountedUnread()
    {
        LanReceiver receiver = NewReceiver();
        Assert.Null(receiver.Receive(new byte[LanDatagram.MaxLength + 1], s_honest, 3, LanFormat.Legacy));
        Assert.Equal(1, receiver.Counters.Rejected[LanReject.TooLong]);
        AssertBalanced(receiver);
    }

    [Fact]
    public void Receive_RejectedDatagrams_AreCountedByReason()
    {
        using KeyPair keys = Recorded.NewKeys(), other = Recorded.NewKeys(2);
        LanReceiver receiver = NewReceiver(new LanOptions { OwnKey = other.Id });
        foreach (byte[] datagram in (byte[][])
        [
            new byte[10],
            new byte[200],
            LanDatagramTests.Box("x"u8, keys, NetworkKey.Main),
            LanDatagramTests.Box("{}"u8, keys, NetworkKey.Main),
            LanDatagramTests.Box("{\"address\":\"x\"}"u8, keys, NetworkKey.Main),
            LanDatagramTests.Box("{\"address\":\"net:1.2.3.4:1\"}"u8, keys, NetworkKey.Main),
            LanDatagram.EncodeNormal(Recorded.AddressOf(keys), other, NetworkKey.Main),
            LanDatagram.EncodeNormal(Recorded.AddressOf(other), other, NetworkKey.Main), // our echo
            LanDatagram.EncodeNormal(Recorded.AddressOf(other), keys, NetworkKey.Main), // a forgery of us
            LanDatagram.EncodeLegacy(Recorded.AddressOf(other)), // not in the normal format
        ])
        {
            Assert.Null(receiver.Receive(datagram, s_honest, 3, LanFormat.Normal));
        }

        Assert.Null(receiver.Receive(LanDatagram.EncodeLegacy(Recorded.AddressOf(other)), s_flooder, 3, LanFormat.Legacy)); // a replay of us
        LanCounters counters = receiver.Counters;
        Assert.Equal(
            [
                (LanReject.TooLong, 0), (LanReject.TooShort, 2), (LanReject.NotBoxed, 1), (LanReject.NotJson, 1), (LanReject.WrongShape, 1),
                (LanReject.BadAddress, 1), (LanReject.NoKey, 1), (LanReject.OwnKey, 3), (LanReject.BadSignature, 1), (LanReject.NoRoute, 0),
            ],
            counters.Rejected.Select(pair => (pair.Key, (int)pair.Value)));
        AssertBalanced(receiver);
    }

    [Theory]
    [InlineData("192.168.1.23", true)]
    [InlineData("192.168.2.23", false)]
    [InlineData("8.8.8.8", false)]
    [InlineData("127.0.0.1", false)]
    [InlineData("fe80::1", false)]
    public void Receive_SenderOffLink_IsDropped(string sender, bool onLink)
    {
        LanReceiver receiver = NewReceiver();
        LanAnnouncement? told = receiver.Receive(Convert.FromHexString(Recorded.OneRoutePacket), IPAddress.Parse(sender), 3, LanFormat.Normal);
        Assert.Equal(onLink, told is not null);
        Assert.Equal(onLink ? 0 : 1, receiver.Counters.OffLink);
        AssertBalanced(receiver);
    }

    [Fact]
    public void Receive_InterfaceThatAppears_IsFoundWithinASecondAndNotSearchedForEachDatagram()
    {
        LanReceiver receiver = NewReceiver();
        using KeyPair keys = Recorded.NewKeys();
        byte[] packet = LanDatagram.EncodeNormal(Recorded.AddressOf(keys, "10.1.2.3"), keys, NetworkKey.Main);
        var newcomer = IPAddress.Parse("10.1.2.3");
        for (int i = 0; i < 1000; i++)
            Assert.Null(receiver.Receive(packet, newcomer, 4, LanFormat.Normal));
        Assert.Equal(1, _cardReads);

        _cards.Add(Cards.Up("wlan0", 4, "10.1.0.1/16"));
        _time.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal("wlan0", receiver.Receive(packet, newcomer, 4, LanFormat.Normal)?.Interface);

        _cards.RemoveAt(1);
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.Null(receiver.Receive(packet, newcomer, 4, LanFormat.Normal));
        Assert.Equal(3, _cardReads);
    }

    [Fact]
    public void Receive_TwoCardsInOneSubnet_NamesTheOneItCameBy()
    {
        _cards.Add(Cards.Up("eth1", 5, "192.168.1.3/24"));
        LanReceiver receiver = NewReceiver();
        Assert.Equal("eth1", receiver.Receive(Convert.FromHexString(Recorded.OneRoutePacket), s_honest, 5, LanFormat.Normal)?.Interface);
    }

    [Fact]
    public void Receive_NetworkThatCannotBeRead_IsJudgedAsBefore()
    {
        LanReceiver receiver = NewReceiver();
        byte[] packet = Convert.FromHexString(Recorded.OneRoutePacket);
        _network = false;
        Assert.Null(receiver.Receive(packet, s_honest, 3, LanFormat.Normal)); // it was never read
        _network = true;
        _time.Advance(TimeSpan.FromSeconds(1.1));
        Assert.NotNull(receiver.Receive(packet, s_honest, 3, LanFormat.Normal));

        _network = false;
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.NotNull(receiver.Receive(packet, s_honest, 3, LanFormat.Normal));
        Assert.Equal(3, _cardReads);
    }

    [Fact]
    public void Receive_ByACardInAnotherSubnetThanTheSender_IsOffLink()
    {
        _cards.Add(Cards.Up("docker0", 5, "172.17.0.1/16"));
        LanReceiver receiver = NewReceiver();
        Assert.Null(receiver.Receive(Convert.FromHexString(Recorded.OneRoutePacket), s_honest, 5, LanFormat.Normal));
        Assert.Equal(1, receiver.Counters.OffLink);
        // By a card that the system does not name.
        Assert.NotNull(receiver.Receive(Convert.FromHexString(Recorded.OneRoutePacket), s_honest, 0, LanFormat.Normal));
    }

    [Fact]
    public void Receive_Repetitions_AreToldAndTooFastOnesCoalesced()
    {
        LanReceiver receiver = NewReceiver();
        byte[] packet = Convert.FromHexString(Recorded.OneRoutePacket);
        int told = 0;
        for (int i = 0; i < 100; i++, _time.Advance(TimeSpan.FromMilliseconds(100)))
            told += receiver.Receive(packet, s_honest, 3, LanFormat.Normal) is null ? 0 : 1;

        Assert.Equal(20, told); // 10 s at one in 500 ms
        Assert.Equal((20, 20, 80), (receiver.Counters.Accepted, receiver.Counters.Verified, receiver.Counters.Coalesced));
        AssertBalanced(receiver);
    }

    [Fact]
    public void Receive_SameBytesInTheOtherFormat_AreNotTakenForTheSame()
    {
        LanReceiver receiver = NewReceiver();
        byte[] legacy = Encoding.ASCII.GetBytes(Recorded.OneRoute + ";unix:" + new string('x', 100));
        Assert.NotNull(receiver.Receive(legacy, s_honest, 3, LanFormat.Legacy));
        Assert.Null(receiver.Receive(legacy, s_honest, 3, LanFormat.Normal));
        Assert.Equal(1, receiver.Counters.Rejected[LanReject.NotBoxed]);
    }

    [Fact]
    public void Flood_FromOneSender_CostsItsShareAndNoMore()
    {
        LanReceiver receiver = NewReceiver();
        var town = new Town(this, receiver, 5);
        int floodAccepted = 0;
        for (int i = 0; i < 50_000; i++)
        {
            floodAccepted += receiver.Receive(Forged(i), s_flooder, 3, LanFormat.Legacy) is null ? 0 : 1;
            Pass(TimeSpan.FromMilliseconds(0.2), town); // 5,000 a second, ten seconds
        }

        Assert.InRange(floodAccepted, 200, 50 + 20 * 10 + 1); // burst, and ten seconds of its rate
        Assert.Equal(50_000 - floodAccepted, receiver.Counters.RateLimited);
        town.AssertNobodyWasSilentFor(TimeSpan.FromSeconds(2.1));
        AssertBalanced(receiver);
    }

    [Fact]
    public void Flood_FromAllForgedSendersOfTheNetwork_LetsNewcomerInAndKeepsTheEstablished()
    {
        LanReceiver receiver = NewReceiver();
        var town = new Town(this, receiver, 5);
        var newcomer = new Neighbour(Recorded.NewKeys(200), IPAddress.Parse("192.168.1.200"));
        int told = 0;
        for (int i = 0; i < 60_000; i++)
        {
            int host = 3 + i % 190; // 192.168.1.3 to .192, the established among them
            receiver.Receive(Forged(i), IPAddress.Parse($"192.168.1.{host}"), 3, LanFormat.Legacy);
            Pass(TimeSpan.FromMilliseconds(0.1), town); // 10,000 a second, six seconds
            if (i is 5_000 or 25_000)
                told += newcomer.Announce(receiver);
        }

        Assert.True(told >= 2, "The newcomer should be heard in both formats within two announcements.");
        Assert.NotNull(newcomer.LastVerified);
        Assert.InRange(receiver.Counters.Accepted, 1, 2 * 200 + 2 * 200 * 6 + 100); // both lanes, six seconds
        Assert.True(receiver.Counters.OverBudget > 20_000);
        town.AssertNobodyWasSilentFor(TimeSpan.FromSeconds(2.1));
        AssertBalanced(receiver);
    }

    [Fact]
    public void Flood_FromAnHonestPeersOwnAddress_DoesNotSilenceIt()
    {
        LanReceiver receiver = NewReceiver();
        var town = new Town(this, receiver, 3);
        for (int i = 0; i < 50_000; i++)
        {
            receiver.Receive(Forged(i), town.Neighbours[0].Host, 3, LanFormat.Legacy);
            Pass(TimeSpan.FromMilliseconds(0.4), town);
        }

        town.AssertNobodyWasSilentFor(TimeSpan.FromSeconds(2.1));
        AssertBalanced(receiver);
    }

    [Fact]
    public void Flood_OfReplayedSignedPackets_IsNotedAsFromElsewhereAndCoalesced()
    {
        LanReceiver receiver = NewReceiver();
        var town = new Town(this, receiver, 3);
        int told = 0;
        for (int i = 0; i < 10_000; i++)
        {
            LanAnnouncement? replay = receiver.Receive(town.Neighbours[0].Normal, s_flooder, 3, LanFormat.Normal);
            if (replay is not null)
            {
                told++;
                Assert.False(replay.SenderMatches);
            }

            Pass(TimeSpan.FromMilliseconds(0.5), town);
        }

        Assert.InRange(told, 10, 11); // five seconds at one in 500 ms
        town.AssertNobodyWasSilentFor(TimeSpan.FromSeconds(2.1));
    }

    [Fact]
    public void Flood_OfGarbage_CostsTokensToo()
    {
        LanReceiver receiver = NewReceiver();
        byte[] garbage = new byte[200];
        for (int i = 0; i < 5_000; i++)
        {
            BitConverter.TryWriteBytes(garbage, i);
            receiver.Receive(garbage, s_flooder, 3, LanFormat.Normal);
        }

        Assert.Equal(50, receiver.Counters.Rejected[LanReject.NotBoxed]);
        Assert.Equal(4_950, receiver.Counters.RateLimited);
        AssertBalanced(receiver);
    }

    [Fact]
    public void Tokens_OfALoudSender_ComeBackWithTime()
    {
        LanReceiver receiver = NewReceiver();
        for (int i = 0; i < 1_000; i++)
            receiver.Receive(Forged(i), s_flooder, 3, LanFormat.Legacy);
        Assert.Equal(50, receiver.Counters.Accepted);

        _time.Advance(TimeSpan.FromSeconds(1));
        for (int i = 1_000; i < 2_000; i++)
            receiver.Receive(Forged(i), s_flooder, 3, LanFormat.Legacy);
        Assert.Equal(70, receiver.Counters.Accepted);
    }

    [Fact]
    public void Memory_OfOneSender_IsBoundedAndNewcomersYield()
    {
        LanReceiver receiver = NewReceiver(new LanOptions { Limits = new LanLimits { RememberedPerSender = 8 } });
        var first = new Neighbour(Recorded.NewKeys(1), s_flooder);
        first.Announce(receiver);
        for (int i = 0; i < 200; i++, _time.Advance(TimeSpan.FromMilliseconds(100)))
        {
            receiver.Receive(Forged(i), s_flooder, 3, LanFormat.Legacy);
            if (i % 20 == 0)
                first.Announce(receiver);
        }

        Assert.Equal(8, receiver.Held.Announcements);
        LanCounters before = receiver.Counters;
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(2, first.Announce(receiver));
        Assert.Equal(before.Accepted + 2, receiver.Counters.Accepted);

        // After 30 s of silence there is room for others.
        _time.Advance(TimeSpan.FromSeconds(31));
        receiver.Receive(Forged(1_000), s_flooder, 3, LanFormat.Legacy);
        Assert.Equal(1, receiver.Held.Announcements);
    }

    [Fact]
    public void Memory_OfAll_IsBoundedAndKeepsRoomForTheFirstFourOfEach()
    {
        LanReceiver receiver = NewReceiver(new LanOptions { Limits = new LanLimits { Remembered = 40, RememberedPerSender = 30 } });
        for (int i = 0; i < 50; i++)
            receiver.Receive(Forged(i), s_flooder, 3, LanFormat.Legacy);
        Assert.Equal(20, receiver.Held.Announcements); // half

        for (int host = 100; host < 120; host++)
        {
            for (int i = 0; i < 4; i++)
                receiver.Receive(Forged(host * 10 + i), IPAddress.Parse($"192.168.1.{host}"), 3, LanFormat.Legacy);
        }

        Assert.Equal(40, receiver.Held.Announcements); // the first five of them found room for four each
    }

    [Fact]
    public void Senders_BeyondTheBound_AreStillHeardAndTheSilentMakeRoom()
    {
        LanReceiver receiver = NewReceiver(new LanOptions { Limits = new LanLimits { Senders = 16 } });
        for (int host = 10; host < 40; host++)
            Assert.NotNull(receiver.Receive(Forged(host), IPAddress.Parse($"192.168.1.{host}"), 3, LanFormat.Legacy));
        Assert.Equal((16, 16), receiver.Held);

        _time.Advance(TimeSpan.FromSeconds(31));
        receiver.Receive(Forged(99), IPAddress.Parse("192.168.1.99"), 3, LanFormat.Legacy);
        Assert.Equal((1, 1), receiver.Held);
    }

    [Fact]
    public void Receive_Repetition_DoesNotAllocate()
    {
        LanReceiver receiver = NewReceiver();
        byte[] packet = Convert.FromHexString(Recorded.OneRoutePacket);
        receiver.Receive(packet, s_honest, 3, LanFormat.Normal);
        receiver.Receive(packet, s_honest, 3, LanFormat.Normal);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
            receiver.Receive(packet, s_honest, 3, LanFormat.Normal);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(1001, receiver.Counters.Coalesced);
    }

    private LanReceiver NewReceiver(LanOptions? options = null) =>
        new((options ?? new LanOptions()) with { TimeProvider = _time }, () =>
        {
            _cardReads++;
            return _network ? new HostNetwork(_cards) : null;
        });

    private void Pass(TimeSpan time, Town town)
    {
        _time.Advance(time);
        town.AnnounceWhenDue();
    }

    /// <summary>An unsigned announcement of an identity that does not exist.</summary>
    private static byte[] Forged(int number)
    {
        byte[] key = new byte[32];
        BitConverter.TryWriteBytes(key, number + 1);
        return Encoding.ASCII.GetBytes($"net:192.168.1.66:8008~shs:{Convert.ToBase64String(key)}");
    }

    private static void AssertBalanced(LanReceiver receiver)
    {
        LanCounters c = receiver.Counters;
        Assert.Equal(c.Datagrams, c.Accepted + c.Coalesced + c.OffLink + c.RateLimited + c.OverBudget + c.Rejected.Values.Sum());
        Assert.InRange(c.Verified, 0, c.Accepted);
    }

    /// <summary>An honest peer, with its two datagrams.</summary>
    private sealed class Neighbour(KeyPair keys, IPAddress host)
    {
        public IPAddress Host => host;

        public byte[] Normal { get; } = LanDatagram.EncodeNormal(Recorded.AddressOf(keys, host.ToString()), keys, NetworkKey.Main);

        public byte[] Legacy { get; } = LanDatagram.EncodeLegacy(Recorded.AddressOf(keys, host.ToString()));

        public LanAnnouncement? LastVerified { get; private set; }

        /// <returns>How many of the two were told.</returns>
        public int Announce(LanReceiver receiver)
        {
            LanAnnouncement? legacy = receiver.Receive(Legacy, host, 3, LanFormat.Legacy);
            LanAnnouncement? normal = receiver.Receive(Normal, host, 3, LanFormat.Normal);
            LastVerified = normal ?? LastVerified;
            return (legacy is null ? 0 : 1) + (normal is null ? 0 : 1);
        }
    }

    /// <summary>Honest peers that were there before, 192.168.1.20 and following; each announces itself every 2 s.</summary>
    private sealed class Town
    {
        private readonly LanReceiverTests _test;
        private readonly LanReceiver _receiver;
        private readonly DateTimeOffset[] _heard;
        private DateTimeOffset _next;
        private TimeSpan _longestSilence;

        public Town(LanReceiverTests test, LanReceiver receiver, int size)
        {
            (_test, _receiver) = (test, receiver);
            Neighbours = [.. Enumerable.Range(20, size).Select(i => new Neighbour(Recorded.NewKeys((byte)i), IPAddress.Parse($"192.168.1.{i}")))];
            _heard = [.. Enumerable.Repeat(test._time.GetUtcNow(), size)];
            _next = test._time.GetUtcNow();
            AnnounceWhenDue();
        }

        public IReadOnlyList<Neighbour> Neighbours { get; }

        public void AnnounceWhenDue()
        {
            DateTimeOffset now = _test._time.GetUtcNow();
            if (now < _next)
                return;

            _next = now + TimeSpan.FromSeconds(2);
            for (int i = 0; i < Neighbours.Count; i++)
            {
                if (Neighbours[i].Announce(_receiver) == 2)
                    _heard[i] = now;
                _longestSilence = TimeSpan.FromTicks(Math.Max(_longestSilence.Ticks, (now - _heard[i]).Ticks));
            }
        }

        public void AssertNobodyWasSilentFor(TimeSpan time)
        {
            DateTimeOffset now = _test._time.GetUtcNow();
            Assert.All(_heard, heard => Assert.InRange(now - heard, TimeSpan.Zero, time));
            Assert.InRange(_longestSilence, TimeSpan.Zero, time);
        }
    }
}
