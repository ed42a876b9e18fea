using System.Text.RegularExpressions;
using Microsoft.Extensions.Time.Testing;

namespace Ssb.Conn.Staging.Tests.Model;

/// <summary>The product and the reference, taken through the same steps and compared after each.</summary>
internal sealed class BothBenches : IDisposable
{
    private readonly FakeTimeProvider _clock = Given.Clock();
    private readonly ConnStaging _bench;
    private readonly ReferenceBench _reference;
    private readonly IAsyncEnumerator<StagingEvent> _events;
    private readonly IAsyncEnumerator<StagingChange> _changes;
    private readonly IAsyncEnumerator<StagingSnapshot> _live;
    private readonly List<string> _folded = []; // the feed of changes over its snapshot
    private int _told; // how many changes of the reference the streams have been asked for

    public BothBenches(StagingOptions options)
    {
        _bench = new ConnStaging(options with { TimeProvider = _clock });
        _reference = new ReferenceBench(options);
        _events = _bench.Listen().GetAsyncEnumerator();
        _changes = _bench.Changes().GetAsyncEnumerator();
        _live = _bench.LiveEntries().GetAsyncEnumerator();
        Assert.Empty(Read(_live));
        Assert.Equal(0, Assert.IsType<StagingChange.Snapshot>(Read(_changes)).Sequence);
    }

    public void Do(Step step)
    {
        switch (step.Call)
        {
            case Call.Stage:
                Stage(step, step.Peer);
                break;
            case Call.StageMany:
                for (int i = 0; i < step.Amount; i++)
                    Stage(step, (step.Peer + i) % 700);
                break;
            case Call.Unstage:
                Assert.Equal(_reference.Unstage(Address(step.Peer), step.Reason), _bench.Unstage(Address(step.Peer), step.Reason));
                break;
            case Call.UnstageMany:
                for (int i = 0; i < step.Amount; i++)
                    Assert.Equal(_reference.Unstage(Address((step.Peer + i) % 700), step.Reason), _bench.Unstage(Address((step.Peer + i) % 700), step.Reason));
                break;
            case Call.Pin:
                Assert.Equal(_reference.SetPin(Address(step.Peer), true), _bench.Pin(Address(step.Peer)));
                break;
            case Call.Unpin:
                Assert.Equal(_reference.SetPin(Address(step.Peer), false), _bench.Unpin(Address(step.Peer)));
                break;
            case Call.Advance:
                _reference.Advance(TimeSpan.FromMilliseconds(step.Amount));
                _clock.Advance(TimeSpan.FromMilliseconds(step.Amount));
                break;
            case Call.Get:
                Assert.Equal(_reference.Get(Address(step.Peer))?.ToString(), _bench.Get(Address(step.Peer)) is { } peer ? Entry.Describe(peer) : null);
                break;
            case Call.RoutesTo:
                Assert.Equal(_reference.RoutesTo(step.Peer % 3).Select(e => e.ToString()), _bench.RoutesTo(Given.Id(step.Peer % 3)).Select(Entry.Describe));
                break;
        }
    }

    public void AssertSame()
    {
        List<string> expected = [.. _reference.Entries.Select(e => e.ToString())];
        Assert.Equal(expected, _bench.Entries().Select(Entry.Describe));
        Assert.Equal(expected.Count, _bench.Count);
        List<(string What, string Peer, UnstageReason? Why)> news = _reference.Changes[_told..];
        if (news.Count == 0)
            return;
        AssertEvents([.. news.Where(c => c.What != "updated")]);
        AssertChanges(news);
        Assert.Equal(expected.Select(Timeless), _folded);
        StagingSnapshot live = Read(_live);
        Assert.Equal(expected, live.Select(Entry.Describe));
        Assert.Equal(_reference.Changes.Count, live.Sequence);
        _told = _reference.Changes.Count;
    }

    public void CloseAndAssertEnd()
    {
        _bench.Close();
        Assert.False(_events.MoveNextAsync().Result());
        Assert.False(_changes.MoveNextAsync().Result());
        Assert.False(_live.MoveNextAsync().Result());
        Assert.Throws<ObjectDisposedException>(() => _bench.Entries());
        foreach (IAsyncDisposable stream in new IAsyncDisposable[] { _events, _changes, _live })
            Assert.True(stream.DisposeAsync().AsTask().IsCompletedSuccessfully);
        Assert.Equal(0, _bench.Subscribers);
    }

