using Ssb.Conn.Staging.Tests;

namespace Ssb.Conn.Tests.Db;

public class StreamTests
{
    private static PeerData Failure(int n) => PeerData.Empty.With("failure", n);

    [Fact]
    public async Task Listen_EveryChange_ComesInOrder_WithThePeerAsItWas()
    {
        await using ConnDb db = ConnDb.InMemory();
        db.Set(Given.Address(9)); // before
        await using Reading<DbEvent> events = db.Listen().Read();
        db.Set(Given.Address(1), Failure(1));
        db.Set(Given.Address(1), Failure(2));
        db.Replace(Given.Address(2), Failure(3));
        db.Replace(Given.Address(2), Failure(4));
        db.Update(Given.Address(1), Failure(5));
        db.Update(Given.Address(1), data => data.With("failure", data.Failure + 1));
        db.Delete(Given.Address(2));
        db.Update(Given.Address(3), Failure(7)); // these change nothing
        db.Delete(Given.Address(3));
        await db.CloseAsync();
        Assert.Equal(
            [
                (DbEventType.Insert, 1, 1), (DbEventType.Update, 1, 2), (DbEventType.Insert, 2, 3), (DbEventType.Update, 2, 4),
                (DbEventType.Update, 1, 5), (DbEventType.Update, 1, 6), (DbEventType.Delete, 2, 4),
            ],
            (await events.Rest()).Select(e => (e.Type, e.Address == Given.Address(1) ? 1 : 2, e.Peer!.Data.Failure)));
    }

    [Fact]
    public async Task Listen_CountsFromTheCall_AndNotFromTheFirstRead()
    {
        await using ConnDb db = ConnDb.InMemory();
        IAsyncEnumerable<DbEvent> stream = db.Listen();
        db.Set(Given.Address(1));
        await using Reading<DbEvent> events = stream.Read();
        Assert.Equal(DbEventType.Insert, (await events.Next()).Type);
        Task<bool> waiting = events.Wait();
        db.Delete(Given.Address(1));
        Assert.True(await waiting.Guarded());
        Assert.Equal(DbEventType.Delete, events.Current.Type);
    }

    [Fact]
    public async Task Listen_ReaderThatLags_IsToldHowManyItMissed_OthersAreNot()
    {
        await using ConnDb db = ConnDb.InMemory(new ConnDbOptions { ChangeBuffer = 4 });
        await using Reading<DbEvent> slow = db.Listen().Read(), quick = db.Listen().Read();
        for (int i = 0; i < 10; i++)
        {
            db.Set(Given.Address(1), Failure(i));
            Assert.Equal(i, (await quick.Next()).Peer!.Data.Failure);
        }

        DbEvent missed = await slow.Next();
        Assert.Equal((DbEventType.Missed, null, null, 6), (missed.Type, missed.Peer, missed.Address, missed.Missed));
        Assert.Equal([6, 7, 8, 9], (await slow.Next(4)).Select(e => e.Peer!.Data.Failure));
    }

    [Fact]
    public async Task Listen_Cancelled_Throws_AndChangesGoOn()
    {
        await using ConnDb db = ConnDb.InMemory();
        using var source = new CancellationTokenSource();
        await using Reading<DbEvent> events = db.Listen(source.Token).Read();
        Task<bool> waiting = events.Wait();
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.Guarded());
        Assert.True(db.Set(Given.Address(1)));
    }

    [Fact]
    public async Task Listen_EnumeratedTwice_Throws()
    {
        await using ConnDb db = ConnDb.InMemory();
        IAsyncEnumerable<DbEvent> stream = db.Listen();
        await using Reading<DbEvent> first = stream.Read();
        Assert.Throws<InvalidOperationException>(() => stream.Read());
    }

    [Fact]
    public async Task Dispose_ReadersThatWait_End()
    {
        ConnDb db = ConnDb.InMemory();
        await using Reading<DbEvent> events = db.Listen().Read();
        await using Reading<IReadOnlyList<DbPeer>> states = db.LiveEntries().Read();
        await states.Next();
        Task<bool> waitingForEvents = events.Wait(), waitingForStates = states.Wait();
        await db.CloseAsync();
        Assert.False(await waitingForEvents.Guarded());
        Assert.False(await waitingForStates.Guarded());
    }

    [Fact]
    public async Task LiveEntries_NowAndAfterEachChange_SkipsToTheNewest()
    {
        await using ConnDb db = ConnDb.InMemory();
        db.Set(Given.Address(1));
        await using Reading<IReadOnlyList<DbPeer>> states = db.LiveEntries().Read();
        Assert.Equal([Given.Address(1)], (await states.Next()).Select(p => p.Address));
        Task<bool> waiting = states.Wait();
        db.Set(Given.Address(2));
        Assert.True(await waiting.Guarded());
        for (int i = 3; i < 10; i++)
            db.Set(Given.Address(i));
        db.Delete(Given.Address(2));
        IReadOnlyList<DbPeer> newest = await states.Next();
        Assert.Equal(db.Entries(), newest);
        Assert.Equal(8, newest.Count);
        Task<bool> idle = states.Wait(); // there is no other
        await db.CloseAsync();
        Assert.False(await idle.Guarded());
    }

    [Fact]
    public async Task Entries_AsTheyWere_DoNotChange()
    {
        await using ConnDb db = ConnDb.InMemory();
        db.Set(Given.Address(1), Failure(1));
        IReadOnlyList<DbPeer> before = db.Entries();
        db.Set(Given.Address(1), Failure(2));
        db.Set(Given.Address(2));
        Assert.Equal([1], before.Select(p => p.Data.Failure));
        Assert.Equal([2, 0], db.Entries().Select(p => p.Data.Failure));
        Assert.IsNotType<DbPeer[]>(db.Entries()); // which a caller could write to
    }
}
