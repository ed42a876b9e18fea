using Ssb.Conn.Staging.Tests;

namespace Ssb.Conn.Tests.Db;

/// <summary>The folder: one address book at a time, and file systems that are full, read-only or linked.</summary>
public sealed class FolderTests : IDisposable
{
    private readonly DbFolder _folder = new("""{"net:a.example:8008~noauth":{"failure":1}}""");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Open_FolderThatIsNotThere_MakesIt()
    {
        string deep = Path.Combine(_folder.Path, "not", "there");
        await using ConnDb db = await ConnDb.OpenAsync(deep, _folder.Options);
        Assert.Equal("{}", await File.ReadAllTextAsync(Path.Combine(deep, "conn.json")));
    }

    [Fact]
    public async Task Open_ASecondTime_FailsAndSaysWhy_AndWorksAfterTheFirstIsClosed()
    {
        ConnDb first = await _folder.OpenAsync();
        IOException error = await Assert.ThrowsAsync<IOException>(() => _folder.OpenAsync());
        Assert.Contains(_folder.Path, error.Message, StringComparison.Ordinal);
        Assert.Contains("in use", error.Message, StringComparison.Ordinal);
        first.Set("net:b.example:8008~noauth"); // it is not disturbed
        await first.CloseAsync();
        await using ConnDb second = await _folder.OpenAsync();
        Assert.Equal(2, second.Count);
    }

    [Fact]
    public async Task Open_AnotherProcessHasIt_FailsAndSaysWhy_AndWorksAfterItsEnd()
    {
        using DbProcess process = DbProcess.Start("hold", _folder.Path);
        Assert.Equal("open 1", await process.LineAsync());
        IOException error = await Assert.ThrowsAsync<IOException>(() => _folder.OpenAsync());
        Assert.Contains("another process has it open", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, (await process.EndAsync()).ExitCode);

        ConnDb db = await _folder.OpenAsync();
        using (DbProcess other = DbProcess.Start("hold", _folder.Path))
        {
            (int exitCode, string[] lines) = await other.EndAsync();
            Assert.Equal(1, exitCode);
            Assert.Contains("another process has it open", Assert.Single(lines), StringComparison.Ordinal);
        }

        await db.CloseAsync();
    }

    [Fact]
    public async Task Open_ProcessThatHadItWasKilled_Works()
    {
        using DbProcess process = DbProcess.Start("hold", _folder.Path);
        Assert.Equal("open 1", await process.LineAsync());
        await process.KillAsync();
        await using ConnDb db = await _folder.OpenAsync();
        Assert.Equal(1, db.Count);
    }

    [Fact]
    public async Task Open_ThatFails_LeavesTheFolderFree()
    {
        using (var source = new CancellationTokenSource())
        {
            await source.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ConnDb.OpenAsync(_folder.Path, _folder.Options, source.Token));
        }

