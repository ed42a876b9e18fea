using System.Diagnostics;

namespace Interop.Tests.Harness;

/// <summary>Runs a program to its end.</summary>
internal static class Command
{
    /// <exception cref="System.ComponentModel.Win32Exception">There is no such program.</exception>
    /// <exception cref="OperationCanceledException">It did not end in time, and was killed.</exception>
    public static Task<(int ExitCode, string Output)> RunAsync(TimeSpan atMost, string folder, params string[] command) =>
        RunAsync(atMost, folder, [], command);

    /// <inheritdoc cref="RunAsync(TimeSpan, string, string[])"/>
    /// <param name="atMost">How long it may run.</param>
    /// <param name="folder">Where it runs.</param>
    /// <param name="environment">Variables added to ours.</param>
    /// <param name="command">The program and its arguments.</param>
    public static async Task<(int ExitCode, string Output)> RunAsync(
        TimeSpan atMost, string folder, IReadOnlyList<(string Name, string Value)> environment, params string[] command)
    {
        using var guard = new CancellationTokenSource(atMost, TimeProvider.System);
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            UseShellExecute = false,
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        using Process process = Process.Start(start)!; // null only with UseShellExecute
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(guard.Token);
            Task<string> errors = process.StandardError.ReadToEndAsync(guard.Token);
            await process.WaitForExitAsync(guard.Token);
            return (process.ExitCode, await output + await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }
}
