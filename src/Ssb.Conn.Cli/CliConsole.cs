namespace Ssb.Conn.Cli;

/// <summary>Where a command writes.</summary>
/// <param name="Output">Standard output: what was asked for, and nothing else.</param>
/// <param name="Error">Standard error: what a person should know besides.</param>
internal sealed record CliConsole(TextWriter Output, TextWriter Error)
{
    /// <summary>Columns of the terminal behind standard output; without bound where there is none.</summary>
    public int Width { get; init; } = int.MaxValue;
}
