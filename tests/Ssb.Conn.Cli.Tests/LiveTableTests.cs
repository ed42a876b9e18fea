using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli.Tests;

public class LiveTableTests
{
    private static readonly DateTimeOffset s_now = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Render_80x24_ShowsEverythingInPlace()
    {
        string[] lines = Plain(Model(3), 80, 24);

        Assert.Equal(" ssb-conn discover   a test                                                1:05", lines[0].TrimEnd());
        Assert.Equal(" 3 staged   2 verified   4 seen   1 expired", lines[1].TrimEnd());
        Assert.Equal(" 1,234 datagrams heard   5 rejected   6 rate-limited", lines[2].TrimEnd());
        Assert.Equal("", lines[3].TrimEnd());
        Assert.Equal("   PEER        TYPE  ADDRESS                  TOLD BY             AGE  LEFT", lines[4].TrimEnd());
        Assert.Equal("+✓ @AAAAAAAA…  lan   net:192.168.1.0:8008~s…  eth0:192.168.1.0     0s  ━━━━ 10s", lines[5].TrimEnd());
        Assert.Equal(" ✓ @AAAAAAAB…  lan   net:192.168.1.1:8008~s…  eth0:192.168.1.1     3s  ━━━─  7s", lines[6].TrimEnd());
        Assert.Equal(" · @AAAAAAAC…  lan   net:192.168.1.2:8008~s…  eth0:192.168.1.2     6s  ━━──  4s", lines[7].TrimEnd());
        Assert.All(lines[8..23], line => Assert.Equal("", line.TrimEnd()));
        Assert.Equal(" q  quit", lines[23].TrimEnd());
    }

