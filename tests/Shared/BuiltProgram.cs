using System.Runtime.InteropServices;

namespace Ssb.Conn.Tests.Shared;

/// <summary>Programs of this source tree that the build puts beside the tests.</summary>
internal static class BuiltProgram
{
    /// <summary>How to start one: the program, and what comes before its own arguments.</summary>
    /// <remarks>Not with the <c>dotnet</c> of the PATH, which may be another one or missing: with the one that runs the tests. Where the
    /// tests were built with their own runtime there is none at all, but an executable beside them.</remarks>
    /// <param name="name">Its assembly, such as <c>ssb-conn</c>.</param>
    public static string[] Command(string name)
    {
        string extension = OperatingSystem.IsWindows() ? ".exe" : "";
        string program = Path.Combine(AppContext.BaseDirectory, name);
        // The runtime is in shared/Microsoft.NETCore.App/VERSION beside dotnet, or else beside the tests.
        string runtime = Path.TrimEndingDirectorySeparator(RuntimeEnvironment.GetRuntimeDirectory());
        return runtime == Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)
            ? [program + extension]
            : [Path.GetFullPath(Path.Combine(runtime, "..", "..", "..", "dotnet" + extension)), program + ".dll"];
    }

    /// <summary><see cref="Command"/> as a person types it into a shell of Unix.</summary>
    public static string InShell(string name) => string.Join(' ', Command(name).Select(word => $"'{word}'"));
}