        File.Delete(_folder.Conn);
        Directory.CreateDirectory(_folder.Conn); // it is no file, and cannot be replaced by one
        await using (ConnDb db = await _folder.OpenAsync())
            Assert.NotNull(db.LastWriteError);
        Directory.Delete(_folder.Conn);
        await using ConnDb next = await _folder.OpenAsync();
        Assert.Null(next.LastWriteError);
    }

    [Theory]
    [InlineData("WriteDelay", -1, 10), InlineData("WriteDelay", 3_601, 10_000), InlineData("LongestDelay", 5, 4), InlineData("LongestDelay", 1, 86_401)]
    public async Task Open_OptionsOutOfRange_Throws(string name, int delay, int longest)
    {
        ConnDbOptions options = _folder.Options with { WriteDelay = TimeSpan.FromSeconds(delay), LongestDelay = TimeSpan.FromSeconds(longest) };
        Assert.Equal(name, (await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => ConnDb.OpenAsync(_folder.Path, options))).ParamName);
        Assert.Throws<ArgumentOutOfRangeException>(() => ConnDb.InMemory(options));
    }

    [Fact]
    public async Task Write_DiskIsFull_LosesNothing_AndSucceedsOnceThereIsRoom()
    {
        string disk = Directory.CreateDirectory(_folder.In("disk")).FullName;
        string[] lines = await DbProcess.RunInMountsAsync("mount -t tmpfs -o size=64k tmpfs \"$1\"", "full", disk);
        Assert.Equal(8, lines.Length);
        Assert.StartsWith("flush ", lines[0], StringComparison.Ordinal);
        Assert.Contains("conn.json~", lines[0], StringComparison.Ordinal); // "disk full", in the words of .NET, and what for
        Assert.Equal(lines[0].Replace("flush", "last", StringComparison.Ordinal), lines[1]);
        Assert.Equal(["file same", "beside False", "memory 3", "flush done", "last ", "file True"], lines[2..]);
    }

    [Fact]
    public async Task Open_ReadOnlyFolder_Reads_AndSaysThatItCannotWrite()
    {
        const string ReadOnly = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\"";
        string[] lines = await DbProcess.RunInMountsAsync(ReadOnly, "read-only", _folder.Path);
        Assert.Equal("open 1 1", lines[0]);
        Assert.Contains("conn.json~", lines[1], StringComparison.Ordinal);
        Assert.Equal(lines[1].Replace("flush", "last", StringComparison.Ordinal), lines[2]);
        Assert.Equal("memory True", lines[3]);
        Assert.Contains("conn.json~", lines[4], StringComparison.Ordinal);
        Assert.Equal(["conn.json"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName));

        // As when it was lost with the disk that it was on:
        File.Delete(_folder.Conn);
        lines = await DbProcess.RunInMountsAsync(ReadOnly, "read-only", _folder.Path);
        Assert.Equal("open 0 0", lines[0]);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task Write_LinkedFile_WritesTheFileThatIsMeant_AndLeavesTheLink(bool isRelative)
    {
        SkipOnWindows();
        string elsewhere = Directory.CreateDirectory(_folder.In("elsewhere")).FullName;
        string meant = Path.Combine(elsewhere, "peers.json");
        File.Move(_folder.Conn, meant);
        File.CreateSymbolicLink(_folder.In("between"), meant);
        File.CreateSymbolicLink(_folder.Conn, isRelative ? "between" : _folder.In("between"));
        await using (ConnDb db = await _folder.OpenAsync())
        {
            Assert.Equal(1, db.Count);
            db.Set("net:b.example:8008~noauth");
        }

        Assert.NotNull(new FileInfo(_folder.Conn).LinkTarget);
        Assert.NotNull(new FileInfo(_folder.In("between")).LinkTarget);
        Assert.Null(new FileInfo(meant).LinkTarget);
        Assert.Contains("net:b.example", await File.ReadAllTextAsync(meant), StringComparison.Ordinal);
        Assert.Equal([meant], Directory.GetFiles(elsewhere)); // nothing is left beside
    }

    [Fact]
    public async Task Write_LinkToAFileThatIsNotThere_MakesIt()
    {
        SkipOnWindows();
        File.Delete(_folder.Conn);
        File.CreateSymbolicLink(_folder.Conn, _folder.In("peers.json"));
        await using ConnDb db = await _folder.OpenAsync();
        Assert.Null(db.LastWriteError);
        Assert.Equal("{}", await File.ReadAllTextAsync(_folder.In("peers.json")));
        Assert.NotNull(new FileInfo(_folder.Conn).LinkTarget);
    }

    [Theory]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead)]
    public async Task Write_FileOfAnyMode_KeepsIt(UnixFileMode mode)
    {
        SkipOnWindows();
#pragma warning disable CA1416 // skipped there
        File.SetUnixFileMode(_folder.Conn, mode);
        await File.WriteAllTextAsync(_folder.In("conn.json~"), "left by a process that was killed, with a mode of its own");
        await using ConnDb db = await _folder.OpenAsync();
        db.Set("net:b.example:8008~noauth");
        await db.FlushAsync().Guarded();
        Assert.Contains("net:b.example", _folder.Text, StringComparison.Ordinal);
        Assert.Equal(mode, File.GetUnixFileMode(_folder.Conn));
#pragma warning restore CA1416
    }

    private static void SkipOnWindows()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("Links need a privilege on Windows, and modes are not known there.");
    }
}
