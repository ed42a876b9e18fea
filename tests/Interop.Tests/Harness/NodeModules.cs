using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Interop.Tests.Harness;

/// <summary>The npm modules that the tests compare us with, at the versions of <c>js/package-lock.json</c> or of another folder's.</summary>
/// <remarks>Installed by <c>npm ci</c> at the first use on a machine, into <c>artifacts/interop-js/HASH-OF-THE-LOCK-FILE</c> of the
/// source tree; later runs, and other test processes at the same time, use the same folder.</remarks>
internal static class NodeModules
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(15);
    private static readonly ConcurrentDictionary<string, Lazy<Task<Result>>> s_installed = new();

    private sealed record Result(string? Folder, string? Absent);

    /// <summary>Our own scripts.</summary>
    public static string Scripts { get; } = Folder("js");

    /// <summary>Where a package folder of ours is when the tests run.</summary>
    public static string Folder(string name) => Path.Combine(AppContext.BaseDirectory, name);

    /// <summary>The folder <c>node_modules</c>, for NODE_PATH. Skips the calling test when there is no node or npm.</summary>
    /// <param name="name">The package folder; one of its own is for what does not go together with the rest.</param>
    public static async Task<string> GetAsync(string name = "js")
    {
        Result result = await s_installed.GetOrAdd(name, _ => new(() => InstallAsync(Folder(name)))).Value;
        if (result.Folder is null)
            Needs.Missing(result.Absent ?? "");
        return result.Folder;
    }

    private static async Task<Result> InstallAsync(string folder)
    {
        try
        {
            _ = await Command.RunAsync(s_patience, folder, "node", "--version");
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return new Result(null, "There is no 'node' on this machine; the comparison with the JavaScript modules needs it.");
        }

        string lockFile = Path.Combine(folder, "package-lock.json");
        string hash = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(lockFile)))[..16];
        string cache = Path.Combine(SourceTree.Folder ?? AppContext.BaseDirectory, "artifacts", "interop-js");
        string modules = Path.Combine(cache, hash, "node_modules");
        Directory.CreateDirectory(cache);
        using var guard = new CancellationTokenSource(s_patience, TimeProvider.System);
        using FileStream turn = await LockFile.TakeAsync(Path.Combine(cache, hash + ".lock"), guard.Token);
        if (Directory.Exists(modules))
            return new Result(modules, null);

        // Into a folder of its own first: a run that was broken off leaves nothing that looks finished.
        string fresh = Path.Combine(cache, $"{hash}.{Environment.ProcessId}.new");
        Directory.CreateDirectory(fresh);
        foreach (string name in (string[])["package.json", "package-lock.json", ".npmrc"])
            File.Copy(Path.Combine(folder, name), Path.Combine(fresh, name), overwrite: true);
        string[] npm = OperatingSystem.IsWindows() ? ["cmd.exe", "/c", "npm"] : ["npm"]; // npm.cmd is no program there
        try
        {
            string[] command = [.. npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"];
            (int exitCode, string output) = await Command.RunAsync(s_patience, fresh, command);
            if (exitCode != 0) // perhaps since npm's cache, in the home folder, cannot be written
                (exitCode, output) = await Command.RunAsync(s_patience, fresh, [.. command, "--cache", Path.Combine(cache, "npm-cache")]);
            if (exitCode != 0)
                return new Result(null, $"'npm ci' failed ({exitCode}), so there are no JavaScript modules to compare with: {output}");
            Directory.Move(fresh, Path.Combine(cache, hash));
            return new Result(modules, null);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return new Result(null, "There is no 'npm' on this machine; the comparison with the JavaScript modules needs it.");
        }
        finally
        {
            TestFolder.Delete(fresh); // whose failure is not told in place of that of npm
        }
    }
}
