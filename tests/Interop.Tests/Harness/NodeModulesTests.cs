namespace Interop.Tests.Harness;

public class NodeModulesTests
{
    [Fact]
    public void PackageLock_NamesNoRegistry()
    {
        string text = File.ReadAllText(Path.Combine(NodeModules.Scripts, "package-lock.json"));
        Assert.Contains("\"integrity\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("\"resolved\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("://", text, StringComparison.Ordinal);
    }
}
