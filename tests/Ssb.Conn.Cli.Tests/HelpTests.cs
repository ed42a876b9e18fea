namespace Ssb.Conn.Cli.Tests;

public class HelpTests
{
    public static TheoryData<string> Commands => [.. AllCommands.Make(TimeProvider.System).Select(command => command.Name)];

    [Fact]
    public async Task Help_OfTheTool_NamesEveryCommand()
    {
        (int code, string output, string error) = await Cli.RunAsync("--help");

        Assert.Equal((0, ""), (code, error));
        Assert.All(AllCommands.Make(TimeProvider.System), command => Assert.Contains($"  {command.Name} ", output, StringComparison.Ordinal));
        Assert.Contains("ssb-conn start --neighbours 5", output, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Help_OfACommand_HasExamplesAndExitCodesAndFitsAScreen(string command)
    {
        (int code, string output, string error) = await Cli.RunAsync(command, "-h");

        Assert.Equal((0, ""), (code, error));
        Assert.Contains("Examples:", output, StringComparison.Ordinal);
        Assert.Contains($"  ssb-conn {command}", output, StringComparison.Ordinal);
        Assert.Contains("Exit codes:", output, StringComparison.Ordinal);
        Assert.All(output.Split('\n'), line => Assert.True(line.Length <= 110, line));
    }

    // What is documented is there, and what is there is documented.
    [Theory]
    [MemberData(nameof(Commands))]
    public void Docs_OfTheTool_NameEveryCommandAndOption(string command)
    {
        string page = File.ReadAllText(Path.Combine(ReadmeTests.SourceTree, "docs", "cli.md"));

        Assert.Contains($"`{command}`", page, StringComparison.Ordinal);
        Assert.All(AllCommands.Make(TimeProvider.System).Single(known => known.Name == command).Options, option => Assert.Contains($"`{option.Name}", page, StringComparison.Ordinal));
    }
}
