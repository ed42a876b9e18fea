using System.Diagnostics;

namespace Ssb.Conn.Cli.Tests;

/// <summary>Starts a program in mounts of its own, which end with it.</summary>
internal static class Mounts
{
    /// <summary>A starter for <see cref="Tool.StartWith"/>. Skips the calling test where nothing can be mounted.</summary>
    /// <param name="script">What <c>sh</c> does first, such as a mount.</param>
    public static async Task<string[]> StarterAsync(string script)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "This is not Linux, the only system where a process can have mounts of its own.");
        // As another user than root, one is root in a namespace of users, where the system allows that.
        string[] alone = Environment.IsPrivilegedProcess ? ["unshare", "--mount"] : ["unshare", "--map-root-user", "--mount"];
        using var attempt = Process.Start(new ProcessStartInfo(alone[0], [.. alone[1..], "sh", "-c", script])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
        })!; // null only with UseShellExecute
        string said = await attempt.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await attempt.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.SkipUnless(attempt.ExitCode == 0, $"Nothing can be mounted here, not even for one process alone: {said}");
        return [.. alone, "sh", "-c", script + " && exec \"$@\"", "sh"];
    }
}
