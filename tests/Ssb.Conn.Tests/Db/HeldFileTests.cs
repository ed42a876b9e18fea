using Ssb.Conn.Staging.Tests;

namespace Ssb.Conn.Tests.Db;

/// <summary>Another program has a file open, as virus scanners, backups and editors do. The errors are those of Windows, by which nobody
/// else can replace it
/// meanwhile. The clock of the test stands still unless it says otherwise: the pauses between attempts are the system's.</summary>
public sealed class HeldFileTests : IDisposable
{
    private const int MostAttempts = 9; // the first one, and one after each pause
    private const int SharingViolation = unchecked((int)0x80070020), LockViolation = unchecked((int)0x80070021), UserMapped = unchecked((int)0x800704C8);

    private static readonly MultiserverAddress s_peer = Given.Address(1);

    private readonly DbFolder _folder = new("{}");
    private readonly LogLines _log = new();
    private volatile int _held; // how many attempts still fail
    private volatile int _attempts;

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, int> Errors => new()
    {
        { "replace", SharingViolation }, { "replace", LockViolation }, { "replace", UserMapped }, { "replace", 5 }, { "delete", SharingViolation }, { "delete", 5 },
    };

    [Theory, MemberData(nameof(Errors))]
    public async Task Flush_FileIsHeldForAMoment_IsWritten(string call, int error)
    {
        await using ConnDb db = await OpenAsync(call, error);
        db.Set(s_peer);
        (_held, _attempts) = (3, 0);
        await db.FlushAsync().Guarded();
        Assert.Contains(s_peer.Text, _folder.Text, StringComparison.Ordinal);
        Assert.Equal(4, _attempts);
        Assert.Null(db.LastWriteError);
        Assert.Equal(0, _log.Count);
    }

    [Theory, MemberData(nameof(Errors))]
    public async Task Flush_FileStaysHeld_NamesIt_AndLosesNothing(string call, int error)
    {
        await using ConnDb db = await OpenAsync(call, error);
        db.Set(s_peer);
        (_held, _attempts) = (int.MaxValue, 0);
        IOException failure = await Assert.ThrowsAsync<IOException>(() => db.FlushAsync().Guarded());
        Assert.Equal(MostAttempts, _attempts);
        Assert.Contains($"'{_folder.Conn}' could not be written", failure.Message, StringComparison.Ordinal);
        Assert.Equal("{}", _folder.Text);
        Assert.True(db.Has(s_peer));
        Assert.False(File.Exists(_folder.In("conn.json~copy")));

        _held = 0; // and the timer of the change writes it, or that of the attempts after it
        Guards.Until(() => Advance() && _folder.Text.Contains(s_peer.Text, StringComparison.Ordinal));
    }

    // Windows says ERROR_ACCESS_DENIED of a folder, too. It is not asked, and not again for a second.
    [Fact]
    public async Task Flush_FolderIsInTheWay_IsToldAtOnce()
    {
        await using ConnDb db = await OpenAsync("delete", 5);
        string beside = _folder.In("conn.json~");
        Directory.CreateDirectory(beside);
        db.Set(s_peer);
        (_held, _attempts) = (int.MaxValue, 0);
        IOException failure = await Assert.ThrowsAsync<IOException>(() => db.FlushAsync().Guarded());
        Assert.Contains($"'{beside}' is a folder", failure.Message, StringComparison.Ordinal);
        Assert.Equal(0, _attempts);
        _held = 0;
        Directory.Delete(beside);
        await db.FlushAsync().Guarded();
    }

