namespace Interop.Tests.Harness;

/// <summary>A folder that is gone with this object.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = SocketFolder.Create("ssb-conn-interop-"); // peers put their sockets into it

    public void Dispose() => TestFolder.Delete(Path);
}
