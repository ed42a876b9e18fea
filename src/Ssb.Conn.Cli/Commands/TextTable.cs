using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli.Commands;

/// <summary>Rows of text in columns, each as wide as its widest cell, or narrower where they would not fit. The last column is as long as it likes: it
/// begins within the width, and goes on on the next line of the terminal.</summary>
internal sealed class TextTable(params IReadOnlyList<string> headings)
{
    private const int Gap = 2;

    /// <summary>Cells that are left for the last column.</summary>
    private const int LeastLast = 8;

    private readonly List<IReadOnlyList<string>> _rows = [headings];

    /// <summary>Adds a row; whatever stands in it, it stays on its line.</summary>
    public void Add(IReadOnlyList<string> cells) => _rows.Add([.. cells.Select(TerminalText.Clean)]);

    /// <summary>Writes it.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="width">Columns of the terminal.</param>
    public void Write(TextWriter output, int width = int.MaxValue)
    {
        int last = headings.Count - 1;
        int[] widths = [.. Enumerable.Range(0, last).Select(column => _rows.Max(row => TerminalText.Width(row[column])))];
        Shrink(widths, width - LeastLast);
        foreach (IReadOnlyList<string> row in _rows)
        {
            for (int column = 0; column < last; column++)
            {
                string cell = TerminalText.Fit(row[column], widths[column]);
                output.Write(cell + new string(' ', widths[column] - TerminalText.Width(cell) + Gap));
            }

            output.WriteLine(row[last]);
        }
    }

    // The widest first, and none below its heading.
    private void Shrink(int[] widths, int most)
    {
        while (widths.Sum() + Gap * widths.Length > most)
        {
            int widest = Enumerable.Range(0, widths.Length).Where(column => widths[column] > TerminalText.Width(headings[column]))
                .DefaultIfEmpty(-1).MaxBy(column => column < 0 ? 0 : widths[column]);
            if (widest < 0)
                return;
            widths[widest]--;
        }
    }
}
