using System.Globalization;
using System.Text;
using Ssb.Conn.Staging.Tests;

namespace Ssb.Conn.Tests.Db;

/// <summary>A file that cannot be replaced, as it is a mount of its own: it is written in its place, with a copy beside it.</summary>
public sealed class InPlaceTests : IDisposable
{
    private const int Busy = 16; // EBUSY, what rename says of a mount
    private const int Peers = 40;

    private readonly DbFolder _folder = new("""{"net:a.example:8008~noauth":{"birth":1}}""");

    public InPlaceTests() => Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no mounts of single files.");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Busy, false), InlineData(1, true), InlineData(13, true)] // EPERM and EACCES of a file of another user, in a folder such as /tmp
    public async Task Write_FileCannotBeReplaced_IsWrittenInPlace(int error, bool isDenied)
    {
#pragma warning disable CA1416 // skipped on Windows
        const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        File.SetUnixFileMode(_folder.Conn, Mode);
        await using (ConnDb db = await OpenAsync(error, isDenied))
        {
            db.Set("net:b.example:8008~noauth", PeerData.Empty.With("note", new string('x', 60_000)));
            await db.FlushAsync().Guarded();
            db.Set("net:b.example:8008~noauth", PeerData.Empty.With("note", "short"));
        }

        Assert.Equal(Mode, File.GetUnixFileMode(_folder.Conn));
#pragma warning restore CA1416
        await using ConnDb again = await _folder.OpenAsync();
        Assert.Equal(["net:a.example:8008~noauth", "net:b.example:8008~noauth"], again.Addresses());
        Assert.Contains("short", again.Json(), StringComparison.Ordinal);
        AssertAlone();
    }

    [Fact]
    public async Task Write_BrokenOffInPlace_IsFinishedAtTheNextOpening()
    {
        ConnDb db = await OpenAsync(Busy, isDenied: false, static () => throw new IOException("The disk is full.")); // after 64 KiB of 120
        db.Set("net:b.example:8008~noauth", PeerData.Empty.With("note", new string('x', 60_000)));
        db.Set("net:c.example:8008~noauth", PeerData.Empty.With("note", new string('y', 60_000)));
        IOException error = await Assert.ThrowsAsync<IOException>(() => db.FlushAsync()).Guarded();
        Assert.Contains(_folder.Conn, error.Message, StringComparison.Ordinal);
        Assert.False(_folder.Text.EndsWith('}'), "The write was not broken off in its middle.");
        Exception? last = await Record.ExceptionAsync(db.CloseAsync);
        Assert.IsType<IOException>(last);

        await using ConnDb again = await _folder.OpenAsync();
        Assert.Null(again.DamagedFile);
        Assert.Equal(["net:a.example:8008~noauth", "net:b.example:8008~noauth", "net:c.example:8008~noauth"], again.Addresses());
        Assert.EndsWith("}", _folder.Text, StringComparison.Ordinal);
        AssertAlone();
    }

    // The disk was full in the middle of a write in place, and the next write crashes when its copy has replaced the first one's.
    [Fact]
    public void Write_AfterOneThatBrokeOff_Crashes_EitherCopyCounts()
    {
        FileCalls full = Calls(Busy, isDenied: false, static () => throw new IOException("The disk is full."));
        byte[] first = Encoding.UTF8.GetBytes(new string('1', 120_000)), second = Encoding.UTF8.GetBytes(new string('2', 120_000));
        Assert.Throws<IOException>(() => new SafeFile(full).Write(_folder.Conn, first)); // after 64 KiB
        var crash = new SafeFile(full with
        {
            Replace = (from, to) =>
            {
                full.Replace(from, to);
                throw new IOException("This is where it ended.");
            },
        });
        Assert.Throws<IOException>(() => crash.Write(_folder.Conn, second));
        Assert.Equal(second, new SafeFile().Read(_folder.Conn).ToArray());
        Assert.Equal(second, _folder.Read());
        AssertAlone();
    }

    // What a crash leaves of "new", in the order of the steps.
    [Theory]
    [InlineData("", true), InlineData("{", true), InlineData("{\"new\":", true), InlineData("\0\0\0\0\0\0\0\0\0\0\0", true), InlineData("{\"new\0\0\0\0\0\0", true)]
    [InlineData("{\"new\":{}}\n", true)] // all was written, and the copy was still there
    [InlineData("{\"old\":{}}\n", false)] // nothing was written yet
    [InlineData("{\"new\":{},\"of\":{}}\n", false)] // another program wrote since
    [InlineData("{}", false)]
    public void Read_CopyIsThere_GivesWhatIsWhole(string content, bool isCopy)
    {
        const string New = "{\"new\":{}}\n";
        _folder.Text = content;
        File.WriteAllText(_folder.In("conn.json~copy"), New);
        var file = new SafeFile();
        string expected = isCopy ? New : content;
        Assert.Equal(expected, Encoding.UTF8.GetString(file.Read(_folder.Conn).Span));
        Assert.Equal(expected, _folder.Text);
        Assert.Equal(expected, Encoding.UTF8.GetString(file.Read(_folder.Conn).Span)); // and so the next time
        file.Write(_folder.Conn, "{}"u8.ToArray());
        Assert.Equal("{}", Encoding.UTF8.GetString(file.Read(_folder.Conn).Span));
        AssertAlone();
    }

