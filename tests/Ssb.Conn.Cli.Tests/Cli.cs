namespace Ssb.Conn.Cli.Tests;

/// <summary>The tool in this process, with its output kept.</summary>
internal static class Cli
{
    /// <summary>Only a guard: what is waited for comes much sooner, or the test fails.</summary>
    public static readonly TimeSpan Patience = Ssb.Conn.Tests.Shared.Patience.Guard;

    /// <summary>Runs a command line.</summary>
    public static Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments) => RunAsync(TimeProvider.System, arguments);

    /// <summary>Runs a command line by another clock.</summary>
    public static Task<(int Code, string Output, string Error)> RunAsync(TimeProvider time, params string[] arguments) =>
        RunAsync(console => CommandLine.RunAsync(arguments, console, time));

    /// <summary>Runs a command line with other commands.</summary>
    public static Task<(int Code, string Output, string Error)> RunAsync(IReadOnlyList<CliCommand> commands, params string[] arguments) =>
        RunAsync(console => new CommandLine(commands).RunAsync(arguments, console));

    private static async Task<(int Code, string Output, string Error)> RunAsync(Func<CliConsole, Task<int>> run)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        int code = await run(new CliConsole(output, error)).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
        return (code, output.ToString(), error.ToString());
    }
}