    [Fact]
    public void Render_120x40_UsesTheWidth()
    {
        string[] lines = Plain(Model(50), 120, 40);

        Assert.Contains("HEARD", lines[4], StringComparison.Ordinal);
        Assert.Contains("net:192.168.1.0:8008~shs:AAAAAAAA", lines[5], StringComparison.Ordinal);
        Assert.EndsWith("1-34 of 50", lines[39].TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Render_200Columns_ShowsTheWholeAddressAndKey()
    {
        string line = Plain(Model(1), 220, 24)[5];

        Assert.Contains(Key(0), line, StringComparison.Ordinal);
        Assert.Contains($"net:192.168.1.0:8008~shs:{Key(0)[1..^8]}", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_AnyWidthFrom40_HeadingsStandOverTheirColumns()
    {
        for (int width = 40; width <= 200; width++)
        {
            string[] lines = Plain(Model(3), width, 24);
            (string above, string below) = (lines[4], lines[6]); // of a peer that is 3 s old
            foreach ((string name, string cell, bool isRight) in ((string, string, bool)[])
                [("PEER", "@AAAA", false), ("TYPE", "lan ", false), ("ADDRESS", "net:", false), ("TOLD BY", "eth0", false), ("AGE", " 3s", true), ("HEARD", " 3s", true)])
            {
                int at = above.IndexOf(name, StringComparison.Ordinal);
                if (at >= 0 && isRight)
                    Assert.EndsWith(cell, below[..(at + name.Length)], StringComparison.Ordinal);
                else if (at >= 0)
                    Assert.StartsWith(cell, below[at..], StringComparison.Ordinal);
                else if (!isRight) // both times are the same
                    Assert.DoesNotContain($"  {cell}", below, StringComparison.Ordinal);
            }

            int left = above.IndexOf("LEFT", StringComparison.Ordinal);
            Assert.InRange(left, 0, below.TrimEnd().Length - 1);
            Assert.Contains("7s", below[Math.Max(0, left - 3)..], StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Render_20x5_KeepsTheKeyAndTheTimeLeft()
    {
        string[] lines = Plain(Model(9), 20, 5);

        Assert.StartsWith(" 9 staged", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("+✓ @AAAAAA", lines[2], StringComparison.Ordinal);
        Assert.EndsWith("10s", lines[2].TrimEnd(), StringComparison.Ordinal);
        Assert.EndsWith("1-2 of 9", lines[4].TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Render_500PeersScrolled_ShowsThatPageAndSaysWhich()
    {
        string[] lines = Plain(Model(500), 80, 24, scroll: 100);

        Assert.Contains(Key(100)[..9], lines[5], StringComparison.Ordinal);
        Assert.Contains(Key(117)[..9], lines[22], StringComparison.Ordinal);
        Assert.EndsWith("101-118 of 500", lines[23].TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Render_500PeersScrolled_AsksOnlyForTheRowsItShows()
    {
        int asked = 0;
        TableModel model = Model(500) with { Rows = (first, count) => Enumerable.Range(first, count).Select(i => { asked++; return Row(i); }) };

        _ = LiveTable.Render(model, new TableSize(80, 24), 250, colour: true);

        Assert.Equal(18, asked);
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(483)]
    public void Render_ScrolledPastTheEnd_KeepsTheLastPageFull(int scroll) =>
        Assert.EndsWith("483-500 of 500", Plain(Model(500), 80, 24, scroll)[23].TrimEnd(), StringComparison.Ordinal);

    [Fact]
    public void Render_BenchThatShrankUnderTheScroll_ShowsWhatIsLeft() =>
        Assert.Contains(Key(0)[..9], Plain(Model(2), 80, 24, scroll: 400)[5], StringComparison.Ordinal);

    [Fact]
    public void Render_EmptyBench_SaysWhatToDo() =>
        Assert.Contains(Plain(Model(0), 80, 24), line => line.Contains("ssb-conn discover --neighbours 5", StringComparison.Ordinal));

    [Fact]
    public void Render_Notice_IsShown() =>
        Assert.Equal(" UDP port 8008 is taken.", Plain(Model(1) with { Notice = "UDP port 8008 is taken." }, 80, 24)[3].TrimEnd());

    [Fact]
    public void Render_AnySizeAndAnyText_FillsTheScreenExactly()
    {
        PeerRow[] nasty =
        [
            Row(0) with { Address = "net:" + new string('x', 4_000), Source = "eth\e[2J0\n", Type = "\u0007lan\u202E", Key = "" },
            Row(1) with { Address = "", Source = "", Type = "", Key = "\e]0;title\a", ByOthers = true, Verified = true },
            Row(2) with { Birth = s_now.AddHours(1), Updated = s_now.AddHours(1) },
            Row(3) with { Birth = DateTimeOffset.MinValue, Updated = DateTimeOffset.MinValue },
        ];
        TableModel model = Model(4) with { Rows = (first, count) => nasty.Skip(first).Take(count), Title = "\e[31mred", Notice = "\r\nno" };

        for (int width = 1; width <= 240; width += width < 130 ? 1 : 17)
        {
            for (int height = 1; height <= 30; height++)
            {
                foreach (int scroll in (int[])[0, 2, 99])
                    Assert.Equal(height, Plain(model, width, height, scroll).Length);
            }
        }
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(-1, 5)]
    public void Render_NoTerminal_IsEmpty(int width, int height) =>
        Assert.Empty(LiveTable.Render(Model(3), new TableSize(width, height), 0, colour: true));

    [Fact]
    public void Render_WithoutColour_HasNoEscapeSequence() =>
        Assert.All(LiveTable.Render(Model(20), new TableSize(80, 24), 0, colour: false), line => Assert.DoesNotContain('\e', line));

    [Fact]
    public void Render_WithColour_MarksNewcomersAndDimsWhoIsLeaving()
    {
        IReadOnlyList<string> lines = LiveTable.Render(Model(4), new TableSize(80, 24), 0, colour: true);

        Assert.StartsWith("\e[0;32m+✓\e[0m \e[0;1m@AAAAAAAA", lines[5], StringComparison.Ordinal); // new: bold
        Assert.Contains("\e[0m @AAAAAAAB", lines[6], StringComparison.Ordinal); // plain
        Assert.Contains("\e[0;2m@AAAAAAAD", lines[8], StringComparison.Ordinal); // 1 s left: dim
    }

    [Fact]
    public void Render_ToldOnlyByOthers_IsMarked() =>
        Assert.StartsWith("+! @", Plain(Model(1) with { Rows = (_, _) => [Row(0) with { ByOthers = true }] }, 80, 24)[5], StringComparison.Ordinal);

    [Theory]
    [InlineData(ConsoleKey.DownArrow, 6)]
    [InlineData(ConsoleKey.UpArrow, 4)]
    [InlineData(ConsoleKey.PageDown, 23)]
    [InlineData(ConsoleKey.PageUp, 0)]
    [InlineData(ConsoleKey.Home, 0)]
    [InlineData(ConsoleKey.End, 482)]
    public void Scrolling_EachKey_MovesAndStaysInRange(ConsoleKey key, int expected)
    {
        int? moved = Scrolling.Move(key, 5, 500, LiveTable.BodyHeight(24));
        Assert.Equal(expected, LiveTable.ClampScroll(moved!.Value, 500, 24)); // each of these keys moves
    }

    [Fact]
    public void Scrolling_OtherKeys_DoNothing() => Assert.Null(Scrolling.Move(ConsoleKey.X, 5, 500, 18));

    private static string[] Plain(TableModel model, int width, int height, int scroll = 0)
    {
        var size = new TableSize(width, height);
        return [.. LiveTable.Render(model, size, scroll, colour: true).Select(line => VirtualScreen.Plain(line, size))];
    }

    private static TableModel Model(int count) => new()
    {
        Title = "a test",
        Now = s_now,
        Elapsed = TimeSpan.FromSeconds(65),
        TimeToLive = TimeSpan.FromSeconds(10),
        Count = count,
        Rows = (first, many) => Enumerable.Range(first, many).Select(Row),
        Verified = 2,
        Seen = "4",
        Expired = 1,
        Heard = 1_234,
        Rejected = 5,
        RateLimited = 6,
    };

    private static string Key(int i) => $"@AAAAAA{(char)('A' + (i / 26))}{(char)('A' + (i % 26))}{new string('B', 35)}=.ed25519";

    // Peer i came i * 3 s ago and has been silent since.
    private static PeerRow Row(int i) => new(
        Key(i),
        "lan",
        $"net:192.168.1.{i % 256}:8008~shs:{Key(i)[1..^8]}",
        Verified: i % 3 != 2,
        ByOthers: false,
        $"eth0:192.168.1.{i % 256}",
        s_now.AddSeconds(-3 * i),
        s_now.AddSeconds(-3 * i));
}