    [Fact]
    public void Rules_FileCannotBeReplaced_AreKept()
    {
        File.WriteAllText(_folder.In("conn-rules.json"), "");
        using (PeerRules rules = PeerRules.Open(_folder.Path, _folder.Clock, new LogLines(), Calls(Busy, isDenied: false)))
            rules.Set(new PeerRule(Given.Peer(1), PeerRuleKind.Block, Given.Start, null));
        File.Copy(_folder.In("conn-rules.json"), _folder.In("conn-rules.json~copy"));
        File.WriteAllText(_folder.In("conn-rules.json"), ""); // as in the middle of a write
        Assert.Equal(Given.Peer(1), Assert.Single(PeerRules.Open(_folder.Path, _folder.Clock, new LogLines()).All).Target);
    }

    // Names that a person picks for a backup.
    [Fact]
    public async Task Write_CopiesOfAPersonAreThere_StayAsTheyAre()
    {
        const string Kept = "mine";
        string[] copies = [_folder.In("conn.json.copy"), _folder.In("conn-rules.json.copy"), _folder.In("gossip.json.copy"), _folder.In("gossip.json~copy")];
        foreach (string copy in copies)
            await File.WriteAllTextAsync(copy, Kept);
        File.Delete(_folder.Conn);
        await File.WriteAllTextAsync(_folder.Gossip, "");
        await using (ConnDb db = await OpenAsync(Busy, isDenied: false))
        {
            db.Set("net:b.example:8008~noauth");
            await db.FlushAsync().Guarded(); // makes it
            db.Set("net:c.example:8008~noauth");
            await db.FlushAsync().Guarded(); // in its place
        }

        await using ConnDb again = await _folder.OpenAsync();
        Assert.Equal(["net:b.example:8008~noauth", "net:c.example:8008~noauth"], again.Addresses());
        Assert.All(copies, copy => Assert.Equal(Kept, File.ReadAllText(copy)));
        Assert.Equal("", await File.ReadAllTextAsync(_folder.Gossip));
        AssertAlone();
    }

    // A real mount, and a process that is killed in the middle of its writes.
    [Fact]
    public async Task Kill_MountOfItsOwn_LeavesTheOldOrANewStateWhole()
    {
        await using (ConnDb db = await _folder.OpenAsync())
        {
            db.Delete("net:a.example:8008~noauth");
            for (int i = 0; i < Peers; i++)
                db.Set(Given.Address(i), PeerData.Parse($$"""{"key":"{{Given.FeedId(i)}}","type":"pub","failure":0}"""));
        }

        const string Mount = "mount --bind \"$1/conn.json\" \"$1/conn.json\"";
        var random = new Random(1);
        int written = 0, cut = 0;
        for (int crash = 1; crash <= 20; crash++)
        {
            using DbProcess process = await DbProcess.StartInMountsAsync(Mount, "count", _folder.Path);
            Assert.Equal($"open {Peers} whole", await process.LineAsync());
            int first = Number(await process.LineAsync());
            Assert.True(first > written, $"crash {crash}: {written} was written, and it went on with {first}");
            written = first;
            Thread.SpinWait(random.Next(300_000));
            foreach (string line in (await process.KillAsync()).Where(l => l.StartsWith("written ", StringComparison.Ordinal) && l.EndsWith('.')))
                written = Number(line);
            cut += File.Exists(_folder.In("conn.json~copy")) ? 1 : 0;
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"{cut} of 20 crashes came in the middle of a write in place.");
        Assert.Empty(Directory.GetFiles(_folder.Path, "*.damaged*"));
    }

    private static int Number(string? line) =>
        line is not null && line.StartsWith("written ", StringComparison.Ordinal)
            ? int.Parse(line["written ".Length..^1], CultureInfo.InvariantCulture)
            : throw new InvalidOperationException($"It told '{line}'.");

    private static FileCalls Calls(int error, bool isDenied, Action? wrote = null) => new()
    {
        Replace = (from, to) =>
        {
            if (!File.Exists(to) || to.EndsWith("~copy", StringComparison.Ordinal))
            {
                File.Move(from, to, overwrite: true);
                return;
            }

            var said = new IOException("Device or resource busy", error);
            throw isDenied ? new UnauthorizedAccessException("Access to the path is denied.", said) : said;
        },
        WroteInPlace = wrote ?? (static () => { }),
    };

    private Task<ConnDb> OpenAsync(int error, bool isDenied, Action? wrote = null) =>
        _folder.OpenAsync(_folder.Options with { Files = Calls(error, isDenied, wrote) });

    private void AssertAlone()
    {
        Assert.False(File.Exists(_folder.In("conn.json~")));
        Assert.False(File.Exists(_folder.In("conn.json~copy")));
    }
}
