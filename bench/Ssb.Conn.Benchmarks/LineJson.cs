using System.Diagnostics;
using System.Text.Json;

namespace Ssb.Conn.Benchmarks;

/// <summary>Who does jobs when asked: a line of JSON with the job and its arguments, and a line with the result.</summary>
internal interface IWorker : IDisposable
{
    /// <exception cref="InvalidOperationException">The job failed, or the worker is gone.</exception>
    JsonElement Ask(string job, params (string Name, object Value)[] arguments);
}

/// <summary>A worker in a process of its own, which stays for the whole sitting.</summary>
internal sealed class ChildProcess : IWorker
{
    private readonly Process _process;

    private ChildProcess(Process process) => _process = process;

    /// <exception cref="System.ComponentModel.Win32Exception">There is no such program.</exception>
    public static ChildProcess Start(string file, params string[] arguments) => new(Run(file, arguments));

    public static Process Run(string file, params string[] arguments) =>
        Process.Start(new ProcessStartInfo(file, arguments)
        {
            WorkingDirectory = AppContext.BaseDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!; // null only with UseShellExecute

    public JsonElement Ask(string job, params (string Name, object Value)[] arguments)
    {
        _process.StandardInput.WriteLine(LineJson.Write(job, arguments));
        _process.StandardInput.Flush();
        string line = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("The other process ended.");
        using JsonDocument answer = JsonDocument.Parse(line);
        return answer.RootElement.TryGetProperty("result", out JsonElement result)
            ? result.Clone()
            : throw new InvalidOperationException($"{job}: {answer.RootElement.GetProperty("error")}");
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }
}

internal static class LineJson
{
    public static string Write(string job, (string Name, object Value)[] arguments)
    {
        var fields = new Dictionary<string, object> { ["job"] = job };
        foreach ((string name, object value) in arguments)
            fields[name] = value;
        return JsonSerializer.Serialize(fields);
    }
}
