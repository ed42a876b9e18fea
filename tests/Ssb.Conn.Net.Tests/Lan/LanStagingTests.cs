using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;

namespace Ssb.Conn.Net.Tests;

public sealed class LanStagingTests : IDisposable
{
    private static readonly MultiserverAddress s_address = MultiserverAddress.Parse(Recorded.OneRoute);
    private readonly FakeTimeProvider _time = new();
    private readonly ConnStaging _bench;

    public LanStagingTests() =>
        _bench = new ConnStaging(new StagingOptions { TimeProvider = _time, TimeToLive = StagingOptions.SsbTimeToLive });

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void Stage_SignedAnnouncement_IsStagedAsLanAndVerified()
    {
        Assert.Equal(StageOutcome.Inserted, Announce(verified: true)?.Outcome);
        StagedPeer peer = _bench.Get(s_address)!; // just staged
        Assert.Equal(("lan", true, Recorded.Id, "lan:eth0/192.168.1.23"), (peer.Type, peer.Verified, peer.Key, peer.Source));
        Assert.Equal(["type", "verified"], peer.Data.Names());
        Assert.Equal(StageOutcome.Updated, Announce(verified: true)?.Outcome);
    }

    [Theory]
    [InlineData("unix:/tmp/socket~noauth"), InlineData("unix:/tmp/socket~shs:" + Recorded.Key), InlineData("net:192.168.1.23:8009")]
    public void Stage_RouteToASocketOfOurs_OrToNobody_IsLeftOut(string route)
    {
        foreach (string text in (string[])[$"{route};{Recorded.OneRoute}", $"{Recorded.OneRoute};{route}"])
        {
            Assert.NotNull(_bench.TryStage(Told(text)));
            Assert.Equal(s_address, Assert.Single(_bench.Entries()).Address);
        }

        Assert.Null(_bench.TryStage(Told(route)));
        Assert.Equal(1, _bench.Count);

        static LanAnnouncement Told(string text) => new(
            MultiserverAddress.Parse(text), Recorded.FeedId, Verified: true, SenderMatches: true,
            IPAddress.Parse("192.168.1.23"), "eth0", LanFormat.Normal);
    }

    [Fact]
    public void Stage_UnsignedOfAVerifiedPeer_NeitherDowngradesNorLengthensItsStay()
    {
        Announce(verified: true);
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.Null(Announce(verified: false));
        Assert.True(_bench.Get(s_address)?.Verified);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Null(_bench.Get(s_address));
    }

    [Fact]
    public void Stage_SignedOfAnUnsignedPeer_Upgrades()
    {
        Announce(verified: false);
        Assert.False(_bench.Get(s_address)?.Verified);
        Announce(verified: true);
        Assert.True(_bench.Get(s_address)?.Verified);
    }

    [Fact]
    public void Stage_UnsignedRepetition_RefreshesAnUnsignedPeer()
    {
        Announce(verified: false);
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(StageOutcome.Updated, Announce(verified: false)?.Outcome);
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.NotNull(_bench.Get(s_address));
    }

    [Fact]
    public void Stage_FromElsewhere_IsFlaggedUntilTheHostItselfSpeaks()
    {
        Announce(verified: true, matches: false);
        Assert.False(SenderMatches());
        Announce(verified: true, matches: false);
        Assert.False(SenderMatches());
        Announce(verified: true, matches: true);
        Assert.True(SenderMatches());

        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.Null(Announce(verified: true, matches: false)); // a replay neither flags it again nor lengthens its stay
        Assert.True(SenderMatches());
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Null(_bench.Get(s_address));
    }

    [Fact]
    public void Stage_FirstSignedFromElsewhere_UpgradesAndDoesNotFlag()
    {
        Announce(verified: false, matches: true);
        Assert.Equal(StageOutcome.Updated, Announce(verified: true, matches: false)?.Outcome);
        Assert.True(_bench.Get(s_address)?.Verified);
        Assert.Null(SenderMatches());
    }

    [Fact]
    public void Stage_PeerKnownFromAnotherSource_IsStagedAsLanByItsOwnHostOnly()
    {
        _bench.Stage(s_address, new PeerData { Type = "internet" });
        Assert.Null(Announce(verified: true, matches: false)); // perhaps a replay
        Assert.Equal("internet", _bench.Get(s_address)?.Type);
        Assert.Equal(StageOutcome.Updated, Announce(verified: true, matches: true)?.Outcome);
        Assert.Equal("lan", _bench.Get(s_address)?.Type);
    }

    [Theory]
    [InlineData("internet")]
    [InlineData(null)]
    public void Stage_UnsignedFromElsewhereOfAPeerOfAnotherSource_DoesNotMakeItExpire(string? type)
    {
        _bench.Stage(s_address, new PeerData { Type = type });
        Assert.Null(Announce(verified: false, matches: false));
        _time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(type, Assert.IsType<StagedPeer>(_bench.Get(s_address)).Type);
        Assert.Equal(StageOutcome.Updated, Announce(verified: false, matches: true)?.Outcome);
    }

    [Fact]
    public void Stage_AddressLongerThanTheBenchTakes_IsIgnored()
    {
        using var narrow = new ConnStaging(new StagingOptions { MaxAddressLength = 20 });
        Assert.Null(narrow.TryStage(new LanAnnouncement(s_address, Recorded.FeedId, true, true, IPAddress.Loopback, "lo", LanFormat.Normal)));
        Assert.Equal(0, narrow.Count);
    }

    [Fact]
    public void Stage_OneSender_AnswersToOneShare()
    {
        using var bench = new ConnStaging(new StagingOptions { SourceCapacity = 3 });
        var outcomes = Enumerable.Range(1, 5).Select(i =>
        {
            using Wire.KeyPair keys = Recorded.NewKeys((byte)i);
            MultiserverAddress address = Recorded.AddressOf(keys);
            return bench.TryStage(new LanAnnouncement(address, keys.Id, true, true, IPAddress.Loopback, "lo", LanFormat.Normal))?.Outcome;
        });
        Assert.Equal([StageOutcome.Inserted, StageOutcome.Inserted, StageOutcome.Inserted, StageOutcome.Refused, StageOutcome.Refused], outcomes);
    }

    [Fact]
    public void Stage_ClosedBench_Throws()
    {
        _bench.Close();
        Assert.Throws<ObjectDisposedException>(() => Announce(verified: true));
    }

    private StageResult? Announce(bool verified, bool matches = true) =>
        _bench.TryStage(new LanAnnouncement(
            s_address, Recorded.FeedId, verified, matches, IPAddress.Parse("192.168.1.23"), "eth0", verified ? LanFormat.Normal : LanFormat.Legacy));

    private bool? SenderMatches() =>
        _bench.Get(s_address)?.Data.TryGet(LanStaging.SenderMatches, out JsonElement value) == true ? value.GetBoolean() : null;
}
