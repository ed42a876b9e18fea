using System.Text.Json;
using Microsoft.Extensions.Time.Testing;

namespace Ssb.Conn.Staging.Tests.Contract;

/// <summary>The contract of the original, row by row.</summary>
public sealed class ContractTests : IDisposable
{
    private readonly FakeTimeProvider _clock = Given.Clock();
    private readonly ConnStaging _bench;

    public ContractTests() => _bench = new ConnStaging(new StagingOptions { TimeProvider = _clock });

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void Stage_New_IsTrueAndStampsBothTimes()
    {
        Assert.True(_bench.Stage(Given.Address(1), Given.OfType("lan")));
        StagedPeer peer = _bench.Get(Given.Address(1))!;
        Assert.Equal(Given.Start, peer.StagingBirth);
        Assert.Equal(Given.Start, peer.StagingUpdated);
        Assert.Equal("lan", peer.Type);
        Assert.Equal(1, _bench.Count);
    }

    [Fact]
    public void Stage_Again_IsFalseAndStampsUpdatedOnly()
    {
        _bench.Stage(Given.Address(1));
        _clock.Advance(TimeSpan.FromMilliseconds(1_500));
        Assert.False(_bench.Stage(Given.Address(1)));
        Assert.Equal(Given.Start, _bench.Get(Given.Address(1))!.StagingBirth);
        Assert.Equal(Given.Start.AddMilliseconds(1_500), _bench.Get(Given.Address(1))!.StagingUpdated);
        Assert.Equal(1, _bench.Count);
    }

    [Fact]
    public void Stage_Again_FieldsGivenReplaceAndOthersStay()
    {
        _bench.Stage(Given.Anonymous(1), PeerData.Parse("""{"type":"lan","key":"@a","name":"ann","list":{"a":1,"b":2},"n":1}"""));
        _bench.Stage(Given.Anonymous(1), PeerData.Parse("""{"type":"pub","list":{"b":3},"more":null}"""));
        PeerData expected = PeerData.Parse("""{"type":"pub","key":"@a","name":"ann","list":{"b":3},"n":1,"more":null}""");
        Assert.Equal(expected, _bench.Get(Given.Anonymous(1))!.Data);
    }

    [Fact]
    public void Stage_AgainWithAnEqualValueInOtherText_KeepsTheTextGivenLast()
    {
        _bench.Stage(Given.Anonymous(1), PeerData.Parse("""{"n":1000,"o":{"a":1,"b":2}}"""));
        _bench.Stage(Given.Anonymous(1), PeerData.Parse("""{"n":1e3,"o":{"b":2,"a":1}}"""));
        Assert.Equal("1e3", _bench.Get(Given.Anonymous(1))!.Data.Field("n").GetRawText());
        Assert.Equal("""{"b":2,"a":1}""", _bench.Get(Given.Anonymous(1))!.Data.Field("o").GetRawText());
    }

    [Fact]
    public void Stage_AgainWithoutData_KeepsAll()
    {
        PeerData data = PeerData.Parse("""{"type":"lan","name":"ann"}""");
        _bench.Stage(Given.Anonymous(1), data);
        _bench.Stage(Given.Anonymous(1));
        _bench.Stage(Given.Anonymous(1), PeerData.Empty);
        Assert.Equal(data, _bench.Get(Given.Anonymous(1))!.Data);
    }

    [Fact]
    public void Stage_ByTextAndByValue_IsTheSamePeer()
    {
        Assert.True(_bench.Stage(Given.Address(1)));
        Assert.False(_bench.Stage(MultiserverAddress.Parse(Given.Address(1))));
        Assert.Equal(new StageResult(StageOutcome.Updated), _bench.TryStage(Given.Address(1)));
        Assert.Equal(new StageResult(StageOutcome.Updated), _bench.TryStage(MultiserverAddress.Parse(Given.Address(1))));
        Assert.True(_bench.Unstage(MultiserverAddress.Parse(Given.Address(1))));
        Assert.Equal(new StageResult(StageOutcome.Inserted), _bench.TryStage(MultiserverAddress.Parse(Given.Address(1))));
        Assert.NotNull(_bench.Get(MultiserverAddress.Parse(Given.Address(1))));
    }

