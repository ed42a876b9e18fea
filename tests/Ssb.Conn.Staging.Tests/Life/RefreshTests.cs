using Microsoft.Extensions.Time.Testing;

namespace Ssb.Conn.Staging.Tests.Life;

/// <summary>A peer that is told of again, with nothing new: it lives on, and readers are told nothing.</summary>
public sealed class RefreshTests : IDisposable
{
    private readonly FakeTimeProvider _clock = Given.Clock();
    private readonly ConnStaging _bench;

    public RefreshTests() => _bench = new ConnStaging(new StagingOptions { TimeProvider = _clock, TimeToLive = StagingOptions.SsbTimeToLive });

    public void Dispose() => _bench.Dispose();

    [Theory]
    [InlineData("""{"type":"lan"}""", """{"type":"lan"}""")]
    [InlineData("""{"type":"lan"}""", "{}")]
    [InlineData("""{"type":"lan","verified":true}""", """{"verified":false}""")]
    [InlineData("""{"type":"lan","note":"a","list":[1,{"b":null}]}""", """{"list":[1,{"b":null}],"note":"a"}""")]
    [InlineData("""{"type":"lan","note":"a"}""", """{"note":"a","stagingBirth":1,"stagingUpdated":2}""")]
    public async Task Stage_NothingNew_TellsNoReaderAndStampsUpdated(string first, string again)
    {
        _bench.Stage(Given.Address(1), PeerData.Parse(first));
        await using Reading<StagingSnapshot> live = _bench.LiveEntries().Read();
        await using Reading<StagingChange> changes = _bench.Changes().Read();
        await using Reading<StagingEvent> events = _bench.Listen().Read();
        Assert.Equal(1, (await live.Next()).Sequence);
        Assert.Equal(1, (await changes.Next()).Sequence);

        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(new StageResult(StageOutcome.Updated), _bench.TryStage(Given.Address(1), PeerData.Parse(again)));
        using (_bench.Batch())
            _bench.Stage(Given.Address(1), PeerData.Parse(again));

        Assert.Equal(Given.Start.AddSeconds(1), _bench.Get(Given.Address(1))!.StagingUpdated);
        Assert.Equal(Given.Start.AddSeconds(1), Assert.Single(_bench.Entries()).StagingUpdated);
        Assert.Equal(1, _bench.Entries().Sequence);
        _bench.Stage(Given.Address(2)); // what is told next is this
        Assert.Equal((2, 2), ((await live.Next()).Sequence, live.Current.Count));
        Assert.Equal(2, Assert.IsType<StagingChange.Inserted>(await changes.Next()).Sequence);
        Assert.Equal(Given.Address(2), (await events.Next()).Address!.Text);
    }

    [Fact]
    public async Task Stage_SomethingNew_TellsAllReadersTheNewestTimes()
    {
        _bench.Stage(Given.Address(1), Given.OfType("lan"));
        await using Reading<StagingSnapshot> live = _bench.LiveEntries().Read();
        await using Reading<StagingChange> changes = _bench.Changes().Read();
        await live.Next();
        await changes.Next();
        _clock.Advance(TimeSpan.FromSeconds(1));
        _bench.Stage(Given.Address(1));
        _clock.Advance(TimeSpan.FromSeconds(1));
        _bench.Stage(Given.Address(1), PeerData.Empty.With("note", "new"));
        Assert.Equal(Given.Start.AddSeconds(2), Assert.Single(await live.Next()).StagingUpdated);
        StagingChange.Updated updated = Assert.IsType<StagingChange.Updated>(await changes.Next());
        Assert.Equal((2, Given.Start.AddSeconds(1), Given.Start.AddSeconds(2)), (updated.Sequence, updated.Previous.StagingUpdated, updated.Peer.StagingUpdated));
    }

    [Fact]
    public async Task Stage_NothingNew_StartsItsTimeToLiveAnew()
    {
        _bench.Stage(Given.Address(1), Given.OfType("lan"));
        await using Reading<StagingEvent> events = _bench.Listen().Read();
        for (int i = 0; i < 20; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(9));
            Assert.Equal(StageOutcome.Updated, _bench.TryStage(Given.Address(1), Given.OfType("lan")).Outcome);
        }

        _clock.Advance(TimeSpan.FromSeconds(9.999));
        Assert.Equal(1, _bench.Count);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(UnstageReason.Expired, (await events.Next()).Reason);
    }
}
