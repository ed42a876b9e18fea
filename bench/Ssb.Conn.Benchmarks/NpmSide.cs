using System.Diagnostics;
using System.Text.Json;

namespace Ssb.Conn.Benchmarks;

/// <summary>The npm modules, in a Node process of their own that stays for the whole sitting.</summary>
internal sealed class NpmSide : IWorker
{
    private readonly ChildProcess _node;

    private NpmSide(ChildProcess node) => _node = node;

    /// <param name="script">Which jobs it does: the name of a file beside this program.</param>
    /// <param name="why">Why there is none.</param>
    /// <returns>null, with the reason in <paramref name="why"/>, when Node or npm is not there.</returns>
    public static NpmSide? Start(string script, out string why)
    {
        string here = AppContext.BaseDirectory;
        try
        {
            if (!IsInstalled(here))
            {
                using Process npm = ChildProcess.Run(OperatingSystem.IsWindows() ? "npm.cmd" : "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund");
                npm.StandardOutput.ReadToEnd();
                npm.WaitForExit();
                if (npm.ExitCode != 0)
                {
                    why = "npm could not install the modules";
                    return null;
                }
            }

            why = "";
            // Some of the modules use an old constructor of buffers, of which Node warns.
            return new NpmSide(ChildProcess.Start("node", "--expose-gc", "--no-deprecation", Path.Combine(here, script), here));
        }
        catch (System.ComponentModel.Win32Exception)
        {
            why = "node or npm is not installed";
            return null;
        }
    }

    public double Ask(string job, params (string Name, int Value)[] arguments) =>
        ((IWorker)this).Ask(job, [.. arguments.Select(a => (a.Name, (object)a.Value))]).GetDouble();

    JsonElement IWorker.Ask(string job, params (string Name, object Value)[] arguments) => _node.Ask(job, arguments);

    public void Dispose() => _node.Dispose();

    // npm notes in a file of its own what it installed.
    private static bool IsInstalled(string folder)
    {
        string installed = Path.Combine(folder, "node_modules", ".package-lock.json");
        return File.Exists(installed)
            && File.GetLastWriteTimeUtc(installed) >= File.GetLastWriteTimeUtc(Path.Combine(folder, "package-lock.json"));
    }
}