    [Fact]
    public void Unstage_Staged_IsTrueOnce()
    {
        _bench.Stage(Given.Address(1));
        Assert.True(_bench.Unstage(Given.Address(1)));
        Assert.False(_bench.Unstage(Given.Address(1)));
        Assert.Null(_bench.Get(Given.Address(1)));
        Assert.Equal(0, _bench.Count);
    }

    [Fact]
    public void Get_NotStaged_IsNull()
    {
        Assert.Null(_bench.Get(Given.Address(1)));
        Assert.Null(_bench.Get(MultiserverAddress.Parse(Given.Address(1))));
    }

    [Fact]
    public void Stage_AfterUnstage_IsBornAnewAndForgetsItsData()
    {
        _bench.Stage(Given.Anonymous(1), PeerData.Parse("""{"name":"ann"}"""));
        _bench.Unstage(Given.Anonymous(1));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_bench.Stage(Given.Anonymous(1)));
        Assert.Empty(_bench.Get(Given.Anonymous(1))!.Data.Fields);
        Assert.Equal(Given.Start.AddSeconds(1), _bench.Get(Given.Anonymous(1))!.StagingBirth);
    }

    [Fact]
    public void Entries_ComeInOrderOfStaging_WhateverIsUpdatedOrRemoved()
    {
        for (int i = 0; i < 600; i++)
            _bench.Stage(Given.Anonymous(i));
        for (int i = 0; i < 600; i += 3)
            _bench.Stage(Given.Anonymous(i), Given.OfType("pub"));
        for (int i = 0; i < 600; i++)
        {
            if (i % 5 != 0)
                _bench.Unstage(Given.Anonymous(i));
        }

        _bench.Stage(Given.Anonymous(7));
        Assert.Equal(Enumerable.Range(0, 120).Select(i => Given.Anonymous(i * 5)).Append(Given.Anonymous(7)), _bench.Entries().Texts());
        Assert.Equal(121, _bench.Entries().Count);
    }

    [Fact]
    public void Entries_Unchanged_AreTheSameSnapshot()
    {
        _bench.Stage(Given.Address(1));
        Assert.Same(_bench.Entries(), _bench.Entries());
    }

    [Fact]
    public async Task Listen_TellsStagedAndUnstagedAndNoUpdate()
    {
        await using Reading<StagingEvent> events = _bench.Listen().Read();
        _bench.Stage(Given.Address(1));
        _bench.Stage(Given.Address(1), Given.OfType("pub"));
        _bench.Unstage(Given.Address(1));
        StagingEvent staged = await events.Next(), unstaged = await events.Next();
        Assert.Equal((StagingEventType.Staged, Given.Address(1), null), (staged.Type, staged.Address!.Text, staged.Reason));
        Assert.Equal((StagingEventType.Unstaged, Given.Address(1), UnstageReason.Requested), (unstaged.Type, unstaged.Address!.Text, unstaged.Reason));
        Assert.Null(staged.Peer!.Type);
        Assert.Equal("pub", unstaged.Peer!.Type);
        Assert.Equal($$"""{"type":"staged","address":"{{Given.Address(1)}}"}""", JsonSerializer.Serialize(staged, StagingJsonContext.Default.StagingEvent));
        Assert.Equal(
            $$"""{"type":"unstaged","address":"{{Given.Address(1)}}","reason":"requested"}""",
            JsonSerializer.Serialize(unstaged, JsonSerializerOptions.Default));
    }

    [Fact]
    public async Task Close_EndsTheStreamsAndAnnouncesNothing()
    {
        _bench.Stage(Given.Address(1));
        await using Reading<StagingEvent> events = _bench.Listen().Read();
        await using Reading<StagingSnapshot> live = _bench.LiveEntries().Read();
        await using Reading<StagingChange> changes = _bench.Changes().Read();
        await live.Next();
        await changes.Next();
        _bench.Close();
        await events.Ends();
        await live.Ends();
        await changes.Ends();
        Assert.True(_bench.IsClosed);
    }
}
