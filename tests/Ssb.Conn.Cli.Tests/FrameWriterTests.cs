using CsCheck;
using Ssb.Conn.Cli.Terminals;
using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli.Tests;

public class FrameWriterTests
{
    [Fact]
    public void Write_AnySeriesOfFrames_LeavesTheLastOneOnTheScreen() =>
        Gen.Int[0, 3].Array[6].Array[1, 12].Sample(frames =>
        {
            var writer = new FrameWriter();
            var screen = new VirtualScreen(8, 6);
            foreach (int[] frame in frames)
            {
                string[] lines = [.. frame.Select(n => $"line {n}  ")];
                screen.Receive(writer.Write(lines, new TableSize(8, 6)));
                for (int row = 0; row < lines.Length; row++)
                    Assert.Equal(lines[row], screen.Row(row));
            }
        });

    [Fact]
    public void Write_SameFrameAgain_SendsNothing()
    {
        var writer = new FrameWriter();
        _ = writer.Write(["ab", "cd"], new TableSize(2, 2));

        Assert.Equal("", writer.Write(["ab", "cd"], new TableSize(2, 2)));
    }

    [Fact]
    public void Write_OneRowChanged_SendsThatRowInOneSynchronisedUpdate()
    {
        var writer = new FrameWriter();
        _ = writer.Write(["ab", "cd"], new TableSize(2, 2));

        Assert.Equal("\e[?2026h\e[2;1Hxy\e[?2026l", writer.Write(["ab", "xy"], new TableSize(2, 2)));
    }

    [Fact]
    public void Write_AfterResize_DrawsEverythingOnAClearScreen()
    {
        var writer = new FrameWriter();
        _ = writer.Write(["ab", "cd"], new TableSize(2, 2));

        Assert.Equal("\e[?2026h\e[0m\e[2J\e[1;1Hab \e[?2026l", writer.Write(["ab "], new TableSize(3, 1)));
    }

    [Fact]
    public void Write_AfterForget_DrawsEverything()
    {
        var writer = new FrameWriter();
        _ = writer.Write(["ab", "cd"], new TableSize(2, 2));
        writer.Forget();

        Assert.Contains("\e[1;1Hab\e[2;1Hcd", writer.Write(["ab", "cd"], new TableSize(2, 2)), StringComparison.Ordinal);
    }

    [Fact]
    public void Leave_AfterEnterAndHalfAFrame_RestoresEveryMode()
    {
        var screen = new VirtualScreen(80, 24);
        string[] before = [.. screen.Modes];

        screen.Receive(FrameWriter.Enter + "\e[?2026h\e[1;1Hhalf");
        Assert.DoesNotContain("25", screen.Modes);
        Assert.Contains("1049", screen.Modes);

        screen.Receive(FrameWriter.Leave);
        Assert.Equal(before.Order(), screen.Modes.Order());
    }
}
