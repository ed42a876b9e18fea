using System.Diagnostics;
using System.Text.Json;

namespace Ssb.Conn.Benchmarks;

/// <summary>The npm module, in a Node process of its own that stays for the whole sitting.</summary>
internal sealed class NpmSide : IDisposable
{
    private readonly Process _node;

    private NpmSide(Process node) => _node = node;

    /// <returns>null, with the reason in <paramref name="why"/>, when Node or npm is not there.</returns>
    public static NpmSide? Start(out string why)
    {
        string here = AppContext.BaseDirectory;
        try
        {
            if (!Directory.Exists(Path.Combine(here, "node_modules", "ssb-conn-staging")))
            {
                using Process npm = Run(OperatingSystem.IsWindows() ? "npm.cmd" : "npm", here, "ci", "--ignore-scripts", "--no-audit", "--no-fund");
                npm.StandardOutput.ReadToEnd();
                npm.WaitForExit();
                if (npm.ExitCode != 0)
                {
                    why = "npm could not install the modules";
                    return null;
                }
            }

            why = "";
            return new NpmSide(Run("node", here, Path.Combine(here, "npm-side.js"), here));
        }
        catch (System.ComponentModel.Win32Exception)
        {
            why = "node or npm is not installed";
            return null;
        }
    }

    public double Ask(string job, params (string Name, int Value)[] arguments)
    {
        string fields = string.Concat(arguments.Select(a => $",\"{a.Name}\":{a.Value}"));
        _node.StandardInput.WriteLine($"{{\"job\":\"{job}\"{fields}}}");
        _node.StandardInput.Flush();
        string line = _node.StandardOutput.ReadLine() ?? throw new InvalidOperationException("The npm side ended.");
        using JsonDocument answer = JsonDocument.Parse(line);
        return answer.RootElement.GetProperty("result").GetDouble();
    }

    public void Dispose()
    {
        _node.StandardInput.Close();
        _node.WaitForExit();
        _node.Dispose();
    }

    private static Process Run(string file, string folder, params string[] arguments) =>
        Process.Start(new ProcessStartInfo(file, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!; // null only with UseShellExecute
}
