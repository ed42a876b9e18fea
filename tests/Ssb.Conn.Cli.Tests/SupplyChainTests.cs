using System.Text.Json;
using System.Text.RegularExpressions;

namespace Ssb.Conn.Cli.Tests;

/// <summary>What the build takes from others is pinned by hashes, and no file says where from.</summary>
public sealed partial class SupplyChainTests
{
    public static TheoryData<string> Projects => [.. Project().Matches(Read("Ssb.Conn.slnx")).Select(m => m.Groups[1].Value)];

    public static TheoryData<string> NpmFolders => ["tests/Interop.Tests/js", "tests/Interop.Tests/js-cli", "tests/Interop.Tests/js-db2", "bench/Ssb.Conn.Benchmarks"];

    [Theory, MemberData(nameof(Projects))]
    public void LockFile_OfEachProject_HasAHashForEachPackage(string project)
    {
        string text = Read(Path.Combine(Path.GetDirectoryName(project)!, "packages.lock.json")); // a project has a folder
        Assert.DoesNotContain("://", text, StringComparison.Ordinal);
        JsonElement frameworks = JsonElement.Parse(text).GetProperty("dependencies");
        JsonProperty framework = Assert.Single(frameworks.EnumerateObject()); // none for one kind of machine
        Assert.Equal("net10.0", framework.Name);
        Assert.All(framework.Value.EnumerateObject().Where(p => p.Value.GetProperty("type").GetString() != "Project"), package =>
            Assert.Equal(64, Convert.FromBase64String(package.Value.GetProperty("contentHash").GetString()!).Length)); // SHA-512
    }

    [Theory, MemberData(nameof(NpmFolders))]
    public void LockFile_OfNpm_HasAHashForEachPackage_AndNoScriptRuns(string folder)
    {
        string text = Read(folder + "/package-lock.json");
        Assert.DoesNotContain("\"resolved\"", text, StringComparison.Ordinal);
        Assert.All(JsonElement.Parse(text).GetProperty("packages").EnumerateObject().Where(p => p.Name.Length > 0), package =>
            Assert.StartsWith("sha512-", package.Value.GetProperty("integrity").GetString(), StringComparison.Ordinal));
        string settings = Read(folder + "/.npmrc");
        Assert.Contains("ignore-scripts=true", settings, StringComparison.Ordinal);
        Assert.DoesNotContain("registry=", settings.Replace("omit-lockfile-registry-resolved=true", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void Build_KnownVulnerability_IsAnError_AndNoListOfThemIsAWarning()
    {
        string build = Read("Directory.Build.props");
        Assert.Matches("<NuGetAuditMode>all<", build);
        Assert.Matches("<WarningsAsErrors>[^<]*NU1901;NU1902;NU1903;NU1904<", build);
        Assert.Matches("<WarningsNotAsErrors>[^<]*NU1900", build);
        Assert.Matches("<RestorePackagesWithLockFile>true<", build);
    }

    private static string Read(string path) => File.ReadAllText(Path.Combine(ReadmeTests.SourceTree, path));

    [GeneratedRegex("Path=\"(?<path>[^\"]+\\.csproj)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Project();
}
