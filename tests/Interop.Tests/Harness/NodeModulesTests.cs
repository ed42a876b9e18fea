namespace Interop.Tests.Harness;

public class NodeModulesTests
{
    [Theory]
    [InlineData("js")]
    [InlineData("js-cli")]
    [InlineData("js-db2")]
    public void PackageLock_NamesNoRegistry(string folder)
    {
        string text = File.ReadAllText(Path.Combine(NodeModules.Folder(folder), "package-lock.json"));
        Assert.Contains("\"integrity\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("\"resolved\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("://", text, StringComparison.Ordinal);
    }
}
