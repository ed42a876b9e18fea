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

    /// <summary>Where the build puts it, beside the tests.</summary>
    public static string Assembly => Path.Combine(AppContext.BaseDirectory, "ssb-conn.dll");

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
        string[] command = [.. starter, "dotnet", .. runtimeConfig is null ? [] : (string[])["exec", "--runtimeconfig", runtimeConfig], Assembly, .. arguments];
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            StandardOutputEncoding = System.Text.Encoding.UTF8,
        };
        with?.Invoke(start);
        return new Tool(Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start"), cancellationToken);
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
