using System.Diagnostics;
using System.Text.Json;

namespace Ssb.Conn.Cli.Tests;

/// <summary>The tool as a process of its own, with its output piped to us. Ended, if need be killed, when disposed.</summary>
internal sealed class Tool : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _error;
    private readonly CancellationToken _cancellationToken;

    private Tool(Process process, CancellationToken cancellationToken)
    {
        _process = process;
        _cancellationToken = cancellationToken;
        _error = process.StandardError.ReadToEndAsync(cancellationToken);
    }

    /// <summary>How it is started in a shell: the program, and what comes before its arguments.</summary>
    public static string InShell { get; } = BuiltProgram.InShell("ssb-conn");

    /// <param name="arguments">Its arguments, with blanks between them.</param>
    /// <param name="cancellationToken">Ends every wait for it.</param>
    public static Tool Start(string arguments, CancellationToken cancellationToken) => StartUnder([], arguments, cancellationToken);

    /// <param name="starter">A program, with its arguments, that turns into the one that it is told to start.</param>
    /// <param name="arguments">The arguments of the tool, with blanks between them.</param>
    /// <param name="cancellationToken">Ends every wait for it.</param>
    public static Tool StartUnder(string[] starter, string arguments, CancellationToken cancellationToken) =>
        StartWith(starter, arguments.Split(' '), cancellationToken);

    /// <param name="starter">As above.</param>
    /// <param name="arguments">The arguments of the tool, which may have blanks in them.</param>
    /// <param name="cancellationToken">Ends every wait for it.</param>
    /// <param name="with">Changes its surroundings: variables, the working directory.</param>
    /// <param name="runtimeConfig">What the runtime reads in the place of <c>ssb-conn.runtimeconfig.json</c>.</param>
    public static Tool StartWith(
        string[] starter, string[] arguments, CancellationToken cancellationToken, Action<ProcessStartInfo>? with = null, string? runtimeConfig = null)
    {
        string[] tool = BuiltProgram.Command("ssb-conn");
        if (runtimeConfig is not null)
        {
            Assert.SkipWhen(tool.Length == 1, "The tool was published with its runtime, whose settings are in it.");
            tool = [tool[0], "exec", "--runtimeconfig", runtimeConfig, tool[1]];
        }

        string[] command = [.. starter, .. tool, .. arguments];
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            StandardOutputEncoding = System.Text.Encoding.UTF8,
        };
        if (OperatingSystem.IsWindows())
            start.CreateNewProcessGroup = true; // so that AskToEnd asks no other process
        with?.Invoke(start);
        return new Tool(Process.Start(start) ?? throw new InvalidOperationException("the tool did not start"), cancellationToken);
    }

    /// <summary>Its lines as JSON until one fits or it ends.</summary>
    public async Task<List<JsonElement>> ReadUntilAsync(Func<JsonElement, bool> isLast)
    {
        var lines = new List<JsonElement>();
        while (await _process.StandardOutput.ReadLineAsync(_cancellationToken) is { } text)
        {
            lines.Add(JsonElement.Parse(text));
            if (isLast(lines[^1]))
                break;
        }

        return lines;
    }

    /// <summary>Stops reading, as <c>head</c> does.</summary>
    public void CloseOutput() => _process.StandardOutput.Close();

    /// <summary>Asks it to end, as whoever started it does: by TERM, or by Ctrl+Break on Windows, where there are no signals.</summary>
    public void AskToEnd()
    {
        if (OperatingSystem.IsWindows())
            ConsoleBreak.Send(_process.Id);
        else
            Signal("TERM");
    }

    /// <summary>Sends a signal, by its name; not on Windows.</summary>
    public void Signal(string name) => Signals.Send(_process.Id, Signals.Number(name));

    /// <summary>Waits for its end.</summary>
    public async Task<(int Code, string Error)> EndAsync()
    {
        await _process.WaitForExitAsync(_cancellationToken);
        return (_process.ExitCode, await _error);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }
}
