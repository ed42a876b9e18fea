using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Ssb.Conn.Cli.Tests;

/// <summary>The one-way rule of docs/architecture.md, read from the compiled assemblies:
/// Cli -> Net -> { Conn -> Staging ; Wire }, and Staging references the BCL alone.</summary>
public class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> s_mayReference = new()
    {
        ["ssb-conn"] = ["Ssb.Conn.Net", "Ssb.Conn", "Ssb.Conn.Staging", "Ssb.Wire"],
        ["Ssb.Conn.Net"] = ["Ssb.Conn", "Ssb.Conn.Staging", "Ssb.Wire"],
        ["Ssb.Conn"] = ["Ssb.Conn.Staging"],
        ["Ssb.Conn.Staging"] = [],
        ["Ssb.Wire"] = [],
    };

    public static TheoryData<string> Assemblies => [.. s_mayReference.Keys];

    [Theory, MemberData(nameof(Assemblies))]
    public void References_AmongOurAssemblies_GoOneWay(string assembly)
    {
        IEnumerable<string> ours = ReferencesOf(assembly).Where(IsOurs);
        Assert.Empty(ours.Except(s_mayReference[assembly]));
    }

    [Fact]
    public void References_OfStaging_AreTheBclAlone() =>
        Assert.All(ReferencesOf("Ssb.Conn.Staging"), name => Assert.StartsWith("System.", name, StringComparison.Ordinal));

    [Theory]
    [InlineData("Ssb.Conn", "Microsoft.Extensions.Logging.Abstractions")]
    [InlineData("Ssb.Wire")]
    [InlineData("Ssb.Conn.Net", "Microsoft.Extensions.Logging.Abstractions", "Microsoft.Extensions.Hosting.Abstractions", "Microsoft.Extensions.DependencyInjection.Abstractions",
        "Microsoft.Extensions.Configuration.Abstractions", "Microsoft.Extensions.Diagnostics.HealthChecks", "Microsoft.Extensions.Diagnostics.HealthChecks.Abstractions")]
    public void References_OfALibrary_AreTheBclOursAndTheseAlone(string assembly, params string[] these) =>
        Assert.Equal(these.Order(), ReferencesOf(assembly).Where(name => !IsOurs(name) && !name.StartsWith("System.", StringComparison.Ordinal)).Order());

    // Else a new assembly would stand outside the rule.
    [Fact]
    public void Assemblies_BesideTheTool_AreAllNamedHere() =>
        Assert.Empty(Directory.GetFiles(AppContext.BaseDirectory, "*.dll")
            .Select(Path.GetFileNameWithoutExtension)
            .OfType<string>()
            .Where(name => IsOurs(name) && !name.EndsWith(".Tests", StringComparison.Ordinal))
            .Except(s_mayReference.Keys));

    // From the metadata, without loading anything: what the compiler wrote down.
    private static List<string> ReferencesOf(string assembly)
    {
        using FileStream file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, assembly + ".dll"));
        using var portable = new PEReader(file);
        MetadataReader metadata = portable.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(r => metadata.GetString(metadata.GetAssemblyReference(r).Name))];
    }

    private static bool IsOurs(string name) => name.StartsWith("Ssb.", StringComparison.Ordinal) || name == "ssb-conn";
}
