using System.Text.Json;
using Ssb.Conn.Staging.Tests;

namespace Ssb.Conn.Tests.Db;

/// <summary>When the file is written, and what becomes of writes that fail. How often is counted from outside and at the end, when none can
/// be under way.</summary>
public sealed class WritingTests : IDisposable
{
    private static readonly MultiserverAddress s_peer = Given.Address(1);

    private readonly DbFolder _folder = new("{}");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Change_ThenNothing_IsWrittenAfterTheDelay()
    {
        await using ConnDb db = await _folder.OpenAsync();
        Set(db, 1);
        Assert.Equal("{}", _folder.Text);
        _folder.Clock.Advance(TimeSpan.FromSeconds(1));
        Guards.Until(() => InFile() == 1);
    }

    [Fact]
    public async Task Changes_ShortlyAfterEachOther_AreWrittenOnce()
    {
        using var replacements = new Replacements(_folder);
        await using (ConnDb db = await _folder.OpenAsync())
        {
            for (int i = 1; i <= 10; i++)
            {
                Set(db, i);
                _folder.Clock.Advance(TimeSpan.FromMilliseconds(900));
            }

            _folder.Clock.Advance(TimeSpan.FromMilliseconds(100));
            Guards.Until(() => InFile() == 10);
        }

        Assert.Equal(1, await replacements.CountAsync());
    }

    [Fact]
    public async Task Changes_WithoutEnd_AreWrittenAfterTheLongestDelay()
    {
        using var replacements = new Replacements(_folder);
        await using (ConnDb db = await _folder.OpenAsync())
        {
            for (int i = 1; i <= 80; i++) // each half a second, from 0 s to 39.5 s
            {
                Set(db, i);
                if (i % 20 == 1 && i > 1)
                    Guards.Until(() => InFile() >= i - 1); // written 10 s after the first change that was not
                _folder.Clock.Advance(TimeSpan.FromMilliseconds(500));
            }
        }

        Assert.InRange(await replacements.CountAsync(), 4, 5); // each 10 s, and perhaps what came in between at the end
    }

    [Fact]
    public async Task Changes_WithADelayOfZero_AreWrittenAtOnce()
    {
        await using ConnDb db = await _folder.OpenAsync(_folder.Options with { WriteDelay = TimeSpan.Zero });
        Set(db, 1);
        _folder.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Guards.Until(() => InFile() == 1);
        Set(db, 2);
        _folder.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Guards.Until(() => InFile() == 2);
    }

    [Fact]
    public async Task Dispose_ChangeNotWritten_WritesIt()
    {
        using var replacements = new Replacements(_folder);
        ConnDb db = await _folder.OpenAsync();
        Set(db, 7);
        await db.CloseAsync();
        Assert.Equal(7, InFile());
        _folder.Clock.Advance(TimeSpan.FromMinutes(1)); // no timer is left that would write again
        Assert.Equal(1, await replacements.CountAsync());
    }

    [Fact]
    public async Task NothingChanged_NothingIsWritten()
    {
        using var replacements = new Replacements(_folder);
        await using (ConnDb db = await _folder.OpenAsync())
        {
            Assert.False(db.Delete(s_peer));
            Assert.False(db.Update(s_peer, PeerData.Empty));
            Assert.Throws<FormatException>(() => db.Set("", PeerData.Empty));
            Assert.Null(db.GetAddress(Given.FeedId(1)));
            await db.FlushAsync();
            _folder.Clock.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Equal(0, await replacements.CountAsync());
    }

    [Fact]
    public async Task Flush_ChangeNotWritten_WritesItOnce()
    {
        using var replacements = new Replacements(_folder);
        await using (ConnDb db = await _folder.OpenAsync())
        {
            Set(db, 3);
            await db.FlushAsync().Guarded();
            Assert.Equal(3, InFile());
            _folder.Clock.Advance(TimeSpan.FromMinutes(1));
            await db.FlushAsync().Guarded();
        }

        Assert.Equal(1, await replacements.CountAsync());
    }

    [Fact]
    public async Task Flush_ManyAtOnce_WriteOneAfterTheOther_EachTheNewest()
    {
        await using ConnDb db = await _folder.OpenAsync(_folder.Options with { WriteDelay = TimeSpan.Zero });
        await Task.WhenAll(Enumerable.Range(0, 8).Select(t => Task.Run(async () =>
        {
            for (int i = 0; i < 20; i++)
            {
                db.Set(Given.Address(t), PeerData.Empty.With("failure", i));
                await db.FlushAsync();
                Assert.True(FailuresInFile()[Given.Address(t).Text] >= i);
            }
        }))).Guarded();
        Assert.Null(db.LastWriteError);
        Assert.Equal(Enumerable.Repeat(19, 8), FailuresInFile().Values);
    }

    [Fact]
    public async Task Flush_Cancelled_LosesNothing()
    {
        await using ConnDb db = await _folder.OpenAsync();
        Set(db, 4);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => db.FlushAsync(new CancellationToken(canceled: true)));
        await db.FlushAsync().Guarded();
        Assert.Equal(4, InFile());
    }