    public void Dispose() => _bench.Dispose();

    private void Stage(Step step, int peer)
    {
        StageResult? result = null;
        try
        {
            result = _bench.TryStage(Address(peer), step.Told.ToData(), step.Source);
        }
        catch (ArgumentException)
        {
            // The reference says so too.
        }

        Assert.Equal(_reference.Stage(Address(peer), KeyIn(peer), step.Told, step.Source, c => c.First(e => _bench.Get(e.Address) is null)), result);
    }

    private void AssertEvents(List<(string What, string Peer, UnstageReason? Why)> expected)
    {
        var told = new List<(string What, string Peer, UnstageReason? Why)>();
        foreach ((string _, string _, UnstageReason? _) in expected)
        {
            StagingEvent e = Read(_events);
            Assert.NotEqual(StagingEventType.Missed, e.Type);
            told.Add((e.Type == StagingEventType.Staged ? "inserted" : "removed", Entry.Describe(e.Peer!), e.Reason));
        }

        Assert.Equal(InOneOrder(expected), InOneOrder(told));
    }

    private void AssertChanges(List<(string What, string Peer, UnstageReason? Why)> expected)
    {
        var told = new List<(string What, string Peer, UnstageReason? Why)>();
        foreach ((string _, string _, UnstageReason? _) in expected)
        {
            StagingChange change = Read(_changes);
            Assert.Equal(_told + told.Count + 1, change.Sequence);
            switch (change)
            {
                case StagingChange.Inserted inserted:
                    _folded.Add(Timeless(Entry.Describe(inserted.Peer)));
                    told.Add(("inserted", Entry.Describe(inserted.Peer), null));
                    break;
                case StagingChange.Updated updated:
                    int at = _folded.IndexOf(Timeless(Entry.Describe(updated.Previous)));
                    Assert.True(at >= 0, "What was before an update is there.");
                    _folded[at] = Timeless(Entry.Describe(updated.Peer));
                    told.Add(("updated", Entry.Describe(updated.Peer), null));
                    break;
                case StagingChange.Removed removed:
                    Assert.True(_folded.Remove(Timeless(Entry.Describe(removed.Peer))), "What is removed is there.");
                    told.Add(("removed", Entry.Describe(removed.Peer), removed.Reason));
                    break;
                default:
                    Assert.Fail("Nobody lagged.");
                    break;
            }
        }

        Assert.Equal(InOneOrder(expected), InOneOrder(told));
    }

    // That a peer was told of again, with nothing new, is no change.
    private static string Timeless(string entry) => Regex.Replace(entry, " updated [0-9]+", "", RegexOptions.NonBacktracking);

    // Peers of different types that are due at the same step may leave in any order: the specification sets none.
    private static IEnumerable<(string, string, UnstageReason?)> InOneOrder(List<(string What, string Peer, UnstageReason? Why)> changes)
    {
        int group = 0;
        bool wasExpiry = false;
        return changes
            .Select(c =>
            {
                bool isExpiry = c.Why == UnstageReason.Expired;
                group += isExpiry && wasExpiry ? 0 : 1;
                wasExpiry = isExpiry;
                return (Group: group, Change: c);
            })
            .ToList()
            .OrderBy(c => c.Group)
            .ThenBy(c => c.Change.Why == UnstageReason.Expired && c.Change.Peer.Contains("type bt", StringComparison.Ordinal))
            .Select(c => c.Change);
    }

    // What is there is read at once.
    private static T Read<T>(IAsyncEnumerator<T> stream)
    {
        Assert.True(stream.MoveNextAsync().Result(), "The stream goes on.");
        return stream.Current;
    }

    // Two in three name one of two keys, in two spellings.
    private static int? KeyIn(int peer) => peer % 3 == 2 ? null : peer % 3;

    private static string Address(int peer) => KeyIn(peer) is not { } key ? $"net:host{peer}:1"
        : $"net:host{peer}:1~shs:{(peer % 2 == 0 ? Given.Base64(key) : Given.Base64(key).TrimEnd('='))}";
}

internal static class ValueTasks
{
    /// <summary>The result of what is complete already.</summary>
    public static bool Result(this ValueTask<bool> task)
    {
        Assert.True(task.IsCompletedSuccessfully, "It is complete.");
#pragma warning disable CA1849 // it was seen to be complete
        return task.Result;
#pragma warning restore CA1849
    }
}
