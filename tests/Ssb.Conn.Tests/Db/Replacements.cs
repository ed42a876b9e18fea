namespace Ssb.Conn.Tests.Db;

/// <summary>Counts how often <c>conn.json</c> was replaced in a folder.</summary>
internal sealed class Replacements : IDisposable
{
    private readonly FileSystemWatcher _watcher;
    private readonly string _end;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _count;

    public Replacements(DbFolder folder)
    {
        _end = folder.In("the-end");
        _watcher = new FileSystemWatcher(folder.Path) { NotifyFilter = NotifyFilters.FileName };
        _watcher.Renamed += (_, e) =>
        {
            if (e.Name == "conn.json")
                Interlocked.Increment(ref _count);
        };
        _watcher.Created += (_, e) =>
        {
            if (e.FullPath == _end)
                _ended.TrySetResult();
        };
        _watcher.EnableRaisingEvents = true;
    }

    public int SoFar => Volatile.Read(ref _count);

    /// <summary>The count of all that was done before this call: the system tells in order.</summary>
    public async Task<int> CountAsync()
    {
        await File.WriteAllTextAsync(_end, "");
        await Staging.Tests.Guards.Guarded(_ended.Task);
        return SoFar;
    }

    public void Dispose() => _watcher.Dispose();
}