    [Fact]
    public async Task Write_Fails_LosesNothing_AndTriesAgain()
    {
        var log = new LogLines();
        await using ConnDb db = await _folder.OpenAsync(_folder.Options with { Logger = log });
        Set(db, 1);
        await db.FlushAsync().Guarded();
        string before = _folder.Text;

        Directory.CreateDirectory(_folder.In("conn.json~"));
        Set(db, 2);
        IOException error = await Assert.ThrowsAsync<IOException>(() => db.FlushAsync()).Guarded();
        Assert.Same(error, db.LastWriteError);
        Assert.Equal(before, _folder.Text);
        Assert.Equal(2, db.Get(s_peer)!.Failure);

        _folder.Clock.Advance(TimeSpan.FromSeconds(1)); // by itself now
        Guards.Until(() => log.Count == 1);
        Assert.Equal(before, _folder.Text);
        Directory.Delete(_folder.In("conn.json~"));
        Set(db, 3); // work goes on
        _folder.Clock.Advance(TimeSpan.FromSeconds(10));
        Guards.Until(() => InFile() == 3);
        Guards.Until(() => db.LastWriteError is null);
    }

    [Fact]
    public async Task Write_PlaceIsTaken_SaysSo_AndTheNextWriteSucceeds()
    {
        await using ConnDb db = await _folder.OpenAsync();
        Directory.CreateDirectory(_folder.In("conn.json~"));
        Set(db, 1);
        IOException error = await Assert.ThrowsAsync<IOException>(() => db.FlushAsync()).Guarded();
        Assert.Same(error, db.LastWriteError);
        Assert.Contains("conn.json~", error.Message, StringComparison.Ordinal);
        Directory.Delete(_folder.In("conn.json~"));
        await db.FlushAsync().Guarded();
        Assert.Null(db.LastWriteError);
        Assert.Equal(1, InFile());
    }

    [Fact]
    public async Task Write_FailsForAWhile_IsOneLineAtItsBeginAndOneAtItsEnd()
    {
        var log = new LogLines();
        await using ConnDb db = await _folder.OpenAsync(_folder.Options with { Logger = log });
        for (int time = 1; time <= 2; time++)
        {
            Directory.CreateDirectory(_folder.In("conn.json~"));
            Set(db, time);
            for (int i = 0; i < 5; i++)
            {
                Exception? before = db.LastWriteError;
                Guards.Until(() =>
                {
                    _folder.Clock.Advance(TimeSpan.FromSeconds(10));
                    return db.LastWriteError is { } error && error != before;
                });
            }

            Directory.Delete(_folder.In("conn.json~"));
            Guards.Until(() =>
            {
                _folder.Clock.Advance(TimeSpan.FromSeconds(10));
                return db.LastWriteError is null && log.Count >= 2 * time;
            });
        }

        Assert.Equal(["Error", "Information", "Error", "Information"], log.All.Select(line => line.Split(':')[0]));
        Assert.EndsWith("could be written again.", log.All.Last(), StringComparison.Ordinal);
    }

    [Fact] // a change that came during the write had its timer, and the failure was not told
    public async Task Write_FailsWhileChangesGoOn_IsTold()
    {
        var log = new LogLines();
        Directory.CreateDirectory(_folder.In("conn.json~"));
        ConnDb db = await _folder.OpenAsync(_folder.Options with { Logger = log });
        Set(db, 1);
        _folder.Clock.Advance(TimeSpan.FromSeconds(1));
        Set(db, 2); // most likely before the write that was just begun has failed
        Guards.Until(() => log.Count == 1);
        Assert.StartsWith("Error: ", log.All.Single(), StringComparison.Ordinal);

        Directory.Delete(_folder.In("conn.json~"));
        await db.CloseAsync();
        Assert.Equal(2, InFile());
    }

    [Fact]
    public async Task Dispose_WriteFails_Throws_AndIsClosedAllTheSame()
    {
        ConnDb db = await _folder.OpenAsync();
        Directory.CreateDirectory(_folder.In("conn.json~"));
        Set(db, 1);
        await Assert.ThrowsAsync<IOException>(db.CloseAsync);
        Directory.Delete(_folder.In("conn.json~"));
        await using ConnDb next = await _folder.OpenAsync(); // the lock is free
        Assert.Equal(0, next.Count);
    }

    [Fact]
    public async Task Write_LeftOverOfAKilledProcess_IsWrittenOver()
    {
        await File.WriteAllTextAsync(_folder.In("conn.json~"), new string('x', 100_000));
        await using ConnDb db = await _folder.OpenAsync();
        Set(db, 1);
        await db.FlushAsync().Guarded();
        Assert.Equal(1, InFile());
        Assert.False(File.Exists(_folder.In("conn.json~")));
    }

    [Fact]
    public async Task InMemory_IsWrittenNowhere()
    {
        string[] before = Directory.GetFiles(Directory.GetCurrentDirectory(), "conn.*");
        ConnDb db = ConnDb.InMemory(_folder.Options);
        Set(db, 1);
        _folder.Clock.Advance(TimeSpan.FromMinutes(1));
        await db.FlushAsync();
        Assert.Equal(1, db.Get(s_peer)!.Failure);
        await db.CloseAsync();
        Assert.Throws<ObjectDisposedException>(() => db.Get(s_peer));
        Assert.Equal(before, Directory.GetFiles(Directory.GetCurrentDirectory(), "conn.*"));
    }

    private static void Set(ConnDb db, int failure) => db.Set(s_peer, PeerData.Parse($"{{\"failure\":{failure}}}"));

    // A file that is being replaced is the old or the new one at any moment.
    private int InFile() => FailuresInFile().GetValueOrDefault(s_peer.Text);

    private Dictionary<string, int> FailuresInFile() =>
        JsonElement.Parse(_folder.Read()).EnumerateObject().ToDictionary(e => e.Name, e => e.Value.GetProperty("failure").GetInt32());
}
