using System.Text.RegularExpressions;

namespace Ssb.Conn.Cli.Tests;

/// <summary>The C# of the README and of docs/hosting.md is a sample that the solution builds, to the letter; its links lead somewhere.</summary>
public partial class ReadmeTests
{
    internal static string SourceTree { get; } = Root();

    [Theory]
    [InlineData("README.md")]
    [InlineData("docs/hosting.md")]
    public void Samples_InDocs_AreBuiltSamples(string page)
    {
        string text = Read(page);
        string[] built = [.. Directory.EnumerateFiles(Path.Combine(SourceTree, "samples"), "Program.cs", SearchOption.AllDirectories).Select(File.ReadAllText).Select(Plain)];
        string[] blocks = [.. CSharpBlock().Matches(text).Select(m => m.Groups[1].Value)];

        Assert.NotEmpty(blocks);
        Assert.All(blocks, block => Assert.Contains(block, built));
        string solution = Read("Ssb.Conn.slnx");
        Assert.All(Directory.EnumerateFiles(Path.Combine(SourceTree, "samples"), "*.csproj", SearchOption.AllDirectories),
            project => Assert.Contains(Path.GetRelativePath(SourceTree, project).Replace('\\', '/'), solution, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("docs/cli.md")]
    [InlineData("docs/security.md")]
    [InlineData("docs/performance.md")]
    [InlineData("docs/architecture.md")]
    [InlineData("docs/hosting.md")]
    [InlineData("docs/limits.md")]
    [InlineData("docs/protocol.md")]
    [InlineData("docs/differences-from-js.md")]
    public void Links_InDocs_LeadToFiles(string page)
    {
        string folder = Path.GetDirectoryName(Path.Combine(SourceTree, page))!; // a file has a folder
        Assert.All(Link().Matches(Read(page)).Select(m => m.Groups[1].Value).Where(l => !l.Contains("://", StringComparison.Ordinal)), link =>
        {
            string file = link.StartsWith('#') ? Path.Combine(SourceTree, page) : Path.Combine(folder, link.Split('#')[0]);
            Assert.True(File.Exists(file), $"{page} links to {link}, which is not there.");
            if (link.Split('#') is [_, var place])
                Assert.Contains(place, Heading().Matches(Plain(File.ReadAllText(file))).Select(m => Place(m.Groups[1].Value)));
        });
    }

    private static string Read(string path) => Plain(File.ReadAllText(Path.Combine(SourceTree, path)));

    private static string Plain(string text) => text.ReplaceLineEndings("\n");

    private static string Root()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Ssb.Conn.slnx")))
            folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException("The tests do not run inside the source tree.");
    }

    [GeneratedRegex("```csharp\n(?<code>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex CSharpBlock();

    // As pages are rendered: lower case, blanks become hyphens, and punctuation goes.
    private static string Place(string heading) =>
        string.Concat(heading.ToLowerInvariant().Where(c => char.IsAsciiLetterOrDigit(c) || c is ' ' or '-').Select(c => c == ' ' ? '-' : c));

    [GeneratedRegex("^#+ (?<heading>.+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex Heading();

    [GeneratedRegex(@"\]\((?<target>[^)]+)\)", RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex Link();
}
