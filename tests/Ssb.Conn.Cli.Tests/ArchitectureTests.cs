using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Ssb.Conn.Cli.Tests;

/// <summary>The one-way rule of docs/architecture.md, read from the compiled assemblies:
/// Cli -> Net -> { Conn -> Staging ; Wire } -> Addressing, which references the BCL alone.</summary>
public class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> s_mayReference = new()
    {
        ["ssb-conn"] = ["Ssb.Conn.Net", "Ssb.Conn", "Ssb.Conn.Staging", "Ssb.Wire", "Ssb.Addressing"],
        ["Ssb.Conn.Net"] = ["Ssb.Conn", "Ssb.Conn.Staging", "Ssb.Wire", "Ssb.Addressing"],
        ["Ssb.Conn"] = ["Ssb.Conn.Staging", "Ssb.Addressing"],
        ["Ssb.Conn.Staging"] = ["Ssb.Addressing"],
        ["Ssb.Wire"] = ["Ssb.Addressing"],
        ["Ssb.Addressing"] = [],
    };

    public static TheoryData<string> Assemblies => [.. s_mayReference.Keys];

    [Theory, MemberData(nameof(Assemblies))]
    public void References_AmongOurAssemblies_GoOneWay(string assembly)
    {
        IEnumerable<string> ours = ReferencesOf(assembly).Where(IsOurs);
        Assert.Empty(ours.Except(s_mayReference[assembly]));
    }

    [Theory]
    [InlineData("Ssb.Addressing")]
    [InlineData("Ssb.Conn.Staging")]
    [InlineData("Ssb.Conn", "Microsoft.Extensions.Logging.Abstractions")]
    [InlineData("Ssb.Wire")]
    [InlineData("Ssb.Conn.Net", "Microsoft.Extensions.Logging.Abstractions", "Microsoft.Extensions.Hosting.Abstractions", "Microsoft.Extensions.DependencyInjection.Abstractions",
        "Microsoft.Extensions.Configuration.Abstractions", "Microsoft.Extensions.Diagnostics.HealthChecks", "Microsoft.Extensions.Diagnostics.HealthChecks.Abstractions")]
    public void References_OfALibrary_AreTheBclOursAndTheseAlone(string assembly, params string[] these) =>
        Assert.Equal(these.Order(), ReferencesOf(assembly).Where(name => !IsOurs(name) && !name.StartsWith("System.", StringComparison.Ordinal)).Order());

    // Where another assembly needs internals, the boundary is wrong or the member should be public.
    [Theory, MemberData(nameof(Assemblies))]
    public void Internals_AmongOurAssemblies_AreShownByStagingToTheManagerAlone(string assembly) =>
        Assert.Equal(assembly == "Ssb.Conn.Staging" ? ["Ssb.Conn"] : [], FriendsOf(assembly).Intersect(s_mayReference.Keys));

    [Fact]
    public void Internals_AmongOurAssemblies_AreShownInTheOneFileThatSaysSo() =>
        Assert.Equal(["ForManager.cs"], Directory.EnumerateFiles(Path.Combine(ReadmeTests.SourceTree, "src"), "*", SearchOption.AllDirectories)
            .Where(file => Path.GetExtension(file) is ".cs" or ".csproj" or ".props" && !file.Split(Path.DirectorySeparatorChar).Contains("obj"))
            .Where(file => File.ReadAllText(file) is var text && s_mayReference.Keys.Any(name =>
                text.Contains($"InternalsVisibleTo(\"{name}\")", StringComparison.Ordinal) || text.Contains($"InternalsVisibleTo Include=\"{name}\"", StringComparison.Ordinal)))
            .Select(Path.GetFileName));

    // Else a new assembly would stand outside the rule.
    [Fact]
    public void Assemblies_BesideTheTool_AreAllNamedHere() =>
        Assert.Empty(Directory.GetFiles(AppContext.BaseDirectory, "*.dll")
            .Select(Path.GetFileNameWithoutExtension)
            .OfType<string>()
            .Where(name => IsOurs(name) && !name.EndsWith(".Tests", StringComparison.Ordinal))
            .Except(s_mayReference.Keys));

    private static List<string> ReferencesOf(string assembly) => Read(
        assembly, metadata => metadata.AssemblyReferences.Select(r => metadata.GetString(metadata.GetAssemblyReference(r).Name)));

    // The names in its InternalsVisibleTo attributes.
    private static List<string> FriendsOf(string assembly) => Read(
        assembly,
        metadata => metadata.GetAssemblyDefinition().GetCustomAttributes().Select(metadata.GetCustomAttribute).Where(attribute => IsFriend(metadata, attribute)).Select(attribute =>
        {
            BlobReader value = metadata.GetBlobReader(attribute.Value);
            value.ReadUInt16(); // the prolog
            return value.ReadSerializedString() ?? "";
        }));

    private static bool IsFriend(MetadataReader metadata, CustomAttribute attribute) =>
        attribute.Constructor.Kind == HandleKind.MemberReference
        && metadata.GetMemberReference((MemberReferenceHandle)attribute.Constructor).Parent is { Kind: HandleKind.TypeReference } type
        && metadata.StringComparer.Equals(metadata.GetTypeReference((TypeReferenceHandle)type).Name, "InternalsVisibleToAttribute");

    // From the metadata, without loading anything: what the compiler wrote down.
    private static List<string> Read(string assembly, Func<MetadataReader, IEnumerable<string>> read)
    {
        using FileStream file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, assembly + ".dll"));
        using var portable = new PEReader(file);
        return [.. read(portable.GetMetadataReader())];
    }

    private static bool IsOurs(string name) => name.StartsWith("Ssb.", StringComparison.Ordinal) || name == "ssb-conn";
}
