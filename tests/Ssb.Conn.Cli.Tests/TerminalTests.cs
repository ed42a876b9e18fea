namespace Ssb.Conn.Cli.Tests;

/// <summary>The real process in a real terminal.</summary>
public class TerminalTests
{
    private static readonly string s_tool = Tool.InShell;

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Discover_500NeighboursInATerminal_ScrollsResizesAndLeavesEverythingAsItWas()
    {
        using TerminalPane pane = await TerminalPane.OpenAsync(80, 24, TestContext.Current.CancellationToken);
        string modes = await pane.ModesAsync();

        await pane.TypeAsync($"{s_tool} discover --neighbours 500 --seed 1", "Enter");
        string[] screen = await pane.UntilAsync(rows => Range(rows) is { First: 1, Last: 18, Count: > 400 });
        Assert.StartsWith(" ssb-conn discover   500 neighbours", screen[0], StringComparison.Ordinal);
        Assert.Contains("PEER", screen[4], StringComparison.Ordinal);
        Assert.All(screen[5..23], row => Assert.Contains("net:127.0.0.1:2", row, StringComparison.Ordinal));
        Assert.Equal("0 1 0", await pane.ModesAsync());

        await pane.TypeAsync("PageDown");
        await pane.UntilAsync(rows => Range(rows) is (19, 36, _));
        await pane.TypeAsync("Down", "Down", "Up");
        await pane.UntilAsync(rows => Range(rows) is (20, 37, _));
        await pane.TypeAsync("End");
        await pane.UntilAsync(rows => Range(rows).First > 300);
        await pane.TypeAsync("Home");
        await pane.UntilAsync(rows => Range(rows) is (1, 18, _));

        await pane.ResizeAsync(120, 40);
        screen = await pane.UntilAsync(rows => Range(rows) is (1, 34, _));
        Assert.Contains("HEARD", screen[4], StringComparison.Ordinal);
        await pane.ResizeAsync(20, 5);
        await pane.UntilAsync(rows => Range(rows) is (1, 2, _));
        await pane.ResizeAsync(1, 1);
        await pane.ResizeAsync(80, 24);
        await pane.UntilAsync(rows => Range(rows) is (1, 18, _));

        await pane.TypeAsync("q");
        screen = await pane.UntilAsync(rows => rows.Any(row => row.Contains("rate-limited", StringComparison.Ordinal)) && Prompts(rows) == 2);
        Assert.Contains(screen, row => row.StartsWith("ssb-conn discover ended after ", StringComparison.Ordinal));
        Assert.Contains(screen, row => row.Contains("500 different", StringComparison.Ordinal));
        Assert.Equal(modes, await pane.ModesAsync());
    }

    [Theory(Timeout = Patience.WholeTest)]
    [InlineData("C-c")]
    [InlineData("q")]
    public async Task Discover_EndedByKey_RestoresTheTerminalAndGivesZero(string key)
    {
        using TerminalPane pane = await TerminalPane.OpenAsync(80, 24, TestContext.Current.CancellationToken);
        string modes = await pane.ModesAsync();

        await pane.TypeAsync($"NO_COLOR=1 {s_tool} discover --neighbours 3; echo gave $?; stty -a | tr ';' '\\n' | grep -c -E -e ' echo ' -e ' icanon '", "Enter");
        await pane.UntilAsync(rows => rows[1].StartsWith(" 3 staged   3 verified", StringComparison.Ordinal));
        await pane.TypeAsync(key);
        string[] screen = await pane.UntilAsync(rows => Prompts(rows) == 2);

        Assert.Contains("gave 0", screen);
        Assert.Contains("1", screen); // echo and icanon, both in one line of stty
        Assert.Equal(modes, await pane.ModesAsync());
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Discover_StoppedAndContinued_GivesTheScreenBackAndTakesItAgain()
    {
        using TerminalPane pane = await TerminalPane.OpenAsync(80, 24, TestContext.Current.CancellationToken);
        string modes = await pane.ModesAsync();

        await pane.TypeAsync("set -m", "Enter", $"{s_tool} discover --neighbours 3", "Enter");
        await pane.UntilAsync(rows => rows[1].StartsWith(" 3 staged", StringComparison.Ordinal));
        await pane.TypeAsync("C-z");
        await pane.UntilAsync(rows => rows.Any(row => row.Contains("Stopped", StringComparison.Ordinal)));
        Assert.Equal(modes, await pane.ModesAsync());

        await pane.TypeAsync("fg", "Enter");
        await pane.UntilAsync(rows => rows[0].StartsWith(" ssb-conn discover", StringComparison.Ordinal));
        Assert.Equal("0 1 0", await pane.ModesAsync());
        await pane.TypeAsync("q");
        await pane.UntilAsync(rows => rows.Any(row => row.StartsWith("ssb-conn discover ended", StringComparison.Ordinal)));
    }

    // Once it crashed: the summary could not be written, nor could the complaint about that.
    [Fact(Timeout = Patience.WholeTest)]
    public async Task Discover_TerminalIsClosed_EndsWithoutACrash()
    {
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;
        string folder = SocketFolder.Create("ssb-conn-test"), code = Path.Combine(folder, "code");
        try
        {
            using TerminalPane pane = await TerminalPane.OpenAsync(80, 24, cancellationToken);
            await pane.TypeAsync($"sh -c \"trap : HUP; {s_tool} discover --neighbours 3; echo \\$? > {code}.new; mv {code}.new {code}\"", "Enter");
            await pane.UntilAsync(rows => rows[1].StartsWith(" 3 staged", StringComparison.Ordinal));
            await pane.CloseAsync();
            while (!File.Exists(code))
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancellationToken);

            Assert.Equal("0\n", await File.ReadAllTextAsync(code, cancellationToken));
        }
        finally
        {
            TestFolder.Delete(folder);
        }
    }

    /// <summary>What the footer says: first and last peer shown, and how many there are.</summary>
    private static (int First, int Last, int Count) Range(string[] rows)
    {
        string footer = rows.LastOrDefault(row => row.Length > 0) ?? "";
        return footer.Split(' ', '-') is [.., string first, string last, "of", string count]
            ? (int.Parse(first), int.Parse(last), int.Parse(count))
            : default;
    }

    private static int Prompts(string[] rows) => rows.Count(row => row.StartsWith("ready$", StringComparison.Ordinal));
}
