using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli.Commands;

/// <summary>Rows of text in columns, each as wide as its widest cell. The last column is as long as it likes.</summary>
internal sealed class TextTable(params IReadOnlyList<string> headings)
{
    private readonly List<IReadOnlyList<string>> _rows = [headings];

    /// <summary>Adds a row; whatever stands in it, it stays on its line.</summary>
    public void Add(IReadOnlyList<string> cells) => _rows.Add([.. cells.Select(TerminalText.Clean)]);

    public void Write(TextWriter output)
    {
        int last = headings.Count - 1;
        int[] widths = [.. Enumerable.Range(0, last).Select(column => _rows.Max(row => TerminalText.Width(row[column])))];
        foreach (IReadOnlyList<string> row in _rows)
        {
            for (int column = 0; column < last; column++)
                output.Write(row[column] + new string(' ', widths[column] - TerminalText.Width(row[column]) + 2));
            output.WriteLine(row[last]);
        }
    }
}
