namespace Interop.Tests.Harness;

/// <summary>A folder that is gone with this object.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("ssb-conn-interop-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
