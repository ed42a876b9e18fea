using System.Text.RegularExpressions;

namespace Ssb.Conn.Cli.Tests;

/// <summary>Rules of docs/testing.md that keep tests from depending on one system, read from their source.</summary>
public sealed partial class RulesOfTestsTests
{
    [Fact]
    public void Tests_NameNoDotnetOfThePath()
    {
        Assert.Empty(Sources().Where(source => Dotnet().IsMatch(source.Text)).Select(source => source.File));
        Assert.All(BuiltProgram.Command("ssb-conn"), part => Assert.True(Path.IsPathFullyQualified(part) && File.Exists(part), part));
    }

    [Fact]
    public void Tests_FoldersAreDeletedByTestFolder() =>
        Assert.Empty(Sources().Where(source => DeletedFolder().IsMatch(source.Text)).Select(source => source.File));

    /// <summary>A handshake that takes more than 5 s, the default, is nothing rare where much else runs.</summary>
    [Fact]
    public void Tests_PeersThatReachEachOther_AreUnhurried() =>
        Assert.Empty(Sources().Where(source => !source.File.EndsWith("/Unhurried.cs", StringComparison.Ordinal) && Hurried().IsMatch(source.Text)).Select(source => source.File));

    private static (string File, string Text)[] Sources()
    {
        string tests = Path.Combine(ReadmeTests.SourceTree, "tests");
        (string File, string Text)[] all = [.. Directory.EnumerateFiles(tests, "*.cs", SearchOption.AllDirectories)
            .Select(file => (Path.GetRelativePath(tests, file).Replace('\\', '/'), File.ReadAllText(file)))
            .Where(source => !source.Item1.StartsWith("Shared/", StringComparison.Ordinal) && !Built().IsMatch(source.Item1))];
        Assert.NotEmpty(all);
        return all;
    }

    [GeneratedRegex("\"dotnet[\"]|[\"'(] *dotnet '", RegexOptions.None, 1_000)]
    private static partial Regex Dotnet();

    [GeneratedRegex(@"Directory\.Delete\([^\n]*recursive: true", RegexOptions.None, 1_000)]
    private static partial Regex DeletedFolder();

    [GeneratedRegex(@"new (PeerNetworkLimits|PeerNetworkOptions|SsbPeerOptions)\b|(PeerNetworkLimits|PeerNetworkOptions|SsbPeerOptions) \w+ (\{ get; \} =|=>?) new\(\)\s*\{", RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex Hurried();

    [GeneratedRegex("(^|/)(bin|obj)/", RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex Built();
}
