// An address book in a process of its own, for tests that kill it, or that put it into a folder where writing fails.
//   Interop.DbWriter hold FOLDER         has it open until its input ends
//   Interop.DbWriter count FOLDER        counts up in all peers as fast as it can, and tells each number that was written
//   Interop.DbWriter full FOLDER         fills the disk that FOLDER is on, and makes room again
//   Interop.DbWriter read-only FOLDER    changes what cannot be written
// It tells what it saw on its output, a line each.
using System.Globalization;
using Ssb;
using Ssb.Conn;

string folder = args[1];
string file = Path.Combine(folder, "conn.json");
return await (args[0] switch
{
    "hold" => HoldAsync(),
    "count" => CountAsync(),
    "full" => FullAsync(),
    "read-only" => ReadOnlyAsync(),
    _ => throw new ArgumentException($"There is no '{args[0]}' to do."),
});

async Task<int> HoldAsync()
{
    try
    {
        await using ConnDb db = await ConnDb.OpenAsync(folder);
        Tell($"open {db.Count}");
        await Console.In.ReadToEndAsync();
        return 0;
    }
    catch (IOException e)
    {
        Tell($"error {e.Message}");
        return 1;
    }
}

async Task<int> CountAsync()
{
    // Written all the time, by the timer too, in the middle of a count.
    await using ConnDb db = await ConnDb.OpenAsync(folder, new ConnDbOptions { WriteDelay = TimeSpan.FromMilliseconds(1) });
    DbPeer[] peers = [.. db.Entries()];
    Tell($"open {db.Count} {db.DamagedFile ?? "whole"}");
    for (int n = peers.Max(p => p.Data.Failure) + 1; ; n++)
    {
        foreach (DbPeer peer in peers)
            db.Set(peer.Address, PeerData.Empty.With("failure", n));
        await db.FlushAsync();
        Tell($"written {n}."); // the dot: nothing of it is cut off
    }
}

async Task<int> FullAsync()
{
    var address = MultiserverAddress.Parse("net:a.example:8008~noauth");
    await using ConnDb db = await ConnDb.OpenAsync(folder);
    db.Set(address, PeerData.Empty.With("failure", 1).With("note", new string('x', 20_000)));
    await db.FlushAsync();
    string before = await File.ReadAllTextAsync(file);

    string filler = Path.Combine(folder, "filler");
    Fill(filler);
    db.Set(address, PeerData.Empty.With("failure", 2));
    Tell($"flush {await FlushAsync(db)}");
    Tell($"last {db.LastWriteError?.Message}");
    Tell($"file {(await File.ReadAllTextAsync(file) == before ? "same" : "other")}");
    Tell($"beside {File.Exists(file + "~")}");
    db.Update(address, data => data.With("failure", data.Failure + 1));
    Tell($"memory {db.Get(address)!.Failure}"); // it was set above

    File.Delete(filler);
    Tell($"flush {await FlushAsync(db)}");
    Tell($"last {db.LastWriteError?.Message}");
    Tell($"file {await File.ReadAllTextAsync(file) == before.Replace("\"failure\": 1", "\"failure\": 3", StringComparison.Ordinal)}");
    return 0;
}

async Task<int> ReadOnlyAsync()
{
    ConnDb db = await ConnDb.OpenAsync(folder), other = await ConnDb.OpenAsync(folder); // who cannot write needs no lock
    Tell($"open {db.Count} {other.Count}");
    await other.DisposeAsync();
    db.Set("net:new.example:8008~noauth");
    Tell($"flush {await FlushAsync(db)}");
    Tell($"last {db.LastWriteError?.Message}");
    Tell($"memory {db.Has("net:new.example:8008~noauth")}");
    try
    {
        await db.DisposeAsync();
        Tell("dispose done");
    }
    catch (IOException e)
    {
        Tell($"dispose {e.Message}");
    }

    return 0;
}

static async Task<string> FlushAsync(ConnDb db)
{
    try
    {
        await db.FlushAsync();
        return "done";
    }
    catch (IOException e)
    {
        return e.Message;
    }
}

static void Fill(string path)
{
    using var filler = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
    try
    {
        for (var block = new byte[4096]; ;)
            filler.Write(block);
    }
    catch (IOException)
    {
        // Full.
    }
}

// Each line at once: who reads it may kill this process then.
static void Tell(string line)
{
    Console.Out.WriteLine(line.ReplaceLineEndings(" ").ToString(CultureInfo.InvariantCulture));
    Console.Out.Flush();
}
