using System.Runtime.Versioning;

namespace Ssb.Conn.Tests.Db;

/// <summary>The files of a folder are for its user alone, and what other users can do with them changes nothing.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class OwnFilesTests : IDisposable
{
    private const int Nobody = 65534;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Readable = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private readonly DbFolder _folder = new("{}");

    public OwnFilesTests() => Assert.SkipWhen(OperatingSystem.IsWindows(), "Modes, pipes and locks of Unix are under test.");

    [Fact]
    public async Task Open_NewFolders_AreOursAlone_AndSoAreTheFiles()
    {
        File.SetUnixFileMode(_folder.Path, Readable | UnixFileMode.UserExecute | UnixFileMode.OtherExecute);
        UnixFileMode before = File.GetUnixFileMode(_folder.Path);
        string folder = _folder.In("a/b/c");
        await using (ConnPlugin conn = await OpenAsync(folder))
            conn.Block(Given.Peer(1));
        foreach (string made in (string[])["a", "a/b", "a/b/c"])
            Assert.Equal(OwnerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(_folder.In(made)));
        Assert.Equal(["conn-rules.json", "conn.json", "conn.lock"], Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.All(Directory.GetFiles(folder), file => Assert.Equal(OwnerOnly, File.GetUnixFileMode(file)));
        Assert.Equal(before, File.GetUnixFileMode(_folder.Path));
    }

    [Theory]
    [InlineData("conn.json", OwnerOnly), InlineData("conn.json", OwnerOnly | UnixFileMode.GroupRead), InlineData("conn.json", Readable)]
    [InlineData("conn-rules.json", OwnerOnly), InlineData("conn-rules.json", Readable)]
    public async Task Open_DamagedFile_TheCopyHasItsMode(string name, UnixFileMode mode)
    {
        await File.WriteAllTextAsync(_folder.In(name), "{\"net:a.example:8008~shs\": {\"key");
        File.SetUnixFileMode(_folder.In(name), mode);
        await (await OpenAsync(_folder.Path)).DisposeAsync();
        Assert.Equal(mode, File.GetUnixFileMode(_folder.In(name + ".damaged")));
        Assert.Equal(mode, File.GetUnixFileMode(_folder.In(name)));
    }

    [Theory]
    [InlineData("conn.json~"), InlineData("conn-rules.json~"), InlineData("conn.json.damaged"), InlineData("conn-rules.json.damaged"), InlineData("conn.lock.new")]
    public async Task Write_LinkInTheWay_IsNotFollowed(string name)
    {
        foreach (bool isThere in (bool[])[true, false])
        {
            string victim = _folder.In($"victim-{isThere}");
            if (isThere)
                await File.WriteAllTextAsync(victim, "mine");
            File.Delete(_folder.In(name));
            File.CreateSymbolicLink(_folder.In(name), victim);
            await File.WriteAllTextAsync(_folder.Conn, "{\"net:a.example:8008~shs\": {\"key");
            await File.WriteAllTextAsync(_folder.In("conn-rules.json"), "{");
            await using (ConnPlugin conn = await OpenAsync(_folder.Path))
            {
                conn.Block(Given.Peer(1));
                conn.Remember(Given.Address(1));
            }

            Assert.Contains($"{Given.FeedId(1)}", await File.ReadAllTextAsync(_folder.In("conn-rules.json")), StringComparison.Ordinal);
            Assert.Contains(Given.Address(1).Text, _folder.Text, StringComparison.Ordinal);
            Assert.Equal(isThere ? "mine" : null, File.Exists(victim) ? await File.ReadAllTextAsync(victim) : null);
        }
    }

    [Fact]
    public async Task Write_PipeInTheWay_IsReplaced()
    {
        Odd.Run("mkfifo", _folder.In("conn.json~"));
        await using (ConnDb db = await _folder.OpenAsync())
            db.Set(Given.Address(1));
        Assert.Contains(Given.Address(1).Text, _folder.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("conn.json", "pipe", "a named pipe"), InlineData("conn.json", "device", "a device"), InlineData("conn.json", "socket", "a socket"), InlineData("conn.json", "loop", "cannot be opened")]
    [InlineData("conn.lock", "pipe", "a named pipe"), InlineData("conn.lock", "folder", "a folder"), InlineData("conn.lock", "dangling", "a symbolic link"), InlineData("conn.lock", "socket", "a socket")]
    public async Task Open_SomethingElseThanAFile_IsTold(string name, string what, string said)
    {
        string path = _folder.In(name);
        File.Delete(path);
        using IDisposable? socket = Odd.Make(what, path);
        IOException error = await Assert.ThrowsAsync<IOException>(() => _folder.OpenAsync());
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pipe", "a named pipe"), InlineData("folder", "a folder"), InlineData("device", "a device")]
    public async Task Open_OldFileIsSomethingElse_IsTold_AndLeftAlone(string what, string said)
    {
        File.Delete(_folder.Conn);
        Odd.Make(what, _folder.Gossip);
        var log = new LogLines();
        await using ConnDb db = await _folder.OpenAsync(_folder.Options with { Logger = log });
        Assert.Equal(0, db.Count);
        Assert.Contains(said, Assert.Single(log.All), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-s", null), InlineData("-s", Nobody), InlineData("-x", Nobody)]
    public async Task Open_LockOfAnotherProgram_DoesNotCount(string kind, int? user)
    {
        File.SetUnixFileMode(_folder.Path, Readable | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        string path = _folder.In("conn.lock");
        await File.WriteAllTextAsync(path, "");
        File.SetUnixFileMode(path, Readable);
        using IDisposable other = Odd.Lock(kind, path, user);
        await using (ConnDb db = await _folder.OpenAsync())
        {
            await Assert.ThrowsAsync<IOException>(() => _folder.OpenAsync()); // ours does
            Assert.Equal(OwnerOnly, File.GetUnixFileMode(path));
        }

        await using ConnDb again = await _folder.OpenAsync();
        Assert.Equal(["conn.json", "conn.lock"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Open_ManyBesideTheLockOfAnotherProgram_OneHasIt()
    {
        string path = _folder.In("conn.lock");
        for (int i = 0; i < 5; i++)
        {
            File.Delete(path);
            await File.WriteAllTextAsync(path, "");
            using IDisposable other = Odd.Lock("-s", path);
            using var start = new Barrier(4);
            FolderLock?[] taken = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(
                () =>
                {
                    start.SignalAndWait();
                    try
                    {
                        return FolderLock.Take(_folder.Path);
                    }
                    catch (IOException)
                    {
                        return null;
                    }
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
            Assert.InRange(taken.Count(l => l is not null), 0, 1);
            foreach (FolderLock? one in taken)
                one?.Dispose();
            FolderLock.Take(_folder.Path)!.Dispose(); // null only in a folder that is read-only
        }
    }

    [Fact]
    public async Task Open_LockOfAProgramThatCouldBeAPeer_NamesIt()
    {
        string path = _folder.In("conn.lock");
        await File.WriteAllTextAsync(path, "");
        using IDisposable other = Odd.Lock("-x", path);
        IOException error = await Assert.ThrowsAsync<IOException>(() => _folder.OpenAsync());
        Assert.Contains("in use", error.Message, StringComparison.Ordinal);
        if (OperatingSystem.IsLinux())
            Assert.Matches(@"process \d+ of the user with the number \d+", error.Message);
    }

    [Fact]
    public async Task Open_LockFileThatOthersMayRead_IsNarrowed()
    {
        await File.WriteAllTextAsync(_folder.In("conn.lock"), "");
        File.SetUnixFileMode(_folder.In("conn.lock"), Readable);
        await using ConnDb db = await _folder.OpenAsync();
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(_folder.In("conn.lock")));
    }

    [Theory]
    [InlineData("conn.json"), InlineData("conn-rules.json"), InlineData("gossip.json")]
    public async Task Open_FileIsLockedByAnotherProgram_IsReadAllTheSame(string name)
    {
        File.Delete(_folder.Conn);
        await File.WriteAllTextAsync(_folder.In(name), name == "gossip.json" ? "[]" : name == "conn.json" ? "{}" : """{"version":1,"rules":[]}""");
        using IDisposable other = Odd.Lock("-x", _folder.In(name));
        await using ConnPlugin conn = await OpenAsync(_folder.Path);
        conn.Block(Given.Peer(1));
        Assert.Null(conn.DamagedRulesFile);
    }

    public void Dispose() => _folder.Dispose();

    private async Task<ConnPlugin> OpenAsync(string folder) =>
        await ConnPlugin.OpenAsync(new TestNetwork(), new ConnPluginOptions { Autostart = false, Folder = folder, TimeProvider = _folder.Clock }).Guarded();

    [Theory]
    [InlineData("nowhere", "there is no folder"), InlineData("file", "is a file, where a folder is expected"), InlineData("", null)]
    public void FolderProblem_OfWhatIsThere_NamesIt(string name, string? said)
    {
        string folder = Directory.CreateTempSubdirectory("ssb-conn-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "file"), "");
            string? problem = OwnFiles.FolderProblem(Path.Combine(folder, name));
            if (said is null)
                Assert.Null(problem);
            else
                Assert.Contains($"'{Path.Combine(folder, name)}'", problem, StringComparison.Ordinal);
            Assert.Contains(said ?? "", problem ?? "", StringComparison.Ordinal);
            Assert.Equal(["file"], Directory.GetFileSystemEntries(folder).Select(Path.GetFileName)); // what it tried is gone
        }
        finally
        {
            TestFolder.Delete(folder);
        }
    }

    [Theory]
    [InlineData("below"), InlineData("further/below")]
    public void CreateFolder_BelowAFile_NamesTheFile(string below)
    {
        string file = Path.GetTempFileName();
        try
        {
            IOException error = Assert.Throws<IOException>(() => OwnFiles.CreateFolder(Path.Combine(file, below)));
            Assert.Contains($"'{file}' is a file, where a folder is expected", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