    [Fact]
    public async Task Dispose_FileIsHeldForAMoment_IsWritten()
    {
        ConnDb db = await OpenAsync("replace", SharingViolation);
        db.Set(s_peer);
        _held = 3;
        await db.DisposeAsync().AsTask().Guarded();
        Assert.Contains(s_peer.Text, _folder.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_FileIsHeldForAMoment_IsRead()
    {
        var file = new SafeFile(Calls("delete", SharingViolation));
        (_held, _attempts) = (5, 0);
        await Task.Run(() => file.Delete(_folder.Conn)).Guarded();
        Assert.False(File.Exists(_folder.Conn));
        Assert.Equal(6, _attempts);

        await using ConnDb db = await _folder.OpenAsync(); // a new one
        Assert.Equal(0, db.Count);
    }

    [Fact]
    public async Task Rule_FileStaysHeld_Holds_AndIsWrittenLater()
    {
        using PeerRules rules = OpenRules("replace", SharingViolation);
        _held = int.MaxValue;
        IOException failure = await Assert.ThrowsAsync<IOException>(() => Task.Run(() => rules.Set(Rule(1))).Guarded());
        Assert.Contains($"'{_folder.In("conn-rules.json")}' could not be written", failure.Message, StringComparison.Ordinal);
        Assert.NotNull(rules.Find(null, Given.FeedId(1)));
        Assert.NotNull(rules.LastWriteError);
        Assert.Single(_log.All, line => line.StartsWith("Error: ", StringComparison.Ordinal));

        await Assert.ThrowsAsync<IOException>(() => Task.Run(() => rules.Set(Rule(2))).Guarded()); // told to whoever decides, and once in the log
        Assert.Single(_log.All, line => line.StartsWith("Error: ", StringComparison.Ordinal));
        _held = 0;
        _folder.Clock.Advance(PeerRules.RetryDelay);
        Guards.Until(() => Advance() && rules.LastWriteError is null);
        AssertWritten(1, 2);
    }

    // What is no failure of the file would end the process, had the timer's thread to die of it.
    [Fact]
    public void Rule_MemoryIsShort_Holds_AndIsWrittenLater()
    {
        bool isShort = true;
        var real = new FileCalls();
        FileCalls calls = real with
        {
            Replace = (from, to) =>
            {
                if (isShort)
                    GC.KeepAlive(new byte[int.MaxValue]); // more than any array has
                real.Replace(from, to);
            },
        };
        using PeerRules rules = PeerRules.Open(_folder.Path, _folder.Clock, _log, calls);
        IOException failure = Assert.Throws<IOException>(() => rules.Set(Rule(1)));
        Assert.IsType<OutOfMemoryException>(failure.InnerException);
        _folder.Clock.Advance(PeerRules.RetryDelay); // on this thread
        Assert.IsType<OutOfMemoryException>(rules.LastWriteError);
        isShort = false;
        _folder.Clock.Advance(PeerRules.RetryDelay);
        Assert.Null(rules.LastWriteError);
        AssertWritten(1);
    }

    [Fact]
    public async Task Rule_Removed_FileWasHeld_IsWrittenAtTheEnd()
    {
        PeerRules rules = OpenRules("replace", SharingViolation);
        rules.Set(Rule(1));
        rules.Set(Rule(2));
        _held = int.MaxValue;
        await Assert.ThrowsAsync<IOException>(() => Task.Run(() => rules.Remove(Given.Peer(1))).Guarded());
        _held = 3; // at the end, too
        await Task.Run(rules.Dispose).Guarded();
        AssertWritten(2);
    }

    [Fact]
    public async Task Plugin_EndsWhileBothFilesAreHeld_NamesBoth()
    {
        var network = new TestNetwork();
        ConnPlugin conn = await ConnPlugin.OpenAsync(network, new ConnPluginOptions
        {
            Folder = _folder.Path,
            OwnFeedId = Given.FeedId(0),
            Autostart = false,
            TimeProvider = _folder.Clock,
            Db = new ConnDbOptions { Files = Calls("replace", SharingViolation) },
        }).Guarded();
        conn.Remember(s_peer);
        _held = int.MaxValue;
        await Assert.ThrowsAsync<IOException>(() => Task.Run(() => conn.Block(Given.Peer(2))).Guarded());
        Assert.NotNull(conn.RulesWriteError);
        Assert.Single(conn.Rules);
        await Assert.ThrowsAsync<IOException>(() => Task.Run(() => conn.Undo(Given.Peer(2))).Guarded());
        Assert.Empty(conn.Rules);
        Assert.Equal("undone", conn.Why(Given.Peer(2)).History[^1].What);
        IOException failure = await Assert.ThrowsAsync<IOException>(() => conn.DisposeAsync().AsTask().Guarded());
        Assert.Contains(_folder.Conn, failure.Message, StringComparison.Ordinal);
        Assert.Contains(_folder.In("conn-rules.json"), failure.Message, StringComparison.Ordinal);
    }

    private static PeerRule Rule(int peer) => new(Given.Peer(peer), PeerRuleKind.Block, Given.Start, null);

    private void AssertWritten(params int[] peers) =>
        Assert.Equal(peers.Select(Given.Peer), PeerRules.Open(_folder.Path, _folder.Clock, _log).All.Select(rule => rule.Target));

    private Task<ConnDb> OpenAsync(string call, int error) => _folder.OpenAsync(_folder.Options with { Logger = _log, Files = Calls(call, error) });

    private PeerRules OpenRules(string call, int error) => PeerRules.Open(_folder.Path, _folder.Clock, _log, Calls(call, error));

    // The error 5 stands for ERROR_ACCESS_DENIED, for which .NET has an exception of its own.
    private FileCalls Calls(string call, int error)
    {
        var real = new FileCalls();
        return call == "replace"
            ? real with { Replace = (from, to) => Attempt(() => real.Replace(from, to)) }
            : real with { Delete = path => Attempt(() => real.Delete(path)) };

        void Attempt(Action act)
        {
            Interlocked.Increment(ref _attempts);
            if (Interlocked.Decrement(ref _held) >= 0)
            {
                throw error == 5
                    ? new UnauthorizedAccessException("Access to the path is denied.")
                    : new IOException("The process cannot access the file because it is being used by another process.", error);
            }

            _held = 0;
            act();
        }
    }

    private bool Advance()
    {
        _folder.Clock.Advance(TimeSpan.FromMilliseconds(50));
        return true;
    }
}
