using System.Text;
using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli.Tests;

/// <summary>As much of a terminal as our frames need: it places the cursor, clears, keeps modes and ignores colours. Anything else
/// that reaches it is an error.</summary>
internal sealed class VirtualScreen(int width, int height)
{
    private readonly char[,] _cells = Blank(width, height);
    private readonly HashSet<string> _modes = ["25", "7"]; // a terminal starts with a cursor and wraps
    private int _row, _column;

    public IReadOnlySet<string> Modes => _modes;

    public int CellsWritten { get; private set; }

    public string Row(int row) => string.Concat(Enumerable.Range(0, width).Select(column => _cells[row, column]));

    public void Receive(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\e')
                i = Sequence(text, i);
            else
                Print(text[i]);
        }
    }

    /// <summary>The text of a line without its colours, which must be the only sequences in it.</summary>
    public static string Plain(string line, TableSize size)
    {
        var screen = new VirtualScreen(size.Width, 1);
        screen.Receive(line);
        Assert.Equal(size.Width, screen.CellsWritten);
        return screen.Row(0);
    }

    private int Sequence(string text, int start)
    {
        Assert.Equal('[', text[start + 1]);
        int end = start + 2;
        while (!char.IsAsciiLetter(text[end]))
            end++;
        string parameters = text[(start + 2)..end];
        switch (text[end])
        {
            case 'm':
                break;
            case 'H':
                int[] place = [.. parameters.Split(';').Select(int.Parse)];
                (_row, _column) = (place[0] - 1, place[1] - 1);
                break;
            case 'J' when parameters == "2":
                Array.Copy(Blank(width, height), _cells, _cells.Length);
                break;
            case 'h' when parameters[0] == '?':
                _modes.Add(parameters[1..]);
                break;
            case 'l' when parameters[0] == '?':
                _modes.Remove(parameters[1..]);
                break;
            default:
                Assert.Fail($"ESC[{parameters}{text[end]} was not expected");
                break;
        }

        return end;
    }

    private void Print(char character)
    {
        Assert.False(char.IsControl(character));
        Assert.True(_column < width && _row < height, $"'{character}' outside of the screen");
        _cells[_row, _column++] = character;
        CellsWritten++;
    }

    private static char[,] Blank(int width, int height)
    {
        var cells = new char[height, width];
        for (int row = 0; row < height; row++)
        {
            for (int column = 0; column < width; column++)
                cells[row, column] = ' ';
        }

        return cells;
    }
}
