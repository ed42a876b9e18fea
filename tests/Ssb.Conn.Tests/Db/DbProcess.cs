using System.Diagnostics;
using Ssb.Conn.Staging.Tests;

namespace Ssb.Conn.Tests.Db;

/// <summary><c>Interop.DbWriter</c>: an address book in a process of its own. Ends with this object.</summary>
internal sealed class DbProcess : IDisposable
{
    private readonly Process _process;

    private DbProcess(Process process) => _process = process;

    private static string[] Program => BuiltProgram.Command("Interop.DbWriter");

    public static DbProcess Start(string mode, string folder) => Start([.. Program, mode, folder]);

    /// <summary>Runs it to its end after a script for <c>sh</c>, in mounts of its own. Skips the calling test where there are none.</summary>
    /// <param name="script">What is done first, such as a mount; <c>$1</c> is the folder.</param>
    /// <param name="mode">What it does.</param>
    /// <param name="folder">The folder.</param>
    /// <returns>The lines that it told.</returns>
    public static async Task<string[]> RunInMountsAsync(string script, string mode, string folder)
    {
        using DbProcess process = await StartInMountsAsync(script, mode, folder);
        (int exitCode, string[] lines) = await process.EndAsync();
        Assert.True(exitCode == 0, string.Join(Environment.NewLine, lines));
        return lines;
    }

    /// <summary>Starts it likewise.</summary>
    /// <inheritdoc cref="RunInMountsAsync" path="/param"/>
    public static async Task<DbProcess> StartInMountsAsync(string script, string mode, string folder)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("This is not Linux, the only system where a process can have mounts of its own.");
        // As another user than root, one is root in a namespace of users, where the system allows that.
        string[] alone = Environment.IsPrivilegedProcess ? ["unshare", "--mount"] : ["unshare", "--map-root-user", "--mount"];
        using (DbProcess attempt = Start([.. alone, "sh", "-c", script, "sh", folder]))
        {
            (int code, string[] said) = await attempt.EndAsync();
            if (code != 0)
                Assert.Skip($"Nothing can be mounted here, not even for one process alone: {string.Join(' ', said)}");
        }

        return Start([.. alone, "sh", "-c", script + " && folder=\"$1\" && shift && exec \"$@\" \"$folder\"", "sh", folder, .. Program, mode]);
    }

    /// <summary>The next line; null at the end of the process.</summary>
    public async Task<string?> LineAsync() => await _process.StandardOutput.ReadLineAsync().Guarded();

    /// <summary>Kills it, and gives the lines that it told before.</summary>
    public async Task<string[]> KillAsync()
    {
        _process.Kill();
        return (await EndAsync()).Lines;
    }

    /// <summary>Ends its input, and waits for its end.</summary>
    public async Task<(int ExitCode, string[] Lines)> EndAsync()
    {
        _process.StandardInput.Close();
        Task<string> errors = _process.StandardError.ReadToEndAsync();
        string told = await _process.StandardOutput.ReadToEndAsync().Guarded();
        await _process.WaitForExitAsync().Guarded();
        return (_process.ExitCode, (told + await errors).Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    private static DbProcess Start(string[] command) => new(Process.Start(new ProcessStartInfo(command[0], command.Skip(1))
    {
        UseShellExecute = false,
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!); // null only with UseShellExecute
}
