using System.Text.Json;
using Ssb.Conn.Staging.Tests;

namespace Ssb.Conn.Tests.Db;

public class ThreadsTests
{
    [Fact]
    public async Task Update_OfManyThreads_LosesNone()
    {
        await using ConnDb db = ConnDb.InMemory();
        MultiserverAddress address = Given.Address(1);
        db.Set(address, PeerData.Empty.With("failure", 0));
        await Together(4, _ =>
        {
            for (int i = 0; i < 2_000; i++)
                Assert.True(db.Update(address, data => data.With("failure", data.Failure + 1)));
        });
        Assert.Equal(8_000, db.Get(address)!.Failure);
    }

    [Fact]
    public async Task Update_PeerThatGoesMeanwhile_IsFalse()
    {
        await using ConnDb db = ConnDb.InMemory();
        db.Set(Given.Address(1));
        int calls = 0;
        Assert.False(db.Update(Given.Address(1), data =>
        {
            calls++;
            db.Delete(Given.Address(1));
            return data;
        }));
        Assert.Equal((1, 0), (calls, db.Count));
    }

    [Fact]
    public async Task Update_PeerThatChangesMeanwhile_IsCalledAgainWithIt()
    {
        await using ConnDb db = ConnDb.InMemory();
        db.Set(Given.Address(1));
        var seen = new List<int>();
        Assert.True(db.Update(Given.Address(1), data =>
        {
            seen.Add(data.Failure);
            if (data.Failure < 2)
                db.Set(Given.Address(1), PeerData.Empty.With("failure", data.Failure + 1));
            return data.With("note", "done");
        }));
        Assert.Equal([0, 1, 2], seen);
        Assert.Equal((2, true), (db.Get(Given.Address(1))!.Failure, db.Get(Given.Address(1))!.TryGet("note", out _)));
    }

    [Fact]
    public async Task Changes_OfManyThreads_WhileItIsWritten_EachFileIsAMoment()
    {
        // Each thread counts up in its peers one after the other, so at any moment they stand at n or n + 1, in this order.
        const int Threads = 4, Peers = 5, Counts = 60;
        using var folder = new DbFolder();
        ConnDb db = await ConnDb.OpenAsync(folder.Path, new ConnDbOptions { WriteDelay = TimeSpan.Zero });
        for (int p = 0; p < Threads * Peers; p++)
            db.Set(Given.Address(p), PeerData.Empty.With("failure", 0));
        using var stop = new CancellationTokenSource();
        Task<int> reading = Task.Run(() => ReadUntil(folder, Threads, Peers, stop.Token));
        await Together(Threads, t =>
        {
            for (int n = 1; n <= Counts; n++)
            {
                for (int p = 0; p < Peers; p++)
                    db.Set(Given.Address((t * Peers) + p), PeerData.Empty.With("failure", n));
                db.Set(Given.Address(1_000 + t)); // comes and goes
                db.Delete(Given.Address(1_000 + t));
                db.FlushAsync().GetAwaiter().GetResult();
            }
        });
        await stop.CancelAsync();
        Assert.True(await reading.Guarded() > 0);
        await db.CloseAsync();
        Assert.Null(db.LastWriteError);
        Assert.All(Read(folder), e => Assert.Equal(Counts, e.Value));
        Assert.Equal(Threads * Peers, Read(folder).Count);
    }

    [Fact]
    public async Task Dispose_WhileOthersChangeIt_WritesWhatTheyWereToldIsDone()
    {
        for (int round = 0; round < 20; round++)
        {
            using var folder = new DbFolder();
            ConnDb db = await folder.OpenAsync();
            int done = 0;
            using var started = new ManualResetEventSlim();
            Task changing = Task.Run(() =>
            {
                try
                {
                    while (true)
                    {
                        db.Set(Given.Address(1), PeerData.Empty.With("failure", done + 1));
                        done++;
                        if (done == 10)
                            started.Set();
                    }
                }
                catch (ObjectDisposedException)
                {
                    // as it should be
                }
            });
            started.Wait(TestContext.Current.CancellationToken);
            await db.CloseAsync();
            await changing.Guarded();
            Assert.Equal(done, Read(folder)[Given.Address(1).Text]);
        }
    }

    private static int ReadUntil(DbFolder folder, int threads, int peers, CancellationToken stop)
    {
        int read = 0;
        while (!stop.IsCancellationRequested)
        {
            if (OperatingSystem.IsWindows())
                stop.WaitHandle.WaitOne(20); // there a file that is read cannot be replaced, and this reads without end
            Dictionary<string, int> file = Read(folder);
            if (file.Count < threads * peers)
                continue; // before all were there
            read++;
            for (int t = 0; t < threads; t++)
            {
                int[] counts = [.. Enumerable.Range(t * peers, peers).Select(p => file[Given.Address(p).Text])];
                Assert.Equal(counts.OrderDescending(), counts);
                Assert.InRange(counts[0] - counts[^1], 0, 1);
            }
        }

        return read;
    }

    private static Dictionary<string, int> Read(DbFolder folder) =>
        JsonElement.Parse(folder.Read()).EnumerateObject()
            .ToDictionary(e => e.Name, e => e.Value.TryGetProperty("failure", out JsonElement failure) ? failure.GetInt32() : 0);

    private static Task Together(int threads, Action<int> run)
    {
        var start = new Barrier(threads);
        return Task.WhenAll(Enumerable.Range(0, threads).Select(t => Task.Factory.StartNew(
            () =>
            {
                start.SignalAndWait();
                run(t);
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))).Guarded();
    }
}
